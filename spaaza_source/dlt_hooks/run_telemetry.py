"""Tells `telemetry` when runs of pipelines and their steps begin and end, and what they load."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dlt.common.pipeline import LoadInfo
from dlt.common.runtime.tracking import SupportsTracking
from dlt.common.storages import LoadStorage

from spaaza_source.audit import AUDIT_TABLES, read_manifests
from spaaza_source.dlt_hooks.lasting_failures import causes_of
from spaaza_source.errors import SpaazaSourceError, WrongCountError
from spaaza_source.telemetry import begin_run, begin_step, end_run, end_step, is_asked_for


class RunTelemetry(SupportsTracking):
    """Has runs told to OpenTelemetry, where a program uses it."""

    def on_start_trace(self, trace: Any, step: Any, pipeline: Any) -> None:
        """Begin a run."""
        del step
        begin_run(trace.transaction_id, pipeline)

    def on_start_trace_step(self, trace: Any, step: Any, pipeline: Any) -> None:
        """Begin a step."""
        del pipeline
        begin_step(trace.transaction_id, step)

    def on_end_trace_step(
        self, trace: Any, step: Any, pipeline: Any, step_info: Any, send_state: bool
    ) -> None:
        """End a step, with the load packages that are in the destination by it."""
        del send_state
        if is_asked_for():
            failure = sys.exc_info()[1]
            loads = dict(_loads(pipeline, step_info, failure)) if step.step == "load" else {}
            end_step(trace.transaction_id, step.step, _class_of(failure), loads)

    def on_end_trace(self, trace: Any, pipeline: Any, send_state: bool) -> None:
        """End a run."""
        del send_state
        if is_asked_for():
            error = _class_of(sys.exc_info()[1])
            end_run(trace.transaction_id, error, is_own=_is_own(pipeline))


def _loads(
    pipeline: Any, info: Any, failure: BaseException | None
) -> Iterator[tuple[str, dict[str, int]]]:
    """The load packages that a step has loaded, each with the rows of its tables."""
    # Of packages whose rows were miscounted nobody can say that they are loaded.
    if not isinstance(info, LoadInfo) or isinstance(_own_cause(failure), WrongCountError):
        return
    folder = Path(pipeline.working_dir) / "load" / LoadStorage.LOADED_FOLDER
    for package in info.load_packages:
        if package.state == "loaded":
            _, manifests = read_manifests(folder / package.load_id)
            yield package.load_id, {each.table: each.loaded for each in manifests}


def _is_own(pipeline: Any) -> bool:
    """Whether a pipeline has loaded by this package: one of its schemas has our audit tables."""
    names = AUDIT_TABLES.keys()
    return any(names & pipeline.schemas[name].tables.keys() for name in pipeline.schema_names)


def _class_of(failure: BaseException | None) -> str | None:
    """The class of a run's error, as `failed_exports` has it."""
    if failure is None:
        return None
    raised = getattr(failure, "exception", None) or failure
    return type(_own_cause(failure) or raised).__name__


def _own_cause(failure: BaseException | None) -> SpaazaSourceError | None:
    causes = causes_of(failure)
    return next((each for each in causes if isinstance(each, SpaazaSourceError)), None)
