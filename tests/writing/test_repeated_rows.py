"""A row that a file has twice is one row; one that shares a key and differs is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaaza_source.writing.keys.repeated_rows import drop_repeated

Row = tuple[Any, Any]


def table(rows: list[Row]) -> pa.Table:
    ids, names = zip(*rows, strict=True) if rows else ((), ())
    return pa.table({"id": pa.array(ids, pa.string()), "name": pa.array(names, pa.string())})


def kept(*batches: list[Row]) -> list[Row]:
    """What is kept of a file's rows, which come in these batches."""
    done: list[pa.Table] = []
    result: list[pa.Table] = []
    for batch in map(table, batches):
        seen = pa.concat_tables([part.select(["id"]) for part in result]) if result else None

        def read_again() -> Iterator[pa.Table]:
            yield from done

        result.append(drop_repeated(batch, ("id",), seen, read_again))
        done.append(batch)
    return [(row["id"], row["name"]) for part in result for row in part.to_pylist()]


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        ([[("1", "a"), ("2", "b")]], [("1", "a"), ("2", "b")]),
        ([[("1", "a"), ("1", "a")]], [("1", "a")]),
        ([[("1", "a"), ("1", "b")]], [("1", "a"), ("1", "b")]),
        ([[("1", "a")], [("2", "b"), ("1", "a")]], [("1", "a"), ("2", "b")]),
        ([[("1", "a")], [("2", "b"), ("1", "c")]], [("1", "a"), ("2", "b"), ("1", "c")]),
        ([[("1", None), ("1", None)]], [("1", None)]),
        # Rows without a key are not told apart by it.
        ([[(None, "a"), (None, "a")]], [(None, "a"), (None, "a")]),
    ],
)
def test_rows(batches: list[list[Row]], expected: list[Row]) -> None:
    assert kept(*batches) == expected


ROWS = st.lists(st.tuples(st.sampled_from("123"), st.sampled_from("ab")), max_size=8)


@given(st.lists(ROWS.filter(bool), min_size=1, max_size=4))
def test_each_row_stays_once_and_none_is_lost(batches: list[list[Row]]) -> None:
    rows = [row for batch in batches for row in batch]
    found = kept(*batches)
    assert set(found) == set(rows)
    for name in {row[0] for row in rows}:
        if len({row for row in rows if row[0] == name}) == 1:
            assert [row[0] for row in found].count(name) == 1
