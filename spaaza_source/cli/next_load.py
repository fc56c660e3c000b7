"""The exports of a pipeline's next load: planned from its state, timed from earlier exports.

A table whose rows come from a task that somebody else made is loaded by that task.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import dlt
from dlt.extract import DltSource
from dlt.pipeline.exceptions import PipelineStepFailed

from spaaza_source.cli.target import Target
from spaaza_source.destination import read_table
from spaaza_source.errors import SettingsError, SpaazaSourceError
from spaaza_source.exports import ExportRequest, ExportSubmitter, Job, Plan, TableSync, task_of
from spaaza_source.loading import (
    TableLoad,
    asks_vendor,
    exports_of,
    find_rows_of_others,
    loads_of,
    not_requested,
    restore_from_destination,
    resume_tables,
    streamed_tables,
)

#: How many of a table's last exports the expected duration of the next is taken from.
RECENT = 20
#: Without the task, a load by the same filter goes on with the table's rows.
_HINT = (
    "Set segments of it to the task's filter, which is its selection in export_jobs; or load it"
    " into another dataset."
)


def by_task(target: Target, task_id: str) -> Target:
    """The target with the table of a task alone, and the settings that adopt the task.

    Raises:
        SettingsError: There is no such task, or it is of another table, or of a range of dates.
    """
    if target.vendor.read_task is None:
        raise SettingsError(
            f"{target.vendor.name} has no tasks", where="--task", hint="Leave it out."
        )
    if any(target.dates.values()):
        raise SettingsError(
            "a run of a task has the rows of its own filter, whatever the dates",
            where="--task",
            hint="Leave out --start-date and --end-date.",
        )
    task = target.vendor.read_task(task_id=task_id)
    if target.are_named and list(target.tables) != [task.table]:
        raise SettingsError(
            f"task {task_id} exports {task.table}", where="--task", hint="Name no other table."
        )
    return replace(target, tables=[task.table], task=task.settings)


def split_by_task(
    target: Target, pipeline: dlt.Pipeline, source: DltSource | None = None
) -> tuple[list[Target], list[SettingsError]]:
    """The target, and apart from it each table whose rows come from somebody else's task.

    Args:
        target: What a command is about.
        pipeline: The pipeline that loads it.
        source: Its source; None to make it.

    Returns:
        The targets, one of the other tables first; and for each table that none of them can go on
        with, why.

    Raises:
        SpaazaSourceError: The vendor could not be asked for a task.
    """
    if target.vendor.read_task is None or target.task or target.files or not target.exists:
        return [target], []
    source = target.source() if source is None else source
    streamed = streamed_tables(source)
    asked = [name for name in source.selected_resources if name not in streamed]
    loads = loads_of(source.with_resources(*asked)) if asked else {}
    adopted: dict[str, Target] = {}
    refused: dict[str, SettingsError] = {}
    for table, job_id in _find_rows(loads, pipeline).items():
        task_id = task_of(job_id)
        try:
            task = target.vendor.read_task(task_id=task_id)
        except SettingsError as error:
            refused[table] = _refuse(table, task_id, error.cause)
            continue
        if task.is_ours:
            # The settings have changed since, which is for the load itself to tell.
            continue
        if task.repeats or loads[table].sync.is_range:
            adopted[table] = replace(target, tables=[table], task=task.settings)
        else:
            refused[table] = _refuse(table, task_id, "it does not repeat")
    if not adopted and not refused:
        return [target], []
    others = [table for table in target.tables if table not in adopted.keys() | refused.keys()]
    rest = [replace(target, tables=others)] if others else []
    return [*rest, *adopted.values()], list(refused.values())


def _find_rows(loads: Mapping[str, TableLoad], pipeline: dlt.Pipeline) -> dict[str, str]:
    try:
        return find_rows_of_others(loads, pipeline)
    except SpaazaSourceError:
        raise
    except Exception as failure:
        # A destination that cannot be asked is told as by dlt, which would be the first to ask it.
        raise PipelineStepFailed(pipeline, "sync", "", failure) from failure


def _refuse(table: str, task_id: str, reason: str) -> SettingsError:
    return SettingsError(
        f"its rows are those of task {task_id}, and no newer ones can be had: {reason}",
        where=table,
        hint=_HINT,
    )


def prepare_next_load(
    target: Target, pipeline: dlt.Pipeline, **settings: Any
) -> tuple[ExportSubmitter, list[TableSync]]:
    """What requests the exports of a target, and what it would sync of each of its tables.

    As a load does, it first restores the pipeline's state from its destination. `settings` are
    further arguments of the vendor's source.

    Raises:
        SettingsError: A table is streamed, without a job that could be requested or collected.
    """
    _refuse_streamed(target)
    source = target.source(**settings)
    return exports_of(source).run.submitter, list_syncs(target, source, pipeline)


def has_jobs(target: Target, source: DltSource) -> bool:
    """Whether some of a target's tables have jobs.

    What is streamed has none, and no other check than the request itself.
    """
    return asks_vendor(source) and len(streamed_tables(source)) < len(target.tables)


def list_syncs(target: Target, source: DltSource, pipeline: dlt.Pipeline) -> list[TableSync]:
    """What the next load of a source would sync of each of its tables that have jobs."""
    exports = exports_of(source)
    if not target.exists:
        # There is no destination yet that could be asked.
        return [load.sync for load in exports.loads.values()]
    restore_from_destination(pipeline, source.name)
    known = source.name in pipeline.schema_names
    schema = pipeline.schemas[source.name] if known else source.schema
    return resume_tables(exports.loads, pipeline, schema)


def read_exports(target: Target, pipeline: dlt.Pipeline) -> tuple[ExportSubmitter, dict[str, str]]:
    """What requests the exports of a target, and its tables by the vendor's names of them.

    As `prepare_next_load`, but whatever rows the tables have.
    """
    _refuse_streamed(target)
    source = target.source()
    exports = exports_of(source)
    if target.exists:
        restore_from_destination(pipeline, source.name)
    tables = {load.sync.make_request(None).subject: name for name, load in exports.loads.items()}
    return exports.run.submitter, tables


def _refuse_streamed(target: Target) -> None:
    if target.streamed:
        raise not_requested(target.streamed[0])


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
