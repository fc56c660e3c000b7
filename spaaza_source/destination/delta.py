"""DuckDB over Delta tables in a folder or an object store: its sessions, and a client for SQL.

The client has the methods of dlt's own. delta-rs, by which dlt writes the tables, opens them: so
DuckDB needs no extension of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import duckdb
import pyarrow as pa

# DuckDB, and what merges Delta tables, quote names like PostgreSQL.
from dlt.common.data_writers.escape import escape_postgres_identifier as quote_name
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from spaaza_source.windows import iso

__all__ = ["DELTA", "DeltaClient", "open_session", "quote_name"]

#: dlt's name of the table format.
DELTA: Final = "delta"


def open_session(database: duckdb.DuckDBPyConnection | None = None) -> duckdb.DuckDBPyConnection:
    """A session of DuckDB in UTC, without a progress bar.

    It works in the database of a connection; of None in a new one in memory.
    """
    session = duckdb.connect() if database is None else database.cursor()
    session.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
    return session


class DeltaClient:
    """The tables of one dataset, given by dlt's job client of the folder."""

    def __init__(self, files: Any) -> None:
        self._files = files
        self._opened: set[str] = set()
        #: Delta tables are merged without staging tables: in a staging dataset there are none.
        self._is_staging = False
        self._database = open_session()

    def make_qualified_table_name(self, table: str) -> str:
        """The table's name in SQL."""
        if self._is_staging:
            return quote_name(f"{table} staged")
        if table not in self._opened:
            try:
                delta = self._files.load_open_table(DELTA, table)
            except DestinationUndefinedEntity:
                return quote_name(table)
            self._database.register(table, delta.to_pyarrow_dataset())
            self._opened.add(table)
        return quote_name(table)

    def escape_column_name(self, column: str) -> str:
        """The column's name in SQL."""
        return quote_name(column)

    @contextmanager
    def with_staging_dataset(self) -> Iterator[DeltaClient]:
        """Name tables of the staging dataset inside the `with` block."""
        self._is_staging = True
        try:
            yield self
        finally:
            self._is_staging = False

    def execute_sql(self, sql: str, *parameters: Any) -> Sequence[Sequence[Any]]:
        """The rows that a query answers.

        Raises:
            DatabaseUndefinedRelation: There is no such table.
        """
        return self._run(sql, *parameters).fetchall()

    @property
    def native_connection(self) -> duckdb.DuckDBPyConnection:
        """DuckDB's connection, which knows the tables that were named."""
        return self._database

    @contextmanager
    def execute_query(self, sql: str, *parameters: Any) -> Iterator[_Answer]:
        """A query's answer, whose rows are fetched in chunks.

        Raises:
            DatabaseUndefinedRelation: There is no such table.
        """
        yield _Answer(self._run(sql, *parameters))

    def update(
        self, table: str, cells: Mapping[str, str], where: str, parameters: Sequence[Any]
    ) -> None:
        """Change rows of a table, as `update_rows` does."""
        values = iter(parameters)

        def fill_in(sql: str) -> str:
            return re.sub("%s", lambda _: _literal(next(values)), sql)

        updates = {column: fill_in(sql) for column, sql in cells.items()}
        self._files.load_open_table(DELTA, table).update(updates=updates, predicate=fill_in(where))

    def close(self) -> None:
        """Free its memory."""
        self._database.close()

    def _run(self, sql: str, *parameters: Any) -> duckdb.DuckDBPyConnection:
        try:
            return self._database.execute(sql.replace("%s", "?"), list(parameters))
        except duckdb.CatalogException as failure:
            raise DatabaseUndefinedRelation(failure) from failure


class _Answer:
    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor

    def iter_arrow(self, chunk_size: int) -> Iterator[pa.Table]:
        for batch in self._cursor.to_arrow_reader(chunk_size):
            yield pa.Table.from_batches([batch])


def _literal(value: Any) -> str:
    match value:
        case None:
            return "NULL"
        case bool() | int():
            return str(value)
        case datetime():
            return f"arrow_cast('{iso(value)}', 'Timestamp(Microsecond, Some(\"UTC\"))')"
    return "'" + str(value).replace("'", "''") + "'"
