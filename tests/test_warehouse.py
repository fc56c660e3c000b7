"""The DuckDB file of a command: what is wrong with it is said before a load."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path

import dlt
import duckdb
import pytest

from spaaza_source.errors import SettingsError
from spaaza_source.warehouse import DUCKDB_MAJOR, duckdb_file, duckdb_settings
from tests.warehouses import held_elsewhere

KEY = "DESTINATION__DUCKDB__CREDENTIALS"
#: The first block of an empty file of DuckDB 2.0.1, compressed.
MADE_BY_DUCKDB_2 = (
    "c-mXG@X4fkzvo%FggSdaXJ#M@lo{z6=o#Xcw@5L!Ff=qtwKTwQPS>pk_wR4{Z26!!&Q?EIaVo<o7zLwX6pVsVFbYP&"
    "C>RB!U=)mkQ7{T<0sw`n6Z8"
)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE users AS SELECT range AS id FROM range(10)")
    return path


def test_a_file_that_another_process_holds_may_be_named_for_a_load_waits(database: Path) -> None:
    with held_elsewhere(database):
        duckdb_file(database)


def test_a_file_that_this_process_has_open_may_be_named(database: Path) -> None:
    with duckdb.connect(str(database)):
        duckdb_file(database)


def test_a_file_that_others_read_may_be_named(database: Path) -> None:
    before = database.stat().st_mtime_ns
    duckdb_file(database)
    assert database.stat().st_mtime_ns == before


def test_a_file_with_a_damaged_block_is_not_said_to_be_open_elsewhere(database: Path) -> None:
    # Three headers of 4 KiB come before the blocks.
    damaged = bytearray(database.read_bytes())
    damaged[3 * 4096 :] = bytes(byte ^ 1 for byte in damaged[3 * 4096 :])
    database.write_bytes(damaged)
    with pytest.raises(duckdb.Error, match="block"):
        duckdb.connect(str(database))
    with pytest.raises(SettingsError, match="is damaged"):
        duckdb_file(database)


@pytest.mark.skipif(DUCKDB_MAJOR > 1, reason="this DuckDB reads the file")
def test_a_file_of_a_newer_duckdb_is_told_as_that(database: Path) -> None:
    header = zlib.decompress(base64.b85decode(MADE_BY_DUCKDB_2))
    database.write_bytes(header.ljust(3 * 4096, b"\0"))
    with pytest.raises(SettingsError, match=r"newer DuckDB than .*pip install --upgrade duckdb"):
        duckdb_file(database)


@pytest.mark.parametrize(
    ("key", "value"),
    [("", "{file}"), ("", "duckdb:///{file}"), ("__DATABASE", "{file}"), ("", "here.duckdb")],
)
def test_without_a_path_it_is_the_file_that_is_configured(
    key: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "configured.duckdb" if "{" in value else Path(value).absolute()
    monkeypatch.setenv(f"{KEY}{key}", value.format(file=file))
    pipeline = dlt.pipeline(
        "named", pipelines_dir=str(tmp_path), destination=duckdb_file(None), dataset_name="d"
    )
    with pipeline.sql_client() as client:
        client.execute_sql("SELECT 1")
    assert file.exists()


@pytest.mark.parametrize("value", ["postgresql://u:canary@h/d", "mysql://u:canary@h/d"])
def test_an_address_of_another_database_is_refused_and_not_shown(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, value)
    with pytest.raises(SettingsError, match=rf"^{KEY}: .*duckdb:///PATH") as refused:
        duckdb_file(None)
    assert "canary" not in str(refused.value)


@pytest.mark.slow
def test_a_merge_has_the_memory_that_duckdb_takes_by_itself(tmp_path: Path) -> None:
    pipeline = dlt.pipeline(
        "roomy",
        pipelines_dir=str(tmp_path / "pipelines"),
        destination=duckdb_file(tmp_path / "roomy.duckdb"),
        dataset_name="loyalty",
    )
    for name in ("Ann", "Bob"):
        row = [{"id": 1, "name": name}]
        info = pipeline.run(row, table_name="users", write_disposition="merge", primary_key="id")
    jobs = info.load_packages[0].jobs["completed_jobs"]
    (merge,) = (job.file_path for job in jobs if job.file_path.endswith(".sql"))
    with duckdb.connect() as untold:
        ((default,),) = untold.execute("SELECT current_setting('memory_limit')").fetchall()
    first, *_, last = Path(merge).read_text(encoding="utf-8").splitlines()
    assert first.strip("; ") == f"SET memory_limit = '{default}'"
    # The connection is kept, and the next job copies a file.
    limit = duckdb_settings()["memory_limit"]
    assert last.strip("; ") == f"SET memory_limit = '{limit}'"
    with pipeline.sql_client() as client:
        assert client.execute_sql("SELECT name FROM users") == [("Bob",)]


def test_the_destination_is_known_to_dlt_as_its_own(tmp_path: Path) -> None:
    folder = str(tmp_path / "pipelines")
    pipeline = dlt.pipeline(
        "own", pipelines_dir=folder, destination=duckdb_file(tmp_path / "own.duckdb")
    )
    pipeline.run([{"id": 1}], table_name="users")
    attached = dlt.attach("own", pipelines_dir=folder)
    assert attached.destination.destination_type == "dlt.destinations.duckdb"
    assert attached.destination.destination_name == "duckdb"


def test_the_file_of_dlts_configuration_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(tmp_path / "named.duckdb"))
    pipeline = dlt.pipeline("w", pipelines_dir=str(tmp_path), destination=duckdb_file(None))
    pipeline.run([{"id": 1}], table_name="rows")
    assert (tmp_path / "named.duckdb").exists()
