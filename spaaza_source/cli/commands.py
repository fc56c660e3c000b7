"""What the commands do. `app` has their options, and imports this when one of them is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import click
import dlt
from dlt.sources import DltSource
from rich.console import Console

from spaaza_source.cli.agreement import run_agreed
from spaaza_source.cli.deep_check.check import deep_check
from spaaza_source.cli.exports_ahead import ExportsAhead
from spaaza_source.cli.load import (
    collect_and_report,
    load_and_report,
    load_archived,
    load_each,
    load_parts,
)
from spaaza_source.cli.next_load import (
    by_task,
    has_jobs,
    list_exports,
    median_seconds,
    prepare_next_load,
    read_exports,
    read_history,
    split_by_task,
)
from spaaza_source.cli.output import (
    JOBS_SHOWN,
    ConsoleReport,
    Report,
    make_console,
    print_chain,
    print_line,
    show_differences,
    show_jobs,
    show_plan,
    show_recurring,
    show_submitted,
    show_task,
    with_report,
)
from spaaza_source.cli.output.error_messages import ExportsFailedError
from spaaza_source.cli.pipeline import locked_pipeline, reading_pipeline
from spaaza_source.cli.probe import show_profile
from spaaza_source.cli.target import Target, each_vendor
from spaaza_source.cli.vendors import SPAAZA, VENDORS, Vendor
from spaaza_source.errors import SettingsError
from spaaza_source.exports import (
    ExportRequest,
    Job,
    Repeat,
    archived_loads,
    archived_tables,
)
from spaaza_source.loading import TableLoad, exports_of, loads_of


def check(*, deep: bool, keys: int, **options: Any) -> None:
    """Check hosts, credentials and settings; with `deep`, compare tables with fresh exports."""
    console = make_console()
    for chain, vendor in each_vendor(options["vendor"], options["chains"]):
        if chain is not None:
            print_chain(console, chain)
        tables = {vendor.find_table(name).table for name in options["tables"]}
        if not tables or tables - vendor.streamed.keys():
            for line in vendor.check_access():
                click.echo(line)
            # Each other setting of a load is checked where its source is made.
            vendor.source()
        if vendor.check_streamed is not None and tables & vendor.streamed.keys():
            for line in vendor.check_streamed():
                click.echo(line)
        if options["vendor"] == SPAAZA.name:
            show_profile(console, chain)
    if not deep:
        return
    are_equal = [_compare(target, keys, console) for target in _each_target(console, options)]
    if not all(are_equal):
        raise click.exceptions.Exit(1)


def _compare(target: Target, keys: int, console: Console) -> bool:
    """Show how the tables of a target differ from fresh exports; whether they are equal."""
    with reading_pipeline(target) as pipeline:
        parts, refused = split_by_task(target, pipeline)
        sources = [source for part in parts for source in part.sources_to_compare()]
        tables = ", ".join(table for source in sources for table in source.selected_resources)
        console.print(f"\nRequesting fresh exports of {tables} ...", highlight=False)
        known = {table: target.vendor.known(table) for table in target.tables}
        diffs = deep_check(pipeline, sources, known, keys, exists=target.exists)
        are_equal = show_differences(console, diffs)
    if refused:
        raise ExportsFailedError(refused)
    return are_equal


@with_report
def load(
    *,
    report: Report,
    keep_files: str | None,
    from_files: Path | None,
    files: Sequence[Path],
    dialect: Sequence[str],
    accept_deletes: bool,
    full_refresh: bool,
    abandon: bool,
    max_exports: int | None,
    **options: Any,
) -> None:
    """Load tables, the archive in a folder, or files of the user's own."""
    if from_files is not None and not options["tables"]:
        # All that is there, beside what a load without names is of.
        options["tables"] = _archived(from_files, VENDORS[options["vendor"]])
    targets = Target.each(**options)
    settings: dict[str, Any] = {"accept_deletes": True} if accept_deletes else {}
    if files or dialect:
        asked = {"keep-files": keep_files, "from-files": from_files, "max-exports": max_exports}
        targets = _with_files(targets, files, dialect, asked)
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
        with ahead.turn(target) as source:
            done = _load(
                target, source, report, settings, abandon=abandon, full_refresh=full_refresh
            )
        loaded.append(done)

    with ExportsAhead(targets, settings, begins=not (full_refresh or files)) as ahead:
        load_each(targets, report, load_target)
    report.show_location(targets[0].db, loaded[0])


def _table_to_show(pipeline: dlt.Pipeline, source: DltSource) -> str:
    """A loaded table that is there: one that never got a row may not be."""
    there = set(pipeline.default_schema.data_table_names(seen_data_only=True))
    return next((name for name in source.selected_resources if name in there), "export_jobs")


def _load(
    target: Target,
    source: DltSource,
    report: Report,
    settings: Mapping[str, Any],
    *,
    abandon: bool,
    full_refresh: bool,
) -> str:
    """Load the tables of a target; returns one of them, to be looked at."""
    requests = has_jobs(target, source)
    if requests:
        # Wrong settings are reported before anything is requested.
        list(target.vendor.check_access())

    def load_part(part: Target) -> None:
        its = source if part is target else part.source(**settings)
        run = partial(load_and_report, pipeline, its, report, full_refresh=full_refresh)
        if part.task and any(load.sync.adopt_job for load in loads_of(its).values()):
            collect_and_report(pipeline, part, report, **settings)
        elif has_jobs(part, its):
            submitter = exports_of(its).run.submitter
            run_agreed(submitter, run, may_ask=isinstance(report, ConsoleReport))
        else:
            run()

    # What is dropped and loaded again needs no older load to be finished first.
    with locked_pipeline(target, report.progress, abandon=abandon or full_refresh) as pipeline:
        parts: list[Target] = [target]
        refused: list[SettingsError] = []
        if requests and not full_refresh:
            parts, refused = split_by_task(target, pipeline, source)
        load_parts(parts, refused, load_part)
        return f"{target.dataset}.{_table_to_show(pipeline, source)}"


def _archived(folder: Path, vendor: Vendor) -> list[str]:
    """The tables to load from archived files: all of the vendor's."""
    archived = {table for load in archived_loads(folder) for table in archived_tables(load)}
    return [table for table in [*vendor.tables, *vendor.streamed] if table in archived]


def _with_files(
    targets: Sequence[Target],
    files: Sequence[Path],
    dialect: Sequence[str],
    asked: Mapping[str, object],
) -> list[Target]:
    """The targets with files of the user's own, where no option of `asked` contradicts them."""
    given = [option for option, value in asked.items() if value is not None]
    if given:
        raise SettingsError(
            f"--file loads files that are there, so --{given[0]} has no meaning beside it",
            where=f"--{given[0]}",
            hint="Leave it out.",
        )
    if len(targets) > 1:
        raise SettingsError(
            "a file has the rows of one chain", where="--file", hint="Name it: --chain 1743."
        )
    return [target.with_files(files, dialect) for target in targets]


def plan(**options: Any) -> None:
    """Show the exports that the next load would request."""
    console = make_console()
    failures: list[Exception] = []
    for target in _each_target(console, options):
        exports: list[tuple[ExportRequest, Job | None]] = []
        last_runs = []
        with reading_pipeline(target) as pipeline:
            parts, refused = split_by_task(target, pipeline)
            for part in parts:
                asked, streamed = _split_streamed(part)
                if asked is not None:
                    submitter, syncs = prepare_next_load(asked, pipeline)
                    plans = submitter.plan(syncs)
                    exports += list_exports(syncs, plans)
                    last_runs += [each.last_run for each in plans if part.task and each.last_run]
                exports += [(load.sync.make_request(None), None) for load in streamed]
            seconds_by_table = median_seconds(read_history(target, pipeline))
        show_plan(console, exports, seconds_by_table, target.vendor.filter_text, target.streamed)
        for last_run in last_runs:
            print_line(console, f"{last_run.table}: {last_run.reason}")
        failures += refused
    if failures:
        raise ExportsFailedError(failures)


def _split_streamed(target: Target) -> tuple[Target | None, list[TableLoad]]:
    """The target without what the vendor streams, if there is anything else; and that."""
    streamed = target.streamed
    loads = loads_of(replace(target, tables=streamed).source()) if streamed else {}
    asked = [table for table in target.tables if table not in streamed]
    return (replace(target, tables=asked) if asked else None), list(loads.values())


def submit(*, repeat: Repeat | None, apart: float, max_exports: int | None, **options: Any) -> None:
    """Request the exports of the next load."""
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
    failures: list[Exception] = []
    settings = {} if max_exports is None else {"max_exports": max_exports}
    for target in _each_target(console, options):
        with reading_pipeline(target) as pipeline:
            parts, refused = split_by_task(target, pipeline)
            prepared = [prepare_next_load(part, pipeline, **settings) for part in parts]
        failures += refused
        for submitter, syncs in prepared:
            asked = [sync for sync in syncs if sync.adopt_job is None]
            send = partial(submitter.submit, asked, timedelta(seconds=apart), repeat, batches)
            submitted = run_agreed(submitter, send) if asked else []
            if asked:
                show_submitted(console, submitted)
            for sync in syncs:
                if sync.adopt_job is not None:
                    show_task(console, sync.table, sync.adopt_job)
            # The exports of the next chain begin when these have begun.
            batches += submitter.count_batches(submitted)
    if failures:
        raise ExportsFailedError(failures)


@with_report
def collect(*, report: Report, task: str | None, **options: Any) -> None:
    """Load the exports that are finished, or the last run of a task that somebody else made."""

    def collect_one(target: Target) -> None:
        if task is not None:
            target = by_task(target, task)
        with locked_pipeline(target, report.progress) as pipeline:
            parts, refused = split_by_task(target, pipeline)
            collect_part = partial(collect_and_report, pipeline, report=report, only_finished=True)
            load_parts(parts, refused, collect_part)

    load_each(Target.each(**options), report, collect_one)


def jobs(*, show_all: bool, **options: Any) -> None:
    """List our jobs at the vendor."""
    console = make_console()
    for target in _each_target(console, options):
        with reading_pipeline(target) as pipeline:
            # Whatever the tables have: this is where one looks for what is the matter.
            submitter, tables = read_exports(target, pipeline)
            history = read_history(target, pipeline)
            parts, refused = split_by_task(target, pipeline)
        own = [job for job in submitter.known_jobs() if job.subject in tables]
        show_jobs(console, own, tables, history, None if show_all else JOBS_SHOWN)
        if target.vendor.list_recurring is not None:
            show_recurring(console, target.vendor.list_recurring(), target.vendor.filter_text)
        for part in parts:
            for table, task_id in part.task.get("adopt_tasks", {}).items():
                show_task(console, table, task_id)
        for each in refused:
            print_line(console, str(each))


def _each_target(console: Console, options: Mapping[str, Any]) -> Iterator[Target]:
    """The targets of the options, one after the other; of several chains, under a heading each."""
    for target in Target.each(**options):
        if target.chain is not None:
            print_chain(console, target.chain)
        yield target
