"""From a table's exports to what dlt loads: their rows, and the entries that account for them.

Asking and waiting are `run`'s, the files' insides `content`'s, the entries' shape `ledger`'s,
what they tell `accounts`'.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
from dlt.common import logger
from dlt.common.runtime.collector_base import Collector

from spaaza_source.audit.discrepancies import resolves_earlier
from spaaza_source.audit.manifest import write_manifest
from spaaza_source.audit.rows import job_row, late_entry, rejected_rows
from spaaza_source.audit.tables import audit_rows, in_a_load
from spaaza_source.dlt_hooks.run_lock import DOWNLOADS
from spaaza_source.exports.archive import archive_files, archived_exports, verify_checksums
from spaaza_source.exports.plan import TableSync
from spaaza_source.exports.run import ExportRun
from spaaza_source.exports.table_exports import Phase, TableExports
from spaaza_source.loading.checkpoint import Cursor
from spaaza_source.loading.reader import FileReader, LoadableFile, ReadSettings
from spaaza_source.loading.scope import apply_scheduler
from spaaza_source.loading.vendor_cleanup import Remove, VendorCleanup
from spaaza_source.tabular import Policy
from spaaza_source.windows import Window
from spaaza_source.writing.keys import Key
from spaaza_source.writing.late_rows import lateness_of
from spaaza_source.writing.schema_hints import change_entries, check_format
from spaaza_source.writing.table_write import TableWrite, WriteSettings

#: Labels of the counters that a pipeline's `progress` sees, beside dlt's own count of rows.
EXPORTING = "export"
DOWNLOADING = "download"


def export_tables(
    run: ExportRun,
    wanted: TableSync,
    reading: ReadSettings,
    policy: Policy,
    time_column: str | None = None,
    *,
    upkeep: WriteSettings,
    by_scheduler: bool | None = None,
    keep_files: Path | None = None,
    remove: Remove | None = None,
) -> Iterator[Any]:
    """What a resource yields: typed tables, then the entries for the ledger.

    While the vendor works it yields None, dlt's way to give the other resources their turn.

    Args:
        run: The exports of this load.
        wanted: What to ask for; its memory of earlier loads is filled in here.
        reading: How to read the files.
        policy: What happens to personal columns.
        time_column: The column that windows are taken by, as the header has it.
        upkeep: What the rows are held to, and how they are taken in.
        by_scheduler: Whether a scheduler's interval is the span; None for what dlt says.
        keep_files: Where the files are kept; None to remove them.
        remove: Removes jobs at the vendor, once a later load begins; None to leave them there.

    Raises:
        SpaazaSourceError: An export, its download or its file failed; nothing of them is loaded.
    """
    check_format(wanted.table, wanted.make_request(None).export_format)
    cursor = Cursor(wanted.table)
    span = wanted.span and apply_scheduler(wanted.span, allowed=by_scheduler)
    if in_a_load():
        span = upkeep.disposition.span(span, wanted.table, keyed=bool(upkeep.candidates))
    wanted = replace(
        wanted,
        span=span,
        loaded_until=cursor.loaded_until,
        begun_at=cursor.begun_at,
        loaded=cursor.loaded_jobs,
    )
    cleanup = VendorCleanup(cursor, remove)
    cleanup.remove_loaded()
    surplus = None
    if in_a_load():
        surplus = resolves_earlier(
            wanted.table,
            wanted.range_at(datetime.now(timezone.utc)),
            goes_on=span is None or not span.is_backfill,
        )
    exports = run.begin(wanted)
    progress = Progress(exports)
    reader = FileReader(reading, policy, time_column)
    try:
        while not exports.settled:
            progress.report()
            # What has come is judged while the rest is on its way.
            if run.reading.acquire(blocking=False):
                try:
                    _examine_one(exports, reader)
                finally:
                    run.reading.release()
            yield None
        progress.report()
        if not exports.require_current():
            # Only what is finished was wanted, and nothing is.
            return
        # One file after the other: each is read on all cores, and memory holds one at a time.
        while not run.reading.acquire(blocking=False):
            yield None
        try:
            key = yield from load_files(exports, reader, upkeep, surplus=surplus)
        finally:
            run.reading.release()
        _move(cursor, exports, reader, key)
        cleanup.note(exports)
        if keep_files is not None and in_a_load():
            archive_files(exports, keep_files / str(dlt.current.load_package_state()["load_id"]))
    finally:
        run.drop(exports)
        _tell_left(exports)


def _tell_left(exports: TableExports) -> None:
    """Name the jobs of a load that is left early, by Ctrl-C or because something else failed."""
    left = [export for export in exports.exports if export.phase is Phase.EXPORTING]
    if len(left) == 1:
        logger.warning(
            f"{left[0].request}: the vendor's job {left[0].job.job_id} is still"
            f" {left[0].job.vendor_state}; the next run takes it up"
        )
    elif left:
        jobs = ", ".join(export.job.job_id for export in left)
        logger.warning(
            f"{exports.sync.table}: {len(left)} of the vendor's jobs are not done; the next run"
            f" takes them up: {jobs}"
        )


def archived_tables(
    folder: Path,
    wanted: TableSync,
    reading: ReadSettings,
    policy: Policy,
    time_column: str | None = None,
    *,
    upkeep: WriteSettings,
) -> Iterator[Any]:
    """What a resource yields from the files that an earlier load has kept; nothing without any.

    Args:
        folder: Of that load.
        wanted: The table.
        reading: How to read the files.
        policy: What happens to personal columns.
        time_column: The column that windows are taken by, as the header has it.
        upkeep: What the rows are held to, and how they are taken in.

    Raises:
        FileError: A file must not be loaded, or is not as it was kept.
    """
    exports = archived_exports(folder, wanted)
    if exports is None:
        return
    verify_checksums(exports.current)
    check_format(wanted.table, exports.current[0].request.export_format)
    reader = FileReader(reading, policy, time_column)
    key = yield from load_files(exports, reader, upkeep)
    _move(Cursor(wanted.table), exports, reader, key)


def load_files(
    exports: TableExports, reader: FileReader, upkeep: WriteSettings, *, surplus: int | None = None
) -> Generator[Any, None, Key | None]:
    """The tables of a table's files, then its entries for the ledger.

    Args:
        exports: All have arrived.
        reader: What opens them.
        upkeep: What the rows are held to, and how they are taken in.
        surplus: How many rows too many an earlier load has left, which this one mends: then all
            rows take the table's place even where they could be merged into it. None for no such.

    Returns:
        What tells the rows apart; None where nothing does.

    Raises:
        FileError: A file must not be loaded, or its rows may not be taken in.
        SettingsError: It has no column to take the window by, or none that the policy names.
    """
    table = exports.sync.table
    jobs, rejected, changes = [], [], []
    intake = _intake(exports, upkeep, surplus) if in_a_load() else None
    lateness = None
    if intake is not None:
        lateness = lateness_of(exports, reader.time_column, upkeep.disposition)
    taken: list[tuple[LoadableFile, int]] = []
    spent = -time.monotonic()
    for number, (export, content) in enumerate(reader.files(exports.require_current())):
        changes += [
            {"job_id": export.job.job_id, **change} for change in change_entries(table, content)
        ]
        hints: Any = None
        if intake is not None:
            hints = {**content.hints(), **intake.hints()}
        loaded = 0
        for item, rows in content.items():
            item_taken = item if intake is None else intake.add(item, file=number)
            if lateness is not None:
                lateness.add(item)
            loaded += item_taken.num_rows if isinstance(item_taken, pa.Table) else rows
            spent += time.monotonic()
            # The first item carries what the schema shall know; dlt keeps it for the rest.
            yield dlt.mark.with_hints(item_taken, hints) if hints else item_taken
            hints = None
            spent -= time.monotonic()
        spent += time.monotonic()
        taken.append((content, loaded))
        jobs.append(job_row(export, reader.policy, content, loaded, spent))
        rejected += rejected_rows(export, content, reader.policy)
        spent = -time.monotonic()
    if intake is not None:
        told = (exports.covered, reader.time_column)
        intake.finish(*told, lambda row: _locate(taken, row))
        rows_of = [rows for _, rows in taken]
        write_manifest(table, intake.count_scope(*told), reader.time_column, exports, rows_of)
        intake.forget()
    if lateness is not None and jobs:
        # The oldest of a load's exports is the one of the overlap.
        jobs[0] |= late_entry(lateness.late())
    # Arrow keeps what it has freed; the next file, and the load that follows, need the room.
    pa.default_memory_pool().release_unused()
    replaced = [each for each in exports.exports if each.phase is Phase.REPLACED]
    jobs += [job_row(export, reader.policy) for export in replaced]
    yield audit_rows("export_jobs", jobs)
    yield audit_rows("rejected_rows", rejected)
    yield audit_rows("column_changes", changes)
    return None if intake is None else intake.key


def _locate(taken: Sequence[tuple[LoadableFile, int]], row: int) -> str:
    """Where a row is, counted from 0 over all files."""
    for content, rows in taken:
        if row < rows:
            return content.place(row)
        row -= rows
    raise IndexError(row)


def _intake(exports: TableExports, upkeep: WriteSettings, surplus: int | None) -> TableWrite:
    wanted, current = exports.sync, exports.require_current()
    shows_changes = wanted.span is not None and wanted.span.full_refresh_every is not None
    return TableWrite(
        wanted.table,
        upkeep,
        nested=any(export.request.export_format == "json" for export in current),
        partial=shows_changes and not _is_full(wanted, exports.covered),
        overlapping=shows_changes and len(current) > 1,
        surplus=surplus,
    )


def _is_full(wanted: TableSync, reach: Window | None) -> bool:
    """Whether the exports bring all that the table is to hold, rather than some of it."""
    if reach is None:
        return True
    span, until = wanted.span, wanted.loaded_until
    if span is None or span.is_backfill or reach.start != span.start:
        return False
    # Of what is collected, later windows may be missing still.
    return until is None or reach.end >= until


def working_folder() -> Path:
    """Where downloads are put: the pipeline's own folder, or a temporary one without a pipeline."""
    if in_a_load():
        return Path(dlt.current.pipeline().working_dir) / DOWNLOADS
    return Path(tempfile.gettempdir()) / "spaaza_source"


class Progress:
    """Tells the pipeline's `progress` of a table's exports: their state, and the bytes that come.

    It is told from the thread that extracts, whenever that thread looks.
    """

    def __init__(self, exports: TableExports) -> None:
        self._exports = exports
        self._collector: Collector | None = (
            dlt.current.pipeline().collector if in_a_load() else None
        )
        self._state = ""
        self._received = 0

    def report(self) -> None:
        """Tell what has changed since the last call."""
        exports = self._exports
        if self._collector is None:
            return
        table, state, received = exports.sync.table, exports.state, exports.received
        if received != self._received:
            # dlt's own type forgets that a total may be unknown.
            total: Any = exports.total
            arrived, self._received = received - self._received, received
            self._collector.update(table, inc=arrived, total=total, label=DOWNLOADING)
        if state != self._state:
            self._state = state
            self._collector.update(table, inc=0, message=state, label=EXPORTING)


def _examine_one(exports: TableExports, reader: FileReader) -> None:
    for export in exports.current:
        if export.phase is Phase.ARRIVED and reader.examine(export):
            return


def _move(cursor: Cursor, exports: TableExports, reader: FileReader, key: Key | None) -> None:
    """Note what has been loaded, and until when, where the next load goes on from there."""
    wanted, current = exports.sync, exports.current
    cursor.add_loaded_jobs([export.job.job_id for export in current])
    span, reach = wanted.span, exports.covered
    if span is None or span.is_backfill or not span.incremental:
        return
    until = _until(exports)
    if span.full_refresh_every is not None:
        _note_begin(cursor, exports, until, key)
    elif reach is None and reader.no_times is not None:
        logger.warning(
            f"{wanted.table}: every load brings all rows, for no window can be taken by the"
            f" column {reader.time_column!r}: {reader.no_times}; time_columns can name another"
        )
        return
    if until is not None:
        cursor.advance(until)


def _until(exports: TableExports) -> datetime | None:
    """Until when the exports bring all rows; None where nobody knows.

    No later than any of them was asked for, as far as rows of its times can still have come late
    since: the next load begins the lag before this, and would not look for them.
    """
    reach, span = exports.covered, exports.sync.span
    if reach is None or span is None:
        last = exports.current[-1]
        # Nobody knows how old a job is that an earlier run asked for and the vendor gives no date.
        return last.job.created_at or (None if last.adopted else last.begun_at)
    asked = [
        created
        for export in exports.current
        if (created := export.job.created_at) is not None
        and (export.request.window is None or export.request.window.end > created - span.lag)
    ]
    # By the vendor's word alone, where its clock is behind what we take it to be.
    return min(reach.end, *asked) if asked else reach.end


def _note_begin(
    cursor: Cursor, exports: TableExports, end: datetime | None, key: Key | None
) -> None:
    """Note whether later loads may bring only what changed since."""
    wanted = exports.sync
    if not _is_full(wanted, exports.covered):
        return
    if key is None and any(export.file().size for export in exports.current):
        logger.warning(
            f"{wanted.table}: every load brings all rows, for no column is known to tell them"
            " apart, so changed ones could not be merged; primary_key can name some"
        )
    cursor.mark_snapshot(end if key else None)
