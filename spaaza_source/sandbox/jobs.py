"""What a task of Spaaza and an export of Voucherify have in common: states, runs and their files.

States follow from the clock alone: nothing waits or wakes. A run is made at the first request after
its start; its file is then written in the background. A large file may not be ready when the clock
says it should be: its job then stays in progress a little longer.
"""

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from spaaza_source.sandbox.export_files import ExportWriter, Outcome
from spaaza_source.sandbox.settings import SandboxSettings

# Small files are ready at once, so that a test which moves the clock sees the state it expects.
_WAIT_SECONDS = 2.0


@dataclass(frozen=True)
class Run:
    """One run: its start and end by the clock, and its file, which may still be written."""

    start: datetime
    finish: datetime
    written: "Future[Outcome]"

    def is_over(self, now: datetime) -> bool:
        """Whether its end has passed and its file is written."""
        return now >= self.finish and self.written.done()


@dataclass
class Job:
    """One task or export; guarded by the lock of its `JobBook`."""

    STATES: ClassVar[tuple[str, str, str, str]]
    """The vendor's words for waiting, running, done and failed."""

    created: datetime
    runs: list[Run] = field(default_factory=list, init=False)

    def state(self, now: datetime) -> str:
        """One of STATES."""
        waiting, running, done, failed = self.STATES
        if not self.runs:
            return waiting
        run = self.runs[-1]
        if not run.is_over(now):
            return running
        return failed if run.written.result().file is None else done

    def file(self, now: datetime) -> Path | None:
        """The file of the latest run that wrote one; None where there is none."""
        files = (run.written.result().file for run in reversed(self.runs) if run.is_over(now))
        return next((file for file in files if file is not None), None)


Key = TypeVar("Key")
AnyJob = TypeVar("AnyJob", bound=Job)


class JobBook(ABC, Generic[Key, AnyJob]):
    """All jobs of a vendor, in the order they were created; thread-safe."""

    def __init__(self, settings: SandboxSettings, writer: ExportWriter) -> None:
        self._settings = settings
        self._writer = writer
        self._lock = threading.Lock()
        self._jobs: dict[Key, AnyJob] = {}
        # When the slots of the latest runs get free. All runs last equally long, and begin in the
        # order in which they are ready: the first to begin is the first to end.
        self._busy_until: deque[datetime] = deque(maxlen=settings.side_by_side)

    def get(self, key: Key, now: datetime) -> AnyJob | None:
        """A job in its present state; None where there is none."""
        with self._lock:
            self._advance(now)
            job = self._jobs.get(key)
        if job is not None:
            _wait_for_files([job], now)
        return job

    def newest_first(
        self, now: datetime, wanted: Callable[[AnyJob], bool] = lambda _: True
    ) -> list[AnyJob]:
        """Every job that is wanted, in its present state."""
        with self._lock:
            self._advance(now)
            jobs = [job for job in self._jobs.values() if wanted(job)][::-1]
        _wait_for_files(jobs, now)
        return jobs

    @abstractmethod
    def _advance(self, now: datetime) -> None:
        """Make every run that has started by now; the caller holds the lock."""

    def _start_of(self, due: datetime) -> datetime:
        """When a run that is due at a moment leaves the queue and gets a slot."""
        ready = due + timedelta(seconds=self._settings.queue_seconds)
        full = len(self._busy_until) == self._busy_until.maxlen
        return max(ready, self._busy_until[0]) if full else ready

    def _occupy_slot(self, start: datetime) -> datetime:
        """Take the slot that is free first; returns the end of the run."""
        finish = start + timedelta(seconds=self._settings.run_seconds)
        self._busy_until.append(finish)
        return finish


def _wait_for_files(jobs: Iterable[Job], now: datetime) -> None:
    due = [run.written for job in jobs for run in job.runs if run.finish <= now]
    wait(due, timeout=_WAIT_SECONDS)
