"""The `spaaza` command line: its subcommands and their options.

Exit codes: 0 success, 1 something failed or differs, 2 a setting is wrong.

What a command does is imported when it is run: dlt alone takes longer than `--help` may.
"""

from __future__ import annotations

import sys
import traceback
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import click

from spaaza_source.cli.imports import import_quickly
from spaaza_source.cli.options import (
    DB,
    SCHEDULES,
    dataset_options,
    load_options,
    log_option,
    max_exports_option,
    place_options,
    report_options,
    rows_option,
    seed_option,
    vendor_option,
)
from spaaza_source.signals import raise_on_sigterm


@click.group(
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "show_default": True,
    }
)
@click.version_option(package_name="spaaza-source")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(*, debug: bool) -> None:
    """Load a loyalty platform's exports into a warehouse.

    Settings come from .dlt/config.toml and .dlt/secrets.toml, or from the environment:

    \b
    SOURCES__SPAAZA__BASE_URL
    SOURCES__SPAAZA__CHAIN_ID
    SOURCES__SPAAZA__CREDENTIALS__ACCESS_TOKEN_ID
    SOURCES__SPAAZA__CREDENTIALS__ACCESS_TOKEN_SECRET

    \b
    SOURCES__VOUCHERIFY__BASE_URL    for a region other than Europe
    SOURCES__VOUCHERIFY__CREDENTIALS__APP_ID
    SOURCES__VOUCHERIFY__CREDENTIALS__APP_TOKEN

    Exit codes: 0 success, 1 something failed or differs, 2 a setting is wrong.
    """  # noqa: D301 - click reads the backspace: keep these lines as they are
    del debug  # the error handlers read it from the context or the command line


@cli.command()
@click.option("--db", type=DB, default="demo.duckdb", help="DuckDB file.")
@rows_option
@seed_option
@vendor_option
@click.option("--bulk-users", is_flag=True, help="Load Spaaza's bulk users export too.")
def demo(**options: Any) -> None:
    """Load generated exports into DuckDB, from a sandbox inside this process.

    Loads Spaaza's six indexes, or Voucherify's seven objects; each time anew.
    """
    _run("sandbox_commands", "demo", options)


@cli.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8750,
    help="Port to listen on; 0 picks a free one.",
)
@rows_option
@seed_option
@click.option(
    "--run-seconds", type=click.FloatRange(0), default=2.0, help="Seconds each export takes."
)
@click.option(
    "--live", is_flag=True, help="Let rows come, change and go with a clock that you can set."
)
def sandbox(**options: Any) -> None:
    """Serve the vendors' APIs with generated data on this machine, until Ctrl-C.

    With --live, time passes: new rows, some of them late, redeemed vouchers, erased users.
    """
    _run("sandbox_commands", "sandbox", options)


@cli.command()
@click.option("--yes", is_flag=True, help="Create the tasks without asking.")
@click.option(
    "--chain",
    type=click.IntRange(1),
    help="Chain of Spaaza to create the tasks in, of several: one is enough for all of its host.",
)
def probe(**options: Any) -> None:
    """Find out what Spaaza's documents do not say, by a few small tasks of your account.

    The tasks are printed first, and you are asked. What is found is written to vendor_profile.toml
    beside .dlt/config.toml: every load from this host obeys it where nothing else is set, and
    `check` shows it.
    """
    _run("probe", "probe", options)


@cli.command()
@load_options
@click.option("--deep", is_flag=True, help="Also compare each table with a fresh export.")
@click.option(
    "--keys",
    type=click.IntRange(0),
    default=10,
    help="Keys to show for each kind of difference.",
)
def check(**options: Any) -> None:
    """Check the host, the credentials and the other settings, and say what is wrong with them.

    With --deep, request a fresh export of each table and report the rows that are missing from the
    table, extra in it, or different; exit code 1 if there are any. Nothing is loaded. The other
    options apply to --deep only.
    """
    _run("commands", "check", options)


@cli.command()
@load_options
@click.option(
    "--keep-files",
    type=click.Path(file_okay=False),
    help="Folder to archive the downloaded files in; they contain personal data.",
)
@click.option(
    "--from-files",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Load archived files: the folder of one load, or of several, loaded in order.",
)
@click.option(
    "--file",
    "files",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="Load this file as the table, or of the given dates; may be repeated. CSV or JSON, gzip or"
    " not. The vendor is asked nothing.",
)
@click.option(
    "--dialect",
    multiple=True,
    metavar="NAME=VALUE",
    help="What --file is written in, where it is not RFC 4180: delimiter, quote, encoding, decimal,"
    " date_format, skip_leading, skip_trailing. May be repeated.",
)
@click.option(
    "--accept-deletes", is_flag=True, help="Allow this load to delete any number of rows."
)
@click.option(
    "--full-refresh", is_flag=True, help="Drop these tables and their state, then load all history."
)
@click.option(
    "--abandon",
    is_flag=True,
    help="Give up a load that is not finished; its exports are adopted or requested again.",
)
@max_exports_option
@report_options
def load(**options: Any) -> None:
    """Load history first, then what is new since the last load: all tables, or those given.

    \b
    Of Spaaza:     transactions users vouchers wallet_ledger products product_variants;
                   bulk_users where it is named
    Of Voucherify: vouchers redemptions publications customers points_expirations orders
                   voucher_transactions
    """  # noqa: D301 - as above
    _run("commands", "load", options)


@cli.command()
@load_options
def plan(**options: Any) -> None:
    """Show the exports that the next load would request. Nothing is requested."""
    _run("commands", "plan", options)


@cli.command()
@load_options
@click.option(
    "--repeat",
    type=click.Choice(SCHEDULES),
    help="Have Spaaza repeat each export on this schedule, each time with all rows.",
)
@click.option(
    "--apart",
    type=click.FloatRange(0),
    default=300.0,
    help="Seconds between batches of exports (ignored for Voucherify, which queues itself).",
)
@max_exports_option
def submit(**options: Any) -> None:
    """Request the exports of the next load and exit; `collect` loads them later."""
    _run("commands", "submit", options)


@cli.command()
@load_options
@click.option(
    "--task",
    help="Load the last run of this task of Spaaza, whoever made it: a recurring one run by run."
    " Its table and its filter are read back from it.",
)
@report_options
def collect(**options: Any) -> None:
    """Load finished exports, each once, and list what is still missing. Nothing is requested."""
    _run("commands", "collect", options)


@cli.command()
@load_options
@click.option("--all", "show_all", is_flag=True, help="Show jobs of any age.")
def jobs(**options: Any) -> None:
    """List our export jobs at the vendor, and which of them are loaded."""
    _run("commands", "jobs", options)


@cli.command()
@load_options
@click.option("--print", "print_sql", is_flag=True, help="Print the views' SQL; make nothing.")
@click.option("--time-zone", default="UTC", help="Time zone of the liability book's days.")
@click.option(
    "--close-through",
    metavar="YYYY-MM|none",
    help="Close the book's months until this one, or none.  [default: each month that ended ten"
    " days before what is loaded does]",
)
def model(**options: Any) -> None:
    """Make views with settled names and types of what is loaded, and write the liability book.

    They are in a schema beside the dataset: DATASET_model. A closed month of the book never
    changes: what comes late is a row of its own on the first open day. Nothing is requested.
    """
    _run("upkeep.model", "model", options)


@cli.command()
@click.argument("table")
@click.option("--key", "given", multiple=True, help="A person's key there. May be repeated.")
@click.option(
    "--keys",
    "keys_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with one key on each line.",
)
@click.option(
    "--link",
    "added",
    multiple=True,
    metavar="TABLE.COLUMN[=IDENTIFIER]",
    help="A further column that holds the key, or another identifier. May be repeated.",
)
@click.option(
    "--without",
    "left_out",
    multiple=True,
    metavar="TABLE.COLUMN",
    help="A column to leave alone. May be repeated.",
)
@click.option(
    "--rejected",
    type=click.Choice(["matching", "all"]),
    default="matching",
    help="Which rows of rejected_rows go: those that have an identifier in them, or all.",
)
@click.option(
    "--kept-files",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    multiple=True,
    help="A folder of archived files, beside the one that keep_files names. May be repeated.",
)
@click.option("--yes", is_flag=True, help="Erase without asking.")
@place_options
def forget(**options: Any) -> None:
    """Erase people from all tables of a dataset, kept files and load packages; keep them out.

    What would be removed, and by which columns, is printed first, and you are asked. Later loads
    leave out the rows of these people while the vendor still exports them.
    """
    _run("upkeep.forget", "forget", options)


@cli.command()
@click.argument("tables", nargs=-1, metavar="[TABLE]...")
@dataset_options
@click.option(
    "--max-age", default="26h", metavar="TIME", help="Age of what is loaded: 90m, 26h, 2d."
)
@click.option(
    "--volume-tolerance",
    type=click.FloatRange(0),
    default=0.5,
    help="Share by which the last load's rows may differ from the usual.",
)
@click.option(
    "--null-tolerance",
    type=click.FloatRange(0, 1),
    default=0.2,
    help="By how much a column's share of NULL may be larger than usual.",
)
@click.option(
    "--max-rejected-share",
    type=click.FloatRange(0, 1),
    default=0.01,
    help="Share of the last load's rows that may be bad.",
)
@click.option(
    "--invariant-tolerance",
    type=click.FloatRange(0, 1),
    default=0.01,
    help="Share for which what must hold between exports may not; where a model is made.",
)
@click.option(
    "--min-loads",
    type=click.IntRange(1),
    default=3,
    help="Earlier loads that tell what is usual; with fewer nothing is said of it.",
)
@log_option
def health(**options: Any) -> None:
    """Say of each loaded table whether it is as it should be; exit code 1 where it is not.

    Freshness, volume and NULLs against the table's own history, bad rows, open discrepancies, and
    exports that failed since the last good load; and whether the views of `spaaza model`, where
    they are made, agree with each other. The vendor is asked nothing.
    """
    _run("upkeep.health", "health", options)


def _run(module: str, command: str, options: dict[str, Any]) -> None:
    getattr(import_quickly(f"spaaza_source.cli.{module}"), command)(**options)


def main() -> None:
    """Run the `spaaza` command with this process's arguments, and exit."""
    # An option of the group, accepted anywhere on the command line.
    debug = "--debug" in sys.argv[1:]
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    if debug:
        arguments.insert(0, "--debug")
    raise_on_sigterm()
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a character shows "?", and the load goes on.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        # Without its standalone mode click returns the code of an `Exit`.
        sys.exit(cli.main(arguments, prog_name="spaaza", standalone_mode=False))
    except click.ClickException as wrong:
        wrong.show()
        sys.exit(wrong.exit_code)
    except (Exception, KeyboardInterrupt) as failure:  # noqa: BLE001 - a sentence, no traceback
        if debug:
            traceback.print_exception(failure)
        messages, code = import_module("spaaza_source.cli.output.error_messages").exit_report(
            failure
        )
        import_module("spaaza_source.cli.output").ConsoleReport().finish(messages, code)
        sys.exit(code)
