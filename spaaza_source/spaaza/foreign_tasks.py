"""Tasks that somebody else made, by curl or in the vendor's Console: their list, their filter.

Vendor document: "Exporting data from Spaaza" ("Recurring exports").
"""

from __future__ import annotations

from collections.abc import Iterator
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
from spaaza_source.spaaza.tasks_api import TasksApi, make_client
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
        if trigger.get("repeat") and not DESCRIPTION.search(str(task.get("desc") or "")):
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
) -> tuple[str, dict[str, Any]]:
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
    table = index_named(str(target.get("export_index"))).table
    selection = selection_of(task)
    segment = selection.get("segment_id") or selection.get("segment")
    return table, {
        "adopt_tasks": {table: task_id},
        "export_format": target.get("export_format", "csv"),
        **({"segments": {table: segment}} if segment else {}),
    }


def _service(base_url: str, chain_id: int, credentials: SpaazaCredentials) -> SpaazaExports:
    chain = require_chain(chain_id)
    client = make_client(parse_base_url(base_url), chain, require_credentials(credentials))
    return SpaazaExports(TasksApi(client), chain)
