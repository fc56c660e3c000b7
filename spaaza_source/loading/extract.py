"""Extracts one table: from its exports to what dlt loads, its rows and the audit rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
from dlt.common import logger

from spaaza_source.audit import note_asked_for
from spaaza_source.exports import ExportRun, TableExports, archive_files, remove_archived
from spaaza_source.loading.checkpoint import Cursor, save_checkpoint
from spaaza_source.loading.context import is_extracting
from spaaza_source.loading.files.arrivals import await_files, begin_early, warn_of_unfinished
from spaaza_source.loading.files.load_files import load_files
from spaaza_source.loading.first_look import forget_first_look
from spaaza_source.loading.scope import resolve_scope
from spaaza_source.loading.table_load import TableLoad
from spaaza_source.loading.vendor_cleanup import Remove, VendorCleanup
from spaaza_source.telemetry import observe_table
from spaaza_source.windows import iso


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
        with (
            observe_table(exports, is_loading=is_extracting()),
            note_asked_for(
                exports,
                scope.last_made,
                hide_selection=reader.policy.hides_raw,
                is_loading=is_extracting(),
            ),
        ):
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
                _remove_old_files(exports, keep_files)
    finally:
        run.drop(exports)
        warn_of_unfinished(exports)


def _remove_old_files(exports: TableExports, folder: Path) -> None:
    """Remove archived files all of whose rows are too old to be kept, and tell so."""
    kept_since, table = exports.kept_since, exports.sync.table
    if kept_since is not None and (loads := remove_archived(folder, table, kept_since)):
        logger.warning(
            f"{table}: the archived files of {loads} loads were removed from {folder}, as all their"
            f" rows are from before {iso(kept_since.replace(microsecond=0))} (retain_days)"
        )
