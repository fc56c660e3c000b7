"""What a destination holds is asked once for all tables as a load begins, anew for each load."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.impl.postgres.sql_client import Psycopg2SqlClient

from spaaza_source import spaaza_source
from spaaza_source.audit import AUDIT_TABLES
from spaaza_source.destination import AskLater, ask
from spaaza_source.loading.first_look import TableLook, forget_first_look, look_first
from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.destination.destinations import DATASET, Destination
from tests.faults.cut_short import QUICK, TOKEN
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.slow

FILES = dict.fromkeys(("users", "products", "product_variants"), b"id,name\n1,Ada\n2,Bo\n")
TABLES = tuple(FILES)


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor(**FILES) as server:
        yield server


def load(pipeline: dlt.Pipeline, vendor: FileVendor, *tables: str) -> None:
    pipeline.run(source(vendor.base_url).with_resources(*tables))


def source(base_url: str, token: Any = TOKEN, **settings: Any) -> Any:
    given: dict[str, Any] = {"max_age": 0, **QUICK, **settings}
    return spaaza_source(base_url, 1743, token, **given)


def test_six_tables_open_a_duckdb_file_a_few_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = str(tmp_path / "warehouse.duckdb")
    opened: list[str] = []
    connect = duckdb.connect

    def counted(database: Any = ":memory:", *given: Any, **named: Any) -> Any:
        opened.append(str(database))
        return connect(database, *given, **named)

    with Sandbox(SandboxSettings(rows=20)) as sandbox:
        pipeline = pipeline_into(tmp_path)
        for turn in range(2):
            if turn:
                monkeypatch.setattr(duckdb, "connect", counted)
            pipeline.run(source(sandbox.base_url, sandbox.credentials))
    # Once as the run begins, once for the first look, one to three times for each table that has
    # come, and once for the whole load step.
    assert opened.count(file) <= 10


def test_the_first_look_of_all_tables_is_one_connection(
    tmp_path: Path, vendor: FileVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = pipeline_into(tmp_path)
    load(pipeline, vendor, *TABLES)
    opened: list[int] = []
    connect = duckdb.connect

    def counted(*given: Any, **named: Any) -> Any:
        opened.append(len(vendor.tasks))
        return connect(*given, **named)

    monkeypatch.setattr(duckdb, "connect", counted)
    asked = len(vendor.tasks)
    load(pipeline, vendor, *TABLES)
    # One is the run's own; nothing was requested yet.
    assert opened.count(asked) == 2


def test_a_table_that_is_dropped_between_two_loads_of_a_process_comes_back(
    tmp_path: Path, vendor: FileVendor
) -> None:
    pipeline = pipeline_into(tmp_path)
    load(pipeline, vendor, *TABLES)
    for table in TABLES:
        query(tmp_path, f"DROP TABLE {table}")
        load(pipeline, vendor, *TABLES)
        for each in TABLES:
            assert query(tmp_path, f"SELECT count(*) FROM {each}") == [(2,)]


def test_rows_that_are_deleted_between_two_loads_of_a_process_come_back(
    tmp_path: Path, vendor: FileVendor
) -> None:
    pipeline = pipeline_into(tmp_path)
    load(pipeline, vendor, *TABLES)
    query(tmp_path, "DELETE FROM products WHERE id = 1")
    query(tmp_path, "DELETE FROM users")
    load(pipeline, vendor, *TABLES)
    for table in TABLES:
        assert query(tmp_path, f"SELECT id FROM {table} ORDER BY id") == [("1",), ("2",)]


def test_a_table_that_goes_while_another_one_is_read_from_an_archive_comes_back(
    tmp_path: Path, vendor: FileVendor
) -> None:
    """Each table of an archive is judged when the one before has been read, maybe hours ago."""
    archive, tables = tmp_path / "archive", ["users", "products"]
    pipeline = pipeline_into(tmp_path)
    pipeline.run(source(vendor.base_url, keep_files=str(archive)).with_resources(*tables))
    [folder] = archive.iterdir()
    left = list(tables)

    def drop_the_other(table: str, rows: Any) -> Any:
        if len(left) == len(tables):
            left.remove(table)
            query(tmp_path, f"DROP TABLE {left[0]}")
        return rows

    again = source(vendor.base_url, from_files=str(folder)).with_resources(*tables)
    for table in tables:
        again.resources[table].add_map(partial(drop_the_other, table))
    pipeline.run(again)
    assert len(left) == 1
    for table in tables:
        assert query(tmp_path, f"SELECT count(*) FROM {table}") == [(2,)]


def audit_files(pipeline: dlt.Pipeline, vendor: FileVendor) -> set[str]:
    """Into which audit tables the next load of a changed file brings files."""
    vendor.files["users"] += b"%d,Cy\n" % (10 + len(vendor.tasks))
    info = pipeline.run(source(vendor.base_url).with_resources("users"))
    jobs = info.load_packages[0].jobs["completed_jobs"]
    return {job.job_file_info.table_name for job in jobs} & set(AUDIT_TABLES)


def test_audit_tables_without_rows_are_made_once_and_again_in_a_new_database(
    tmp_path: Path, vendor: FileVendor
) -> None:
    pipeline = pipeline_into(tmp_path)
    assert audit_files(pipeline, vendor) == set(AUDIT_TABLES)
    assert audit_files(pipeline, vendor) == {"export_jobs"}
    (tmp_path / "warehouse.duckdb").unlink()
    assert audit_files(pipeline, vendor) == set(AUDIT_TABLES)
    for table in AUDIT_TABLES:
        assert query(tmp_path, f"SELECT count(*) FROM {table}")


def test_a_look_holds_until_the_load_goes_on(tmp_path: Path) -> None:
    pipeline = pipeline_into(tmp_path)
    pipeline.run([{"id": 1}], table_name="shops")
    seen: list[TableLook] = []

    @dlt.resource(name="looking")
    def look() -> Iterator[Any]:
        seen.append(look_first("shops")[1])
        query(tmp_path, "DROP TABLE IF EXISTS shops")
        seen.append(look_first("shops")[1])
        forget_first_look()
        seen.append(look_first("shops")[1])
        yield {"id": 1}

    pipeline.run(look())
    there, gone = TableLook(exists=True, has_rows=True), TableLook(exists=False, has_rows=False)
    assert seen == [there, there, gone]
    pipeline.run(look())
    assert seen[3:] == [gone] * 3


def test_a_question_that_can_wait_is_asked_with_the_next_or_when_its_result_is_used(
    tmp_path: Path,
) -> None:
    pipeline = pipeline_into(tmp_path)
    pipeline.run([{"id": 1}], table_name="shops")
    asked: list[str] = []

    def question(name: str) -> Callable[[Any], str]:
        def answer(client: Any) -> str:
            asked.append(name)
            return f"{name} of {client.dataset_name}"

        return answer

    def fail(client: Any) -> None:
        client.execute_sql("SELECT CAST('canary' AS INT)")

    @dlt.resource(name="asking")
    def resource() -> Iterator[Any]:
        first, second = AskLater(question("first")), AskLater(question("second"))
        wrong = AskLater(fail)
        # Nobody uses it.
        AskLater(question("never"))
        assert not asked
        assert ask(question("now")) == "now of loyalty"
        assert sorted(asked[:2]) == ["first", "second"]
        assert asked[2:] == ["now"]
        assert (first.result(), second.result()) == ("first of loyalty", "second of loyalty")
        with pytest.raises(DatabaseException) as failed:
            wrong.result()
        # The destination's words may quote a row.
        assert "canary" not in str(failed.value)
        assert AskLater(question("last")).result() == "last of loyalty"
        assert asked[3:] == ["last"]
        yield {"id": 1}

    pipeline.run(resource())


def test_tables_under_other_names_are_looked_at(tmp_path: Path, vendor: FileVendor) -> None:
    pipeline = pipeline_into(tmp_path)
    for _ in range(2):
        both = source(vendor.base_url).with_resources("users", "products")
        both.resources["users"].apply_hints(table_name="Members Of All")
        pipeline.run(both)
        assert query(tmp_path, "SELECT count(*) FROM members_of_all") == [(2,)]
        query(tmp_path, "DROP TABLE members_of_all")
    load(pipeline, vendor, "products")


def test_postgres_is_connected_with_a_few_times(
    make_destination: Callable[[str], Destination],
    vendor: FileVendor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    destination = make_destination("postgres")
    pipeline = dlt.pipeline("spaaza", destination=destination.name, dataset_name=DATASET)
    load(pipeline, vendor, *TABLES)
    opened: list[int] = []
    connect = Psycopg2SqlClient.open_connection

    def counted(client: Any) -> Any:
        opened.append(len(vendor.tasks))
        return connect(client)

    monkeypatch.setattr(Psycopg2SqlClient, "open_connection", counted)
    asked = len(vendor.tasks)
    load(pipeline, vendor, *TABLES)
    assert opened.count(asked) == 1
