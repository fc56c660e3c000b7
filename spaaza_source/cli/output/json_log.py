"""`--log json`: a command's load as lines of JSON, one per event, for log collectors.

Each line has `time` (ISO 8601, UTC) and `event`.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from dlt.common.runtime.collector_base import Collector

from spaaza_source.cli.output.tables import list_notices, list_waiting
from spaaza_source.exports import Plan
from spaaza_source.health import Finding
from spaaza_source.loading import DOWNLOADING, EXPORTING

#: The columns of `export_jobs` in a `loaded` event.
LOADED_COLUMNS = (
    "table_name",
    "job_id",
    "adopted",
    "rows",
    "rejected",
    "loaded",
    "bytes",
    "wait_seconds",
    "download_seconds",
    "convert_seconds",
    "late_rows",
    "removed",
    "proven",
    "unchanged",
)


class JsonReport(Collector):
    """A pipeline's `progress`, and a command's report, as lines of JSON."""

    def __init__(self, stream: TextIO) -> None:
        #: The collector that the pipeline reports its exports to.
        self.progress: Collector = self
        self.step = ""
        self._stream = stream
        self._began = time.monotonic()
        self._received: Counter[str] = Counter()
        self._chain: dict[str, int] = {}

    def begin_chain(self, chain: int | None) -> None:
        """The lines that follow are about that chain, of several."""
        self._chain = {} if chain is None else {"chain_id": chain}

    def show_results(self) -> None:
        """Each result has had its line as soon as it was there."""

    def add_loaded(self, jobs: Iterable[Mapping[str, Any]]) -> None:
        """The exports of a load, as rows of `export_jobs`, are in the destination."""
        for job in jobs:
            self._line("loaded", **{name: job.get(name) for name in LOADED_COLUMNS})
            for notice in list_notices(job):
                self._line("notice", table_name=job["table_name"], job_id=job["job_id"], **notice)

    def add_waiting(self, plans: Mapping[str, Plan], loaded: Iterable[str]) -> None:
        """The tables that were not collected, and why."""
        for table, reason in list_waiting(plans, loaded):
            self._line("waiting", table_name=table, message=reason)

    def add_findings(self, findings: Iterable[Finding]) -> None:
        """How healthy tables are."""
        for each in findings:
            fields = asdict(each)
            self._line("health", table_name=fields.pop("table"), **fields)

    def show_location(self, db: Path | None, table: str) -> None:
        """Where the rows are now."""
        database = None if db is None else str(db.absolute())
        self._line("placed", database=database, dataset=table.partition(".")[0])

    def finish(self, messages: Iterable[str], code: int) -> None:
        """The command ends with that exit code."""
        self.begin_chain(None)
        for message in messages:
            self._line("failed", message=message)
        self._line("ended", exit_code=code)

    def update(  # noqa: D102, PLR0917 - dlt's own method
        self,
        name: str,
        inc: int = 1,
        total: int | None = None,
        inc_total: int | None = None,
        message: str | None = None,
        label: str | None = None,
    ) -> None:
        del total, inc_total
        if label == EXPORTING:
            received = self._received[name]
            seconds = self._seconds()
            self._line("export", table_name=name, state=message, seconds=seconds, bytes=received)
        elif label == DOWNLOADING:
            self._received[name] += inc

    def _start(self, step: str) -> None:
        self._began = time.monotonic()
        self._received.clear()
        self._line("step", step=_verb(step), state="begun")

    def _stop(self) -> None:
        self._line("step", step=_verb(self.step), state="ended", seconds=self._seconds())

    def _seconds(self) -> float:
        return round(time.monotonic() - self._began, 3)

    def _line(self, event: str, **fields: Any) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"time": now.replace("+00:00", "Z"), "event": event, **self._chain, **fields}
        self._stream.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
        # A log collector must not wait for a buffer to fill.
        self._stream.flush()


def _verb(step: str) -> str:
    return step.split(" ", 1)[0].lower()
