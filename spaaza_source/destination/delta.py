"""Asks and tells Delta tables in a folder or an object store, as dlt's SQL client does a database.

delta-rs opens them, which dlt writes them with; DuckDB answers in SQL, and needs no extension
of its own for it. Which tables are asked, and what, is left to the callers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import duckdb
import pyarrow as pa

# Those of DuckDB, and of what merges Delta tables, are quoted alike.
from dlt.common.data_writers.escape import escape_postgres_identifier as quoted
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from spaaza_source.windows import iso

#: The table format that is meant here, as dlt calls it.
DELTA: Final = "delta"


class DeltaClient:
    """The tables of one dataset.

    Args:
        files: dlt's client of the files.
    """

    def __init__(self, files: Any) -> None:
        self._files = files
        self._opened: set[str] = set()
        self._staging = False
        self._database = duckdb.connect()
        self._database.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")

    def make_qualified_table_name(self, table: str) -> str:
        """Its name in SQL."""
        if self._staging:
            return quoted(f"{table} staged")
        if table not in self._opened:
            try:
                found = self._files.load_open_table(DELTA, table)
            except DestinationUndefinedEntity:
                return quoted(table)
            self._database.register(table, found.to_pyarrow_dataset())
            self._opened.add(table)
        return quoted(table)

    def escape_column_name(self, column: str) -> str:
        """Its name in SQL."""
        return quoted(column)

    @contextmanager
    def with_staging_dataset(self) -> Iterator[DeltaClient]:
        """Delta tables are merged without staging tables: until left, there are no tables."""
        self._staging = True
        try:
            yield self
        finally:
            self._staging = False

    def execute_sql(self, sql: str, *parameters: Any) -> Sequence[Sequence[Any]]:
        """The rows of an answer.

        Raises:
            DatabaseUndefinedRelation: There is no such table.
        """
        return self._run(sql, *parameters).fetchall()

    @contextmanager
    def execute_query(self, sql: str) -> Iterator[_Answer]:
        """An answer whose rows are fetched in chunks.

        Raises:
            DatabaseUndefinedRelation: There is no such table.
        """
        yield _Answer(self._run(sql))

    def update(
        self, table: str, told: Mapping[str, str], where: str, parameters: Sequence[Any]
    ) -> None:
        """Change rows of a table.

        Args:
            table: Its name.
            told: New cells by column, in SQL.
            where: The rows, in SQL.
            parameters: What stands for each `%s`, in `told` and then in `where`.
        """
        left = list(parameters)

        def filled(sql: str) -> str:
            return re.sub("%s", lambda _: _literal(left.pop(0)), sql)

        updates = {column: filled(sql) for column, sql in told.items()}
        self._files.load_open_table(DELTA, table).update(updates=updates, predicate=filled(where))

    def close(self) -> None:
        """Give back what it takes."""
        self._database.close()

    def _run(self, sql: str, *parameters: Any) -> duckdb.DuckDBPyConnection:
        try:
            return self._database.execute(sql.replace("%s", "?"), list(parameters))
        except duckdb.CatalogException as failure:
            raise DatabaseUndefinedRelation(failure) from failure


class _Answer:
    def __init__(self, found: duckdb.DuckDBPyConnection) -> None:
        self._found = found

    def iter_arrow(self, chunk_size: int) -> Iterator[pa.Table]:
        for batch in self._found.to_arrow_reader(chunk_size):
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
