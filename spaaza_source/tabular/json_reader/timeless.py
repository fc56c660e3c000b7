"""Finds records without an instant in the column that windows are taken by: they are in none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from spaaza_source.tabular.header import spell_header
from spaaza_source.tabular.instants import find_no_instants
from spaaza_source.tabular.json_reader.shape import as_cell


class Timeless:
    """Judges the records of one file, from its first on.

    If most of the first ones have no instant, the column holds none, and all of them may be loaded:
    whoever takes the window tells so.

    Args:
        column: The column's name; it is of the records themselves, not of objects in them.
        name_column: Makes a column name of a key.
    """

    def __init__(self, column: str, name_column: Callable[[str], str]) -> None:
        self._column = column
        self._name_column = name_column
        self._keys: list[str] = []
        self._others: set[str] = set()
        self._has_instants: bool | None = None

    def has_any(self, records: Sequence[dict[str, Any]]) -> bool:
        """Whether some of the records have no instant there."""
        if self._has_instants is False or not records:
            return False
        texts = [self._text(record) for record in records]
        without = find_no_instants(pa.array(texts, pa.string()))
        if self._has_instants is None:
            self._has_instants = 2 * len(without) <= len(records)
        return bool(without) and self._has_instants

    def _text(self, record: dict[str, Any]) -> str | None:
        key = next((key for key in self._keys if key in record), None) or self._find_key(record)
        value = None if key is None else record[key]
        return None if value is None or isinstance(value, dict | list) else as_cell(value) or None

    def _find_key(self, record: dict[str, Any]) -> str | None:
        """A key of the column that no record before had; None where this one has none either."""
        for key in record.keys() - self._others:
            if spell_header(key, self._name_column) == self._column:
                self._keys.append(key)
                return key
            self._others.add(key)
        return None
