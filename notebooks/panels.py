"""How the notebooks show what they found: charts of one look, and grey panels for what is missing.

What is shown is the notebooks' own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, Literal, TypeVar

import altair as alt
import duckdb
import marimo as mo
import pandas as pd
from loaded_data import CannotReadError, MissingError

BLUE, GREEN, AMBER, RED, GREY = "#3b6fb6", "#3f9c77", "#e0a030", "#c8553d", "#a9b1bb"
#: What is written on a colour: whichever can be read on it.
INKS = ("#000000", "#ffffff")
#: Colours of things without an order.
PALETTE = (BLUE, AMBER, GREEN, RED, "#8a63b8", "#4aa3b5", "#b8739b", "#7f8c4f", GREY)
HEIGHT = 260
# Pixels that a panel takes before it is drawn, so that the page does not draw all at once.
_ROOM = 150
Found = TypeVar("Found")
_UNITS: dict[str, Any] = {
    "day": "utcyearmonthdate",
    "week": "utcyearmonthdate",
    "month": "utcyearmonth",
    "quarter": "utcyearquarter",
}


def measured(
    measure: Callable[..., pd.DataFrame], *arguments: Any, **more: Any
) -> pd.DataFrame | mo.Html:
    """What a measure finds; or, where it lacks something, a grey panel that says what."""
    try:
        found = measure(*arguments, **more)
    except MissingError as missing:
        return grey(str(missing))
    except duckdb.Error as failure:
        # Its message may quote a cell.
        kind = type(failure).__name__
        return grey(f"DuckDB cannot count this ({kind}). Choose other columns for it.")
    return found if len(found) else grey("There is nothing to show yet.")


def attempted(
    read: Callable[..., Found], *arguments: Any, **more: Any
) -> tuple[Found | None, mo.Html | None]:
    """What could be read; or None, and why it could not."""
    try:
        return read(*arguments, **more), None
    except CannotReadError as failure:
        return None, mo.callout(mo.md(str(failure)), kind="warn")


def grey(why: str) -> mo.Html:
    """A panel for what cannot be shown."""
    return mo.Html(
        '<div class="missing" style="border: 1px dashed var(--gray-7, #bbb); border-radius: 8px;'
        " padding: 1.25rem; color: var(--gray-10, #777); background: var(--gray-2, #f7f7f7);"
        f' margin: 0.5rem 0">{mo.md(why).text}</div>'
    )


def panel(
    title: str,
    found: pd.DataFrame | mo.Html,
    draw: Callable[[pd.DataFrame], Any],
    about: str = "",
    controls: Sequence[Any] = (),
    *,
    at_once: bool = False,
) -> mo.Html:
    """A titled panel: what `draw` makes of the rows, or the grey panel that came in their place.

    In a browser it is drawn when it is scrolled to, so that the first one need not wait for the
    others; unless `at_once`.
    """
    head: list[Any] = [mo.md(f"### {title}")]
    if about:
        head.append(mo.md(f"<small>{about}</small>"))
    if not isinstance(found, pd.DataFrame):
        return mo.vstack([*head, found])
    if controls:
        head.append(mo.hstack(list(controls), justify="start", gap=1.5, wrap=True))
    drawn = mo.as_html(draw(found))
    if not at_once:
        drawn = mo.Html(f'<div style="min-height: {_ROOM}px">{mo.lazy(drawn)}</div>')
    return mo.vstack([*head, drawn])


def chart(frame: pd.DataFrame, height: int = HEIGHT) -> alt.Chart:
    """A chart as wide as the page."""
    # A browser takes a time without a zone for one of its own zone.
    utc = {
        name: frame[name].dt.tz_localize("UTC") for name in frame.select_dtypes("datetime").columns
    }
    return alt.Chart(frame.assign(**utc), width="container", height=height)


def counted(field: str, title: str) -> alt.X:
    """An axis of whole numbers."""
    return alt.X(field, title=title, axis=alt.Axis(tickMinStep=1, format=",d"))


def over_time(every: str = "month", column: str = "period") -> alt.X:
    """A time axis of weeks, months or quarters; in UTC, wherever the browser is."""
    form = "%-d %b %Y" if every in ("day", "week") else "%b %Y"
    axis = alt.Axis(format=form, labelOverlap="greedy", grid=False)
    # A period's bar is as wide as the period.
    return alt.X(f"{column}:T", timeUnit=_UNITS[every], title=None, axis=axis)


def period(every: str = "month", title: str = "", column: str = "period") -> alt.Tooltip:
    """A week, month or quarter in a tooltip."""
    form = {"week": "week of %-d %B %Y", "day": "%-d %B %Y"}.get(every, "%B %Y")
    return alt.Tooltip(f"{column}:T", title=title or every, timeUnit=_UNITS[every], format=form)


def number(column: str, title: str, form: str = ",.0f") -> alt.Tooltip:
    """A number in a tooltip."""
    return alt.Tooltip(f"{column}:Q", title=title, format=form)


def words(column: str, title: str) -> alt.Tooltip:
    """A text in a tooltip."""
    return alt.Tooltip(f"{column}:N", title=title)


def pickable(bars: alt.Chart, column: str) -> Any:
    """The chart, in which clicks pick values of a column: its `value` holds their rows."""
    pick = alt.selection_point(name="pick", fields=[column], on="click", toggle="event.shiftKey")
    dim = alt.condition(pick, alt.value(1), alt.value(0.35))
    return mo.ui.altair_chart(
        bars.encode(opacity=dim).add_params(pick), chart_selection=False, legend_selection=False
    )


def picked(bars: Any, column: str) -> list[str]:
    """The values that were clicked, of a chart that may be missing."""
    if bars is None or not bars.selections.get("pick"):
        return []
    return sorted(set(bars.value[column]))


def colours(
    column: str, values: Sequence[str], of: Sequence[str] = PALETTE, title: str | None = None
) -> alt.Color:
    """Colours for these values, in this order, with a legend above the chart."""
    scale = alt.Scale(domain=list(values), range=[of[i % len(of)] for i in range(len(values))])
    legend = alt.Legend(title=title, orient="top", labelLimit=240)
    return alt.Color(f"{column}:N", scale=scale, legend=legend if len(values) > 1 else None)


def contrast(one: str, other: str) -> float:
    """How well one colour is read on another, from 1 to 21; from 4.5 on it is, says WCAG."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def legible(fill: str) -> str:
    """The colour in which a text can be read on this one."""
    return max(INKS, key=lambda ink: contrast(fill, ink))


def shade(share: float, of: str = BLUE) -> str:
    """The colour of a share between none, which is nearly white, and all of it."""
    kept = 0.06 + 0.94 * min(max(share, 0.0), 1.0)
    mixed = (round(255 + (channel - 255) * kept) for channel in _channels(of))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def _channels(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def _luminance(colour: str) -> float:
    parts = [channel / 255 for channel in _channels(colour)]
    linear = [_linear(part) for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _linear(part: float) -> float:
    # sRGB's own curve.
    straight = 0.04045
    return part / 12.92 if part <= straight else ((part + 0.055) / 1.055) ** 2.4


def stats(values: Mapping[str, tuple[str, str]]) -> mo.Html:
    """A row of figures: by label, the figure and what it is of."""
    shown = [
        mo.stat(value, label=label, caption=caption, bordered=True)
        for label, (value, caption) in values.items()
    ]
    return mo.hstack(shown, widths="equal", gap=0.75, wrap=True)


def short(value: float, form: Literal["count", "money"] = "count") -> str:
    """A number as a person reads it: 950, 12,400, 1.3 million."""
    for size, word in ((1e9, " billion"), (1e6, " million")):
        if abs(value) >= size:
            return f"{value / size:,.1f}{word}"
    cents = form == "money" and abs(value) < 1e3  # noqa: PLR2004 - beyond, they say nothing
    return f"{value:,.2f}" if cents else f"{value:,.0f}"


def table(frame: pd.DataFrame, *, numbers: Mapping[str, str] | None = None, size: int = 10) -> Any:
    """A table to sort, search and download; numbers as Python's format strings say."""
    forms: dict[str, Any] = {
        name: (lambda value, form=form: "" if pd.isna(value) else form.format(value))
        for name, form in (numbers or {}).items()
        if name in frame
    }
    return mo.ui.table(
        frame,
        selection=None,
        page_size=size,
        format_mapping=forms,
        show_column_summaries=False,
        show_data_types=False,
    )


def times(*columns: str) -> dict[str, str]:
    """How tables show these columns of times: to the minute."""
    return dict.fromkeys(columns, "{:%Y-%m-%d %H:%M}")


def shown(text: object) -> str:
    """A name from the data, safe within markdown."""
    return escape(str(text)).replace("`", "&#96;").replace("|", "&#124;").replace("*", "&#42;")
