"""The daily load, as a script makes it: in this process, or in one that is killed on its way."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dlt

from spaaza_source import spaaza_source
from spaaza_source.spaaza.indexes import INDEXES
from tests.faults.cut_short import kill_after_commit_of
from tests.processes import FORKS

TABLES = tuple(INDEXES)
#: The folder of the machine that loads by itself, and the one that at times takes turns with it.
MACHINE, SECOND_MACHINE = "pipelines", "second"
WAREHOUSE = "warehouse.duckdb"
#: What counts as a step: a change to a pipeline's files.
STEPS = frozenset({"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link"})
#: Seconds after which a load hangs.
TIMEOUT = 120


@dataclass(frozen=True)
class End:
    """When a load's process dies by SIGKILL.

    Attributes:
        step: Before so manieth change to its files.
        committed: When a file of that table is committed, and dlt has not noted it.
        seconds: After so many.
    """

    step: int | None = None
    committed: str | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Job:
    """One load.

    Attributes:
        folder: Of the machines and the warehouse.
        base_url: The vendor's.
        chain: The chain's id.
        credentials: For it.
        dataset: Where to.
        pipeline: The name of the pipeline.
        machine: The folder of the machine that loads.
        tables: Which to load.
        settings: Of the source, beside those that make it quick.
        anew: Whether the tables are dropped first, as `--full-refresh` does.
    """

    folder: Path
    base_url: str
    chain: int
    credentials: dict[str, str]
    dataset: str = "loyalty"
    pipeline: str = "spaaza"
    machine: str = MACHINE
    tables: Sequence[str] = TABLES
    settings: dict[str, Any] = field(default_factory=dict)
    anew: bool = False

    def run(self) -> None:
        """Load, in this process."""
        quick = {"poll_interval": 0.02, "start_margin": 0, "stagger": 0}
        given = {**quick, "max_concurrent_exports": 6, **self.settings}
        source = spaaza_source(self.base_url, self.chain, self.credentials, **given)
        how: Any = {"refresh": "drop_resources"} if self.anew else {}
        self._open().run(source.with_resources(*self.tables), **how)

    def finish_earlier(self) -> None:
        """Load what an earlier load has left on the machine: the next one would load nothing else.

        So dlt has it.
        """
        self._open().run()

    def _open(self) -> dlt.Pipeline:
        return dlt.pipeline(
            self.pipeline,
            pipelines_dir=str(self.folder / self.machine),
            destination=dlt.destinations.duckdb(str(self.folder / WAREHOUSE)),
            dataset_name=self.dataset,
        )

    def run_until(self, end: End) -> bool:
        """Load in a process that comes to an untimely end; false where it ended before that.

        The process must not be a fork of this one, whose threads hold locks.
        """
        process = FORKS.Process(target=_run, args=(self, end), daemon=True)
        process.start()
        process.join(TIMEOUT if end.seconds is None else end.seconds)
        if end.seconds is not None and process.is_alive():
            process.kill()
            process.join()
        if process.exitcode not in {0, -signal.SIGKILL}:
            raise RuntimeError(f"the load ended with {process.exitcode}")
        return bool(process.exitcode)


def _run(job: Job, end: End) -> None:
    if end.step is not None:
        _kill_at(end.step, str(job.folder))
    if end.committed is not None:
        kill_after_commit_of(end.committed)
    job.run()


def _kill_at(step: int, folder: str) -> None:
    """Die before so manieth change to the files of a folder."""
    steps = itertools.count(1)
    lock = threading.Lock()

    def watch(event: str, given: tuple[Any, ...]) -> None:
        if event not in STEPS or not str(given[0]).startswith(folder):
            return
        if event == "open" and not _is_written(given):
            return
        with lock:
            if next(steps) == step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def _is_written(given: tuple[Any, ...]) -> bool:
    _path, mode, flags = given
    return bool(flags & (os.O_WRONLY | os.O_RDWR)) if mode is None else not mode.startswith("r")
