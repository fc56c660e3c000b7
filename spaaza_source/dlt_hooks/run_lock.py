"""Stands at the begin of each run of a pipeline: one run at a time, after an orderly end.

dlt tells it of every run (`SupportsTracking`), also of those that a user's own script makes. A
command takes its turn before there is a pipeline (`turn`). What a killed run has left in the load
package is put in order by `interrupted`.
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
from dlt.pipeline import trace as traces
from filelock import FileLock, Timeout

from spaaza_source.dlt_hooks.recovery import (
    remove_normalized_packages,
    remove_partial_schemas,
    reopen_completed_loads,
    reset_interrupted_loads,
    save_extracted_schemas,
)

#: Seconds between two looks whether the other run has ended.
LOOK = 0.2
#: Under a pipeline's working folder: where its downloads are put.
DOWNLOADS = "exports"


#: The working folders whose turn is held by who makes the run, until long after it.
_OWN: ContextVar[tuple[Path, ...]] = ContextVar("_OWN", default=())


@contextmanager
def hold_run_lock(folder: Path) -> Iterator[None]:
    """Hold the turn of the pipeline with that working folder, in this thread, over all its runs.

    dlt wipes the folder where it makes a pipeline for the first time, and where it drops one.
    """
    if folder in _OWN.get():
        yield
        return
    with _acquire(folder):
        before = _OWN.set((*_OWN.get(), folder))
        try:
            yield
        finally:
            _OWN.reset(before)


def _acquire(folder: Path) -> FileLock:
    """The lock beside the folder, when it is free."""
    lock = FileLock(f"{folder}.lock", poll_interval=LOOK, thread_local=False)
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.warning(
            f"Another run of the pipeline {folder.name!r} is under way; this one begins when it"
            " has ended"
        )
        lock.acquire()
    return lock


class RunLock(SupportsTracking):
    """Holds a lock beside the pipeline's working folder from a run's begin to its end.

    The system frees the lock of a process that is gone, however it went.
    """

    def __init__(self) -> None:
        self._held: dict[str, FileLock] = {}

    def on_start_trace(self, trace: Any, step: Any, pipeline: SupportsPipeline) -> None:
        """Wait for the turn, then clear away what a killed run has left."""
        del step
        folder = Path(pipeline.working_dir)
        if folder not in _OWN.get():
            self._held[trace.transaction_id] = _acquire(folder)
        shutil.rmtree(folder / DOWNLOADS, ignore_errors=True)
        remove_partial_schemas(pipeline)
        remove_normalized_packages(pipeline)
        save_extracted_schemas(pipeline)
        reopen_completed_loads(pipeline)
        reset_interrupted_loads(pipeline)

    def on_start_trace_step(self, trace: Any, step: Any, pipeline: SupportsPipeline) -> None:
        """Nothing to do: the turn is the whole run's."""

    def on_end_trace_step(
        self, trace: Any, step: Any, pipeline: SupportsPipeline, step_info: Any, send_state: bool
    ) -> None:
        """Nothing to do: the turn is the whole run's."""

    def on_end_trace(self, trace: Any, pipeline: SupportsPipeline, send_state: bool) -> None:
        """Let the next one begin."""
        del pipeline, send_state
        # An id that belongs to a secret is no secret to dlt, which writes the rest into its trace.
        told = trace.resolved_config_values
        told[:] = [value for value in told if not _is_credential(value.sections)]
        lock = self._held.pop(trace.transaction_id, None)
        if lock is not None:
            lock.release()


def _is_credential(sections: Sequence[str]) -> bool:
    """Whether a setting is one of a source's credentials."""
    return known_sections.SOURCES in sections[:1] and "credentials" in sections


_TURN = RunLock()


def install_run_lock() -> None:
    """From now on each run of a pipeline in this process waits for its turn."""
    if _TURN not in traces.TRACKING_MODULES:
        traces.TRACKING_MODULES.append(_TURN)
