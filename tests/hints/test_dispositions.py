"""Hints about keys, write dispositions and destinations: followed, the load is sound."""

from __future__ import annotations

import logging
import sys
from typing import Any

import pytest

from tests.hints.loads import Shop, advises, check_advice

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

T = "transactions"
MAY: dict[str, Any] = {"start_date": "2026-05-01", "end_date": "2026-06-01"}
SINCE: dict[str, Any] = {"start_date": "2026-05-01"}
#: A segment whose rows leave it as time passes.
MOVING = [
    {
        "field_name": "timestamp",
        "operator": "relative_within",
        "time_amount": 7,
        "time_factor": "day",
    }
]


def merge(strategy: str, **more: Any) -> dict[str, Any]:
    return {"write_disposition": {"disposition": "merge", "strategy": strategy, **more}}


def in_store(scope: str) -> dict[str, Any]:
    return merge("delete-insert", destination_scope=scope)


SOFT: dict[str, Any] = {"deletes": "soft"}


def test_soft_deletes_and_a_disposition(shop: Shop) -> None:
    append: dict[str, Any] = {"write_disposition": "append"}
    with advises("writing/soft_deletes.py", "Leave out the write_disposition, or deletes"):
        shop.load("users", hints=append, **SOFT)
    shop.load("users", hints=append)
    shop.into("other").load("users", **SOFT)
    assert (shop.rows("users"), shop.into("other").rows("users")) == (3, 3)


def test_soft_deletes_without_a_key(shop: Shop) -> None:
    with advises("writing/soft_deletes.py", "Name a primary_key, or leave deletes out"):
        shop.load("transactions", **SOFT)
    shop.load("transactions", hints={"primary_key": "id"}, **SOFT)
    shop.into("other").load("transactions", deletes={"users": "soft"})
    shop.give("users", "id,number\n1,1\n1,2\n")
    with advises("writing/soft_deletes.py", "Name a primary_key, or leave deletes out"):
        shop.load("users", **SOFT)
    shop.load("users", hints={"primary_key": "number"}, **SOFT)
    shop.into("other").load("users")
    assert (shop.rows("transactions"), shop.rows("users")) == (2, 2)


def test_soft_deletes_of_a_file_with_such_a_column(shop: Shop) -> None:
    shop.give("users", "id,deleted_at\n1,\n2,x\n")
    with advises("writing/soft_deletes.py", "Leave it out for this table"):
        shop.load("users", **SOFT)
    shop.load("users")
    assert shop.rows("users") == 2


def test_soft_deletes_into_files(shop: Shop) -> None:
    for kind in ("filesystem", "delta"):
        files = shop.into(kind=kind)
        with advises("writing/soft_deletes.py", "Leave it out, or load into a database"):
            files.load("users", **SOFT)
        files.load("users")
        assert files.rows("users") == 3
    shop.load("users", **SOFT)
    assert shop.rows("users") == 3


def test_a_strategy_without_its_key(shop: Shop) -> None:
    with advises("writing/user_disposition.py", "Name it: apply_hints(primary_key=…)"):
        shop.load("users", hints=merge("upsert"))
    shop.load("users", hints={**merge("upsert"), "primary_key": "id"})
    assert shop.rows("users") == 3


@pytest.mark.parametrize(
    "key", ["primary_key", pytest.param("merge_key", marks=pytest.mark.thorough)]
)
def test_a_merge_without_any_key(shop: Shop, key: str) -> None:
    with advises("writing/user_disposition.py", "Name one: apply_hints(primary_key=…)"):
        shop.load("users", hints=merge("delete-insert"))
    for _ in range(2):
        shop.load("users", hints={**merge("delete-insert"), key: "id"})
    assert shop.rows("users") == 3


def test_a_scope_with_a_semicolon(shop: Shop) -> None:
    with advises("writing/user_disposition.py", "Write it without one: chr(59)"):
        shop.load("users", hints=in_store("{table}.name <> 'a;b'"))
    for _ in range(2):
        shop.load("users", hints=in_store("{table}.name <> 'a' || chr(59) || 'b'"))
    assert shop.rows("users") == 3


def test_a_scope_that_is_no_condition(shop: Shop) -> None:
    shop.give("users", "id,store_id\n1,7\n2,7\n")
    with advises("writing/user_disposition.py", "Write it as after WHERE, such as store_id = 7"):
        shop.load("users", hints=in_store("WHERE store_id = 7"))
    for _ in range(2):
        shop.load("users", hints=in_store("store_id = 7"))
    assert shop.rows("users") == 2


MARKED: dict[str, Any] = {
    "columns": {"gone": {"hard_delete": True, "data_type": "bool"}},
    "primary_key": "id",
}


def test_rows_that_are_marked_as_deleted(shop: Shop) -> None:
    shop.give("users", "id,gone\n1,false\n2,true\n")
    with advises("writing/user_disposition.py", "Use the strategy delete-insert with hard_delete"):
        shop.load("users", hints={**merge("upsert"), **MARKED})
    shop.load("users", hints={**merge("delete-insert"), **MARKED})
    assert shop.rows("users") == 1


@pytest.mark.parametrize("way", ["mark", pytest.param("place", marks=pytest.mark.thorough)])
def test_rows_that_are_marked_as_deleted_for_delta(shop: Shop, way: str) -> None:
    shop.give("users", "id,gone\n1,false\n2,true\n")
    delta = shop.into(kind="delta")
    with advises("writing/user_disposition.py", "Leave out hard_delete, or load into another"):
        delta.load("users", hints={**merge("upsert"), **MARKED})
    if way == "mark":
        delta.load("users", hints={**merge("upsert"), "primary_key": "id"})
        assert delta.rows("users") == 2
    else:
        shop.load("users", hints={**merge("delete-insert"), **MARKED})
        assert shop.rows("users") == 1


def test_a_history_of_a_segment_that_moves(shop: Shop) -> None:
    moving: dict[str, Any] = {"segments": {"users": MOVING}}
    with advises("writing/user_disposition.py", "Use another disposition: {merge} with a primary"):
        shop.load("users", hints=merge("scd2"), **moving)
    shop.load("users", hints={**merge("upsert"), "primary_key": "id"}, **moving)
    assert shop.rows("users") == 3


@pytest.mark.parametrize(
    "way", ["without dates", pytest.param("another disposition", marks=pytest.mark.thorough)]
)
def test_a_history_of_a_range(shop: Shop, way: str) -> None:
    with advises("writing/user_disposition.py", "Use another disposition, or {policy."):
        shop.load(T, hints=merge("scd2"), **MAY)
    if way == "without dates":
        shop.load(T, hints=merge("scd2"))
    else:
        shop.load(T, hints={**merge("upsert"), "primary_key": "id"}, **MAY)
    assert shop.rows(T) == 2


@pytest.mark.parametrize(
    "way", ["csv", pytest.param("another disposition", marks=pytest.mark.thorough)]
)
def test_a_history_of_records(shop: Shop, way: str) -> None:
    shop.give("users", '[{"id": 1}]')
    with advises("writing/user_disposition.py", "Export CSV (export_format), or use another"):
        shop.load("users", hints=merge("scd2"), export_format="json")
    if way == "csv":
        shop.give("users", "id\n1\n")
        shop.load("users", hints=merge("scd2"))
    else:
        hints = {**merge("upsert"), "primary_key": "id"}
        shop.load("users", hints=hints, export_format="json")
    assert shop.rows("users") == 1


@pytest.mark.parametrize(
    "way",
    [
        "delta",
        pytest.param("all rows", marks=pytest.mark.thorough),
        pytest.param("place", marks=pytest.mark.thorough),
    ],
)
def test_a_range_for_plain_files(shop: Shop, way: str) -> None:
    files = shop.into(kind="files")
    with advises("writing/write_disposition.py", 'give the files table_format="delta"') as told:
        files.load(T, **MAY)
    check_advice("writing/write_disposition.py", "name a primary_key", told[0])
    check_advice("writing/write_disposition.py", "or choose another destination", told[0])
    check_advice("exports/table_sync.py", "leave out start_date", told[0])
    match way:
        case "all rows":
            there = files
            there.load(T)
        case "delta":
            there = shop.into(kind="delta")
            there.load(T, hints={"primary_key": "id"}, **MAY)
        case _:
            there = shop
            there.load(T, **MAY)
    assert there.rows(T) == 2


@pytest.mark.parametrize("way", [pytest.param("all rows", marks=pytest.mark.thorough), "key"])
def test_a_range_for_delta(shop: Shop, way: str) -> None:
    delta = shop.into(kind="delta")
    with advises("writing/write_disposition.py", "name a primary_key") as told:
        delta.load(T, **MAY)
    assert "table_format" not in told[0]
    for _ in range(2):
        delta.load(T, **({} if way == "all rows" else {"hints": {"primary_key": "id"}, **MAY}))
    assert delta.rows(T) == 2


@pytest.mark.parametrize(
    ("kind", "strategy"),
    [
        ("files", "append"),
        pytest.param("delta", "append", marks=pytest.mark.thorough),
        ("delta", "scd2"),
        pytest.param("files", "scd2", marks=pytest.mark.thorough),
    ],
)
def test_a_disposition_that_a_destination_does_not_have(
    shop: Shop, kind: str, strategy: str
) -> None:
    there = shop.into(kind=kind)
    hints: dict[str, Any] = (
        {"write_disposition": "append"} if strategy == "append" else merge(strategy)
    )
    with advises(
        "writing/write_disposition.py", "leave the write_disposition to the source"
    ) as told:
        there.load("users", hints=hints)
    assert "delta" not in told[0].partition("cannot")[2]
    there.load("users")
    assert there.rows("users") == 3


def test_a_disposition_that_delta_tables_have(shop: Shop) -> None:
    hints: dict[str, Any] = {**merge("upsert"), "primary_key": "id"}
    with advises("writing/write_disposition.py", 'give the files table_format="delta"'):
        shop.into(kind="files").load("users", hints=hints)
    delta = shop.into(kind="delta")
    delta.load("users", hints=hints)
    assert delta.rows("users") == 3


@pytest.mark.parametrize("kind", ["files", pytest.param("delta", marks=pytest.mark.thorough)])
def test_a_segment_that_moves_for_files(shop: Shop, kind: str) -> None:
    moving: dict[str, Any] = {"segments": {T: MOVING}}
    shop.give(T, "number,timestamp\n1,2026-05-03T10:00:00Z\n2,2026-05-04T10:00:00Z\n")
    there = shop.into(kind=kind)
    with advises("writing/write_disposition.py", "name a primary_key") as told:
        there.load(T, **moving)
    assert ("table_format" in told[0]) == (kind == "files")
    delta = shop.into(kind="delta")
    for _ in range(2):
        delta.load(T, hints={"primary_key": "number"}, **moving)
    assert delta.rows(T) == 2


def test_marked_rows_of_a_segment_that_moves_for_delta(shop: Shop) -> None:
    moving: dict[str, Any] = {"segments": {"users": MOVING}}
    shop.give("users", "id,gone\n1,false\n2,true\n")
    delta = shop.into(kind="delta")
    with advises("writing/write_disposition.py", "leave out hard_delete"):
        delta.load("users", hints=MARKED, **moving)
    delta.load("users", hints={"primary_key": "id"}, **moving)
    assert delta.rows("users") == 2


def test_a_segment_that_moves_without_a_key(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    moving: dict[str, Any] = {"segments": {T: MOVING}}
    shop.give(T, "number,timestamp\n1,2026-05-03T10:00:00Z\n")
    logger = logging.getLogger("dlt")
    shop.load(T, **moving)
    logger.addHandler(caplog.handler)
    try:
        shop.load(T, **moving)
    finally:
        logger.removeHandler(caplog.handler)
    check_advice("writing/table_write.py", "; primary_key can name some", caplog.text)
    assert shop.rows(T) == 2
    shop.load(T, hints={"primary_key": "number"}, refresh="drop_resources", **moving)
    shop.load(T, hints={"primary_key": "number"}, **moving)
    assert shop.rows(T) == 1


def test_a_package_that_is_missing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    delta = shop.into(kind="delta")
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "deltalake", None)
        with advises("destination/drivers.py", "Install it: pip install"):
            delta.load("users")
    # It is installed again.
    delta.load("users")
    assert delta.rows("users") == 3


def test_a_format_of_files_that_cannot_be_kept_current(shop: Shop) -> None:
    with advises("destination/drivers.py", 'Set table_format="delta"'):
        shop.into(kind="files").load("users", hints={"table_format": "iceberg"})
    delta = shop.into(kind="delta")
    delta.load("users")
    assert delta.rows("users") == 3


def test_a_database_without_times(shop: Shop) -> None:
    with advises("destination/drivers.py", "Load into DuckDB, which"):
        shop.into(kind="sqlite").load("users")
    duckdb = shop.into(kind="duckdb")
    duckdb.load("users")
    assert duckdb.rows("users") == 3


TEN = "id,name\n" + "".join(f"{number},n\n" for number in range(10))


@pytest.mark.parametrize(
    "way",
    [
        {"accept_deletes": True},
        pytest.param({"max_deleted_share": 0.95}, marks=pytest.mark.thorough),
    ],
)
def test_rows_that_are_gone(shop: Shop, way: dict[str, Any]) -> None:
    shop.give("users", TEN)
    shop.load("users")
    shop.give("users", "id,name\n1,n\n")
    with advises(
        "writing/delete_guard.py", "If they were deleted at the vendor, load once"
    ) as told:
        shop.load("users")
    check_advice("writing/delete_guard.py", "; max_deleted_share sets how many", told[0])
    assert "saved segment" not in told[0]
    shop.load("users", **way)
    assert shop.rows("users") == 1


def test_all_rows_are_gone(shop: Shop) -> None:
    shop.load("users")
    shop.give("users", "id,name\n")
    with advises(
        "writing/delete_guard.py", "If they were deleted at the vendor, load once"
    ) as told:
        shop.load("users")
    # No share lets all of them go.
    assert "max_deleted_share" not in told[0]
    shop.load("users", accept_deletes=True)
    assert shop.rows("users") == 0


def test_rows_that_have_left_a_saved_segment(shop: Shop) -> None:
    shop.give("users", TEN)
    shop.load("users", segments={"users": "an id"})
    shop.give("users", "id,name\n1,n\n")
    with advises("writing/delete_guard.py", " If they have left a saved segment"):
        shop.load("users", segments={"users": "an id"})
    moving: dict[str, Any] = {"segments": {"users": MOVING}}
    shop.load("users", refresh="drop_resources", **moving)
    shop.give("users", "id,name\n2,n\n")
    shop.load("users", **moving)
    assert shop.rows("users") == 2
