"""Extracts one table from files that are here already: of an archive, or the user's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dlt.common import logger

from spaaza_source.errors import SettingsError
from spaaza_source.exports import (
    GivenTable,
    TableExports,
    TableSync,
    archived_exports,
    require_one_load,
    take_files,
    verify_checksums,
)
from spaaza_source.loading.checkpoint import Cursor, save_checkpoint
from spaaza_source.loading.context import downloads_folder, is_extracting
from spaaza_source.loading.files.load_files import load_files
from spaaza_source.loading.first_look import forget_first_look
from spaaza_source.loading.scope import LoadScope, resolve_scope
from spaaza_source.loading.table_load import TableLoad
from spaaza_source.telemetry import observe_table
from spaaza_source.windows import Window, iso
from spaaza_source.writing import check_format


def load_archived(load: TableLoad, folder: Path) -> Iterator[Any]:
    """What a resource yields from the files that an earlier load archived; nothing without any.

    Args:
        load: How the table is loaded.
        folder: The folder of that load.

    Raises:
        SettingsError: It is not the folder of one load.
        FileError: A file must not be loaded, or is not as it was archived.
    """
    load = load.renamed()
    require_one_load(folder)
    exports = archived_exports(folder, load.sync)
    if exports is None:
        return
    verify_checksums(exports.current)
    _check_kept(exports)
    check_format(load.sync.table, exports.current[0].request.export_format)
    scope = resolve_scope(load, Cursor(load.sync.table), archived=exports)
    yield from _load_at_hand(load, exports, scope)


def load_given(load: TableLoad, files: GivenTable) -> Iterator[Any]:
    """What a resource yields from files of the user's own.

    Args:
        load: How the table is loaded.
        files: The files.

    Raises:
        SettingsError: A file cannot be read, or is given twice.
        FileError: A file must not be loaded.
    """
    load = load.renamed()
    load = replace(load, read_settings=replace(load.read_settings, dialect=files.dialect))
    exports = TableExports(load.sync, covered=files.window, planned=True, complete=True)
    _check_kept(exports)
    scope = resolve_scope(load, Cursor(load.sync.table), archived=exports)
    request = load.sync.make_request(files.window)
    try:
        exports.exports.extend(take_files(request, files.paths, files.dialect, downloads_folder()))
        yield from _load_at_hand(load, exports, scope)
    finally:
        for export in exports.exports:
            export.remove_file()
    if is_extracting():
        _tell_age(load.sync, files.window, scope)


def _check_kept(exports: TableExports) -> None:
    """Take this moment for the load's; refuse files of a time from which no row is kept.

    Raises:
        SettingsError: They are of such a time.
    """
    exports.at_hand, exports.moment = True, datetime.now(UTC)
    covered, kept = exports.covered, exports.kept_since
    if covered is not None and kept is not None and covered.end <= kept:
        raise SettingsError(
            f"rows from before {iso(kept.replace(microsecond=0))} are not kept (retain_days), so"
            f" none of these files, which end at {iso(covered.end)}, would stay",
            where=exports.sync.table,
            hint="Load other files, or set more retain_days.",
        )


def _tell_age(sync: TableSync, window: Window | None, scope: LoadScope) -> None:
    """Tell what follows from not knowing when a user's files were exported."""
    unknown = f"{sync.table}: nobody knows when these files were exported"
    if sync.merges_changes:
        # They may have brought back what rows were before they changed.
        Cursor(sync.table).mark_snapshot(None)
    if sync.merges_changes or (sync.is_incremental and window is None):
        logger.warning(f"{unknown}, so the next load from the vendor brings all rows")
    elif window is not None and scope.has_rows:
        logger.warning(
            f"{unknown}: what the vendor has had since then of {window} is in the table again once"
            " that range is loaded from the vendor"
        )


def _load_at_hand(load: TableLoad, exports: TableExports, scope: LoadScope) -> Iterator[Any]:
    """What a resource yields from files that nobody was asked for."""
    forget_first_look()
    reader = load.reader(scope.sync.policy, scope.tombstones)
    with observe_table(exports, is_loading=is_extracting()):
        key = yield from load_files(load, exports, reader, scope)
    if is_extracting():
        cursor, reason = Cursor(load.sync.table), reader.windows.all_rows_reason
        save_checkpoint(cursor, exports, has_key=key is not None, no_times=reason)
