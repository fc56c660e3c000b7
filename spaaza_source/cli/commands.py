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
from spaaza_source.cli.load import load_and_report, load_archived, load_each
from spaaza_source.cli.next_load import (
    list_exports,
    median_seconds,
    prepare_next_load,
    read_history,
)
from spaaza_source.cli.output import (
    JOBS_SHOWN,
    ConsoleReport,
    Report,
    make_console,
    print_chain,
    show_differences,
    show_jobs,
    show_plan,
    show_recurring,
    show_submitted,
    with_report,
)
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
from spaaza_source.loading import TableLoad, asks_vendor, exports_of, loads_of, streamed_tables


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
    sources = target.sources_to_compare()
    with reading_pipeline(target) as pipeline:
        tables = ", ".join(table for source in sources for table in source.selected_resources)
        console.print(f"\nRequesting fresh exports of {tables} ...", highlight=False)
        known = {table: target.vendor.known(table) for table in target.tables}
        diffs = deep_check(pipeline, sources, known, keys, exists=target.exists)
        return show_differences(console, diffs)


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
        source = target.source(**settings)
        # What is streamed has no jobs, and no other check than the request itself.
        requests = asks_vendor(source) and len(streamed_tables(source)) < len(target.tables)
        if requests:
            # Wrong settings are reported before anything is requested.
            list(target.vendor.check_access())
        # What is dropped and loaded again needs no older load to be finished first.
        with locked_pipeline(target, report.progress, abandon=abandon or full_refresh) as pipeline:
            run = partial(load_and_report, pipeline, source, report, full_refresh=full_refresh)
            if requests:
                submitter = exports_of(source).run.submitter
                run_agreed(submitter, run, may_ask=isinstance(report, ConsoleReport))
            else:
                run()
            loaded.append(f"{target.dataset}.{_table_to_show(pipeline, source)}")

    load_each(targets, report, load_target)
    report.show_location(targets[0].db, loaded[0])


def _table_to_show(pipeline: dlt.Pipeline, source: DltSource) -> str:
    """A loaded table that is there: one that never got a row may not be."""
    there = set(pipeline.default_schema.data_table_names(seen_data_only=True))
    return next((name for name in source.selected_resources if name in there), "export_jobs")


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
    for target in _each_target(console, options):
        asked, streamed = _split_streamed(target)
        exports: list[tuple[ExportRequest, Job | None]] = []
        with reading_pipeline(target) as pipeline:
            if asked is not None:
                submitter, syncs = prepare_next_load(asked, pipeline)
                exports += list_exports(syncs, submitter.plan(syncs))
            seconds_by_table = median_seconds(read_history(target, pipeline))
        exports += [(load.sync.make_request(None), None) for load in streamed]
        show_plan(console, exports, seconds_by_table, target.vendor.filter_text, target.streamed)


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
    settings = {} if max_exports is None else {"max_exports": max_exports}
    for target in _each_target(console, options):
        with reading_pipeline(target) as pipeline:
            submitter, syncs = prepare_next_load(target, pipeline, **settings)
        submitted = run_agreed(
            submitter,
            partial(submitter.submit, syncs, timedelta(seconds=apart), repeat, batches),
        )
        show_submitted(console, submitted)
        # The exports of the next chain begin when these have begun.
        batches += submitter.count_batches(submitted)


@with_report
def collect(*, report: Report, task: str | None, **options: Any) -> None:
    """Load the exports that are finished, or the last run of a task that somebody else made."""

    def collect_one(target: Target) -> None:
        settings: dict[str, Any] = {"only_finished": True}
        if task is not None:
            target, adopted = _of_task(target, task)
            settings |= adopted
        with locked_pipeline(target, report.progress) as pipeline:
            submitter, syncs = prepare_next_load(target, pipeline, **settings)
            tables = [sync.table for sync in syncs]
            finished = dict(zip(tables, submitter.plan(syncs), strict=True))
            unfinished = submitter.plan(replace(sync, collect_only=False) for sync in syncs)
            ready = [table for table, plan in finished.items() if plan.adopted]
            if ready:
                source = target.source(**settings).with_resources(*ready)
                load_and_report(pipeline, source, report)
        report.add_waiting(dict(zip(tables, unfinished, strict=True)), ready)

    load_each(Target.each(**options), report, collect_one)


def _of_task(target: Target, task_id: str) -> tuple[Target, dict[str, Any]]:
    """The target with the table of a task alone, and the settings that adopt the task."""
    if target.vendor.read_task is None:
        raise SettingsError(
            f"{target.vendor.name} has no tasks", where="--task", hint="Leave it out."
        )
    table, settings = target.vendor.read_task(task_id=task_id)
    if target.are_named and list(target.tables) != [table]:
        raise SettingsError(
            f"task {task_id} exports {table}", where="--task", hint="Name no other table."
        )
    return replace(target, tables=[table]), settings


def jobs(*, show_all: bool, **options: Any) -> None:
    """List our jobs at the vendor."""
    console = make_console()
    for target in _each_target(console, options):
        with reading_pipeline(target) as pipeline:
            submitter, syncs = prepare_next_load(target, pipeline)
            history = read_history(target, pipeline)
        tables = {sync.make_request(None).subject: sync.table for sync in syncs}
        own = [job for job in submitter.known_jobs() if job.subject in tables]
        show_jobs(console, own, tables, history, None if show_all else JOBS_SHOWN)
        if target.vendor.list_recurring is not None:
            show_recurring(console, target.vendor.list_recurring(), target.vendor.filter_text)


def _each_target(console: Console, options: Mapping[str, Any]) -> Iterator[Target]:
    """The targets of the options, one after the other; of several chains, under a heading each."""
    for target in Target.each(**options):
        if target.chain is not None:
            print_chain(console, target.chain)
        yield target
