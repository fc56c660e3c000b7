"""Workers that load parts of a backfill in processes of their own, at one time, or until killed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from dlt.extract import DltSource

from spaaza_source import spaaza_source
from spaaza_source.backfill.backfill import Backfill
from spaaza_source.backfill.parts import BackfillPart, windows_of
from tests.destination.destinations import DATASET
from tests.faults.cut_short import QUICK, kill_after_commit_of
from tests.processes import FORKS, exit_codes, settle


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

    def at_once(self, *parts: BackfillPart) -> list[int]:
        """Load parts at the same time; the processes' exit codes."""
        barrier = FORKS.Barrier(len(parts))
        return exit_codes(*(partial(_load, self, part, barrier) for part in parts))

    def killed(self, part: BackfillPart) -> int:
        """Load a part and be killed when its rows are in their table; the exit code."""
        (code,) = exit_codes(partial(_die, self, part))
        return code


def _load(worker: Worker, part: BackfillPart, barrier: Barrier) -> None:
    settle(worker.folder, worker.environment)
    backfill = worker.backfill
    with backfill._open([part]) as pipeline:
        # All have taken what the destination knows before any has loaded.
        barrier.wait()
        for window in windows_of(part):
            backfill._loader(pipeline).load_window(part, window)


def _die(worker: Worker, part: BackfillPart) -> None:
    settle(worker.folder, worker.environment)
    kill_after_commit_of(part["table"], by="sql")
    worker.backfill.load(part)
