"""Reads cells of rejected CSV rows, where it is certain that they are what the row's writer meant.

What is wrong with a row may have moved its cells: a comma too many in a name, for instance. So a
row is read from its start. It is read on while it is sound, and while no cell can be a part of one
that was meant: one in quotes is whole, and so is one that is empty or fits its column's type where
that is not text. A cell is taken if it fits its column's type, and a comma ends it.

Lines that were rejected together, because it is uncertain which are rows, are each read as one if
they are sound.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.tabular.column_types import TEXT, Column
from spaaza_source.tabular.csv_reader.layout import Layout
from spaaza_source.tabular.dialects.value_forms import standard_forms
from spaaza_source.tabular.rejected import RejectedRow
from spaaza_source.tabular.values import convert, fit_mask


def certain_cells(
    rejected: Sequence[RejectedRow],
    columns: Sequence[Column],
    names: Sequence[str],
    layout: Layout,
) -> tuple[pa.Table, list[int]]:
    """The cells of some columns, of those rows where each of them is filled and certain.

    Args:
        rejected: A file's bad rows.
        columns: The file's columns, in its order.
        names: Which of them, at least one.
        layout: The file's.

    Returns:
        The cells, in the columns' types; and the number of each one's row among the bad ones.
    """
    by_name = {column.name: place for place, column in enumerate(columns)}
    places = [by_name[name] for name in names]
    lines = [
        (number, line)
        for number, row in enumerate(rejected)
        for line in _possible_rows(row.raw, len(columns), layout)
    ]
    rows = [leading_cells(line, max(places) + 1, layout) for _, line in lines]
    certain = np.ones(len(rows), np.bool_)
    texts_at: dict[int, pa.Array] = {}
    for place, column in enumerate(columns[: max(places) + 1]):
        cells = [row[place] if place < len(row) else None for row in rows]
        written = pa.array([cell and (cell[0] or None) for cell in cells], pa.string())
        texts = standard_forms(written, layout.dialect, column.type)
        texts = written if column.type == TEXT else texts
        fits = np.zeros(len(rows), np.bool_)
        if column.type is not None:
            fits = pc.fill_null(fit_mask(texts, column.type), False).to_numpy(zero_copy_only=False)
        if place in places:
            certain &= fits
            texts_at[place] = texts
        is_whole = np.array([bool(cell and cell[1]) for cell in cells], np.bool_)
        if column.type != TEXT and not column.has_variant:
            is_empty = np.array([bool(cell and not cell[0]) for cell in cells], np.bool_)
            is_whole |= fits | is_empty
        if place < max(places):
            certain &= is_whole
    read = pa.table(
        {
            name: convert(texts_at[place].filter(pa.array(certain)), columns[place].type or TEXT)
            for name, place in zip(names, places, strict=True)
        }
    )
    return read, [lines[int(place)][0] for place in np.flatnonzero(certain)]


def _possible_rows(raw: bytes, width: int, layout: Layout) -> Iterator[bytes]:
    """The row itself, and lines after its first that are rows of so many sound cells."""
    yield raw
    mark = bytes([layout.delimiter])
    cell = _cell(layout.quote_mark, mark)
    for line in raw.splitlines()[1:]:
        cells = at = 0
        while found := cell.match(line + mark, at):
            cells, at = cells + 1, found.end()
        if cells == width and at > len(line):
            yield line


def leading_cells(raw: bytes, most: int, layout: Layout) -> list[tuple[str, bool]]:
    """A row's first sound cells, each with whether it is in quotes."""
    cells: list[tuple[str, bool]] = []
    mark = layout.quote_mark
    cell = _cell(mark, bytes([layout.delimiter]))
    at = 0
    while len(cells) < most and (found := cell.match(raw, at)):
        quoted, plain = found.groups()
        text = plain if quoted is None else quoted.replace(mark * 2, mark)
        cells.append((text.decode(), quoted is not None))
        at = found.end()
    return cells


@cache
def _cell(quote: bytes, delimiter: bytes) -> re.Pattern[bytes]:
    """A sound cell and the delimiter after it: in quotes, or plain."""
    quote, delimiter = re.escape(quote), re.escape(delimiter)
    inside, plain = b"[^%b\\x00]*" % quote, b"[^%b%b\\r\\n\\x00]*" % (quote, delimiter)
    return re.compile(
        b"(?:%b(%b(?:%b%b%b)*)%b|(%b))%b"
        % (quote, inside, quote, quote, inside, quote, plain, delimiter)
    )
