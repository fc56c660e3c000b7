"""Hints about columns, their types and headers, and about what a dataset has of other loads."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.hints.loads import Shop, advises, check_advice
from tests.vendors.voucherify_files import VoucherifyVendor

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

AGAIN: dict[str, Any] = {"refresh": "drop_resources"}
#: The ways out of a load that does not fit those before it: where it goes then, and how.
Way = Callable[[Shop], tuple[Shop, dict[str, Any]]]


def reload(shop: Shop) -> tuple[Shop, dict[str, Any]]:
    return shop, AGAIN


def elsewhere(shop: Shop) -> tuple[Shop, dict[str, Any]]:
    return shop.into("other"), {}


RELOAD_OR_ELSEWHERE = pytest.mark.parametrize(
    "way", [reload, pytest.param(elsewhere, marks=pytest.mark.thorough)]
)


@RELOAD_OR_ELSEWHERE
@pytest.mark.parametrize(
    "typed",
    [
        {"column_types": {"users": {"points": "text"}}},
        pytest.param(
            {"hints": {"columns": {"points": {"data_type": "text"}}}}, marks=pytest.mark.thorough
        ),
    ],
    ids=["setting", "hint"],
)
def test_another_type_of_a_column(shop: Shop, typed: dict[str, Any], way: Way) -> None:
    shop.give("users", "id,points\n1,5\n2,6\n")
    shop.load("users")
    with advises("reading/column_hints.py", "{reload_hint(None)} Or remove {given}"):
        shop.load("users", **typed)
    # Without the setting, or hint, the load goes on.
    shop.load("users")
    there, how = way(shop)
    there.load("users", **typed, **how)
    assert there.rows("users") == 2


def test_a_file_of_another_kind(shop: Shop) -> None:
    shop.load("users")
    shop.give("users", "code,price\nx,1\n")
    with advises("reading/column_hints.py", "Ask the vendor what this file is; load another"):
        shop.load("users")
    shop.into("other").load("users")
    assert (shop.rows("users"), shop.into("other").rows("users")) == (3, 1)


def test_another_account(shop: Shop) -> None:
    shop.load("users")
    with advises("loading/history.py", "Load into another dataset"):
        shop.load("users", chain_id=1744)
    shop.into("other").load("users", chain_id=1744)
    assert shop.into("other").rows("users") == 3


@pytest.mark.parametrize(
    "way",
    [
        reload,
        pytest.param(elsewhere, marks=pytest.mark.thorough),
        pytest.param("set back", marks=pytest.mark.thorough),
    ],
)
def test_another_filter(shop: Shop, way: Any) -> None:
    rules = [{"field_name": "total", "operator": "greater_than", "value": 10}]
    shop.load("transactions")
    with advises("loading/history.py", "{reload_hint(None)} Or set them back"):
        shop.load("transactions", segments={"transactions": rules})
    if way == "set back":
        shop.load("transactions")
        assert shop.rows("transactions") == 2
        return
    there, how = way(shop)
    there.load("transactions", segments={"transactions": rules}, **how)
    assert there.rows("transactions") == 2


def test_a_table_of_another_source(shop: Shop) -> None:
    shop.load("vouchers")
    with VoucherifyVendor(voucher="ID,Code,Value\nv_1,1,2\n") as vendor:
        other = Shop(vendor, shop.folder, usual={"fields": {"vouchers": ["id", "code", "value"]}})
        with advises("loading/stored_schema.py", "Load into another dataset"):
            other.load("vouchers")
        other.into("other").load("vouchers")
        assert (shop.rows("vouchers"), other.into("other").rows("vouchers")) == (3, 1)


@RELOAD_OR_ELSEWHERE
def test_another_key_of_records_under_one_name(shop: Shop, way: Way) -> None:
    records = shop.with_(export_format="json")
    records.give("users", '[{"id": 1, "Spend (€)": 5}]')
    records.load("users")
    records.give("users", '[{"id": 1, "Spend (¥)": 700}]')
    with advises("drift/header_texts.py", "Ask the vendor whether it is the same; if so, load"):
        records.load("users")
    there, how = way(records)
    there.load("users", **how)
    assert there.rows("users") == 1


def test_exports_of_another_format(shop: Shop) -> None:
    shop.load("users")
    shop.give("users", '[{"id": 1}]')
    with advises("writing/schema_hints.py", "Load {export_format} exports into another dataset"):
        shop.load("users", export_format="json")
    shop.into("other").load("users", export_format="json")
    assert shop.into("other").rows("users") == 1


def notices(shop: Shop, caplog: pytest.LogCaptureFixture, **given: Any) -> str:
    """What a load of users tells."""
    logger = logging.getLogger("dlt")
    logger.addHandler(caplog.handler)
    try:
        shop.load("users", **given)
    finally:
        logger.removeHandler(caplog.handler)
    return caplog.text


def test_values_that_do_not_fit(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    shop.give("users", "id,points\n1,5\n2,6\n")
    shop.load("users")
    shop.give("users", "id,points\n1,5\n2,six\n")
    told = notices(shop, caplog)
    check_advice("drift/misfits.py", "To have such values in the column", told)
    shop.load("users", column_types={"users": {"points": "text"}}, **AGAIN)
    assert shop.rows("users") == 2
    assert "six" in str(shop.query("SELECT points FROM users"))


def test_a_type_for_a_column_that_no_file_has(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    told = notices(shop, caplog, column_types={"users": {"nmae": "text"}})
    check_advice("reading/reader.py", "column_types of {table}: no file has the column", told)
    caplog.clear()
    assert "no file has" not in notices(
        shop.into("other"), caplog, column_types={"users": {"name": "text"}}
    )
    assert shop.into("other").rows("users") == 3


def test_a_column_that_is_gone(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    shop.load("users")
    shop.give("users", "id\n1\n2\n3\n4\n")
    with advises("drift/notices.py", 'To load it as it is, run once with on_drift="tell"') as told:
        shop.load("users", on_drift="stop")
    assert shop.rows("users") == 3
    assert "the column 'name' is not in the file" in told[0]
    told_now = notices(shop, caplog, on_drift="tell")
    check_advice("drift/header_changes.py", "Rows that no export brings again", told_now)
    assert shop.rows("users") == 4


@pytest.mark.parametrize("dataset", ["other"])
def test_headers_of_another_alphabet(
    shop: Shop, dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.load("users")
    shop.give("users", "id,Πόλη,Όνομα\n1,a,b\n")
    with advises("tabular/header.py", "dlt's naming convention does not keep all"):
        shop.load("users")
    monkeypatch.setenv("SCHEMA__NAMING", "direct")
    shop.into(dataset).load("users")
    assert shop.into(dataset).rows("users") == 1


def test_a_key_that_is_named_wrongly(shop: Shop) -> None:
    with advises("writing/hinted_columns.py", "Name one that it has"):
        shop.load("users", hints={"primary_key": "idd"})
    shop.load("users", hints={"primary_key": "id"})
    assert shop.rows("users") == 3


CODES = "code,date_time_creation\n"
OLD = [f"c{day},2026-05-{day:02}T10:00:00Z\n" for day in range(1, 4)]
#: One window, as it is no longer than a month.
WEEKS: dict[str, Any] = {"start_date": datetime.now(UTC) - timedelta(days=20)}
DAYS: dict[str, Any] = {"start_date": datetime.now(UTC) - timedelta(days=10)}


@pytest.mark.parametrize("way", ["reload", pytest.param("set back", marks=pytest.mark.thorough)])
def test_a_start_that_moves_where_no_column_tells_rows_apart(shop: Shop, way: str) -> None:
    shop.give("vouchers", CODES + "".join(OLD))
    shop.load("vouchers", **WEEKS)
    with advises("loading/scope.py", "{reload_hint(None)} Or set start_date back"):
        shop.load("vouchers", **DAYS)
    if way == "reload":
        shop.load("vouchers", **DAYS, **AGAIN)
    else:
        shop.load("vouchers", **WEEKS)
    assert shop.rows("vouchers") == 3


@pytest.mark.parametrize("way", [pytest.param("whole", marks=pytest.mark.thorough), "key"])
def test_windows_that_share_rows(shop: Shop, way: str) -> None:
    shop.give("vouchers", CODES + "".join(OLD))
    since: dict[str, Any] = {"start_date": "2026-04-01"}
    with advises("writing/keys/broken_key.py", "Name a primary_key that tells them apart") as told:
        shop.load("vouchers", **since)
    check_advice("writing/keys/broken_key.py", ", or {policy.all_rows_hint}", told[0])
    shop.load("vouchers", **({} if way == "whole" else {**since, "hints": {"primary_key": "code"}}))
    assert shop.rows("vouchers") == 3


@pytest.mark.parametrize("earlier", [True, pytest.param(False, marks=pytest.mark.thorough)])
def test_a_range_of_a_table_without_a_key(shop: Shop, earlier: bool) -> None:
    shop.give("vouchers", CODES + "".join(OLD))
    shop.load("vouchers", **(WEEKS if earlier else {}))
    cause = "changed ones cannot be merged" if earlier else "from before start_date"
    with pytest.raises(Exception, match=f"{cause}.*Leave out start_date and end_date"):
        shop.load("vouchers", start_date="2026-05-01", end_date="2026-05-20")
    shop.load("vouchers")
    assert shop.rows("vouchers") == 3


def test_a_log_that_names_a_key(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    shop.give("vouchers", CODES + "".join(OLD))
    logger = logging.getLogger("dlt")
    logger.addHandler(caplog.handler)
    try:
        shop.load("vouchers")
    finally:
        logger.removeHandler(caplog.handler)
    check_advice("loading/checkpoint.py", "{sync.table}: every load brings all rows", caplog.text)
    for _ in range(2):
        shop.load("vouchers", hints={"primary_key": "code"})
    assert shop.rows("vouchers") == 3
    assert shop.vendor.tasks[-1]["trigger"]["segment"]  # type: ignore[union-attr]
