"""A Voucherify that works, but for the answers that a test puts in the place of its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from spaaza_source.exports.jobs import ExportService
from spaaza_source.exports.request import ExportRequest
from spaaza_source.transport.clock import Clock
from spaaza_source.voucherify.credentials import AppKeys
from spaaza_source.voucherify.export_service import VoucherifyExports
from spaaza_source.voucherify.exports_api import ExportsApi, make_client
from spaaza_source.voucherify.filters import add_window
from spaaza_source.voucherify.objects import object_named
from spaaza_source.windows import Window
from tests.vendors.scripted import SECRET, ScriptedVendor
from tests.vendors.server import Answer, Seen

CREATED = "2026-05-26T12:00:00.000Z"
KEYS = {"app_id": "canary-app-id", "app_token": SECRET}


class ScriptedExports(ScriptedVendor):
    """Every export is the same file; a GET of one that was seen DONE is for its link.

    Args:
        states: What an export's status is at one look after the other; the last for ever.
        created: When every export was created.
        result: What that of a finished one looks like, of a link.
        file: What is exported.
        clock: Tells the `Date` of every answer; None for answers without.
    """

    SUBJECTS = ("redemption", "voucher", "customer", "order")
    FRESH = "SCHEDULED"
    SAID = 200

    def __init__(
        self,
        *states: str,
        created: Any = CREATED,
        result: Callable[[str], Any] = lambda url: {"url": url},
        file: bytes = b"ID\n1\n",
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.created = created
        self.result = result
        super().__init__(*states, file=file, clock=clock)

    def service(self, clock: Clock) -> ExportService:
        keys = app_keys()
        return VoucherifyExports(ExportsApi(make_client(self.base_url, keys, clock)), keys)

    def request(self, window: Window | None = None, subject: str | None = None) -> ExportRequest:
        each = object_named(subject or self.SUBJECTS[0])
        filters = add_window(None, each.time_filters, window)
        return ExportRequest(
            each.table,
            each.exported_object,
            app_keys().account(),
            window=window,
            selection={
                "order": each.order,
                "fields": ["id"],
                **({"filters": filters} if filters else {}),
            },
        )

    def job_id(self, number: int) -> str:
        return f"exp_{number}"

    def refusal(self, status: int, key: str, words: str) -> Answer:
        body = {"code": status, "key": key, "message": words, "request_id": "v-1"}
        return Answer.json(body, status)

    def as_json(self, number: int) -> dict[str, Any]:
        return {
            "id": self.job_id(number),
            "object": "export",
            "created_at": self.created,
            "status": self.state_of(number),
            "channel": "API",
            "result": self.result(self.link(number)) if self._is_done(number) else None,
            "user_id": None,
            **self.bodies[number - 1],
        }

    def link(self, number: int) -> str:
        """Where the file of an export lies."""
        del number
        return f"{self.base_url}/file?token=canary"

    def place_of(self, seen: Seen) -> tuple[str, int]:
        path = urlsplit(seen.path).path
        if seen.method == "POST":
            return "create", 0
        if path == "/v1/exports":
            page = parse_qs(urlsplit(seen.path).query)["page"]
            return "list" if page == ["1"] else "end of list", 0
        if path.startswith("/file"):
            return "file", 0
        number = int(path.removeprefix("/v1/exports/exp_"))
        return "link" if self._is_done(number) else "look", number

    def _is_done(self, number: int) -> bool:
        return self.state_of(number).upper() == "DONE"

    def found(self, place: str, number: int) -> Any:
        if place not in ("list", "end of list"):
            return self.as_json(number)
        numbers = range(len(self.bodies), 0, -1) if place == "list" else ()
        exports = [self.as_json(number) for number in numbers]
        return {"object": "list", "data_ref": "exports", "exports": exports, "total": len(exports)}


def app_keys() -> AppKeys:
    """The key that `KEYS` tell of."""
    keys = AppKeys()
    keys.update(KEYS)
    return keys


def export_without(*names: str, **changed: Any) -> dict[str, Any]:
    """The first export, with something missing or otherwise than it should be."""
    export: dict[str, Any] = {"id": "exp_1", "status": "DONE", "result": None, **changed}
    return {name: value for name, value in export.items() if name not in names}
