"""The limit of exports that run at the vendor at one time, shared by the runs of several accounts.

The runs have an order. As long as one has something to ask for, none after it asks: so exports that
are asked for ahead keep no load from its own.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Protocol

from spaaza_source.exports.export import Phase
from spaaza_source.exports.table_exports import TableExports


class LimitedRun(Protocol):
    """A run that shares a limit."""

    #: How many exports of all runs may be under way where it asks for one more.
    most: int
    #: Whether none of its tables has begun yet.
    is_awaited: bool

    def live(self) -> Sequence[TableExports]:
        """Its tables that somebody waits for."""

    def is_asking(self) -> bool:
        """Whether it has something to ask for now, or does not know yet."""

    def look_again(self) -> None:
        """Be told that another run has changed."""


class SharedLimit:
    """Which of several runs may ask for one more export; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: list[LimitedRun] = []
        #: Exports that are being asked for, and that no run counts yet.
        self._being_asked = 0

    def join(self, run: LimitedRun) -> None:
        """Add a run, after those that are there."""
        with self._lock:
            self._runs.append(run)

    def leave(self, run: LimitedRun) -> None:
        """Take out a run that begins nothing any more."""
        with self._lock:
            self._runs.remove(run)
        self.tell_others(run)

    def take(self, run: LimitedRun) -> bool:
        """Take a place for one more export of a run; False where it has to wait, or has left."""
        with self._lock:
            if run not in self._runs:
                return False
            before = self._runs[: self._runs.index(run)]
            if any(each.is_asking() for each in before):
                return False
            under_way = sum(count_under_way(each.live()) for each in self._runs)
            if under_way + self._being_asked >= run.most:
                return False
            self._being_asked += 1
            return True

    def give_back(self) -> None:
        """Give a place back: the export has been asked for, and is counted by its run; or not."""
        with self._lock:
            self._being_asked -= 1

    def tell_others(self, run: LimitedRun) -> None:
        """Tell the other runs that this one has changed."""
        with self._lock:
            others = [each for each in self._runs if each is not run]
        for each in others:
            each.look_again()


def count_under_way(tables: Iterable[TableExports]) -> int:
    """How many exports of some tables wait or run at the vendor."""
    return sum(table.count(Phase.EXPORTING) for table in tables)
