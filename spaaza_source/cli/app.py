"""The `spaaza` command: what a terminal or a cron line can ask for.

Exit codes: 0 all is well, 1 something failed or differs, 2 a setting is wrong. The work itself is
the package's; nothing here is needed by a pipeline script.
"""

from __future__ import annotations

import signal
import sys
import traceback
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click

from spaaza_source.cli.deep_check.check import deep_check
from spaaza_source.cli.error_messages import SigtermError, exit_report
from spaaza_source.cli.lag_advice import advise, present_lags
from spaaza_source.cli.load import load_and_tell, load_kept, pipeline_of, turn_of, turn_to
from spaaza_source.cli.next_load import export_history, next_load, planned_exports, usual_seconds
from spaaza_source.cli.report import ConsoleReport, Report, console, with_report
from spaaza_source.cli.tables import (
    JOBS_SHOWN,
    show_advice,
    show_differences,
    show_jobs,
    show_plan,
    show_submitted,
)
from spaaza_source.cli.target import DB, Target, load_options, vendor_option
from spaaza_source.cli.vendors import VENDORS, VOUCHERIFY
from spaaza_source.errors import SettingsError
from spaaza_source.exports import REPEATS, Repeat
from spaaza_source.sandbox import Sandbox, SandboxSettings
from spaaza_source.warehouse import duckdb_file


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
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
    SOURCES__VOUCHERIFY__BASE_URL    of another region than Europe's
    SOURCES__VOUCHERIFY__CREDENTIALS__APP_ID
    SOURCES__VOUCHERIFY__CREDENTIALS__APP_TOKEN

    Exit codes: 0 all is well, 1 something failed or differs, 2 a setting is wrong.
    """  # noqa: D301 - click reads the backspace: keep these lines as they are
    del debug  # whoever handles what a command raises looks at it


@cli.command()
@click.option("--db", type=DB, default="demo.duckdb", show_default=True, help="DuckDB file.")
@click.option(
    "--rows", type=click.IntRange(0), default=10_000, show_default=True, help="Rows of each index."
)
@click.option("--seed", type=int, default=7, show_default=True, help="Seed of the data.")
@vendor_option
def demo(*, db: Path, rows: int, seed: int, vendor: str) -> None:
    """Load generated exports into DuckDB, from a sandbox inside this process.

    Six indexes of Spaaza's, or the seven objects of Voucherify's.
    """
    shown = ConsoleReport(console())
    target = duckdb_file(db)
    chosen = VENDORS[vendor]
    with Sandbox(SandboxSettings(rows=rows, seed=seed, run_seconds=1.0)) as served:
        shown.console.print(f"A sandbox of the vendor's API answers at {served.base_url}.")
        source = chosen.source(
            base_url=served.base_url,
            poll_interval=0.5,
            max_concurrent_exports=len(chosen.tables),
            **_access_to(served, vendor),
        )
        with turn_to(f"{vendor}_demo", target, chosen.dataset, shown.progress) as pipeline:
            load_and_tell(pipeline, source, shown)
    shown.placed(db, f"{chosen.dataset}.{next(iter(chosen.tables))}")


@cli.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8750, show_default=True, help="0: a free one."
)
@click.option(
    "--rows", type=click.IntRange(0), default=10_000, show_default=True, help="Rows of each index."
)
@click.option("--seed", type=int, default=7, show_default=True, help="Seed of the data.")
@click.option(
    "--run-seconds", type=click.FloatRange(0), default=2.0, show_default=True, help="Of an export."
)
def sandbox(*, port: int, rows: int, seed: int, run_seconds: float) -> None:
    """Serve the vendor's API with generated data on this machine, until Ctrl-C."""
    served = Sandbox(SandboxSettings(rows=rows, seed=seed, port=port, run_seconds=run_seconds))
    try:
        served.start()
    except OSError as failure:
        raise SettingsError(
            f"port {port} cannot be used ({failure.strerror})",
            where="--port",
            hint="Choose another; 0 takes a free one.",
        ) from None
    _show_settings(served)
    served.serve_forever()


@cli.command()
@load_options
@click.option("--deep", is_flag=True, help="Compare fresh exports with the tables.")
@click.option(
    "--keys",
    type=click.IntRange(0),
    default=10,
    show_default=True,
    help="How many keys of each kind of difference are shown.",
)
def check(*, deep: bool, keys: int, **given: Any) -> None:
    """Tell whether host and credentials work, and what is wrong where they don't.

    With --deep, also ask for a fresh export of each table and tell which rows its table lacks, has
    beyond it, or has otherwise; exit code 1 if there are any. Nothing is loaded. The other options
    are for --deep alone.
    """
    for line in VENDORS[given["vendor"]].check_access():
        click.echo(line)
    if not deep:
        return
    target = Target.of(**given)
    pipeline = pipeline_of(target)
    shown = console()
    sources = target.comparable()
    tables = ", ".join(table for source in sources for table in source.selected_resources)
    shown.print(f"\nExporting {tables} afresh …", highlight=False)
    known = target.vendor.tables
    checked = deep_check(pipeline, sources, known, keys, exists=target.exists)
    if not show_differences(shown, checked):
        raise click.exceptions.Exit(1)


@cli.command()
@load_options
@click.option(
    "--keep-files",
    type=click.Path(file_okay=False),
    help="Folder to keep what was downloaded in, personal columns and all.",
)
@click.option(
    "--from-files",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Load what was kept: the folder of one load, or of several, in their order.",
)
@click.option("--accept-deletes", is_flag=True, help="Let the load take away any number of rows.")
@click.option(
    "--full-refresh", is_flag=True, help="Drop these tables and what is known of them; load anew."
)
@with_report
def load(
    *,
    report: Report,
    keep_files: str | None,
    from_files: Path | None,
    accept_deletes: bool,
    full_refresh: bool,
    **given: Any,
) -> None:
    """Load some tables, or all of them: what came since the last load, or history at first.

    \b
    Of Spaaza:     transactions users vouchers wallet_ledger products product_variants
    Of Voucherify: vouchers redemptions publications customers points_expirations orders
                   voucher_transactions
    """  # noqa: D301 - as above
    target = Target.of(**given)
    more: dict[str, Any] = {"accept_deletes": True} if accept_deletes else {}
    if from_files is not None:
        load_kept(target, from_files, report, **more)
    else:
        source = target.source(**more, **({"keep_files": keep_files} if keep_files else {}))
        # A wrong setting is told before anything is asked for.
        list(target.vendor.check_access())
        with turn_of(target, report.progress) as pipeline:
            load_and_tell(pipeline, source, report, full_refresh=full_refresh)
        table = next(iter(source.selected_resources))
        report.placed(target.db, f"{target.dataset}.{table}")


@cli.command()
@load_options
def plan(**given: Any) -> None:
    """Show what the next load would ask the vendor for. Nothing is asked for."""
    target = Target.of(**given)
    pipeline = pipeline_of(target)
    submitter, syncs = next_load(target.source(), pipeline, restore=target.exists)
    history = usual_seconds(export_history(pipeline)) if target.exists else {}
    exports = planned_exports(syncs, submitter.plan(syncs), history)
    show_plan(console(), exports, target.vendor.filter_text)


@cli.command()
@load_options
@click.option(
    "--repeat",
    type=click.Choice(REPEATS),
    help="Let Spaaza make each export again by itself, all rows of it.",
)
@click.option(
    "--apart",
    type=click.FloatRange(0),
    default=300.0,
    show_default=True,
    help="Seconds between one batch of exports and the next; Voucherify makes its own queue.",
)
def submit(*, repeat: Repeat | None, apart: float, **given: Any) -> None:
    """Ask the vendor for what the next load needs, and leave; `collect` loads it later."""
    target = Target.of(**given)
    if repeat is not None and not target.vendor.can_repeat:
        raise SettingsError(
            f"{target.vendor.name} makes no export again by itself",
            where="--repeat",
            hint="Leave it out, and let cron run `spaaza load`.",
        )
    if repeat is not None and (given["start_date"] or given["end_date"]):
        raise SettingsError(
            "an export that repeats brings all rows",
            where="--repeat",
            hint="Leave out --start-date and --end-date.",
        )
    pipeline = pipeline_of(target)
    submitter, syncs = next_load(target.source(), pipeline, restore=target.exists)
    show_submitted(console(), submitter.submit(syncs, timedelta(seconds=apart), repeat))


@cli.command()
@load_options
@with_report
def collect(*, report: Report, **given: Any) -> None:
    """Load the exports that are done, each once, and say which are not. Nothing is asked for."""
    target = Target.of(**given)
    with turn_of(target, report.progress) as pipeline:
        submitter, syncs = next_load(
            target.source(only_finished=True), pipeline, restore=target.exists
        )
        tables = [each.table for each in syncs]
        done = dict(zip(tables, submitter.plan(syncs), strict=True))
        waiting = submitter.plan(replace(each, collect_only=False) for each in syncs)
        ready = [table for table, plan in done.items() if plan.adopted]
        if ready:
            source = target.source(only_finished=True).with_resources(*ready)
            load_and_tell(pipeline, source, report)
    report.waiting(dict(zip(tables, waiting, strict=True)), ready)


@cli.command()
@load_options
@click.option("--all", "every", is_flag=True, help="However old.")
@click.option(
    "--advice", is_flag=True, help="Tell how late rows came instead, and which `lag` to set."
)
def jobs(*, every: bool, advice: bool, **given: Any) -> None:
    """Show the exports the vendor has of ours, beside what became of them here."""
    target = Target.of(**given)
    pipeline = pipeline_of(target)
    submitter, syncs = next_load(target.source(), pipeline, restore=target.exists)
    if advice:
        lags = present_lags(syncs)
        history = export_history(pipeline) if target.exists else []
        show_advice(console(), advise(history, lags), lags)
        return
    subjects = {each.make_request(None).subject for each in syncs}
    own = [job for job in submitter.known_jobs() if job.subject in subjects]
    history = export_history(pipeline) if target.exists else []
    show_jobs(console(), own, history, None if every else JOBS_SHOWN)


def main() -> None:
    """The `spaaza` command."""
    # An option of the group, but it may stand anywhere.
    debug = "--debug" in sys.argv[1:]
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    given = ["--debug", *arguments] if debug else arguments
    signal.signal(signal.SIGTERM, _terminate)
    try:
        # What click returns here is the code of its own `Exit`.
        sys.exit(cli.main(given, prog_name="spaaza", standalone_mode=False))
    except click.ClickException as wrong:
        wrong.show()
        sys.exit(wrong.exit_code)
    except (Exception, KeyboardInterrupt) as failure:  # noqa: BLE001 - a sentence, no traceback
        if debug:
            traceback.print_exception(failure)
        messages, code = exit_report(failure)
        ConsoleReport(console()).ended(messages, code)
        sys.exit(code)


def _terminate(number: int, _frame: FrameType | None) -> NoReturn:
    """End by SIGTERM as by Ctrl-C: at once, but with everything closed and said."""
    raise SigtermError(number)


def _access_to(served: Sandbox, vendor: str) -> dict[str, Any]:
    """The further settings of that vendor's source that make it quick at a sandbox."""
    if vendor == VOUCHERIFY.name:
        return {"credentials": served.voucherify_credentials}
    account = {"chain_id": served.chain_id, "credentials": served.credentials}
    return {**account, "start_margin": 0.0, "stagger": 0.0}


def _show_settings(served: Sandbox) -> None:
    """The lines that point a shell at the sandbox."""
    click.echo(f"Serving at {served.base_url}. To load from it, in another terminal:\n")
    settings = {
        "BASE_URL": served.base_url,
        "CHAIN_ID": str(served.chain_id),
        "CREDENTIALS__ACCESS_TOKEN_ID": served.credentials["access_token_id"],
        "CREDENTIALS__ACCESS_TOKEN_SECRET": served.credentials["access_token_secret"],
    }
    for name, value in settings.items():
        click.echo(f"  export SOURCES__SPAAZA__{name}={value}")
    click.echo("  spaaza load\n")
    click.echo("It is Voucherify too:\n")
    keys = {
        f"CREDENTIALS__{name.upper()}": key for name, key in served.voucherify_credentials.items()
    }
    for name, value in {"BASE_URL": served.base_url, **keys}.items():
        click.echo(f"  export SOURCES__VOUCHERIFY__{name}={value}")
    click.echo("  spaaza load --vendor voucherify\n")


if __name__ == "__main__":
    main()
