"""A Tasks API that works, but for the answers that a test puts in the place of its own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Literal

from tests.vendors import Answer, ScriptedServer, Seen

#: The calls, by what they are for.
Place = Literal["list", "create", "look", "link"]
PLACES: tuple[Place, ...] = ("list", "create", "look", "link")

CHAIN = 1743


class ScriptedTasks(ScriptedServer):
    """Every export is the same file.

    Args:
        states: What a task's state is at one look after the other; the last for ever.
        dates: More of its `state`.
        logs: Its log.
        file: What is exported.
        clock: Tells the `Date` of every answer; None for answers without.
    """

    def __init__(
        self,
        *states: str,
        dates: dict[str, Any] | None = None,
        logs: Any = None,
        file: bytes = b"id\n1\n",
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.states = states or ("DONE",)
        self.file = file
        self.clock = clock
        self.dates = dates or {}
        self.logs = logs
        self.tasks: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self._looks: Counter[int] = Counter()
        self._first: dict[str, list[Answer]] = {}
        self._always: dict[str, Answer] = {}
        self._created_all_the_same = False
        super().__init__(self._answer)

    def first(self, place: Place, *answers: Answer, created: bool = False) -> None:
        """These answers, then its own; `created` is whether it does what they leave open."""
        self._first[place] = list(answers)
        self._created_all_the_same = created

    def always(self, place: Place, answer: Answer) -> None:
        """This answer and no other."""
        self._always[place] = answer

    def asked(self, place: str) -> int:
        """How often."""
        return self.calls.count(place)

    def as_json(self, number: int) -> dict[str, Any]:
        """A task as the API shows it; they are counted from 1."""
        posted = self.tasks[number - 1]
        code = self.states[min(self._looks[number], len(self.states)) - 1]
        if not self._looks[number]:
            code = "READY"
        state = {"code": code, **self.dates}
        return {**posted, "id": number, "state": state, "logs": self.logs}

    def _answer(self, seen: Seen) -> Answer:
        answer = self._undated(seen)
        if self.clock is not None:
            answer.headers["Date"] = format_datetime(self.clock(), usegmt=True)
        return answer

    def _undated(self, seen: Seen) -> Answer:
        place = self._place_of(seen)
        self.calls.append(place)
        scripted = self._scripted(place)
        if place == "create" and (scripted is None or self._created_all_the_same):
            self.tasks.append(json.loads(seen.body))
        if scripted is not None:
            return scripted
        if place == "create":
            return Answer.json(self.as_json(len(self.tasks)), 201)
        if place == "list":
            return Answer.json([self.as_json(number + 1) for number in range(len(self.tasks))])
        if place == "file":
            return Answer(200, self.file)
        number = int(seen.path.split("?")[0].split("/")[2])
        if place == "link":
            return Answer.json({"url": f"{self.base_url}/file?sig=canary"})
        self._looks[number] += 1
        return Answer.json(self.as_json(number))

    def _scripted(self, place: str) -> Answer | None:
        if self._first.get(place):
            return self._first[place].pop(0)
        return self._always.get(place)

    @staticmethod
    def _place_of(seen: Seen) -> str:
        if seen.method == "POST":
            return "create"
        if seen.path.startswith("/tasks?"):
            return "list"
        if seen.path.startswith("/file"):
            return "file"
        return "link" if seen.path.endswith("/download_url") else "look"


def task_without(*names: str, **changed: Any) -> dict[str, Any]:
    """The first task, with something missing or otherwise than it should be."""
    task: dict[str, Any] = {"id": 1, "chain": CHAIN, "state": {"code": "DONE"}, **changed}
    return {name: value for name, value in task.items() if name not in names}
