"""Databases are opened for reading, held no longer than that, and their columns found by role."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dlt
import duckdb
import loaded_data
import pandas as pd
import pytest
from loaded_data import CannotReadError, Database, Role, guess, open_database, working_connection
from loyalty_model import read_model

ODD = 'Datum "van" aankoop; DROP TABLE x'
SCHEMA = 'my "data"'
TABLE = '顧客 "購買"'
WRITER = """
import sys, duckdb
held = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
held.execute("CREATE OR REPLACE TABLE written AS SELECT 1 AS a")
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database whose names are as odd as they can be."""
    path = tmp_path / "it's odd.duckdb"
    with duckdb.connect(str(path)) as database:
        schema, table = loaded_data.quoted(SCHEMA), loaded_data.quoted(TABLE)
        database.execute(f'CREATE SCHEMA {schema}; CREATE SCHEMA "staged_staging"')
        database.execute(
            f"""CREATE TABLE {schema}.{table}
            ({loaded_data.quoted(ODD)} TIMESTAMPTZ, "会員 番号" TEXT, "bedrag (€)" DOUBLE)"""
        )
        database.execute(
            f"INSERT INTO {schema}.{table} VALUES ('2026-03-01 10:00:00+00', 'a', 12.5)"
        )
        database.execute("CREATE TABLE staged_staging.t AS SELECT 1 AS a")
    return path


def read(database: Database, schema: str, table: str, *columns: str) -> list[tuple[object, ...]]:
    """Some columns of a table, as text."""
    with working_connection() as connection, database.reading(connection, schema) as relation:
        cells = ", ".join(f"CAST({loaded_data.quoted(name)} AS VARCHAR)" for name in columns)
        return connection.execute(f"SELECT {cells} FROM {relation(table, columns)}").fetchall()


def test_any_name_can_be_read_and_none_is_run_as_sql(file: Path) -> None:
    database = open_database(str(file))
    assert list(database.schemas) == [SCHEMA]
    assert read(database, SCHEMA, TABLE, ODD, "会員 番号", "bedrag (€)") == [
        ("2026-03-01 10:00:00+00", "a", "12.5")
    ]


@contextmanager
def writing(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the file for writing, until it is told to go on."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    try:
        assert writer.stdout.readline() == "held\n"
        yield writer
    finally:
        writer.communicate("\n")


def test_nothing_is_held_once_it_is_read(file: Path) -> None:
    database = open_database(str(file))
    with working_connection() as connection:
        with database.reading(connection, SCHEMA) as relation:
            connection.execute(f"CREATE TABLE copied AS FROM {relation(TABLE, [ODD])}")
        with writing(file) as writer:
            assert connection.execute("SELECT count(*) FROM copied").fetchall() == [(1,)]
    assert writer.returncode == 0


@pytest.mark.slow
def test_a_file_that_is_written_to_is_waited_for_and_then_said(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loaded_data, "PATIENCE", 0.3)
    with writing(file), pytest.raises(CannotReadError, match="A load writes to"):
        open_database(str(file))
    monkeypatch.setattr(loaded_data, "PATIENCE", 30)
    with writing(file) as writer:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
        assert open_database(str(file)).schemas


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    torn = tmp_path / "torn.duckdb"
    torn.write_bytes(b"customer,secret\n" * 1000)
    with pytest.raises(CannotReadError, match="not a DuckDB database") as raised:
        open_database(str(torn))
    assert "secret" not in str(raised.value)
    with pytest.raises(CannotReadError, match="There is no file"):
        open_database(str(tmp_path / "none.duckdb"))
    with pytest.raises(CannotReadError, match="no dlt pipeline of that name"):
        open_database("none")
    with pytest.raises(CannotReadError, match="none lies in this folder"):
        open_database(" ")
    empty = tmp_path / "empty.duckdb"
    duckdb.connect(str(empty)).close()
    with pytest.raises(CannotReadError, match="no tables yet"):
        open_database(str(empty))
    assert not (tmp_path / "none.duckdb").exists()


@pytest.mark.slow
@pytest.mark.parametrize("destination", ["duckdb", "filesystem"])
def test_a_dlt_pipelines_dataset_is_read_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, destination: str
) -> None:
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(tmp_path / "there.duckdb"))
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", str(tmp_path / "lake"))
    frame = pd.DataFrame({"timestamp": ["2026-03-01T10:00:00Z"], "user_id": ["a"]})
    pipeline = dlt.pipeline("my_shop", destination=destination, dataset_name="loyal")
    pipeline.run([frame], table_name="transactions", loader_file_format="parquet")

    frames = {"redemptions": {"code": ["a"]}, "bulk_users": {"overall": [5]}}
    database = open_database("my_shop", {name: pd.DataFrame(of) for name, of in frames.items()})
    (schema,) = database.schemas
    assert schema == "loyal"
    tables = database.tables(schema)
    assert list(tables["transactions"])[:2] == ["timestamp", "user_id"]
    assert read(database, schema, "transactions", "user_id") == [("a",)]
    assert read(database, schema, "redemptions", "code") == [("a",)]
    model = read_model(database, schema)
    assert model.rows("SELECT CAST(happened_at AS VARCHAR), member_id FROM baskets") == [
        ("2026-03-01 10:00:00", "a")
    ]
    assert model.rows("SELECT status, ended > TIMESTAMP '2020-01-01' FROM loads") == [(0, True)]
    if destination == "filesystem":
        monkeypatch.delenv("DESTINATION__FILESYSTEM__BUCKET_URL")
        with pytest.raises(CannotReadError, match="dlt cannot read the dataset of `my_shop`"):
            read_model(open_database("my_shop"), schema)


def test_a_dataframe_takes_the_place_of_a_table(file: Path) -> None:
    frame = pd.DataFrame({"timestamp": ["2026-01-01"], 'a "b': [1]})
    database = open_database(str(file), {TABLE: frame})
    assert read(database, SCHEMA, TABLE, 'a "b') == [("1",)]


def test_a_history_counts_as_it_is_now() -> None:
    ended = pd.to_datetime([None, "2026-01-01"], utc=True)
    frame = pd.DataFrame({"user_id": ["a", "b"], "_dlt_valid_to": ended})
    bulk = pd.DataFrame({"overall": [1, 2], "_dlt_valid_to": ended})
    frames = {"transactions": frame, "bulk_users": bulk}
    model = read_model(loaded_data.NoDatabase("frames", {}, frames), "frames")
    assert model.rows("SELECT member_id FROM baskets") == [("a",)]
    assert model.rows("SELECT overall FROM bulk") == [(1,)]


def test_the_database_to_begin_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded_data.first_choice(None, tmp_path) == ""
    (tmp_path / "z.duckdb").touch()
    assert loaded_data.first_choice(None, tmp_path) == "z.duckdb"
    (tmp_path / "demo.duckdb").touch()
    assert loaded_data.first_choice(None, tmp_path) == "demo.duckdb"
    monkeypatch.setenv("SPAAZA_DB", "mine.duckdb")
    assert loaded_data.first_choice(None, tmp_path) == "mine.duckdb"
    assert loaded_data.first_choice("other.duckdb", tmp_path) == "other.duckdb"


MOMENT = Role("moment", "when", ("timestamp", "created_at"), "time", alone=True)
MEMBER = Role("member", "who", ("user_id", "customer_id"))
AMOUNT = Role("amount", "how much", ("total_value", "amount"), "number")


@pytest.mark.parametrize(
    ("role", "columns", "found"),
    [
        (MOMENT, {"created_at": "TIMESTAMP", "timestamp": "TIMESTAMP"}, "timestamp"),
        (MOMENT, {"timestamp": "BIGINT", "created_at": "DATE"}, "created_at"),
        (MOMENT, {"Time-Stamp": "VARCHAR", " Timestamp ": "VARCHAR"}, " Timestamp "),
        (MOMENT, {"Created At": "text", "a": "DATE"}, "Created At"),
        (MOMENT, {"order_created_at": "timestamp"}, "order_created_at"),
        (MOMENT, {"購入日": "TIMESTAMP", "名": "VARCHAR"}, "購入日"),
        (MOMENT, {"a": "TIMESTAMP", "b": "TIMESTAMP"}, None),
        (MOMENT, {"_dlt_valid_to": "TIMESTAMP"}, None),
        (MEMBER, {"id": "BIGINT", "user": "BIGINT"}, None),
        (MEMBER, {"shop_user_id": "VARCHAR", "customer_id": "VARCHAR"}, "customer_id"),
        (MEMBER, {"USER_ID": "VARCHAR"}, "USER_ID"),
        (AMOUNT, {"amount": "BOOLEAN", "discount_amount": "DOUBLE"}, None),
        (AMOUNT, {"basket_total_value": "DECIMAL(38,9)"}, "basket_total_value"),
        (AMOUNT, {}, None),
    ],
)
def test_a_column_is_found_by_its_role(
    role: Role, columns: dict[str, str], found: str | None
) -> None:
    assert guess(role, columns) == found


@pytest.mark.slow
@pytest.mark.thorough
def test_memory_is_bounded_and_the_rest_goes_to_a_temporary_folder() -> None:
    with working_connection() as connection:
        started = time.monotonic()
        connection.execute("SET memory_limit = '60MB'")
        connection.execute(
            "CREATE TABLE wide AS SELECT hash(i)::VARCHAR AS a FROM range(6000000) t(i)"
        )
        assert connection.execute("SELECT count(*) FROM wide").fetchall() == [(6_000_000,)]
        assert time.monotonic() - started < 120
