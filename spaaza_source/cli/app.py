"""The `spaaza` command line: its subcommands and their options.

Exit codes: 0 success, 1 something failed or differs, 2 a setting is wrong.
"""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click
from rich.console import Console

from spaaza_source.cli.deep_check.check import deep_check
from spaaza_source.cli.error_messages import SigtermError, exit_report
from spaaza_source.cli.load import load_and_report, load_archived, load_each
from spaaza_source.cli.next_load import (
    list_exports,
    median_seconds,
    prepare_next_load,
    read_history,
)
from spaaza_source.cli.pipeline import locked_pipeline, reading_pipeline
from spaaza_source.cli.report import ConsoleReport, Report, make_console, with_report
from spaaza_source.cli.sandbox_commands import demo, sandbox
from spaaza_source.cli.tables import (
    JOBS_SHOWN,
    print_chain,
    show_differences,
    show_jobs,
    show_plan,
    show_submitted,
)
from spaaza_source.cli.target import Target, each_vendor, load_options
from spaaza_source.cli.vendors import VENDORS
from spaaza_source.errors import SettingsError
from spaaza_source.exports import REPEATS, Repeat

max_exports_option = click.option(
    "--max-exports",
    type=click.IntRange(1),
    help="Exports of one table that a first load may request.  [default: 240]",
)


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


cli.add_command(demo)
cli.add_command(sandbox)


@cli.command()
@load_options
@click.option("--deep", is_flag=True, help="Also compare each table with a fresh export.")
@click.option(
    "--keys",
    type=click.IntRange(0),
    default=10,
    help="Keys to show for each kind of difference.",
)
def check(*, deep: bool, keys: int, **options: Any) -> None:
    """Check the host and the credentials, and say what is wrong with them.

    With --deep, request a fresh export of each table and report the rows that are missing from the
    table, extra in it, or different; exit code 1 if there are any. Nothing is loaded. The other
    options apply to --deep only.
    """
    console = make_console()
    for chain, vendor in each_vendor(options["vendor"], options["chains"]):
        if chain is not None:
            print_chain(console, chain)
        for line in vendor.check_access():
            click.echo(line)
    if not deep:
        return
    are_equal = [_compare(target, keys, console) for target in _each_target(console, options)]
    if not all(are_equal):
        raise click.exceptions.Exit(1)


def _compare(target: Target, keys: int, console: Console) -> bool:
    """Show how the tables of a target differ from fresh exports; whether they are equal."""
    sources = target.sources_to_compare()
    with reading_pipeline(target) as pipeline:
        tables = ", ".join(table for source in sources for table in source.selected_resources)
        console.print(f"\nRequesting fresh exports of {tables} …", highlight=False)
        known = target.vendor.tables
        diffs = deep_check(pipeline, sources, known, keys, exists=target.exists)
        return show_differences(console, diffs)


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
@with_report
def load(
    *,
    report: Report,
    keep_files: str | None,
    from_files: Path | None,
    accept_deletes: bool,
    full_refresh: bool,
    abandon: bool,
    max_exports: int | None,
    **options: Any,
) -> None:
    """Load history first, then what is new since the last load: all tables, or those given.

    \b
    Of Spaaza:     transactions users vouchers wallet_ledger products product_variants
    Of Voucherify: vouchers redemptions publications customers points_expirations orders
                   voucher_transactions
    """  # noqa: D301 - as above
    targets = Target.each(**options)
    settings: dict[str, Any] = {"accept_deletes": True} if accept_deletes else {}
    if from_files is not None:
        load_one = partial(
            load_archived, folder=from_files, report=report, abandon=abandon, **settings
        )
        load_each(targets, report, load_one)
        return
    if keep_files:
        settings["keep_files"] = keep_files
    if max_exports is not None:
        settings["max_exports"] = max_exports

    loaded: list[str] = []

    def load_target(target: Target) -> None:
        source = target.source(**settings)
        # Wrong settings are reported before anything is requested.
        list(target.vendor.check_access())
        # What is dropped and loaded again needs no older load to be finished first.
        with locked_pipeline(target, report.progress, abandon=abandon or full_refresh) as pipeline:
            load_and_report(pipeline, source, report, full_refresh=full_refresh)
        loaded.append(f"{target.dataset}.{next(iter(source.selected_resources))}")

    load_each(targets, report, load_target)
    report.show_location(targets[0].db, loaded[0])


@cli.command()
@load_options
def plan(**options: Any) -> None:
    """Show the exports that the next load would request. Nothing is requested."""
    console = make_console()
    for target in _each_target(console, options):
        with reading_pipeline(target) as pipeline:
            submitter, syncs = prepare_next_load(target, pipeline)
            seconds_by_table = median_seconds(read_history(target, pipeline))
        exports = list(list_exports(syncs, submitter.plan(syncs)))
        show_plan(console, exports, seconds_by_table, target.vendor.filter_text)


@cli.command()
@load_options
@click.option(
    "--repeat",
    type=click.Choice(REPEATS),
    help="Have Spaaza repeat each export on this schedule, each time with all rows.",
)
@click.option(
    "--apart",
    type=click.FloatRange(0),
    default=300.0,
    help="Seconds between batches of exports (ignored for Voucherify, which queues itself).",
)
@max_exports_option
def submit(*, repeat: Repeat | None, apart: float, max_exports: int | None, **options: Any) -> None:
    """Request the exports of the next load and exit; `collect` loads them later."""
    vendor = VENDORS[options["vendor"]]
    if repeat is not None and not vendor.can_repeat:
        raise SettingsError(
            f"{vendor.name} cannot repeat exports",
            where="--repeat",
            hint=f"Leave it out, and run `spaaza load --vendor {vendor.name}` from cron.",
        )
    if repeat is not None and (options["start_date"] or options["end_date"]):
        raise SettingsError(
            "a repeating export always has all rows",
            where="--repeat",
            hint="Leave out --start-date and --end-date.",
        )
    console, batches = make_console(), 0
    settings = {} if max_exports is None else {"max_exports": max_exports}
    for target in _each_target(console, options):
        with reading_pipeline(target) as pipeline:
            submitter, syncs = prepare_next_load(target, pipeline, **settings)
        submitted = submitter.submit(syncs, timedelta(seconds=apart), repeat, batches)
        show_submitted(console, submitted)
        # The exports of the next chain begin when these have begun.
        batches += submitter.count_batches(submitted)


@cli.command()
@load_options
@with_report
def collect(*, report: Report, **options: Any) -> None:
    """Load finished exports, each once, and list what is still missing. Nothing is requested."""

    def collect_one(target: Target) -> None:
        with locked_pipeline(target, report.progress) as pipeline:
            submitter, syncs = prepare_next_load(target, pipeline, only_finished=True)
            tables = [sync.table for sync in syncs]
            finished = dict(zip(tables, submitter.plan(syncs), strict=True))
            unfinished = submitter.plan(replace(sync, collect_only=False) for sync in syncs)
            ready = [table for table, plan in finished.items() if plan.adopted]
            if ready:
                source = target.source(only_finished=True).with_resources(*ready)
                load_and_report(pipeline, source, report)
        report.add_waiting(dict(zip(tables, unfinished, strict=True)), ready)

    load_each(Target.each(**options), report, collect_one)


@cli.command()
@load_options
@click.option("--all", "show_all", is_flag=True, help="Show jobs of any age.")
def jobs(*, show_all: bool, **options: Any) -> None:
    """List our export jobs at the vendor, and which of them are loaded."""
    console = make_console()
    for target in _each_target(console, options):
        with reading_pipeline(target) as pipeline:
            submitter, syncs = prepare_next_load(target, pipeline)
            history = read_history(target, pipeline)
        subjects = {sync.make_request(None).subject for sync in syncs}
        own = [job for job in submitter.known_jobs() if job.subject in subjects]
        show_jobs(console, own, history, None if show_all else JOBS_SHOWN)


def _each_target(console: Console, options: Mapping[str, Any]) -> Iterator[Target]:
    """The targets of the options, one after the other; of several chains, under a heading each."""
    for target in Target.each(**options):
        if target.chain is not None:
            print_chain(console, target.chain)
        yield target


def main() -> None:
    """Run the `spaaza` command with this process's arguments, and exit."""
    # An option of the group, accepted anywhere on the command line.
    debug = "--debug" in sys.argv[1:]
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    if debug:
        arguments.insert(0, "--debug")
    signal.signal(signal.SIGTERM, _terminate)
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
        messages, code = exit_report(failure)
        ConsoleReport().finish(messages, code)
        sys.exit(code)


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    """Make SIGTERM end the process like Ctrl-C: at once, with everything closed and reported."""
    raise SigtermError
