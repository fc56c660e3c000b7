"""The section of the loyalty notebook about the bulk users export: its panels, and what they lack.

What is counted is `bulk_members`'.
"""

from __future__ import annotations

from typing import TypeAlias

import bulk_members
import loyalty_charts as charts
import marimo as mo
import pandas as pd
import panels
from loyalty_programme import Programme

Found: TypeAlias = pd.DataFrame | mo.Html


def section(
    data: Programme, scores: Found, balances: Found, levels: Found, reviews: Found
) -> mo.Html | None:
    """The panels of what was found; None where there is no bulk users export."""
    if "bulk" not in data.has:
        return None
    status = bulk_members.gaps(data, "level")
    if bulk_members.hashed_levels(data):
        status += " The levels are hashed, as by a privacy policy: members are counted by hash."
    parts = [
        panels.panel(
            "Scores",
            scores,
            draw_scores,
            "Members by each score that the platform gives them. The RFM segments above are not"
            " these: they are counted from baskets.",
        ),
        *_note(scores, bulk_members.gaps(data, *bulk_members.SCORES)),
        panels.panel(
            "Balances",
            balances,
            _draw_balances,
            "Points and money, each by itself. With a balance are those above zero; the mean is of"
            " all members whose balance is known. The export does not name cashback's currency.",
        ),
        *_note(balances, bulk_members.gaps(data, *bulk_members.BALANCES)),
        panels.panel(
            "Loyalty status",
            levels,
            charts.levels,
            "Members by the level of their loyalty status; the 15 levels with the most members.",
        ),
        *_note(levels, status),
        panels.panel(
            "Reviews of the loyalty status",
            reviews,
            _draw_reviews,
            "Members by the date of their next review. Days are counted from the end of the newest"
            " load, in UTC.",
        ),
    ]
    head = "## Members in the bulk users export"
    when = "As they were when it was exported, whatever days are chosen above."
    return mo.vstack([mo.md(f"{head}\n\n<small>{when}</small>"), *parts])


def _note(found: Found, text: str) -> list[mo.Html]:
    """What a panel lacks, below what it shows; a grey panel says that itself."""
    return [mo.md(f"<small>{text}</small>")] if text and isinstance(found, pd.DataFrame) else []


def draw_scores(frame: pd.DataFrame) -> mo.Html:
    """A chart of each score, side by side."""
    each = [charts.scores(rows) for _, rows in frame.groupby("score", sort=False)]
    return mo.hstack(each, widths="equal", gap=1)


def _draw_balances(frame: pd.DataFrame) -> mo.Html:
    members = dict.fromkeys(("with_a_balance", "negative", "unknown"), "{:,.0f}")
    forms = {"total": "{:,.2f}", "mean": "{:,.2f}", **members}
    return mo.as_html(panels.table(frame, numbers=forms))


def _draw_reviews(frame: pd.DataFrame) -> mo.Html:
    forms = {**panels.times("since", "until"), "members": "{:,}"}
    return mo.as_html(panels.table(frame, numbers=forms))
