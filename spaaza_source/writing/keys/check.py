"""Checks that a key tells the rows of a load apart; where it does not, the error says why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from spaaza_source.tabular import VARIANT_SUFFIX
from spaaza_source.writing.keys.broken_key import broken_key, missing_key
from spaaza_source.writing.keys.candidates import KeyCandidates
from spaaza_source.writing.keys.cells import Key, cell_at


class KeyCheck:
    """The check of the keys that the rows of one load must not break.

    Args:
        table: The table.
        keys: The cells of the load's rows, as they pass by.
        user_key: What the user has named.
        stored_key: What has told the table's rows apart so far.
        newest_wins: Whether of rows with one key the newest stays.
    """

    def __init__(
        self,
        table: str,
        keys: KeyCandidates,
        user_key: Key | None,
        stored_key: Key,
        *,
        newest_wins: bool,
    ) -> None:
        self._table = table
        self._keys = keys
        self._user_key = user_key
        self._columns = {*(user_key or ()), *stored_key}
        self._newest_wins = newest_wins
        #: Rows in which a column of a key has a value that does not fit its type.
        self._misfits: Counter[str] = Counter()

    def add(self, rows: Any) -> None:
        """Take note of rows, an Arrow table or records, as the file has them."""
        for name in self._columns:
            variant = name + VARIANT_SUFFIX
            if isinstance(rows, list):
                self._misfits[name] += sum(cell_at(record, variant) is not None for record in rows)
            elif isinstance(rows, pa.Table) and variant in rows.column_names:
                self._misfits[name] += rows.num_rows - rows.column(variant).null_count

    def check(self, key: Key, locate: Callable[[int], str]) -> None:
        """Check a key once all rows have passed.

        Args:
            key: The key.
            locate: Tells where a row is, counted from 0 over all rows.

        Raises:
            BrokenKeyError: It does not tell them apart.
        """
        is_users = key == self._user_key
        if not self._keys.is_present(key):
            if self._keys.rows and not is_users:
                raise missing_key(self._table, key)
            return
        violation = self._keys.violation(key)
        if violation is None or (not violation.empty and self._newest_wins):
            return
        misfits = max(self._misfits[name] for name in key)
        where = f"{self._table}, first in {locate(violation.first)}"
        raise broken_key(key, violation, misfits, is_users=is_users, where=where)

    def check_users(self, key: Key, locate: Callable[[int], str]) -> Key | None:
        """Check the key that the user has named; returns it.

        None where it has a column that the user's own map adds: nothing is known of it here.
        """
        if self._keys.rows and not self._keys.is_present(key):
            return None
        self.check(key, locate)
        return key
