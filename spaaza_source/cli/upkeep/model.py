"""What `spaaza model` does: makes the views of a dataset's model, and writes its liability book."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from rich.console import Console

from spaaza_source.cli.output import make_console, print_chain, print_line, print_rows
from spaaza_source.cli.pipeline import upkeep_pipeline
from spaaza_source.cli.target import Target
from spaaza_source.destination import hold_load_lock
from spaaza_source.errors import SettingsError
from spaaza_source.model import (
    GRACE_DAYS,
    Book,
    View,
    make_views,
    open_dataset,
    plan_book,
    plan_views,
    read_zone,
    statements,
    write_book,
)


def model(*, print_sql: bool, time_zone: str, close_through: str | None, **options: Any) -> None:
    """Make the model of each dataset, or print its SQL."""
    zone = read_zone(time_zone)
    console = make_console()
    for target in Target.each(**options):
        if not target.exists:
            raise _nothing_loaded(target, "there is no such file", str(target.db))
        if target.chain is not None and not print_sql:
            print_chain(console, target.chain)
        if print_sql:
            _print_sql(target)
        else:
            _make(target, console, zone, close_through)


def _print_sql(target: Target) -> None:
    with upkeep_pipeline(target, read_only=True) as pipeline, open_dataset(pipeline) as dataset:
        for sql in statements(dataset, plan_views(dataset, target.vendor.name)):
            click.echo(f"{sql};\n")


def _make(target: Target, console: Console, zone: str, close_through: str | None) -> None:
    # While a load writes, its tables do not belong together.
    with (
        upkeep_pipeline(target) as pipeline,
        hold_load_lock(pipeline),
        open_dataset(pipeline) as dataset,
    ):
        views = plan_views(dataset, target.vendor.name)
        if not any(view.sql for view in views):
            cause = f"the dataset {dataset.name} has no table to make a model of"
            raise _nothing_loaded(target, cause, "--dataset")
        make_views(dataset, views)
        show_views(console, dataset.model_name, views)
        plan = plan_book(dataset, views, zone, close_through)
        if plan is None:
            print_line(console, "\nNo liability book: neither vouchers nor wallets are there.")
        else:
            show_book(console, write_book(dataset, plan))


def _nothing_loaded(target: Target, cause: str, where: str) -> SettingsError:
    hint = f"Load first: spaaza load --vendor {target.vendor.name}."
    return SettingsError(cause, where=where, hint=hint)


def show_views(console: Console, schema: str, views: Sequence[View]) -> None:
    """Print the views, and what of them has no source."""
    rows = [
        (
            view.name,
            view.table or ("other views" if view.sql else ""),
            ", ".join(view.without_source)
            if view.sql
            else f"not made: no {' and no '.join(view.missing)}",
        )
        for view in views
    ]
    print_line(console, f"Schema {schema}:\n")
    print_rows(console, ("view", "made of", "without a source"), rows)


def show_book(console: Console, book: Book) -> None:
    """Print what is owed at the end of the book, and which months are closed."""
    closed = "no month" if book.closed is None else f"the months until {book.closed:%Y-%m}"
    print_line(
        console,
        f"\nliability_book: {book.rows} rows until {book.through}; {closed} closed, each"
        f" {GRACE_DAYS} days after its end; {book.adjustments} rows adjust closed months. Owed:\n",
    )
    rows = [(each.kind, each.currency, f"{each.amount:,.2f}") for each in book.owed]
    print_rows(console, ("kind", "currency", ">amount"), rows)
