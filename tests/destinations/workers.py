"""Workers that load parts of a backfill in processes of their own, at one time, or until killed."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from dlt.extract import DltSource

from spaaza_source import spaaza_source
from spaaza_source.backfill import Backfill
from spaaza_source.parts import Part, windows_of
from tests.destinations.places import DATASET
from tests.faults.cut_short import QUICK, kill_after_commit_of
from tests.processes import FORKS


@dataclass(frozen=True)
class Worker:
    """What a process has to know to load parts.

    Attributes:
        folder: For what it says.
        destination: dlt's name of it.
        base_url: The vendor's.
        chain_id: The vendor's.
        credentials: The vendor's.
        environment: dlt's configuration.
    """

    folder: Path
    destination: str
    base_url: str
    chain_id: int
    credentials: Mapping[str, str]
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def backfill(self) -> Backfill:
        return Backfill(self.source, "spaaza", self.destination, DATASET, side_by_side=True)

    def source(self, **given: Any) -> DltSource:
        return spaaza_source(
            self.base_url, self.chain_id, dict(self.credentials), **{**QUICK, **given}
        )

    def at_once(self, *parts: Part) -> list[int]:
        """Load parts at the same time; the processes' exit codes."""
        barrier = FORKS.Barrier(len(parts))
        processes = [FORKS.Process(target=_load, args=(self, part, barrier)) for part in parts]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        return [int(process.exitcode or 0) for process in processes]

    def killed(self, part: Part) -> int:
        """Load a part and be killed when its rows are in their table; the exit code."""
        process = FORKS.Process(target=_die, args=(self, part))
        process.start()
        process.join()
        return int(process.exitcode or 0)


def _alone(worker: Worker) -> None:
    worker.folder.mkdir(exist_ok=True, parents=True)
    os.chdir(worker.folder)
    os.environ.update(worker.environment)
    log = os.open(worker.folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(log, stream.fileno())


def _load(worker: Worker, part: Part, barrier: Barrier) -> None:
    _alone(worker)
    backfill = worker.backfill
    with backfill._at_work([part]) as pipeline:
        # All have taken what the destination knows before any has loaded.
        barrier.wait()
        for window in windows_of(part):
            backfill._load(pipeline, part, window)


def _die(worker: Worker, part: Part) -> None:
    _alone(worker)
    kill_after_commit_of(part["table"], by="sql")
    worker.backfill.load(part)
