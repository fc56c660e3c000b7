"""A load in a process of its own, and what can be seen of it: when each of its phases begins.

Planning, converting, normalizing and loading are told by dlt's progress, from inside; asking,
polling and downloading by the requests that the sandbox sees; a commit by the DuckDB file, which
has been written to. All carry the time at which they are noticed here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import dlt
from dlt.common.runtime.collector_base import Collector

from spaaza_source.cli.vendors import VENDORS
from spaaza_source.loading.files.arrivals import EXPORTING
from spaaza_source.sandbox import Call, Sandbox
from spaaza_source.warehouse import duckdb_file
from tests.processes import FORKS

#: The phases of a load, in their order. Asking, polling and downloading come again with each
#: export; a commit is a part of loading, and comes again with each job.
PHASES = ("plan", "ask", "poll", "download", "convert", "normalize", "load", "commit")
#: What is told after the last of them.
ENDED = "ended"
#: Seconds between two looks for what a load has done.
LOOK = 0.0002

#: The DuckDB file, in the folder of an order.
DATABASE = "warehouse.duckdb"
#: Size and time of a database and of its log.
Written = list[tuple[int, int]]


@dataclass(frozen=True)
class Order:
    """What a process is to load, and where.

    Attributes:
        folder: Holds the pipeline's folder and the DuckDB file; goes on being used by later loads.
        vendor: Whose source.
        table: What to load.
        settings: The arguments of the source.
    """

    folder: Path
    vendor: str
    table: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Begun:
    """A phase began; `at` is on this machine's stopwatch."""

    phase: str
    at: float


class WatchedLoad:
    """One load in a process group of its own.

    Args:
        order: What to load.
        sandbox: Whence.
    """

    def __init__(self, order: Order, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._seen = len(sandbox.calls)
        self._database = order.folder / DATABASE
        self._told, telling = FORKS.Pipe(duplex=False)
        self._process = FORKS.Process(target=_load, args=(order, telling), daemon=True)
        self._process.start()
        telling.close()

    def phases(self) -> Iterator[Begun]:
        """Each phase as it begins, to the end of the process."""
        written: Written | None = None
        while True:
            calls = self._sandbox.calls[self._seen :]
            self._seen += len(calls)
            yield from (Begun(_phase_of(call), time.monotonic()) for call in calls)
            if written is not None and (now := _written(self._database)) != written:
                written = now
                yield Begun("commit", time.monotonic())
            if not self._told.poll(LOOK):
                continue
            try:
                phase = self._told.recv()
            except (EOFError, OSError):
                return
            if phase in {"load", ENDED}:
                # What is written as the process ends is no part of the load.
                written = _written(self._database) if phase == "load" else None
            yield Begun(phase, time.monotonic())

    def kill(self) -> bool:
        """End it by SIGKILL; whether that came before it had ended by itself."""
        if self._process.pid is not None and self._process.is_alive():
            # The group is made by the process itself, first of all.
            os.killpg(self._process.pid, signal.SIGKILL)
        return self.exit_code() == -signal.SIGKILL

    def exit_code(self) -> int | None:
        """Waits for its end; negative for a signal."""
        self._process.join()
        self._told.close()
        return self._process.exitcode


def _written(database: Path) -> Written:
    written = []
    for path in (database, database.with_name(f"{database.name}.wal")):
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            written.append((status.st_size, status.st_mtime_ns))
    return written


def _phase_of(call: Call) -> str:
    if call.method == "POST":
        return "ask"
    if call.path in ("/tasks", "/v1/exports"):
        return "plan"
    # At Voucherify the look that brings the link is one like the others.
    polls = call.path.startswith("/v1/exports/") or call.path.removeprefix("/tasks/").isdigit()
    return "poll" if polls else "download"


class _Teller(Collector):
    """dlt's progress, told to the parent; each phase once."""

    def __init__(self, telling: Connection) -> None:
        self._telling = telling
        self._told: set[str] = set()

    def tell(self, phase: str) -> None:
        if phase not in self._told:
            self._told.add(phase)
            self._telling.send(phase)

    def _start(self, step: str) -> None:
        # "Extract" comes twice: after the exports, it is the pipeline's state that is extracted.
        phase = step.split(maxsplit=1)[0].lower()
        if phase in PHASES:
            self.tell(phase)

    def _stop(self) -> None:
        """Nothing begins."""

    def update(  # noqa: PLR0917 - dlt's own method
        self,
        name: str,
        inc: int = 1,
        total: int | None = None,
        inc_total: int | None = None,
        message: str | None = None,
        label: str | None = None,
    ) -> None:
        del name, inc, total, inc_total
        if label == EXPORTING and message == "arrived":
            self.tell("convert")


def _load(order: Order, telling: Connection) -> None:
    """The whole life of the process."""
    os.setpgrp()
    os.chdir(order.folder)
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["DLT_DATA_DIR"] = str(order.folder / "dlt")
    # What it says is kept beside what it loads.
    log = os.open(order.folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(log, stream.fileno())
    teller = _Teller(telling)
    teller.tell("plan")
    pipeline = dlt.pipeline(
        "spaaza",
        pipelines_dir=str(order.folder / "pipelines"),
        destination=duckdb_file(order.folder / DATABASE),
        dataset_name="loyalty",
        progress=teller,
    )
    source = VENDORS[order.vendor].source(**order.settings)
    pipeline.run(source.with_resources(order.table))
    teller.tell(ENDED)
