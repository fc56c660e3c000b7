"""A full export whose file is the one that the whole table came from writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pytest

from spaaza_source import spaaza_source
from tests.destination.loads import Load
from tests.faults.cut_short import QUICK, TOKEN
from tests.processes import ran
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

FILE = b"user_id,name\n1,Ada\n2,Bo\n"
NAMES = "SELECT name FROM users ORDER BY user_id"


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor(users=FILE) as server:
        yield server


def users(vendor: FileVendor, **settings: Any) -> Any:
    given: dict[str, Any] = {"max_age": 0, **QUICK, **settings}
    return spaaza_source(vendor.base_url, 1743, TOKEN, **given).with_resources("users")


def load(folder: Path, source: Any, **options: Any) -> bool:
    """Load it; whether any row of the table was written."""
    pipeline = pipeline_into(folder)
    info = pipeline.run(source, **options)
    [package] = info.load_packages
    jobs = package.jobs["completed_jobs"]
    return any(job.job_file_info.table_name == "users" for job in jobs)


def told(folder: Path) -> list[tuple[Any, ...]]:
    """What the last export's row says: rows, loaded, found, proven, unchanged."""
    columns = "rows, loaded, found, proven, unchanged"
    return query(folder, f"SELECT {columns} FROM export_jobs ORDER BY job_id DESC LIMIT 1")


@pytest.mark.slow
def test_the_same_file_is_not_written_again(vendor: FileVendor, tmp_path: Path) -> None:
    assert load(tmp_path, users(vendor))
    assert told(tmp_path) == [(2, 2, 2, True, None)]
    for _ in range(2):
        assert not load(tmp_path, users(vendor))
        assert told(tmp_path) == [(2, 2, 2, True, True)]
    vendor.files["users"] = FILE.replace(b"Bo", b"Bobby")
    assert load(tmp_path, users(vendor))
    assert told(tmp_path) == [(2, 2, 2, True, None)]
    assert query(tmp_path, NAMES) == [("Ada",), ("Bobby",)]
    vendor.files["users"] = FILE
    assert load(tmp_path, users(vendor))
    assert query(tmp_path, NAMES) == [("Ada",), ("Bo",)]


@pytest.mark.thorough
@pytest.mark.slow
def test_one_source_may_be_run_again(vendor: FileVendor, tmp_path: Path) -> None:
    source = users(vendor)
    load(tmp_path, source)
    load(tmp_path, users(vendor))
    vendor.files["users"] = b"user_id,name\n1,Ada\n"
    source = users(vendor)
    assert load(tmp_path, source)
    assert not load(tmp_path, users(vendor))
    vendor.files["users"] = FILE
    assert load(tmp_path, source)
    assert query(tmp_path, "SELECT count(*) FROM users") == [(2,)]


@pytest.mark.slow
def test_a_window_whose_file_is_the_same_is_loaded(tmp_path: Path) -> None:
    may = {"start_date": "2026-05-01", "end_date": "2026-06-01"}
    rows = b"id,timestamp\n1,2026-05-03T10:00:00Z\n"
    with FileVendor(transactions=rows) as vendor:
        pipeline = pipeline_into(tmp_path)
        for dates in ({}, may, may):
            settings: dict[str, Any] = {"max_age": 0, **QUICK, **dates}
            source = spaaza_source(vendor.base_url, 1743, TOKEN, **settings)
            pipeline.run(source.with_resources("transactions"))
    unchanged = query(tmp_path, "SELECT unchanged FROM export_jobs ORDER BY job_id")
    assert unchanged == [(None,)] * 3


@pytest.mark.slow
def test_a_table_that_has_lost_a_row_is_loaded(vendor: FileVendor, tmp_path: Path) -> None:
    load(tmp_path, users(vendor))
    pipeline = pipeline_into(tmp_path)
    with pipeline.sql_client() as client:
        client.execute_sql("DELETE FROM users WHERE user_id = 1")
    assert load(tmp_path, users(vendor))
    assert query(tmp_path, "SELECT count(*) FROM users") == [(2,)]


@pytest.mark.slow
def test_a_dropped_table_is_loaded(vendor: FileVendor, tmp_path: Path) -> None:
    load(tmp_path, users(vendor))
    with pipeline_into(tmp_path).sql_client() as client:
        client.execute_sql("DROP TABLE users")
    assert load(tmp_path, users(vendor))
    assert query(tmp_path, "SELECT count(*) FROM users") == [(2,)]


@pytest.mark.slow
def test_a_file_with_a_bad_row_is_loaded_again(vendor: FileVendor, tmp_path: Path) -> None:
    vendor.files["users"] = FILE + b"3\n"
    for _ in range(2):
        assert load(tmp_path, users(vendor, max_rejected_share=0.5))


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        lambda resource: resource.add_map(lambda rows: rows.slice(0, 1)),
        lambda resource: resource.apply_hints(primary_key="user_id"),
        lambda resource: resource.apply_hints(columns={"name": {"description": "of a person"}}),
        lambda resource: resource.apply_hints(write_disposition="replace"),
    ],
    ids=["a map", "a key", "a column", "a write disposition"],
)
def test_what_the_user_does_to_the_rows_may_be_new(
    change: Callable[[Any], Any], vendor: FileVendor, tmp_path: Path
) -> None:
    load(tmp_path, users(vendor))
    source = users(vendor)
    change(source.resources["users"])
    assert load(tmp_path, source)


@pytest.mark.thorough
@pytest.mark.slow
def test_a_refresh_loads_it(vendor: FileVendor, tmp_path: Path) -> None:
    load(tmp_path, users(vendor))
    assert load(tmp_path, users(vendor), refresh="drop_resources")
    assert query(tmp_path, "SELECT count(*) FROM users") == [(2,)]


@pytest.mark.slow
def test_what_a_step_did_is_undone_without_it(vendor: FileVendor, tmp_path: Path) -> None:
    source = users(vendor)
    source.resources["users"].add_map(_hide_names)
    load(tmp_path, source)
    assert query(tmp_path, NAMES) == [("?",), ("?",)]
    assert load(tmp_path, users(vendor))
    assert query(tmp_path, NAMES) == [("Ada",), ("Bo",)]
    assert not load(tmp_path, users(vendor))


def _hide_names(rows: Any) -> Any:
    if not isinstance(rows, pa.Table):
        return rows
    place = rows.schema.get_field_index("name")
    return rows.set_column(place, "name", pa.array(["?"] * rows.num_rows))


@pytest.mark.thorough
@pytest.mark.slow
def test_a_transformer_gets_its_rows(vendor: FileVendor, tmp_path: Path) -> None:
    @dlt.transformer(write_disposition="replace")
    def greeted(rows: Any) -> Iterator[Any]:
        yield rows

    for _ in range(2):
        source = users(vendor)
        source.resources.add(source.users | greeted)
        load(tmp_path, source.with_resources("users", "greeted"))
        assert query(tmp_path, "SELECT count(*) FROM greeted") == [(2,)]


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.parametrize("is_normalized", [False, True])
def test_a_package_that_is_not_loaded_yet_may_bring_another_file(
    is_normalized: bool, vendor: FileVendor, tmp_path: Path
) -> None:
    load(tmp_path, users(vendor))
    pipeline = pipeline_into(tmp_path)
    vendor.files["users"] = FILE.replace(b"Bo", b"Cy")
    pipeline.extract(users(vendor))
    if is_normalized:
        pipeline.normalize()
    vendor.files["users"] = FILE
    pipeline.extract(users(vendor))
    pipeline.normalize()
    pipeline.load()
    assert query(tmp_path, NAMES) == [("Ada",), ("Bo",)]


class MeanwhileVendor(FileVendor):
    """One that does something before it gives the file of an export."""

    meanwhile: Callable[[], Any] | None = None

    def file(self, number: int) -> bytes:
        file = super().file(number)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return file


@pytest.mark.thorough
@pytest.mark.slow
def test_another_pipeline_may_load_another_file_meanwhile(tmp_path: Path) -> None:
    with MeanwhileVendor(users=FILE) as vendor:
        load(tmp_path, users(vendor))
        other = FILE.replace(b"Bo", b"Cy")
        ends = []
        vendor.meanwhile = lambda: ends.append(ran(_load_from_elsewhere, tmp_path, other))
        assert load(tmp_path, users(vendor))
        assert [end.returncode for end in ends] == [0], ends
        assert query(tmp_path, NAMES) == [("Ada",), ("Bo",)]


def _load_from_elsewhere(folder: Path, file: bytes) -> None:
    with FileVendor(users=file) as vendor:
        _elsewhere(folder).run(users(vendor))
    assert query(folder, NAMES) == [("Ada",), ("Cy",)]


def _elsewhere(folder: Path) -> dlt.Pipeline:
    """Another pipeline into the same tables, without the first one's working folder."""
    return dlt.pipeline(
        "another",
        pipelines_dir=str(folder / "another"),
        destination=dlt.destinations.duckdb(str(next(folder.glob("*.duckdb")))),
        dataset_name=pipeline_into(folder).dataset_name,
    )


@pytest.mark.slow
def test_a_column_that_was_dropped_by_hand_is_made_again(
    vendor: FileVendor, tmp_path: Path
) -> None:
    load(tmp_path, users(vendor))
    with pipeline_into(tmp_path).sql_client() as client:
        client.execute_sql("ALTER TABLE users DROP COLUMN name")
    assert load(tmp_path, users(vendor))
    assert query(tmp_path, NAMES) == [("Ada",), ("Bo",)]


@pytest.mark.slow
def test_rows_of_nested_tables_are_not_counted_so_json_is_loaded(tmp_path: Path) -> None:
    with FileVendor(users=b'[{"user_id":1,"tags":["a","b"]},{"user_id":2,"tags":["c"]}]') as vendor:
        load(tmp_path, users(vendor, export_format="json"))
        with pipeline_into(tmp_path).sql_client() as client:
            client.execute_sql("DELETE FROM users__tags")
        assert load(tmp_path, users(vendor, export_format="json"))
        assert query(tmp_path, "SELECT count(*) FROM users__tags") == [(3,)]


@pytest.mark.thorough
@pytest.mark.slow
def test_a_file_without_rows_may_be_the_whole_table(vendor: FileVendor, tmp_path: Path) -> None:
    vendor.files["users"] = b"user_id,name\n"
    for is_there in (None, True):
        load(tmp_path, users(vendor))
        assert told(tmp_path) == [(0, 0, 0, True, is_there)]
    vendor.files["users"] = FILE
    load(tmp_path, users(vendor))
    vendor.files["users"] = b"user_id,name\n"
    for is_there in (None, True):
        load(tmp_path, users(vendor, accept_deletes=True))
        assert told(tmp_path) == [(0, 0, 0, True, is_there)]
    assert query(tmp_path, "SELECT count(*) FROM users") == [(0,)]


@pytest.mark.thorough
@pytest.mark.slow
def test_another_machine_that_finds_the_table_passes_over_it_too(
    vendor: FileVendor, tmp_path: Path
) -> None:
    load(tmp_path, users(vendor))
    _elsewhere(tmp_path).run(users(vendor))
    assert told(tmp_path) == [(2, 2, 2, True, True)]


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["postgres", "ducklake", "delta"])
def test_other_destinations_keep_their_rows(
    kind: str, vendor: FileVendor, make_destination: Any, tmp_path: Path
) -> None:
    destination = make_destination(kind)
    for _ in range(2):
        Load(tmp_path, vendor.base_url, ("users",), destination.name).run()
    assert destination.rows("users", "name") == [("Ada",), ("Bo",)]
    jobs = destination.rows("export_jobs", "job_id", "unchanged")
    # Tables of files cannot always be asked for their loads.
    assert jobs[0] == ("1", None)
    assert jobs[1][0] == "2"
