"""Where the same loads go: four destinations, each read back by an engine that is not dlt.

DuckDB's file by DuckDB; PostgreSQL by psycopg2; a DuckLake by a connection of its own; Delta tables
in an object store by delta-rs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

import deltalake
import duckdb
import psycopg2
import pytest

from tests.destination.servers import BUCKET, PASSWORD, ObjectStore, Postgres

DATASET = "loyalty"
#: What DuckDB needs for a DuckLake whose catalogue is in PostgreSQL.
EXTENSIONS = ("ducklake", "postgres_scanner")
KINDS = ("duckdb", "postgres", "ducklake", "delta")
Row = dict[str, Any]


@dataclass(frozen=True)
class Destination:
    """A destination, and a way to read it without dlt.

    Attributes:
        kind: Which.
        name: dlt's name of it: all that a pipeline is told.
        settings: What dlt's configuration says of it, and more, as environment variables.
        read: The rows of a table, as the engine has them.
        connect: Opens what changes it: a connection, or of Delta one table.
    """

    kind: str
    name: str
    settings: Mapping[str, str]
    read: Callable[[str], list[Row]]
    connect: Callable[[], Any]

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """Some cells of all rows, in an order of their own."""
        told = [tuple(plain(row.get(name)) for name in columns) for row in self.read(table)]
        return sorted(told, key=repr)


def plain(cell: Any) -> Any:
    """A cell in one form for all engines."""
    match cell:
        case datetime():
            moment = cell if cell.tzinfo else cell.replace(tzinfo=UTC)
            return moment.astimezone(UTC)
        case memoryview():
            return bytes(cell)
        case Decimal():
            return cell.normalize()
    return cell


def duckdb_destination(file: Path) -> Destination:
    def read(table: str) -> list[Row]:
        with duckdb.connect(str(file)) as connection:
            return _rows(connection, f'SELECT * FROM {DATASET}."{table}"')

    settings = {"DESTINATION__DUCKDB__CREDENTIALS": str(file)}
    return Destination("duckdb", "duckdb", settings, read, lambda: duckdb.connect(str(file)))


def postgres_destination(server: Postgres, database: str) -> Destination:
    url = server.create(database)

    def read(table: str) -> list[Row]:
        connection = psycopg2.connect(url)
        try:
            with connection.cursor() as cursor:
                cursor.execute(f'SELECT * FROM {DATASET}."{table}"')
                names = [column[0] for column in cursor.description or ()]
                return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        finally:
            connection.close()

    settings = {"DESTINATION__POSTGRES__CREDENTIALS": url}
    return Destination("postgres", "postgres", settings, read, lambda: psycopg2.connect(url))


def ducklake_destination(server: Postgres, database: str, files: Path, home: Path) -> Destination:
    url = server.create(database)

    def connect(*more: str) -> duckdb.DuckDBPyConnection:
        options = [f"DATA_PATH '{files}'", "METADATA_SCHEMA 'lake'", *more]
        connection = duckdb.connect()
        connection.execute(f"ATTACH 'ducklake:postgres:{url}' AS lake ({', '.join(options)})")
        connection.execute("USE lake")
        return connection

    def read(table: str) -> list[Row]:
        with connect("READ_ONLY") as connection:
            return _rows(connection, f'SELECT * FROM lake.{DATASET}."{table}"')

    its = "DESTINATION__DUCKLAKE__CREDENTIALS__"
    settings = {
        # Where DuckDB finds its extensions.
        "HOME": str(home),
        f"{its}DUCKLAKE_NAME": "lake",
        f"{its}CATALOG": url,
        f"{its}STORAGE__BUCKET_URL": str(files),
    }
    return Destination("ducklake", "ducklake", settings, read, connect)


def put_extensions(home: Path) -> None:
    """Put what a DuckLake needs where DuckDB looks for it, from wheels.

    There are none yet for DuckDB 2: there the tests of a DuckLake are skipped.
    """
    put_in = pytest.importorskip("duckdb_extensions", reason="no wheels of DuckDB's extensions")
    if (wheels := version("duckdb-extensions")) != duckdb.__version__:
        pytest.skip(f"the wheels of DuckDB's extensions are for {wheels}")
    home.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        for name in EXTENSIONS:
            with duckdb.connect() as connection:
                put_in.import_extension(name, con=connection)


def delta_destination(store: ObjectStore, folder: str) -> Destination:
    address = f"s3://{BUCKET}/{folder}"

    def opened(table: str) -> deltalake.DeltaTable:
        return deltalake.DeltaTable(f"{address}/{DATASET}/{table}", storage_options=store.options)

    def read(table: str) -> list[Row]:
        rows: list[Row] = opened(table).to_pyarrow_table().to_pylist()
        return rows

    its = "DESTINATION__FILESYSTEM__"
    settings = {
        f"{its}BUCKET_URL": address,
        f"{its}CREDENTIALS__AWS_ACCESS_KEY_ID": store.options["AWS_ACCESS_KEY_ID"],
        f"{its}CREDENTIALS__AWS_SECRET_ACCESS_KEY": PASSWORD,
        f"{its}CREDENTIALS__REGION_NAME": store.options["AWS_REGION"],
        f"{its}CREDENTIALS__ENDPOINT_URL": store.endpoint,
        f"{its}DELTALAKE_STORAGE_OPTIONS": '{"AWS_ALLOW_HTTP": "true"}',
    }
    return Destination("delta", "filesystem", settings, read, lambda: opened("users"))


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Row]:
    connection.execute("SET TimeZone = 'UTC'")
    found = connection.execute(sql)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
