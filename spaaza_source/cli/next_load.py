"""The exports of a pipeline's next load: planned from its state, timed from earlier exports."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import dlt

from spaaza_source.cli.target import Target
from spaaza_source.destination import read_table
from spaaza_source.exports import ExportRequest, ExportSubmitter, Job, Plan, TableSync
from spaaza_source.loading import (
    exports_of,
    not_requested,
    restore_from_destination,
    resume_tables,
)

#: How many of a table's last exports the expected duration of the next is taken from.
RECENT = 20


def prepare_next_load(
    target: Target, pipeline: dlt.Pipeline, **settings: Any
) -> tuple[ExportSubmitter, list[TableSync]]:
    """What requests the exports of a target, and what it would sync of each of its tables.

    As a load does, it first restores the pipeline's state from its destination. `settings` are
    further arguments of the vendor's source.

    Raises:
        SettingsError: A table is streamed, without a job that could be requested or collected.
    """
    if target.streamed:
        raise not_requested(target.streamed[0])
    source = target.source(**settings)
    exports = exports_of(source)
    if not target.exists:
        # There is no destination yet that could be asked.
        return exports.run.submitter, [load.sync for load in exports.loads.values()]
    restore_from_destination(pipeline, source.name)
    known = source.name in pipeline.schema_names
    schema = pipeline.schemas[source.name] if known else source.schema
    return exports.run.submitter, resume_tables(exports.loads, pipeline, schema)


def list_exports(
    syncs: Sequence[TableSync], plans: Iterable[Plan]
) -> Iterator[tuple[ExportRequest, Job | None]]:
    """The exports of each table's plan, from old to new.

    Yields:
        The request, and the existing job that will be adopted; None where one will be created.
    """
    for sync, plan in zip(syncs, plans, strict=True):
        planned: list[tuple[ExportRequest, Job | None]] = list(plan.adopted)
        planned += [(sync.make_request(window), None) for window in plan.to_request]
        yield from sorted(planned, key=lambda export: _begin(export[0]))


def _begin(request: ExportRequest) -> float:
    return request.window.begin.timestamp() if request.window else 0.0


def read_history(target: Target, pipeline: dlt.Pipeline) -> list[dict[str, Any]]:
    """The rows of the destination's `export_jobs`, old to new; none without that table."""
    if not target.exists:
        return []
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
