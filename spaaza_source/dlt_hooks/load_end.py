"""Sees every load package to its end, inside of dlt's load step, so that a fault there fails it.

dlt tells a tracking module when a step has ended, but only warns of what the module raises then.
What the pipeline's `progress` raises ends the step. So while packages are loaded, a stand-in that
passes everything on takes its place. What is judged at a package's end is `proof`'s;
`one_load` holds loads apart.
"""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Any

from dlt.common.pipeline import NormalizeInfo
from dlt.common.runtime.collector_base import Collector
from dlt.common.runtime.tracking import SupportsTracking
from dlt.pipeline import trace as traces
from typing_extensions import Self

from spaaza_source.audit.manifest import record_rows_written
from spaaza_source.audit.reconcile import reconcile_load
from spaaza_source.destination import hold_load_lock
from spaaza_source.dlt_hooks.recovery import delete_duplicate_state


class LoadEndHook(SupportsTracking):
    """Puts the stand-in in its place, and the pipeline's own back."""

    def on_start_trace(self, trace: Any, step: Any, pipeline: Any) -> None:
        """Nothing to do: a run may do many steps."""

    def on_start_trace_step(self, trace: Any, step: Any, pipeline: Any) -> None:
        """From now on packages may end."""
        del trace
        if step == "load":
            pipeline.collector = _ReconcilingCollector(pipeline.collector, pipeline)

    def on_end_trace_step(
        self, trace: Any, step: Any, pipeline: Any, step_info: Any, send_state: bool
    ) -> None:
        """Note what dlt has passed on, or put the pipeline's own progress back."""
        del trace, send_state
        if step.step == "load" and isinstance(pipeline.collector, _ReconcilingCollector):
            pipeline.collector = pipeline.collector.own
        elif step.step == "normalize" and isinstance(step_info, NormalizeInfo):
            record_rows_written(pipeline, step_info)

    def on_end_trace(self, trace: Any, pipeline: Any, send_state: bool) -> None:
        """Nothing to do: a run may do many steps."""


class _ReconcilingCollector(Collector):
    """A pipeline's `progress` while packages are loaded: each is proven when it has ended.

    Args:
        own: What the pipeline has.
        pipeline: The pipeline.
    """

    def __init__(self, own: Any, pipeline: Any) -> None:
        self.own = own
        self._pipeline = pipeline
        self._pending: set[str] = set()
        self._alone = ExitStack()

    def update(self, *counter: Any, **more: Any) -> None:
        """Pass it on."""
        self.own.update(*counter, **more)

    def __call__(self, step: str) -> Self:
        self.own(step)
        return self

    def __enter__(self) -> Self:
        with ExitStack() as alone:
            alone.enter_context(hold_load_lock(self._pipeline))
            delete_duplicate_state(self._pipeline)
            self._pending = set(self._pipeline.list_normalized_load_packages())
            self.own.__enter__()
            self._alone = alone.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._alone:
            self.own.__exit__(kind, error, trace)
            if error is not None:
                return
            for load in sorted(
                self._pending.difference(self._pipeline.list_normalized_load_packages())
            ):
                reconcile_load(self._pipeline, load)

    def _start(self, step: str) -> None:
        """`own` does it."""

    def _stop(self) -> None:
        """`own` does it."""

    def on_start_trace_step(self, *told: Any) -> None:
        """Pass it on."""
        self.own.on_start_trace_step(*told)


_ENDS = LoadEndHook()


def install_load_end_hook() -> None:
    """From now on each load of a pipeline in this process is proven at its end."""
    if _ENDS not in traces.TRACKING_MODULES:
        traces.TRACKING_MODULES.append(_ENDS)
