"""Run lock: one run per pipeline at a time; repairs what a killed run left.

dlt calls it at each run (`SupportsTracking`), also at those that a user's own script makes.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from dlt.common import logger
from dlt.common.configuration.specs import known_sections
from dlt.common.pipeline import SupportsPipeline
from dlt.common.runtime.tracking import SupportsTracking
from filelock import FileLock, Timeout

from spaaza_source.dlt_hooks.recovery import repair_killed_run
from spaaza_source.dlt_hooks.stale_packages import abandon_stale_packages
from spaaza_source.loading import DOWNLOADS

#: Seconds between two tries to get the lock.
POLL_INTERVAL = 0.2

#: The working folders whose lock `hold_run_lock` holds.
_LOCKED: ContextVar[tuple[Path, ...]] = ContextVar("_LOCKED", default=())


@contextmanager
def hold_run_lock(folder: Path) -> Iterator[None]:
    """Hold the run lock of the pipeline with that working folder inside the `with` block.

    A command locks so before there is a pipeline: dlt wipes the folder where it makes a pipeline
    for the first time, and where it drops one.
    """
    if folder in _LOCKED.get():
        yield
        return
    with _acquire(folder):
        before = _LOCKED.set((*_LOCKED.get(), folder))
        try:
            yield
        finally:
            _LOCKED.reset(before)


def _acquire(folder: Path) -> FileLock:
    """The lock beside the folder, once it is free."""
    lock = FileLock(f"{folder}.lock", poll_interval=POLL_INTERVAL, thread_local=False)
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.warning(
            f"Another run of the pipeline {folder.name!r} is in progress; waiting until it has"
            " ended"
        )
        lock.acquire()
    return lock


class RunLock(SupportsTracking):
    """Holds a lock file beside the pipeline's working folder from a run's start to its end.

    The system frees the lock of a process that has ended, however it ended.
    """

    def __init__(self) -> None:
        self._locks: dict[str, FileLock] = {}

    def on_start_trace(self, trace: Any, step: Any, pipeline: SupportsPipeline) -> None:
        """Wait for the lock, then repair what a killed run has left."""
        del step
        folder = Path(pipeline.working_dir)
        if folder not in _LOCKED.get():
            self._locks[trace.transaction_id] = _acquire(folder)
        shutil.rmtree(folder / DOWNLOADS, ignore_errors=True)
        repair_killed_run(pipeline)
        abandon_stale_packages(pipeline)

    def on_end_trace(self, trace: Any, pipeline: SupportsPipeline, send_state: bool) -> None:
        """Release the lock."""
        del pipeline, send_state
        # An id among a source's credentials is no secret to dlt, which would save it in its trace.
        values = trace.resolved_config_values
        values[:] = [value for value in values if not _is_credential(value.sections)]
        lock = self._locks.pop(trace.transaction_id, None)
        if lock is not None:
            lock.release()


def _is_credential(sections: Sequence[str]) -> bool:
    """Whether a setting is one of a source's credentials."""
    return known_sections.SOURCES in sections[:1] and "credentials" in sections
