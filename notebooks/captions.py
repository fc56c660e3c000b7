"""Captions as a person would write them: a period by its name, and the change on the one before."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import panels

_NTH = ("first", "second", "third", "fourth")
#: By period: how long it is.
LENGTHS = {
    "week": pd.DateOffset(weeks=1),
    "month": pd.DateOffset(months=1),
    "quarter": pd.DateOffset(months=3),
}


def named(period: pd.Timestamp, every: str, beside: pd.Timestamp | None = None) -> str:
    """A period's name; without its year beside another period of that year."""
    year = "" if beside is not None and beside.year == period.year else f" {period.year}"
    if every == "month":
        return f"{period:%B}{year}"
    if every == "quarter":
        return f"the {_NTH[period.quarter - 1]} quarter" + (f" of{year}" if year else "")
    return f"the week of {period.day} {period:%B}{year}"


def whole(values: pd.Series, every: str, first: dt.date | None, last: dt.date) -> pd.Series:
    """Those values whose period lies within these days from its beginning to its end."""
    ends = values.index + LENGTHS[every] <= pd.Timestamp(last) + pd.Timedelta(days=1)
    begins = values.index >= pd.Timestamp(first or dt.date.min.replace(year=1900))
    return values[ends & begins]


def change(values: pd.Series, every: str) -> str:
    """How the last value differs from that of the period before, as "+1 % on September".

    Nothing is said of the first value. A period before that has none counts as zero.
    """
    if values.empty:
        return ""
    at = values.index[-1]
    before = at - LENGTHS[every]
    if before < values.index[0]:
        return ""
    now, then = float(values.iloc[-1]), float(values.get(before, 0))
    name = "the week before" if every == "week" else named(before, every, at)
    if pd.isna(now) or pd.isna(then):
        return ""
    if then == 0:
        return f"as in {name}" if now == 0 else f"none in {name}"
    if then < 0:
        return f"after {panels.short(then, 'money')} in {name}"
    percent = round(100 * (now / then - 1))
    return f"{percent:+,} % on {name}" if percent else f"as in {name}"


def compared(values: pd.Series, every: str) -> str:
    """The last period and the change on the one before: "October 2026, +1 % on September"."""
    parts = [named(values.index[-1], every), change(values, every)]
    return ", ".join(part for part in parts if part)


def listed(parts: list[str]) -> str:
    """Parts of a sentence, the last one behind "and"."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
