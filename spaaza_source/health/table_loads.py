"""The loads of one table, as its ledger has them, and what they say of its last one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from spaaza_source.audit import LoadedExport

#: Windows of loads whose lengths differ by no more than this factor are compared.
ALIKE = 1.5


@dataclass(frozen=True)
class TableLoad:
    """The exports of one table that one load has brought.

    Attributes:
        exports: The exports.
    """

    exports: Sequence[LoadedExport]

    @property
    def at(self) -> datetime:
        """When it was, UTC."""
        return max(each.loaded_at for each in self.exports)

    @property
    def rows(self) -> int:
        """The rows of its files that were loaded."""
        return sum(each.loaded for each in self.exports)

    @property
    def rejected(self) -> int:
        """The bad rows of its files."""
        return sum(each.rejected for each in self.exports)

    @property
    def length(self) -> timedelta | None:
        """The time that its windows cover; None where they have no start, or for all rows."""
        total = timedelta(0)
        for export in self.exports:
            if export.window is None or export.window.start is None:
                return None
            total += export.window.end - export.window.start
        return total

    @property
    def nulls(self) -> Mapping[str, float] | None:
        """By column, the share of cells without a value; None where nobody counted them."""
        counted = [each for each in self.exports if each.nulls is not None and each.loaded]
        rows = sum(each.loaded for each in counted)
        if not rows or rows < self.rows:
            return None
        columns = {column for each in counted for column in each.nulls or ()}
        # What one file lacks is NULL in all of its rows.
        missing = {
            column: sum((each.nulls or {}).get(column, each.loaded) for each in counted)
            for column in columns
        }
        return {column: min(1.0, count / rows) for column, count in missing.items()}

    def is_like(self, other: TableLoad) -> bool:
        """Whether both bring all rows, or those of about as much time."""
        length, theirs = self.length, other.length
        if length is None or theirs is None:
            return length is theirs
        return length <= ALIKE * theirs and theirs <= ALIKE * length


def loads_of_table(exports: Sequence[LoadedExport]) -> list[TableLoad]:
    """A table's loads, the oldest first."""
    return [TableLoad(list(each)) for _, each in groupby(exports, key=lambda each: each.load)]


def loaded_until(loads: Sequence[TableLoad]) -> datetime | None:
    """Up to when a table has the vendor's rows: to the end of a window, or when all were exported.

    None where nobody knows when its files were exported.
    """
    ends = (end for load in loads for export in load.exports if (end := _end(export)) is not None)
    return max(ends, default=None)


def _end(export: LoadedExport) -> datetime | None:
    if export.is_given and export.window is None:
        return None
    made = min(export.created_at or export.loaded_at, export.loaded_at)
    return min(export.window.end, made) if export.window else made


def alike(loads: Sequence[TableLoad]) -> Iterator[TableLoad]:
    """The loads before the last one that it can be compared with.

    Those of windows are of the same weekday: sales of a Monday are no sales of a Saturday.
    """
    *earlier, last = loads
    for load in earlier:
        is_same_day = last.length is None or load.at.weekday() == last.at.weekday()
        if is_same_day and last.is_like(load):
            yield load
