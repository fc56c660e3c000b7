"""Hooks into dlt's load step: reconciles each package, removes what is too old, updates views.

A mismatch fails the step. dlt only logs what a tracking module raises at a step's end. What the
pipeline's `progress` raises fails it: so while packages are loaded, a collector that passes
everything on replaces it.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from dlt.common.pipeline import NormalizeInfo
from dlt.common.runtime.collector_base import Collector
from dlt.common.runtime.tracking import SupportsTracking

from spaaza_source.audit import check_versions, reconcile_load, record_rows_written
from spaaza_source.destination import (
    create_staging,
    drop_own_staging,
    hide_values,
    hold_load_lock,
    keep_open,
    pipeline_staging,
)
from spaaza_source.dlt_hooks.lasting_failures import note_failure
from spaaza_source.dlt_hooks.old_rows import remove_old_rows
from spaaza_source.dlt_hooks.recovery import delete_duplicates
from spaaza_source.dlt_hooks.table_updates import is_of_exports
from spaaza_source.errors import SettingsError
from spaaza_source.views import update_current_rows


class LoadEndHook(SupportsTracking):
    """Replaces the pipeline's `progress` during the load step, and completes manifests before."""

    def on_start_trace_step(self, trace: Any, step: Any, pipeline: Any) -> None:
        """Replace the pipeline's `progress` when loading begins."""
        del trace
        # A load that is given up needs no destination.
        if step == "load" and pipeline.has_pending_data:
            pipeline.collector = _ReconcilingCollector(pipeline.collector, pipeline)
            # dlt resolves what the destination is like before it calls the collector.
            pipeline.collector.stage_apart()

    def on_end_trace_step(
        self, trace: Any, step: Any, pipeline: Any, step_info: Any, send_state: bool
    ) -> None:
        """Put the pipeline's `progress` back; note the rows that were normalized, or a failure."""
        del trace, send_state
        # dlt calls this while it raises what has failed, of which it hands on no more than texts.
        failure = sys.exc_info()[1]
        if step.step == "load" and isinstance(pipeline.collector, _ReconcilingCollector):
            collector, pipeline.collector = pipeline.collector, pipeline.collector.own
            collector.end_staging(has_failed=failure is not None)
        if failure:
            note_failure(pipeline, failure)
        elif step.step == "normalize" and isinstance(step_info, NormalizeInfo):
            record_rows_written(pipeline, step_info)


class _ReconcilingCollector(Collector):
    """A pipeline's `progress` during the load step: reconciles the packages that were loaded."""

    def __init__(self, own: Any, pipeline: Any) -> None:
        self.own = own
        self._pipeline = pipeline
        self._pending: set[str] = set()
        self._held = ExitStack()
        self._staging = ExitStack()
        self._has_own_staging = False
        self._refused: SettingsError | None = None

    def stage_apart(self) -> None:
        """Give the pipeline a staging dataset of its own for the load step, if it needs one."""
        if not _has_exports(self._pipeline):
            return
        try:
            self._has_own_staging = self._staging.enter_context(pipeline_staging(self._pipeline))
        except SettingsError as refused:
            # dlt would only log it here.
            self._refused = refused

    def end_staging(self, *, has_failed: bool) -> None:
        """Drop what the load has staged, unless the next one may need it."""
        with self._staging:
            if self._has_own_staging and not has_failed:
                drop_own_staging(self._pipeline)

    def update(self, *counter: Any, **more: Any) -> None:
        """Pass it on."""
        self.own.update(*counter, **more)

    def __call__(self, step: str) -> Self:
        self.own(step)
        return self

    def __enter__(self) -> Self:
        if self._refused is not None:
            raise self._refused
        with ExitStack() as held:
            held.enter_context(hold_load_lock(self._pipeline))
            held.enter_context(keep_open(self._pipeline))
            if self._has_own_staging:
                create_staging(self._pipeline)
            delete_duplicates(self._pipeline)
            self._pending = set(self._pipeline.list_normalized_load_packages())
            for load in sorted(self._pending):
                check_versions(self._pipeline, load)
            self.own.__enter__()
            self._held = held.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._held:
            self.own.__exit__(kind, error, trace)
            if error is not None:
                # Of a job's error nothing is left to hide, but tables and indexes fail too.
                hide_values(error)
                return
            left = self._pipeline.list_normalized_load_packages()
            for load in sorted(self._pending.difference(left)):
                # Also of rows that are not as they should be, a view has the columns.
                update_current_rows(self._pipeline, load)
                reconcile_load(self._pipeline, load)
                remove_old_rows(self._pipeline, load)

    def _start(self, step: str) -> None:
        """`own` does it."""

    def _stop(self) -> None:
        """`own` does it."""

    def on_start_trace_step(self, *step: Any) -> None:
        """Pass it on."""
        self.own.on_start_trace_step(*step)


def _has_exports(pipeline: Any) -> bool:
    """Whether some of a pipeline's tables are exports; other pipelines are left alone."""
    return any(is_of_exports(pipeline.schemas[name]) for name in pipeline.schema_names)
