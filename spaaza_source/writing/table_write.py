"""Checks and writes one load of one table: key, delete guard, write disposition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import dlt
import pyarrow as pa
from dlt.common import logger

from spaaza_source.audit import CountScope
from spaaza_source.destination import current_pipeline, window_scope
from spaaza_source.exports import TableExports
from spaaza_source.retention import age_of
from spaaza_source.writing.delete_guard import count_old, replaced_rows
from spaaza_source.writing.keys import (
    Key,
    KeyCandidates,
    KeyCheck,
    KeyViolation,
    shared_by_files,
    shared_rows,
    unmergeable,
)
from spaaza_source.writing.schema_hints import keep_root_keys, proven_key, table_memory
from spaaza_source.writing.stored_rows.kept_rows import (
    KEYLESS,
    UNASKED,
    UNREAD,
    EarlierVersions,
    RejectingFile,
    Search,
    arrow_types,
    find_versions,
    lose_all,
)
from spaaza_source.writing.stored_rows.late_rows import late_row_meter
from spaaza_source.writing.stored_rows.unchanged_rows import UnchangedRows, read_unchanged_rows
from spaaza_source.writing.table_limits import check_rows, check_tables
from spaaza_source.writing.user_disposition import DELETING
from spaaza_source.writing.write_disposition import apply_final_hints, current_valid_rows
from spaaza_source.writing.write_settings import WriteSettings

#: A column that often identifies a row, though no vendor promises it.
ID = "id"
#: A user's dispositions that leave no row of earlier loads there.
REPLACING = ("replace", "cdc")


class TableWrite:
    """One load of one table, as its rows pass by; within a resource that is extracted.

    Args:
        exports: All have arrived.
        settings: How their rows are written.
        time_column: The column that windows are taken by, as dlt names it; None where the rows do
            not replace a range.
        has_rows: Whether the table has rows of earlier loads that this one does not empty first.
        duplicates: Not None where an earlier load left a discrepancy: then rows replace the table
            even where they could be merged into it. The number is that load's duplicates.
        can_repeat: Whether new exports would bring the same rows.
    """

    def __init__(
        self,
        exports: TableExports,
        settings: WriteSettings,
        time_column: str | None,
        *,
        has_rows: bool,
        duplicates: int | None,
        can_repeat: bool,
    ) -> None:
        sync, current = exports.sync, exports.current
        self._table = sync.table
        self._exports = exports
        self._settings = settings
        self._disposition = settings.disposition
        self._time_column = time_column
        #: The range of time that the rows replace, as SQL; None for all rows.
        self._range = window_scope(current_pipeline(), exports.covered, time_column)
        #: Records with lists in them, which become tables.
        self._nested = any(export.request.export_format == "json" for export in current)
        if self._nested:
            user = self._disposition.user.strategy
            merges = self._range is not None or sync.keeps_others or user not in (None, "replace")
            keep_root_keys(self._table, merges=merges)
        self._has_rows = has_rows
        # Later it is in the schema anyway.
        self._stored_key = proven_key(dlt.current.source_schema(), self._table)
        #: The columns that the table has before this load.
        self._stored_columns = list(table_memory(self._table).get("columns", {}))
        #: Whether loads add rows to those of earlier ones; but a range replaces that of a table.
        self._adds = sync.keeps_others and not sync.merges_changes
        self._accumulates = self._adds and (self._range is None or not has_rows)
        #: Changed rows, to be merged into others by their key; else all rows, or all of a range.
        is_partial = sync.merges_changes and not exports.brings_all_rows
        self._partial = (is_partial or settings.soft_deletes) and self._has_rows
        #: One row may come in several files.
        self._overlapping = sync.merges_changes and len(current) > 1
        self._has_windows = len({export.request.window for export in current}) > 1
        self._duplicates = duplicates
        self._user_key = self._disposition.user.key
        #: How many rows each file has brought.
        self._rows_of: Counter[int] = Counter()
        #: How many rows of each file are the same as one before them.
        self._repeated: Counter[int] = Counter()
        #: What the delete guard tells rows apart by where there is no key.
        self._others = [name for name in (time_column, ID) if name and not self._nested]
        self._keys = KeyCandidates(self._candidates(), self._others, settings.watched)
        self._key_check = KeyCheck(
            self._table,
            self._keys,
            self._user_key,
            self._stored_key,
            newest_wins=self._disposition.user.newest_wins,
        )
        self._are_records = False
        self._late_rows = late_row_meter(sync, exports.covered, time_column, self._disposition.user)
        #: What the table has already; None where all rows are loaded. With another key they fail.
        self.unchanged: UnchangedRows | None = None
        adds = self._partial or self._accumulates or self._overlapping or self._range is not None
        merges_all = has_rows and can_repeat and duplicates is None and not (adds or self._nested)
        if merges_all and self._disposition.can_leave_out:
            columns = self._stored_columns
            self.unchanged = read_unchanged_rows(self._table, self._stored_key, columns)
        naming = dlt.current.source_schema().naming
        #: The columns that tell how old a row is, as dlt names them.
        self.times = tuple(map(naming.normalize_identifier, settings.times))
        #: Which rows of the table are too old, and go once the load has ended.
        self._age = age_of(
            self.times, table_memory(self._table).get("columns", {}), exports.kept_since
        )
        #: How many of these the load itself takes out.
        self.old_rows = 0
        #: What tells the rows apart; known once all have passed.
        self.key: Key | None = None
        #: Whether all rows that the table has are replaced; known then, too.
        self.replaces_all = False

    def _candidates(self) -> list[Key]:
        stored = [self._stored_key] if self._stored_key else []
        if self._user_key:
            # Changed rows are merged by what has told the table's rows apart so far.
            return [self._user_key, *(stored if self._partial else [])]
        naming = dlt.current.source_schema().naming
        names = [naming.normalize_identifier(name) for name in self._settings.candidates]
        if self._adds and ID not in names:
            names.append(ID)
        return [*stored, *((name,) for name in names)]

    def hints(self) -> dict[str, Any]:
        """What dlt has to know before the first row."""
        return self._disposition.first_hints()

    def add(self, rows: Any, *, file: int, read_seen: Callable[[], Iterable[Any]] = tuple) -> Any:
        """Take note of a file's rows, an Arrow table or records; returns what is to be loaded.

        Args:
            rows: The rows.
            file: The file's number.
            read_seen: Reads the file's rows before these once more.
        """
        if self._late_rows is not None:
            self._late_rows.add(rows)
        self._key_check.add(rows)
        check_rows(self._table, rows)
        if not isinstance(rows, pa.Table):
            if isinstance(rows, list):
                self._are_records = True
                self._keys.add_records(rows, file)
                self._rows_of[file] += len(rows)
            return rows
        if self._overlapping:
            rows = self._keys.drop_seen(rows, file)
        rows = self._drop_repeated(rows, file, read_seen)
        self._keys.add(rows, file)
        self._rows_of[file] += rows.num_rows
        rows = self._disposition.complete_rows(rows, accumulates=self._adds)
        return rows if self.unchanged is None else self.unchanged.leave_out(rows)

    def _drop_repeated(
        self, rows: pa.Table, file: int, read_seen: Callable[[], Iterable[Any]]
    ) -> pa.Table:
        """Rows of a window that are merged by a key, without what the file has twice."""
        key = self._stored_key or self._keys.seen_by
        is_own = self._user_key is None and self._disposition.user.strategy is None
        if not (self._partial or self._overlapping) or not (is_own and key and rows.num_rows):
            return rows
        kept = self._keys.drop_repeated(rows, key, file, read_seen)
        self._repeated[file] += rows.num_rows - kept.num_rows
        return kept

    def repeated_of(self, file: int) -> int:
        """How many rows of a file were left out, as one before them is the same."""
        return self._repeated[file]

    def rows_of(self, file: int) -> int:
        """How many rows a file has brought so far."""
        return self._rows_of[file]

    def keep_rejected(self, files: Sequence[RejectingFile]) -> EarlierVersions:
        """What becomes of the earlier versions of bad rows; ask once all rows have passed.

        Each part of those that are to stay is to be taken by `add_kept`.

        Args:
            files: All files, numbered as their rows were.
        """
        is_concerned = self._has_rows and self._deletes_absent()
        if not is_concerned or not any(file.rejected for file in files):
            return EarlierVersions()
        if self._nested:
            return lose_all(files, UNREAD)
        memory = table_memory(self._table).get("columns", {})
        columns = arrow_types(
            {name: memory[name] for name in self._stored_columns if name in memory}
        )
        key = self._user_key or self._stored_key or self._keys.proven()
        if not key and self._keys.tells_apart((ID,)):
            key = (ID,)
        # Rows that are replaced by another key than their own would go with one that stays.
        if not key or not set(columns).issuperset(key) or self._disposition.user.merges_by_others:
            return lose_all(files, KEYLESS)
        if self._keys.rows and not self._keys.has_all(key):
            # Of some good rows nobody could tell that they are the bad ones' newer versions.
            return lose_all(files, UNREAD)
        if current_pipeline().has_pending_data:
            return lose_all(files, UNASKED)
        windows = [export.request.window for export in self._exports.current]
        scope = self._replaced_scope()
        search = Search(self._table, key, columns, scope, self._time_column, windows)
        brought = self._keys.cells(key) if self._keys.has_all(key) else None
        return find_versions(search, files, brought)

    def add_kept(self, rows: pa.Table, *, file: int) -> None:
        """Take note of earlier versions that a load brings once more, and count them to a file."""
        if self._late_rows is not None:
            self._late_rows.add(rows)
        self._keys.add(rows, file)
        self._rows_of[file] += rows.num_rows
        if self.unchanged is not None:
            self.unchanged.note_staged(rows)

    def find_repeated(self, columns: Key) -> KeyViolation | None:
        """Rows whose filled cells of watched columns one before them has; None without any."""
        return self._keys.violation(columns, may_be_empty=True)

    def find_absent(self) -> pa.Table | None:
        """What dlt deletes rows by, once all have passed; None where it needs those left out."""
        if self.unchanged is None or not self._keys.has_all(self._stored_key):
            return pa.table({})
        return self.unchanged.find_absent(self._keys.cells(self._stored_key))

    def finish(self, locate: Callable[[int], str]) -> CountScope | None:
        """Judge the rows as a whole, and give dlt the hints that depend on them.

        Args:
            locate: Tells where a row is, counted from 0 over all rows.

        Returns:
            How the rows are found in the destination once they are loaded; None where nothing
            tells them.

        Raises:
            BrokenKeyError: What the user calls the key, or what was the key so far, does not tell
                the rows apart.
            SettingsError: The destination cannot write them.
            TooManyDeletionsError: More rows would be deleted from the table than may.
        """
        check_tables(self._table, are_records=self._are_records)
        self.key = self._prove_key(locate)
        if self._exports.are_given and len(self._exports.exports) > 1 and self.key is None:
            # Files of the user's own that have rows in common, where no key tells so.
            shared = self._keys.shared_by_files([*self._candidates(), (ID,)])
            if shared is not None:
                raise shared_by_files(self._table, *shared)
        is_own = self._disposition.user.strategy is None
        if self._accumulates and is_own:
            self._accumulate(locate)
        elif not self._partial:
            self._replace()
        elif is_own:
            self._merge_changes(locate)
        self._keys.forget()
        return self._disposition.count_scope(
            self._table,
            self._range,
            self._time_column,
            self.key,
            partial=self._partial,
            accumulates=self._accumulates,
        )

    def late_columns(self) -> dict[str, Any]:
        """What `export_jobs` says of late rows; nothing where they are not counted."""
        return {} if self._late_rows is None else self._late_rows.columns()

    def _replace(self) -> None:
        """Replace the table's rows, or those of the range, by these."""
        disposition = self._disposition
        # Into an empty table nothing needs to be merged. A merge cannot match rows without a key,
        # nor rows of nested tables, whose keys change with each load.
        same_key = self._has_rows and self.key == self._stored_key
        hints = disposition.own_hints(
            self._range,
            self.key,
            merge=same_key and not self._nested and self._duplicates is None,
            lasting_key=not self._nested and (same_key or not self._has_rows),
            limits=self.unchanged.merge_hints(table_memory(self._table)["columns"])
            if self.unchanged
            else {},
        )
        strategy = disposition.user.strategy
        scope = self._range if strategy is None else None
        if strategy == "scd2":
            scope = current_valid_rows(disposition.user.hints or {})
        replaces = strategy is None or strategy in REPLACING
        self.replaces_all = scope is None and self._exports.brings_all_rows and replaces
        if self._has_rows and (strategy is None or strategy in DELETING):
            self._settings.delete_guard.check(
                self._table,
                replaced_rows(
                    scope,
                    self._time_column,
                    self._rows_of,
                    self._exports.current if strategy is None else (),
                    self._age,
                ),
                self._telling_cells(scope),
                by_key=self.key is not None,
                duplicates=self._duplicates or 0,
                has_saved_filter=self._exports.sync.has_saved_filter,
            )
        if self._age and self._has_rows and self.replaces_all:
            keys = self._telling_cells(None) if self.key else None
            self.old_rows = count_old(self._table, self._age, keys)
        apply_final_hints(hints)

    def _deletes_absent(self) -> bool:
        """Whether the load deletes rows of the table that it does not bring."""
        if self._disposition.user.strategy is None:
            return not (self._accumulates or self._partial)
        return self._disposition.user.deletes_absent

    def _replaced_scope(self) -> str | None:
        """The rows that the load replaces, as SQL about `{table}`; None for all."""
        user = self._disposition.user
        hints: Any = user.hints or {}
        if user.strategy == "scd2":
            return current_valid_rows(hints)
        return self._range if user.strategy is None else hints.get("destination_scope")

    def _telling_cells(self, scope: str | None) -> pa.Table | None:
        """What the load brings of the columns that tell its rows, and the table's, apart.

        Without a key these are a window's times and ids: rows seldom share both, and keep them.
        """
        known = table_memory(self._table).get("columns", {})
        others = () if scope is None else self._others
        return self._keys.telling_cells(self.key or (), others, known)

    def _accumulate(self, locate: Callable[[int], str]) -> None:
        """Add these rows to those that the table has: by a key of all of them, else appended."""
        key = self._user_key or (self._stored_key if self._has_rows else self.key) or None
        if self._nested:
            # The rows of nested tables have keys that change with each load.
            key = None
        if key and self._keys.rows:
            self._key_check.check(key, locate)
        if key is None and self._has_rows and self._keys.rows:
            # The rows of nested tables have none that lasts.
            named = "" if self._nested else "; primary_key can name some"
            logger.warning(
                f"{self._table}: no column is known to tell its rows apart, so those that an"
                f" earlier export of the segment had are loaded again{named}"
            )
        self.key = key
        apply_final_hints(self._disposition.accumulating_hints(key))

    def _merge_changes(self, locate: Callable[[int], str]) -> None:
        """Merge changed rows into those that the table has."""
        key = self._stored_key or None
        if self._keys.rows:
            if key is None:
                raise unmergeable(self._table, self._exports.sync.policy)
            self._key_check.check(key, locate)
        self.key = key
        apply_final_hints(self._disposition.partial_hints(key))

    def _prove_key(self, locate: Callable[[int], str]) -> Key | None:
        if self._user_key is None:
            key = self._keys.proven()
            # Without a key a row may be in several windows; several files of one share none.
            is_told = key == self._keys.seen_by and (key or not self._has_windows)
            if self._overlapping and self._keys.rows and not is_told:
                raise shared_rows(self._table, self._exports.sync.policy)
            if self._has_rows and self._stored_key and key != self._stored_key:
                # Without it rows would come in place of others, and nobody could tell which.
                self._key_check.check(self._stored_key, locate)
            return key
        return self._key_check.check_users(self._user_key, locate)
