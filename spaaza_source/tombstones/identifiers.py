"""Identifiers: what rows are found by to be a person's, and which columns hold them.

The names are those of `privacy`: a column matches in any spelling, nested or flat.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from spaaza_source.tabular import VARIANT_SUFFIX, path_keys

#: What becomes of a row that has a person's identifier: it goes, or its cell is emptied, where the
#: row is another person's that mentions the first.
Effect: TypeAlias = Literal["row", "cell"]


@dataclass(frozen=True)
class Identifier:
    """A kind of value that tells a person.

    Attributes:
        name: What a message, and a tombstone, calls it.
        rows: Columns of any table whose row is the person's.
        cells: Columns of any table that mention a person in somebody else's row.
        own: By table, further columns whose row is the person's: elsewhere `id` means other things.
        taken_from: Tables whose rows, once they are known to be the person's, tell its value.
    """

    name: str
    rows: frozenset[str] = frozenset()
    cells: frozenset[str] = frozenset()
    own: Mapping[str, frozenset[str]] = field(default_factory=dict)
    taken_from: Collection[str] = ()

    def effect(self, table: str, column: str) -> Effect | None:
        """What becomes of a row whose column has it; None where the column does not hold it.

        Args:
            table: The table's name.
            column: The column's name or path, such as `user__id`.
        """
        keys = path_keys(column.removesuffix(VARIANT_SUFFIX))
        name = keys[-1] if keys else ""
        if name in self.rows or name in self.own.get(table, ()):
            return "row"
        return "cell" if name in self.cells else None


@dataclass(frozen=True)
class People:
    """What a vendor's package knows of the people in its tables.

    Attributes:
        tables: Those whose rows are persons; a person is named by the key of one of them.
        identifiers: What tells a person: first what the key is, then what that row tells.
    """

    tables: Collection[str] = ()
    identifiers: tuple[Identifier, ...] = ()

    def links(self, table: str, columns: Iterable[str]) -> list[tuple[str, Identifier, Effect]]:
        """The columns of a table that hold an identifier, each with what becomes of its rows."""
        return [
            (column, identifier, effect)
            for column in columns
            for identifier in self.identifiers
            if (effect := identifier.effect(table, column)) is not None
        ]

    def owner_columns(self, table: str, columns: Iterable[str]) -> list[str]:
        """The columns of a table that name whose its rows are by what a key is.

        A row with a value there is that person's alone, whatever else it has of another one.
        """
        first = self.identifiers[:1]
        return [
            column
            for column in columns
            if any(identifier.effect(table, column) == "row" for identifier in first)
        ]


def words(names: str) -> frozenset[str]:
    """The column names of a text."""
    return frozenset(names.split())
