"""A plain DuckDB destination gets the settings of `duckdb_file`, unless the user has set any."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

from spaaza_source import spaaza_source
from spaaza_source.destination import resolved_once
from spaaza_source.warehouse import duckdb_file, duckdb_settings
from tests.destination.destinations import DATASET
from tests.faults.cut_short import QUICK, TOKEN
from tests.vendors.spaaza_files import FileVendor

MEMORY = "SELECT current_setting('memory_limit')"
STORAGE_VERSION = "SELECT tags['storage_version'] FROM duckdb_databases() WHERE NOT internal"
ORDER = "SELECT current_setting('preserve_insertion_order')"


def pipeline_of(folder: Path, destination: Any) -> dlt.Pipeline:
    return dlt.pipeline(
        "plain", pipelines_dir=str(folder), destination=destination, dataset_name=DATASET
    )


def keeps_order(pipeline: dlt.Pipeline) -> bool:
    """Whether DuckDB keeps the order of rows, in what a run opens."""
    with resolved_once(pipeline.destination), pipeline.sql_client() as client:
        return client.execute_sql(ORDER) == [(True,)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database that nobody has open."""
    path = tmp_path / "plain.duckdb"
    duckdb.connect(str(path)).close()
    return path


@pytest.mark.parametrize("exists", [False, True])
def test_a_run_has_them(exists: bool, file: Path, tmp_path: Path) -> None:
    if not exists:
        file.unlink()
    pipeline = pipeline_of(tmp_path, dlt.destinations.duckdb(str(file)))
    assert not keeps_order(pipeline)
    # Who only looks, outside of a run, finds DuckDB as ever.
    with pipeline.sql_client() as client:
        assert client.execute_sql(ORDER) == [(True,)]


@pytest.mark.parametrize("own", [False, True])
def test_a_new_file_can_be_read_by_duckdb_1_5(own: bool, tmp_path: Path) -> None:
    file = tmp_path / "new.duckdb"
    destination: Any = duckdb_file(file) if own else dlt.destinations.duckdb(str(file))
    keeps_order(pipeline_of(tmp_path, destination))
    with duckdb.connect(str(file)) as made:
        ((version,),) = made.execute(STORAGE_VERSION).fetchall()
    assert version in {"v1.0.0+", "v1.5.0+"}


@pytest.mark.parametrize(
    "given",
    [
        {"global_config": {"memory_limit": "1GB"}},
        {"local_config": {"errors_as_json": False}},
        {"pragmas": ["enable_checkpoint_on_shutdown"]},
        {"statements": ["SET memory_limit = '1GB'"]},
    ],
)
def test_what_the_user_has_set_stays_alone(
    given: dict[str, Any], file: Path, tmp_path: Path
) -> None:
    credentials = DuckDbCredentials(str(file))
    credentials.update(given)
    assert keeps_order(pipeline_of(tmp_path, dlt.destinations.duckdb(credentials=credentials)))


def test_a_file_that_this_process_has_open_is_left_as_it_is(file: Path, tmp_path: Path) -> None:
    with closing(duckdb.connect(str(file))) as own:
        assert keeps_order(pipeline_of(tmp_path, dlt.destinations.duckdb(str(file))))
        assert own.execute(ORDER).fetchall() == [(True,)]


def test_a_connection_of_the_users_is_left_as_it_is(tmp_path: Path) -> None:
    with closing(duckdb.connect()) as own:
        assert keeps_order(pipeline_of(tmp_path, dlt.destinations.duckdb(own)))


@pytest.mark.slow
def test_a_merge_has_the_memory_that_duckdb_takes_by_itself(file: Path, tmp_path: Path) -> None:
    pipeline = pipeline_of(tmp_path, dlt.destinations.duckdb(str(file)))
    given: dict[str, Any] = {"max_age": 0, **QUICK}
    with FileVendor() as vendor:
        for name in (b"Ann", b"Bob"):
            vendor.files["users"] = b"id,name\n1," + name + b"\n2,Cy\n"
            source = spaaza_source(vendor.base_url, 1743, TOKEN, **given)
            info = pipeline.run(source.with_resources("users"))
    jobs = info.load_packages[0].jobs["completed_jobs"]
    merges = [Path(job.file_path) for job in jobs if job.file_path.endswith(".sql")]
    (merge,) = (each for each in merges if each.name.startswith("users."))
    with duckdb.connect() as untold:
        ((default,),) = untold.execute(MEMORY).fetchall()
    first, *_, last = merge.read_text(encoding="utf-8").splitlines()
    assert first.strip("; ") == f"SET memory_limit = '{default}'"
    limit = duckdb_settings()["memory_limit"]
    assert last.strip("; ") == f"SET memory_limit = '{limit}'"
    with pipeline.sql_client() as client:
        assert client.execute_sql("SELECT name FROM users ORDER BY id") == [("Bob",), ("Cy",)]


@pytest.mark.thorough
def test_a_table_of_very_many_columns_has_it_too(tmp_path: Path) -> None:
    """With the limit, DuckDB would have no room for the buffers of all columns."""
    names = ["id", *(f"column_{number}" for number in range(5_000))]
    cells = ["1", *("x" for _ in names[1:])]
    pipeline = pipeline_of(tmp_path, duckdb_file(tmp_path / "wide.duckdb"))
    given: dict[str, Any] = {"max_age": 0, **QUICK}
    with FileVendor(users="\n".join([",".join(names), ",".join(cells), ""]).encode()) as vendor:
        source = spaaza_source(vendor.base_url, 1743, TOKEN, **given)
        pipeline.run(source.with_resources("users"))
    with pipeline.sql_client() as client:
        assert client.execute_sql("SELECT column_4999 FROM users") == [("x",)]
