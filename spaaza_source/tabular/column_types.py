"""The columns of a file, CSV or JSON, and the types that they can have in Arrow and dlt."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import pyarrow as pa

from spaaza_source.errors import SettingsError
from spaaza_source.tabular.header import VARIANT_SUFFIX

DEFAULT_PRECISION, DEFAULT_SCALE = 38, 9
"""dlt's own default for a decimal: 29 digits before the point, 9 after it."""

_ARROW = {
    "text": pa.string(),
    "bool": pa.bool_(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
_CHOICES = ("text", "bool", "bigint", "decimal", "double", "date", "timestamp")
_DECIMAL = re.compile(r"decimal\s*\(\s*(\d{1,3})\s*(?:,\s*(\d{1,3})\s*)?\)")


@dataclass(frozen=True)
class ColumnType:
    """One column's type.

    `data_type` is dlt's name for it: `text`, `bool`, `bigint`, `decimal`, `double`, `date` or
    `timestamp` (microseconds, UTC). `precision` and `scale` apply to decimals only.

    Raises:
        SettingsError: A data type that no column of a file can have, or an impossible precision.
    """

    data_type: str
    precision: int = DEFAULT_PRECISION
    scale: int = DEFAULT_SCALE

    def __post_init__(self) -> None:
        if self.data_type != "decimal" and self.data_type not in _ARROW:
            raise SettingsError(
                f"a column of a file cannot have the type {self.data_type!r}",
                hint=f"Use one of {', '.join(_CHOICES)}.",
            )
        if not 0 < self.precision <= DEFAULT_PRECISION or not 0 <= self.scale <= self.precision:
            raise SettingsError(
                f"decimal({self.precision}, {self.scale}) is not a type of at most 38 digits"
            )

    @property
    def arrow(self) -> pa.DataType:
        """The Arrow type for this type."""
        if self.data_type == "decimal":
            return pa.decimal128(self.precision, self.scale)
        return _ARROW[self.data_type]

    @classmethod
    def of_dlt(
        cls, data_type: str, precision: int | None = None, scale: int | None = None
    ) -> ColumnType:
        """The type of a dlt column schema's `data_type`, `precision` and `scale`.

        Raises:
            SettingsError: A dlt type that no column of a file can have, such as `json`.
        """
        if data_type != "decimal" or precision is None:
            return cls(data_type)
        return cls(data_type, precision, scale or 0)

    @classmethod
    def parse(cls, text: Any) -> ColumnType:
        """The type of a setting's text: `bigint`, `decimal`, `decimal(18, 4)`.

        Raises:
            SettingsError: There is no such type.
        """
        name = text.strip().lower() if isinstance(text, str) else ""
        precise = _DECIMAL.fullmatch(name)
        if precise:
            return cls("decimal", int(precise[1]), int(precise[2] or 0))
        if name in _CHOICES:
            return cls(name)
        near = get_close_matches(name, _CHOICES, 1)
        raise SettingsError(
            f"there is no type {str(text)[:40]!r}",
            hint=f"{f'Did you mean {near[0]}? ' if near else ''}Choose one of"
            f" {', '.join(_CHOICES)}; decimal(18, 4) is one too.",
        )

    def __str__(self) -> str:
        if self.data_type == "decimal":
            return f"decimal({self.precision}, {self.scale})"
        return self.data_type


TEXT = ColumnType("text")
BOOL = ColumnType("bool")
BIGINT = ColumnType("bigint")
DECIMAL = ColumnType("decimal")
DOUBLE = ColumnType("double")
DATE = ColumnType("date")
TIMESTAMP = ColumnType("timestamp")


@dataclass(frozen=True)
class Column:
    """A column of a file.

    `header` is the vendor's text, `name` the normalised one. `type` is None where every cell is
    empty and no type was known or documented: undecided. If `has_variant`, some values do not fit
    the type, and their text is in the column `variant`. `documented` is the type that the vendor
    documents for it, where none was known: it is not the column's type if values do not fit it.
    `is_filled` tells whether a value has shown that the type is right. `cells` tells what its cells
    look like, if they were looked at and look personal.
    """

    header: str
    name: str
    type: ColumnType | None
    has_variant: bool = False
    documented: ColumnType | None = None
    is_filled: bool = True
    cells: str | None = None

    @property
    def variant(self) -> str:
        """The name of the column for the text of values that do not fit."""
        return self.name + VARIANT_SUFFIX
