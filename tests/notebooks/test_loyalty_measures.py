"""Each measure on rows that can be counted by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import loyalty_measures as measures
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from loaded_data import MissingError
from loyalty_model import Model

AS_OF = dt.date(2026, 3, 31)
Made = Callable[..., Model]


def rows(frame: pd.DataFrame, *columns: str) -> list[tuple[object, ...]]:
    """The rows of some columns; dates as text, missing values as None."""
    shown = frame[list(columns)].astype(object)
    return [tuple(_plain(value) for value in row) for row in shown.itertuples(index=False)]


def _plain(value: object) -> object:
    if value is None or value is pd.NaT:
        return None
    return f"{value:%Y-%m-%d}" if isinstance(value, pd.Timestamp) else value


def times(texts: object) -> pd.Series:
    return pd.Series(pd.to_datetime(texts, utc=True, format="ISO8601"))


def baskets(*bought: tuple[str, str | None, float | None], **more: object) -> pd.DataFrame:
    frame = pd.DataFrame(bought, columns=["timestamp", "user_id", "total_value"])
    frame["timestamp"] = times(frame["timestamp"])
    return frame.assign(**more)


def test_active_members_are_new_once(of_frames: Made) -> None:
    data = of_frames(
        transactions=baskets(
            ("2026-01-05", "a", 10),
            ("2026-01-31T23:59:59", "a", 5),
            ("2026-02-01", "a", 5),
            ("2026-02-02", "b", 5),
            ("2026-02-03", None, 5),
            ("2026-02-04", "c", -5),
        )
    )
    assert rows(measures.active_members(data), "period", "kind", "members", "baskets") == [
        ("2026-01-01", "new", 1, 2),
        ("2026-02-01", "new", 1, 1),
        ("2026-02-01", "returning", 1, 1),
    ]
    quarter = measures.active_members(data, "quarter")
    assert rows(quarter, "period", "kind", "members") == [("2026-01-01", "new", 2)]


def test_a_day_is_one_of_utc(of_frames: Made) -> None:
    late = baskets(("2026-02-01T00:30:00+01:00", "a", 1))
    assert rows(measures.active_members(of_frames(transactions=late)), "period") == [
        ("2026-01-01",)
    ]


def test_text_columns_are_read_as_what_they_hold(of_frames: Made) -> None:
    frame = pd.DataFrame(
        {
            "timestamp": ["2026-01-05T10:00:00Z", "2026-01-06 10:00:00", "yesterday", ""],
            "user_id": ["007", "007", "7", "8"],
            "total_value": ["12.50", "7.50", "1,00", "NaN"],
        }
    )
    data = of_frames(transactions=frame)
    assert rows(measures.active_members(data), "period", "members", "baskets") == [
        ("2026-01-01", 1, 2)
    ]
    assert rows(measures.rfm_members(data, AS_OF), "member", "value") == [("007", 20.0)]


def test_rfm_scores_are_by_fifths_and_equal_for_equals(of_frames: Made) -> None:
    bought = [("2026-03-31", "often", 100.0)] * 5
    bought += [(f"2026-0{1 + n % 2}-10", f"once{n}", 10.0) for n in range(8)]
    bought += [("2026-04-01", "tomorrow", 5.0), ("2025-01-01", "long ago", 500.0)]
    data = of_frames(transactions=baskets(*bought))
    members = measures.rfm_members(data, AS_OF).set_index("member")
    assert "tomorrow" not in members.index
    often = members.loc["often"]
    assert (often["purchases"], often["value"], often["days_since"]) == (5, 500, 0)
    assert (often["r"], often["f"], often["segment"]) == (5, 5, "Champions")
    assert members.loc["long ago", "r"] == 1
    once = members.loc[[name for name in members.index if name.startswith("once")]]
    assert once["f"].nunique() == once["m"].nunique() == 1
    assert once["r"].nunique() == 2
    segments = measures.rfm_segments(data, AS_OF)
    assert segments["members"].sum() == len(members) == 10
    assert segments["share"].sum() == pytest.approx(1)
    assert measures.rfm_grid(data, AS_OF)["members"].sum() == 10
    champions = measures.rfm_members(data, AS_OF, ["Champions"])
    assert set(champions["segment"]) == {"Champions"}


def test_a_return_lowers_the_money_and_is_no_purchase(of_frames: Made) -> None:
    bought = baskets(("2026-03-01", "a", 50), ("2026-03-09", "a", -20), ("2026-03-09", "b", -5))
    members = measures.rfm_members(of_frames(transactions=bought), AS_OF)
    assert rows(members, "member", "purchases", "value", "days_since") == [("a", 1, 30, 30)]


def test_rows_of_one_basket_are_one_basket(of_frames: Made) -> None:
    items = baskets(
        ("2026-03-01", "a", 2),
        ("2026-03-01", "a", 3),
        ("2026-03-02", "b", 4),
        ("2026-03-03", "b", 1),
    ).assign(basket_id=["x", "x", "y", None], quantity=[1, 2, 1, 1])
    data = of_frames(transactions=items)
    assert rows(measures.rfm_members(data, AS_OF), "member", "purchases", "value") == [
        ("a", 1, 5),
        ("b", 2, 5),
    ]
    assert rows(measures.baskets_over_time(data), "baskets", "revenue", "median", "quantity") == [
        (3, 10, 4, pytest.approx(5 / 3))
    ]


def test_only_baskets_of_one_currency_are_added_up(of_frames: Made) -> None:
    bought = baskets(
        ("2026-03-01", "a", 1),
        ("2026-03-01", "a", 2),
        ("2026-03-01", "a", 1000),
        ("2026-03-01", "b", 9),
    ).assign(currency_code=["EUR", "EUR", "o'JPY", None])
    data = of_frames(transactions=bought)
    assert data.currencies() == ["EUR", "o'JPY"]
    assert rows(measures.rfm_members(data.of_currency("EUR"), AS_OF), "value") == [(3,)]
    assert rows(measures.rfm_members(data.of_currency("o'JPY"), AS_OF), "value") == [(1000,)]


def test_cancelled_orders_do_not_count_and_amounts_are_in_cents(of_frames: Made) -> None:
    orders = pd.DataFrame(
        {
            "created_at": times(["2026-03-01", "2026-03-02"]),
            "customer_id": ["a", "b"],
            "total_amount": [1250, 99],
            "status": ["PAID", "CANCELED"],
        }
    )
    data = of_frames(orders=orders)
    assert rows(measures.rfm_members(data, AS_OF), "member", "value") == [("a", 12.5)]


VOUCHERS = pd.DataFrame(
    {
        "id": list("123456"),
        "date_time_creation": times(["2026-01-01"] * 6),
        "date_time_redeemed": times(
            ["2026-01-01T12:00", "2026-01-31", "2025-12-31", None, None, None],
        ),
        "date_time_expiry": times(
            [
                "2026-02-01",
                "2026-02-01",
                "2026-02-01",
                "2026-03-31T23:59:59",
                "2026-05-31",
                "2050-01-01",
            ],
        ),
        "status": ["redeemed", "redeemed", "redeemed", "generated", "claimed", "generated"],
        "amount": [5.0, 5.0, 5.0, 7.0, 11.0, 13.0],
        "campaign_title": ["A", "A", "B'); DROP TABLE vouchers; --", "A", None, "A"],
        "currency_code": ["EUR"] * 6,
    }
)


def test_vouchers_go_from_issue_to_their_end(of_frames: Made) -> None:
    data = of_frames(vouchers=VOUCHERS)
    funnel = measures.voucher_funnel(data, AS_OF)
    assert rows(funnel, "stage", "vouchers") == [
        ("Issued", 6),
        ("Claimed", 4),
        ("Redeemed", 3),
        ("Expired unused", 1),
        ("Still open", 2),
    ]
    assert list(funnel["share"])[2] == pytest.approx(0.5)
    before = measures.voucher_funnel(data, dt.date(2026, 3, 30))
    assert rows(before, "stage", "vouchers")[-2:] == [("Expired unused", 0), ("Still open", 3)]


def test_a_campaign_may_be_called_anything(of_frames: Made) -> None:
    data = of_frames(vouchers=VOUCHERS)
    by = measures.vouchers_by(data, AS_OF, "campaign")
    odd = "B'); DROP TABLE vouchers; --"
    assert rows(by, "name", "issued", "redeemed", "rate") == [
        ("A", 4, 2, 0.5),
        ("(none)", 1, 0, 0),
        (odd, 1, 1, 1),
    ]
    only = measures.voucher_funnel(data, AS_OF, "campaign", [odd, "(none)"])
    assert rows(only, "vouchers") == [(2,), (2,), (1,), (0,), (1,)]


def test_time_to_redemption_is_in_whole_days(of_frames: Made) -> None:
    days = measures.time_to_redemption(of_frames(vouchers=VOUCHERS), AS_OF)
    assert rows(days, "days", "vouchers", "share") == [(0, 1, 0.5), (30, 1, 1)]
    assert measures.half(days) == 0


def test_redemptions_of_a_code_redeem_its_voucher(of_frames: Made) -> None:
    vouchers = pd.DataFrame(
        {
            "id": ["1", "2", "3"],
            "code": ["x", "y", "z"],
            "created_at": times(["2026-01-01"] * 3),
            "expiration_date": times(["2026-02-01"] * 3),
        }
    )
    redemptions = pd.DataFrame(
        {
            "voucher_code": ["x", "x", "y", None],
            "date": times(
                ["2026-01-09", "2026-01-05", "2026-01-02", "2026-01-02"],
            ),
            "result": ["SUCCESS", "SUCCESS", "FAILURE", "SUCCESS"],
        }
    )
    data = of_frames(vouchers=vouchers, redemptions=redemptions)
    assert rows(measures.voucher_funnel(data, AS_OF), "stage", "vouchers") == [
        ("Issued", 3),
        ("Redeemed", 1),
        ("Expired unused", 2),
        ("Still open", 0),
    ]
    assert rows(measures.time_to_redemption(data, AS_OF), "days", "vouchers") == [(4, 1)]


def ledger(*entries: tuple[str, str, float, str, str]) -> pd.DataFrame:
    named = ["timestamp", "user_id", "amount", "earn_or_spend", "currency_symbol"]
    frame = pd.DataFrame(entries, columns=named)
    return frame.assign(timestamp=times(frame["timestamp"]))


@pytest.mark.parametrize("sign", [1, -1])
def test_spending_takes_away_with_and_without_a_minus(of_frames: Made, sign: int) -> None:
    entries = ledger(
        ("2026-01-01", "a", 100, "earn", "PTN"),
        ("2026-01-02", "a", 30 * sign, "spend", "PTN"),
        ("2026-03-02", "b", 5, "earn", "PTN"),
        ("2026-03-02", "b", 8, "earn", "€"),
    )
    data = of_frames(wallet_ledger=entries)
    assert measures.wallet_units(data) == ["points", "EUR"]
    assert rows(measures.liability(data, "points"), "period", "added", "taken", "balance") == [
        ("2026-01-01", 100, -30, 70),
        ("2026-03-01", 5, 0, 75),
    ]


def test_voucherify_tells_points_from_credits_by_the_entry_type(of_frames: Made) -> None:
    entries = pd.DataFrame(
        {
            "created_at": times(["2026-01-01"] * 3),
            "voucher_id": ["l", "l", "g"],
            "balance": [110, 106, 7],
            "amount": [10, -4, 7],
            "type": ["POINTS_ACCRUAL", "POINTS_REDEMPTION", "CREDITS_ADDITION"],
        }
    )
    cards = pd.DataFrame(
        {
            "id": ["l", "g"],
            "created_at": times(["2025-12-01", "2026-01-01"]),
            "loyalty_balance": [106, None],
            "gift_balance": [None, 0.07],
            "expiration_date": times([None, "2026-01-20"]),
        }
    )
    data = of_frames(voucher_transactions=entries, vouchers=cards)
    assert measures.wallet_units(data) == ["points", "money"]
    # The loyalty card held 100 before its first entry.
    assert rows(measures.liability(data, "points"), "balance") == [(100,), (106,)]
    assert rows(measures.liability(data, "money"), "balance") == [(0.07,)]


def test_what_is_left_on_a_card_when_it_expires_is_gone(of_frames: Made) -> None:
    entries = pd.DataFrame(
        {
            "created_at": times(["2026-01-05", "2026-01-09", "2026-03-01"]),
            "voucher_id": ["g", "g", "h"],
            "balance": [1000, 600, 500],
            "amount": [1000, -400, 500],
            "type": ["CREDITS_ADDITION", "CREDITS_REDEMPTION", "CREDITS_ADDITION"],
        }
    )
    cards = pd.DataFrame(
        {
            "id": ["g", "h"],
            "gift_balance": [6, 5],
            "expiration_date": times(["2026-02-01", "2026-05-01"]),
        }
    )
    data = of_frames(voucher_transactions=entries, vouchers=cards)
    assert rows(measures.liability(data, "money"), "period", "added", "taken", "balance") == [
        ("2026-01-01", 10, -4, 6),
        ("2026-02-01", 0, -6, 0),
        ("2026-03-01", 5, 0, 5),
    ]
    expiring = measures.liability_by_expiry(data, AS_OF)
    assert rows(expiring, "period", "of", "amount") == [("2026-05-01", "money", 5)]


def test_a_redemption_that_was_rolled_back_is_none(of_frames: Made) -> None:
    vouchers = pd.DataFrame({"id": ["1"], "code": ["x"], "created_at": times(["2026-01-01"])})
    redemptions = pd.DataFrame(
        {
            "voucher_code": ["x", "x"],
            "date": times(["2026-01-05", "2026-01-06"]),
            "object": ["redemption", "redemption_rollback"],
            "result": ["SUCCESS", "SUCCESS"],
        }
    )
    funnel = measures.voucher_funnel(of_frames(vouchers=vouchers, redemptions=redemptions), AS_OF)
    assert rows(funnel, "stage", "vouchers")[-1] == ("Still open", 1)


def test_what_expires_first_is_spent_first(of_frames: Made) -> None:
    entries = ledger(
        ("2026-01-01", "a", 10, "earn", "PTN"),
        ("2026-01-02", "a", 20, "earn", "PTN"),
        ("2026-01-03", "a", -15, "spend", "PTN"),
        ("2026-01-01", "b", 4, "earn", "PTN"),
        ("2026-01-01", "b", 3, "earn", "PTN"),
    ).assign(expires_at=times(["2026-05-01", "2026-04-15", None, None, "2026-02-01"]))
    # Of a's 20 that expire in April 15 are spent; b's 3 have expired.
    expiring = measures.liability_by_expiry(of_frames(wallet_ledger=entries), AS_OF)
    assert rows(expiring, "period", "of", "amount") == [
        ("2026-04-01", "points", 5),
        ("2026-05-01", "points", 10),
        (None, "points", 4),
    ]


def test_open_vouchers_are_owed_until_they_expire(of_frames: Made) -> None:
    kinds = ["basket", "basket", "basket", "basket", "basket_pct", "basket"]
    data = of_frames(vouchers=VOUCHERS.assign(type=kinds))
    expiring = measures.liability_by_expiry(data, AS_OF)
    # The percentage is no amount, and 2050 is the vendor's word for never.
    assert rows(expiring, "period", "of", "amount") == [(None, "vouchers EUR", 13)]


def test_listed_points_expire_unless_they_have(of_frames: Made) -> None:
    listed = pd.DataFrame(
        {
            "expires_at": [dt.date(2026, 4, 3), dt.date(2026, 4, 9), dt.date(2026, 5, 1)],
            "points": [5, 6, 7],
            "status": ["ACTIVE", "ACTIVE", "EXPIRED"],
        }
    )
    expiring = measures.liability_by_expiry(of_frames(points_expirations=listed), AS_OF)
    assert rows(expiring, "period", "of", "amount") == [("2026-04-01", "points", 11)]


def test_basket_sizes_have_round_widths(of_frames: Made) -> None:
    many = baskets(*[("2026-03-01", "a", float(value)) for value in range(-5, 101)])
    sizes = measures.basket_sizes(of_frames(transactions=many))
    assert set(sizes["high"] - sizes["low"]) == {5}
    assert sizes["baskets"].sum() == 99
    channel = measures.baskets_by_channel(of_frames(transactions=many.assign(type="shop")))
    assert rows(channel, "channel", "baskets", "median") == [("shop", 101, 50)]


def test_the_newest_day_does_not_lie_ahead(of_frames: Made) -> None:
    assert of_frames(products=pd.DataFrame({"id": [1]})).days() == (None, None)
    data = of_frames(
        transactions=baskets(("2026-03-05", "a", 1), ("2049-01-01", "a", 1)),
        vouchers=VOUCHERS,
    )
    # Nor is it a day on which a voucher expired.
    assert data.days() == (dt.date(2025, 12, 31), dt.date(2026, 3, 5))


def test_what_is_missing_is_named(of_frames: Made) -> None:
    with pytest.raises(MissingError, match="needs the loaded table `transactions` or `orders`"):
        measures.active_members(of_frames(products=pd.DataFrame({"id": [1]})))
    bought = baskets(("2026-03-05", "a", 1))
    with pytest.raises(
        MissingError, match="No row of `transactions` has happened_at and member_id"
    ):
        measures.active_members(of_frames(transactions=bought.drop(columns="user_id")))
    with pytest.raises(MissingError, match="No row of `transactions` has happened_at"):
        measures.active_members(of_frames(transactions=bought.head(0)))
    unread = bought.assign(timestamp="soon")
    with pytest.raises(MissingError, match=r"`\[model\]` in `.dlt/config.toml` names other"):
        measures.active_members(of_frames(transactions=unread))
    with pytest.raises(MissingError, match="No row of `vouchers` has redeemed_at"):
        measures.voucher_funnel(of_frames(vouchers=VOUCHERS[["id", "amount"]]), AS_OF)


MOMENTS = st.datetimes(dt.datetime(2024, 1, 1), dt.datetime(2026, 3, 31))  # noqa: DTZ001 - UTC
ENTRIES = st.lists(
    st.tuples(MOMENTS, st.sampled_from("abc"), st.integers(-50, 100), st.none() | MOMENTS),
    min_size=1,
)


@pytest.mark.slow
@given(ENTRIES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@pytest.mark.thorough
def test_no_more_expires_than_is_held(of_frames: Made, entries: list[tuple[object, ...]]) -> None:
    assume(any(expires for *_, expires in entries))
    frame = pd.DataFrame(entries, columns=["timestamp", "user_id", "amount", "expires_at"])
    for column in ("timestamp", "expires_at"):
        frame[column] = times(frame[column]).dt.as_unit("us").array
    data = of_frames(wallet_ledger=frame)
    assert measures.liability(data, "money")["balance"].iloc[-1] == frame["amount"].sum()
    held = frame.groupby("user_id")["amount"].sum().clip(lower=0).sum()
    expiring = measures.liability_by_expiry(data, dt.date(1990, 1, 1))
    assert expiring["amount"].sum() == pytest.approx(held)
