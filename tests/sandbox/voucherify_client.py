"""What the tests of the sandbox's Voucherify share: a client that speaks plain HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pyarrow as pa
import requests

from spaaza_source.sandbox import Project, Sandbox, SandboxSettings
from tests.sandbox.sandbox_client import Clock, read_rows

Row = dict[str, str]


class VoucherifyClient:
    """Requests to one sandbox, with its app id and token unless told otherwise."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.http = requests.Session()
        known = sandbox.voucherify_credentials
        self.app = {"X-App-Id": known["app_id"], "X-App-Token": known["app_token"]}

    def ask(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> requests.Response:
        url = path if path.startswith("http") else self.sandbox.base_url + path
        chosen = self.app if headers is None else headers
        return self.http.request(method, url, headers=chosen, timeout=30, **more)

    def post(self, exported_object: str, **parameters: Any) -> requests.Response:
        body = {"exported_object": exported_object, "parameters": parameters}
        return self.ask("POST", "/v1/exports", json=body)

    def create(self, exported_object: str = "voucher", **parameters: Any) -> str:
        answer = self.post(exported_object, **parameters)
        assert answer.status_code == 200, answer.text
        export_id: str = answer.json()["id"]
        return export_id

    def export(self, export_id: str) -> dict[str, Any]:
        answer = self.ask("GET", f"/v1/exports/{export_id}")
        assert answer.status_code == 200, answer.text
        export: dict[str, Any] = answer.json()
        return export

    def status(self, export_id: str) -> str:
        status: str = self.export(export_id)["status"]
        return status

    def url(self, export_id: str) -> str:
        url: str = self.export(export_id)["result"]["url"]
        return url

    def file(self, exported_object: str, **parameters: Any) -> bytes:
        answer = self.ask("GET", self.url(self.create(exported_object, **parameters)))
        assert answer.status_code == 200, answer.text
        return answer.content

    def rows(self, exported_object: str, *fields: str, **parameters: Any) -> list[Row]:
        """The rows of an export under the names of the fields, which must be as many."""
        if fields:
            parameters["fields"] = list(fields)
        rows = read_rows(self.file(exported_object, **parameters))
        if not fields:
            return rows
        return [dict(zip(fields, row.values(), strict=True)) for row in rows]


@contextmanager
def voucherify(
    clock: Clock | None = None, project: Project | None = None, **settings: Any
) -> Iterator[VoucherifyClient]:
    chosen = SandboxSettings(**{"rows": 50, "clock": clock or Clock(), **settings})
    with Sandbox(chosen, project=project) as sandbox:
        client = VoucherifyClient(sandbox)
        with client.http:
            yield client


class OneProject:
    """A project whose every object is one table, which a test may replace."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self.asked_at: list[datetime] = []

    def schema(self, _object: str) -> pa.Schema:
        return self.table.schema

    def blocks(self, _object: str, at: datetime) -> Iterator[pa.Table]:
        self.asked_at.append(at)
        yield self.table
