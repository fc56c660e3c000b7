"""dlt's settings suit the destination: files of a load package have the cheapest form for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dlt
import pytest
from pyarrow import parquet

from spaaza_source import spaaza_source
from tests.destination.destinations import DATASET, Destination
from tests.faults.cut_short import QUICK
from tests.vendors.spaaza_files import FileVendor

TOKEN = {"access_token_id": "a", "access_token_secret": "b"}
MakeDestination = Callable[[str], Destination]


def files_of(destination: str, folder: Path) -> list[Path]:
    """The files of the table `users` in a package that is ready to be loaded."""
    with FileVendor(users=b"user_id,name\n1,Ada\n2,Bo\n") as vendor:
        pipeline = dlt.pipeline(
            "forms", pipelines_dir=str(folder), destination=destination, dataset_name=DATASET
        )
        settings: dict[str, Any] = {"max_age": 0, **QUICK}
        source = spaaza_source(vendor.base_url, 1743, TOKEN, **settings)
        pipeline.extract(source.with_resources("users"))
        pipeline.normalize()
    return list(folder.glob("**/new_jobs/users.*"))


RECORDS = (
    '[{"id":1,"price":1.10,"at":"2026-01-02T03:04:05Z","ok":true,"day":"2026-01-02","code":"007"},'
    '{"id":2,"price":-5,"at":null,"ok":false,"code":"","big":12345678901234567890},'
    '{"id":3,"items":[{"sku":"a","n":1},{"sku":"b","n":null}],"shop":{"town":"Köln"},"big":1e5}]'
)


def load_records(folder: Path, file_format: Any = None) -> tuple[set[str], dict[str, Any]]:
    """The suffixes of the files of the records, and the tables that they become."""
    with FileVendor(users=RECORDS.encode()) as vendor:
        pipeline = dlt.pipeline(
            "records",
            pipelines_dir=str(folder / "pipelines"),
            destination=dlt.destinations.duckdb(str(folder / "records.duckdb")),
            dataset_name=DATASET,
        )
        settings: dict[str, Any] = {"max_age": 0, "export_format": "json", **QUICK}
        source = spaaza_source(vendor.base_url, 1743, TOKEN, **settings)
        pipeline.extract(source.with_resources("users"), loader_file_format=file_format)
    pipeline.normalize()
    suffixes = {path.suffix for path in folder.glob("**/new_jobs/users*")}
    pipeline.load()
    tables = {}
    with pipeline.sql_client() as client:
        for table in ("users", "users__items"):
            columns = client.execute_sql(
                "SELECT column_name, data_type FROM information_schema.columns"
                f" WHERE table_name = '{table}' AND column_name NOT LIKE '\\_dlt%' ESCAPE '\\'"
                " ORDER BY ordinal_position"
            )
            assert columns
            names = ", ".join(f'"{name}"' for name, _ in columns)
            tables[table] = columns, client.execute_sql(f"SELECT {names} FROM {table} ORDER BY 1")
    return suffixes, tables


@pytest.mark.slow
def test_records_reach_duckdb_as_parquet_and_make_the_same_tables_as_by_sql(
    tmp_path: Path,
) -> None:
    suffixes, tables = load_records(tmp_path / "parquet")
    assert suffixes == {".parquet"}
    chosen, same = load_records(tmp_path / "sql", "insert_values")
    assert ".parquet" not in chosen
    assert tables == same


def compression(path: Path) -> str:
    return str(parquet.ParquetFile(path).metadata.row_group(0).column(0).compression)


@pytest.mark.parametrize("kind", ["duckdb", pytest.param("ducklake", marks=pytest.mark.slow)])
def test_what_duckdb_reads_is_not_compressed(
    kind: str, make_destination: MakeDestination, tmp_path: Path
) -> None:
    [file] = files_of(make_destination(kind).name, tmp_path / "pipelines")
    assert compression(file) == "UNCOMPRESSED"


@pytest.mark.slow
@pytest.mark.parametrize("section", ["DATA_WRITER", "SOURCES__DATA_WRITER"])
def test_what_the_user_has_set_stays(
    make_destination: MakeDestination,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    section: str,
) -> None:
    monkeypatch.setenv(f"{section}__COMPRESSION", "zstd")
    [file] = files_of(make_destination("duckdb").name, tmp_path / "pipelines")
    assert compression(file) == "ZSTD"


@pytest.mark.slow
def test_for_postgresql_the_csv_is_not_compressed(
    make_destination: MakeDestination, tmp_path: Path
) -> None:
    [file] = files_of(make_destination("postgres").name, tmp_path / "pipelines")
    assert file.suffix == ".csv"
    assert b"Ada" in file.read_bytes()


@pytest.mark.slow
def test_files_that_stay_where_they_are_written_are_compressed(
    make_destination: MakeDestination, tmp_path: Path
) -> None:
    [file] = files_of(make_destination("delta").name, tmp_path / "pipelines")
    assert compression(file) == "SNAPPY"


@pytest.mark.slow
def test_jobs_of_a_ducklake_follow_each_other_unless_the_user_says_otherwise(
    make_destination: MakeDestination, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = "forms.load.parallelism_strategy"
    files_of(make_destination("ducklake").name, tmp_path / "one")
    assert dlt.config.get(setting) == "sequential"
    monkeypatch.setenv("LOAD__WORKERS", "5")
    files_of(make_destination("ducklake").name, tmp_path / "five")
    assert dlt.config.get(setting) is None
    files_of(make_destination("postgres").name, tmp_path / "elsewhere")
    assert dlt.config.get(setting) is None
