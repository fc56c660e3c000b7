"""Finds a row of totals at the end of a user's file: one that no vendor's table ends with.

It has a word where every other row has a number or a date, and leaves cells empty. Loaded as a row
it would count twice what it sums up, and make its column text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from spaaza_source.tabular.column_types import TEXT, Column, ColumnType
from spaaza_source.tabular.csv_reader.layout import Layout
from spaaza_source.tabular.csv_reader.parse import only_chunk, parse_rows
from spaaza_source.tabular.csv_reader.spans import ByteSpan
from spaaza_source.tabular.dialects.value_forms import standard_forms
from spaaza_source.tabular.inference import Evidence

_WORD = r"^[^0-9]*\p{L}[^0-9]*$"


def find_total_row(
    path: Path, layout: Layout, spans: Sequence[ByteSpan], columns: Sequence[Column]
) -> tuple[Column, ColumnType] | None:
    """The column that the last good row has a word in, and the type of all other rows there.

    None where the last row is like the others.

    Args:
        path: A file that was examined.
        layout: Its layout.
        spans: Its good rows.
        columns: Its columns, in its order.
    """
    if sum(span.rows for span in spans) <= 1:
        return None
    *_, last = _texts(path, layout, spans[-1:], None)
    row = [column[-1] for column in last.columns]
    if all(cell.is_valid for cell in row):
        return None
    for place, (column, cell) in enumerate(zip(columns, row, strict=True)):
        # Whatever the column's type is: ids are text, and may be numbers all the same.
        if pc.match_substring_regex(cell, _WORD).as_py():
            kind = _type_of_others(path, layout, spans, place)
            if kind is not None:
                return column, kind
    return None


def _type_of_others(
    path: Path, layout: Layout, spans: Sequence[ByteSpan], place: int
) -> ColumnType | None:
    """The type that all cells but the last fit; None for text, or where they are empty."""
    evidence = Evidence()
    # The last rows first: they mostly tell.
    for number, texts in enumerate(_texts(path, layout, spans[::-1], [place])):
        strings = only_chunk(texts.column(str(place)))
        others = strings[:-1] if number == 0 else strings
        evidence = evidence.with_cells(standard_forms(others, layout.dialect))
        if evidence.column_type == TEXT:
            return None
    return evidence.column_type if evidence.filled else None


def _texts(
    path: Path, layout: Layout, spans: Sequence[ByteSpan], include: Sequence[int] | None
) -> Iterator[Any]:
    with path.open("rb") as file:
        for span in spans:
            file.seek(span.offset)
            data = span.good_bytes(file.read(span.length))
            yield parse_rows(data, layout, span.rows, include)
