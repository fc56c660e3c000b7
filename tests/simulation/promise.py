"""What the tables must hold: the shop's own history, put together as the documents promise.

From an export the table takes every row that it brings, as it was when the export ran; a window's
rows take the place of those that the table has of its time, all rows that of everything. What a
table then lacks of the truth must be excused: it came or changed later than the lag after its
time, its time is after the window, or no filter shows it and all rows have come less than
`snapshot_every` days ago.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from spaaza_source.windows import MARGIN, parse_instant
from tests.simulation.rows import Change, Table

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Export:
    """An export that was loaded, as the vendor knows it.

    Attributes:
        at: When it ran.
        start: The begin of its window; None for the begin of all time.
        end: The end of its window; None for all rows.
        fields: The fields that it was filtered by.
    """

    at: datetime
    start: datetime | None = None
    end: datetime | None = None
    fields: Sequence[str] = ()

    @classmethod
    def of(cls, task: Mapping[str, Any]) -> Export:
        """From a task of the Tasks API."""
        at = parse_instant(task["state"]["last_run_date"], "last_run_date")
        found = task["trigger"].get("segment", {}).get("rules", [])
        # The others are the user's own filter: his table has no other rows.
        rules = [rule for rule in found if "end_date" in rule]
        if not rules:
            return cls(at)
        start, end = rules[0].get("start_date"), parse_instant(rules[0]["end_date"], "end_date")
        return cls(
            at,
            None if start is None else parse_instant(start, "start_date") + MARGIN,
            end - MARGIN,
            [rule["field_name"] for rule in rules],
        )

    def holds(self, moment: datetime | None, margin: timedelta = timedelta(0)) -> bool:
        """Whether a moment lies in its window."""
        if moment is None or self.end is None:
            return self.end is None
        return (self.start is None or self.start - margin <= moment) and moment < self.end + margin


@dataclass
class Promise:
    """What one table must hold.

    Attributes:
        table: The shop's own.
        lag: The setting.
        snapshot_every: The setting.
        held: By row the version that the table must hold.
        last: The exports that were loaded last, as if they were one: the first of them.
        last_at: When the last of these ran.
        whole_at: When all rows came last.
    """

    table: Table
    lag: timedelta = DAY
    snapshot_every: timedelta = 7 * DAY
    held: dict[int, int] = field(default_factory=dict)
    last: Export | None = None
    last_at: datetime | None = None
    whole_at: datetime | None = None

    def copy(self) -> Promise:
        """The same, apart from what comes."""
        return replace(self, held=dict(self.held))

    def load(self, exports: Sequence[Export], begun: datetime) -> str | None:
        """Take in the exports of one load, in the order of time; what is wrong with them.

        Args:
            exports: Of the load.
            begun: When the load was begun that asked for them.
        """
        wrong = self._wrong_with(exports, begun)
        brought: set[int] = set()
        if exports[0].start is None:
            # In one export, or in the pieces of one that failed.
            self.held = {}
            self.whole_at = exports[0].at
        for export in exports:
            if len(export.fields) < 2:
                self._replace(export)
            else:
                brought |= self._merge(export, brought)
        # Windows are exported one after the other: what is promised is the truth of the first.
        first_at, self.last_at = (pick(export.at for export in exports) for pick in (min, max))
        self.last = replace(exports[-1], at=first_at, start=exports[0].start)
        return wrong

    def rows(self) -> list[Mapping[str, Any]]:
        """What the table must hold."""
        return [
            cells
            for row, version in self.held.items()
            if (cells := self.table.rows[row].cells(version)) is not None
        ]

    def missing(self) -> dict[int, Change]:
        """The rows that differ from the truth of the last export, each with a change of its own
        that is not excused.
        """
        assert self.last is not None
        truth = self.table.versions(self.last.at)
        inexcusable: dict[int, Change] = {}
        for number in truth.keys() | self.held.keys():
            row = self.table.rows[number]
            known = self.held.get(number, 0)
            for change in row.changes[known : row.version(self.last.at)]:
                if not self._is_excused(change):
                    inexcusable[number] = change
        return inexcusable

    def differing(self) -> int:
        """How many rows are as they were at no moment of the last exports, excused or not."""
        assert self.last is not None
        assert self.last_at is not None
        moments = (self.last.at, self.last_at)
        return sum(
            self.held.get(number, 0) not in row.shown_between(*moments)
            for number, row in enumerate(self.table.rows)
        )

    def _wrong_with(self, exports: Sequence[Export], begun: datetime) -> str | None:
        first, last = exports[0], exports[-1]
        begun = begun.replace(microsecond=0)
        if min(export.at for export in exports) < begun:
            return f"it was exported at {first.at}, before the load that began at {begun}"
        if any(one.end != other.start for one, other in pairwise(exports)):
            windows = ", ".join(f"{export.start} to {export.end}" for export in exports)
            return f"its windows overlap, or leave a gap: {windows}"
        if last.end is not None:
            if last.end < begun - timedelta(seconds=1):
                return f"its last window ends at {last.end}, before the load began at {begun}"
            before = None if self.last is None else self.last.end or self.last.at
            if first.start is not None and (before is None or first.start > before - self.lag):
                return f"it begins at {first.start}, the last load ended at {before}"
        if len(first.fields) > 1 and first.start is not None:
            at = self.whole_at
            if at is None or last.at - at > self.snapshot_every + DAY / 2:
                return f"all rows came last at {at}"
        return None

    def _replace(self, export: Export) -> None:
        for number in [*self.held]:
            if export.holds(self._shown_by(number, export)):
                del self.held[number]
        for number, version in self.table.versions(export.at).items():
            if export.holds(self._shown_by(number, export)):
                self.held[number] = version

    def _merge(self, export: Export, brought: set[int]) -> set[int]:
        fitting: set[int] = set()
        for number, version in self.table.versions(export.at).items():
            cells = self.table.rows[number].cells(version) or {}
            if any(export.holds(cells.get(name), MARGIN) for name in export.fields):
                fitting.add(number)
                if number not in brought:
                    self.held[number] = version
        return fitting

    def _shown_by(self, number: int, export: Export) -> datetime | None:
        return self.table.rows[number].changes[0].shown_by if export.fields else None

    def _is_excused(self, change: Change) -> bool:
        assert self.last is not None
        if self.last.end is None:
            return False
        whole, shown_by = self.last.start is None, change.shown_by
        if shown_by is None:
            # A filter would have shown it, were there one.
            return bool(self.last.fields) and not whole
        return shown_by >= self.last.end or (change.at - shown_by > self.lag and not whole)
