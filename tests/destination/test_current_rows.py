"""Of soft deletes, a view of what is there now: made and kept up by loads, and in nobody's way."""

from __future__ import annotations

import json
import logging
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import psycopg2
import pytest

from tests.destination.destinations import DATASET, Destination
from tests.destination.loads import WHOLE_PACKAGE
from tests.destination.soft_deletes import HEADER, Shop
from tests.vendors.spaaza_files import FileVendor

pytestmark = [pytest.mark.slow, pytest.mark.wing("views")]

LAKE = pytest.param("ducklake", marks=pytest.mark.thorough)
KINDS = pytest.mark.parametrize("kind", ["duckdb", "postgres", LAKE])
Make = Callable[[str], Destination]
Told = Callable[[], list[str]]
VIEW = f"{DATASET}.users_now"


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor() as served:
        yield served


@pytest.fixture
def make_shop(make_destination: Make, vendor: FileVendor, tmp_path: Path) -> Callable[[str], Shop]:
    return lambda kind: Shop(vendor, tmp_path, make_destination(kind))


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[Told]:
    """The warnings about views since it was last asked."""
    logger = logging.getLogger("dlt")
    logger.addHandler(caplog.handler)

    def since() -> list[str]:
        texts = [each.getMessage() for each in caplog.records if "view" in each.getMessage()]
        caplog.clear()
        return texts

    yield since
    logger.removeHandler(caplog.handler)


def run(destination: Destination, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements by an engine that is not dlt; the rows of the last."""
    connection = destination.connect()
    try:
        cursor = connection.cursor() if destination.kind == "postgres" else connection
        for sql in statements:
            cursor.execute(sql)
        rows: list[tuple[Any, ...]] = []
        if destination.kind != "postgres" or cursor.description:
            rows = cursor.fetchall()
        if destination.kind == "postgres":
            connection.commit()
        return rows
    finally:
        connection.close()


def columns(destination: Destination) -> list[str]:
    return list(destination.read("users_now")[0])


@KINDS
def test_a_load_makes_the_view_and_keeps_it_up(
    kind: str, make_shop: Callable[[str], Shop], told: Told
) -> None:
    shop = make_shop(kind)
    destination = shop.destination
    shop.load("users", f"{HEADER}1,a\n2,b\n3,c\n4,d\n5,e\n6,f\n")
    assert len(destination.read("users_now")) == 6
    shop.load("users", f"{HEADER}1,a\n2,bb\n4,d\n5,e\n6,f\n")
    assert [key for key, _ in destination.rows("users_now", "id", "name")] == list("12456")
    assert set(destination.read("users_now")[0]) == set(destination.read("users")[0])
    # A column appears.
    shop.load("users", "id,name,city\n1,a,Rome\n2,bb,\n4,d,\n5,e,\n6,f,\n")
    assert destination.rows("users_now", "id", "city")[0] == ("1", "Rome")
    assert columns(destination) == list(destination.read("users")[0])
    # It is dropped by hand.
    run(destination, f"DROP VIEW {VIEW}")
    shop.load("users", "id,name,city\n1,a,Rome\n2,bb,\n4,d,\n5,e,\n6,x,\n")
    assert destination.rows("users_now", "id", "city")[0] == ("1", "Rome")
    assert told() == []


@KINDS
def test_a_view_that_is_right_is_left_alone(kind: str, make_shop: Callable[[str], Shop]) -> None:
    shop = make_shop(kind)
    shop.load("users", f"{HEADER}1,a\n2,b\n")
    identity = {
        "postgres": f"SELECT '{VIEW}'::regclass::oid",
        "duckdb": "SELECT view_oid FROM duckdb_views() WHERE view_name = 'users_now'",
        "ducklake": "SELECT view_uuid FROM __ducklake_metadata_lake.lake.ducklake_view"
        " WHERE end_snapshot IS NULL",
    }[kind]
    before = run(shop.destination, identity)
    assert len(before) == 1
    shop.load("users", f"{HEADER}1,a\n2,bb\n")
    assert run(shop.destination, identity) == before


@KINDS
@pytest.mark.parametrize("made", ["before", "replaced"])
def test_a_view_of_the_users_own_stays_and_is_told_once(
    kind: str, made: str, make_shop: Callable[[str], Shop], told: Told
) -> None:
    shop = make_shop(kind)
    own = f"AS SELECT id, name, deleted_at FROM {DATASET}.users WHERE id <> '1'"
    shop.load("users", f"{HEADER}1,a\n2,b\n")
    drop = [f"DROP VIEW {VIEW}"] if made == "before" or kind == "postgres" else []
    run(shop.destination, *drop, f"CREATE OR REPLACE VIEW {VIEW} {own}")
    assert told() == []
    shop.load("users", "id,name,city\n1,a,Rome\n2,c,Bonn\n")
    (once,) = told()
    assert once.startswith("users: the view users_now is not made: there is a table or view of")
    shop.load("users", "id,name,city\n1,a,Rome\n2,d,Bonn\n")
    assert told() == []
    assert [row["id"] for row in shop.destination.read("users_now")] == ["2"]
    assert columns(shop.destination) == ["id", "name", "deleted_at"]
    jobs = [each["notices"] for each in shop.destination.read("export_jobs") if each["notices"]]
    kinds = [notice["kind"] for each in jobs for notice in json.loads(each)]
    assert sorted(kinds) == ["appeared", "view"]
    # As the hint says.
    run(shop.destination, f"ALTER VIEW {VIEW} RENAME TO own")
    shop.load("users", "id,name,city\n1,a,Rome\n2,e,Bonn\n")
    assert [row["id"] for row in shop.destination.read("users_now")] == ["1", "2"]


def test_a_replaced_view_of_postgres_keeps_its_comment_and_is_the_users(
    make_shop: Callable[[str], Shop], told: Told
) -> None:
    shop = make_shop("postgres")
    shop.load("users", f"{HEADER}1,a\n2,b\n")
    names = ", ".join(columns(shop.destination))
    own = f"SELECT {names} FROM {DATASET}.users WHERE id <> '1'"
    run(shop.destination, f"CREATE OR REPLACE VIEW {VIEW} AS {own}")
    shop.load("users", "id,name\n1,a\n2,c\n")
    assert len(told()) == 1
    assert [row["id"] for row in shop.destination.read("users_now")] == ["2"]


@KINDS
def test_a_table_of_that_name_stays(
    kind: str, make_shop: Callable[[str], Shop], told: Told
) -> None:
    shop = make_shop(kind)
    # DuckDB tells no capitals apart.
    name = VIEW if kind == "postgres" else f"{DATASET}.Users_NOW"
    run(
        shop.destination,
        f"CREATE SCHEMA IF NOT EXISTS {DATASET}",
        f"CREATE TABLE {name} (own integer)",
    )
    shop.load("users", f"{HEADER}1,a\n2,b\n")
    assert len(told()) == 1
    assert run(shop.destination, f"SELECT own FROM {name}") == []


@KINDS
def test_the_view_is_in_no_loads_way(
    kind: str, make_shop: Callable[[str], Shop], told: Told
) -> None:
    """Neither where the table is dropped, nor where a column gets another type."""
    shop = make_shop(kind)
    shop.load("users", "id,points\n1,1\n2,2\n")
    shop.load("users", "id,points\n1,1.5\n2,2\n")
    assert [float(points) for (points,) in shop.destination.rows("users_now", "points")] == [1.5, 2]
    load = shop.made("users", "id,name\n1,a\n")
    load.run(refresh="drop_resources")
    assert shop.destination.rows("users_now", "id", "name") == [("1", "a")]
    assert "points" not in columns(shop.destination)
    # Without soft deletes there is no such view.
    shop.made("users", "id,name\n1,a\n", deletes="remove").run(refresh="drop_resources")
    with pytest.raises((duckdb.Error, psycopg2.Error)):
        shop.destination.read("users_now")
    assert told() == []


def test_views_and_rights_on_it_outlive_a_new_column(
    make_shop: Callable[[str], Shop], told: Told
) -> None:
    shop = make_shop("postgres")
    shop.load("users", f"{HEADER}1,a\n2,b\n")
    run(
        shop.destination,
        f"CREATE VIEW public.own AS SELECT id FROM {VIEW}",
        f"GRANT SELECT ON {VIEW} TO PUBLIC",
    )
    rights = f"SELECT relacl::text FROM pg_class WHERE oid = '{VIEW}'::regclass"
    before = run(shop.destination, rights)
    shop.load("users", "id,name,city\n1,a,Rome\n2,b,\n")
    assert "city" in columns(shop.destination)
    assert run(shop.destination, rights) == before
    assert run(shop.destination, "SELECT count(*) FROM public.own") == [(2,)]
    functions = "SELECT count(*) FROM pg_proc WHERE proname LIKE 'users_now_rows_%'"
    assert run(shop.destination, functions) == [(1,)]
    assert told() == []
    # What another view reads cannot be dropped: that is told, and the load is good.
    run(shop.destination, f"ALTER TABLE {DATASET}.users ALTER name TYPE text")
    shop.load("users", "id,name,city\n1,7,Rome\n2,8,\n")
    assert shop.last_job()[3] is True
    (failed,) = told()
    assert failed.startswith("users: the view users_now could not be made, the rows are loaded (")


def test_the_planner_sees_through_the_view(make_shop: Callable[[str], Shop]) -> None:
    shop = make_shop("postgres")
    shop.load("users", f"{HEADER}1,a\n2,b\n")
    steps = str(run(shop.destination, f"EXPLAIN SELECT count(*) FROM {VIEW}"))
    assert "Scan on users" in steps
    assert "Function Scan" not in steps
    assert "Filter: (deleted_at IS NULL)" in steps


def test_a_wider_type_is_not_rounded_until_the_view_has_it(
    make_shop: Callable[[str], Shop],
) -> None:
    """A load that has widened a column may fail before its end."""
    shop = make_shop("postgres")
    shop.load("users", "id,points\n1,1\n2,2\n")
    run(shop.destination, f"ALTER TABLE {DATASET}.users ALTER points TYPE numeric(38, 9)")
    with pytest.raises(psycopg2.Error, match=r"numeric\[\] = bigint\[\]"):
        shop.destination.read("users_now")
    shop.load("users", "id,points\n1,1.5\n2,2\n")
    assert [float(points) for (points,) in shop.destination.rows("users_now", "points")] == [1.5, 2]


def test_who_may_make_no_view_has_the_rows(
    make_shop: Callable[[str], Shop], monkeypatch: pytest.MonkeyPatch, told: Told
) -> None:
    shop = make_shop("postgres")
    shop.load("users", f"{HEADER}1,a\n2,b\n")
    # The rights that a load without a new table needs.
    run(
        shop.destination,
        f"DROP VIEW {VIEW}",
        "CREATE ROLE loader LOGIN",
        f"GRANT USAGE ON SCHEMA {DATASET} TO loader",
        f"GRANT ALL ON SCHEMA {DATASET}_staging TO loader",
        f"GRANT ALL ON ALL TABLES IN SCHEMA {DATASET}, {DATASET}_staging TO loader",
    )
    url = shop.destination.settings["DESTINATION__POSTGRES__CREDENTIALS"]
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", f"{url}?options=-c role%3Dloader")
    shop.load("users", f"{HEADER}1,a\n2,c\n")
    assert shop.last_job()[3] is True
    (failed,) = told()
    assert "permission denied for schema loyalty" in failed


@KINDS
@pytest.mark.parametrize("at", [WHOLE_PACKAGE, pytest.param("users", marks=pytest.mark.thorough)])
def test_a_run_that_was_killed_leaves_it_to_the_next(
    kind: str, at: str, make_shop: Callable[[str], Shop]
) -> None:
    shop = make_shop(kind)
    load = shop.made("users", f"{HEADER}1,a\n2,b\n")
    assert load.killed(at) == -signal.SIGKILL
    load.run()
    assert shop.destination.rows("users_now", "id", "name") == [("1", "a"), ("2", "b")]
