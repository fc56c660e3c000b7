"""Rows that a load no longer brings are found by a join in PostgreSQL, however many there are."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dlt
import psycopg2
import pytest
from dlt.destinations.sql_jobs import SqlMergeFollowupJob

from spaaza_source.dlt_hooks import install_hooks
from spaaza_source.dlt_hooks.merges import without_not_in
from tests.destination.destinations import Destination
from tests.destination.loads import Load
from tests.destination.servers import Postgres
from tests.vendors.spaaza_files import FileVendor

ROWS = 6_000
#: Every tenth is gone later; every seventh has another name.
GONE, CHANGED = 10, 7


def users_csv(*, later: bool) -> bytes:
    lines = [
        f"{n},{'Bo' if later and n % CHANGED == 0 else 'Ada'}"
        for n in range(ROWS)
        if not (later and n % GONE == 0)
    ]
    return "\n".join(["user_id,name", *lines, ""]).encode()


def users_json(*, later: bool) -> bytes:
    records = [
        f'{{"id":{n},"name":"{"Bo" if later and n % CHANGED == 0 else "Ada"}",'
        f'"items":[{{"sku":"a"}},{{"sku":"{"c" if later else "b"}"}}]}}'
        for n in range(ROWS)
        if not (later and n % GONE == 0)
    ]
    return f"[{','.join(records)}]".encode()


def merges(pipeline: dlt.Pipeline) -> Iterator[str]:
    """The statements of the merges of this pipeline's loads into the table."""
    for job in Path(pipeline.working_dir).glob("load/loaded/*/completed_jobs/users.*.sql"):
        yield from job.read_text().splitlines()


@dataclass(frozen=True)
class Case:
    """A table that is loaded twice: how, and its files."""

    make_file: Callable[..., bytes]
    hints: Mapping[str, Any]
    export_format: str = "csv"


OWN = Case(users_csv, {})
HISTORY = Case(users_csv, {"write_disposition": {"disposition": "merge", "strategy": "scd2"}})
CDC = {"write_disposition": {"disposition": "merge", "strategy": "cdc"}, "primary_key": "id"}
NESTED = Case(users_json, CDC, "json")


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(OWN, id="snapshot"),
        pytest.param(HISTORY, id="history", marks=pytest.mark.thorough),
        pytest.param(NESTED, id="nested lists", marks=pytest.mark.thorough),
    ],
)
@pytest.mark.slow
def test_merges_join_keys(
    case: Case,
    make_destination: Callable[[str], Destination],
    postgres: Postgres,
    tmp_path: Path,
) -> None:
    destination = make_destination("postgres")
    url = destination.settings["DESTINATION__POSTGRES__CREDENTIALS"]
    # Less than the keys take.
    postgres.execute(f"ALTER DATABASE \"{url.rpartition('/')[2]}\" SET work_mem = '64kB'")
    with FileVendor(users=case.make_file(later=False)) as vendor:
        load = Load(
            tmp_path,
            vendor.base_url,
            ("users",),
            destination.name,
            settings={"export_format": case.export_format},
            hints={"users": case.hints},
        )
        load.run()
        vendor.files["users"] = case.make_file(later=True)
        statements = list(merges(load.run()))
    valid = [row for row in destination.read("users") if row.get("_dlt_valid_to") is None]
    assert len(valid) == ROWS - ROWS // GONE
    names = [row["name"] for row in valid]
    assert names.count("Bo") == len([n for n in range(ROWS) if n % CHANGED == 0 and n % GONE])
    searching = [each for each in statements if "NOT EXISTS" in each]
    assert searching
    assert not any("NOT IN" in each for each in statements)
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        for statement in searching:
            cursor.execute(f"EXPLAIN {statement}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert "Anti Join" in plan, plan
            assert "SubPlan" not in plan, plan


STATEMENTS = {
    'DELETE FROM "d"."users" WHERE "id" NOT IN (SELECT "id" FROM "s"."users");': (
        'DELETE FROM "d"."users" WHERE NOT EXISTS (SELECT 1 FROM (SELECT "id" AS _spaaza_present'
        ' FROM "s"."users") AS keys WHERE keys._spaaza_present = "id");'
    ),
    """DELETE FROM t WHERE t."a b" NOT IN (SELECT "a b" FROM s WHERE (x IN (')', '('))) AND y""": (
        'DELETE FROM t WHERE NOT EXISTS (SELECT 1 FROM (SELECT "a b" AS _spaaza_present FROM s'
        """ WHERE (x IN (')', '('))) AS keys WHERE keys._spaaza_present = t."a b") AND y"""
    ),
    "DELETE FROM a WHERE b NOT IN (SELECT b FROM c WHERE d NOT IN (SELECT d FROM e))": (
        "DELETE FROM a WHERE NOT EXISTS (SELECT 1 FROM (SELECT b AS _spaaza_present FROM c"
        " WHERE NOT EXISTS (SELECT 1 FROM (SELECT d AS _spaaza_present FROM e) AS keys WHERE"
        " keys._spaaza_present = d)) AS keys WHERE keys._spaaza_present = b)"
    ),
}
#: The tables that are merged in these.
TABLES = ('"s"."users"', "s ", "c ", "e)")
#: Not dlt's: a NULL in a user's own condition may count.
UNCHANGED = (
    "DELETE FROM a WHERE b NOT IN (1, 2)",
    "INSERT INTO a SELECT 'x NOT IN (SELECT y'",
    "DELETE FROM a WHERE b NOT IN (SELECT b FROM others)",
    "DELETE FROM a WHERE b NOT IN (SELECT d FROM c WHERE true)",
    "DELETE FROM a WHERE (b, d) NOT IN (SELECT b, d FROM c WHERE true)",
    "DELETE FROM a WHERE lower(b) NOT IN (SELECT b FROM c WHERE true)",
    "DELETE FROM a WHERE b NOT IN (SELECT 1)",
)


@pytest.mark.parametrize(
    ("statement", "joined"), [*STATEMENTS.items(), *((each, each) for each in UNCHANGED)]
)
def test_only_dlts_own_subqueries_are_changed(statement: str, joined: str) -> None:
    assert without_not_in(statement, TABLES) == joined


def test_dlt_makes_each_merge_by_the_method_that_is_wrapped() -> None:
    """What the hook leans on in the installed dlt."""
    install_hooks()
    inner = inspect.unwrap(SqlMergeFollowupJob.generate_sql)
    assert list(inspect.signature(inner).parameters) == ["cls", "table_chain", "sql_client"]
    assert inspect.getsource(SqlMergeFollowupJob.gen_absent_rows_cond).count("NOT IN") == 1
