"""Soft deletes: a row that an export no longer brings stays in its table, with `deleted_at` set.

Every row is merged by its key, and none is deleted. The rows that the load would have deleted are
loaded once more as the table has them, with the time of the load in `deleted_at`. A row that comes
back has NULL there again, as every row has that a file brings.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.compute as pc
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from spaaza_source.destination import ask, current_pipeline, fetch_chunks, is_files, quote_in_scope
from spaaza_source.errors import BrokenKeyError, SettingsError, not_among
from spaaza_source.exports import TableExports
from spaaza_source.settings import by_table
from spaaza_source.writing.delete_guard import replaced_rows
from spaaza_source.writing.keys import Key, is_in
from spaaza_source.writing.schema_hints import proven_key, table_memory
from spaaza_source.writing.stored_rows.kept_rows import (
    EarlierVersions,
    RejectingFile,
    Search,
    arrow_types,
    fetch_rows,
)
from spaaza_source.writing.table_write import TableWrite
from spaaza_source.writing.write_disposition import apply_final_hints
from spaaza_source.writing.write_settings import WriteSettings

#: The column with the time of the load that has not brought a row any more: UTC, else NULL.
DELETED_AT = "deleted_at"
#: Table hint: the name of that column, where the table has it from us.
SOFT = "x-deleted-at"

KEYLESS_HINT = "Name a primary_key, or leave deletes out for this table."
_SETTING, _CHOICES = "deletes", ("remove", "soft")
_TIME = pa.timestamp("us", "UTC")


def read_deletes(given: Any, tables: Collection[str]) -> frozenset[str]:
    """The setting `deletes`: the tables whose rows are marked as deleted instead of removed.

    Args:
        given: `remove`, `soft`, or one of these by table; may be JSON text.
        tables: All that may be named.

    Raises:
        SettingsError: It is none of these, or names a table that there is not.
    """
    if given is None or given == "remove":
        return frozenset()
    if given == "soft":
        return frozenset(tables)
    is_by_table = isinstance(given, Mapping) or str(given).lstrip().startswith("{")
    if not is_by_table:
        raise not_among(_SETTING, given, _CHOICES)
    soft = set()
    for name, choice in by_table(_SETTING, given):
        table = name.strip().lower().replace("-", "_")
        if table not in tables:
            raise not_among(f"{_SETTING} by table", name, tables)
        if choice not in _CHOICES:
            raise not_among(f"{_SETTING} of {table}", choice, _CHOICES)
        if choice == "soft":
            soft.add(table)
    return frozenset(soft)


def check_soft_deletes(table: str, settings: WriteSettings, export_format: str) -> None:
    """Check that a table's rows can be marked as deleted, before anything is requested.

    Args:
        table: The table.
        settings: How its rows are written.
        export_format: That of its exports.

    Raises:
        SettingsError: They cannot.
    """
    if not settings.soft_deletes:
        return
    user = settings.disposition.user
    has_key = user.key or settings.candidates or proven_key(dlt.current.source_schema(), table)
    cause = hint = ""
    if user.strategy is not None:
        cause = f"rows are written by {user.strategy}, which you have set"
        hint = "Leave out the write_disposition, or deletes."
    elif export_format == "json":
        cause, hint = "records of JSON exports are not merged by a key", "Set export_format to csv."
    elif is_files(current_pipeline().destination):
        cause = "files cannot be asked for the rows that are gone"
        hint = "Leave it out, or load into a database."
    elif not has_key:
        cause, hint = "no column is known to tell its rows apart", KEYLESS_HINT
    if cause:
        raise SettingsError(cause, where=f"{_SETTING} of {table}", hint=hint)


def begin_write(
    exports: TableExports, settings: WriteSettings, *given: Any, **more: Any
) -> TableWrite:
    """What writes one load of one table, as its settings say; as `TableWrite` is made."""
    kind = SoftDeletes if settings.soft_deletes else TableWrite
    return kind(exports, settings, *given, **more)


class SoftDeletes(TableWrite):
    """One load of one table whose rows are marked as deleted; made as a `TableWrite` is."""

    def __init__(
        self, exports: TableExports, settings: WriteSettings, *given: Any, **more: Any
    ) -> None:
        super().__init__(exports, settings, *given, **more)
        schema = dlt.current.source_schema()
        self._column: str = schema.naming.normalize_identifier(DELETED_AT)
        is_whole = exports.brings_all_rows or not exports.sync.merges_changes
        #: Whether a row of the table that the load does not bring has been deleted.
        self._retires = self._has_rows and is_whole and not self._accumulates
        self._is_marked = SOFT in table_memory(self._table)

    def add(self, rows: Any, *, file: int, read_seen: Callable[[], Iterable[Any]] = tuple) -> Any:
        """As by `TableWrite`, with the column that tells that the rows are there."""
        kept = super().add(rows, file=file, read_seen=read_seen)
        if not isinstance(kept, pa.Table):
            return kept
        if self._column in kept.column_names:
            raise SettingsError(
                f"the file has a column {self._column!r} of its own",
                where=f"{_SETTING} of {self._table}",
                hint="Leave it out for this table.",
            )
        return kept.append_column(pa.field(self._column, _TIME), pa.nulls(kept.num_rows, _TIME))

    def keep_rejected(self, files: Sequence[RejectingFile]) -> EarlierVersions:
        """As by `TableWrite`, and what the table has of rows that are gone, marked as deleted.

        Raises:
            TooManyDeletionsError: More are gone than may.
        """
        versions = super().keep_rejected(files)
        key = self._lasting_key
        if not self._retires or not key or (self._keys.rows and not self._keys.has_all(key)):
            # What is missing, `finish` tells.
            return versions
        cells = [rows.select(list(key)) for _, rows in versions.rows]
        if self._keys.rows:
            cells.append(self._keys.cells(key))
        brought = pa.concat_tables(cells, promote_options="permissive") if cells else None
        self._settings.delete_guard.check(
            self._table,
            [
                replace(part, scope=self._of_live(part.scope))
                for part in replaced_rows(
                    self._range, self._time_column, self._rows_of, self._exports.current, self._age
                )
            ],
            brought,
            by_key=True,
            has_saved_filter=self._exports.sync.has_saved_filter,
        )
        gone = self._find_gone(key, brought)
        rows = [(0, self._mark(gone))] if gone.num_rows else []
        return replace(versions, rows=[*versions.rows, *rows])

    def _deletes_absent(self) -> bool:
        return self._retires

    @property
    def _lasting_key(self) -> Key:
        return self._user_key or self._stored_key

    def _of_live(self, scope: str | None) -> str | None:
        """Some rows of the table without those that are marked as deleted, as SQL."""
        if not self._is_marked:
            return scope
        live = f"{{table}}.{quote_in_scope(current_pipeline(), self._column)} IS NULL"
        return f"{scope} AND {live}" if scope else live

    def _find_gone(self, key: Key, brought: pa.Table | None) -> pa.Table:
        """The rows of the range that the load does not bring, as the table has them."""
        memory = table_memory(self._table).get("columns", {})
        columns = arrow_types({name: memory[name] for name in self._stored_columns})
        search = Search(self._table, key, columns, None, None, ())
        # What is too old is not asked for, and goes once the load has ended.
        (rows,) = replaced_rows(self._range, None, self._rows_of, age=self._age)
        scope = rows.scope
        read = partial(_read_gone, search=search, scope=self._of_live(scope), brought=brought)
        try:
            return ask(read)
        except DatabaseUndefinedRelation:
            return pa.table({})

    def _mark(self, rows: pa.Table) -> pa.Table:
        load = float(str(dlt.current.load_package_state()["load_id"]))
        now = pa.scalar(datetime.fromtimestamp(load, UTC), _TIME)
        if self._column in rows.column_names:
            rows = rows.drop_columns([self._column])
        return rows.append_column(pa.field(self._column, _TIME), pa.repeat(now, rows.num_rows))

    def _replace(self) -> None:
        """Write the first rows of the table."""
        if self.key is None and self._keys.rows:
            raise self._keyless()
        super()._replace()
        self._remember()

    def _merge_changes(self, locate: Callable[[int], str]) -> None:
        """Merge all rows into those that the table has."""
        key = self._lasting_key
        if not key:
            raise self._keyless()
        if self._keys.rows:
            self._key_check.check(key, locate)
        self.key = key
        apply_final_hints(self._disposition.accumulating_hints(key))
        self.replaces_all = self._retires and self._range is None and self._exports.brings_all_rows
        self._remember()

    def _keyless(self) -> BrokenKeyError:
        return BrokenKeyError(
            "no column tells its rows apart, so none can be marked as deleted",
            where=self._table,
            hint=KEYLESS_HINT,
        )

    def _remember(self) -> None:
        schema: Any = dlt.current.source_schema()
        if self._table in schema.tables:
            schema.update_table({"name": self._table, "columns": {}, SOFT: self._column})


def _read_gone(
    client: Any, *, search: Search, scope: str | None, brought: pa.Table | None
) -> pa.Table:
    name = client.make_qualified_table_name(search.table)
    columns = ", ".join(map(client.escape_column_name, search.key))
    where = f" WHERE {scope.format(table=name)}" if scope else ""
    keys = []
    for rows in fetch_chunks(client, f"SELECT {columns} FROM {name}{where}"):  # noqa: S608 - ours
        cells = rows.rename_columns(list(search.key)).drop_null()
        keys.append(cells if brought is None else cells.filter(pc.invert(is_in(cells, brought))))
    gone = pa.concat_tables(keys) if keys else pa.table({})
    found = fetch_rows(client, search, gone) if gone.num_rows else gone
    if found is None:
        raise SettingsError(
            "a column's name has a percent sign, so its rows cannot be asked for",
            where=f"{_SETTING} of {search.table}",
            hint="Leave it out for this table.",
        )
    return found
