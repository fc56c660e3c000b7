"""How tables are kept current: proven keys, merged snapshots, history, and the guard of rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from spaaza_source import spaaza_source
from spaaza_source.errors import BrokenKeyError, SettingsError, TooManyDeletionsError
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.slow

SCD2 = {"disposition": "merge", "strategy": "scd2"}
WINDOW: dict[str, Any] = {
    "start_date": "2026-05-01",
    "end_date": "2026-06-01",
    "time_columns": {"transactions": "at"},
}


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor(users=b"", transactions=b"", vouchers=b"") as served:
        yield served


def source_of(vendor: FileVendor, text: str, table: str = "users", **given: Any) -> Any:
    """A source of one table, whose file is that text."""
    vendor.files[table] = text.encode()
    return spaaza_source(
        vendor.base_url,
        1743,
        {"access_token_id": "a", "access_token_secret": "b"},
        **{"poll_interval": 0.01, "start_margin": 0, "stagger": 0, "max_age": 0, **given},
    ).with_resources(table)


def load(
    vendor: FileVendor,
    folder: Path,
    text: str,
    *,
    table: str = "users",
    hints: dict[str, Any] | None = None,
    **given: Any,
) -> dict[str, Any]:
    """Load one table from that text; what dlt's schema says of it then."""
    source = source_of(vendor, text, table, **given)
    source.resources[table].apply_hints(**hints or {})
    pipeline = pipeline_into(folder)
    pipeline.run(source)
    return dict(pipeline.default_schema.tables[table])


def refusal(error: pytest.ExceptionInfo[BaseException]) -> BaseException:
    found: BaseException | None = error.value
    while found is not None and not isinstance(
        found, BrokenKeyError | SettingsError | TooManyDeletionsError
    ):
        found = found.__cause__ or found.__context__
    assert found is not None
    return found


def users(folder: Path) -> list[tuple[Any, ...]]:
    return query(folder, "SELECT id, name FROM users ORDER BY ALL")


def test_a_snapshot_is_merged_by_the_key_that_its_rows_prove(
    vendor: FileVendor, tmp_path: Path
) -> None:
    first = load(vendor, tmp_path, "name,id\na,1\nb,2\nc,3\nd,4\ne,5\nf,6\n")
    # Into an empty table nothing needs to be merged.
    assert first["write_disposition"] == "replace"
    table = load(vendor, tmp_path, "name,id\na,1\nB,2\nd,4\ne,5\nf,6\ng,7\n")
    assert users(tmp_path) == [
        ("1", "a"),
        ("2", "B"),
        ("4", "d"),
        ("5", "e"),
        ("6", "f"),
        ("7", "g"),
    ]
    # Rows that the table has are left out, and one that it loses is named.
    assert table["x-merge-strategy"] == "delete-insert"
    staged = query(tmp_path, "SELECT id, name FROM loyalty_staging.users ORDER BY ALL")
    assert staged == [("2", "B"), ("3", None), ("7", "g")]
    assert table["columns"]["id"]["primary_key"]


@pytest.mark.thorough
def test_without_a_proven_key_a_snapshot_takes_the_tables_place(
    vendor: FileVendor, tmp_path: Path
) -> None:
    # A file that has not changed would not be written.
    for name in ("x", "c"):
        table = load(vendor, tmp_path, f"id,name\n1,a\n1,b\n,{name}\n")
        assert table["write_disposition"] == "replace"
    assert not table["columns"]["id"].get("primary_key")
    assert users(tmp_path) == [("1", "a"), ("1", "b"), (None, "c")]
    # A merge would leave what the table holds without a key.
    for disposition, name in (("replace", "y"), ("merge", "e")):
        table = load(vendor, tmp_path, f"id,name\n1,a\n2,d\n3,{name}\n")
        assert table["write_disposition"] == disposition
    assert users(tmp_path) == [("1", "a"), ("2", "d"), ("3", "e")]


@pytest.mark.thorough
def test_a_users_key_is_the_key(vendor: FileVendor, tmp_path: Path) -> None:
    hints = {"primary_key": ["chain", "code"]}
    load(vendor, tmp_path, "id,chain,code\n1,1,a\n2,1,b\n3,2,a\n", hints=hints)
    table = load(vendor, tmp_path, "id,chain,code\n9,1,a\n2,1,b\n3,2,a\n", hints=hints)
    assert table["x-merge-strategy"] == "cdc"
    assert not table["columns"]["id"].get("primary_key")
    assert query(tmp_path, "SELECT id FROM users ORDER BY id") == [("2",), ("3",), ("9",)]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ('1,"two\nlines"\n2,b\n,c\n2,d\n', ["empty in 1 row ", "line 5"]),
        ("1,a\n2,b\n2,c\n2,d\n", ["the key id repeats", "in 2", "line 4"]),
    ],
)
def test_a_users_key_that_is_none_stops_the_load(
    rows: str, told: list[str], vendor: FileVendor, tmp_path: Path
) -> None:
    with pytest.raises(Exception, match="key") as raised:
        load(vendor, tmp_path, "id,name\n" + rows, hints={"primary_key": "id"})
    error = refusal(raised)
    assert isinstance(error, BrokenKeyError)
    assert all(part in str(error) for part in told)
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as warehouse:
        there = warehouse.sql("SELECT table_name FROM duckdb_tables()").fetchall()
    assert ("users",) not in there


def test_the_line_of_a_broken_key_is_the_files_within_a_window_too(
    vendor: FileVendor, tmp_path: Path
) -> None:
    text = "id,at\n" + "".join(
        f"{number},2026-{day}T00:00:00Z\n"
        for number, day in [(1, "01-01"), (1, "05-02"), (2, "05-02"), (1, "05-03")]
    )
    with pytest.raises(Exception, match="line 5"):
        load(vendor, tmp_path, text, table="transactions", hints={"primary_key": "id"}, **WINDOW)


TEN = "id,name\n" + "".join(f"{number},x\n" for number in range(10))


@pytest.mark.parametrize(
    ("gone", "stops", "keyed"),
    [
        pytest.param(2, False, True, marks=pytest.mark.thorough),
        (3, True, True),
        pytest.param(2, False, False, marks=pytest.mark.thorough),
        (10, True, False),
    ],
)
@pytest.mark.thorough
def test_more_deletions_than_a_share_stop_the_load(
    gone: int, stops: bool, keyed: bool, vendor: FileVendor, tmp_path: Path
) -> None:
    text = TEN if keyed else TEN.replace("id", "number")
    load(vendor, tmp_path, text)
    lines = text.splitlines()
    fewer = "\n".join(lines[: len(lines) - gone]) + "\n"
    if not stops:
        load(vendor, tmp_path, fewer)
        assert query(tmp_path, "SELECT count(*) FROM users") == [(10 - gone,)]
        return
    with pytest.raises(Exception, match="not in the export") as raised:
        load(vendor, tmp_path, fewer)
    assert isinstance(refusal(raised), TooManyDeletionsError)
    assert query(tmp_path, "SELECT count(*) FROM users") == [(10,)]
    load(vendor, tmp_path, fewer, accept_deletes=True)
    assert query(tmp_path, "SELECT count(*) FROM users") == [(10 - gone,)]


def test_other_keys_are_deletions_though_the_rows_are_as_many(
    vendor: FileVendor, tmp_path: Path
) -> None:
    load(vendor, tmp_path, TEN)
    others = "id,name\n" + "".join(f"{number},x\n" for number in range(50, 60))
    with pytest.raises(Exception, match="10 of the 10 rows"):
        load(vendor, tmp_path, others)


@pytest.mark.thorough
def test_the_share_is_a_setting(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, TEN)
    load(vendor, tmp_path, "\n".join(TEN.splitlines()[:6]) + "\n", max_deleted_share=0.5)
    assert query(tmp_path, "SELECT count(*) FROM users") == [(5,)]


@pytest.mark.parametrize("key", ["id", pytest.param("name", marks=pytest.mark.thorough)])
def test_a_window_may_lose_few_of_its_rows(key: str, vendor: FileVendor, tmp_path: Path) -> None:
    """However many rows the table has in other windows, which the load brings too."""

    def days(*gone: int) -> str:
        rows = [f"{day},2026-05-{day:02}T00:00:00Z" for day in range(1, 31) if day not in gone]
        return "\n".join([f"{key},at", *rows, ""])

    weeks: dict[str, Any] = {"table": "transactions", **WINDOW, "window": "week"}
    load(vendor, tmp_path, days(), **weeks)
    load(vendor, tmp_path, days(7), **weeks)
    assert query(tmp_path, "SELECT count(*) FROM transactions") == [(29,)]
    # 7 of 29, and most of one week.
    for few in ((11, 12, 13, 14, 15, 16, 17), (11, 12)):
        with pytest.raises(Exception, match=r"of the 7 rows of \[2026-05-11T") as raised:
            load(vendor, tmp_path, days(7, *few), **weeks)
        assert isinstance(refusal(raised), TooManyDeletionsError)
    assert query(tmp_path, "SELECT count(*) FROM transactions") == [(29,)]


@pytest.mark.thorough
def test_rows_of_a_window_are_not_exchanged_for_others(vendor: FileVendor, tmp_path: Path) -> None:
    def rows(first: int) -> str:
        found = (f"{day},2026-05-{day:02}T00:00:00Z" for day in range(first, first + 10))
        return "\n".join(["id,at", *found, ""])

    load(vendor, tmp_path, rows(1), table="transactions", **WINDOW)
    with pytest.raises(Exception, match="10 of the 10 rows") as raised:
        load(vendor, tmp_path, rows(11), table="transactions", **WINDOW)
    assert isinstance(refusal(raised), TooManyDeletionsError)
    load(vendor, tmp_path, rows(2), table="transactions", **WINDOW)
    loaded = query(tmp_path, "SELECT id FROM transactions")
    assert sorted(int(row[0]) for row in loaded) == list(range(2, 12))


def test_rows_that_nobody_remembers_are_guarded(vendor: FileVendor, tmp_path: Path) -> None:
    """Rows of another pipeline, and rows that this package never loaded."""
    load(vendor, tmp_path, TEN)
    one = "id,name\n1,x\n"
    with pytest.raises(Exception, match="9 of the 10 rows"):
        pipeline_into(tmp_path, "another").run(source_of(vendor, one))
    query(tmp_path, "CREATE TABLE products AS SELECT range AS id FROM range(1000)")
    with pytest.raises(Exception, match="999 of the 1,000 rows"):
        load(vendor, tmp_path, one, table="products")
    assert query(tmp_path, "SELECT count(*) FROM products") == [(1000,)]


@pytest.mark.thorough
def test_history_is_kept_by_scd2_without_gap_or_overlap(vendor: FileVendor, tmp_path: Path) -> None:
    for text in (
        "id,name\n1,a\n2,b\n3,c\n4,d\n5,e\n",
        "id,name\n1,a\n2,B\n3,c\n4,d\n5,e\n",
        # The columns have moved and one has come, without values: no row has changed.
        "name,id,extra\na,1,\nB,2,\nc,3,\ne,5,\n",
        "name,id,extra\na,1,\nb,2,\nc,3,\ne,5,\n",
    ):
        load(vendor, tmp_path, text, hints={"write_disposition": SCD2})
    versions = query(
        tmp_path,
        "SELECT id, name, _dlt_valid_from, _dlt_valid_to FROM users ORDER BY id, _dlt_valid_from",
    )
    assert [row[:2] for row in versions] == [
        ("1", "a"),
        ("2", "b"),
        ("2", "B"),
        ("2", "b"),
        ("3", "c"),
        ("4", "d"),
        ("5", "e"),
    ]
    _, first, second, third, *_ = versions
    assert first[3] == second[2]
    assert second[3] == third[2]
    assert third[3] is None
    assert versions[5][3] is not None
    assert query(tmp_path, "SELECT count(*) FROM users WHERE _dlt_valid_to IS NULL") == [(4,)]


@pytest.mark.thorough
def test_time_that_passes_makes_no_version(vendor: FileVendor, tmp_path: Path) -> None:
    for days, points, name in ((1, 5, "a"), (2, 6, "a"), (3, 7, "b")):
        text = f"id,name,Points,Days Since Last Purchase\n1,{name},{points},{days}\n"
        unversioned = {"Points": {"x-versioned": False}}
        load(vendor, tmp_path, text, hints={"write_disposition": SCD2, "columns": unversioned})
    versions = "SELECT name, points, days_since_last_purchase FROM users ORDER BY _dlt_valid_from"
    assert query(tmp_path, versions) == [("a", 5, 1), ("b", 7, 3)]


@pytest.mark.thorough
def test_time_that_passes_makes_versions_where_the_user_wants_them(
    vendor: FileVendor, tmp_path: Path
) -> None:
    for days in (1, 2):
        text = f"id,Days Since Last Purchase\n1,{days}\n"
        versioned = {"days_since_last_purchase": {"x-versioned": True}}
        load(vendor, tmp_path, text, hints={"write_disposition": SCD2, "columns": versioned})
    assert query(tmp_path, "SELECT count(*) FROM users") == [(2,)]


@pytest.mark.thorough
def test_one_source_object_appends_again_and_again(vendor: FileVendor, tmp_path: Path) -> None:
    source = source_of(vendor, "id\n1\n")
    source.users.apply_hints(write_disposition="append")
    pipeline = pipeline_into(tmp_path)
    for _ in range(3):
        pipeline.run(source)
    counted = "SELECT count(*), count(DISTINCT _dlt_load_id) FROM users"
    assert query(tmp_path, counted) == [(3, 3)]


@pytest.mark.parametrize(
    ("table", "hints", "given", "why"),
    [
        ("transactions", {"write_disposition": SCD2}, WINDOW, "outside of the range"),
        (
            "users",
            {"write_disposition": {"disposition": "merge", "strategy": "upsert"}},
            {},
            "needs a key",
        ),
        ("users", {"write_disposition": "merge"}, {}, "dlt would append"),
    ],
)
def test_what_cannot_be_right_is_refused(  # noqa: PLR0917 - parameters of the cases
    table: str,
    hints: dict[str, Any],
    given: dict[str, Any],
    why: str,
    vendor: FileVendor,
    tmp_path: Path,
) -> None:
    with pytest.raises(Exception, match=why) as raised:
        load(vendor, tmp_path, "id,at\n1,2026-05-02T00:00:00Z\n", table=table, hints=hints, **given)
    assert isinstance(refusal(raised), SettingsError)
    assert vendor.tasks == []


@pytest.mark.thorough
def test_a_row_that_is_marked_as_deleted_is_gone_and_stays_gone(
    vendor: FileVendor, tmp_path: Path
) -> None:
    marks = {"columns": {"gone": {"hard_delete": True, "data_type": "bool"}}, "primary_key": "id"}
    kept = []
    for gone in ("true", "false", "true", "true", "true", "false"):
        load(
            vendor,
            tmp_path,
            f"id,name,gone\n1,a,false\n2,b,{gone}\n",
            table="vouchers",
            hints=marks,
        )
        kept.append(len(query(tmp_path, "SELECT id FROM vouchers")))
    assert kept == [1, 2, 1, 1, 1, 2]
    upsert = {"disposition": "merge", "strategy": "upsert"}
    with pytest.raises(Exception, match="marked as deleted") as raised:
        load(vendor, tmp_path, "id\n", hints={**marks, "write_disposition": upsert})
    assert isinstance(refusal(raised), SettingsError)
