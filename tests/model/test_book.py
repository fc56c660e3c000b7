"""The liability book: what is owed each day, closed months that never change, and late rows."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spaaza_source.errors import SettingsError
from spaaza_source.model import check_invariants, plan_book, plan_views
from tests.model.loaded import MODEL, MOVES, UTC, Loaded, Row, check_chain, key_of, net

VOUCHERS = (
    "CREATE TABLE vouchers (id TEXT, campaign_id TEXT, currency_code TEXT, type TEXT, status TEXT,"
    " amount DECIMAL(38, 9), amount_redeemed DECIMAL(38, 9), date_time_creation TIMESTAMPTZ,"
    " date_time_redeemed TIMESTAMPTZ, date_time_expiry TIMESTAMPTZ)"
)
LEDGER = (
    "CREATE TABLE wallet_ledger (timestamp TIMESTAMPTZ, user_id TEXT, amount DECIMAL(38, 9),"
    " currency_symbol TEXT, wallet_type TEXT, kind TEXT, contributing_campaign_id TEXT)"
)
NOON = dt.datetime(2026, 1, 10, 12, tzinfo=UTC)


def day(month: int, number: int, hour: int = 12) -> dt.datetime:
    return dt.datetime(2026, month, number, hour, tzinfo=UTC)


@pytest.fixture
def shop(tmp_path: Path) -> Loaded:
    loaded = Loaded(tmp_path)
    loaded.run(VOUCHERS, LEDGER)
    return loaded


def voucher(
    number: str,
    created: dt.datetime,
    *,
    redeemed: dt.datetime | None = None,
    expires: dt.datetime | None = None,
    amount: str = "10",
    taken: str | None = None,
    kind: str = "basket",
) -> tuple[Any, ...]:
    status = "redeemed" if redeemed else "generated"
    given_amount = Decimal(taken) if taken else None
    amounts = (Decimal(amount), given_amount)
    return (number, "c1", "EUR", kind, status, *amounts, created, redeemed, expires)


def entry(at: dt.datetime, amount: str, kind: str = "campaignContribution") -> tuple[Any, ...]:
    return (at, "u1", Decimal(amount), "€", "wallet", kind, "c1")


def told(rows: list[Row], kind: str) -> list[tuple[Any, ...]]:
    """The rows of a kind on which anything moves."""
    return [
        (f"{row['day']:%m-%d}", *(int(row[move]) for move in MOVES), int(row["closing"]))
        for row in rows
        if row["kind"] == kind and any(row[move] for move in MOVES)
    ]


def test_a_voucher_is_owed_from_its_issue_until_it_is_redeemed_or_expires(shop: Loaded) -> None:
    shop.insert(
        "vouchers",
        [
            voucher("1", day(1, 1), redeemed=day(1, 5), expires=day(1, 20)),
            voucher("2", day(1, 2), expires=day(1, 8)),
            voucher("3", day(1, 3), expires=day(2, 8)),
            # Redeemed for less: the rest is a voucher of its own.
            voucher("4", day(1, 3), redeemed=day(1, 4), taken="7"),
            voucher("5", day(1, 3), kind="basket_pct"),
            voucher("6", day(1, 3), expires=dt.datetime(2050, 1, 1, tzinfo=UTC)),
        ],
    )
    shop.loaded_until(day(1, 10), "vouchers", "wallet_ledger")
    book = shop.book()
    assert told(shop.booked(), "voucher") == [
        ("01-01", 10, 0, 0, 0, 10),
        ("01-02", 10, 0, 0, 0, 20),
        ("01-03", 30, 0, 0, 0, 50),
        ("01-04", 0, 7, 0, -3, 40),
        ("01-05", 0, 10, 0, 0, 30),
        ("01-08", 0, 0, 10, 0, 20),
    ]
    check_chain(shop.booked())
    assert {row["day"].day for row in shop.booked()} == set(range(1, 11))
    assert [(owed.kind, owed.currency, int(owed.amount)) for owed in book.owed] == [
        ("voucher", "EUR", 20)
    ]
    assert (book.through, book.closed) == (dt.date(2026, 1, 10), None)


def test_money_and_points_of_wallets_are_apart(shop: Loaded) -> None:
    points = (day(1, 2), "u1", Decimal(500), "PTN", "points_wallet", "campaignContribution", "c1")
    draw = (day(1, 2), "u1", Decimal(3), None, "entries_wallet", "campaignContribution", "c1")
    shop.insert(
        "wallet_ledger",
        [
            entry(day(1, 1), "20"),
            entry(day(1, 2), "-5"),
            entry(day(1, 3), "2", "manual"),
            entry(day(1, 4), "-1", "expiry"),
            points,
            draw,
        ],
    )
    shop.loaded_until(day(1, 10), "vouchers", "wallet_ledger")
    shop.book()
    assert told(shop.booked(), "wallet") == [
        ("01-01", 20, 0, 0, 0, 20),
        ("01-02", 0, 5, 0, 0, 15),
        ("01-03", 0, 0, 0, 2, 17),
        ("01-04", 0, 0, 1, 0, 16),
    ]
    assert told(shop.booked(), "points") == [("01-02", 500, 0, 0, 0, 500)]
    assert {key_of(row) for row in shop.booked()} == {
        ("wallet", "c1", "EUR"),
        ("points", "c1", "points"),
    }


def test_a_closed_month_stays_and_what_comes_late_is_a_row_of_its_own(shop: Loaded) -> None:
    shop.insert("wallet_ledger", [entry(day(1, 5), "20"), entry(day(2, 5), "3")])
    shop.loaded_until(day(2, 11, 0), "vouchers", "wallet_ledger")
    # Ten days after January's end.
    assert shop.book(None).closed == dt.date(2026, 1, 1)
    january = [row for row in shop.booked() if row["day"] < dt.date(2026, 2, 1)]

    shop.insert("wallet_ledger", [entry(day(1, 7), "-4"), entry(day(1, 8), "1")])
    assert shop.book(None).adjustments == 1
    rows = shop.booked()
    assert [row for row in rows if row["day"] < dt.date(2026, 2, 1)] == january
    (late,) = [row for row in rows if row["adjusts"]]
    assert late == {
        "day": dt.date(2026, 2, 1),
        "adjusts": dt.date(2026, 1, 1),
        **dict(zip(("kind", "campaign", "currency"), ("wallet", "c1", "EUR"), strict=True)),
        **dict(zip(("opening", *MOVES, "closing"), (20, 1, 4, 0, 0, 17), strict=True)),
    }
    check_chain(rows)
    assert rows[-1]["closing"] == 20

    # Another one after February is closed, too: it is told of in March.
    shop.loaded_until(day(3, 20), "vouchers", "wallet_ledger")
    shop.book(None)
    shop.insert("wallet_ledger", [entry(day(1, 7), "100"), entry(day(2, 7), "1000")])
    shop.book(None)
    adjusted = [(row["day"], row["adjusts"], int(net(row))) for row in shop.booked()]
    assert [each for each in adjusted if each[1]] == [
        (dt.date(2026, 2, 1), dt.date(2026, 1, 1), -3),
        (dt.date(2026, 3, 1), dt.date(2026, 1, 1), 100),
        (dt.date(2026, 3, 1), dt.date(2026, 2, 1), 1000),
    ]
    check_chain(shop.booked())


def test_a_run_again_changes_no_row(shop: Loaded) -> None:
    shop.insert("wallet_ledger", [entry(day(1, 5), "20"), entry(day(2, 5), "3")])
    shop.loaded_until(day(2, 20), "vouchers", "wallet_ledger")
    books = []
    for _ in range(3):
        shop.book(None)
        books.append((shop.booked(), len(shop.rows("liability_closings"))))
    assert books[0] == books[1] == books[2]


def test_a_month_is_closed_when_it_is_asked_for_and_over(shop: Loaded) -> None:
    shop.insert("wallet_ledger", [entry(day(1, 5), "20")])
    shop.loaded_until(day(2, 1, 0), "vouchers", "wallet_ledger")
    assert shop.book("none").closed is None
    with pytest.raises(SettingsError, match="2026-02 is not over"):
        shop.book("2026-02")
    with pytest.raises(SettingsError, match="no month"):
        shop.book("January")
    assert shop.book("2026-01").closed == dt.date(2026, 1, 1)
    # It stays closed.
    assert shop.book("none").closed == dt.date(2026, 1, 1)


def test_a_day_is_of_the_time_zone_and_stays_of_it(shop: Loaded) -> None:
    shop.insert("wallet_ledger", [entry(day(1, 31, 23), "20")])
    shop.loaded_until(day(2, 20), "vouchers", "wallet_ledger")
    shop.book("none", "Europe/Amsterdam")
    assert shop.booked()[0]["day"] == dt.date(2026, 2, 1)
    shop.book("2026-01", "Europe/Amsterdam")
    with pytest.raises(SettingsError, match="have days of Europe/Amsterdam"):
        shop.book()


def test_what_has_not_happened_by_the_last_load_is_not_in_the_book(shop: Loaded) -> None:
    shop.insert("vouchers", [voucher("1", day(1, 1), expires=day(1, 12))])
    shop.loaded_until(day(1, 10), "vouchers", "wallet_ledger")
    shop.book()
    assert shop.booked()[-1]["closing"] == 10
    shop.loaded_until(day(1, 13), "vouchers")
    shop.book()
    assert told(shop.booked(), "voucher")[-1] == ("01-12", 0, 0, 10, 0, 0)
    # What owes nothing any more has no row.
    assert shop.booked()[-1]["day"] == dt.date(2026, 1, 12)


def test_a_table_that_is_gone_does_not_reverse_what_is_closed(shop: Loaded) -> None:
    shop.insert("wallet_ledger", [entry(day(1, 5), "20")])
    shop.insert("vouchers", [voucher("1", day(1, 1))])
    shop.loaded_until(day(2, 20), "vouchers", "wallet_ledger")
    shop.book(None)
    before = shop.booked()
    shop.run("DROP TABLE wallet_ledger")
    with pytest.raises(SettingsError, match="are about wallet, but the tables"):
        shop.book(None)
    assert shop.booked() == before
    # Nor does an older state of the tables.
    shop.run(LEDGER)
    shop.loaded_until(day(1, 20), "vouchers", "wallet_ledger")
    with pytest.raises(SettingsError, match="closed until 2026-02-01, but what is loaded ends on"):
        shop.book(None)
    assert shop.booked() == before


def test_a_run_that_is_killed_leaves_the_old_book(shop: Loaded) -> None:
    shop.insert("wallet_ledger", [entry(day(1, 5), "20")])
    shop.loaded_until(day(1, 20), "vouchers", "wallet_ledger")
    shop.book()
    before = shop.booked()
    shop.insert("wallet_ledger", [entry(day(1, 6), "1")])
    for number in range(3, 7):
        with shop.dataset() as dataset:
            plan = plan_book(dataset, plan_views(dataset, "spaaza"))
            assert plan
            transaction = dataset.client.begin_transaction()
            transaction.__enter__()
            for sql in plan.statements[:number]:
                dataset.client.execute_sql(sql)
            # The process ends here: nothing is committed.
            dataset.client.native_connection.close()
        assert shop.booked() == before
    shop.book()
    assert shop.booked()[-1]["closing"] == 21


def test_a_book_that_somebody_has_changed_is_found(shop: Loaded) -> None:
    shop.insert("wallet_ledger", [entry(day(1, 5), "20"), entry(day(1, 7), "1")])
    shop.loaded_until(day(1, 9), "vouchers", "wallet_ledger")
    shop.book()

    def wrong() -> int:
        with shop.dataset() as dataset:
            findings = {each.name: each for each in check_invariants(dataset)}
        return findings["book_chain"].wrong

    assert wrong() == 0
    with duckdb.connect(str(shop.file)) as connection:
        connection.execute(
            f"UPDATE {MODEL}.liability_book SET issued = issued + 1 WHERE day = DATE '2026-01-07'"
        )
    assert wrong() == 1


# Any ledger, whatever comes late and is changed.

Times = st.integers(0, 120).map(lambda number: NOON + dt.timedelta(days=number))
Entries = st.tuples(
    Times,
    st.decimals("-50", "50", places=2),
    st.sampled_from(["campaignContribution", "manual", "expiry"]),
    st.sampled_from(["c1", "c2", None]),
    st.sampled_from(["€", "$"]),
)
Vouchers = st.tuples(
    Times,
    st.none() | st.integers(0, 40),
    st.none() | st.integers(1, 60),
    st.decimals("0.01", "50", places=2),
)
Runs = st.lists(
    st.tuples(
        st.integers(1, 45),
        st.lists(Entries, max_size=6),
        st.lists(Vouchers, max_size=4),
        st.sampled_from([None, None, "none"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


def truth_of(
    entries: list[tuple[Any, ...]], vouchers: list[tuple[Any, ...]], until: dt.datetime
) -> dict[tuple[tuple[str, str, str], dt.date], list[Decimal]]:
    """What moved, by key and day, counted here without SQL."""
    moved: dict[Any, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 4)

    def move(key: tuple[str, str, str], at: dt.datetime, which: int, amount: Decimal) -> None:
        if at <= until:
            moved[key, at.date()][which] += amount

    for at, amount, kind, campaign, symbol in entries:
        key = ("wallet", campaign or "(none)", {"€": "EUR"}.get(symbol, symbol))
        which = {"expiry": 2, "manual": 3}.get(kind, 0 if amount >= 0 else 1)
        move(key, at, which, -amount if which in (1, 2) else amount)
    for created, redeemed, expires, amount in vouchers:
        key = ("voucher", "c1", "EUR")
        move(key, created, 0, amount)
        if redeemed is not None:
            move(key, created + dt.timedelta(days=redeemed), 1, amount)
        elif expires is not None:
            move(key, created + dt.timedelta(days=expires), 2, amount)
    return {each: sums for each, sums in moved.items() if any(sums)}


@pytest.mark.slow
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs=Runs)
def test_the_sums_of_any_book_are_the_truth(
    runs: list[Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    shop = Loaded(tmp_path_factory.mktemp("book"))
    shop.run(VOUCHERS, LEDGER)
    until, entries, vouchers, closed = NOON, [], [], list[Row]()
    first_open = dt.date.min
    for days, more_entries, more_vouchers, close, forgets in runs:
        until += dt.timedelta(days=days)
        entries += more_entries
        vouchers += more_vouchers
        if forgets and vouchers:
            # The vendor leaves out what was deleted.
            vouchers.pop(0)
        shop.run("DELETE FROM wallet_ledger", "DELETE FROM vouchers")
        shop.insert(
            "wallet_ledger",
            [(at, "u", n, symbol, "wallet", kind, campaign) for at, n, kind, campaign, symbol in
             entries],
        )  # fmt: skip
        shop.insert("vouchers", [_row(*each) for each in vouchers])
        shop.loaded_until(until, "vouchers", "wallet_ledger")
        book = shop.book(close)
        rows = shop.booked()
        check_chain(rows)
        assert [row for row in rows if row["day"] < first_open] == closed
        _compare(rows, truth_of(entries, vouchers, until), first_open)
        # A month that was closed by this run was not closed before it.
        if book.closed:
            first_open = (book.closed + dt.timedelta(days=31)).replace(day=1)
        closed = [row for row in rows if row["day"] < first_open]
        shop.book("none")
        assert shop.booked() == rows


def _row(
    created: dt.datetime, redeemed: int | None, expires: int | None, amount: Decimal
) -> tuple[Any, ...]:
    def after(days: int | None) -> dt.datetime | None:
        return None if days is None else created + dt.timedelta(days=days)

    status = "generated" if redeemed is None else "redeemed"
    its = (after(redeemed), after(expires))
    return ("v", "c1", "EUR", "basket", status, amount, None, created, *its)


def _compare(rows: list[Row], truth: dict[Any, list[Decimal]], first_open: dt.date) -> None:
    """By month what closed ones say with all that adjusts them; by day what the open ones say."""

    def place(at: dt.date, adjusts: dt.date | None) -> dt.date:
        return adjusts or (at.replace(day=1) if at < first_open else at)

    booked: dict[Any, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 4)
    for row in rows:
        sums = booked[key_of(row), place(row["day"], row["adjusts"])]
        for number, move in enumerate(MOVES):
            sums[number] += row[move]
    expected: dict[Any, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 4)
    for (key, at), moves in truth.items():
        for number, amount in enumerate(moves):
            expected[key, place(at, None)][number] += amount
    assert {each: sums for each, sums in booked.items() if any(sums)} == {
        each: sums for each, sums in expected.items() if any(sums)
    }


def keep_since(shop: Loaded, at: dt.datetime) -> None:
    """As loads with `retain_days` leave it."""
    shop.run(
        f"DELETE FROM vouchers WHERE greatest(date_time_creation, date_time_redeemed) < '{at}'",
        f"DELETE FROM wallet_ledger WHERE timestamp < '{at}'",
        "ALTER TABLE export_jobs ADD COLUMN IF NOT EXISTS kept_since TIMESTAMPTZ",
        f"UPDATE export_jobs SET kept_since = '{at}'",
    )


def test_what_is_not_kept_any_more_changes_no_closed_month(shop: Loaded) -> None:
    shop.insert("vouchers", [voucher("1", day(1, 3)), voucher("2", day(2, 3))])
    shop.insert("wallet_ledger", [entry(day(1, 4), "5"), entry(day(2, 4), "7")])
    shop.loaded_until(day(3, 20), "vouchers", "wallet_ledger")
    before = shop.book(None)
    closed = [row for row in shop.booked() if row["day"] < dt.date(2026, 3, 1)]
    assert before.closed == dt.date(2026, 2, 1)
    keep_since(shop, day(2, 10))
    # A row of a month that is kept as a whole, and comes late, is still told.
    after = shop.book(None)
    rows = shop.booked()
    check_chain(rows)
    assert [row for row in rows if row["day"] < dt.date(2026, 3, 1)] == closed
    assert (after.adjustments, after.owed) == (0, before.owed)
    shop.loaded_until(day(4, 20), "vouchers", "wallet_ledger")
    keep_since(shop, day(3, 1, 0))
    shop.insert("wallet_ledger", [entry(day(3, 5), "1")])
    shop.book(None)
    shop.insert("wallet_ledger", [entry(day(3, 6), "2")])
    assert shop.book(None).adjustments == 1


def test_days_that_are_open_need_their_rows(shop: Loaded) -> None:
    shop.insert("wallet_ledger", [entry(day(1, 4), "5"), entry(day(2, 4), "7")])
    shop.loaded_until(day(2, 20), "wallet_ledger")
    shop.book(None)
    keep_since(shop, day(2, 3))
    with pytest.raises(SettingsError, match="open since 2026-02-01, but rows about") as refused:
        shop.book(None)
    assert "--close-through" in str(refused.value)
