"""What a table's rows are held to before they may take the place of what it holds.

Keys, the guard against mass deletion and the write disposition meet here; each has its module.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.schema.typing import DEFAULT_VALIDITY_COLUMN_NAMES

from spaaza_source.errors import BrokenKeyError
from spaaza_source.exports.columns import has_rows, proven_key
from spaaza_source.exports.deletions import Deletions
from spaaza_source.exports.disposition import Disposition, scope_of
from spaaza_source.exports.keys import Key, Keys
from spaaza_source.exports.windows import Window

#: A user's dispositions that take away what an export does not bring.
TAKING_AWAY = ("replace", "cdc", "scd2")


@dataclass(frozen=True)
class Upkeep:
    """How one table is kept.

    Attributes:
        disposition: How rows are taken in.
        deletions: How many may go.
        candidates: Columns that may be its key, the likeliest first, as dlt names them.
    """

    disposition: Disposition
    deletions: Deletions = field(default_factory=Deletions)
    candidates: Sequence[str] = ()


class Intake:
    """The rows of one load of one table, as they pass by; within a resource that is extracted.

    Args:
        table: Its name.
        upkeep: How it is kept.
        nested: Whether the rows are records with lists in them, which become tables.
    """

    def __init__(self, table: str, upkeep: Upkeep, *, nested: bool) -> None:
        self._table = table
        self._upkeep = upkeep
        self._nested = nested
        self._declared = upkeep.disposition.users_key
        # Later it is in the schema anyway.
        self._held = has_rows(table)
        self._held_key = proven_key(table)
        naming = dlt.current.source_schema().naming
        candidates = [(naming.normalize_identifier(name),) for name in upkeep.candidates]
        self._keys = Keys([self._declared] if self._declared else candidates)

    def hints(self) -> dict[str, Any]:
        """What dlt has to know before the first row."""
        return self._upkeep.disposition.users_hints()

    def taken(self, rows: Any) -> Any:
        """The rows as they are to be loaded."""
        if not isinstance(rows, pa.Table):
            if isinstance(rows, list):
                self._keys.add_records(rows)
            return rows
        self._keys.add(rows)
        return self._upkeep.disposition.added(rows)

    def ended(
        self, reach: Window | None, time_column: str | None, place: Callable[[int], str]
    ) -> None:
        """Judge the rows as a whole, and tell dlt what has to be known only now.

        Args:
            reach: The span of time that the rows are of; None for all rows.
            time_column: The column that it is taken by, as dlt names it.
            place: Tells where a row is, counted from 0 over all rows.

        Raises:
            BrokenKeyError: What the user calls the key does not tell the rows apart.
            TooManyDeletionsError: More rows would go from the table than may.
        """
        key = self._key(place)
        disposition = self._upkeep.disposition
        # Into an empty table nothing needs to be merged. A merge leaves rows alone that have no key
        # of their own, and the rows of nested tables have none that a later load would find.
        merged = self._held and key == self._held_key and not self._nested
        hints = disposition.own_hints(reach, time_column, key, merged=merged)
        strategy = disposition.strategy
        if self._held and (strategy is None or strategy in TAKING_AWAY):
            scope = None
            if strategy is None:
                scope = scope_of(reach, time_column)
            elif strategy == "scd2":
                scope = _still_valid(disposition.users or {})
            self._upkeep.deletions.check(self._table, self._keys, key, scope)
        disposition.tell(hints)

    def _key(self, place: Callable[[int], str]) -> Key | None:
        if self._declared is None:
            return self._keys.proven()
        if self._keys.rows and not self._keys.has_columns(self._declared):
            # A column that the user's own map adds; nothing is known of it here.
            return None
        breach = self._keys.breach(self._declared)
        if breach is None:
            return self._declared
        raise BrokenKeyError(
            f"the key {', '.join(self._declared)} is empty in {breach.empty:,} rows and repeats"
            f" that of an earlier row in {breach.repeated:,}",
            where=f"{self._table}, first in {place(breach.first)}",
            way_out="Name columns that tell the rows apart as primary_key, or leave it out.",
        )


def _still_valid(users: dict[str, Any]) -> str:
    """The rows of an `scd2` table that have not been retired."""
    _, until = users.get("validity_column_names") or DEFAULT_VALIDITY_COLUMN_NAMES
    return f"{{table}}.{until} IS NULL OR {{table}}.{until} > CURRENT_TIMESTAMP"
