"""What the sandbox's tests share: a clock they move, and a client that speaks plain HTTP."""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import requests

from spaaza_source.sandbox import Sandbox, SandboxSettings, Shop

NOON = datetime(2026, 5, 26, 12, tzinfo=UTC)


class Clock:
    """Stands still until a test moves it."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **passed: float) -> None:
        self.now += timedelta(**passed)


class Client:
    """Requests to one sandbox, with its access token unless told otherwise."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.http = requests.Session()
        token = sandbox.credentials
        bearer = f"{token['access_token_id']}:{token['access_token_secret']}"
        self.bearer = {"Authorization": f"Bearer {bearer}"}
        self.admin = {
            "X-Spaaza-Session-User-Id": sandbox.session["session_user_id"],
            "X-Spaaza-Session-Key": sandbox.session["session_key"],
            "X-Spaaza-Session-Chain-Id": str(sandbox.chain_id),
        }

    def get(
        self, path: str, headers: dict[str, str] | None = None, **query: str | int
    ) -> requests.Response:
        return self.http.get(
            self.sandbox.base_url + path,
            params=query,
            headers=self.bearer if headers is None else headers,
            timeout=30,
        )

    def post(
        self, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> requests.Response:
        return self.http.post(
            self.sandbox.base_url + path,
            json=body,
            headers=self.bearer if headers is None else headers,
            timeout=30,
        )

    def create(self, index: str = "users", **changes: Any) -> dict[str, Any]:
        answer = self.post("/tasks", task_body(index, **changes))
        assert answer.status_code == 201, answer.text
        task: dict[str, Any] = answer.json()
        return task

    def task(self, task: dict[str, Any], **query: int) -> dict[str, Any]:
        answer = self.get(f"/tasks/{task['id']}", None, **query)
        assert answer.status_code == 200, answer.text
        seen: dict[str, Any] = answer.json()
        return seen

    def state(self, task: dict[str, Any]) -> str:
        code: str = self.task(task)["state"]["code"]
        return code

    def link(self, task: dict[str, Any]) -> str:
        answer = self.get(f"/tasks/{task['id']}/download_url")
        assert answer.status_code == 200, answer.text
        url: str = answer.json()["url"]
        return url

    def export(self, index: str, *rules: dict[str, Any], join: str = "all") -> bytes:
        """The file of a task that has run, for rules without a field type a `date`."""
        trigger: dict[str, Any] = {"once": "2026-05-26T12:00:00Z"}
        if rules:
            typed = [{"field_type": "date", **rule} for rule in rules]
            trigger["segment"] = segment(index, *typed, join=join)
        task = self.create(index, trigger=trigger)
        return self.http.get(self.link(task), timeout=30).content

    def rows(self, index: str, *rules: dict[str, Any], join: str = "all") -> list[dict[str, str]]:
        return read_rows(self.export(index, *rules, join=join))


def task_body(index: str = "users", **changes: Any) -> dict[str, Any]:
    return {
        "chain": 1743,
        "desc": "An export",
        "target": {"action": "export", "export_index": index, "export_format": "csv"},
        "trigger": {"once": "2026-05-26T12:00:00Z"},
        **changes,
    }


def segment(index: str, *rules: Any, join: str = "all") -> dict[str, Any]:
    return {
        "entity": "people",
        "index": index,
        "join": join,
        "chain_id": 1743,
        "rules": list(rules),
    }


def read_rows(file: bytes) -> list[dict[str, str]]:
    text = io.StringIO(file.decode(), newline="")
    lines = list(csv.reader(text, strict=True))
    assert {len(line) for line in lines} == {len(lines[0])}
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


@contextmanager
def running(
    clock: Clock | None = None, shop: Shop | None = None, **settings: Any
) -> Iterator[Client]:
    chosen = SandboxSettings(**{"rows": 50, "clock": clock or Clock(), **settings})
    with Sandbox(chosen, shop) as sandbox:
        client = Client(sandbox)
        with client.http:
            yield client


class OneTable:
    """A shop whose every index is one table, which a test may replace."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def schema(self, _index: str) -> pa.Schema:
        return self.table.schema

    def blocks(self, _index: str, _at: datetime, _near: object) -> Iterator[pa.Table]:
        yield self.table

    def bulk_users(self, _at: datetime) -> Iterator[pa.Table]:
        yield self.table
