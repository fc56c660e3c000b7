"""A first look at a warehouse: tables, freshness, exports, drift, rejected rows, columns.

marimo edit notebooks/first_look.py                        # as a notebook
python notebooks/serve.py first_look --db spaaza.duckdb    # as an app
"""

import marimo

app = marimo.App(width="medium", app_title="First look")

with app.setup:
    import load_accounts as accounts
    import load_charts as charts
    import loaded_data
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
            mo.md("# First look"),
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
    stale_field = mo.ui.slider(1, 168, value=26, label="Stale after hours", show_value=True)
    _fields = [schema_field, stale_field] if len(database.schemas) > 1 else [stale_field]
    mo.hstack(_fields, justify="start", gap=1.5)
    return database, schema_field, stale_field


@app.cell
def _(database, schema_field):
    found, _held = panels.attempted(accounts.read, database, schema_field.value)
    mo.stop(found is None, _held)
    return (found,)


@app.cell
def _(found, stale_field):
    tables = accounts.tables(found, stale_after_hours=stale_field.value)
    panels.stats(accounts.headline(found, tables))
    return (tables,)


@app.cell
def _(tables):
    panel(
        "Rows by table",
        tables,
        charts.rows_by_table,
        "Fresh or stale by the end of a table's last load; unknown where no load tells.",
        at_once=True,
    )
    return


@app.cell
def _(tables):
    _forms = {"rows": "{:,}", "hours": "{:,.1f}", **panels.times("newest", "loaded")}
    panel(
        "Freshness",
        tables,
        lambda frame: panels.table(frame, numbers=_forms),
        "`newest` is when the newest row happened, `loaded` when the last load ended, `hours` how"
        " long ago that was. All times are UTC.",
    )
    return


@app.cell
def _(found):
    loads = panels.measured(accounts.rows_by_load, found)
    panel("Rows of each load", loads, charts.rows_by_load)
    return (loads,)


@app.cell
def _(found):
    durations = panels.measured(accounts.durations, found)
    panel(
        "How long exports take",
        durations,
        charts.durations,
        "The mean of each table's last ten exports.",
    )
    return (durations,)


@app.cell
def _(found):
    exports = panels.measured(accounts.exports, found)
    _forms = {
        **dict.fromkeys(("rows", "rejected", "loaded", "bytes", "found", "late_rows"), "{:,.0f}"),
        **dict.fromkeys(("wait_seconds", "download_seconds", "convert_seconds"), "{:,.2f}"),
        **panels.times("ended_at", "window_start", "window_end"),
    }
    panel("Exports", exports, lambda frame: panels.table(frame, numbers=_forms))
    return (exports,)


@app.cell
def _(found):
    changes = panels.measured(accounts.changes, found)
    panel(
        "What headers gained and lost",
        changes,
        lambda frame: mo.vstack(
            [
                charts.changes(frame),
                panels.table(frame, numbers=panels.times("ended_at")),
            ]
        ),
        "Columns that a file's header added, removed, renamed (a guess) or moved since the load"
        " before.",
    )
    return (changes,)


@app.cell
def _(found):
    rejected = panels.measured(accounts.rejected, found)
    texts_field = mo.ui.switch(label="show the rows' text, which may be personal")
    panel(
        "Rejected rows, by cause",
        rejected,
        charts.rejected,
        "Rows that did not fit, and why. Their text stays in the database.",
        [texts_field],
    )
    return rejected, texts_field


@app.cell
def _(database, rejected, schema_field, texts_field):
    _shown = None
    if texts_field.value and isinstance(rejected, pd.DataFrame):
        texts = panels.measured(accounts.rejected_texts, database, schema_field.value)
        _shown = panels.table(texts) if isinstance(texts, pd.DataFrame) else texts
    _shown
    return


@app.cell
def _(tables):
    table_field = mo.ui.dropdown(
        list(tables["table"]), value=next(iter(tables["table"]), None), label="Table"
    )
    rows_field = mo.ui.switch(label="show some rows, with all that is in them")
    return rows_field, table_field


@app.cell
def _(database, schema_field, table_field):
    if table_field.value:
        profile = panels.measured(accounts.profile, database, schema_field.value, table_field.value)
    else:
        profile = panels.grey("There is no table of data yet.")
    return (profile,)


@app.cell
def _(profile, rows_field, table_field):
    panel(
        "Columns",
        profile,
        lambda frame: panels.table(
            frame, numbers={"filled": "{:.1%}", "distinct": "{:,}"}, size=20
        ),
        "How much of each column is filled, and about how many values it has. A column that ends in"
        " `__v_text` holds what did not fit its neighbour's type.",
        [table_field, rows_field],
    )
    return


@app.cell
def _(database, rows_field, schema_field, table_field):
    _shown = None
    if rows_field.value and table_field.value:
        rows = panels.measured(accounts.first_rows, database, schema_field.value, table_field.value)
        _shown = panels.table(rows) if isinstance(rows, pd.DataFrame) else rows
    _shown
    return


@app.cell
def _():
    mo.md("""
    ### Where to go next

    Each panel's rows are a pandas DataFrame: `tables`, `loads`, `durations`, `exports`, `changes`,
    `rejected`, `profile`.
    """)
    return


if __name__ == "__main__":
    app.run()
