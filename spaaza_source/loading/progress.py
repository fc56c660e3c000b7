"""Reports a table's exports to the pipeline's `progress`, and warns of unfinished ones."""

from __future__ import annotations

from typing import Any

from dlt.common import logger
from dlt.common.runtime.collector_base import Collector

from spaaza_source.destination import current_pipeline
from spaaza_source.exports import Phase, TableExports
from spaaza_source.loading.context import is_extracting

#: Labels of the counters that a pipeline's `progress` sees, beside dlt's own count of rows.
EXPORTING = "export"
DOWNLOADING = "download"


class Progress:
    """Reports the state of a table's exports, and the bytes received.

    It is called from the thread that extracts, whenever that thread has its turn.
    """

    def __init__(self, exports: TableExports) -> None:
        self._exports = exports
        self._collector: Collector | None = (
            current_pipeline().collector if is_extracting() else None
        )
        self._state = ""
        self._received = 0

    def report(self) -> None:
        """Report what has changed since the last call."""
        exports = self._exports
        if self._collector is None:
            return
        table, state, received = exports.sync.table, exports.state, exports.received
        if received != self._received:
            # dlt's own type forgets that a total may be unknown.
            total: Any = exports.total
            arrived, self._received = received - self._received, received
            self._collector.update(table, inc=arrived, total=total, label=DOWNLOADING)
        if state != self._state:
            self._state = state
            self._collector.update(table, inc=0, message=state, label=EXPORTING)


def warn_of_unfinished(exports: TableExports) -> None:
    """Name the jobs of a load that ends early, by Ctrl-C or because something else failed."""
    unfinished = [export for export in exports.exports if export.phase is Phase.EXPORTING]
    if len(unfinished) == 1:
        job = unfinished[0].job
        logger.warning(
            f"{unfinished[0].request}: the vendor's job {job.job_id} is still {job.vendor_state};"
            " the next run adopts it"
        )
    elif unfinished:
        jobs = ", ".join(export.job.job_id for export in unfinished)
        logger.warning(
            f"{exports.sync.table}: {len(unfinished)} of the vendor's jobs are not done; the next"
            f" run adopts them: {jobs}"
        )
