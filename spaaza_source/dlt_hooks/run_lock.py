"""Run lock: one run per pipeline at a time; repairs what a killed run left.

dlt calls it at each run (`SupportsTracking`), also at those that a user's own script makes.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from dlt.common import logger
from dlt.common.configuration.specs import known_sections
from dlt.common.pipeline import SupportsPipeline
from dlt.common.runtime.tracking import SupportsTracking
from filelock import FileLock, Timeout

from spaaza_source.destination import keep_open
from spaaza_source.dlt_hooks.abandoned_packages import (
    abandon_failed_packages,
    abandon_stale_packages,
)
from spaaza_source.dlt_hooks.recovery import repair_killed_run
from spaaza_source.loading import DOWNLOADS

#: Seconds between two tries to get the lock.
POLL_INTERVAL = 0.2

#: The working folders whose lock `hold_run_lock` holds.
_LOCKED: ContextVar[tuple[Path, ...]] = ContextVar("_LOCKED", default=())


#: The working folders that are being repaired.
_REPAIRED: ContextVar[tuple[Path, ...]] = ContextVar("_REPAIRED", default=())


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
        #: DuckDB files that dlt is about to open without waiting for whoever has them.
        self._opened: dict[str, ExitStack] = {}

    def on_start_trace(self, trace: Any, step: Any, pipeline: SupportsPipeline) -> None:
        """Wait for the lock, then repair what a killed run has left."""
        folder = Path(pipeline.working_dir)
        if folder not in _LOCKED.get():
            self._locks[trace.transaction_id] = _acquire(folder)
        if folder in _REPAIRED.get():
            # To give packages up is a run of dlt's as well.
            return
        repaired = _REPAIRED.set((*_REPAIRED.get(), folder))
        locked = _LOCKED.set((*_LOCKED.get(), folder))
        try:
            shutil.rmtree(folder / DOWNLOADS, ignore_errors=True)
            repair_killed_run(pipeline)
            abandon_failed_packages(pipeline)
            abandon_stale_packages(pipeline)
        finally:
            _LOCKED.reset(locked)
            _REPAIRED.reset(repaired)
        if step == "run" and pipeline.destination is not None:
            # dlt asks the destination for the pipeline's state, and has no step for it.
            opened = self._opened[trace.transaction_id] = ExitStack()
            opened.enter_context(keep_open(pipeline))

    def on_start_trace_step(self, trace: Any, step: Any, pipeline: SupportsPipeline) -> None:
        """Close the destination: a load may wait for its exports for hours."""
        del pipeline
        if step != "run" and (opened := self._opened.pop(trace.transaction_id, None)):
            opened.close()

    def on_end_trace(self, trace: Any, pipeline: SupportsPipeline, send_state: bool) -> None:
        """Release the lock."""
        del pipeline, send_state
        if opened := self._opened.pop(trace.transaction_id, None):
            opened.close()
        # An id among a source's credentials is no secret to dlt, which would save it in its trace.
        values = trace.resolved_config_values
        values[:] = [value for value in values if not _is_credential(value.sections)]
        lock = self._locks.pop(trace.transaction_id, None)
        if lock is not None:
            lock.release()


def _is_credential(sections: Sequence[str]) -> bool:
    """Whether a setting is one of a source's credentials."""
    return known_sections.SOURCES in sections[:1] and "credentials" in sections
