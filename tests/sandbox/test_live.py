"""A live sandbox: with its clock, rows come, some of them late, change and go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import requests

from spaaza_source.sandbox import (
    NEXT_DAY,
    GeneratedProject,
    GeneratedShop,
    Sandbox,
    SandboxSettings,
    live_settings,
)
from tests.command import runner, settings_for

START = datetime(2026, 11, 29, 9, tzinfo=UTC)
SETTINGS = live_settings(SandboxSettings(rows=10_000, clock=lambda: START))


def rows(index: str, days: float, settings: SandboxSettings = SETTINGS) -> pa.Table:
    at = START + timedelta(days=days)
    return pa.concat_tables(GeneratedShop(settings).blocks(index, at, {}))


def ids(index: str, days: float) -> set[int]:
    return set(rows(index, days)["id"].to_pylist())


@pytest.mark.parametrize(
    ("index", "time"),
    [
        ("transactions", "timestamp"),
        ("wallet-ledger", "timestamp"),
        ("vouchers", "date_time_creation"),
        ("vouchers", "date_time_redeemed"),
        ("users", "created_date"),
        ("users", "last_purchase_date"),
        ("users", "last_modified_date"),
    ],
)
def test_nothing_is_of_the_future_and_the_next_days_bring_more(index: str, time: str) -> None:
    before, after = (rows(index, days)[time] for days in (0, 7))
    assert pc.max(before).as_py() <= START < pc.max(after).as_py()
    assert pc.max(after).as_py() <= START + timedelta(days=7)


def test_some_baskets_come_hours_late() -> None:
    late = 0
    for day in range(1, 20):
        at = START + timedelta(days=day)
        table = rows("transactions", day + 1)
        earlier = table.filter(pc.less_equal(table["timestamp"], at))
        late += len(set(earlier["id"].to_pylist()) - ids("transactions", day))
    assert 0 < late < 40


def test_vouchers_are_redeemed_users_are_erased_and_products_stay() -> None:
    before, after = (
        dict(zip(*map(pa.ChunkedArray.to_pylist, (table["id"], table["status"])), strict=True))
        for table in (rows("vouchers", 0), rows("vouchers", 7))
    )
    assert sum(after[key] == "redeemed" != status for key, status in before.items()) > 5
    assert not any(status == "redeemed" != after[key] for key, status in before.items())
    assert ids("users", 0) - ids("users", 7)
    assert ids("products", 0) == ids("products", 7)
    assert rows("users", 7).num_rows == sum(
        block.num_rows for block in GeneratedShop(SETTINGS).bulk_users(START + timedelta(days=7))
    )


@pytest.mark.parametrize("name", ["voucher", "redemption", "publication", "customer", "order"])
def test_objects_of_voucherify_come_too(name: str) -> None:
    project = GeneratedProject(SETTINGS)
    counts = [
        sum(block.num_rows for block in project.blocks(name, START + timedelta(days=days)))
        for days in (0, 7)
    ]
    assert 8_000 < counts[0] < counts[1] < 10_000


def test_its_clock_is_set_a_day_forward_by_a_call() -> None:
    with Sandbox(live_settings(SandboxSettings(rows=10, clock=lambda: START))) as sandbox:
        told = requests.post(sandbox.base_url + NEXT_DAY, timeout=10)
        assert told.text == "It is 2026-11-30T09:00:00Z in the sandbox.\n"
        assert told.headers["Date"] == "Mon, 30 Nov 2026 09:00:00 GMT"
    with Sandbox(SandboxSettings(rows=10)) as still:
        assert requests.post(still.base_url + NEXT_DAY, timeout=10).status_code == 404


@pytest.mark.slow
@pytest.mark.thorough
def test_the_loads_of_two_days_end_with_what_the_sandbox_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Sandbox(live_settings(SandboxSettings(rows=3_000))) as sandbox:
        for name, value in settings_for(sandbox).items():
            monkeypatch.setenv(name, value)
        spaaza = runner(monkeypatch)
        for _ in range(2):
            assert spaaza("load", "transactions", "users", "vouchers")[0] == 0
            requests.post(sandbox.base_url + NEXT_DAY, timeout=10)
        assert spaaza("load", "transactions", "users", "vouchers")[0] == 0
        code, lines = spaaza("check", "--deep", "transactions", "vouchers")
    assert code == 0, lines
    with duckdb.connect("spaaza.duckdb") as warehouse:
        ends = warehouse.execute(
            "SELECT max(window_end) FROM spaaza_data.export_jobs WHERE table_name = 'transactions'"
        ).fetchone()
    assert ends
    assert ends[0] > datetime.now(UTC) + timedelta(days=1)
