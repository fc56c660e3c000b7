"""A Tasks API whose exports are done at once: each is the file that a test gives it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from spaaza_source.windows import iso
from tests.vendors.server import Answer, ScriptedServer, Seen


class FileVendor(ScriptedServer):
    """A Tasks API whose every export is done at once and is the file that a test gives it.

    `files` maps the vendor's name of an index to the file of its next exports; change it between
    loads. `tasks` holds the bodies that were posted, `chain` is the chain that they belong to.
    """

    chain = 1743

    def __init__(self, **files: bytes) -> None:
        self.files = {name.replace("_", "-"): file for name, file in files.items()}
        self.tasks: list[dict[str, Any]] = []
        super().__init__(self._answer)

    def _answer(self, seen: Seen) -> Answer:
        if seen.method == "POST":
            self.tasks.append(json.loads(seen.body))
            return Answer.json(self._task(len(self.tasks), "READY"), 201)
        if seen.path.startswith("/tasks?"):
            numbers = range(1, len(self.tasks) + 1)
            return Answer.json([self._task(number, "DONE") for number in numbers])
        number = int(seen.path.split("?")[0].split("/")[2])
        if seen.path.endswith("/download_url"):
            return Answer.json({"url": f"{self.base_url}/file/{number}?sig=canary"})
        if seen.path.startswith("/file/"):
            return Answer(200, self.file(number))
        return Answer.json(self._task(number, "DONE"))

    def file(self, number: int) -> bytes:
        """The file of the export with that number, counted from 1."""
        return self.files[self.tasks[number - 1]["target"]["export_index"]]

    def _task(self, number: int, code: str) -> dict[str, Any]:
        desc = self.tasks[number - 1]["desc"]
        return {"id": number, "chain": self.chain, "desc": desc, "state": {"code": code}}


class DatedVendor(FileVendor):
    """One that tells when its tasks were made: later runs adopt them."""

    def __init__(self, **files: bytes) -> None:
        super().__init__(**files)
        self._made = iso(datetime.now(UTC))

    def _task(self, number: int, code: str) -> dict[str, Any]:
        task = super()._task(number, code)
        task["state"]["created_date"] = task["state"]["last_modified"] = self._made
        return task
