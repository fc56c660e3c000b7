"""Captions read as a person's, colours can be read on, and every panel obeys the days chosen."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import captions
import growth_panels
import loyalty_charts as charts
import loyalty_measures as measures
import pandas as pd
import panels
import pytest
from growth_panels import Days
from loaded_data import MissingError
from loyalty_model import Model

Made = Callable[..., Model]
#: What a text needs to be read, by WCAG 2, AA.
READ = 4.5


def by_month(*values: float, first: str = "2026-08-01") -> pd.Series:
    return pd.Series(values, index=pd.date_range(first, periods=len(values), freq="MS"))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ((100, 101), "September 2026, +1 % on August"),
        ((100, 90), "September 2026, -10 % on August"),
        ((100, 100.2), "September 2026, as in August"),
        ((1, 21), "September 2026, +2,000 % on August"),
        ((0, 5), "September 2026, none in August"),
        ((0, 0), "September 2026, as in August"),
        ((-2.5, 5), "September 2026, after -2.50 in August"),
        ((5,), "August 2026"),
    ],
)
def test_a_month_is_compared_with_the_one_before(values: tuple[float, ...], told: str) -> None:
    assert captions.compared(by_month(*values), "month") == told


def test_the_year_before_is_named() -> None:
    assert captions.compared(by_month(1, 2, first="2025-12-01"), "month") == (
        "January 2026, +100 % on December 2025"
    )


def test_a_month_that_is_not_there_had_none() -> None:
    gap = by_month(4, 5, 6).drop(pd.Timestamp("2026-09-01"))
    assert captions.compared(gap, "month") == "October 2026, none in September"


def test_quarters_and_weeks_have_names() -> None:
    quarters = pd.Series([4, 5], index=pd.to_datetime(["2025-10-01", "2026-01-01"]))
    assert captions.compared(quarters, "quarter") == (
        "the first quarter of 2026, +25 % on the fourth quarter of 2025"
    )
    weeks = pd.Series([4, 5], index=pd.to_datetime(["2026-09-28", "2026-10-05"]))
    assert captions.compared(weeks, "week") == (
        "the week of 5 October 2026, +25 % on the week before"
    )


def test_what_is_not_whole_is_not_compared() -> None:
    values = by_month(1, 2, 3)
    last = dt.date(2026, 10, 30)
    assert list(captions.whole(values, "month", None, last)) == [1, 2]
    assert list(captions.whole(values, "month", None, dt.date(2026, 10, 31))) == [1, 2, 3]
    assert list(captions.whole(values, "month", dt.date(2026, 8, 2), last)) == [2]


def test_parts_are_listed() -> None:
    assert captions.listed(["a"]) == "a"
    assert captions.listed(["a", "b", "c"]) == "a, b and c"


DAYS = Days("month", None, dt.date(2026, 10, 31))


def test_each_panel_of_growth_says_what_it_shows() -> None:
    periods = by_month(0, 0, first="2026-09-01").index
    signed = pd.DataFrame({"period": periods, "members": [100, 101], "total": [1100, 1201]})
    assert growth_panels.sign_ups_told(signed, DAYS) == (
        "101 members signed up in October 2026, +1 % on September. 1,201 members have signed up"
        " in all."
    )
    sold = pd.DataFrame({"period": periods, "sales": [200.0, 150.0], "average": [10.0, 12.5]})
    assert growth_panels.sales_told(sold, DAYS).startswith(
        "Sales of 150.00 in October 2026, -25 % on September. A basket was worth 12.50 on average,"
        " +25 % on September."
    )
    owed = pd.DataFrame({"period": [*periods] * 2, "of": ["EUR in wallets"] * 2 + ["points"] * 2})
    owed["owed"] = [50.0, 50.0, 0.0, 2000.0]
    assert growth_panels.owed_told(owed, DAYS) == (
        "At the end of October 2026 members were owed 50.00 EUR in wallets (as in September) and"
        " 2,000 points (none in September)."
    )
    cohort = pd.Timestamp("2026-08-01")
    kept = pd.DataFrame({"cohort": [cohort] * 2, "months": [0, 1], "members": [8, 8]})
    told = growth_panels.retention_told(kept.assign(share=[1, 0.25]), "sign-up")
    assert told.startswith(
        "Of the 8 members who signed up in August 2026, 25 % bought something in the month after."
    )


def test_a_name_from_the_data_is_no_markup_in_a_sentence() -> None:
    owed = pd.DataFrame({"period": by_month(1, first="2026-10-01").index, "of": "<b>x</b>"})
    assert "<b>" not in growth_panels.owed_told(owed.assign(owed=[1.0]), DAYS)


def test_figures_can_be_read_on_every_colour() -> None:
    stages = charts.STAGES.values()
    fills = {*panels.PALETTE, *stages, *(panels.shade(n / 200) for n in range(-20, 260))}
    assert min(panels.contrast(fill, panels.legible(fill)) for fill in fills) >= READ
    assert panels.contrast("#000000", "#ffffff") == pytest.approx(21)
    # White on amber, as it was once, cannot.
    assert panels.contrast(panels.AMBER, "#ffffff") < READ


def test_the_charts_write_in_these_inks() -> None:
    grid = pd.DataFrame({"segment": ["Champions", "Loyal"], "r": [5, 3], "fm": [5, 3]})
    drawn: Any = charts.rfm_grid(grid.assign(members=[1, 2], value=[1.0, 2.0])).data
    assert list(drawn["ink"]) == [panels.legible(panels.BLUE), panels.legible(panels.AMBER)]
    cohorts = pd.DataFrame({"cohort": by_month(1, 1).index, "months": [0, 1], "members": [3, 3]})
    drawn = charts.retention(cohorts.assign(active=[3, 1], share=[1, 1 / 3])).data
    for fill, ink in zip(drawn["fill"], drawn["ink"], strict=True):
        assert panels.contrast(fill, ink) >= READ


def times(*texts: str) -> pd.Series:
    return pd.Series(pd.to_datetime(list(texts), utc=True, format="ISO8601"))


def test_every_measure_obeys_the_days(of_frames: Made) -> None:
    sold = pd.DataFrame(
        {
            "timestamp": times("2026-01-05", "2026-02-10", "2026-02-11", "2026-03-01"),
            "user_id": ["a", "a", "b", "c"],
            "total_value": [10.0, 20.0, 30.0, 40.0],
        }
    )
    vouchers = pd.DataFrame(
        {
            "date_time_creation": times("2026-01-01", "2026-02-01", "2026-03-01"),
            "date_time_redeemed": times("2026-02-05", "2026-02-04", "2026-03-05"),
            "amount": [1, 2, 4],
            "campaign_title": ["x", "y", "z"],
        }
    )
    ledger = pd.DataFrame(
        {"timestamp": times("2026-01-01", "2026-02-28T23:00", "2026-03-01"), "amount": [5, 7, 9]}
    )
    frames = {"transactions": sold, "vouchers": vouchers, "wallet_ledger": ledger}
    data = of_frames(**frames)
    # The last voucher was redeemed days after all else.
    assert data.days() == (dt.date(2026, 1, 1), dt.date(2026, 3, 5))
    span = (dt.date(2026, 2, 1), dt.date(2026, 2, 28))
    february = data.within(span)
    # a bought before these days, so is not new.
    active = measures.active_members(february)
    assert list(zip(active["kind"], active["members"], strict=True)) == [
        ("new", 1),
        ("returning", 1),
    ]
    assert list(measures.rfm_members(february, span[1])["value"]) == [30, 20]
    # The larger one is the largest hundredth, which is left out.
    assert measures.basket_sizes(february)["baskets"].sum() == 1
    assert list(measures.baskets_over_time(february)["revenue"]) == [50]
    assert list(measures.vouchers_by(february, span[1], "campaign")["name"]) == ["y"]
    assert list(measures.voucher_funnel(february, span[1])["vouchers"]) == [1, 1, 0, 0]
    assert list(measures.time_to_redemption(february, span[1])["days"]) == [3]
    # What was held before these days is still held.
    assert list(measures.liability(february, "money")["balance"]) == [12]
    with pytest.raises(MissingError, match="No voucher was issued on these days"):
        measures.voucher_funnel(data.within((dt.date(2027, 1, 1), span[1])), span[1])
