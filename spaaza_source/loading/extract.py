"""Extracts one table: from its exports to what dlt loads, its rows and the audit rows."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
from dlt.common import logger

from spaaza_source.audit import (
    TableVersion,
    audit_rows,
    job_row,
    note_repeatable,
    rejected_rows,
    write_manifest,
)
from spaaza_source.destination import current_pipeline, prefer_settings
from spaaza_source.drift import (
    MisfitCounter,
    Notice,
    column_change_rows,
    header_notices,
    notices_text,
    rejected_notices,
    tell_notices,
)
from spaaza_source.expectations import ExpectationCheck
from spaaza_source.exports import (
    Export,
    ExportRun,
    Phase,
    TableExports,
    archive_files,
)
from spaaza_source.loading.arrivals import await_files, begin_early, warn_of_unfinished
from spaaza_source.loading.checkpoint import Cursor, save_checkpoint
from spaaza_source.loading.context import is_extracting
from spaaza_source.loading.first_look import forget_first_look
from spaaza_source.loading.intent import narrow_intent
from spaaza_source.loading.scope import LoadScope, resolve_scope
from spaaza_source.loading.table_load import TableLoad
from spaaza_source.loading.unchanged_file import is_unchanged, judge_unchanged, note_unchanged
from spaaza_source.loading.vendor_cleanup import Remove, VendorCleanup
from spaaza_source.reading import FileReader, LoadableFile, WindowEdges
from spaaza_source.writing import (
    Key,
    TableWrite,
    begin_write,
    past_own_steps,
    proven_key,
)


def export_table(
    run: ExportRun,
    load: TableLoad,
    *,
    by_scheduler: bool | None = None,
    keep_files: Path | None = None,
    remove: Remove | None = None,
) -> Iterator[Any]:
    """What a resource yields: typed tables, then the rows of the audit tables.

    While the vendor works it yields None, dlt's way to give the other resources their turn.

    Args:
        run: The exports of this load.
        load: How the table is loaded.
        by_scheduler: Whether a scheduler's interval is the range; None for what dlt says.
        keep_files: Where the files are archived; None to remove them.
        remove: Removes jobs at the vendor, once a later load begins; None to leave them there.

    Raises:
        SpaazaSourceError: An export, its download or its file failed; nothing of them is loaded.
    """
    load = load.renamed()
    cursor = Cursor(load.sync.table)
    scope = resolve_scope(load, cursor, by_scheduler=by_scheduler)
    if told := scope.sync.check_dates():
        logger.warning(f"{load.sync.table}: {told}")
    run.submitter.check_size(scope.sync)
    # Each table of the source is judged before anything is asked for of any.
    yield None
    forget_first_look()
    cleanup = VendorCleanup(cursor, remove)
    cleanup.remove_loaded()
    reader = load.reader(scope.sync.policy, scope.tombstones)
    exports = run.begin(scope.sync, begin_early(reader, scope, run.threads))
    try:
        yield from await_files(run, exports, reader, scope)
        if not exports.require_current():
            # Only finished exports are collected, and there is none.
            return
        # One file after the other: each is read on all cores, and memory holds one at a time.
        while not run.reading.acquire(blocking=False):
            yield None
        try:
            key = yield from load_files(load, exports, reader, scope)
        finally:
            run.reading.release()
        if not is_extracting():
            return
        save_checkpoint(
            cursor, exports, has_key=key is not None, no_times=reader.windows.all_rows_reason
        )
        cleanup.remember(exports)
        if keep_files is not None:
            load_id = str(dlt.current.load_package_state()["load_id"])
            archive_files(exports, keep_files / load_id, reader.strip)
    finally:
        run.drop(exports)
        warn_of_unfinished(exports)


def load_files(
    load: TableLoad,
    exports: TableExports,
    reader: FileReader,
    scope: LoadScope,
) -> Generator[Any, None, Key | None]:
    """The rows of a table's files, then its rows of the audit tables.

    Args:
        load: How the table is loaded.
        exports: All have arrived.
        reader: What opens their files.
        scope: What the load covers.

    Returns:
        What tells the rows apart; None where nothing does, or no pipeline extracts.

    Raises:
        FileError: A file must not be loaded, or its rows may not be written; or it differs from
            the table's last one or from what is expected, and that is to stop the load.
        SettingsError: It has no column to take the window by, or none that the policy names.
    """
    current = exports.require_current()
    if not is_extracting():
        yield from _read_files(load, reader, current)
        return None
    if is_unchanged(scope, exports):
        return (yield from _pass_over(load, exports, reader, scope))
    prefer_settings(current_pipeline())
    table, hide = exports.sync.table, reader.policy.hides_raw
    check = ExpectationCheck(table, load.expectations, load.times)
    write = begin_write(
        exports,
        replace(load.write_settings, watched=check.watched),
        reader.time_column,
        has_rows=scope.has_rows,
        duplicates=scope.duplicates,
        can_repeat=scope.can_repeat,
    )
    edges = WindowEdges()
    jobs, rejected, changes = [], [], []
    notices: list[Notice] = []
    loaded: list[tuple[LoadableFile, int]] = []
    told_of: list[list[Notice]] = []
    begun = time.monotonic()
    for number, (export, file, is_silent) in enumerate(_files(reader, current)):
        rows, waited = 0, 0.0
        changes += _column_changes(export, file)
        told = [*reader.take_notices(), *_header_notices(export, file)]
        misfits = MisfitCounter(variants=file.has_variants)
        if export.request.window is not None:
            edges.add(export.request.window)
        check.begin(export, file.columns, file.locate)
        if not is_silent:
            file.check_hints()
            rows, waited = yield from _load_file(file, write, edges, (misfits, check), number)
        bad = file.rejected_to_keep()
        seconds = time.monotonic() - begun - waited
        told += [
            *misfits.notices(table, file.columns, file.locate),
            *_outside_notices(reader, export, file),
            *_repeated_notices(write, number, export),
            *([] if number else _parts_notices(exports)),
        ]
        counts = {"rows": file.rows, "rejected": len(bad), "loaded": rows}
        jobs.append(job_row(export, hide_selection=hide, seconds=seconds, **counts))
        told_of.append(told)
        rejected += rejected_rows(export, bad, hide_raw=hide)
        loaded.append((file, rows))
        begun = time.monotonic()
    edges.check(table, reader.windows.filter_hint)
    told_of[0] += check.judge(
        exports,
        sum(rows for _, rows in loaded),
        write.find_repeated,
        lambda row: _locate(loaded, row),
        has_rows=scope.has_rows,
    )
    rows_of_files, told_of_rejected = yield from _keep_earlier_versions(
        table, write, loaded, current
    )
    for job, rows, told, more, (file, _) in zip(
        jobs, rows_of_files, told_of, told_of_rejected, loaded, strict=True
    ):
        quiet = _forgotten_notices(table, job["job_id"], file)
        job |= {"loaded": rows, "notices": notices_text([*told, *more, *quiet])}
        notices += [*told, *more]
    made_for = yield from _complete_merge(write, [file for file, _ in loaded])
    count_scope = write.finish(lambda row: _locate(loaded, row))
    tell_notices(notices, stop=load.stops_on_drift)
    write_manifest(count_scope, reader.time_column, exports, rows_of_files, made_for=made_for)
    # Of rows that are appended, some of a load that is given up may be in the table.
    if scope.can_repeat and (count_scope is None or count_scope.counted != "load"):
        note_repeatable(table)
    _complete_jobs(jobs, scope, write)
    # Arrow keeps what it has freed; the next file, and the load that follows, need the room.
    pa.default_memory_pool().release_unused()
    replaced = (export for export in exports.exports if export.phase is Phase.REPLACED)
    jobs += [job_row(export, hide_selection=hide) for export in replaced]
    yield audit_rows("export_jobs", jobs)
    yield audit_rows("rejected_rows", rejected, scope.complete_audit)
    yield audit_rows("column_changes", changes, scope.complete_audit)
    return write.key


def _pass_over(
    load: TableLoad, exports: TableExports, reader: FileReader, scope: LoadScope
) -> Generator[Any, None, Key | None]:
    """Tell of a file that is the one whose rows the table is; returns what tells these apart."""
    told = judge_unchanged(load, exports, reader) if load.expectations is not None else []
    load.write_settings.disposition.leave_rows()
    yield note_unchanged(scope, exports, told, hide_selection=reader.policy.hides_raw)
    return proven_key(dlt.current.source_schema(), exports.sync.table) or None


def _read_files(load: TableLoad, reader: FileReader, exports: Sequence[Export]) -> Iterator[Any]:
    """The rows of a table's files, where no pipeline loads them."""
    for _, file, is_silent in _files(reader, exports):
        if load.on_rejected is not None:
            load.on_rejected(len(file.rejected))
        if not is_silent:
            yield from file.items()


def _load_file(
    file: LoadableFile,
    write: TableWrite,
    edges: WindowEdges,
    watchers: Sequence[MisfitCounter | ExpectationCheck],
    number: int,
) -> Generator[Any, None, tuple[int, float]]:
    """Yield a file's items; returns how many rows, and the seconds that dlt took for them."""
    hints: Any = {**file.hints(), **write.hints()}
    waited = 0.0
    for count, item in enumerate(file.items(edges)):
        for watcher in watchers:
            watcher.add(item)
        writable = write.add(item, file=number, read_seen=partial(_first_items, file, count))
        yielded = time.monotonic()
        # The first item carries the hints for dlt's schema; dlt keeps them for the rest.
        yield dlt.mark.with_hints(writable, hints) if hints else writable
        waited += time.monotonic() - yielded
        hints = None
    return write.rows_of(number), waited


def _first_items(file: LoadableFile, count: int) -> Iterator[Any]:
    """So many of a file's items, read once more."""
    return islice(file.items(), count)


def _parts_notices(exports: TableExports) -> list[Notice]:
    """Tell what is not known of a table that came in parts."""
    if not exports.are_parts:
        return []
    notice = Notice(
        "in_parts",
        exports.sync.table,
        f"its export of all rows failed, so it came in {len(exports.current)} parts by time: rows"
        " without that time are in none of them, and rows that the vendor has no more stay until"
        " an export of all succeeds",
        "Ask the vendor why the export of all rows fails.",
    )
    return [notice]


def _repeated_notices(write: TableWrite, number: int, export: Export) -> list[Notice]:
    """Tell of rows that a file has twice."""
    rows = write.repeated_of(number)
    if not rows:
        return []
    notice = Notice(
        "repeated",
        export.request.table,
        f"{rows:,} rows of {export.job.job_id} are the same, cell by cell, as one before them, and"
        " were left out",
        rows=rows,
    )
    return [notice]


def _column_changes(export: Export, file: LoadableFile) -> list[dict[str, Any]]:
    """Rows for `column_changes`: how a file's header differs from the table's last one."""
    if not file.shows_columns:
        return []
    return column_change_rows(export.job.job_id, export.request.table, file.columns)


def _header_notices(export: Export, file: LoadableFile) -> list[Notice]:
    """What to tell of a file's header."""
    if not file.shows_columns:
        return []
    return header_notices(export.request.table, file.columns, file.rows)


def _outside_notices(reader: FileReader, export: Export, file: LoadableFile) -> list[Notice]:
    """Tell of rows outside of the window that the margin of its request does not explain."""
    rows = file.outside if reader.is_of_user else file.far_outside
    if not rows:
        return []
    notice = Notice(
        "outside",
        export.request.table,
        f"{rows:,} rows of {export.job.job_id} lie outside of {export.request.window}, and were"
        " left out",
        "Give a wider range, if they are to be loaded.",
        rows=rows,
    )
    return [notice]


def _forgotten_notices(table: str, job_id: str, file: LoadableFile) -> list[Notice]:
    """Note how many rows of forgotten people were left out: in `export_jobs` and the log alone.

    It is so at each load, and nothing that anybody should look into.
    """
    if not file.forgotten:
        return []
    notice = Notice(
        "forgotten",
        table,
        f"{file.forgotten:,} rows of {job_id} are of people who were forgotten, and were left out",
        rows=file.forgotten,
    )
    logger.info(str(notice))
    return [notice]


def _complete_jobs(jobs: Sequence[dict[str, Any]], scope: LoadScope, write: TableWrite) -> None:
    """Add to the rows of `export_jobs` what is known once all rows have passed."""
    for row in jobs:
        row |= {
            "intent": json.dumps(narrow_intent(scope.intent, has_window=bool(row["window_end"]))),
            "replaces_all": scope.is_first or write.replaces_all,
        }
    if jobs:
        # The first export has the lookback in it, so its row has the count of late rows.
        jobs[0] |= write.late_columns()


def _keep_earlier_versions(
    table: str,
    write: TableWrite,
    loaded: Sequence[tuple[LoadableFile, int]],
    exports: Sequence[Export],
) -> Generator[Any, None, tuple[list[int], list[list[Notice]]]]:
    """Yield what the table keeps of rows that could not be read.

    Returns how many rows each export brings then, and what to tell of its bad ones.
    """
    versions = write.keep_rejected([file for file, _ in loaded])
    rows_of_files = [rows for _, rows in loaded]
    for number, rows in versions.rows:
        write.add_kept(rows, file=number)
        rows_of_files[number] += rows.num_rows
        yield past_own_steps(rows)
    notices = [
        rejected_notices(
            table,
            file.rejected,
            f"{export.request}, job {export.job.job_id}",
            kept=versions.kept.get(number, ()),
            lost=versions.lost.get(number, 0),
            reason=versions.reason,
        )
        for number, ((file, _), export) in enumerate(zip(loaded, exports, strict=True))
    ]
    return rows_of_files, notices


def _complete_merge(
    write: TableWrite, files: Sequence[LoadableFile]
) -> Generator[Any, None, TableVersion | None]:
    """Yield what a merge needs where rows that the table has as they are were left out.

    Returns the table that the package is made for; None where any will do.
    """
    unchanged = write.unchanged
    if unchanged is None:
        return None
    absent = write.find_absent()
    if absent is None:
        items = (item for file in files if file.rows for item in file.items())
        yield from (past_own_steps(unchanged.put_back(item)) for item in items)
    elif absent:
        yield past_own_steps(absent)
    return unchanged.made_for


def _files(
    reader: FileReader, exports: Sequence[Export]
) -> Iterator[tuple[Export, LoadableFile, bool]]:
    """The exports' files in their order, and whether a file without rows is passed over.

    Of files without rows only the last brings its columns, and only if no file has a row.
    """
    any_rows = False
    for number, (export, file) in enumerate(reader.files(exports), 1):
        is_silent = not file.rows and (any_rows or number < len(exports))
        any_rows = any_rows or not is_silent
        yield export, file, is_silent


def _locate(files: Sequence[tuple[LoadableFile, int]], row: int) -> str:
    """Where a row is, counted from 0 over all files, each given with its number of rows."""
    for file, rows in files:
        if row < rows:
            return file.locate(row)
        row -= rows
    raise IndexError(row)
