"""The exports of a pipeline's next load: planned from its state, timed from earlier exports."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import dlt
from dlt.extract import DltSource

from spaaza_source.destination import read_table
from spaaza_source.exports import ExportRequest, ExportSubmitter, Job, Plan, TableSync
from spaaza_source.loading import exports_of, resume_tables

#: How many of a table's last exports the expected duration of the next is taken from.
RECENT = 20


@dataclass(frozen=True)
class PlannedExport:
    """One export of a plan.

    Attributes:
        request: The request.
        job: The existing job that will be adopted; None where one will be created.
        seconds: How long the vendor will probably take; None if unknown.
    """

    request: ExportRequest
    job: Job | None
    seconds: float | None


def prepare_next_load(
    source: DltSource, pipeline: dlt.Pipeline, *, restore: bool
) -> tuple[ExportSubmitter, list[TableSync]]:
    """What requests the exports of a source, and what it would sync of each selected table.

    Args:
        source: The source.
        pipeline: The pipeline that would load it.
        restore: Whether to restore the pipeline's state from its destination first, as a load does.
    """
    if restore:
        pipeline.sync_destination()
    exports = exports_of(source)
    if not restore:
        # There is no destination yet that could be asked.
        return exports.run.submitter, [load.sync for load in exports.loads.values()]
    known = source.name in pipeline.schema_names
    schema = pipeline.schemas[source.name] if known else source.schema
    return exports.run.submitter, resume_tables(exports.loads, pipeline, schema)


def list_exports(
    syncs: Sequence[TableSync], plans: Iterable[Plan], seconds_by_table: Mapping[str, float]
) -> list[PlannedExport]:
    """The exports of some tables' plans, each table's from old to new.

    Args:
        syncs: What to sync of each table.
        plans: The plan of each table, in the same order.
        seconds_by_table: How long an export of a table usually takes.
    """
    exports = []
    for sync, plan in zip(syncs, plans, strict=True):
        seconds = seconds_by_table.get(sync.table)
        planned = [PlannedExport(request, job, seconds) for request, job in plan.adopted]
        planned += [
            PlannedExport(sync.make_request(window), None, seconds) for window in plan.to_request
        ]
        exports += sorted(
            planned,
            key=lambda one: one.request.window.begin.timestamp() if one.request.window else 0.0,
        )
    return exports


def read_history(pipeline: dlt.Pipeline) -> list[dict[str, Any]]:
    """The rows of the destination's `export_jobs`, old to new; none without that table."""
    return sorted(read_table(pipeline, "export_jobs"), key=lambda row: str(row.get("created_at")))


def median_seconds(history: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """How long the vendor usually takes for an export, by table: the median of the last ones."""
    durations: dict[str, list[float]] = {}
    for row in history:
        seconds = _export_seconds(row)
        if seconds is not None and row.get("loaded") is not None:
            durations.setdefault(str(row["table_name"]), []).append(seconds)
    return {table: statistics.median(seconds[-RECENT:]) for table, seconds in durations.items()}


def _export_seconds(row: Mapping[str, Any]) -> float | None:
    created, finished = row.get("created_at"), row.get("finished_at")
    if created is not None and finished is not None:
        return float(max(timedelta(0), finished - created).total_seconds())
    # The vendor does not say when it was done. Nobody waited for the whole of an adopted job.
    waited: float | None = None if row.get("adopted") else row.get("wait_seconds")
    return waited
