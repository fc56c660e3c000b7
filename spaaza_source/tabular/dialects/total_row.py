"""Finds a row of totals at the end of a user's file: one that no vendor's table ends with.

It leaves cells empty. And it has a word where every other row has a number or a date; or it leaves
a column empty that no other row does, and has the sum of another. Loaded as a row it would count
twice what it sums up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.tabular.column_types import (
    BIGINT,
    DATE,
    DECIMAL,
    TEXT,
    TIMESTAMP,
    Column,
)
from spaaza_source.tabular.csv_reader.layout import Layout
from spaaza_source.tabular.csv_reader.parse import only_chunk, parse_rows
from spaaza_source.tabular.csv_reader.rejected_cells import leading_cells
from spaaza_source.tabular.csv_reader.spans import ByteSpan
from spaaza_source.tabular.dialects.dialect import Dialect
from spaaza_source.tabular.dialects.value_forms import standard_forms
from spaaza_source.tabular.inference import Evidence
from spaaza_source.tabular.values import fit_mask

#: `Total`, or `Total 60`; no id such as `A-7`.
_WORD = r"^(?:\p{L}[^0-9]*|\p{L}{3,}[ :(].*)$"
_NO_WORDS = ("true", "false")
_COUNTABLE = (BIGINT, DECIMAL, DATE, TIMESTAMP)

Tables = Callable[[], Iterator[Any]]


@dataclass(frozen=True)
class TotalRow:
    """What shows that a row is one of totals.

    Attributes:
        column: The column that shows it.
        cause: What is odd about it there, for a message.
    """

    column: Column
    cause: str


@dataclass(frozen=True)
class RowTexts:
    """The cells of a file's good rows as they are written."""

    path: Path
    layout: Layout
    spans: Sequence[ByteSpan]

    def from_end(self, include: Sequence[int] | None = None) -> Iterator[Any]:
        """An Arrow table for each part of the file, the last part first."""
        with self.path.open("rb") as file:
            for span in self.spans[::-1]:
                file.seek(span.offset)
                data = span.good_bytes(file.read(span.length))
                yield parse_rows(data, self.layout, span.rows, include)


def find_total_row(rows: RowTexts, columns: Sequence[Column], tables: Tables) -> TotalRow | None:
    """What shows that the last row is one of totals; None where it is like the others.

    Args:
        rows: At least two.
        columns: The file's, in its order.
        tables: Yields the typed rows.
    """
    last = next(rows.from_end())
    row = [column[-1].as_py() for column in last.columns]
    if None not in row:
        return None
    for place, (column, cell) in enumerate(zip(columns, row, strict=True)):
        # Whatever the column's type is: ids are text, and may be numbers all the same.
        if cell is not None and _is_word(cell):
            kind = _kind_of_others(rows, place)
            if kind is not None:
                return TotalRow(column, f"a word where each of these has {kind}")
    return _find_sum(columns, tables)


def find_rows_among(
    lines: Sequence[bytes], layout: Layout, columns: Sequence[Column], tables: Tables
) -> list[int]:
    """Which of some lines are rows like the others.

    Args:
        lines: Without their ends.
        layout: The file's layout.
        columns: Its columns, in its order.
        tables: Yields the typed rows.
    """
    delimiter = bytes([layout.delimiter])
    cells = [leading_cells(line + delimiter, layout.width + 1, layout) for line in lines]
    whole = [number for number, each in enumerate(cells) if len(each) == layout.width]
    if not whole:
        return []
    filled = _always_filled(columns, tables, leave_last=False)
    return [
        number
        for number in whole
        if all(
            _fits(text, column, layout.dialect, needed=column.name in filled)
            for (text, _), column in zip(cells[number], columns, strict=True)
        )
    ]


def _is_word(cell: str) -> bool:
    is_word: bool = pc.match_substring_regex(pa.scalar(cell), _WORD).as_py()
    return is_word and cell.lower() not in _NO_WORDS


def _kind_of_others(rows: RowTexts, place: int) -> str | None:
    """What all cells of a column but the last are, if none is a word; None without any."""
    evidence, has_letters = Evidence(), False
    # The last rows first: they mostly tell.
    for number, texts in enumerate(rows.from_end([place])):
        strings = only_chunk(texts.column(str(place)))
        others = strings[:-1] if number == 0 else strings
        evidence = evidence.with_cells(standard_forms(others, rows.layout.dialect))
        has_letters |= pc.any(pc.match_substring_regex(others, r"\p{L}")).as_py() or False
        if has_letters and evidence.column_type not in _COUNTABLE:
            return None
    if not evidence.filled:
        return None
    # Numbers with zeros before them, or of an undeclared form.
    is_typed = evidence.column_type in _COUNTABLE
    return f"a {evidence.column_type}" if is_typed else "a number, or no letter"


def _find_sum(columns: Sequence[Column], tables: Tables) -> TotalRow | None:
    """What shows that the last row has a sum of the others, and lacks what each of these has."""
    numbers = [column.name for column in columns if column.type in (BIGINT, DECIMAL)]
    sums = dict.fromkeys(numbers, Decimal(0))
    count, last = 0, None
    for table in tables():
        count += table.num_rows
        last = table.slice(table.num_rows - 1)
        for name in numbers:
            sums[name] += Decimal(pc.sum(table[name]).as_py() or 0)
    # Of two rows the second may be like the first.
    if count <= 2 or last is None:  # noqa: PLR2004
        return None
    values = {name: last[name][0].as_py() for name in numbers}
    summed = next((name for name in numbers if values[name] and sums[name] == 2 * values[name]), "")
    filled = _always_filled(columns, tables, leave_last=True) if summed else set()
    for column in columns:
        if column.name in filled and _is_empty(last, column):
            cause = f"nothing where each of these has a value, beside the sum of {summed}"
            return TotalRow(column, cause)
    return None


def _always_filled(columns: Sequence[Column], tables: Tables, *, leave_last: bool) -> set[str]:
    """The columns that no row leaves empty; or none but the last."""
    empty = dict.fromkeys((column.name for column in columns), 0)
    last: Any = None
    for table in tables():
        for column in columns:
            nulls = table[column.name].is_null()
            if column.has_variant:
                nulls = pc.and_(nulls, table[column.variant].is_null())
            empty[column.name] += int(pc.sum(nulls).as_py() or 0)
        last = table.slice(table.num_rows - 1)
    if leave_last and last is not None:
        for column in columns:
            empty[column.name] -= _is_empty(last, column)
    return {name for name, count in empty.items() if not count}


def _is_empty(row: Any, column: Column) -> bool:
    """Whether a table of one row has no value in a column, not even one that does not fit."""
    is_misfit = column.has_variant and row[column.variant][0].is_valid
    return not (row[column.name][0].is_valid or is_misfit)


def _fits(text: str, column: Column, dialect: Dialect, *, needed: bool) -> bool:
    """Whether a cell is one like the others of its column."""
    if not text:
        return not needed
    if column.type in (None, TEXT):
        return True
    cells = standard_forms(pa.array([text], pa.string()), dialect, column.type)
    return bool(fit_mask(cells, column.type)[0].as_py())
