"""How a load's rows take the place of what the table holds, in dlt's own write dispositions.

What a user sets by `apply_hints` is left as it is, or refused where it cannot be right. Which rows
a load brings is left to `plan`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.schema.typing import (
    DEFAULT_VALIDITY_COLUMN_NAMES,
    MERGE_DISPOSITION_HINTS,
    TDeleteInsertStrategyDict,
    TWriteDispositionDict,
)
from dlt.common.schema.utils import get_columns_names_with_prop, normalize_table_identifiers
from dlt.extract.exceptions import DataItemRequiredForDynamicTableHints

from spaaza_source.destination import current_merge_strategies, valid_rows, window_scope
from spaaza_source.errors import SettingsError
from spaaza_source.exports.plan import SyncPolicy
from spaaza_source.windows import Window
from spaaza_source.writing.keys import Key
from spaaza_source.writing.row_version import row_versions, unversioned_columns
from spaaza_source.writing.schema_hints import KEY, has_rows, proven_key

#: What a resource is declared with: dicts, so that a user's own "replace" can be told from ours.
REPLACE: TWriteDispositionDict = {"disposition": "replace"}
REPLACE_WINDOW: TDeleteInsertStrategyDict = {"disposition": "merge", "strategy": "delete-insert"}
MERGE = "merge"

#: Strategies that take away what an export does not bring, so it must bring everything.
WHOLE_ONLY = ("scd2", "cdc")
#: Strategies that find a row by its key.
BY_KEY = ("upsert", "cdc", "insert-only")
#: The columns that dlt's `scd2` and an `append` need, and that no file has.
ROW_VERSION = "row_version"
LOAD_ID = "_dlt_load_id"


class Disposition:
    """A resource's way to take rows in: the source's own, or its user's.

    Args:
        declared: What the resource was made with.
        passing: Columns whose cells change by themselves: they make no version of a row.
    """

    def __init__(self, declared: Mapping[str, Any], passing: Collection[str] = ()) -> None:
        self._passing = passing
        #: What is not the user's: a load sets its own, and a source object may be run again.
        self._ours: list[Any] = [declared]
        self._users: dict[str, Any] | None = None
        self._key: Key | None = None

    @staticmethod
    def apply(hints: Mapping[str, Any]) -> None:
        """Tell dlt's schema of the table what is known only after the last row.

        Not by an item with hints: dlt would hold the item to a contract twice, and fail.
        """
        if not hints:
            return
        resource, schema = dlt.current.resource(), dlt.current.source_schema()
        resource.apply_hints(**hints)
        told = normalize_table_identifiers(resource.compute_table_schema(), schema.naming)
        if told["name"] not in schema.tables:
            return
        # What a contract has kept out of the table stays out.
        there = schema.tables[told["name"]]["columns"]
        told["columns"] = {name: hint for name, hint in told["columns"].items() if name in there}
        if "write_disposition" in hints:
            # dlt would keep an earlier load's scope, and whatever else this one does not set.
            for hint in MERGE_DISPOSITION_HINTS.values():
                schema.tables[told["name"]].pop(hint, None)  # type: ignore[misc]
        schema.update_table(told)

    @property
    def user_disposition(self) -> dict[str, Any] | None:
        """What the user has set, as a dict; None where the source may choose."""
        found: Any = dlt.current.resource().write_disposition
        if found not in self._ours:
            self._users = {"disposition": found} if isinstance(found, str) else dict(found)
        return self._users

    @property
    def strategy(self) -> str | None:
        """The user's: a merge strategy, `replace` or `append`; None where the source may choose."""
        users = self.user_disposition
        if users is None:
            return None
        if users["disposition"] != "merge":
            return str(users["disposition"])
        return str(users.get("strategy") or next(iter(current_merge_strategies()), MERGE))

    @property
    def user_key(self) -> Key | None:
        """The columns that the user calls the key."""
        try:
            table = dlt.current.resource().compute_table_schema()
        except DataItemRequiredForDynamicTableHints:
            return None
        naming = dlt.current.source_schema().naming
        found = get_columns_names_with_prop(table, "primary_key", include_incomplete=True)
        key = tuple(naming.normalize_identifier(name) for name in found)
        return None if not key or key == self._key else key

    @property
    def newest_wins(self) -> bool:
        """Whether the user names a column by which dlt takes one of the rows with the same key."""
        if self.strategy != "delete-insert":
            return False
        table = dlt.current.resource().compute_table_schema()
        return bool(get_columns_names_with_prop(table, "dedup_sort", include_incomplete=True))

    def span(self, span: SyncPolicy | None, table: str, *, keyed: bool) -> SyncPolicy | None:
        """Which times a load may ask for, which is all where the destination takes no others.

        Args:
            span: As the settings have it; None for always all rows.
            table: The resource's name.
            keyed: Whether there are columns that may prove to be a key.

        Raises:
            SettingsError: The destination cannot take a span of time; or the user's disposition
                cannot be right with these settings.
        """
        strategy = self.strategy
        if strategy is None:
            return _narrowable(span, table, self.user_key, keyed=keyed)
        _check(strategy, table)
        if strategy in WHOLE_ONLY:
            if span is not None and span.start is not None:
                raise SettingsError(
                    f"{strategy} would take every row outside of the span for deleted",
                    where=f"write_disposition of {table}",
                    hint="Leave out start_date, or use another disposition.",
                )
            return None
        if strategy in BY_KEY and self.user_key is None:
            raise SettingsError(
                f"{strategy} needs a key",
                where=f"write_disposition of {table}",
                hint="Name it: apply_hints(primary_key=…).",
            )
        if strategy == "delete-insert" and not self._deletes():
            raise SettingsError(
                "without a key, dlt would append what is to be merged",
                where=f"write_disposition of {table}",
                hint="Name one: apply_hints(primary_key=…) or merge_key=….",
            )
        return span

    def _deletes(self) -> bool:
        users = self.user_disposition or {}
        table: Any = dlt.current.resource().compute_table_schema()
        keyed = any(
            get_columns_names_with_prop(table, key, include_incomplete=True)
            for key in ("primary_key", "merge_key")
        )
        return keyed or bool(users.get("destination_scope"))

    def first_hints(self) -> dict[str, Any]:
        """What dlt's schema has to know before the first row.

        It is what a user's disposition lacks to be right; or what the destination can have, until
        all rows have been seen.
        """
        users = self.user_disposition
        if users is None:
            return (
                {}
                if REPLACE_WINDOW["strategy"] in current_merge_strategies()
                else self._chosen(REPLACE)
            )
        match self.strategy:
            case "append":
                # Repeatable, should it be cut short: the rows of this very load are replaced.
                return self._chosen({**REPLACE_WINDOW, "destination_scope": rows_of_this_load()})
            case "scd2" if not users.get("row_version_column_name"):
                return self._chosen({**users, "row_version_column_name": ROW_VERSION})
            case _:
                return {}

    def own_hints(
        self,
        reach: Window | None,
        time_column: str | None,
        key: Key | None,
        *,
        merged: bool,
        known: bool,
    ) -> dict[str, Any]:
        """What the source chooses, once all rows have been seen, for dlt's schema.

        Args:
            reach: The span of time that the rows are of; None for all rows.
            time_column: The column that it is taken by, as dlt names it.
            key: What tells the rows apart, where something does.
            merged: Whether all rows are merged into the table by their key; else they replace it.
            known: Whether the key tells the rows of the table apart as well.

        Raises:
            SettingsError: The destination cannot replace a span of time.
        """
        if self.user_disposition is not None:
            return {}
        scope = window_scope(dlt.current.pipeline(), reach, time_column)
        if scope is None:
            told = self._chosen(_whole(key if merged else None))
        else:
            told = self._chosen(_by_time(scope, key if known else None))
        if scope is None or REPLACE_WINDOW["strategy"] not in current_merge_strategies():
            told["additional_table_hints"] = {KEY: list(key or ())}
        if self.user_key is None:
            table: Any = dlt.current.source_schema().tables.get(dlt.current.resource().name, {})
            before = get_columns_names_with_prop(table, "primary_key") if table else []
            told["columns"] = [
                # Nullable as the file's columns are: else dlt writes each file anew.
                {"name": name, "primary_key": name in (key or ()), "nullable": True}
                for name in dict.fromkeys([*(key or ()), *before])
            ]
            self._key = key
        return told

    def partial_hints(self, key: Key | None) -> dict[str, Any]:
        """What the source chooses for rows that changed, to be merged by a key; None for no row.

        Raises:
            SettingsError: The destination cannot merge.
        """
        if key is None:
            return self._chosen({"disposition": "append"})
        there = current_merge_strategies()
        if "upsert" in there:
            return self._chosen(
                {"disposition": "merge", "strategy": "upsert", "skip_unchanged_rows": True}
            )
        if REPLACE_WINDOW["strategy"] in there:
            return self._chosen({**REPLACE_WINDOW, "deduplicated": True})
        raise _unable("merge rows that changed among others", dlt.current.resource().name)

    def _chosen(self, disposition: Any) -> dict[str, Any]:
        self._ours.append(disposition)
        return {"write_disposition": disposition}

    def with_row_version(self, rows: pa.Table) -> pa.Table:
        """The rows with the column that the user's disposition needs and no file has."""
        match self.strategy:
            case "append":
                load = str(dlt.current.load_package_state()["load_id"])
                ids = pa.repeat(load, rows.num_rows)
                return rows.append_column(pa.field(LOAD_ID, pa.string(), nullable=False), ids)
            case "scd2" if (self.user_disposition or {}).get(
                "row_version_column_name", ROW_VERSION
            ) == ROW_VERSION:
                versions = row_versions(rows, self._unversioned())
                return rows.append_column(
                    pa.field(ROW_VERSION, pa.string(), nullable=False), versions
                )
            case _:
                return rows

    def _unversioned(self) -> set[str]:
        columns: Any = dlt.current.resource().columns
        told = columns if isinstance(columns, Mapping) else {}
        naming = dlt.current.source_schema().naming
        return unversioned_columns(told, self._passing, naming.normalize_identifier)


def rows_of_this_load() -> str:
    """The rows of the destination that the load which is extracted brings, as SQL about `{table}`.

    For tables whose rows carry their load's id.
    """
    load = str(dlt.current.load_package_state()["load_id"])
    return f"{{table}}.{LOAD_ID} = '{load}'"


def current_valid_rows(users: Mapping[str, Any]) -> str:
    """The rows of an `scd2` table that have not been retired, as SQL about `{table}`.

    Args:
        users: The disposition.
    """
    _, valid_to = users.get("validity_column_names") or DEFAULT_VALIDITY_COLUMN_NAMES
    return valid_rows(dlt.current.pipeline(), valid_to)


def _whole(key: Key | None) -> Any:
    """All rows are the table: merged into it by a key, or in its place."""
    if key is None or "cdc" not in current_merge_strategies():
        return REPLACE
    return {"disposition": "merge", "strategy": "cdc", "skip_unchanged_rows": True}


def _by_time(scope: str, key: Key | None) -> Any:
    """The rows of a span of time are that range of the table."""
    there = current_merge_strategies()
    if REPLACE_WINDOW["strategy"] in there:
        return {**REPLACE_WINDOW, "destination_scope": scope}
    if "cdc" not in there or key is None:
        raise _unable(
            "replace a span of time" + (" without a key" if "cdc" in there else ""),
            dlt.current.resource().name,
        )
    return {"disposition": "merge", "strategy": "cdc", "destination_scope": scope}


def _narrowable(
    span: SyncPolicy | None, table: str, users_key: Key | None, *, keyed: bool
) -> SyncPolicy | None:
    """The times that a load may ask for where the source chooses how they are taken in.

    Raises:
        SettingsError: The destination cannot take a span of time.
    """
    there = current_merge_strategies()
    if span is None or REPLACE_WINDOW["strategy"] in there:
        return span
    changes = span.full_refresh_every is not None
    key = proven_key(table)
    if has_rows(table):
        known = bool(key) and users_key in {None, key}
    else:
        known = keyed or users_key is not None
    if ("upsert" if changes else "cdc") in there and (changes or known):
        return span
    if span.start is not None:
        lacks = " without a key" if there else ""
        raise _unable(f"replace a span of time{lacks}", table)
    return replace(span, incremental=False)


def _check(strategy: str, table: str) -> None:
    """Refuse a user's disposition that the destination does not have."""
    there = current_merge_strategies()
    if strategy == "append" and REPLACE_WINDOW["strategy"] not in there:
        raise _unable("append so that a load which was cut short can be repeated", table)
    if strategy not in {"append", "replace", "skip", *there}:
        raise _unable(strategy, table)


def _unable(what: str, table: str) -> SettingsError:
    told = f"{dlt.current.pipeline().destination.destination_name} tables"
    table_format: Any = dlt.current.resource().table_format
    if table_format:
        told = f"{table_format} {told}"
    return SettingsError(
        f"{told} cannot {what}",
        where=table,
        hint="Load all rows each time, without start_date and by the source's own disposition;"
        ' name a primary_key; give files a table_format="delta"; or choose another destination:'
        " the README's table tells what each can.",
    )
