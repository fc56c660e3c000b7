"""A Tasks API that works, but for the answers that a test puts in the place of its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from spaaza_source.exports.jobs import ExportService
from spaaza_source.exports.request import ExportRequest
from spaaza_source.spaaza.credentials import AccessToken
from spaaza_source.spaaza.export_service import SpaazaExports
from spaaza_source.spaaza.tasks_api import TasksApi, make_client
from spaaza_source.transport.clock import Clock
from spaaza_source.windows import Window
from tests.vendors.scripted import SECRET, ScriptedVendor
from tests.vendors.server import Answer, Seen

CHAIN = 1743


class ScriptedTasks(ScriptedVendor):
    """Every task is the same file.

    Args:
        states: What a task's state is at one look after the other; the last for ever.
        dates: More of its `state`.
        logs: Its log.
        file: What is exported.
        clock: Tells the `Date` of every answer; None for answers without.
    """

    SUBJECTS = ("users", "vouchers", "products", "transactions")
    FRESH = "READY"
    SAID = 201

    def __init__(
        self,
        *states: str,
        dates: dict[str, Any] | None = None,
        logs: Any = None,
        file: bytes = b"id\n1\n",
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.dates = dates or {}
        self.logs = logs
        super().__init__(*states, file=file, clock=clock)

    def service(self, clock: Clock) -> ExportService:
        token = AccessToken()
        token.update({"access_token_id": "id", "access_token_secret": SECRET})
        api = TasksApi(make_client(self.base_url, CHAIN, token, clock))
        return SpaazaExports(api, CHAIN, start_margin=timedelta(0))

    def request(self, window: Window | None = None, subject: str | None = None) -> ExportRequest:
        subject = subject or self.SUBJECTS[0]
        return ExportRequest(subject, subject, str(CHAIN), window=window)

    def job_id(self, number: int) -> str:
        return str(number)

    def refusal(self, status: int, key: str, words: str) -> Answer:
        return Answer.json({"error": {"name": key, "description": words}}, status)

    def as_json(self, number: int) -> dict[str, Any]:
        state = {"code": self.state_of(number), **self.dates}
        return {**self.bodies[number - 1], "id": number, "state": state, "logs": self.logs}

    def place_of(self, seen: Seen) -> tuple[str, int]:
        path = seen.path.partition("?")[0]
        if seen.method == "POST":
            return ("execute", int(path.split("/")[2])) if path != "/tasks" else ("create", 0)
        if path == "/tasks":
            return "list", 0
        if path.startswith("/file"):
            return "file", 0
        return "link" if path.endswith("/download_url") else "look", int(path.split("/")[2])

    def found(self, place: str, number: int) -> Any:
        if place == "list":
            return [self.as_json(number + 1) for number in range(len(self.bodies))]
        if place == "execute":
            return self.as_json(number)["state"]
        if place == "link":
            return {"url": f"{self.base_url}/file?sig=canary"}
        return self.as_json(number)


def task_without(*names: str, **changed: Any) -> dict[str, Any]:
    """The first task, with something missing or otherwise than it should be."""
    task: dict[str, Any] = {"id": 1, "chain": CHAIN, "state": {"code": "DONE"}, **changed}
    return {name: value for name, value in task.items() if name not in names}
