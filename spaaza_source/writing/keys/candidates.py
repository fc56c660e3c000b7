"""Proves which columns are a key: no row lacks them, and no two rows share them.

No vendor promises a key. So the cells of the columns that may be one are collected while the rows
pass by; a key that a user names is checked alike.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.tabular import texts_differ
from spaaza_source.writing.keys.cells import Key, cell_at, has_columns, is_in
from spaaza_source.writing.keys.repeated_rows import drop_repeated


@dataclass(frozen=True)
class KeyViolation:
    """Why some columns are no key.

    Attributes:
        empty: Rows that lack a part of it.
        repeated: Rows whose key an earlier row has.
        first: The first such row, counted from 0 over all rows.
    """

    empty: int
    repeated: int
    first: int


class KeyCandidates:
    """The cells of the columns that may be a key, of one load of one table.

    Args:
        candidates: What may be the key, the likeliest first; columns as dlt names them.
        others: Other columns, whose cells are collected too where all rows have them.
        watched: Columns whose cells are collected in any case: they are NULL where rows lack them.
    """

    def __init__(
        self, candidates: Sequence[Key], others: Sequence[str] = (), watched: Sequence[str] = ()
    ) -> None:
        self._others = others
        self._watched = watched
        self._candidates = list(dict.fromkeys(candidates))
        #: Cells, and the file that they are of.
        self._parts: list[tuple[int, pa.Table]] = []
        #: Rows seen so far.
        self.rows = 0
        #: What `drop_seen` tells rows apart by.
        self.seen_by: Key | None = None

    def drop_seen(self, rows: pa.Table, file: int) -> pa.Table:
        """A file's rows without those that a file before it had.

        The first candidate that is present tells them apart; whether it is a key is proven when all
        rows have passed.
        """
        if self.seen_by is None:
            with_columns = (each for each in self._candidates if has_columns(rows, each))
            self.seen_by = next(with_columns, None)
        key = self.seen_by
        before = [part for its, part in self._parts if its != file]
        if key is None or not before or not has_columns(rows, key):
            return rows
        seen = pa.concat_tables([part.select(list(key)) for part in before])
        return rows.filter(pc.invert(is_in(rows.select(list(key)), seen)))

    def drop_repeated(
        self, rows: pa.Table, key: Key, file: int, read_seen: Callable[[], Iterable[pa.Table]]
    ) -> pa.Table:
        """A file's rows without those that are the same as one before them.

        Args:
            rows: Some of its rows; those before them have been added.
            key: What tells rows apart.
            file: The file.
            read_seen: Reads the file's rows before these once more.
        """
        before = [part for its, part in self._parts if its == file]
        if not has_columns(rows, key) or not all(has_columns(part, key) for part in before):
            return rows
        seen = pa.concat_tables([part.select(list(key)) for part in before]) if before else None
        return drop_repeated(rows, key, seen, read_seen)

    def add(self, rows: pa.Table, file: int = 0) -> None:
        """Take note of rows; a candidate whose columns they lack is dropped."""
        if not rows.num_rows:
            return
        self.rows += rows.num_rows
        self._candidates = [key for key in self._candidates if has_columns(rows, key)]
        names = dict.fromkeys(name for key in self._candidates for name in key)
        others = [*self._others, *self._watched]
        names |= dict.fromkeys(name for name in others if name in rows.column_names)
        part = _copy(rows.select(list(names)))
        for name in self._watched:
            if name not in part.column_names:
                part = part.append_column(name, pa.nulls(rows.num_rows))
        self._parts.append((file, part))

    def add_records(self, records: Sequence[Mapping[str, Any]], file: int = 0) -> None:
        """Take note of records; an absent field is an empty one."""
        if not records:
            return
        names = dict.fromkeys(name for key in self._candidates for name in key)
        names |= dict.fromkeys(self._watched)
        # As text: records of one table may differ in what they hold.
        cells = {
            name: pa.array(
                [
                    None if (cell := cell_at(record, name)) is None else str(cell)
                    for record in records
                ],
                pa.string(),
            )
            for name in names
        }
        self.rows += len(records)
        self._parts.append((file, pa.table(cells)))

    def proven(self) -> Key | None:
        """The first candidate that every row has and no two rows share; None without rows."""
        return next((key for key in self._candidates if self._holds(key)), None)

    def is_present(self, key: Key) -> bool:
        """Whether all rows so far have the columns of that candidate."""
        return key in self._candidates

    def tells_apart(self, columns: Key) -> bool:
        """Whether those columns, a candidate or not, tell the rows so far apart."""
        return self.has_all(columns) and self.violation(columns) is None

    def violation(self, key: Key, *, may_be_empty: bool = False) -> KeyViolation | None:
        """Why that candidate is no key; None where it is one, or there is no row.

        Args:
            key: The candidate, or columns that are watched.
            may_be_empty: Whether rows that lack a part of it do not count.
        """
        if not self._parts or self._holds(key):
            return None
        cells = self.cells(key)
        numbered = cells.append_column("row number", pa.array(np.arange(cells.num_rows)))
        filled = numbered.drop_null()
        if may_be_empty:
            if _count_distinct(filled.select(list(key))) == filled.num_rows:
                return None
            numbered = filled
        firsts = filled.group_by(list(key), use_threads=False).aggregate([("row number", "min")])
        sound = pc.is_in(numbered["row number"], value_set=firsts["row number_min"])
        first = pc.index(sound, pa.scalar(False)).as_py()
        return KeyViolation(
            empty=cells.num_rows - filled.num_rows,
            repeated=filled.num_rows - firsts.num_rows,
            first=numbered["row number"][first].as_py(),
        )

    def shared_by_files(self, keys: Sequence[Key]) -> tuple[Key, int] | None:
        """A key that tells apart the rows of each file, but not of all; and how many are shared.

        None where there is none among those asked for. An empty key tells nothing apart.
        """
        numbers = dict.fromkeys(number for number, _ in self._parts)
        for key in keys:
            if not self.has_all(key) or self._holds(key):
                continue
            cells = self.cells(key).drop_null()
            of_each = [
                pa.concat_tables(
                    [part.select(list(key)) for its, part in self._parts if its == number],
                    promote_options="permissive",
                )
                for number in numbers
            ]
            differ = [_count_distinct(each) == each.drop_null().num_rows for each in of_each]
            if cells.num_rows and all(differ):
                return key, cells.num_rows - _count_distinct(cells)
        return None

    def has_all(self, columns: Key) -> bool:
        """Whether the cells of those columns were collected of every row."""
        return bool(self._parts) and all(has_columns(part, columns) for _, part in self._parts)

    def cells(self, key: Key) -> pa.Table:
        """The key of every row, in their order; there must be a row."""
        parts = [part.select(list(key)) for _, part in self._parts]
        return pa.concat_tables(parts, promote_options="permissive")

    def telling_cells(
        self, key: Key, others: Sequence[str], known: Collection[str]
    ) -> pa.Table | None:
        """The key of every row, or without one the others that every row has.

        None where there are none, or where `known`, the table's columns, lacks some.
        """
        columns = key or tuple(name for name in others if name in known and self.has_all((name,)))
        if not columns or not set(known).issuperset(columns) or not self.has_all(columns):
            return None
        return self.cells(columns)

    def _holds(self, key: Key) -> bool:
        if not self._parts:
            return False
        cells = self.cells(key)
        if any(column.null_count for column in cells.columns):
            return False
        if len(key) == 1 and pa.types.is_integer(cells.schema.types[0]):
            # Sorted in their place: a hash table of as many rows takes several times their room.
            numbers = np.concatenate([chunk.to_numpy() for chunk in cells.column(0).chunks])
            numbers.sort()
            return not bool((numbers[1:] == numbers[:-1]).any())
        if (
            len(key) == 1
            and pa.types.is_string(cells.schema.types[0])
            and texts_differ(cells.column(0))
        ):
            return True
        return bool(cells.group_by(list(key)).aggregate([]).num_rows == cells.num_rows)

    def forget(self) -> None:
        """Free the cells; nothing can be asked any more."""
        self._parts = []


def _count_distinct(cells: pa.Table) -> int:
    filled = cells.drop_null()
    if not filled.num_rows:
        return 0
    return int(filled.group_by(filled.column_names).aggregate([]).num_rows)


def _copy(cells: pa.Table) -> pa.Table:
    """The same cells in memory of their own: what has been read in one go is kept or freed so."""
    return pa.table(
        {
            # Arrow hands on what it need not join.
            name: pa.concat_arrays([pa.array([], column.type), *column.chunks])
            for name, column in zip(cells.column_names, cells.columns, strict=True)
        }
    )
