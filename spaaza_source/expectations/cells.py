"""Looks at one column of some rows: how many cells are empty or not allowed, the newest time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.tabular import VARIANT_SUFFIX
from spaaza_source.writing import cell_at

#: How many cells, and the first of them, counted from 0.
Found = tuple[int, int]


def count_empty(rows: Any, column: str) -> Found | None:
    """The rows that have nothing in a column; a value that does not fit its type is not in it."""
    if isinstance(rows, pa.Table):
        if column not in rows.column_names:
            return (rows.num_rows, 0) if rows.num_rows else None
        cells = rows.column(column)
        return _count(cells.is_null()) if cells.null_count else None
    return _first_of(number for number, each in enumerate(rows) if cell_at(each, column) is None)


def count_others(rows: Any, column: str, allowed: tuple[str, ...]) -> Found | None:
    """The rows that have something else in a column than what is allowed, as `write_value` does."""
    if isinstance(rows, pa.Table):
        others = []
        for name in {column, column + VARIANT_SUFFIX}.intersection(rows.column_names):
            cells, kind = rows.column(name), rows.schema.field(name).type
            if cells.null_count < rows.num_rows:
                is_allowed = pc.is_in(cells, value_set=_fit(allowed, kind))
                others.append(pc.and_(cells.is_valid(), pc.invert(is_allowed)))
        if not others:
            return None
        return _count(others[0] if len(others) == 1 else pc.or_(*others))
    return _first_of(
        number
        for number, each in enumerate(rows)
        for cell in (cell_at(each, column), cell_at(each, column + VARIANT_SUFFIX))
        if cell is not None and write_value(cell) not in allowed
    )


def write_value(value: Any) -> str:
    """A value as a cell may be written: `true`, `1.5`, and `1` for 1.0."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | Decimal):
        return f"{Decimal(str(value)).normalize():f}"
    return str(value)


def find_newest(rows: Any, column: str) -> datetime | None:
    """The newest instant in a column, in UTC; None where it has none.

    A day ends at its midnight.

    Raises:
        TypeError: It has something, and that is no time.
    """
    if isinstance(rows, pa.Table):
        if column not in rows.column_names or rows.column(column).null_count == rows.num_rows:
            return None
        kind = rows.schema.field(column).type
        if not pa.types.is_timestamp(kind) and not pa.types.is_date(kind):
            raise TypeError(column)
        return as_instant(pc.max(rows.column(column)).as_py())
    cells = [cell for each in rows if (cell := cell_at(each, column)) is not None]
    if not all(isinstance(cell, date) for cell in cells):
        raise TypeError(column)
    return max((each for cell in cells if (each := as_instant(cell))), default=None)


def as_instant(cell: Any) -> datetime | None:
    """A time or a day, as a database tells it, in UTC; the end of a day."""
    if isinstance(cell, datetime):
        return cell.replace(tzinfo=UTC) if cell.tzinfo is None else cell
    if isinstance(cell, date):
        midnight = datetime(cell.year, cell.month, cell.day, tzinfo=UTC)
        return midnight + timedelta(days=1) if cell < date.max else midnight
    return None


def _count(mask: Any) -> Found | None:
    number = int(pc.sum(mask).as_py() or 0)
    return (number, int(pc.index(mask, pa.scalar(True)).as_py())) if number else None


def _first_of(numbers: Iterable[int]) -> Found | None:
    found = sorted(set(numbers))
    return (len(found), found[0]) if found else None


@lru_cache(maxsize=256)
def _fit(allowed: tuple[str, ...], kind: pa.DataType) -> pa.Array:
    """What a column of a type can have of some values."""
    if pa.types.is_string(kind):
        return pa.array(allowed, kind)
    return pa.array([each for text in allowed for each in _cast(text, kind)], kind)


def _cast(text: str, kind: pa.DataType) -> Sequence[Any]:
    try:
        return [pc.cast(pa.scalar(text), kind).as_py()]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        # No cell of that type is like it.
        return []
