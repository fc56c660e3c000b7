"""A Voucherify whose exports are done at the first look: each is the file that a test gives it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from spaaza_source import voucherify_source
from spaaza_source.windows import iso
from tests.vendors.server import CANARY, Answer, ScriptedServer, Seen
from tests.warehouses import pipeline_into

KEYS = {"app_id": f"{CANARY}-app-id", "app_token": f"{CANARY}-token/+=9d2f"}
CREATED = "2026-05-10T04:00:00.123Z"
DATE = "Sun, 10 May 2026 04:00:01 GMT"


class VoucherifyVendor(ScriptedServer):
    """`files` maps an exported object to its file, or to the files of a split result."""

    def __init__(self, **files: str | list[str]) -> None:
        self.files = files
        self.bodies: list[dict[str, Any]] = []
        #: What time it is there; None for always the same.
        self.clock: Callable[[], datetime] | None = None
        self._created: list[str] = []
        self.deleted: list[str] = []
        self.may_delete = True
        #: What an export looks like; the last word before it is sent.
        self.shown: Callable[[dict[str, Any]], dict[str, Any]] = lambda export: export
        #: Answers the file's host gives before it gives files.
        self.refusals: list[Answer] = []
        #: The headers by which it tells of its limits.
        self.limits: Callable[[], dict[str, str]] = dict
        super().__init__(self._answer)

    def remember(self, exports: int) -> None:
        """Let it have had so many exports: the next one's id follows theirs."""
        self.bodies += [{"exported_object": "voucher", "parameters": {}}] * exports
        self._created += [CREATED] * exports

    def _answer(self, seen: Seen) -> Answer:
        path = urlsplit(seen.path).path
        if path.startswith("/file/"):
            _, _, number, part = path.split("/")
            if self.refusals:
                return self.refusals.pop(0)
            return Answer(200, self._parts(int(number))[int(part)].encode())
        if seen.headers.get("X-App-Token") != KEYS["app_token"]:
            refusal = {"code": 401, "key": "unauthorized", "message": "Unauthorized"}
            return Answer.json(refusal, 401)
        if seen.method == "POST":
            self.bodies.append(json.loads(seen.body))
            self._created.append(iso(self.clock()) if self.clock else CREATED)
            answer = Answer.json(self._export(len(self.bodies), done=False))
        elif path == "/v1/exports":
            query = parse_qs(urlsplit(seen.path).query)
            numbers = range(len(self.bodies), 0, -1) if query["page"] == ["1"] else range(0)
            exports = [self._export(number) for number in numbers]
            answer = Answer.json({"object": "list", "data_ref": "exports", "exports": exports})
        elif seen.method == "DELETE" and not self.may_delete:
            refusal = {"code": 403, "key": "forbidden", "message": "Forbidden"}
            answer = Answer.json(refusal, 403)
        elif seen.method == "DELETE":
            self.deleted.append(path.rsplit("/", 1)[1])
            answer = Answer(204) if self.deleted.count(self.deleted[-1]) == 1 else Answer(404)
        else:
            answer = Answer.json(self._export(int(path.rsplit("_", 1)[1])))
        date = format_datetime(self.clock(), usegmt=True) if self.clock else DATE
        answer.headers.update({"Date": date, **self.limits()})
        return answer

    def _parts(self, number: int) -> list[str]:
        parts = self.files[self.bodies[number - 1]["exported_object"]]
        return [parts] if isinstance(parts, str) else parts

    def _export(self, number: int, *, done: bool = True) -> dict[str, Any]:
        body = self.bodies[number - 1]
        urls = [
            f"{self.base_url}/file/{number}/{part}?token={CANARY}"
            for part in range(len(self._parts(number)))
        ]
        result = {"url": urls[0]} if len(urls) == 1 else {"urls": urls}
        export = {
            "id": f"exp_{number}",
            "object": "export",
            "created_at": self._created[number - 1],
            "status": "DONE" if done else "SCHEDULED",
            "channel": "API",
            "exported_object": body["exported_object"],
            "parameters": body["parameters"],
            "result": result if done else None,
            "user_id": None,
        }
        return self.shown(export)


def load(vendor: VoucherifyVendor, folder: Path, *tables: str, **given: Any) -> Any:
    """Load some tables; what dlt tells of it."""
    quick = {"poll_interval": 0.01, "max_age": 0, "credentials": KEYS, "objects": list(tables)}
    return pipeline_into(folder).run(voucherify_source(vendor.base_url, **{**quick, **given}))
