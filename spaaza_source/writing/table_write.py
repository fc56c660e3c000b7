"""What a table's rows are held to before they may take the place of what it holds.

Keys, the guard against mass deletion and the write disposition meet here; each has its module.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import dlt
import pyarrow as pa

from spaaza_source.audit.manifest import CountScope, count_scope
from spaaza_source.destination import window_scope
from spaaza_source.errors import BrokenKeyError
from spaaza_source.windows import Window
from spaaza_source.writing.delete_guard import DeleteGuard
from spaaza_source.writing.keys import Key, KeyCandidates
from spaaza_source.writing.schema_hints import has_rows, proven_key
from spaaza_source.writing.write_disposition import Disposition, current_valid_rows

#: A user's dispositions that take away what an export does not bring.
TAKING_AWAY = ("replace", "cdc", "scd2")


@dataclass(frozen=True)
class WriteSettings:
    """How one table is kept.

    Attributes:
        disposition: How rows are taken in.
        deletions: How many may go.
        candidates: Columns that may be its key, the likeliest first, as dlt names them.
    """

    disposition: Disposition
    delete_guard: DeleteGuard = field(default_factory=DeleteGuard)
    candidates: Sequence[str] = ()


class TableWrite:
    """The rows of one load of one table, as they pass by; within a resource that is extracted.

    Args:
        table: Its name.
        upkeep: How it is kept.
        nested: Whether the rows are records with lists in them, which become tables.
        partial: Whether the rows are those that changed, to be merged among the others by their
            key; else they are all rows, or all of a span of time.
        overlapping: Whether one row may come in several files.
        surplus: How many rows too many an earlier load has left, which this one mends: then all
            rows take the table's place even where they could be merged into it. None for no such.
    """

    def __init__(
        self,
        table: str,
        upkeep: WriteSettings,
        *,
        nested: bool = False,
        partial: bool = False,
        overlapping: bool = False,
        surplus: int | None = None,
    ) -> None:
        self._table = table
        self._upkeep = upkeep
        self._nested = nested
        # Later it is in the schema anyway.
        self._held = has_rows(table)
        self._held_key = proven_key(table)
        self._partial = partial and self._held
        self._overlapping = overlapping
        self._surplus = surplus
        self._declared = upkeep.disposition.user_key
        naming = dlt.current.source_schema().naming
        candidates: list[Key] = [(naming.normalize_identifier(name),) for name in upkeep.candidates]
        if self._declared:
            candidates = [self._declared]
        elif self._held_key:
            candidates.insert(0, self._held_key)
        self._keys = KeyCandidates(candidates)
        #: What tells the rows apart; known once all have passed.
        self.key: Key | None = None

    def hints(self) -> dict[str, Any]:
        """What dlt has to know before the first row."""
        return self._upkeep.disposition.first_hints()

    def add(self, rows: Any, *, file: int) -> Any:
        """The rows as they are to be loaded.

        Args:
            rows: An Arrow table, or records.
            file: The number of the file that they are from.
        """
        if not isinstance(rows, pa.Table):
            if isinstance(rows, list):
                self._keys.add_records(rows)
            return rows
        if self._overlapping:
            rows = self._keys.drop_seen(rows, file)
        self._keys.add(rows, file)
        return self._upkeep.disposition.with_row_version(rows)

    def finish(
        self, reach: Window | None, time_column: str | None, place: Callable[[int], str]
    ) -> None:
        """Judge the rows as a whole, and tell dlt what has to be known only now.

        Args:
            reach: The span of time that the rows are of; None for all rows.
            time_column: The column that it is taken by, as dlt names it; None where the rows do not
                take a span's place.
            place: Tells where a row is, counted from 0 over all rows.

        Raises:
            BrokenKeyError: What the user calls the key, or what was the key so far, does not tell
                the rows apart.
            SettingsError: The destination cannot take them in.
            TooManyDeletionsError: More rows would go from the table than may.
        """
        self.key = self._proven(place)
        disposition = self._upkeep.disposition
        strategy = disposition.strategy
        if self._partial:
            if strategy is None:
                self._merge(place)
            return
        # Into an empty table nothing needs to be merged. A merge leaves rows alone that have no key
        # of their own, and the rows of nested tables have none that a later load would find.
        known = self._held and self.key == self._held_key
        merged = known and not self._nested and self._surplus is None
        hints = disposition.own_hints(
            reach,
            time_column,
            self.key,
            merged=merged,
            known=not self._nested and (known or not self._held),
        )
        if self._held and (strategy is None or strategy in TAKING_AWAY):
            scope = None
            if strategy is None:
                scope = window_scope(dlt.current.pipeline(), reach, time_column)
            elif strategy == "scd2":
                scope = current_valid_rows(disposition.user_disposition or {})
            self._upkeep.delete_guard.check(
                self._table, self._keys, self.key, scope, surplus=self._surplus or 0
            )
        disposition.apply(hints)

    def forget(self) -> None:
        """Give back what the rows' keys take, once they have been judged."""
        self._keys.forget()

    def count_scope(self, reach: Window | None, time_column: str | None) -> CountScope | None:
        """How the rows are found in the destination once they are loaded; after `ended`.

        Args:
            reach: As `ended` has it.
            time_column: The same.
        """
        return count_scope(
            self._upkeep.disposition,
            self._table,
            reach,
            time_column,
            self.key,
            partial=self._partial,
        )

    def _merge(self, place: Callable[[int], str]) -> None:
        """Merge the rows among those that the table holds."""
        key = self._held_key or None
        if self._keys.rows:
            if key is None:
                raise BrokenKeyError(
                    "nothing tells the table's rows apart, so changed ones cannot be merged",
                    where=self._table,
                    hint="Load all rows: leave out start_date and end_date.",
                )
            self._held_to(key, place)
        self.key = key
        self._upkeep.disposition.apply(self._upkeep.disposition.partial_hints(key))

    def _proven(self, place: Callable[[int], str]) -> Key | None:
        if self._declared is None:
            key = self._keys.proven()
            if self._overlapping and self._keys.rows and key != self._keys.seen_by:
                raise BrokenKeyError(
                    "its windows share rows, and no column tells them apart",
                    where=self._table,
                    hint="Load all rows: leave out start_date.",
                )
            return key
        if self._keys.rows and not self._keys.is_present(self._declared):
            # A column that the user's own map adds; nothing is known of it here.
            return None
        self._held_to(self._declared, place)
        return self._declared

    def _held_to(self, key: Key, place: Callable[[int], str]) -> None:
        breach = self._keys.violation(key) if self._keys.is_present(key) else None
        if breach is not None and (breach.empty or not self._upkeep.disposition.newest_wins):
            raise BrokenKeyError(
                f"the key {', '.join(key)} is empty in {breach.empty:,} rows and repeats that of an"
                f" earlier row in {breach.repeated:,}",
                where=f"{self._table}, first in {place(breach.first)}",
                hint="Name columns that tell the rows apart as primary_key, or load all rows.",
            )
