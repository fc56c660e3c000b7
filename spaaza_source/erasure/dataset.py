"""A dataset as erasure sees it: its tables, their columns, and rows that hold certain texts."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import dlt

from spaaza_source.audit import AUDIT_TABLES
from spaaza_source.destination import fetch_chunks, fetch_number, list_own_staging
from spaaza_source.tombstones import ERASURE_TABLES, plain_text
from spaaza_source.writing import FORMAT

#: Texts that one statement looks for.
ASKED = 500
#: A row of a nested table names its parent, and what it is itself, by these columns of dlt.
PARENT, ROW = "_dlt_parent_id", "_dlt_id"
_TEXT = re.compile(r"(var)?char|text|string|character|bpchar|uuid", re.IGNORECASE)
_NUMBER = re.compile(
    r"(u?(big|small|tiny|huge)?int|decimal|numeric|number|double|float|real)", re.IGNORECASE
)
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,29}")
#: Tables of audit with the filters of exports.
WITH_FILTERS = ("export_jobs", "failed_exports")
#: dlt's own tables in a staging dataset: it needs what is in them.
_KEPT_STAGED = "_dlt_"
_AUDIT = {*AUDIT_TABLES, *WITH_FILTERS}


class Condition(NamedTuple):
    """Rows of a table, in SQL, with the values of its parameters."""

    sql: str
    values: Sequence[Any]


class Dataset:
    """The tables of a dataset, by dlt's client of it.

    Args:
        client: As `open_client` returns it, of a database.
        schemas: What dlt knows of the tables.
    """

    def __init__(self, client: Any, schemas: Sequence[dlt.Schema]) -> None:
        self._client = client
        every = _columns(client, client.dataset_name)
        #: The columns of each table, with their types; without those of dlt and of audit.
        self.tables: Mapping[str, Mapping[str, str]] = {
            table: columns
            for table, columns in every.items()
            if table not in {*_AUDIT, *ERASURE_TABLES} and not table.startswith("_dlt_")
        }
        self.audit = [table for table in _AUDIT if table in every]
        self._parents = {
            table: str(hints["parent"])
            for schema in schemas
            for table, hints in schema.tables.items()
            if hints.get("parent")
        }
        self._resources = {
            table: str(hints["resource"])
            for schema in schemas
            for table, hints in schema.tables.items()
            if FORMAT in hints and hints.get("resource")
        }

    def name(self, table: str) -> str:
        """The table's qualified name."""
        return str(self._client.make_qualified_table_name(table))

    def vendors_name(self, table: str) -> str:
        """The name that the vendor's package has for a table, whatever a user has called it."""
        parent = self._parents.get(table)
        if parent is not None:
            return self.vendors_name(parent) + table.removeprefix(parent)
        return self._resources.get(table, table)

    def quote(self, column: str) -> str:
        """The column's name in SQL."""
        # Beside parameters some drivers take a % for one.
        return str(self._client.escape_column_name(column))

    def children(self, table: str) -> list[str]:
        """The tables of the nested lists of a table's rows."""
        return [
            name
            for name, columns in self.tables.items()
            if PARENT in columns and self._parents.get(name, name.rpartition("__")[0]) == table
        ]

    def holding(self, table: str, column: str, texts: Collection[str]) -> Iterator[Condition]:
        """The rows whose column has one of some texts; none where its type can hold none."""
        kind, name = self.tables[table][column], self.quote(column)
        wanted: list[Any] = sorted(texts)
        if _NUMBER.match(kind):
            # Another spelling of a number is another text: later loads would not find it.
            wanted = [int(text) for text in wanted if _WHOLE.fullmatch(text)]
        elif not _TEXT.match(kind) or "%" in name:
            return
        if kind.casefold() == "uuid":
            name = f"CAST({name} AS VARCHAR)"
        for first in range(0, len(wanted), ASKED):
            part = wanted[first : first + ASKED]
            yield Condition(f"{name} IN ({', '.join(['%s'] * len(part))})", part)

    def count(self, table: str, where: Condition) -> int:
        """How many rows a condition is true of."""
        sql = f"SELECT count(*) FROM {self.name(table)} WHERE {where.sql}"  # noqa: S608 - our names
        return int(self._client.execute_sql(sql, *where.values)[0][0])

    def texts(self, table: str, columns: Sequence[str], where: Condition) -> Iterator[str]:
        """The cells of some columns of those rows, as texts."""
        names = ", ".join(map(self.quote, columns))
        sql = f"SELECT DISTINCT {names} FROM {self.name(table)} WHERE {where.sql}"  # noqa: S608
        for chunk in fetch_chunks(self._client, sql, *where.values):
            for cells in chunk.columns:
                yield from filter(None, map(plain_text, cells.to_pylist()))

    def delete(self, table: str, where: Condition, removed: dict[str, int]) -> None:
        """Delete rows, and those of nested tables that belong to them; adds their numbers."""
        for child in self.children(table):
            of_rows = f"SELECT {self.quote(ROW)} FROM {self.name(table)} WHERE {where.sql}"  # noqa: S608
            nested = Condition(f"{self.quote(PARENT)} IN ({of_rows})", where.values)
            self.delete(child, nested, removed)
        rows = self.count(table, where)
        if rows:
            sql = f"DELETE FROM {self.name(table)} WHERE {where.sql}"  # noqa: S608
            self._client.execute_sql(sql, *where.values)
            removed[table] = removed.get(table, 0) + rows

    def empty(self, table: str, column: str, where: Condition) -> int:
        """Empty cells of a column; returns how many."""
        rows = self.count(table, where)
        if rows:
            name = self.quote(column)
            sql = f"UPDATE {self.name(table)} SET {name} = NULL WHERE {where.sql}"  # noqa: S608
            self._client.execute_sql(sql, *where.values)
        return rows

    def empty_staging(self) -> None:
        """Delete what loads have left in staging tables, also in those of single workers.

        Who holds the load lock knows that no load needs it any more.
        """
        staging = [self._client.staging_dataset_name, *list_own_staging(self._client)]
        for dataset in staging:
            with self._client.with_alternative_dataset_name(dataset):
                for table in _columns(self._client, dataset):
                    if not table.startswith(_KEPT_STAGED):
                        self._empty_table(self._client.make_qualified_table_name(table))

    def _empty_table(self, name: str) -> None:
        if fetch_number(self._client, f"SELECT count(*) FROM {name}"):  # noqa: S608 - as dlt names it
            self._client.execute_sql(f"DELETE FROM {name}")  # noqa: S608


def _columns(client: Any, dataset: str) -> dict[str, dict[str, str]]:
    """The columns of each table of a dataset, with their types; no views."""
    sql = (
        "SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c"
        " JOIN information_schema.tables t ON t.table_schema = c.table_schema"
        " AND t.table_name = c.table_name AND t.table_catalog = c.table_catalog"
        " WHERE t.table_type = 'BASE TABLE' AND c.table_schema = %s"
        " AND c.table_catalog = current_database() ORDER BY c.table_name, c.ordinal_position"
    )
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in client.execute_sql(sql, dataset):
        found.setdefault(str(table), {})[str(column)] = str(kind)
    return found
