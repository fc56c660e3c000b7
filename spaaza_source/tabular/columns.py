"""The columns that a file has, CSV or JSON: headers, names and types."""

from __future__ import annotations

from dataclasses import dataclass

from spaaza_source.tabular.column_types import ColumnType
from spaaza_source.tabular.header import VARIANT_SUFFIX


@dataclass(frozen=True)
class Column:
    """A column of a file.

    `header` is the vendor's text, `name` the normalised one. `type` is None where every cell is
    empty and no type was known: undecided. If `has_variant`, some values do not fit the type, and
    their text is in the column `variant`.
    """

    header: str
    name: str
    type: ColumnType | None
    has_variant: bool = False

    @property
    def variant(self) -> str:
        """The name of the column for the text of values that do not fit."""
        return self.name + VARIANT_SUFFIX
