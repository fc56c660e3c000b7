"""Charts of the loyalty measures: each from the DataFrame of the measure of its name."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd
from loyalty_measures import SEGMENTS
from panels import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    PALETTE,
    RED,
    chart,
    colours,
    counted,
    legible,
    number,
    over_time,
    period,
    pickable,
    shade,
    words,
)

# As the axes' labels are: so the page's theme makes it dark on light, and light on dark.
_LABEL = "guide-label"
#: What may become of a voucher, in order, each with its colour.
STAGES = {
    "Issued": BLUE,
    "Claimed": BLUE,
    "Redeemed": GREEN,
    "Expired unused": RED,
    "Still open": GREY,
}


def active_members(frame: pd.DataFrame, every: str) -> alt.Chart:
    """New and returning members of each period, stacked."""
    return (
        chart(frame)
        .mark_bar()
        .encode(
            x=over_time(every),
            y=alt.Y("members:Q", title="Members"),
            color=colours("kind", ["new", "returning"], [AMBER, BLUE]),
            tooltip=[
                period(every),
                words("kind", "kind"),
                number("members", "members"),
                number("baskets", "baskets"),
            ],
        )
    )


def rfm_segments(frame: pd.DataFrame) -> Any:
    """Members of each segment; a click picks segments."""
    bars = (
        chart(frame, 240)
        .mark_bar()
        .encode(
            y=alt.Y("segment:N", sort=list(SEGMENTS), title=None),
            x=counted("members:Q", "Members"),
            color=colours("segment", SEGMENTS, PALETTE).legend(None),
            tooltip=[
                words("segment", "segment"),
                number("members", "members"),
                number("share", "share of members", ".0%"),
                number("value", "paid by them", ",.2f"),
                number("purchases", "purchases, median"),
                number("days_since", "days since the last, median"),
            ],
        )
    )
    return pickable(bars, "segment")


def rfm_grid(frame: pd.DataFrame) -> alt.LayerChart:
    """Members by their two scores, in the colours of the segments."""
    plain = alt.Axis(labelAngle=0, grid=False, domain=False, ticks=False)
    fills = dict(zip(SEGMENTS, PALETTE, strict=False))
    inked = frame.assign(ink=[legible(fills[segment]) for segment in frame["segment"]])
    base = chart(inked, 240).encode(
        x=alt.X("r:O", title="Recency (5: bought last)", axis=plain),
        y=alt.Y("fm:O", title="Frequency and money", sort="descending", axis=plain),
    )
    cells = base.mark_rect(cornerRadius=3, stroke="white").encode(
        color=colours("segment", SEGMENTS, PALETTE).legend(None),
        tooltip=[
            words("segment", "segment"),
            number("members", "members"),
            number("value", "paid by them", ",.2f"),
        ],
    )
    counts = base.mark_text(fontWeight="bold").encode(
        text=alt.Text("members:Q", format=","), color=alt.Color("ink:N", scale=None)
    )
    return cells + counts


def voucher_funnel(frame: pd.DataFrame) -> alt.LayerChart:
    """The vouchers at each stage, with their share of those issued."""
    widest = float(frame["vouchers"].max()) * 1.08
    base = chart(frame, 200).encode(
        y=alt.Y("stage:N", sort=list(STAGES), title=None),
        x=counted("vouchers:Q", "Vouchers").scale(domain=[0, widest], nice=False),
        tooltip=[
            words("stage", "stage"),
            number("vouchers", "vouchers"),
            number("share", "of those issued", ".1%"),
        ],
    )
    bars = base.mark_bar().encode(
        color=colours("stage", list(STAGES), list(STAGES.values())).legend(None)
    )
    shares = base.mark_text(align="left", dx=4, style=_LABEL)
    return bars + shares.encode(text=alt.Text("share:Q", format=".0%"))


def vouchers_by(frame: pd.DataFrame) -> Any:
    """The share redeemed of each campaign or kind; a click picks some."""
    bars = (
        chart(frame, max(100, 30 * len(frame)))
        .mark_bar(color=GREEN)
        .encode(
            y=alt.Y("name:N", sort="-x", title=None, axis=alt.Axis(labelLimit=220)),
            x=alt.X("rate:Q", title="Redeemed, of those issued", axis=alt.Axis(format="%")),
            tooltip=[
                words("name", "name"),
                number("rate", "redeemed", ".1%"),
                number("issued", "issued"),
                number("redeemed", "redeemed"),
                number("expired", "expired unused"),
                number("open", "still open"),
            ],
        )
    )
    return pickable(bars, "name")


def time_to_redemption(frame: pd.DataFrame) -> alt.Chart:
    """Vouchers by the days from issue to redemption."""
    bins = alt.Bin(maxbins=60, minstep=1)
    return (
        chart(frame)
        .mark_bar(color=GREEN)
        .encode(
            x=alt.X(
                "days:Q",
                bin=bins,
                title="Days from issue to redemption",
                axis=alt.Axis(format="d", grid=False, labelOverlap="greedy"),
            ),
            y=alt.Y("sum(vouchers):Q", title="Vouchers"),
            tooltip=[
                alt.Tooltip("days:Q", bin=bins, title="days", format="d"),
                alt.Tooltip("sum(vouchers):Q", title="vouchers", format=",.0f"),
            ],
        )
    )


def liability(frame: pd.DataFrame, every: str, unit: str) -> alt.Chart:
    """What is held at the end of each period."""
    return (
        chart(frame)
        .mark_area(color=BLUE, opacity=0.3, line=True)
        .encode(
            x=over_time(every),
            y=alt.Y("balance:Q", title=f"Held, {unit}"),
            tooltip=[
                period(every),
                number("balance", "held at its end", ",.2f"),
                number("added", "added", ",.2f"),
                number("taken", "taken", ",.2f"),
            ],
        )
    )


def liability_by_expiry(frame: pd.DataFrame) -> alt.Chart:
    """What expires in each month."""
    dated = frame.dropna(subset=["period"])
    # A few months would be a few bars as wide as the page.
    return (
        chart(dated)
        .mark_bar(size=min(40, 600 // dated["period"].nunique()))
        .encode(
            x=over_time("month").type("ordinal"),
            y=alt.Y("amount:Q", title="Amount"),
            color=colours("of", sorted(dated["of"].unique())),
            tooltip=[
                period("month", "expires in"),
                words("of", "of"),
                number("amount", "amount", ",.2f"),
            ],
        )
    )


def basket_sizes(frame: pd.DataFrame) -> alt.Chart:
    """Baskets by what was paid for them."""
    return (
        chart(frame)
        .mark_bar(color=BLUE)
        .encode(
            x=alt.X("low:Q", bin="binned", title="Paid", axis=alt.Axis(grid=False)),
            x2="high:Q",
            y=alt.Y("baskets:Q", title="Baskets"),
            tooltip=[number("low", "from"), number("high", "to"), number("baskets", "baskets")],
        )
    )


def baskets_over_time(frame: pd.DataFrame, every: str) -> alt.LayerChart:
    """What was paid in all, as bars, and the middle basket, as a line with an axis of its own."""
    base = chart(frame).encode(
        x=over_time(every),
        tooltip=[
            period(every),
            number("baskets", "baskets"),
            number("revenue", "paid in all", ",.2f"),
            number("median", "middle basket", ",.2f"),
            number("quantity", "quantity, mean", ",.1f"),
        ],
    )
    bars = base.mark_bar(color=GREY, opacity=0.6)
    line = base.mark_line(color=AMBER, point={"color": AMBER, "size": 30}).encode(
        # In the middle of the period's bar.
        x=over_time(every).bandPosition(0.5)
    )
    own = alt.Axis(grid=False)
    layers = alt.layer(
        bars.encode(y=alt.Y("revenue:Q", title="Paid in all (bars)")),
        line.encode(y=alt.Y("median:Q", title="Middle basket (line)", axis=own)),
    )
    return layers.resolve_scale(y="independent")


def scores(frame: pd.DataFrame) -> alt.Chart:
    """Members by one score of the bulk users export."""
    # The bar of a single number stands around it.
    shift = (frame["high"] - frame["low"] == 1) * 0.5
    title = frame["score"].iloc[0]
    return (
        chart(frame.assign(left=frame["low"] - shift, right=frame["high"] - shift), 160)
        .mark_bar(color=BLUE)
        .encode(
            x=alt.X(
                "left:Q",
                bin="binned",
                title=title,
                axis=alt.Axis(tickMinStep=1, format=",d", grid=False),
            ),
            x2="right:Q",
            y=alt.Y("members:Q", title="Members"),
            tooltip=[
                number("low", "from"),
                number("high", "to below"),
                number("members", "members"),
                number("share", "of those who have it", ".1%"),
            ],
        )
    )


def levels(frame: pd.DataFrame) -> alt.Chart:
    """Members by the level of their loyalty status."""
    return (
        chart(frame, max(100, 30 * len(frame)))
        .mark_bar(color=BLUE)
        .encode(
            y=alt.Y("level:N", sort="-x", title=None, axis=alt.Axis(labelLimit=220)),
            x=counted("members:Q", "Members"),
            tooltip=[
                words("level", "level"),
                number("members", "members"),
                number("share", "of all members", ".1%"),
            ],
        )
    )


def sign_ups(frame: pd.DataFrame, every: str) -> alt.Chart:
    """Members who signed up in each period."""
    return (
        chart(frame)
        .mark_bar(color=BLUE)
        .encode(
            x=over_time(every),
            y=alt.Y("members:Q", title="Sign-ups"),
            tooltip=[
                period(every),
                number("members", "sign-ups"),
                number("total", "members in all"),
            ],
        )
    )


def retention(frame: pd.DataFrame) -> alt.LayerChart:
    """The share of each cohort that bought, by months since; the later months set the colours."""
    later = frame.loc[frame["months"] > 0, "share"].max()
    fills = [shade(share / later if later > 0 else share) for share in frame["share"]]
    drawn = frame.assign(
        fill=fills,
        ink=[legible(fill) for fill in fills],
        name=frame["cohort"].dt.strftime("%b %Y"),
    )
    plain = alt.Axis(labelAngle=0, grid=False, domain=False, ticks=False)
    names = list(dict.fromkeys(drawn["name"]))
    base = chart(drawn, 60 + 22 * len(names)).encode(
        x=alt.X("months:O", title="Months later", axis=plain),
        y=alt.Y("name:O", title=None, sort=names, axis=plain),
    )
    cells = base.mark_rect(cornerRadius=2).encode(
        color=alt.Color("fill:N", scale=None),
        tooltip=[
            words("name", "began in"),
            number("months", "months later"),
            number("share", "bought", ".1%"),
            number("active", "members who bought"),
            number("members", "members who began"),
        ],
    )
    shares = base.mark_text().encode(
        text=alt.Text("share:Q", format=".0%"), color=alt.Color("ink:N", scale=None)
    )
    return cells + shares


def sales(frame: pd.DataFrame, every: str) -> alt.Chart:
    """What was paid in each period, less what came back."""
    return _sold(frame, every, "sales", "Sales", mark=alt.MarkDef("bar", color=BLUE))


def basket_value(frame: pd.DataFrame, every: str) -> alt.Chart:
    """What a basket was worth in each period, on average."""
    mark = alt.MarkDef("line", color=GREEN, point={"color": GREEN})
    return _sold(frame, every, "average", "Basket, on average", mark=mark, height=140)


def _sold(
    frame: pd.DataFrame,
    every: str,
    column: str,
    title: str,
    *,
    mark: alt.MarkDef,
    height: int = 260,
) -> alt.Chart:
    drawn = chart(frame, height).encode(
        x=over_time(every),
        y=alt.Y(f"{column}:Q", title=title),
        tooltip=[
            period(every),
            number("sales", "sales", ",.2f"),
            number("baskets", "baskets"),
            number("average", "basket, on average", ",.2f"),
        ],
    )
    drawn.mark = mark
    return drawn


def owed(frame: pd.DataFrame, every: str) -> alt.Chart:
    """What was owed at the end of each period, by kind; of one currency, or of points."""
    of = list(dict.fromkeys(frame["of"]))
    return (
        chart(frame, 200)
        .mark_line(point=True)
        .encode(
            x=over_time(every),
            y=alt.Y("owed:Q", title=f"Owed, {of[0]}" if len(of) == 1 else "Owed"),
            color=colours("of", of, [BLUE, AMBER, GREEN]),
            tooltip=[
                period(every),
                words("of", "of"),
                number("owed", "owed at its end", ",.2f"),
                number("issued", "issued", ",.2f"),
                number("redeemed", "redeemed", ",.2f"),
                number("expired", "expired", ",.2f"),
                number("corrected", "corrected", ",.2f"),
            ],
        )
    )
