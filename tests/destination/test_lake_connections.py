"""A load into a DuckLake attaches it a few times, whatever the number of its jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import dlt
import psycopg2
import pytest
from dlt.destinations.impl.duckdb.configuration import DuckDbConnectionPool

from spaaza_source.destination import keep_attached, lake_connections
from tests.destination.destinations import DATASET, Destination
from tests.destination.loads import Load
from tests.vendors.spaaza_files import FileVendor

pytestmark = pytest.mark.slow

USERS = b"user_id,name\n1,Ada\n2,Bo\n"
#: One for the load lock, one for all else.
AT_MOST = 2


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The connections that dlt's pools lend."""
    lent: list[Any] = []
    borrow = DuckDbConnectionPool.borrow_conn

    def noted(pool: Any, *given: Any, **more: Any) -> Any:
        lent.append(borrow(pool, *given, **more))
        return lent[-1]

    monkeypatch.setattr(DuckDbConnectionPool, "borrow_conn", noted)
    return lent


@pytest.fixture
def lake(make_destination: Callable[[str], Destination]) -> Destination:
    return make_destination("ducklake")


def sessions(lake: Destination, action: str = "count(*)") -> Any:
    """What PostgreSQL says of its sessions with the catalogue, apart from this one."""
    (url,) = (value for name, value in lake.settings.items() if name.endswith("CATALOG"))
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {action} FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return cursor.fetchall()


def none_is_left(lake: Destination) -> bool:
    """Whether no session is there, or soon none: the server ends one after its client has gone."""
    until = time.monotonic() + 30
    while sessions(lake) != [(0,)]:
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def pipeline_of(folder: Path) -> dlt.Pipeline:
    return dlt.pipeline(
        "spaaza", pipelines_dir=str(folder), destination="ducklake", dataset_name=DATASET
    )


@pytest.fixture
def client(lake: Destination, tmp_path: Path) -> Iterator[Any]:
    """One that has opened and closed a connection, which is kept."""
    assert none_is_left(lake)
    pipeline = pipeline_of(tmp_path)
    pipeline.run([{"id": 1}], table_name="there")
    with keep_attached("ducklake"):
        made = pipeline.sql_client()
        with made:
            pass
        yield made
    assert none_is_left(lake)


def test_a_load_attaches_the_lake_twice(
    lake: Destination, opened: list[Any], tmp_path: Path
) -> None:
    with FileVendor(users=USERS) as vendor:
        load = Load(tmp_path, vendor.base_url, ("users",), "ducklake")
        load.run()
        assert len(opened) <= AT_MOST
        vendor.files["users"] = USERS + b"3,Cy\n"
        load.run()
    assert len(opened) <= 2 * AT_MOST
    assert len(lake.read("users")) == USERS.count(b"\n")
    assert not lake_connections._KEPT
    assert none_is_left(lake)


def test_a_connection_is_used_again_by_another_client(
    client: Any, opened: list[Any], tmp_path: Path
) -> None:
    with pipeline_of(tmp_path).sql_client() as other, other.execute_query("SELECT 1") as cursor:
        assert cursor.fetchall() == [(1,)]
    with client:
        assert client.execute_sql("SELECT id FROM there") == [(1,)]
    assert len(opened) == 0


def test_one_that_is_in_use_is_not_used_again(
    client: Any, opened: list[Any], tmp_path: Path
) -> None:
    with client, pipeline_of(tmp_path).sql_client() as other:
        assert other.execute_sql("SELECT id FROM there") == [(1,)]
    assert len(opened) == 1


def test_one_that_has_waited_long_is_not_used_again(
    client: Any, opened: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake_connections, "PATIENCE", 0)
    with client:
        assert client.execute_sql("SELECT id FROM there") == [(1,)]
    assert len(opened) == 1


def test_one_that_the_server_has_closed_does_no_harm(client: Any, lake: Destination) -> None:
    sessions(lake, "pg_terminate_backend(pid)")
    with client:
        assert client.execute_sql("SELECT id FROM there") == [(1,)]


def test_one_that_outlives_the_block_is_closed_as_ever(lake: Destination, tmp_path: Path) -> None:
    pipeline = pipeline_of(tmp_path)
    pipeline.run([{"id": 1}], table_name="there")
    with keep_attached("ducklake"):
        with pipeline.sql_client():
            pass
        other = pipeline_of(tmp_path).sql_client()
        other.open_connection()
    other.close_connection()
    assert none_is_left(lake)
