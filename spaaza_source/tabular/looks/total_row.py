"""Finds a row of totals at the end of a user's file: one that no vendor's table ends with.

It leaves cells empty. And it has a word where every other row has a number or a date; or it leaves
a column empty that no other row does, and has the sum of another. Loaded as a row it would count
twice what it sums up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
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
from spaaza_source.tabular.csv_reader.file import CsvFile
from spaaza_source.tabular.csv_reader.parse import only_chunk
from spaaza_source.tabular.csv_reader.rejected_cells import leading_cells
from spaaza_source.tabular.dialects.dialect import Dialect
from spaaza_source.tabular.dialects.value_forms import standard_forms
from spaaza_source.tabular.inference import Evidence
from spaaza_source.tabular.values import fit_mask

#: `Total`, or `Total 60`; no id such as `A-7`.
_WORD = r"^(?:\p{L}[^0-9]*|\p{L}{3,}[ :(].*)$"
_NO_WORDS = ("true", "false")
_COUNTABLE = (BIGINT, DECIMAL, DATE, TIMESTAMP)


@dataclass(frozen=True)
class TotalRow:
    """What shows that a row is one of totals.

    Attributes:
        column: The column that shows it.
        cause: What is odd about it there, for a message.
    """

    column: Column
    cause: str


def find_total_row(file: CsvFile) -> TotalRow | None:
    """What shows that the last row is one of totals; None where it is like the others."""
    last = next(file.texts_from_end(), None) if file.rows > 1 else None
    row = [] if last is None else [column[-1].as_py() for column in last.columns]
    if None not in row:
        return None
    for place, (column, cell) in enumerate(zip(file.columns, row, strict=True)):
        # Whatever the column's type is: ids are text, and may be numbers all the same.
        if cell is not None and _is_word(cell):
            kind = _kind_of_others(file, place)
            if kind is not None:
                return TotalRow(column, f"a word where each of these has {kind}")
    # What the last row has no number in, it has no sum in.
    filled = [column for column, cell in zip(file.columns, row, strict=True) if cell is not None]
    return _find_sum(file, [each.name for each in filled if _is_number(each)])


def find_rows_among(file: CsvFile, lines: Sequence[bytes]) -> list[int]:
    """Which of some lines that were cut off a file are rows like those of it.

    They have all cells, and in each column that no row leaves empty a value that fits.

    Args:
        file: The file.
        lines: Without their ends.
    """
    layout, delimiter = file.layout, bytes([file.layout.delimiter])
    cells = [leading_cells(line + delimiter, layout.width + 1, layout) for line in lines]
    whole = [number for number, each in enumerate(cells) if len(each) == layout.width]
    if not whole:
        return []
    needed = {name for name, empty in _count_empty(file).items() if not empty}
    return [
        number
        for number in whole
        if all(
            _fits(text, column, layout.dialect, needed=column.name in needed)
            for (text, _), column in zip(cells[number], file.columns, strict=True)
        )
    ]


def _is_number(column: Column) -> bool:
    return column.type is not None and column.type.data_type in ("bigint", "decimal")


def _is_word(cell: str) -> bool:
    is_word: bool = pc.match_substring_regex(pa.scalar(cell), _WORD).as_py()
    return is_word and cell.lower() not in _NO_WORDS


def _kind_of_others(file: CsvFile, place: int) -> str | None:
    """What all cells of a column but the last are, if none is a word; None without any."""
    evidence, has_letters = Evidence(), False
    # The last rows first: they mostly tell.
    for number, texts in enumerate(file.texts_from_end([place])):
        strings = only_chunk(texts.column(str(place)))
        others = strings[:-1] if number == 0 else strings
        evidence = evidence.with_cells(standard_forms(others, file.layout.dialect))
        has_letters |= pc.any(pc.match_substring_regex(others, r"\p{L}")).as_py() or False
        if has_letters and evidence.column_type not in _COUNTABLE:
            return None
    if not evidence.filled:
        return None
    # Numbers with zeros before them, or of an undeclared form.
    is_typed = evidence.column_type in _COUNTABLE
    return f"a {evidence.column_type}" if is_typed else "a number, or no letter"


def _find_sum(file: CsvFile, numbers: Sequence[str]) -> TotalRow | None:
    """What shows that the last row has a sum of the others, and lacks what each of these has.

    Args:
        file: The file.
        numbers: The columns of numbers that the last row has one in.
    """
    # Of two rows the second may be like the first.
    if file.rows <= 2 or not numbers:  # noqa: PLR2004
        return None
    sums, last = dict.fromkeys(numbers, Decimal(0)), None
    for table in file.tables():
        last = table.slice(table.num_rows - 1)
        for name in numbers:
            sums[name] += Decimal(pc.sum(table[name]).as_py() or 0)
    values = {name: last[name][0].as_py() for name in numbers} if last is not None else {}
    summed = next((name for name, one in values.items() if one and sums[name] == 2 * one), None)
    empty = _count_empty(file) if summed is not None else {}
    for column in file.columns if summed is not None else ():
        if empty[column.name] == 1 and _is_empty(last, column):
            cause = f"nothing where each of these has a value, beside the sum of {summed}"
            return TotalRow(column, cause)
    return None


def _count_empty(file: CsvFile) -> dict[str, int]:
    """How many rows leave each column empty."""
    empty = {column.name: 0 for column in file.columns}
    for table in file.tables():
        for column in file.columns:
            nulls = table[column.name].is_null()
            if column.has_variant:
                nulls = pc.and_(nulls, table[column.variant].is_null())
            empty[column.name] += int(pc.sum(nulls).as_py() or 0)
    return empty


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
