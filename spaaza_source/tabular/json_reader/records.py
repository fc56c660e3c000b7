"""Members become typed values: one batch of records after the other, as dlt is to get them.

Which type each path has is left to `json_shape`, what dlt makes of the records to dlt: it flattens
nested objects, and makes child tables of nested lists.
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
from spaaza_source.tabular.json_reader.shape import Members, Path, as_cell, as_row
from spaaza_source.tabular.json_reader.text import Number, write_value
from spaaza_source.tabular.values import convert, fitting

Row = dict[str, Any]

_READ: dict[str, Callable[[str], Any]] = {
    "bool": "true".__eq__,
    "bigint": int,
    "decimal": Decimal,
    "double": float,
    "date": dt.date.fromisoformat,
}


class Records:
    """Makes records of objects; `settle` a batch of them before it is used.

    Args:
        root: The members of the file's objects, typed.
    """

    def __init__(self, root: Members) -> None:
        self._columns: list[_Column] = []
        self._root = self._compiled(root)

    def record(self, members: dict[str, Any]) -> Row:
        """The record of an object; some values are only there when the batch is settled."""
        return self._row(self._root, members)

    def settle(self) -> None:
        """Fill in the values of this batch's records that are read many at once."""
        for column in self._columns:
            column.settle()

    def _compiled(self, members: Members) -> dict[str, _Member]:
        return {key: self._member(path) for key, path in members.paths.items()}

    def _member(self, path: Path) -> _Member:
        if path.is_column:
            kind = path.evidence.column_type
            column = _Column(path.name, kind, misfits=path.evidence.misfits) if kind else None
            if column is not None:
                self._columns.append(column)
            return _Member(path.name, column)
        return _Member(
            path.name,
            None,
            members=self._compiled(path.members) if path.members else {},
            elements=self._compiled(path.elements) if path.elements else {},
        )

    def _row(self, expected: dict[str, _Member], members: dict[str, Any]) -> Row:
        row: Row = {}
        for key, value in members.items():
            member = expected[key]
            if member.column is not None:
                member.column.put(row, value)
            elif type(value) is dict:
                row[member.name] = self._row(member.members, value)
            elif type(value) is list:
                row[member.name] = [self._row(member.elements, as_row(part)) for part in value]
        return row


class _Member:
    """What becomes of a key's values: a column's, a row's or rows'; None is left out of these."""

    __slots__ = ("column", "elements", "members", "name")

    def __init__(
        self,
        name: str,
        column: _Column | None,
        *,
        members: dict[str, _Member] | None = None,
        elements: dict[str, _Member] | None = None,
    ) -> None:
        self.name = name
        self.column = column
        self.members = members or {}
        self.elements = elements or {}


class _Column:
    """A column's values, put into the rows that they belong to."""

    def __init__(self, name: str, kind: ColumnType, *, misfits: bool) -> None:
        self._name = name
        self._kind = kind
        self._misfits = misfits
        self._read = _READ.get(kind.data_type)
        self._waiting: list[tuple[Row, Any, str]] = []

    def put(self, row: Row, value: Any) -> None:
        if value is None or value == "":
            row[self._name] = None
        elif type(value) is dict or type(value) is list:
            self._set_aside(row, write_value(value))
        elif self._kind.data_type == "text":
            row[self._name] = _text(value)
        elif self._read is None or self._misfits:
            row[self._name] = None
            self._waiting.append((row, value, as_cell(value)))
        else:
            row[self._name] = self._read(as_cell(value))

    def settle(self) -> None:
        if not self._waiting:
            return
        cells = pa.array([cell for _, _, cell in self._waiting], pa.string())
        fits = fitting(cells, self._kind) if self._misfits else pc.is_valid(cells)
        values = self._values(pc.if_else(fits, cells, None))
        for (row, value, _), fit, fitted in zip(
            self._waiting, fits.to_pylist(), values, strict=True
        ):
            if fit:
                row[self._name] = fitted
            else:
                self._set_aside(row, _text(value))
        self._waiting = []

    def _values(self, cells: Any) -> list[Any]:
        if self._read is None:
            local = pc.cast(convert(cells, self._kind), pa.timestamp("us"))
            return [time and time.replace(tzinfo=dt.timezone.utc) for time in local.to_pylist()]
        return [None if cell is None else self._read(cell) for cell in cells.to_pylist()]

    def _set_aside(self, row: Row, text: str) -> None:
        row[self._name] = None
        row[self._name + VARIANT_SUFFIX] = text


def _text(value: Any) -> str:
    """A plain value as text: a number as it was written, not as a cell would have it."""
    return str(value) if type(value) is Number else as_cell(value)
