"""The delete guard: stops a load that would delete too many rows of a table.

A snapshot deletes the rows that its file does not bring, a window those of its range. A few are
deletions at the vendor. Many are more likely a fault of the export. What counts is what the
destination holds, whoever loaded it, and each window for itself: one that comes empty among many is
a small share of a table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from dlt.common import logger
from dlt.common.destination.exceptions import SqlClientNotAvailable
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from spaaza_source.destination import (
    ask,
    current_pipeline,
    fetch_chunks,
    quote_in_scope,
    window_scope,
)
from spaaza_source.errors import TooManyDeletionsError
from spaaza_source.exports import RELOAD, Export
from spaaza_source.retention import Age
from spaaza_source.settings import require_flag, require_number
from spaaza_source.windows import Window
from spaaza_source.writing.keys import count_among, is_in

#: So many rows may always be deleted, however small the table, but not its last.
FEW = 1


@dataclass(frozen=True)
class ReplacedRows:
    """Rows of a table that a load replaces.

    Attributes:
        window: Their window, as a message shows it; empty for all that the load replaces.
        scope: The rows, as SQL about `{table}`; None for all.
        brought: How many rows the load brings in their place.
    """

    window: str
    scope: str | None
    brought: int


def replaced_rows(
    scope: str | None,
    time_column: str | None,
    rows_of: Mapping[int, int],
    exports: Sequence[Export] = (),
    age: Age | None = None,
) -> list[ReplacedRows]:
    """What a load replaces: the rows of each of its windows, or all of a scope.

    Args:
        scope: The rows, as SQL about `{table}`; None for all.
        time_column: The column that windows are taken by.
        rows_of: How many rows each file has brought.
        exports: Those whose windows they are; none where it is a user who has set the scope.
        age: Which rows of the table are too old to be missed; None for none.
    """
    windows = [export.request.window for export in exports]
    if scope is None or not windows or None in windows:
        return [ReplacedRows("", _without_old(scope, age), sum(rows_of.values()))]
    brought: Counter[Window | None] = Counter()
    for number, window in enumerate(windows):
        brought[window] += rows_of[number]
    pipeline = current_pipeline()
    return [
        ReplacedRows(
            str(window), _without_old(window_scope(pipeline, window, time_column), age), rows
        )
        for window, rows in brought.items()
    ]


def _without_old(scope: str | None, age: Age | None) -> str | None:
    if age is None:
        return scope
    recent = age.recent(_in_table)
    return f"{scope} AND {recent}" if scope else recent


def _in_table(column: str) -> str:
    return f"{{table}}.{quote_in_scope(current_pipeline(), column)}"


def count_old(table: str, age: Age, brought: pa.Table | None) -> int:
    """How many rows of the table are too old, and not among those that a load brings.

    Args:
        table: Its name.
        age: Which rows are.
        brought: The keys of what the load brings; None where no key tells rows apart.
    """
    old = [ReplacedRows("", age.older(_in_table), 0)]
    by_key = brought is not None
    try:
        found = ask(lambda client: _count_deletions(client, table, old, brought, by_key=by_key))
    except DatabaseUndefinedRelation:
        return 0
    return sum(each.gone for each in found)


@dataclass(frozen=True)
class DeleteGuard:
    """How many rows a load may delete.

    Attributes:
        max_share: The largest share of a table's rows, or of a window's, from 0 to 1.
        accepted: Whether any number may be deleted.
    """

    max_share: float = 0.2
    accepted: bool = False

    def __post_init__(self) -> None:
        require_number("max_deleted_share", self.max_share, least=0, most=1)
        require_flag("accept_deletes", self.accepted)

    def check(
        self,
        table: str,
        replaced: Sequence[ReplacedRows],
        brought: pa.Table | None,
        *,
        by_key: bool,
        duplicates: int = 0,
        has_saved_filter: bool = False,
    ) -> None:
        """Stop where too many rows of the destination's table would be deleted.

        Args:
            table: Its name.
            replaced: The rows that the load replaces, by window; windows do not overlap.
            brought: What the load brings of the columns that tell rows apart, in the table too: of
                a key, or of times and ids. None where rows are only counted.
            by_key: Whether these are a key: then each row of the table that has one is brought.
            duplicates: How many of them are known duplicates.
            has_saved_filter: Whether the vendor keeps the filter of the rows, under an id.

        Raises:
            TooManyDeletionsError: More rows would be deleted than may.
        """
        if self.accepted:
            return
        try:
            deletions = ask(
                lambda client: _count_deletions(client, table, replaced, brought, by_key=by_key)
            )
        except DatabaseUndefinedRelation:
            return
        except SqlClientNotAvailable:
            logger.warning(f"{table}: this destination cannot tell how many rows would be deleted")
            return
        has_keys = by_key and brought is not None
        deletions = [each.without(duplicates, by_key=has_keys) for each in deletions]
        everything = _Deletion(
            "", sum(each.gone for each in deletions), sum(each.stored for each in deletions)
        )
        is_emptied = everything.gone == everything.stored > 0
        # The one row of a window may go, the last of a table may not.
        may_be_emptied = everything.stored <= FEW and replaced[0].window
        if is_emptied and not may_be_emptied and not any(part.brought for part in replaced):
            raise everything.error(table, _advise(has_saved_filter, is_emptied=True))
        for each in deletions:
            if each.gone > max(FEW, self.max_share * each.stored):
                raise each.error(table, _advise(has_saved_filter))


@dataclass(frozen=True)
class _Deletion:
    """How many of a part's rows the load does not bring, and how many there are."""

    window: str
    gone: int
    stored: int

    def without(self, duplicates: int, *, by_key: bool) -> _Deletion:
        """Without rows that are there twice; by their key they do not go."""
        gone = self.gone if by_key else max(0, self.gone - duplicates)
        return replace(self, gone=gone, stored=max(0, self.stored - duplicates))

    def error(self, table: str, hint: str) -> TooManyDeletionsError:
        return TooManyDeletionsError(
            f"{self.gone:,} of the {self.stored:,} rows of {self.window or 'the table'} are not in"
            " the export any more",
            where=table,
            hint=hint,
        )


def _advise(has_saved_filter: bool, *, is_emptied: bool = False) -> str:
    """What to do about rows that would be deleted."""
    hint = (
        "If they were deleted at the vendor, load once with accept_deletes=True (--accept-deletes)"
    )
    # No share lets a load delete all rows.
    hint += "." if is_emptied else "; max_deleted_share sets how many may be deleted unasked."
    if has_saved_filter:
        hint += (
            " If they have left a saved segment that moves with time, give its rules instead of its"
            f" id, and {RELOAD}."
        )
    return hint


def _count_deletions(
    client: Any,
    table: str,
    replaced: Sequence[ReplacedRows],
    brought: pa.Table | None,
    *,
    by_key: bool,
) -> list[_Deletion]:
    """How many rows of each part the load does not bring; none where the table has no such row."""
    name = client.make_qualified_table_name(table)
    scopes = [rows.scope.format(table=name) if rows.scope else "1 = 1" for rows in replaced]
    # One pass over the table, however many windows.
    parts = " ".join(f"WHEN {scope} THEN {number}" for number, scope in enumerate(scopes))
    names = [] if brought is None else brought.column_names
    columns = [f"CASE {parts} END", *map(client.escape_column_name, names)]
    query = f"SELECT {', '.join(columns)}"
    rows = f"FROM {name} WHERE {' OR '.join(scopes)}"
    if brought is not None and by_key:
        # A key tells rows apart: to group by it would only take time.
        query = f"{query}, 1 {rows}"
    else:
        group = ", ".join(map(str, range(1, len(columns) + 1)))
        query = f"{query}, count(*) {rows} GROUP BY {group}"
    chunks = list(fetch_chunks(client, query))
    if not chunks:
        return []
    found = pa.concat_tables(chunks).rename_columns(["part", *names, "rows"])
    stored = _sum_by(found["part"], found["rows"])
    if brought is None:
        gone = [stored[number] - part.brought for number, part in enumerate(replaced)]
    else:
        if by_key:
            left = found.filter(pc.invert(is_in(found.select(names), brought)))
        else:
            again = count_among(found.select(names), brought)
            left = found.set_column(
                found.num_columns - 1,
                "rows",
                pc.max_element_wise(pc.subtract(found["rows"], again), 0),
            )
        missing = _sum_by(left["part"], left["rows"])
        gone = [missing[number] for number in range(len(replaced))]
    return [
        _Deletion(part.window, gone[number], stored[number]) for number, part in enumerate(replaced)
    ]


def _sum_by(part: pa.ChunkedArray, rows: pa.ChunkedArray) -> Counter[int]:
    sums = pa.table({"part": part, "rows": rows}).group_by("part").aggregate([("rows", "sum")])
    return Counter({int(row["part"]): int(row["rows_sum"]) for row in sums.to_pylist()})
