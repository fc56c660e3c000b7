"""The simulated shop's days: after each day's load the book equals what the shop's own books say.

They are counted here in Python from the shop's rows, without a file, a warehouse or SQL: from all
that the shop knows at the moment of the load, up to that moment.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from spaaza_source.sandbox import GeneratedShop, Sandbox, SandboxSettings, live_settings
from tests.command import runner, settings_for
from tests.model.loaded import MOVES, Row, check_chain, key_of

Book = dict[tuple[str, str, str, dt.date], dict[str, Decimal]]
#: A whole second, so that an export of that moment runs at it; what was sold last is still to come.
START = dt.datetime(2026, 3, 20, 1, tzinfo=dt.UTC)
HUNDRED = Decimal(100)


def own_books(shop: GeneratedShop, at: dt.datetime) -> Book:
    """By kind, campaign, currency and day what moved, as the shop knows it at a moment."""
    book: Book = defaultdict(lambda: dict.fromkeys(MOVES, Decimal(0)))

    def note(kind: str, row: Row, when: dt.datetime, move: str, amount: Decimal) -> None:
        if when <= at:
            campaign = row.get("campaign_id") or row.get("contributing_campaign_id")
            currency = "points" if kind == "points" else "EUR"
            book[kind, str(campaign), currency, when.date()][move] += amount

    for row in _rows(shop, "vouchers", at):
        if row["type"] in ("basket_pct", "basket_fixed_unit"):
            continue
        note("voucher", row, row["date_time_creation"], "issued", row["amount"])
        if row["status"] == "redeemed":
            note("voucher", row, row["date_time_redeemed"], "redeemed", row["amount_redeemed"])
        elif row["date_time_expiry"].year < 2050:
            note("voucher", row, row["date_time_expiry"], "expired", row["amount"])
    for row in _rows(shop, "wallet-ledger", at):
        kind = "points" if row["wallet_type"] == "points_wallet" else "wallet"
        if row["kind"] == "manual":
            note(kind, row, row["timestamp"], "corrected", row["amount"])
        elif row["earn_or_spend"] == "earn":
            note(kind, row, row["timestamp"], "issued", row["amount"])
        else:
            note(kind, row, row["timestamp"], "redeemed", -row["amount"])
    return book


def _rows(shop: GeneratedShop, index: str, at: dt.datetime) -> list[dict[str, Any]]:
    found = []
    for block in shop.blocks(index, at, {}):
        found += block.to_pylist()
    return [
        {
            name: cell.replace(tzinfo=dt.UTC)
            if isinstance(cell, dt.datetime) and cell.tzinfo is None
            else cell
            for name, cell in row.items()
        }
        for row in found
    ]


def read_book(database: str) -> list[Row]:
    with duckdb.connect(database) as warehouse:
        found = warehouse.execute(
            "SELECT * FROM spaaza_data_model.liability_book"
            " ORDER BY kind, campaign, currency, day, adjusts NULLS LAST"
        )
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def compare(rows: list[Row], own: Book, first_open: dt.date) -> None:
    """To the cent: each open day; each closed month with all that adjusts it; and each balance."""
    check_chain(rows)

    def place(day: dt.date, adjusts: dt.date | None = None) -> dt.date:
        return adjusts or (day.replace(day=1) if day < first_open else day)

    def summed(moves: list[tuple[Any, dict[str, Any]]]) -> dict[Any, dict[str, Decimal]]:
        sums: dict[Any, dict[str, Decimal]] = defaultdict(lambda: dict.fromkeys(MOVES, Decimal(0)))
        for key, each in moves:
            for move in MOVES:
                sums[key][move] += each[move]
        return {key: each for key, each in sums.items() if any(each.values())}

    assert summed([((*key_of(row), place(row["day"], row["adjusts"])), row) for row in rows]) == (
        summed([((*key[:3], place(key[3])), moves) for key, moves in own.items()])
    )
    closing = {(*key_of(row), row["day"]): row["closing"] for row in rows}
    held: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for (kind, campaign, currency, day), moves in sorted(own.items(), key=lambda each: each[0][3]):
        change = moves["issued"] - moves["redeemed"] - moves["expired"] + moves["corrected"]
        held[kind, campaign, currency] += change
        if day >= first_open:
            place_of = (kind, campaign, currency, day)
            assert closing.get(place_of, 0) == held[kind, campaign, currency], place_of


@pytest.mark.slow
@pytest.mark.parametrize("days", [14, pytest.param(90, marks=pytest.mark.thorough)])
def test_each_day_the_book_equals_the_shops_own_to_the_cent(
    days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows_each = {"vouchers": 4_000, "wallet-ledger": 30_000}
    settings = live_settings(
        SandboxSettings(rows_per_index=rows_each, history_days=200, clock=lambda: START)
    )
    shop = GeneratedShop(settings)
    closed: list[Row] = []
    first_open, adjusted = dt.date.min, 0
    with Sandbox(settings) as sandbox:
        for name, value in settings_for(sandbox, MAX_AGE="0").items():
            monkeypatch.setenv(name, value)
        spaaza = runner(monkeypatch)
        for number in range(days):
            code, lines = spaaza("load", "vouchers", "wallet_ledger")
            assert code == 0, lines
            # In such haste that late entries of the month are not in it yet.
            now = START + dt.timedelta(days=number)
            haste = ["--close-through", f"{now - dt.timedelta(days=1):%Y-%m}"]
            code, lines = spaaza("model", *(haste if now.day == 1 else []))
            assert code == 0, lines
            rows = read_book("spaaza.duckdb")
            assert [row for row in rows if row["day"] < first_open] == closed
            compare(rows, own_books(shop, now), first_open)
            ended = re.search(r"the months until (\d+)-(\d+) closed", "\n".join(lines))
            assert ended
            first_open = dt.date(int(ended[1]) + int(ended[2]) // 12, int(ended[2]) % 12 + 1, 1)
            closed = [row for row in rows if row["day"] < first_open]
            adjusted += sum(row["adjusts"] is not None for row in rows)
            settings.clock.move(dt.timedelta(days=1))  # type: ignore[attr-defined]
    assert len({row["day"] for row in rows}) > 200
    assert adjusted
