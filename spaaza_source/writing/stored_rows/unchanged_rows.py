"""Leaves out of a merge what would change nothing: rows that the table has as they are.

Where a load brings all rows and merges them by a key, most are in the table already. Each would be
staged, joined and compared with it cell by cell. Two hashes of every row tell it before: only rows
that differ are staged, and the keys of those that the table is to lose.

Such a package is right for the table as it is alone: its manifest says for which, and it is loaded
into no other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from spaaza_source.audit import EVERY_ROW, TableVersion, read_ledger, read_version
from spaaza_source.destination import (
    ask,
    can_hash,
    current_pipeline,
    fetch_chunks,
    open_session,
    quote_in_scope,
    quote_name,
)
from spaaza_source.writing.keys import Key, is_in

#: Rows of a table. Of each, some 32 bytes are in memory beside its key.
MOST_ROWS = 20_000_000


class UnchangedRows:
    """The rows of a table before a load, and which of them the load brings once more.

    Args:
        key: The columns that tell them apart.
        types: The columns that they are told by, as dlt names them, with their types in SQL.
        keys: The key of each.
        hashes: Two hashes of each.
        version: The table's.
    """

    def __init__(
        self,
        key: Key,
        types: Mapping[str, str],
        keys: pa.Table,
        hashes: pa.Table,
        version: TableVersion,
    ) -> None:
        self._key = key
        self._types = types
        self._keys = keys
        first, second = (column.to_numpy() for column in hashes.columns)
        by_first = np.argsort(first)
        self._first, self._second = first[by_first], second[by_first]
        self._version = version
        #: How many rows were left out; of those that were not, the columns, and whether some have
        #: nothing but their key.
        self._left_out = 0
        self._columns: dict[str, pa.DataType] = {}
        self._has_bare = False
        self._loses = False

    def leave_out(self, rows: pa.Table) -> pa.Table:
        """The rows that the table has not, or has otherwise."""
        hashes = self._hash(rows)
        if hashes is not None:
            unchanged = self._find(rows, *hashes)
            self._left_out += int(unchanged.sum())
            rows = rows.filter(pa.array(~unchanged))
        self.note_staged(rows)
        return rows

    def note_staged(self, rows: pa.Table) -> None:
        """Take note of rows that are loaded, whatever the table has."""
        self._columns |= {field.name: field.type for field in rows.schema}
        self._has_bare = self._has_bare or _has_bare_row(rows, self._key)

    def put_back(self, rows: pa.Table) -> pa.Table:
        """The rows that `leave_out` has not returned."""
        hashes = self._hash(rows)
        unchanged = np.zeros(len(rows), np.bool_) if hashes is None else self._find(rows, *hashes)
        return rows.filter(pa.array(unchanged))

    def find_absent(self, brought: pa.Table) -> pa.Table | None:
        """The rows that the table is to lose, with nothing but their key.

        None where some of the others have nothing else either, or could have: then all that was
        left out is to be put back.

        Args:
            brought: The keys of all rows that the load brings.
        """
        if not self._left_out:
            return pa.table({})
        gone = self._keys.filter(pc.invert(is_in(self._keys, brought)))
        self._loses = bool(gone.num_rows)
        if self._loses and (self._has_bare or not set(self._columns).difference(self._key)):
            self._left_out = 0
            return None
        return pa.table(
            {
                name: gone[name].cast(kind) if name in self._key else pa.nulls(gone.num_rows, kind)
                for name, kind in self._columns.items()
            }
        )

    def merge_hints(self, columns: Collection[str]) -> dict[str, str]:
        """What limits dlt's `delete-insert` to the rows that are staged.

        Args:
            columns: Those of the table.
        """
        if not self._left_out:
            # All are: they take the place of all that the table has.
            return {"destination_scope": EVERY_ROW}
        quote = partial(quote_in_scope, current_pipeline())
        same = " AND ".join(f"staged.{name} = {{table}}.{name}" for name in map(quote, self._key))
        staged = f"EXISTS (SELECT 1 FROM {{staging_table}} AS staged WHERE {same})"  # noqa: S608
        if not self._loses:
            return {"destination_scope": staged}
        others = [name for name in self._columns if name in columns and name not in self._key]
        filled = " OR ".join(f"{quote(name)} IS NOT NULL" for name in others)
        return {"destination_scope": staged, "source_filter": filled}

    @property
    def made_for(self) -> TableVersion | None:
        """The table that the package is made for; None where any will do."""
        return self._version if self._left_out else None

    def _hash(self, rows: pa.Table) -> tuple[Any, Any] | None:
        """The hashes of some rows as the table would have them; None where it has other types."""
        with open_session() as memory:
            cells = memory.from_arrow(rows)
            types = dict(zip(rows.column_names, map(str, cells.types), strict=True))
            if any(types.get(name, kind) != kind for name, kind in self._types.items()):
                return None
            names = [
                quote_name(name) if name in types else f"NULL::{kind}"
                for name, kind in self._types.items()
            ]
            hashes = cells.project(", ".join(_hashes(names))).to_arrow_table()
        first, second = (column.to_numpy() for column in hashes.columns)
        return first, second

    def _find(self, rows: pa.Table, first: Any, second: Any) -> npt.NDArray[np.bool_]:
        """Which of some rows the table has as they are."""
        at = np.searchsorted(self._first, first)
        at[at == len(self._first)] = 0
        unchanged: npt.NDArray[np.bool_] = (self._first[at] == first) & (self._second[at] == second)
        for name in set(rows.column_names).difference(self._types):
            unchanged &= rows[name].is_null().to_numpy()
        return unchanged


def read_unchanged_rows(table: str, key: Key, columns: Iterable[str]) -> UnchangedRows | None:
    """What a table has; None where it has no row, or its rows cannot be told so.

    Args:
        table: Its name.
        key: What tells its rows apart.
        columns: Its columns, as dlt names them.
    """
    pipeline = current_pipeline()
    # dlt's own differ in each load; and it would cut a statement at a semicolon.
    names = sorted(name for name in columns if not name.startswith("_dlt_"))
    if not key or any(";" in name for name in names):
        return None
    # A package that is not loaded yet makes another table of it.
    if not can_hash(pipeline) or pipeline.has_pending_data:
        return None
    try:
        return ask(lambda client: _read(client, table, key, names))
    except DatabaseUndefinedRelation:
        return None


def _read(client: Any, table: str, key: Key, columns: Iterable[str]) -> UnchangedRows | None:
    name = client.make_qualified_table_name(table)
    version = read_version(client, read_ledger(client), table)
    if version.rows > MOST_ROWS:
        return None
    described = client.execute_sql(f"DESCRIBE {name}")
    kinds = {str(column).lower(): str(kind) for column, kind, *_ in described}
    types = {column: kinds[column.lower()] for column in columns if column.lower() in kinds}
    if not set(types).issuperset(key):
        return None
    of_key = map(client.escape_column_name, key)
    cells = [*of_key, *_hashes([client.escape_column_name(column) for column in types])]
    query = f"SELECT {', '.join(cells)} FROM {name}"  # noqa: S608 - our own names
    chunks = list(fetch_chunks(client, query))
    if not chunks:
        return None
    rows = pa.concat_tables(chunks).rename_columns([*key, "first hash", "second hash"])
    hashes = rows.select(["first hash", "second hash"])
    return UnchangedRows(key, types, rows.select(list(key)), hashes, version)


def _hashes(cells: list[str]) -> tuple[str, str]:
    """Two hashes of a row, in DuckDB's SQL: one alone might be that of another row by chance."""
    return f"hash({', '.join(cells)})", f"hash({', '.join(reversed(cells))}, 1)"


def _has_bare_row(rows: pa.Table, key: Key) -> bool:
    """Whether some rows have nothing but their key."""
    bare = np.ones(rows.num_rows, np.bool_)
    for name in rows.column_names:
        if name not in key and bare.any():
            bare &= rows[name].is_null().to_numpy()
    return bool(bare.any())
