"""Where a DAG loads to: a PostgreSQL database, or a DuckLake with its catalogue in one.

Each is known to dlt by the name `warehouse`, and read here without dlt.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import psycopg2
from duckdb_extensions import import_extension

from tests.destination.destinations import plain
from tests.destination.servers import Postgres

DATASET = "spaaza_data"
NAME = "DESTINATION__WAREHOUSE__"
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Warehouse:
    """A destination.

    Attributes:
        settings: Environment variables that tell dlt of it.
        query: Rows of a query, with times in UTC.
        loading: Within it, as far as the destination lets us, no load comes to its end. It tells
            from which local port the process that is loading has come; None while there is none.
    """

    settings: Mapping[str, str]
    query: Callable[[str], list[Row]]
    loading: Callable[[], AbstractContextManager[Callable[[], int | None]]]

    def columns(self, table: str) -> dict[str, str]:
        """The table's columns and their types, without dlt's own."""
        rows = self.query(
            "SELECT column_name, data_type FROM information_schema.columns"
            f" WHERE table_schema = '{DATASET}' AND table_name = '{table}'"
        )
        return {str(name): str(kind) for name, kind in rows if not str(name).startswith("_dlt_")}

    def rows(self, table: str) -> list[Row]:
        """All rows without dlt's columns, in an order of their own."""
        names = ", ".join(f'"{name}"' for name in sorted(self.columns(table)))
        rows = self.query(f"SELECT {names} FROM {DATASET}.{table}")
        return sorted((tuple(map(plain, row)) for row in rows), key=repr)


def postgres(server: Postgres, database: str) -> Warehouse:
    url = server.create(database)

    def query(sql: str) -> list[Row]:
        with contextlib.closing(psycopg2.connect(url)) as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            return list(cursor.fetchall())

    @contextlib.contextmanager
    def loading() -> Iterator[Callable[[], int | None]]:
        table = f"{DATASET}.transactions"
        with contextlib.closing(psycopg2.connect(url)) as connection:
            # It may be read, but nothing can be merged into it.
            connection.cursor().execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
            yield lambda: _port(query, f"relation = '{table}'::regclass AND NOT granted")

    settings = {f"{NAME}DESTINATION_TYPE": "postgres", f"{NAME}CREDENTIALS": url}
    return Warehouse(settings, query, loading)


def _port(query: Callable[[str], list[Row]], which: str) -> int | None:
    """From where a session has come that has such a lock, or waits for it."""
    rows = query(
        f"SELECT client_port FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE {which}"
    )
    return int(rows[0][0]) if rows else None


def ducklake(server: Postgres, database: str, files: Path) -> Warehouse:
    url = server.create(database)

    def query(sql: str) -> list[Row]:
        with duckdb.connect() as connection:
            connection.execute(
                f"ATTACH 'ducklake:postgres:{url}' AS lake"
                f" (DATA_PATH '{files}', METADATA_SCHEMA 'lake', READ_ONLY);"
                " USE lake; SET TimeZone = 'UTC'"
            )
            return connection.execute(sql).fetchall()

    @contextlib.contextmanager
    def loading() -> Iterator[Callable[[], int | None]]:
        def catalogue(sql: str) -> list[Row]:
            with contextlib.closing(psycopg2.connect(url)) as connection:
                cursor = connection.cursor()
                cursor.execute(sql)
                return list(cursor.fetchall())

        # Who loads has this one throughout.
        here = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        yield lambda: _port(catalogue, f"locktype = 'advisory' AND granted AND {here}")

    settings = {
        f"{NAME}DESTINATION_TYPE": "ducklake",
        f"{NAME}CREDENTIALS__DUCKLAKE_NAME": "lake",
        f"{NAME}CREDENTIALS__CATALOG": url,
        f"{NAME}CREDENTIALS__STORAGE__BUCKET_URL": str(files),
    }
    return Warehouse(settings, query, loading)


def put_extensions() -> None:
    """Put DuckDB's extensions where it looks for them, out of their wheels."""
    for name in ("ducklake", "postgres_scanner"):
        with duckdb.connect() as connection:
            import_extension(name, con=connection)
