"""A vendor that works, but for the answers that a test puts in the place of its own.

What each vendor's API looks like is left to `scripted_tasks` and `scripted_exports`.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from typing import Any, ClassVar, Literal

from spaaza_source.exports.jobs import ExportService
from spaaza_source.exports.request import ExportRequest
from spaaza_source.transport.clock import Clock
from spaaza_source.windows import Window
from tests.vendors.server import Answer, ScriptedServer, Seen

#: The calls, by what they are for.
Call = Literal["list", "create", "look", "link", "execute"]
CALLS: tuple[Call, ...] = ("list", "create", "look", "link")

SECRET = "canary-secret-5d1e"


class ScriptedVendor(ScriptedServer, ABC):
    """Every export is the same file.

    Args:
        states: What a job's state is at one look after the other; the last for ever.
        file: What is exported.
        clock: Tells the `Date` of every answer; None for answers without.
    """

    #: What can be asked for, in the vendor's words; the first unless another is named.
    SUBJECTS: ClassVar[tuple[str, ...]]
    #: The state of a job that nobody has looked at.
    FRESH: ClassVar[str]
    #: With which HTTP status it says that one was created.
    SAID: ClassVar[int]

    def __init__(
        self,
        *states: str,
        file: bytes = b"id\n1\n",
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.states = states or ("DONE",)
        self.file = file
        self.clock = clock
        self.bodies: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self._looks: Counter[int] = Counter()
        self._first: dict[str, list[Answer | None]] = {}
        self._always: dict[str, Answer] = {}
        self._created_all_the_same = False
        super().__init__(self._answer)

    def first(self, place: Call, *answers: Answer | None, created: bool = False) -> None:
        """These answers, then its own; None is its own too.

        `created` is whether it does what they leave open.
        """
        self._first[place] = list(answers)
        self._created_all_the_same = created

    def always(self, place: Call, answer: Answer) -> None:
        """This answer and no other."""
        self._always[place] = answer

    def asked(self, place: str) -> int:
        """How often."""
        return self.calls.count(place)

    def state_of(self, number: int) -> str:
        """What was told of a job last; jobs are counted from 1."""
        if not self._looks[number]:
            return self.FRESH
        return self.states[min(self._looks[number], len(self.states)) - 1]

    @abstractmethod
    def service(self, clock: Clock) -> ExportService:
        """The client of this vendor, with credentials that hold the secret."""

    @abstractmethod
    def request(self, window: Window | None = None, subject: str | None = None) -> ExportRequest:
        """What a run asks for."""

    @abstractmethod
    def job_id(self, number: int) -> str:
        """How the vendor calls a job."""

    @abstractmethod
    def refusal(self, status: int, key: str, words: str) -> Answer:
        """An error as the vendor words it."""

    @abstractmethod
    def as_json(self, number: int) -> dict[str, Any]:
        """A job as the API shows it."""

    @abstractmethod
    def place_of(self, seen: Seen) -> tuple[str, int]:
        """What a call is for, and which job; 0 for none."""

    @abstractmethod
    def found(self, place: str, number: int) -> Any:
        """What the API answers to a GET."""

    def file_for(self, seen: Seen) -> Answer:
        """What the host of the files answers."""
        del seen
        return Answer(200, self.file)

    def _answer(self, seen: Seen) -> Answer:
        answer = self._undated(seen)
        if self.clock is not None:
            answer.headers["Date"] = format_datetime(self.clock(), usegmt=True)
        return answer

    def _undated(self, seen: Seen) -> Answer:
        place, number = self.place_of(seen)
        self.calls.append(place)
        scripted = self._scripted(place)
        if place == "create" and (scripted is None or self._created_all_the_same):
            self.bodies.append(json.loads(seen.body))
        if scripted is not None:
            return scripted
        if place == "create":
            return Answer.json(self.as_json(len(self.bodies)), self.SAID)
        if place == "file":
            return self.file_for(seen)
        self._looks[number] += place == "look"
        return Answer.json(self.found(place, number))

    def _scripted(self, place: str) -> Answer | None:
        if self._first.get(place):
            return self._first[place].pop(0)
        return self._always.get(place)
