"""Rows that remember every change, so that a table can be shown as it was at any moment."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa


@dataclass(frozen=True)
class Change:
    """What happened to a row.

    Attributes:
        at: When the vendor knew of it.
        cells: What it set; None where it took the row away.
        shown_by: The time by which a filter finds it; None where no filter does.
    """

    at: datetime
    cells: Mapping[str, Any] | None
    shown_by: datetime | None = None


class Row:
    """One row and its changes, the first of which made it."""

    def __init__(self, *changes: Change) -> None:
        self._changes = list(changes)
        self._versions: list[Mapping[str, Any] | None] = []

    @property
    def changes(self) -> Sequence[Change]:
        """In the order of time; those of one moment in the order in which they were told."""
        return self._changes

    def change(self, *changes: Change) -> None:
        """Let more happen to it, at any time after it was made."""
        self._changes = sorted([*self._changes, *changes], key=lambda change: change.at)
        self._versions = []

    def version(self, moment: datetime) -> int:
        """How many changes it had seen by then; 0 before it was made."""
        return bisect_right(self._changes, moment, key=lambda change: change.at)

    def shown_between(self, first: datetime, last: datetime) -> set[int]:
        """The versions that it showed from one moment to another; 0 where it was not there."""
        versions = range(self.version(first), self.version(last) + 1)
        return {version if self.cells(version) is not None else 0 for version in versions}

    def cells(self, version: int) -> Mapping[str, Any] | None:
        """What stood in it after so many changes; None where it was not there."""
        if not self._versions:
            self._versions = [None]
            gone = False
            for change in self._changes:
                gone = gone or change.cells is None
                before = self._versions[-1] or {}
                self._versions.append(None if gone else {**before, **(change.cells or {})})
        return self._versions[version]


@dataclass
class Table:
    """A table of the shop.

    Attributes:
        types: Of every column that it ever has.
        headers: Its columns in their order, each list with the moment since which it holds.
        rows: All that ever were.
    """

    types: Mapping[str, pa.DataType]
    headers: list[tuple[datetime, list[str]]]
    rows: list[Row] = field(default_factory=list)

    def header(self, moment: datetime) -> list[str]:
        """The columns in their order at a moment."""
        return [names for since, names in self.headers if since <= moment][-1]

    def schema(self, moment: datetime) -> pa.Schema:
        """The same with their types."""
        return pa.schema([(name, self.types[name]) for name in self.header(moment)])

    def versions(self, moment: datetime) -> dict[int, int]:
        """The rows that are there at a moment: their numbers, and the version of each."""
        found = ((number, row.version(moment)) for number, row in enumerate(self.rows))
        return {
            number: version
            for number, version in found
            if self.rows[number].cells(version) is not None
        }
