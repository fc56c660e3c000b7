"""Chooses and validates the dlt write disposition of a load.

What a user sets by `apply_hints` stays, or is refused where it cannot be right.
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

from spaaza_source.audit import CountScope, keep_all_rows, keep_scope
from spaaza_source.destination import (
    current_merge_strategies,
    current_pipeline,
    is_files,
    valid_rows,
)
from spaaza_source.errors import SettingsError
from spaaza_source.exports import RELOAD, SyncPolicy
from spaaza_source.writing.keys import Key
from spaaza_source.writing.row_version import row_versions, unversioned_columns
from spaaza_source.writing.schema_hints import (
    KEY,
    contract_modes,
    has_rows,
    proven_key,
    table_memory,
)
from spaaza_source.writing.stored_rows.kept_rows import has_own_steps
from spaaza_source.writing.user_disposition import UserDisposition

#: What a resource is declared with: dicts, so that they differ from a user's own "replace".
REPLACE: TWriteDispositionDict = {"disposition": "replace"}
REPLACE_WINDOW: TDeleteInsertStrategyDict = {"disposition": "merge", "strategy": "delete-insert"}

#: What some destinations cannot do.
APPEND = "append so that an interrupted load can be repeated"
#: The merge strategies of Delta tables.
OF_DELTA = ("upsert", "insert-only", "cdc")

#: The columns that dlt's `scd2` and an `append` need, and that no file has.
ROW_VERSION, LOAD_ID = "row_version", "_dlt_load_id"
#: Appends, so that a load can be repeated: it replaces its own rows. The same text in all loads.
_OWN_LOAD = f"{{table}}.{LOAD_ID} IN (SELECT {LOAD_ID} FROM {{staging_table}})"  # noqa: S608
REPLACE_OWN_LOAD: TDeleteInsertStrategyDict = {**REPLACE_WINDOW, "destination_scope": _OWN_LOAD}


class Disposition:
    """How a resource's rows are written: as its user has set, or as the source chooses.

    Args:
        declared: What the resource was made with.
        volatile: Columns whose cells change as time passes: they make no version of a row.
    """

    def __init__(self, declared: Mapping[str, Any], volatile: Collection[str] = ()) -> None:
        self._volatile = volatile
        #: What the user has set.
        self.user = UserDisposition(declared)

    def limit_policy(
        self, policy: SyncPolicy | None, table: str, *, keyed: bool, keeps_others: bool = False
    ) -> SyncPolicy | None:
        """Which rows a load may bring: all of them, where the destination can write no others.

        Args:
            policy: What the settings say; None for always all rows.
            table: The resource's name.
            keyed: Whether there are columns that may prove to be a key.
            keeps_others: Whether rows that an export does not bring are to stay.

        Raises:
            SettingsError: The destination cannot write a range of time; or the user's disposition
                cannot be right with these settings.
        """
        strategy, strategies = self.user.strategy, current_merge_strategies()
        if strategy is not None:
            _check_strategy(strategy, table)
            return self.user.check(policy, table, keeps_others=keeps_others)
        if policy is None or REPLACE_WINDOW["strategy"] in strategies:
            return policy
        if policy.merges_changes:
            can_merge = "upsert" in strategies
        else:
            can_merge = "cdc" in strategies and self._has_lasting_key(table, keyed=keyed)
        if can_merge:
            return policy
        if policy.start is not None:
            raise _cannot_replace_range(table, policy.all_rows_hint)
        return replace(policy, incremental=False)

    def _has_lasting_key(self, table: str, *, keyed: bool) -> bool:
        """Whether a key tells the table's rows apart, or may prove to where it has none yet."""
        if not has_rows(table):
            return keyed or self.user.key is not None
        key = proven_key(dlt.current.source_schema(), table)
        return bool(key) and self.user.key in {None, key}

    def first_hints(self) -> dict[str, Any]:
        """What dlt's schema has to know before the first row.

        It completes the user's disposition; without one it is provisional, and one that the
        destination has.
        """
        hints = self.user.hints
        if hints is None:
            can_replace_window = REPLACE_WINDOW["strategy"] in current_merge_strategies()
            return {} if can_replace_window else self.user.choose(REPLACE)
        match self.user.strategy:
            case "append":
                return self.user.choose(REPLACE_OWN_LOAD)
            case "scd2" if not hints.get("row_version_column_name"):
                return self.user.choose({**hints, "row_version_column_name": ROW_VERSION})
            case _:
                return {}

    def own_hints(
        self,
        scope: str | None,
        key: Key | None,
        *,
        merge: bool,
        lasting_key: bool,
        limits: Mapping[str, str],
    ) -> dict[str, Any]:
        """What the source chooses, once all rows have been seen, for dlt's schema.

        Args:
            scope: The rows' range of time, as SQL; None for all rows.
            key: What tells the rows apart, where something does.
            merge: Whether all rows are merged into the table by their key; else they replace it.
            lasting_key: Whether the key tells the table's rows apart as well.
            limits: Where rows that change nothing are left out, what the merge is limited to.

        Raises:
            SettingsError: The destination cannot replace a range of time.
        """
        if self.user.hints is not None:
            return {}
        if scope is None:
            # A replace would bring rows that are marked as deleted.
            by = key if merge or self.user.marks_deleted else None
            hints = self.user.choose(_for_staged_rows(limits) if limits else _for_all_rows(by))
        else:
            hints = self.user.choose(_for_window(scope, key if lasting_key else None))
        if scope is None or REPLACE_WINDOW["strategy"] not in current_merge_strategies():
            hints["additional_table_hints"] = {KEY: list(key or ())}
        return hints | self._key_hints(key)

    def accumulating_hints(self, key: Key | None) -> dict[str, Any]:
        """What the source chooses for rows that are added to others: by a key, else appended.

        Raises:
            SettingsError: The destination cannot do either.
        """
        if key is not None:
            memory = {"additional_table_hints": {KEY: list(key)}}
            return self.partial_hints(key) | memory | self._key_hints(key)
        if REPLACE_WINDOW["strategy"] not in current_merge_strategies():
            raise _cannot(APPEND, _resource_name(), _with_key())
        return self.user.choose(REPLACE_OWN_LOAD)

    def _key_hints(self, key: Key | None) -> dict[str, Any]:
        """The columns of a key of ours; nothing where the user has named one."""
        if self.user.key is not None:
            return {}
        memory: Any = table_memory(_resource_name())
        before = get_columns_names_with_prop(memory, "primary_key") if memory else []
        self.user.choose_key(key)
        return {
            "columns": [
                # Nullable as the file's columns are: else dlt rewrites each file.
                {"name": name, "primary_key": name in (key or ()), "nullable": True}
                for name in dict.fromkeys([*(key or ()), *before])
            ]
        }

    def partial_hints(self, key: Key | None) -> dict[str, Any]:
        """What the source chooses for changed rows, merged by a key; None where there is no row.

        Raises:
            SettingsError: The destination cannot merge.
        """
        if key is None:
            return self.user.choose({"disposition": "append"})
        strategies = current_merge_strategies()
        # dlt's upsert would insert a row that is marked as deleted wherever the table lacks it.
        if "upsert" in strategies and not self.user.marks_deleted:
            return self.user.choose(
                {"disposition": "merge", "strategy": "upsert", "skip_unchanged_rows": True}
            )
        if REPLACE_WINDOW["strategy"] in strategies:
            return self.user.choose({**REPLACE_WINDOW, "deduplicated": True})
        ways = ["leave out hard_delete"] if self.user.marks_deleted else []
        raise _cannot("merge changed rows into others", _resource_name(), *ways, _as_delta())

    @property
    def can_leave_out(self) -> bool:
        """Whether rows reach the table as they are, and it is the source that merges them."""
        user = self.user
        is_own = user.strategy is None and user.key is None and not user.marks_deleted
        is_whole = not has_own_steps() and set(contract_modes().values()) <= {"evolve"}
        return is_own and is_whole and REPLACE_WINDOW["strategy"] in current_merge_strategies()

    def leave_rows(self) -> None:
        """Have dlt leave the table as it is: it would empty one that is replaced by no row."""
        dlt.current.resource().apply_hints(**self.user.choose({"disposition": "append"}))

    def complete_rows(self, rows: pa.Table, *, accumulates: bool) -> pa.Table:
        """The rows with the column that their disposition needs and no file has.

        Args:
            rows: As they are in the file.
            accumulates: Whether the source's own disposition adds them to others.
        """
        hints = self.user.hints or {}
        match self.user.strategy or (accumulates and "append"):
            case "append":
                load = str(dlt.current.load_package_state()["load_id"])
                column, cells = LOAD_ID, pa.repeat(load, rows.num_rows)
            case "scd2" if hints.get("row_version_column_name", ROW_VERSION) == ROW_VERSION:
                column, cells = ROW_VERSION, row_versions(rows, self._unversioned())
            case _:
                return rows
        return rows.append_column(pa.field(column, pa.string(), nullable=False), cells)

    def _unversioned(self) -> set[str]:
        columns: Any = dlt.current.resource().columns
        naming = dlt.current.source_schema().naming
        hints = columns if isinstance(columns, Mapping) else {}
        return unversioned_columns(hints, self._volatile, naming.normalize_identifier)

    def count_scope(
        self,
        table: str,
        scope: str | None,
        time_column: str | None,
        key: Key | None,
        *,
        partial: bool,
        accumulates: bool = False,
    ) -> CountScope | None:
        """How the load's rows are found in the destination; None where nothing tells them.

        Args:
            table: The resource's name.
            scope: The rows' range of time, as SQL; None for all rows.
            time_column: The column that it is taken by.
            key: What tells the rows apart.
            partial: Whether they are merged into others by their key.
            accumulates: Whether they are added to others: by their key, else appended.
        """
        schema: Any = table_memory(table) or {"columns": {}}
        if get_columns_names_with_prop(schema, "hard_delete"):
            # A row of the file may be one that is deleted.
            return None
        if self.user.strategy is not None:
            return self._user_count_scope(schema)
        if accumulates and key is None:
            return CountScope("load", rows_of_this_load())
        if partial or accumulates:
            return CountScope("key", key=key) if key else None
        if scope is None:
            return CountScope("table")
        return CountScope("time", scope) if time_column in schema["columns"] else None

    def _user_count_scope(self, schema: Any) -> CountScope | None:
        hints = self.user.hints or {}
        match self.user.strategy:
            case "replace" | "cdc":
                return CountScope("table", hints.get("destination_scope"))
            case "append":
                return CountScope("load", rows_of_this_load())
            case "scd2" if not get_columns_names_with_prop(schema, "merge_key"):
                version = hints.get("row_version_column_name") or ROW_VERSION
                return CountScope("version", current_valid_rows(hints), (version,))
            case "upsert" | "insert-only" | "delete-insert" if self.user.key:
                return CountScope("key", key=self.user.key)
            case _:
                return None


def apply_final_hints(hints: Mapping[str, Any]) -> None:
    """Give dlt's schema hints of the table that are known only after the last row.

    Not by an item with hints: dlt would hold the item to a contract twice, and fail.
    """
    if not hints:
        return
    resource, schema = dlt.current.resource(), dlt.current.source_schema()
    resource.apply_hints(**hints)
    table = normalize_table_identifiers(resource.compute_table_schema(), schema.naming)
    if table["name"] not in schema.tables:
        return
    # What a contract has kept out of the table stays out.
    existing = schema.tables[table["name"]]["columns"]
    table["columns"] = {name: hint for name, hint in table["columns"].items() if name in existing}
    if "write_disposition" in hints:
        # dlt would keep an earlier load's scope, and whatever else this one does not set.
        for hint in MERGE_DISPOSITION_HINTS.values():
            schema.tables[table["name"]].pop(hint, None)  # type: ignore[misc]
    schema.update_table(table)


def _resource_name() -> str:
    return str(dlt.current.resource().name)


def rows_of_this_load() -> str:
    """The destination's rows of the load that is extracted, as SQL about `{table}`.

    For tables whose rows carry their load's id.
    """
    load = str(dlt.current.load_package_state()["load_id"])
    return f"{{table}}.{LOAD_ID} = '{load}'"


def current_valid_rows(hints: Mapping[str, Any]) -> str:
    """The rows not yet retired of a table that a user's hints make `scd2`, as SQL."""
    _, valid_to = hints.get("validity_column_names") or DEFAULT_VALIDITY_COLUMN_NAMES
    return valid_rows(current_pipeline(), valid_to)


def _for_all_rows(key: Key | None) -> Any:
    """All rows: merged into the table by a key, or in its place."""
    keep_all_rows()
    if key is None or "cdc" not in current_merge_strategies():
        return REPLACE
    return {"disposition": "merge", "strategy": "cdc", "skip_unchanged_rows": True}


def _for_staged_rows(limits: Mapping[str, str]) -> Any:
    """The rows of a table that are not as they were: deleted by their keys, and inserted anew.

    DuckDB takes a third of the time for that which a MERGE takes.
    """
    return keep_scope({**REPLACE_WINDOW, "deduplicated": True, **limits})


def _for_window(scope: str, key: Key | None) -> Any:
    """All rows of a range of time: they replace that range of the table."""
    strategies = current_merge_strategies()
    if REPLACE_WINDOW["strategy"] in strategies:
        return keep_scope({**REPLACE_WINDOW, "destination_scope": scope})
    if "cdc" not in strategies or key is None:
        raise _cannot_replace_range(_resource_name(), RELOAD)
    return keep_scope({"disposition": "merge", "strategy": "cdc", "destination_scope": scope})


def _check_strategy(strategy: str, table: str) -> None:
    """Refuse a user's disposition that the destination does not have."""
    strategies = current_merge_strategies()
    own = "leave the write_disposition to the source"
    if strategy == "append" and REPLACE_WINDOW["strategy"] not in strategies:
        raise _cannot(APPEND, table, own)
    if strategy not in {"append", "replace", *strategies}:
        raise _cannot(strategy, table, own, _as_delta() if strategy in OF_DELTA else "")


def _cannot_replace_range(table: str, all_rows: str) -> SettingsError:
    """The error of a range of time; `all_rows` is what lets a load bring all rows instead."""
    without_key = " without a key" if current_merge_strategies() else ""
    return _cannot(f"replace a range of time{without_key}", table, all_rows, _with_key())


def _as_delta() -> str:
    """What makes tables that can be merged of a folder's plain files; nothing for others."""
    is_plain = is_files(current_pipeline().destination) and not current_merge_strategies()
    return 'give the files table_format="delta"' if is_plain else ""


def _with_key() -> str:
    """What lets a destination that needs a key find rows again."""
    return " and ".join(filter(None, [_as_delta(), "name a primary_key"]))


def _cannot(what: str, table: str, *ways: str) -> SettingsError:
    """The error of a destination that cannot do something; `ways` out of it, some may be empty."""
    tables = f"{current_pipeline().destination.destination_name} tables"
    table_format: Any = dlt.current.resource().table_format
    if table_format:
        tables = f"{table_format} {tables}"
    hint = "; ".join([*filter(None, ways), "or choose another destination"])
    return SettingsError(
        f"{tables} cannot {what}",
        where=table,
        hint=f"{hint[0].upper()}{hint[1:]}: docs/destinations.md tells what each can do.",
    )
