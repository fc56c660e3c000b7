"""Loyalty: sign-ups, active members, retention, sales, vouchers, what is owed, and bulk users.

marimo edit notebooks/loyalty.py                           # as a notebook
python notebooks/serve.py loyalty --db spaaza.duckdb       # as an app
"""

import marimo

app = marimo.App(width="medium", app_title="Loyalty")

with app.setup:
    import bulk_members
    import growth_panels
    import loaded_data
    import loyalty_charts as charts
    import loyalty_measures as measures
    import loyalty_model
    import marimo as mo
    import pandas as pd
    import panels
    from panels import panel


@app.cell
def _():
    # A DataFrame put here under a table's name, as {"transactions": frame}, replaces that table.
    frames = {}
    return (frames,)


@app.cell
def _():
    database_field = mo.ui.text(
        value=loaded_data.first_choice(mo.cli_args().get("db")),
        label="DuckDB file or dlt pipeline",
        full_width=True,
    )
    again = mo.ui.button(label="Read again", value=0, on_click=lambda count: count + 1)
    mo.vstack(
        [
            mo.md("# Loyalty"),
            mo.hstack([database_field, again], widths=[5, 1], align="end"),
        ]
    )
    return again, database_field


@app.cell
def _(again, database_field, frames):
    again.value
    database, _unreadable = panels.attempted(
        loaded_data.open_database, database_field.value, frames
    )
    mo.stop(database is None, _unreadable)
    schema_field = mo.ui.dropdown(
        list(database.schemas), value=next(iter(database.schemas)), label="Schema"
    )
    schema_field if len(database.schemas) > 1 else None
    return database, schema_field


@app.cell
def _(database, schema_field):
    everything, _unmade = panels.attempted(loyalty_model.read_model, database, schema_field.value)
    mo.stop(everything is None, _unmade)
    return (everything,)


@app.cell
def _(everything):
    _currencies = everything.currencies()
    whole_span = growth_panels.whole_span(everything)
    range_field = mo.ui.date_range(value=whole_span, label="From and until")
    every_field = mo.ui.dropdown(["week", "month", "quarter"], value="month", label="By")
    currency_field = mo.ui.dropdown(
        _currencies, value=_currencies[0] if _currencies else None, label="Currency"
    )
    _fields = [range_field, every_field, *([currency_field] if len(_currencies) > 1 else [])]
    mo.hstack(_fields, justify="start", gap=1.5)
    return currency_field, every_field, range_field, whole_span


@app.cell
def _(currency_field, every_field, everything, range_field, whole_span):
    every, as_of = every_field.value, range_field.value[1]
    # What has no time is in no range, but counts where none was chosen.
    span = None if range_field.value == whole_span else range_field.value
    data = everything.of_currency(currency_field.value).within(span)
    days = growth_panels.Days(every, span and span[0], as_of)
    return as_of, data, days, every


@app.cell
def _(active, days, funnel, held, unit_field):
    _figures = growth_panels.headline(active, funnel, held, unit_field.value, days)
    panels.stats(_figures) if _figures else None
    return


@app.cell
def _(data, days, every):
    active = panels.measured(measures.active_members, data, every)
    panel(
        "Active members",
        active,
        lambda frame: charts.active_members(frame, every),
        growth_panels.active_told(active, days),
        at_once=True,
    )
    return (active,)


@app.cell
def _():
    begin_field = mo.ui.dropdown(
        ["first basket", "sign-up"], value="first basket", label="Members by the month of their"
    )
    return (begin_field,)


@app.cell
def _(begin_field, data, days, every):
    grown = growth_panels.measure(data, every, begin_field)
    growth_panels.section(grown, days, begin_field, data.currency)
    return (grown,)


@app.cell
def _(as_of, data):
    segments = panels.measured(measures.rfm_segments, data, as_of)
    grid = panels.measured(measures.rfm_grid, data, as_of)
    segment_bars = charts.rfm_segments(segments) if isinstance(segments, pd.DataFrame) else None
    panel(
        "RFM segments",
        segments,
        lambda _: mo.hstack([segment_bars, charts.rfm_grid(grid)], widths=[3, 2], gap=1),
        "Members scored from 1 to 5 by their last purchase, how many they made and what they paid."
        " Click a bar, or several with Shift, for their members.",
    )
    return grid, segment_bars, segments


@app.cell
def _(as_of, data, segment_bars):
    _picked = panels.picked(segment_bars, "segment")
    members = panels.measured(measures.rfm_members, data, as_of, _picked)
    _shown = None
    if isinstance(members, pd.DataFrame):
        _title = f"**{', '.join(_picked) or 'All members'}**: {len(members):,}, in `members`"
        _forms = {"value": "{:,.2f}", "last_purchase": "{:%Y-%m-%d}"}
        _shown = mo.vstack([mo.md(_title), panels.table(members, numbers=_forms, size=5)])
    _shown
    return (members,)


@app.cell
def _(data):
    _there = [column for column in ("campaign", "type") if data.knows("vouchers", column)]
    by_field = mo.ui.dropdown(_there, value=_there[0] if _there else None, label="By")
    return (by_field,)


@app.cell
def _(as_of, by_field, data):
    campaigns = panels.measured(measures.vouchers_by, data, as_of, by_field.value or "campaign")
    campaign_bars = charts.vouchers_by(campaigns) if isinstance(campaigns, pd.DataFrame) else None
    return campaign_bars, campaigns


@app.cell
def _(as_of, by_field, campaign_bars, campaigns, data):
    _picked = panels.picked(campaign_bars, "name")
    funnel = panels.measured(measures.voucher_funnel, data, as_of, by_field.value, _picked)
    _which = "; ".join(panels.shown(each) for each in _picked)
    mo.vstack(
        [
            panel(
                "Vouchers, from issue to redemption",
                funnel,
                charts.voucher_funnel,
                "What became of the vouchers that were issued on these days"
                + (f": of {_which}." if _which else "."),
            ),
            panel(
                f"Vouchers redeemed, by {by_field.value or 'campaign'}",
                campaigns,
                lambda _: campaign_bars,
                "Click a bar, or several with Shift, for the stages above of these alone.",
                [by_field],
            ),
        ]
    )
    return (funnel,)


@app.cell
def _(as_of, data):
    redemption_days = panels.measured(measures.time_to_redemption, data, as_of)
    panel(
        "Time to redemption",
        redemption_days,
        charts.time_to_redemption,
        f"Of the vouchers that were redeemed, half were by day {measures.half(redemption_days)}."
        if isinstance(redemption_days, pd.DataFrame)
        else "",
    )
    return (redemption_days,)


@app.cell
def _(data):
    try:
        _units = measures.wallet_units(data)
    except loaded_data.MissingError:
        _units = []
    unit_field = mo.ui.dropdown(_units, value=_units[0] if _units else None, label="Of")
    return (unit_field,)


@app.cell
def _(data, days, every, unit_field):
    held = panels.measured(measures.liability, data, unit_field.value or "all", every)
    panel(
        "What wallets hold",
        held,
        lambda frame: charts.liability(frame, every, unit_field.value),
        growth_panels.held_told(held, unit_field.value or "", days),
        [unit_field],
    )
    return (held,)


@app.cell
def _(as_of, data):
    expiring = panels.measured(measures.liability_by_expiry, data, as_of)

    def _draw(frame):
        never = frame[frame["period"].isna()]
        without = "; ".join(
            f"{panels.shown(name)} {panels.short(amount, 'money')}"
            for name, amount in zip(never["of"], never["amount"], strict=True)
        )
        note = [mo.md(f"Without an end: {without}.")] if without else []
        dated = len(frame) > len(never)
        return mo.vstack([*([charts.liability_by_expiry(frame)] if dated else []), *note])

    panel(
        "Still held, by the month it expires",
        expiring,
        _draw,
        "Vouchers that still owe an amount, points that are listed as expiring, and wallet entries"
        " that tell when they expire.",
    )
    return (expiring,)


@app.cell
def _(data):
    sizes = panels.measured(measures.basket_sizes, data)
    panel("Basket sizes", sizes, charts.basket_sizes, "Without returns and the largest hundredth.")
    return (sizes,)


@app.cell
def _(data, days, every):
    baskets = panels.measured(measures.baskets_over_time, data, every)
    _told = growth_panels.baskets_told(baskets, days)
    panel("Baskets over time", baskets, lambda frame: charts.baskets_over_time(frame, every), _told)
    return (baskets,)


@app.cell
def _(data):
    channels = panels.measured(measures.baskets_by_channel, data)
    _forms = {"baskets": "{:,}", "median": "{:,.2f}", "quantity": "{:.2f}"}
    panel("Baskets by channel", channels, lambda frame: panels.table(frame, numbers=_forms))
    return (channels,)


@app.cell
def _(data):
    scores = panels.measured(bulk_members.scores, data)
    balances = panels.measured(bulk_members.balances, data)
    levels = panels.measured(bulk_members.levels, data)
    reviews = panels.measured(bulk_members.reviews, data)
    bulk_members.section(data, scores, balances, levels, reviews)
    return balances, levels, reviews, scores


@app.cell
def _():
    mo.md("""
    ### Where to go next

    Each panel's rows are a pandas DataFrame: `active`, `grown["sign_ups"]`, `grown["retention"]`,
    `grown["sales"]`, `grown["owed"]`, `segments`, `grid`, `members`,
    `campaigns`, `funnel`, `redemption_days`, `held`, `expiring`, `sizes`, `baskets`, `channels`,
    `scores`, `balances`, `levels`, `reviews`.
    The model's views are in DuckDB: `data.frame("FROM members LIMIT 5")`, and so `vouchers`,
    `voucher_events`, `wallet_entries`, `baskets`, and the liability `book`.
    """)
    return


if __name__ == "__main__":
    app.run()
