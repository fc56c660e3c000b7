"""Exports by a task's body as a user wrote it: sent as it is, and found again by what it says.

Vendor documents: "Exporting data from Spaaza" and its guides, which print such bodies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import dlt

from spaaza_source.configuration import with_settings
from spaaza_source.errors import SettingsError, not_among, wrong_kind
from spaaza_source.exports import ExportRequest, Job, KnownJob
from spaaza_source.spaaza.credentials import (
    AccessToken,
    AdminSession,
    SpaazaCredentials,
    require_chain,
    require_credentials,
)
from spaaza_source.spaaza.export_service import SpaazaExports
from spaaza_source.spaaza.indexes import INDEXES
from spaaza_source.spaaza.tasks_api import Task, TasksApi, make_client
from spaaza_source.transport import parse_base_url
from spaaza_source.windows import iso, parse_instant

#: What of a trigger says which rows are exported, and how often.
_WHICH_ROWS = ("segment", "segment_id", "user_list", "repeat")


@with_settings("spaaza")
def read_account(
    base_url: str = dlt.config.value, credentials: SpaazaCredentials = dlt.secrets.value
) -> tuple[str, AccessToken | AdminSession]:
    """The address and the credentials of Spaaza's Services API. Settings as for `spaaza_source`.

    Raises:
        SettingsError: One is missing or wrong.
    """
    return parse_base_url(base_url), require_credentials(credentials)


class TaskOfBody(SpaazaExports):
    """An `ExportService` whose tasks have one body, which nothing is added to.

    Args:
        body: The body of `POST /tasks`, in the vendor's words. Without `trigger.once` the task runs
            at once.
        base_url: As for `spaaza_source`.
        credentials: As for `spaaza_source`.

    Attributes:
        request: What the body asks for.

    Raises:
        SettingsError: The body is no export, or contradicts itself; or as `read_account`.
    """

    def __init__(self, body: Mapping[str, Any], **account: Any) -> None:
        chain, self._body = _check_body(body), body
        address, credentials = read_account(**account)
        super().__init__(TasksApi(make_client(address, chain, credentials)), chain)
        target, trigger = body["target"], dict(body["trigger"])
        self._which_rows = {name: trigger[name] for name in _WHICH_ROWS if trigger.get(name)}
        if trigger.get("repeat"):
            # The vendor moves it on from run to run.
            trigger.pop("once", None)
        index = target["export_index"]
        table = index.replace("-", "_")
        self.request = ExportRequest(
            table if table in INDEXES else index,
            index,
            str(chain),
            target.get("export_format", "csv"),
            selection={**body, "trigger": trigger},
            repeat=trigger.get("repeat"),
        )

    def known_jobs(self, since: datetime) -> Iterator[KnownJob]:
        """The tasks that show this body, whoever created them."""
        for task in self.tasks(since):
            trigger = task.get("trigger")
            shown = trigger if isinstance(trigger, dict) else {}
            if {name for name in _WHICH_ROWS if shown.get(name)} == self._which_rows.keys():
                request = self.request
                yield KnownJob(request.fingerprint, request.subject, None, self._job(task), task)

    def create(self, request: ExportRequest, later: timedelta = timedelta(0)) -> Job:
        """Create the task; sent once."""
        del request
        trigger = self._body["trigger"]
        body: Task = dict(self._body)
        if "once" not in trigger:
            body["trigger"] = {"once": iso(self._once(later).replace(microsecond=0)), **trigger}
        return self._job(self._api.create_task(body))

    @property
    def once(self) -> datetime | None:
        """When the body wants its task to run first, UTC; None for at once."""
        once = self._body["trigger"].get("once")
        return None if once is None else parse_instant(once, "trigger.once")


def _check_body(body: Mapping[str, Any]) -> int:
    """The chain of a task's body.

    Raises:
        SettingsError: It is no export, or contradicts itself.
    """
    chain = _read_chain("chain", body.get("chain"))
    if not isinstance(body.get("desc"), str) or not body["desc"].strip():
        raise SettingsError("the body has no desc", where="desc", hint="Give it any text.")
    for name in ("target", "trigger"):
        if not isinstance(body.get(name), Mapping):
            raise wrong_kind(name, body.get(name), "an object")
    target, trigger = body["target"], body["trigger"]
    if target.get("action") != "export":
        raise not_among("target.action", target.get("action"), ("export",))
    index = target.get("export_index")
    if not isinstance(index, str) or not re.fullmatch(r"[\w-]{1,64}", index):
        raise wrong_kind("target.export_index", index, "the name of an index")
    if (export_format := target.get("export_format", "csv")) not in ("csv", "json"):
        raise not_among("target.export_format", export_format, ("csv", "json"))
    if trigger.get("once") is not None:
        parse_instant(trigger["once"], "trigger.once")
    _check_segment(trigger, chain)
    return chain


def _check_segment(trigger: Mapping[str, Any], chain: int) -> None:
    segment = trigger.get("segment")
    if segment is None:
        return
    if trigger.get("segment_id") is not None:
        raise SettingsError(
            "the body has both a segment and a segment_id, and no document says which one holds",
            where="trigger",
            hint="Leave out one of them.",
        )
    if not isinstance(segment, Mapping):
        raise wrong_kind("trigger.segment", segment, "an object")
    its_chain = _read_chain("trigger.segment.chain_id", segment.get("chain_id", chain))
    if its_chain != chain:
        raise SettingsError(
            f"the segment is of chain {its_chain}, the task of chain {chain}",
            where="trigger.segment",
            hint="Write the same chain in both places.",
        )


def _read_chain(where: str, value: Any) -> int:
    try:
        return require_chain(value)
    except SettingsError as error:
        error.where = where
        raise
