"""Which cells of a rejected row are certain: those that nothing before them can have moved."""

from __future__ import annotations

from typing import Any

import pytest

from spaaza_source.tabular import TEXT, TIMESTAMP, Column, ColumnType, RejectedRow
from spaaza_source.tabular.csv_reader.layout import LF, Layout
from spaaza_source.tabular.csv_reader.rejected_cells import certain_cells

BIGINT = ColumnType("bigint")
TYPES = {"bigint": BIGINT, "text": TEXT, "timestamp": TIMESTAMP, "empty": None}


def read(raw: str, types: str, *names: str) -> list[Any]:
    """The cells of one row; columns are named by their numbers."""
    columns = [
        Column(str(place), str(place), TYPES[kind.rstrip("?")], has_variant=kind.endswith("?"))
        for place, kind in enumerate(types.split())
    ]
    layout = Layout(tuple(column.header for column in columns), LF, 0, 1)
    row = RejectedRow(2, 9, "", None, raw.encode())
    cells, rows = certain_cells([row], columns, names, layout)
    assert rows == [0] * cells.num_rows
    return [tuple(row.values()) for row in cells.to_pylist()]


@pytest.mark.parametrize(
    ("raw", "types", "names", "found"),
    [
        ("7,a,b,c", "bigint text", "0", (7,)),
        ("a,7", "text bigint text", "0", ("a",)),
        ('"a,""b""",7,x', "text bigint", "0", ('a,"b"',)),
        ("7,a", "bigint text", "0", (7,)),
        ("7", "bigint text", "0", None),
        ("", "bigint text", "0", None),
        (",a,b", "bigint text", "0", None),
        ('"",a,b', "text text", "0", None),
        ("007,a,b", "bigint text", "0", None),
        ("7\x00,a", "bigint text", "0", None),
        ("7\r,a", "bigint text", "0", None),
        ('7"x,a', "text text", "0", None),
        ('"7"x,a', "text text", "0", None),
        ('"7,a', "text text", "0", None),
        ('7,a "b",c', "bigint text text", "0", (7,)),
        ("7,a\x00b", "bigint text", "0", (7,)),
        # What a text begins, a comma may have cut in two; nothing else.
        ("a,7,b,c", "text bigint text", "1", None),
        ('"a",7,b,c', "text bigint text", "1", (7,)),
        ("2026-05-01T00:00:00Z,7,b,c", "timestamp bigint text", "1", (7,)),
        ("5,7,b,c", "bigint bigint text", "1", (7,)),
        (",7,b,c", "bigint bigint text", "1", (7,)),
        (",7,b,c", "text bigint text", "1", None),
        (",7,b,c", "empty bigint text", "1", (7,)),
        ("x,7,b,c", "bigint bigint text", "1", None),
        ("5,7,b,c", "bigint? bigint text", "1", None),
        ("5,7,b,c", "bigint bigint text", "1 0", (7, 5)),
        ("5,,b,c", "bigint bigint text", "1 0", None),
    ],
)
def test_a_cell_is_read_where_nothing_before_it_can_have_moved_it(
    raw: str, types: str, names: str, found: tuple[Any, ...] | None
) -> None:
    assert read(raw, types, *names.split()) == ([] if found is None else [found])


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ('1,"a,b\n2,"c",d\n3,e,f', [(1,), (2,), (3,)]),
        ('1,"a,b\r\n2,"c",d', [(1,), (2,)]),
        # Too few cells, or too many: a line of a text.
        ('1,"a,b\n2,c\n3,d,e,f\n4,"g"h,i', [(1,)]),
        ('x"1,a\n2,"c",d', [(2,)]),
    ],
)
def test_lines_that_were_rejected_together_are_read_each(raw: str, found: list[Any]) -> None:
    assert read(raw, "bigint text text", "0") == found
