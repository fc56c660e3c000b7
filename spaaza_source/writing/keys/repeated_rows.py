"""Leaves out rows of a file that are, cell by cell, the same as one before them.

A vendor may write one row twice. Merged by their key, the two would be one; but a key that repeats
is no key, unless nothing else differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.writing.keys.cells import Key, is_in, join_cells

#: More rows that repeat a key are no mishap; and they are compared one by one.
MOST = 10_000


def drop_repeated(
    rows: pa.Table, key: Key, seen: pa.Table | None, read_seen: Callable[[], Iterable[pa.Table]]
) -> pa.Table:
    """The rows without those that are the same as an earlier row of the file.

    A row whose key repeats and whose other cells differ stays: then the key is none.

    Args:
        rows: Some rows of a file.
        key: What tells the file's rows apart.
        seen: The keys of its rows before these; None without any.
        read_seen: Reads these rows once more; called where one of their keys comes again.
    """
    cells = rows.select(list(key))
    again = None if seen is None else is_in(cells, seen)
    comes_again = again is not None and bool(pc.any(again).as_py())
    if not comes_again and cells.group_by(list(key)).aggregate([]).num_rows == rows.num_rows:
        return rows
    keys = join_cells(cells)
    counts = pc.value_counts(keys)
    values, numbers = counts.field("values"), counts.field("counts")
    repeated = values.filter(pc.greater(numbers, 1))
    if again is not None:
        repeated = pa.concat_arrays([repeated, keys.filter(again).combine_chunks()])
    repeated = repeated.unique().drop_null()
    suspects = pc.is_in(keys, value_set=repeated)
    if pc.sum(suspects).as_py() > MOST:
        return rows
    first: dict[str, tuple[Any, ...]] = {}
    for part in read_seen() if comes_again else ():
        theirs = join_cells(part.select(list(key)))
        mask = pc.is_in(theirs, value_set=repeated)
        for its, row in _rows(part.filter(mask), theirs.filter(mask)):
            first.setdefault(its, row)
    same = []
    places = pc.indices_nonzero(suspects).to_pylist()
    found = _rows(rows.filter(suspects), keys.filter(suspects))
    for place, (its, row) in zip(places, found, strict=True):
        if first.setdefault(its, row) is not row and first[its] == row:
            same.append(place)
    if not same:
        return rows
    kept = pc.invert(pc.is_in(pa.array(range(rows.num_rows)), value_set=pa.array(same)))
    return rows.filter(kept)


def _rows(rows: pa.Table, keys: pa.ChunkedArray) -> list[tuple[str, tuple[Any, ...]]]:
    columns = [column.to_pylist() for column in rows.columns]
    return list(zip(keys.to_pylist(), zip(*columns, strict=True), strict=True))
