"""The loyalty notebook's figures on top, its panels of growth, and what they say in sentences.

What is counted is `growth`'s and `loyalty_measures`'.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import captions
import growth
import loyalty_charts as charts
import marimo as mo
import pandas as pd
import panels
from loyalty_measures import Every
from loyalty_model import Model, Span

Found: TypeAlias = pd.DataFrame | mo.Html
Grown: TypeAlias = dict[str, Found]
#: After how many months retention is told, where a cohort is old enough for it.
_TOLD_AFTER = (3, 2, 1)


@dataclass(frozen=True)
class Days:
    """The days that are shown: by which periods, and from when until when."""

    every: str
    first: dt.date | None
    last: dt.date

    def whole(self, values: pd.Series) -> pd.Series:
        """Those values whose periods are over, and whole within the days."""
        return captions.whole(values, self.every, self.first, self.last)


def whole_span(model: Model) -> Span:
    """From the first day on which something happened until the last; today, if nothing did."""
    first, last = model.days()
    today = pd.Timestamp.now("UTC").date()
    return first or today, last or today


def headline(
    active: Found, funnel: Found, held: Found, unit: str, days: Days
) -> dict[str, tuple[str, str]]:
    """The figures on top, of those measures that found something: the figure and what it is of."""
    figures = {}
    if isinstance(active, pd.DataFrame):
        whole = days.whole(active.groupby("period")["members"].sum())
        if len(whole):
            told = captions.compared(whole, days.every)
            figures["Active members"] = (panels.short(whole.iloc[-1]), _capital(told))
    if isinstance(funnel, pd.DataFrame):
        by_stage = funnel.set_index("stage")
        redeemed, issued = by_stage.loc["Redeemed"], by_stage.loc["Issued"]
        of = f"of the {panels.short(issued['vouchers'])} that were issued"
        figures["Vouchers redeemed"] = (f"{redeemed['share']:.0%}".replace("%", " %"), of)
        still = by_stage.loc["Still open", "vouchers"]
        figures["Vouchers still open"] = (panels.short(still), "neither redeemed nor expired")
    if isinstance(held, pd.DataFrame):
        figure = panels.short(held["balance"].iloc[-1], "money")
        told = f"{unit}, by the wallets' own entries" if unit else "by the wallets' own entries"
        figures["Held in wallets"] = (figure, told)
    return figures


def measure(model: Model, every: Every, begin: Any) -> Grown:
    """What `section` shows, by name."""
    return {
        "sign_ups": panels.measured(growth.sign_ups, model, every),
        "retention": panels.measured(growth.retention, model, begin.value),
        "sales": panels.measured(growth.sales, model, every),
        "owed": panels.measured(growth.book_over_time, model, every),
    }


def section(found: Grown, days: Days, begin: Any, currency: str | None = None) -> mo.Html:
    """The panels of what was found: `sign_ups`, `retention`, `sales` and `owed`.

    Args:
        found: The rows of each, or the grey panel in their place.
        days: The days that are shown.
        begin: The field of what puts a member into a cohort.
        currency: The currency of the sales, if it is known.
    """
    every = days.every
    returning = panels.panel(
        "Members who come back",
        found["retention"],
        charts.retention,
        _told(found["retention"], lambda frame: retention_told(frame, begin.value)),
        [begin],
    )
    # A grey panel shows no field, but another choice may have what this one lacks.
    choice = [] if isinstance(found["retention"], pd.DataFrame) else [begin]
    return mo.vstack(
        [
            panels.panel(
                "Sign-ups",
                found["sign_ups"],
                lambda frame: charts.sign_ups(frame, every),
                _told(found["sign_ups"], lambda frame: sign_ups_told(frame, days)),
            ),
            returning,
            *choice,
            panels.panel(
                "Sales and what a basket is worth",
                found["sales"],
                lambda frame: mo.vstack(
                    [charts.sales(frame, every), charts.basket_value(frame, every)]
                ),
                _told(found["sales"], lambda frame: sales_told(frame, days, currency)),
            ),
            panels.panel(
                "What is owed, by the liability book",
                found["owed"],
                lambda frame: mo.vstack(
                    [charts.owed(rows, every) for _, rows in frame.groupby("currency", sort=False)]
                ),
                _told(found["owed"], lambda frame: owed_told(frame, days)),
            ),
        ]
    )


def active_told(found: Found, days: Days) -> str:
    """How many bought in the last whole period, and who is new."""
    new = "New is who bought for the first time in these data."
    if not isinstance(found, pd.DataFrame):
        return new
    whole = days.whole(found.groupby("period")["members"].sum())
    if whole.empty:
        return new
    bought = panels.short(whole.iloc[-1])
    return f"{bought} members bought something in {captions.compared(whole, days.every)}. {new}"


def held_told(found: Found, unit: str, days: Days) -> str:
    """What wallets held at the end of the last whole period."""
    added_up = (
        "The wallets' entries are added up; what was there before the first that is loaded of a"
        " ledger is not in it."
    )
    if not isinstance(found, pd.DataFrame):
        return added_up
    whole = days.whole(found.set_index("period")["balance"])
    if whole.empty:
        return added_up
    # Money whose currency nobody knows is "money".
    held = panels.short(whole.iloc[-1], "money") + f" {panels.shown(unit)}" * (unit != "money")
    told = captions.compared(whole, days.every)
    return f"Members could still spend {held} at the end of {told}. {added_up}"


def baskets_told(found: Found, days: Days) -> str:
    """How many baskets there were in the last whole period, and what the middle one was worth."""
    if not isinstance(found, pd.DataFrame):
        return ""
    by_period = found.set_index("period")
    whole, middle = days.whole(by_period["baskets"]), days.whole(by_period["median"])
    if whole.empty or pd.isna(middle.iloc[-1]):
        return ""
    return (
        f"{panels.short(whole.iloc[-1])} baskets in {captions.compared(whole, days.every)}; the"
        f" middle one was worth {panels.short(middle.iloc[-1], 'money')}."
    )


def sign_ups_told(frame: pd.DataFrame, days: Days) -> str:
    """How many signed up in the last whole period, and how many there are in all."""
    by_period = frame.set_index("period")
    in_all = f"{panels.short(by_period['total'].iloc[-1])} members have signed up in all."
    whole = days.whole(by_period["members"])
    if whole.empty:
        return in_all
    signed = panels.short(whole.iloc[-1])
    return f"{signed} members signed up in {captions.compared(whole, days.every)}. {in_all}"


def retention_told(frame: pd.DataFrame, begin: str) -> str:
    """How many of the newest cohort that is old enough came back, and how the rows are read."""
    began = "signed up" if begin == "sign-up" else "bought for the first time"
    rows = (
        f"A row is the members who {began} in that month, a column the share of them who bought so"
        " many months later."
    )
    for months in _TOLD_AFTER:
        then = frame[frame["months"] == months]
        if len(then):
            newest = then.iloc[-1]
            later = "in the month after" if months == 1 else f"{months} months later"
            name = captions.named(newest["cohort"], "month")
            return (
                f"Of the {newest['members']:,} members who {began} in {name},"
                f" {100 * newest['share']:.0f} % bought something {later}. {rows}"
            )
    return rows


def sales_told(frame: pd.DataFrame, days: Days, currency: str | None = None) -> str:
    """What was sold in the last whole period, and what a basket was worth then."""
    by_period = frame.set_index("period")
    sold = days.whole(by_period["sales"])
    if sold.empty:
        return "Returns of goods are taken off."
    told = captions.compared(sold, days.every)
    amount = panels.short(sold.iloc[-1], "money") + (
        f" {panels.shown(currency)}" if currency else ""
    )
    sentence = f"Sales of {amount} in {told}."
    average = days.whole(by_period["average"])
    if pd.notna(average.iloc[-1]):
        changed = captions.change(average, days.every)
        sentence += f" A basket was worth {panels.short(average.iloc[-1], 'money')} on average"
        sentence += f", {changed}." if changed else "."
    return f"{sentence} Returns of goods are taken off the sales."


def owed_told(frame: pd.DataFrame, days: Days) -> str:
    """What was owed at the end of the last whole period, of each kind."""
    parts, at = [], ""
    for of, rows in frame.groupby("of", sort=False):
        whole = days.whole(rows.set_index("period")["owed"])
        if whole.empty:
            continue
        at = captions.named(whole.index[-1], days.every)
        owed = panels.short(whole.iloc[-1], "money")
        changed = captions.change(whole, days.every)
        parts.append(f"{owed} {panels.shown(of)}" + (f" ({changed})" if changed else ""))
    if not parts:
        return ""
    return f"At the end of {at} members were owed {captions.listed(parts)}."


def _told(found: Found, tell: Callable[[pd.DataFrame], str]) -> str:
    return tell(found) if isinstance(found, pd.DataFrame) else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
