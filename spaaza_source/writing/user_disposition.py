"""What a user has set of a resource's write disposition, by `apply_hints`: read and validated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import dlt
import sqlglot
from dlt.common.configuration.container import Container
from dlt.common.destination.capabilities import DestinationCapabilitiesContext
from dlt.common.schema.utils import get_columns_names_with_prop
from dlt.extract.exceptions import DataItemRequiredForDynamicTableHints
from sqlglot.errors import SqlglotError
from sqlglot.expressions import Paren

from spaaza_source.destination import current_merge_strategies
from spaaza_source.errors import SettingsError
from spaaza_source.exports import SyncPolicy
from spaaza_source.writing.keys import Key

#: Dispositions that delete what an export does not bring.
DELETING = ("replace", "cdc", "scd2")
#: Strategies that do, so it must bring everything.
WHOLE_ONLY = ("scd2", "cdc")
#: Strategies that find a row by its key.
BY_KEY = ("upsert", "cdc", "insert-only")


class UserDisposition:
    """The write disposition that a user has set instead of the declared one; in its resource."""

    def __init__(self, declared: Mapping[str, Any]) -> None:
        #: What is not the user's: a load sets its own, and a source object may be run again.
        self._ours: list[Any] = [declared]
        self._hints: dict[str, Any] | None = None
        self._our_key: Key | None = None

    def choose(self, disposition: Any) -> dict[str, Any]:
        """The hint of a disposition of ours: it is not taken for the user's later."""
        self._ours.append(disposition)
        return {"write_disposition": disposition}

    def choose_key(self, key: Key | None) -> None:
        """Remember a key of ours: it is not taken for the user's later."""
        self._our_key = key

    @property
    def hints(self) -> dict[str, Any] | None:
        """What the user has set, as a dict; None where the source may choose."""
        current: Any = dlt.current.resource().write_disposition
        if current not in self._ours:
            self._hints = {"disposition": current} if isinstance(current, str) else dict(current)
        return self._hints

    @property
    def strategy(self) -> str | None:
        """A merge strategy, `replace` or `append`; None where the source may choose."""
        hints = self.hints
        if hints is None:
            return None
        if hints["disposition"] != "merge":
            return str(hints["disposition"])
        return str(hints.get("strategy") or next(iter(current_merge_strategies()), "merge"))

    @property
    def key(self) -> Key | None:
        """The columns that the user calls the key."""
        naming = dlt.current.source_schema().naming
        # As dlt does: of a record, a name may be a path.
        key = tuple(map(naming.normalize_path, self._columns_with("primary_key")))
        return None if not key or key == self._our_key else key

    @property
    def marks_deleted(self) -> bool:
        """Whether a column of the user's marks rows that are to be deleted."""
        return bool(self._columns_with("hard_delete"))

    @property
    def merges_by_others(self) -> bool:
        """Whether rows replace all of the table that share a column of the user's, the merge key.

        Each brings all of its group then, or deletes the rest of it.
        """
        merges = self.strategy in ("delete-insert", "scd2")
        return merges and bool(self._columns_with("merge_key"))

    @property
    def deletes_absent(self) -> bool:
        """Whether a load deletes rows of the table that it does not bring."""
        own_scope = bool((self.hints or {}).get("destination_scope"))
        by_range = self.strategy == "delete-insert" and own_scope
        return self.strategy in DELETING or by_range or self.merges_by_others

    @property
    def newest_wins(self) -> bool:
        """Whether a column of the user's decides which of the rows with one key dlt takes."""
        return self.strategy == "delete-insert" and bool(self._columns_with("dedup_sort"))

    def check(
        self, policy: SyncPolicy | None, table: str, *, keeps_others: bool
    ) -> SyncPolicy | None:
        """The settings' policy as the disposition narrows it; None where it must bring all rows.

        Args:
            policy: What the settings say.
            table: The resource's name.
            keeps_others: Whether rows that an export does not bring are to stay.

        Raises:
            SettingsError: The disposition cannot be right with these settings.
        """
        strategy = self.strategy
        where = f"write_disposition of {table}"
        own_scope = str((self.hints or {}).get("destination_scope") or "")
        if ";" in own_scope:
            raise SettingsError(
                "dlt would cut the destination_scope at its semicolon",
                where=where,
                hint="Write it without one: chr(59), for instance.",
            )
        _check_scope(own_scope, where)
        if strategy in WHOLE_ONLY:
            self._check_all_rows(policy, where, keeps_others=keeps_others)
            return policy and policy.all_kept()
        if strategy == "replace":
            # A table that is emptied by each load has no later rows to go on with.
            return policy and replace(policy, incremental=False)
        if strategy == "append" and policy is not None:
            # A lookback would append rows that are there.
            return replace(policy, lag=timedelta(0), looks_back=False, reload_every=None)
        if strategy in BY_KEY and self.key is None:
            raise SettingsError(
                f"{strategy} needs a key", where=where, hint="Name it: apply_hints(primary_key=…)."
            )
        if strategy == "upsert" and self.marks_deleted:
            raise SettingsError(
                "dlt's upsert inserts a row that is marked as deleted wherever the table lacks it",
                where=where,
                hint="Use the strategy delete-insert with hard_delete."
                if "delete-insert" in current_merge_strategies()
                else "Leave out hard_delete, or load into another destination.",
            )
        if strategy == "delete-insert" and not (
            own_scope or self._columns_with("primary_key") or self._columns_with("merge_key")
        ):
            raise SettingsError(
                "without a key, dlt would append what is to be merged",
                where=where,
                hint="Name one: apply_hints(primary_key=…) or merge_key=….",
            )
        return policy

    def _check_all_rows(self, policy: SyncPolicy | None, where: str, *, keeps_others: bool) -> None:
        """Refuse to bring some rows where the others would be deleted."""
        if keeps_others:
            merge = "upsert" if "upsert" in current_merge_strategies() else "delete-insert"
            raise SettingsError(
                f"{self.strategy} would take every row that has left the segment for deleted",
                where=where,
                hint=f"Use another disposition: {merge} with a primary_key, for instance.",
            )
        if policy is not None and policy.start is not None:
            raise SettingsError(
                f"{self.strategy} would take every row outside of the range for deleted",
                where=where,
                hint=f"Use another disposition, or {policy.all_rows_hint}.",
            )

    def check_records(self, table: str) -> None:
        """Check that the records of a JSON export can be written so.

        Raises:
            SettingsError: They cannot.
        """
        if self.strategy == "scd2" and not (self.hints or {}).get("row_version_column_name"):
            raise SettingsError(
                "scd2 tells a changed row by its version, and records of JSON exports have none",
                where=f"write_disposition of {table}",
                hint="Export CSV (export_format), or use another disposition.",
            )

    def _columns_with(self, hint: Any) -> list[str]:
        """The columns that have a hint; none where hints depend on the rows."""
        try:
            table = dlt.current.resource().compute_table_schema()
        except DataItemRequiredForDynamicTableHints:
            return []
        return get_columns_names_with_prop(table, hint, include_incomplete=True)


def _check_scope(scope: str, where: str) -> None:
    """Check that a `destination_scope` is one condition: it stands in statements of dlt and ours.

    Raises:
        SettingsError: It is none, or it ends what stands around it.
    """
    if not scope:
        return
    scope = scope.replace("{table}", "t")
    capabilities = Container().get(DestinationCapabilitiesContext)
    dialect = capabilities.sqlglot_dialect if capabilities else None
    try:
        sqlglot.parse_one(f"SELECT 1 WHERE ({scope})", dialect=dialect)
        is_condition = isinstance(sqlglot.parse_one(f"({scope})", dialect=dialect), Paren)
    except SqlglotError:
        is_condition = False
    if not is_condition:
        # The text itself may hold values of rows.
        raise SettingsError(
            "the destination_scope is no condition of SQL",
            where=where,
            hint="Write it as after WHERE, such as store_id = 7; quotes and brackets must close.",
        )
