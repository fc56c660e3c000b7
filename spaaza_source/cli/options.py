"""The options that several commands share. Nothing is imported that takes time: for `--help`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

#: The vendors, Spaaza first; of each there is one in `vendors`.
VENDOR_NAMES = ("spaaza", "voucherify")
#: How often the vendor may repeat an export.
SCHEDULES = ("daily", "weekly", "monthly")
DB = click.Path(dir_okay=False, path_type=Path)

vendor_option = click.option(
    "--vendor",
    type=click.Choice(VENDOR_NAMES),
    default=VENDOR_NAMES[0],
    help="Vendor of the exports.",
)
max_exports_option = click.option(
    "--max-exports",
    type=click.IntRange(1),
    help="Exports of one table that a first load may request unasked; without a terminal, more is"
    " an error.  [default: 240]",
)
log_option = click.option(
    "--log",
    type=click.Choice(["text", "json"]),
    default="text",
    help="json: one line of JSON per event.",
)
rows_option = click.option("--rows", type=click.IntRange(0), default=10_000, help="Rows per table.")
seed_option = click.option("--seed", type=int, default=7, help="Seed of the generated data.")


def load_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options of a command that plans or runs loads: those that make its targets."""
    for decorate in (
        click.option("--end-date", help="End (exclusive) of that very range; alone, of all loads."),
        click.option("--start-date", help="Start of history: 2026-05-26 or 2026-05-26T12:00:00Z."),
        place_options,
        click.argument("tables", nargs=-1, metavar="[TABLE]..."),
    ):
        command = decorate(command)
    return command


def place_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options that name a dataset, and the pipeline that loads it."""
    for decorate in (
        click.option(
            "--pipeline",
            help="Name of dlt's pipeline.  [default: one for each destination and account]",
        ),
        dataset_options,
    ):
        command = decorate(command)
    return command


def dataset_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options that name a vendor's dataset."""
    for decorate in (
        click.option("--dataset", help="Schema with the tables.  [default: VENDOR_data]"),
        click.option("--destination", help="Another dlt destination, set up in dlt's config."),
        click.option(
            "--db", type=DB, help="DuckDB file with the tables.  [default: VENDOR.duckdb]"
        ),
        click.option(
            "--chain",
            "chains",
            type=click.IntRange(1),
            multiple=True,
            help="Chain of Spaaza, of several: each into DATASET_CHAIN. May be repeated.",
        ),
        vendor_option,
    ):
        command = decorate(command)
    return command


def report_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options of a command that reports a load: the form of the report."""
    for decorate in (
        click.option(
            "--verbose",
            is_flag=True,
            help="List the single exports too, above the line of each table.",
        ),
        log_option,
    ):
        command = decorate(command)
    return command
