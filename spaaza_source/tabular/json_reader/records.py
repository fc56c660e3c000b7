"""Makes the typed records that dlt loads, a batch at a time, from a file's objects.

dlt flattens their nested objects, and makes child tables of their nested lists.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.tabular.column_types import ColumnType
from spaaza_source.tabular.header import VARIANT_SUFFIX
from spaaza_source.tabular.inference import Evidence
from spaaza_source.tabular.json_reader.shape import Members, all_members, as_cell, as_row
from spaaza_source.tabular.json_reader.text import Number, write_value
from spaaza_source.tabular.values import convert, fit_mask, is_zero_text

Row = dict[str, Any]

_READ: dict[str, Callable[[str], Any]] = {
    "bool": "true".__eq__,
    "bigint": int,
    "decimal": Decimal,
    "double": float,
    "date": dt.date.fromisoformat,
}


class Records:
    """Makes records of objects; `complete` a batch of them before it is used.

    Args:
        root: The members of the file's objects, with their types.
    """

    def __init__(self, root: Members) -> None:
        self._root = root
        self._columns = {
            path.number: _Column(path.name, kind, path.evidence)
            for members in all_members(root)
            for path in members.paths.values()
            if path.is_column and (kind := path.as_column.type)
        }

    def record(self, members: dict[str, Any]) -> Row:
        """The record of an object; some of its values are missing until the batch is completed."""
        return self._row(self._root, members)

    def complete(self) -> None:
        """Fill in the values of this batch that are converted many at once."""
        for column in self._columns.values():
            column.complete()

    def _row(self, expected: Members | None, members: dict[str, Any]) -> Row:
        row: Row = {}
        paths = expected.paths if expected else {}
        for key, value in members.items():
            path = paths[key]
            column = self._columns.get(path.number)
            if column is not None:
                column.put(row, value)
            elif type(value) is dict:
                row[path.name] = self._row(path.members, value)
            elif type(value) is list:
                row[path.name] = [self._row(path.elements, as_row(part)) for part in value]
        return row


class _Column:
    """Converts a column's values and puts them into their rows."""

    def __init__(self, name: str, kind: ColumnType, evidence: Evidence) -> None:
        self._name = name
        self._kind = kind
        self._misfits = evidence.misfits
        self._drops_zeros = evidence.drops_zeros
        self._read = _READ.get(kind.data_type)
        self._pending: list[tuple[Row, Any, str]] = []

    def put(self, row: Row, value: Any) -> None:
        if value is None or value == "":
            row[self._name] = None
        elif type(value) is dict or type(value) is list:
            self._put_variant(row, write_value(value))
        elif self._kind.data_type == "text":
            row[self._name] = _text(value)
        elif self._drops_zeros and is_zero_text(as_cell(value)):
            row[self._name] = None
        elif self._read is None or self._misfits:
            row[self._name] = None
            self._pending.append((row, value, as_cell(value)))
        else:
            row[self._name] = self._read(as_cell(value))

    def complete(self) -> None:
        if not self._pending:
            return
        cells = pa.array([cell for _, _, cell in self._pending], pa.string())
        fits = fit_mask(cells, self._kind) if self._misfits else pc.is_valid(cells)
        values = self._values(pc.if_else(fits, cells, None))
        for (row, value, _), fit, fitted in zip(
            self._pending, fits.to_pylist(), values, strict=True
        ):
            if fit:
                row[self._name] = fitted
            else:
                self._put_variant(row, _text(value))
        self._pending = []

    def _values(self, cells: Any) -> list[Any]:
        if self._read is None:
            local = pc.cast(convert(cells, self._kind), pa.timestamp("us"))
            return [time and time.replace(tzinfo=dt.timezone.utc) for time in local.to_pylist()]
        return [None if cell is None else self._read(cell) for cell in cells.to_pylist()]

    def _put_variant(self, row: Row, text: str) -> None:
        row[self._name] = None
        row[self._name + VARIANT_SUFFIX] = text


def _text(value: Any) -> str:
    """A plain value as text: a number as it was written, with its exponent."""
    return str(value) if type(value) is Number else as_cell(value)
