"""A Tasks API that turns out one way or another, wherever its documents leave it open."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from spaaza_source.windows import iso, parse_instant
from tests.vendors.server import Answer, ScriptedServer, Seen


@dataclass(frozen=True)
class Ways:
    """How it turns out.

    Attributes:
        ahead: How far its filter's time is ahead of UTC.
        inclusive: Whether rows at the start, and at the end of a window are in it.
        whole_days: Whether its filter takes whole days.
        nothing: Its file without a row.
        runs: Whether a task of the past, and one of the future, runs by itself.
        column: What its files call the time of a row.
        every: How far apart its rows are.
        hours: Between which hours of a day they are.
        without: Indexes without a row.
    """

    ahead: timedelta = timedelta(0)
    inclusive: tuple[bool, bool] = (True, True)
    whole_days: bool = False
    nothing: bytes | None = None
    runs: tuple[bool, bool] = (True, True)
    column: str | None = None
    every: timedelta | None = timedelta(hours=1)
    hours: tuple[int, int] = (0, 24)
    without: tuple[str, ...] = ()


class OpenVendor(ScriptedServer):
    """Rows lie a while apart, from long ago up to now."""

    def __init__(self, ways: Ways) -> None:
        self.ways = ways
        self.tasks: list[dict[str, Any]] = []
        self.executed: set[int] = set()
        super().__init__(self._answer)

    def _answer(self, seen: Seen) -> Answer:
        path = seen.path.partition("?")[0]
        if seen.method == "POST" and path == "/tasks":
            self.tasks.append(json.loads(seen.body))
            return Answer.json(self._task(len(self.tasks)), 201)
        if path == "/tasks":
            return Answer.json([self._task(number + 1) for number in range(len(self.tasks))])
        number = int(path.split("/")[2])
        if path.endswith("/execute"):
            self.executed.add(number)
            return Answer.json({"code": "DONE"})
        if path.endswith("/download_url"):
            return Answer.json({"url": f"{self.base_url}/file/{number}"})
        if path.startswith("/file"):
            return Answer(200, self._file(self.tasks[number - 1]))
        return Answer.json(self._task(number))

    def _task(self, number: int) -> dict[str, Any]:
        body = self.tasks[number - 1]
        is_early = "2100" in json.dumps(body)
        runs = self.ways.runs[0 if is_early else 1] or number in self.executed
        state = {"code": "DONE" if runs else "READY"}
        return {**body, "id": number, "state": state}

    def _file(self, body: dict[str, Any]) -> bytes:
        index = body["target"]["export_index"]
        (rule,) = body["trigger"]["segment"]["rules"]
        column = self.ways.column or rule["field_name"]
        header = f"id,{column}\n".encode()
        if index.startswith("product"):
            return header if self.ways.nothing is None else self.ways.nothing
        start, end = (
            parse_instant(rule[name], name) - self.ways.ahead for name in ("start_date", "end_date")
        )
        moments = [] if index in self.ways.without else self._moments(start, end)
        rows = [moment for moment in moments if self._has(moment, start, end)]
        if not rows and self.ways.nothing is not None:
            return self.ways.nothing
        lines = (f"{number},{iso(moment)}\n".encode() for number, moment in enumerate(rows))
        return header + b"".join(lines)

    def _moments(self, start: datetime, end: datetime) -> Sequence[datetime]:
        every, now = self.ways.every, datetime.now(UTC)
        if every is None:
            return []
        day = timedelta(days=1)
        first = start.replace(hour=0, minute=0, second=0) - day
        count = int(min(end + 2 * day, now).timestamp() - first.timestamp()) // every.seconds
        moments = (first + number * every for number in range(max(0, count)))
        opens, closes = self.ways.hours
        return [moment for moment in moments if opens <= moment.hour < closes]

    def _has(self, moment: datetime, start: datetime, end: datetime) -> bool:
        if self.ways.whole_days:
            return start.date() <= moment.date() <= end.date()
        at_start, at_end = self.ways.inclusive
        after = moment >= start if at_start else moment > start
        return after and (moment <= end if at_end else moment < end)
