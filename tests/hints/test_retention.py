"""Hints about how long rows stay: what each names is done, and the load counts what it has to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from spaaza_source.windows import iso
from tests.hints.loads import Shop, advises

pytestmark = pytest.mark.slow

NOW = datetime.now(UTC)
KEPT: dict[str, Any] = {"retain_days": {"transactions": 30}}
SECRET = "sixteen characters and more"


def ago(days: float) -> str:
    return iso(NOW - timedelta(days=days))


def loaded(shop: Shop, table: str, **given: Any) -> int:
    """How many rows the table has after a load."""
    shop.load(table, **given)
    return shop.rows(table)


@pytest.fixture(autouse=True)
def _rows_of_these_days(shop: Shop) -> None:
    shop.give("transactions", f"id,timestamp,name\n1,{ago(20)},a\n2,{ago(5)},b\n")
    columns = "id,date_time_creation,date_time_redeemed,name\n"
    shop.give("vouchers", f"{columns}1,{ago(20)},,a\n2,{ago(20)},{ago(5)},b\n")


def test_fewer_days_than_the_lookback(shop: Shop) -> None:
    lag: dict[str, Any] = {"lag": 40 * 86_400}
    with advises("retention/settings.py", "Set a shorter lag, or keep rows for longer"):
        shop.load("transactions", **KEPT, **lag)
    assert loaded(shop, "transactions", **KEPT) == 2
    assert loaded(shop.into("other"), "transactions", retain_days=50, **lag) == 2


def test_tables_without_times(shop: Shop) -> None:
    with advises("retention/settings.py", "Leave this table out."):
        shop.load("users", retain_days={"users": 30})
    assert loaded(shop, "users", **KEPT) == 3
    assert loaded(shop, "users", retain_days=30) == 3


def test_a_table_that_comes_whole(shop: Shop) -> None:
    saved: dict[str, Any] = {"segments": {"transactions": "saved"}}
    with advises("retention/settings.py", "Leave this table out, or its {sync.narrowed_by}"):
        shop.load("transactions", **KEPT, **saved)
    assert loaded(shop, "transactions", **saved) == 2
    assert loaded(shop.into("other"), "transactions", **KEPT) == 2


def test_times_that_are_hidden_or_text(shop: Shop) -> None:
    hidden: dict[str, Any] = {"privacy": {"transactions": {"timestamp": "drop"}}}
    with advises("retention/settings.py", "List {times[0]} as keep in privacy") as told:
        shop.load("transactions", **KEPT, **hidden)
    assert "privacy hides its times" in told[0]
    shown = {"privacy": {"transactions": {"timestamp": "keep"}}}
    assert loaded(shop, "transactions", **KEPT, **shown) == 2
    with advises("retention/settings.py", "Leave this table out."):
        shop.load("transactions", **KEPT, column_types="text")


def test_files_and_delta_tables(shop: Shop) -> None:
    for kind in ("files", "delta"):
        lake = shop.into("lake", kind=kind)
        with advises("retention/settings.py", "Leave it out, or load into a database"):
            lake.load("transactions", **KEPT)
    assert loaded(shop, "transactions", **KEPT) == 2


def test_rows_whose_times_stay_as_they_were(shop: Shop) -> None:
    kept: dict[str, Any] = {"retain_days": {"vouchers": 30}}
    hints = {"write_disposition": {"disposition": "merge", "strategy": "insert-only"}}
    shop.load("vouchers", hints={**hints, "primary_key": "id"})
    with advises("retention/settings.py", "Leave out the write_disposition, or retain_days"):
        shop.load("vouchers", hints={**hints, "primary_key": "id"}, **kept)
    assert loaded(shop.into("other"), "vouchers", **kept) == 2


def test_a_history_of_finished_exports_alone(shop: Shop) -> None:
    hints = {"write_disposition": {"disposition": "merge", "strategy": "scd2"}}
    with advises("retention/settings.py", "Load without only_finished, or leave out retain_days"):
        shop.load("transactions", hints=hints, only_finished=True, **KEPT)
    assert loaded(shop, "transactions", hints=hints, **KEPT) == 2


def test_a_range_that_is_too_old(shop: Shop) -> None:
    start: dict[str, Any] = {"start_date": ago(60)}
    with advises("exports/table_sync.py", "Give a later end_date, or leave it out"):
        shop.load("transactions", **KEPT, **start, end_date=ago(40))
    assert loaded(shop, "transactions", **KEPT, **start, end_date=ago(10)) == 1
    assert loaded(shop, "transactions", **KEPT, **start) == 2


def test_files_of_a_range_that_is_too_old(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text(f"id,timestamp,name\n1,{ago(45)},a\n", encoding="utf-8")
    given: dict[str, Any] = {
        "files": {"transactions": str(path)},
        "start_date": ago(50),
        "end_date": ago(40),
    }
    with advises("loading/files_at_hand.py", "Load other files, or set more retain_days"):
        shop.load("transactions", **KEPT, **given)
    assert loaded(shop, "transactions", retain_days=60, **given) == 1


def test_a_file_without_times(shop: Shop) -> None:
    shop.give("vouchers", "id,name\n1,a\n2,b\n")
    kept: dict[str, Any] = {"retain_days": {"vouchers": 30}}
    with advises("dlt_hooks/old_rows.py", "Leave this table out of retain_days"):
        shop.load("vouchers", **kept)
    assert loaded(shop, "vouchers") == 2


def test_a_file_without_the_column_of_windows(shop: Shop) -> None:
    shop.give("transactions", "id,name\n1,a\n2,b\n")
    with advises("exports/table_sync.py", "leave out retain_days"):
        shop.load("transactions", **KEPT)
    assert loaded(shop, "transactions") == 2
