"""Run lock: one run per pipeline at a time; repairs what a killed run left.

dlt calls it at each run (`SupportsTracking`), also at those that a user's own script makes. A file
beside the lock says who holds it: for whom a run waits, and which process to end if that one hangs.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn
from uuid import uuid4

from dlt.common import logger
from dlt.common.configuration.specs import known_sections
from dlt.common.pipeline import SupportsPipeline
from dlt.common.runtime.collector_base import Collector
from dlt.common.runtime.tracking import SupportsTracking
from filelock import FileLock, Timeout

from spaaza_source.destination import (
    check_connection,
    keep_attached,
    keep_open,
    no_turn,
    resolved_once,
    turn_timeout,
)
from spaaza_source.dlt_hooks.abandoned_packages import (
    abandon_failed_packages,
    abandon_partial_packages,
    abandon_stale_packages,
    remove_unfinished_packages,
)
from spaaza_source.dlt_hooks.contract import warn_of_untried_dlt
from spaaza_source.dlt_hooks.failed_exports import FailedExports
from spaaza_source.dlt_hooks.recovery import repair_killed_run
from spaaza_source.errors import SpaazaSourceError
from spaaza_source.loading import DOWNLOADS
from spaaza_source.windows import iso

#: Seconds between two tries to get the lock.
POLL_INTERVAL = 0.2

#: The program whose arguments hold no secret.
COMMAND = "spaaza"

#: The working folders whose lock `hold_run_lock` holds.
_LOCKED: ContextVar[tuple[Path, ...]] = ContextVar("_LOCKED", default=())
#: The working folders that are being repaired.
_REPAIRED: ContextVar[tuple[Path, ...]] = ContextVar("_REPAIRED", default=())


@contextmanager
def hold_run_lock(folder: Path, *, waits: bool = True) -> Iterator[None]:
    """Hold the run lock of the pipeline with that working folder inside the `with` block.

    A command locks so before there is a pipeline: dlt wipes the folder where it makes a pipeline
    for the first time, and where it drops one. Blocks of several pipelines may end in any order.

    Args:
        folder: The pipeline's working folder.
        waits: Whether to wait while another run holds it.

    Raises:
        UnavailableError: Another run has held it for longer than this one waits.
    """
    if folder in _LOCKED.get():
        yield
        return
    lock = _acquire(folder, waits=waits)
    _LOCKED.set((*_LOCKED.get(), folder))
    try:
        yield
    finally:
        _LOCKED.set(tuple(each for each in _LOCKED.get() if each != folder))
        _release(lock)


def _acquire(folder: Path, *, waits: bool = True) -> FileLock:
    """The lock beside the folder, once it is free."""
    lock = FileLock(f"{folder}.lock", poll_interval=POLL_INTERVAL, thread_local=False)
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        seconds = turn_timeout()
        other = f"another run of the pipeline {folder.name!r}{_read_holder(lock)}"
        if not waits:
            raise no_turn(other, f"pipeline {folder.name!r}", 0.0) from None
        logger.warning(
            f"{other[0].upper()}{other[1:]} is in progress; waiting until it has ended, for"
            f" {seconds:.0f} seconds at most"
        )
        try:
            lock.acquire(timeout=seconds)
        except Timeout:
            other = f"another run{_read_holder(lock)}"
            raise no_turn(other, f"pipeline {folder.name!r}", seconds) from None
    _write_holder(lock)
    return lock


def _release(lock: FileLock) -> None:
    with suppress(OSError):
        _holder_file(lock).unlink(missing_ok=True)
    lock.release()


def _holder_file(lock: FileLock) -> Path:
    # Not the lock itself: whoever tries to get that may empty it.
    return Path(f"{lock.lock_file}.holder")


def _write_holder(lock: FileLock) -> None:
    """Note who holds the lock: whoever waits for it reads that."""
    name = Path(sys.argv[0]).name
    holder = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": iso(datetime.now(UTC).replace(microsecond=0)),
        # Of other programs no argument: it may be a secret.
        "program": " ".join([name, *sys.argv[1:2]]) if name == COMMAND else name,
    }
    file = _holder_file(lock)
    partial = file.with_name(f"{file.name}.{uuid4().hex[:8]}")
    # It only informs: a full disk is for others to tell.
    with suppress(OSError):
        partial.write_text(json.dumps(holder), encoding="utf-8")
        partial.replace(file)


def _read_holder(lock: FileLock) -> str:
    """Who holds the lock, for a message; nothing where that is not known."""
    try:
        holder = json.loads(_holder_file(lock).read_text(encoding="utf-8"))
        pid, host, since, program = (holder[name] for name in ("pid", "host", "since", "program"))
    except (OSError, ValueError, LookupError, TypeError):
        return ""
    return f" ({program}, process {pid} on {host}, since {since})"


class RunLock(SupportsTracking):
    """Holds a lock file beside the pipeline's working folder from a run's start to its end.

    The system frees the lock of a process that has ended, however it ended.
    """

    def __init__(self) -> None:
        self._locks: dict[str, FileLock] = {}
        #: DuckDB files that dlt is about to open without waiting for whoever has them.
        self._opened: dict[str, ExitStack] = {}
        #: What is settled for the time of a run.
        self._settled: dict[str, ExitStack] = {}
        self._failed_exports = FailedExports()

    def on_start_trace(self, trace: Any, step: Any, pipeline: SupportsPipeline) -> None:
        """Wait for the lock, then repair what a killed run has left."""
        warn_of_untried_dlt()
        folder = Path(pipeline.working_dir)
        if folder not in _LOCKED.get():
            try:
                self._locks[trace.transaction_id] = _acquire(folder)
            except SpaazaSourceError as no_lock:
                _refuse(pipeline, no_lock)
                return
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
            if step == "extract":
                abandon_partial_packages(pipeline)
            remove_unfinished_packages(pipeline)
        finally:
            _LOCKED.reset(locked)
            _REPAIRED.reset(repaired)
        self._failed_exports.begin(trace.transaction_id, pipeline)
        settled = self._settled[trace.transaction_id] = ExitStack()
        settled.enter_context(resolved_once(pipeline.destination))
        settled.enter_context(keep_attached(pipeline.destination))
        if step == "run" and pipeline.destination is not None:
            # dlt asks the destination for the pipeline's state, and has no step for it.
            opened = self._opened[trace.transaction_id] = ExitStack()
            try:
                check_connection(pipeline)
                opened.enter_context(keep_open(pipeline))
            except SpaazaSourceError as refused:
                _refuse(pipeline, refused)

    def on_start_trace_step(self, trace: Any, step: Any, pipeline: SupportsPipeline) -> None:
        """Close the destination: a load may wait for its exports for hours."""
        del pipeline
        if step != "run" and (opened := self._opened.pop(trace.transaction_id, None)):
            opened.close()

    def on_end_trace(self, trace: Any, pipeline: SupportsPipeline, send_state: bool) -> None:
        """Tell which exports were not loaded, then release the lock."""
        del send_state
        has_failed = bool(trace.steps and trace.steps[-1].step_exception)
        self._failed_exports.end(trace.transaction_id, pipeline, has_failed=has_failed)
        for held in (self._opened, self._settled):
            if ending := held.pop(trace.transaction_id, None):
                ending.close()
        # An id among a source's credentials is no secret to dlt, which would save it in its trace.
        values = trace.resolved_config_values
        values[:] = [value for value in values if not _is_credential(value.sections)]
        lock = self._locks.pop(trace.transaction_id, None)
        if lock is not None:
            _release(lock)


def _refuse(pipeline: Any, error: SpaazaSourceError) -> None:
    """Let the run raise the error at its first step: dlt only logs what is raised at its start."""
    own = pipeline.collector

    def stop(*_: Any) -> NoReturn:
        # For this run alone.
        pipeline.collector = own
        vars(pipeline).pop("activate", None)
        raise error

    # `run` begins with the one, `extract`, `normalize` and `load` use the other.
    pipeline.activate = stop
    pipeline.collector = _Refusal(stop)


class _Refusal(Collector):
    """A pipeline's `progress` that raises at the first step."""

    def __init__(self, stop: Any) -> None:
        self._refuse = stop

    def __call__(self, step: str) -> NoReturn:
        self._refuse(step)
        raise AssertionError

    def update(self, *_counter: Any, **_more: Any) -> None:
        """Nothing is counted."""

    def _start(self, step: str) -> None:
        """Nothing is begun."""

    def _stop(self) -> None:
        """Nothing is ended."""


def _is_credential(sections: Sequence[str]) -> bool:
    """Whether a setting is one of a source's credentials."""
    return known_sections.SOURCES in sections[:1] and "credentials" in sections
