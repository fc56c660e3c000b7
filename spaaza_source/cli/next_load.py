"""What a pipeline's next load would ask for, and what the vendor has of it: for the commands.

The plan itself is `exports.plan`'s; here it is joined with what a pipeline remembers, and with how
long earlier exports took.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import dlt
from dlt.extract import DltSource

from spaaza_source.destination import read_table
from spaaza_source.exports import ExportRequest, ExportSubmitter, Job, Plan, TableSync
from spaaza_source.loading import exports_of, read_state

#: How many of a table's last exports tell how long the next may take.
RECENT = 20


@dataclass(frozen=True)
class PlannedExport:
    """One export of a plan.

    Attributes:
        request: What is asked.
        job: The job that there is already; None where one will be asked for.
        seconds: How long the vendor may take for it; None where nothing is known.
    """

    request: ExportRequest
    job: Job | None
    seconds: float | None


def next_load(
    source: DltSource, pipeline: dlt.Pipeline, *, restore: bool
) -> tuple[ExportSubmitter, list[TableSync]]:
    """What asks for the exports of a source's load, and what it has to bring of each table.

    Args:
        source: The source.
        pipeline: The pipeline that would load it.
        restore: Whether to bring the pipeline up to what its destination knows, as a load does.
    """
    if restore:
        pipeline.sync_destination()
    exports = exports_of(source)
    syncs = [
        replace(load.sync, **read_state(pipeline.state, source.name, table))
        for table, load in exports.loads.items()
    ]
    return exports.run.submitter, syncs


def planned_exports(
    wanted: Sequence[TableSync], plans: Iterable[Plan], history: Mapping[str, float]
) -> list[PlannedExport]:
    """The plans of some tables as a list of exports, each table's in the order of time.

    Args:
        wanted: The tables.
        plans: Theirs.
        history: Seconds an export of a table has taken, by table.
    """
    exports = []
    for each, plan in zip(wanted, plans, strict=True):
        seconds = history.get(each.table)
        planned = [PlannedExport(request, job, seconds) for request, job in plan.adopted]
        planned += [
            PlannedExport(each.make_request(window), None, seconds) for window in plan.to_request
        ]
        exports += sorted(
            planned,
            key=lambda one: one.request.window.begin.timestamp() if one.request.window else 0.0,
        )
    return exports


def export_history(pipeline: dlt.Pipeline) -> list[dict[str, Any]]:
    """The rows of the pipeline's `export_jobs`, old to new; none where there is no such table."""
    return sorted(read_table(pipeline, "export_jobs"), key=lambda row: str(row.get("created_at")))


def usual_seconds(history: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """How long the vendor usually takes for an export of each table: the median of the last."""
    taken: dict[str, list[float]] = {}
    for row in history:
        seconds = _taken(row)
        if seconds is not None and row.get("loaded") is not None:
            taken.setdefault(str(row["table_name"]), []).append(seconds)
    return {table: statistics.median(seconds[-RECENT:]) for table, seconds in taken.items()}


def _taken(row: Mapping[str, Any]) -> float | None:
    begun, ended = row.get("created_at"), row.get("finished_at")
    if begun is not None and ended is not None:
        return float(max(timedelta(0), ended - begun).total_seconds())
    # A vendor that does not say when it was done; of what was taken up, nobody saw the begin.
    waited: float | None = None if row.get("adopted") else row.get("wait_seconds")
    return waited
