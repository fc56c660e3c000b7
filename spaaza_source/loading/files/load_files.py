"""Makes of a table's files what dlt loads: their rows, then the rows of the audit tables."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

import dlt
import pyarrow as pa

from spaaza_source.audit import (
    TableVersion,
    audit_rows,
    job_row,
    note_repeatable,
    write_manifest,
)
from spaaza_source.destination import current_pipeline, prefer_settings
from spaaza_source.drift import (
    MisfitCounter,
    Notice,
    NullCounter,
    rejected_notices,
    tell_notices,
)
from spaaza_source.expectations import ExpectationCheck
from spaaza_source.exports import (
    Export,
    Phase,
    TableExports,
)
from spaaza_source.loading.context import is_extracting
from spaaza_source.loading.files.file_notes import FileNotes
from spaaza_source.loading.files.unchanged_file import is_unchanged, judge_unchanged, note_unchanged
from spaaza_source.loading.intent import narrow_intent
from spaaza_source.loading.scope import LoadScope
from spaaza_source.loading.table_load import TableLoad
from spaaza_source.reading import FileReader, LoadableFile, WindowEdges
from spaaza_source.retention import Removal, note_removal
from spaaza_source.writing import (
    Key,
    TableWrite,
    begin_write,
    past_own_steps,
    proven_key,
)


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
    table = exports.sync.table
    check = ExpectationCheck(table, load.expectations, load.times)
    write = begin_write(
        exports,
        replace(load.write_settings, watched=check.watched),
        reader.time_column,
        has_rows=scope.has_rows,
        duplicates=scope.duplicates,
        can_repeat=scope.can_repeat,
    )
    edges, notes = WindowEdges(), FileNotes(exports, reader)
    begun = time.monotonic()
    for number, (export, file, is_silent) in enumerate(_files(reader, current)):
        rows, waited = 0, 0.0
        notes.begin(export, file)
        misfits, nulls = MisfitCounter(variants=file.has_variants), NullCounter()
        if export.request.window is not None:
            edges.add(export.request.window)
        check.begin(export, file.columns, file.locate)
        if not is_silent:
            file.check_hints()
            watchers = (misfits, nulls, check)
            rows, waited = yield from _load_file(file, write, edges, watchers, number)
        seconds, repeated = time.monotonic() - begun - waited, write.repeated_of(number)
        counters = (misfits, nulls)
        notes.end(export, file, counters, rows=rows, repeated=repeated, seconds=seconds)
        begun = time.monotonic()
    edges.check(table, reader.windows.filter_hint)
    total = sum(rows for _, rows in notes.loaded)
    notes.told[0] += check.judge(
        exports, total, write.find_repeated, notes.locate, has_rows=scope.has_rows
    )
    kept = yield from _keep_earlier_versions(table, write, notes.loaded, current)
    rows_of_files, told_of_rejected = kept
    notices = notes.complete(rows_of_files, told_of_rejected)
    made_for = yield from _complete_merge(write, [file for file, _ in notes.loaded])
    count_scope = write.finish(notes.locate)
    tell_notices(notices, stop=load.stops_on_drift)
    write_manifest(count_scope, reader.time_column, exports, rows_of_files, made_for=made_for)
    if exports.kept_since is not None:
        note_removal(
            Removal(table, write.times, exports.kept_since, current[0].job.job_id, write.old_rows)
        )
    # Of rows that are appended, some of a load that is given up may be in the table.
    if scope.can_repeat and (count_scope is None or count_scope.counted != "load"):
        note_repeatable(table)
    _complete_jobs(notes.jobs, exports, scope, write)
    # Arrow keeps what it has freed; the next file, and the load that follows, need the room.
    pa.default_memory_pool().release_unused()
    replaced = (export for export in exports.exports if export.phase is Phase.REPLACED)
    jobs = [job_row(export, hide_selection=reader.policy.hides_raw) for export in replaced]
    yield audit_rows("export_jobs", [*notes.jobs, *jobs])
    yield audit_rows("rejected_rows", notes.rejected, scope.complete_audit)
    yield audit_rows("column_changes", notes.changes, scope.complete_audit)
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
    watchers: Sequence[MisfitCounter | NullCounter | ExpectationCheck],
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


def _complete_jobs(
    jobs: Sequence[dict[str, Any]], exports: TableExports, scope: LoadScope, write: TableWrite
) -> None:
    """Add to the rows of `export_jobs` what is known once all rows have passed."""
    for row in jobs:
        row |= {
            "intent": json.dumps(narrow_intent(scope.intent, has_window=bool(row["window_end"]))),
            "replaces_all": scope.is_first or write.replaces_all,
            "kept_since": exports.kept_since,
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
