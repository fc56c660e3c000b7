"""Runs a command's loads: everything that can be loaded, even if some exports fail."""

from __future__ import annotations

import ctypes
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import dlt
from dlt.extract import DltSource
from dlt.pipeline.exceptions import PipelineStepFailed

from spaaza_source.chat import tell_chat
from spaaza_source.cli.next_load import prepare_next_load
from spaaza_source.cli.output.error_messages import (
    ChainsFailedError,
    ExportsFailedError,
    causing_signal,
    failed_export,
)
from spaaza_source.cli.output.report import Report
from spaaza_source.cli.pipeline import locked_pipeline
from spaaza_source.cli.target import Target
from spaaza_source.destination import read_table
from spaaza_source.errors import SettingsError, SpaazaSourceError
from spaaza_source.exports import archived_loads, archived_tables

#: glibc's number of the setting (malloc.h).
_ARENA_MAX = -8


def load_each(targets: Sequence[Target], report: Report, load: Callable[[Target], None]) -> None:
    """Load several targets one after the other, and report once what was loaded.

    Args:
        targets: One, or one for each chain. A chain whose load fails keeps no other from its own.
        report: Where to.
        load: Loads one of them.

    Raises:
        ChainsFailedError: The loads of some chains failed.
    """
    failures: dict[int, Exception] = {}
    if len(targets) > 1:
        _share_arena()
    try:
        for target in targets:
            report.begin_chain(target.chain)
            try:
                load(target)
            except Exception as failure:
                # dlt raises an error of its own where a signal ends one of its steps.
                if target.chain is None or causing_signal(failure):
                    raise
                failures[target.chain] = failure
    finally:
        report.show_results()
    if failures:
        raise ChainsFailedError(failures)


def _share_arena() -> None:
    """Let all threads to come take memory from one place, where that is glibc's to say.

    Each load has threads of its own. With a place for each, what is free in that of an earlier one
    is of no use to the next: the process of twelve loads took a third more, of forty a half.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)


def load_and_report(
    pipeline: dlt.Pipeline, source: DltSource, report: Report, *, full_refresh: bool = False
) -> None:
    """Run the pipeline, then report what it loaded.

    A load that was interrupted is finished first; what it brings is not exported once more.

    An export that fails stops the whole extraction. The others are then loaded without it: their
    jobs are adopted, so nothing is exported twice.

    Raises:
        ExportsFailedError: Some exports failed; the others are loaded.
    """
    refresh: Any = {"refresh": "drop_resources"} if full_refresh else {}
    done = finish_interrupted(pipeline, source.name, report)
    failures: dict[str, Exception] = {}
    while tables := [name for name in source.selected_resources if name not in done | {*failures}]:
        try:
            loaded = pipeline.run(source.with_resources(*tables), **refresh)
        except PipelineStepFailed as failure:
            table = failed_export(failure)
            if table not in tables:
                raise
            failures[table] = failure
        else:
            _report_loads(pipeline, source.name, loaded.loads_ids, report)
            break
    if failures:
        raise ExportsFailedError(list(failures.values()))


def load_parts(
    parts: Iterable[Target], refused: Iterable[SettingsError], load: Callable[[Target], None]
) -> None:
    """Load the parts of a target, one after the other.

    Args:
        parts: The target, or some of its tables each; one of a task that somebody else made keeps
            no other from its own.
        refused: Why further tables cannot be loaded.
        load: Loads one of them.

    Raises:
        ExportsFailedError: Some tables failed; the others are loaded.
    """
    failures: list[Exception] = list(refused)
    for part in parts:
        try:
            load(part)
        except ExportsFailedError as failed:
            failures += failed.failures
        except SpaazaSourceError as error:
            if not part.task:
                raise
            failures.append(error)
    if failures:
        raise ExportsFailedError(failures)


def collect_and_report(
    pipeline: dlt.Pipeline, target: Target, report: Report, **settings: Any
) -> None:
    """Load the exports of a target that are finished, and report those that are not.

    Raises:
        ExportsFailedError: Some failed, or the last run of a recurring task has; the others are
            loaded.
    """
    submitter, syncs = prepare_next_load(target, pipeline, **settings)
    tables = [sync.table for sync in syncs]
    finished = dict(zip(tables, submitter.plan(syncs), strict=True))
    unfinished = submitter.plan(replace(sync, collect_only=False) for sync in syncs)
    # What has failed is told as by a load, with the vendor's words.
    failed = {name for name, plan in finished.items() if plan.last_run and plan.last_run.has_failed}
    ready = [name for name, plan in finished.items() if plan.adopted or name in failed]
    waiting = dict(zip(tables, unfinished, strict=True))
    report.add_waiting({name: waiting[name] for name in tables if name not in failed}, ready)
    if ready:
        load_and_report(pipeline, target.source(**settings).with_resources(*ready), report)


def finish_interrupted(pipeline: dlt.Pipeline, source: str, report: Report) -> set[str]:
    """Finish the loads that were interrupted, and report them; returns the tables they brought.

    dlt does so before anything else, and ignores a source that it is given with it.
    """
    finished = pipeline.run() if pipeline.has_pending_data else None
    return _report_loads(pipeline, source, finished.loads_ids, report) if finished else set()


def load_archived(
    target: Target, folder: Path, report: Report, *, abandon: bool, **settings: Any
) -> None:
    """Load a folder with the archived files of one load, or of several in their order.

    `abandon` gives up a load that is not finished. `settings` are further arguments of the vendor's
    source.
    """
    with locked_pipeline(target, report.progress, abandon=abandon) as pipeline:
        finish_interrupted(pipeline, target.vendor.name, report)
        for load in archived_loads(folder):
            tables = [table for table in target.tables if table in archived_tables(load)]
            if tables:
                source = target.source(from_files=str(load), **settings).with_resources(*tables)
                load_and_report(pipeline, source, report)


def _report_loads(
    pipeline: dlt.Pipeline, source: str, load_ids: Sequence[str], report: Report
) -> set[str]:
    """Report some loads; returns their tables."""
    jobs = [
        job
        for job in read_table(pipeline, "export_jobs")
        # A job that failed, and whose window was split, has loaded nothing.
        if job["_dlt_load_id"] in load_ids and job["loaded"] is not None
    ]
    report.add_loaded(jobs)
    tell_chat(_summary(pipeline, source, jobs))
    return {job["table_name"] for job in jobs}


def _summary(pipeline: dlt.Pipeline, source: str, jobs: Iterable[Mapping[str, Any]]) -> str:
    """A load in a sentence or two."""
    loaded: Counter[str] = Counter()
    rejected: Counter[str] = Counter()
    for job in jobs:
        loaded[job["table_name"]] += job["loaded"]
        rejected[job["table_name"]] += job["rejected"]
    counts = ", ".join(f"{rows:,} rows of {table}" for table, rows in sorted(loaded.items()))
    bad = f" {rejected.total():,} rows were rejected." if rejected.total() else ""
    return f"{source} loaded {counts or 'nothing'} into {pipeline.dataset_name}.{bad}"
