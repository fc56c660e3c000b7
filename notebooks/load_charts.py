"""Charts of how loads went, each from a DataFrame of `load_accounts`."""

from __future__ import annotations

import altair as alt
import pandas as pd
from panels import AMBER, BLUE, GREEN, GREY, PALETTE, RED, chart, colours, counted, number, words

_CHANGES = {"added": GREEN, "removed": RED, "renamed": AMBER, "moved": GREY}
_PHASES = {"waiting for the vendor": GREY, "downloading": BLUE, "converting": AMBER}


def rows_by_table(frame: pd.DataFrame) -> alt.Chart:
    """Rows of each table, in the colour of its age."""
    ages = {"fresh": GREEN, "stale": AMBER, "unknown": GREY}
    return (
        chart(frame, _height(len(frame)))
        .mark_bar()
        .encode(
            y=_names("table:N"),
            x=counted("rows:Q", "Rows"),
            color=colours("age", list(ages), list(ages.values())),
            tooltip=[
                words("table", "table"),
                number("rows", "rows"),
                number("columns", "columns"),
                words("age", "age"),
                number("hours", "hours since the last load", ",.1f"),
            ],
        )
    )


def rows_by_load(frame: pd.DataFrame) -> alt.Chart:
    """Rows of each load, stacked by table."""
    # Loads are hours or months apart: each gets the same width, in their order.
    return (
        chart(frame)
        .mark_bar(size=max(2, min(40, 700 // frame["ended_at"].nunique())))
        .encode(
            x=alt.X(
                "ended_at:O",
                timeUnit="utcyearmonthdatehoursminutes",
                title="End of the load, UTC",
                axis=alt.Axis(format="%-d %b %Y %H:%M", labelAngle=0, labelOverlap="greedy"),
            ),
            y=alt.Y("loaded:Q", title="Rows"),
            color=colours("table_name", sorted(frame["table_name"].unique()), PALETTE),
            tooltip=[
                alt.Tooltip(
                    "ended_at:T", title="end, UTC", timeUnit="utcyearmonthdatehoursminutes"
                ),
                words("table_name", "table"),
                number("loaded", "rows"),
                number("exports", "exports"),
            ],
        )
    )


def durations(frame: pd.DataFrame) -> alt.Chart:
    """Where the time of each table's exports went."""
    return (
        chart(frame, _height(frame["table_name"].nunique()))
        .mark_bar()
        .encode(
            y=_names("table_name:N"),
            x=alt.X("seconds:Q", title="Seconds"),
            color=colours("phase", list(_PHASES), list(_PHASES.values())),
            order=alt.Order("phase:N", sort="descending"),
            tooltip=[
                words("table_name", "table"),
                words("phase", "phase"),
                number("seconds", "seconds, mean", ",.2f"),
                number("exports", "exports"),
            ],
        )
    )


def changes(frame: pd.DataFrame) -> alt.Chart:
    """How many columns of each table changed in which way."""
    return (
        chart(frame, _height(frame["table_name"].nunique()))
        .mark_bar()
        .encode(
            y=_names("table_name:N"),
            x=counted("count():Q", "Columns"),
            color=colours("change", list(_CHANGES), list(_CHANGES.values())),
            tooltip=[
                words("table_name", "table"),
                words("change", "change"),
                alt.Tooltip("count():Q", title="columns"),
            ],
        )
    )


def rejected(frame: pd.DataFrame) -> alt.Chart:
    """Rejected rows by cause, in the colour of their table."""
    top = frame.head(20)
    return (
        chart(top, _height(top["reason"].nunique()))
        .mark_bar()
        .encode(
            y=_names("reason:N"),
            x=counted("sum(rows):Q", "Rows"),
            color=colours("table_name", sorted(top["table_name"].unique()), PALETTE),
            tooltip=[
                words("reason", "cause"),
                words("table_name", "table"),
                alt.Tooltip("sum(rows):Q", title="rows", format=","),
            ],
        )
    )


def _names(field: str) -> alt.Y:
    return alt.Y(field, sort="-x", title=None, axis=alt.Axis(labelLimit=320))


def _height(bars: int) -> int:
    return max(90, 30 * bars)
