"""Tasks that somebody else made, by curl or in the vendor's Console: their list, their filter.

Vendor document: "Exporting data from Spaaza" ("Recurring exports").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import dlt

from spaaza_source.configuration import with_settings
from spaaza_source.errors import SettingsError, VanishedError
from spaaza_source.exports import Job
from spaaza_source.spaaza.credentials import SpaazaCredentials, require_chain, require_credentials
from spaaza_source.spaaza.export_service import (
    DESCRIPTION,
    SpaazaExports,
    job_of,
    selection_of,
    unknown_filter,
)
from spaaza_source.spaaza.indexes import index_named
from spaaza_source.spaaza.segments import selection_for
from spaaza_source.spaaza.tasks_api import Task, TasksApi, make_client
from spaaza_source.transport import parse_base_url
from spaaza_source.windows import EARLIEST


@dataclass(frozen=True)
class ForeignTask:
    """A task that this package did not create.

    Attributes:
        task_id: Its id.
        subject: The index that it exports.
        repeat: How often it runs.
        selection: Its filter; its values may be personal.
        job: Its last run.
    """

    task_id: str
    subject: str
    repeat: str
    selection: dict[str, Any] = field(repr=False)
    job: Job


@dataclass(frozen=True)
class TaskSettings:
    """What loads the runs of a task.

    Attributes:
        table: The table.
        settings: The settings of `spaaza_source` that adopt it.
        repeats: Whether it runs again and again.
        is_ours: Whether this package created it.
    """

    table: str
    settings: dict[str, Any] = field(repr=False)
    repeats: bool
    is_ours: bool


@with_settings("spaaza")
def list_recurring(
    base_url: str = dlt.config.value,
    chain_id: int = dlt.config.value,
    credentials: SpaazaCredentials = dlt.secrets.value,
) -> Iterator[ForeignTask]:
    """The recurring exports of the chain that somebody else made. Settings as for `spaaza_source`.

    Raises:
        SpaazaSourceError: A setting is wrong, or the vendor could not be asked.
    """
    for task in _service(base_url, chain_id, credentials).tasks(EARLIEST):
        trigger, target = task.get("trigger"), task.get("target")
        if not isinstance(trigger, dict) or not isinstance(target, dict):
            continue
        if trigger.get("repeat") and not _is_ours(task):
            yield ForeignTask(
                str(task["id"]),
                str(target.get("export_index")),
                str(trigger["repeat"]),
                selection_of(task),
                job_of(task),
            )


@with_settings("spaaza")
def read_task(
    base_url: str = dlt.config.value,
    chain_id: int = dlt.config.value,
    credentials: SpaazaCredentials = dlt.secrets.value,
    *,
    task_id: str,
) -> TaskSettings:
    """The table that a task exports, and the settings of `spaaza_source` that adopt it.

    Args:
        base_url: As for `spaaza_source`.
        chain_id: As for `spaaza_source`.
        credentials: As for `spaaza_source`.
        task_id: The task's id.

    Raises:
        SettingsError: There is no such task, it is no export, or its filter cannot be read back.
        SpaazaSourceError: The vendor could not be asked.
    """
    try:
        task = _service(base_url, chain_id, credentials).task(task_id)
    except VanishedError:
        raise SettingsError(
            f"the vendor has no task {task_id}",
            where="--task",
            hint="See the recurring ones of the chain: spaaza jobs.",
        ) from None
    target = task["target"] if isinstance(task.get("target"), dict) else {}
    if target.get("action") != "export":
        raise SettingsError(
            f"task {task_id} exports nothing", where="--task", hint="Only exports can be loaded."
        )
    if unknown := unknown_filter(task):
        raise SettingsError(
            f"task {task_id} is narrowed by {unknown}, which cannot be read back",
            where="--task",
            hint="Make a task with a segment, or without a filter.",
        )
    index = index_named(str(target.get("export_index")))
    segment = _read_segment(task_id, index.export_index, chain_id, selection_of(task))
    settings = {
        "adopt_tasks": {index.table: task_id},
        "export_format": target.get("export_format", "csv"),
        **({"segments": {index.table: segment}} if segment else {}),
    }
    repeats = job_of(task).repeats
    return TaskSettings(index.table, settings, repeats=repeats, is_ours=_is_ours(task))


def _read_segment(task_id: str, index: str, chain_id: int, selection: Mapping[str, Any]) -> Any:
    """The segment of a task, as the settings have it; None for all rows.

    Raises:
        SettingsError: Nobody knows which one it is, or it is none of the index.
    """
    if len(selection) > 1:
        raise SettingsError(
            f"task {task_id} has both a segment and a segment_id, and no document says which holds",
            where="--task",
            hint="Make a task with one of them.",
        )
    segment = next(iter(selection.values()), None)
    try:
        selection_for(
            segment, index=index, chain_id=require_chain(chain_id), time_fields=(), window=None
        )
    except SettingsError as refused:
        raise SettingsError(
            f"the segment of task {task_id} is none that can be read back: {refused.cause}",
            where="--task",
            hint="Make a task whose segment is of the index that it exports.",
        ) from None
    return segment


def _is_ours(task: Task) -> bool:
    return bool(DESCRIPTION.search(str(task.get("desc") or "")))


def _service(base_url: str, chain_id: int, credentials: SpaazaCredentials) -> SpaazaExports:
    chain = require_chain(chain_id)
    client = make_client(parse_base_url(base_url), chain, require_credentials(credentials))
    return SpaazaExports(TasksApi(client), chain)
