"""The scope of a load of one table: what it covers, after earlier loads, settings and scheduler.

Earlier loads are asked of the destination's own ledger. Where a destination cannot be asked, or the
pipeline has packages that are not loaded yet, the cursor in dlt's state tells them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import dlt
from dlt.extract.incremental.context import get_interval_context

from spaaza_source.audit import LoadedExport, reload_hint, resolves_earlier
from spaaza_source.destination import can_count, check_table_format, current_pipeline
from spaaza_source.errors import SettingsError
from spaaza_source.exports import SyncPolicy, TableExports, TableSync
from spaaza_source.loading.checkpoint import Cursor
from spaaza_source.loading.context import is_extracting, mark_package
from spaaza_source.loading.first_look import look_first
from spaaza_source.loading.history import LoadHistory, can_resume, has_times, history_of
from spaaza_source.loading.intent import describe_intent
from spaaza_source.loading.stored_schema import remember_table
from spaaza_source.loading.table_load import TableLoad
from spaaza_source.reading import check_chosen_types
from spaaza_source.retention import check_retention
from spaaza_source.tombstones import Tombstones
from spaaza_source.writing import (
    check_format,
    check_soft_deletes,
    empties_first,
    has_rows,
    proven_key,
)


@dataclass(frozen=True)
class LoadScope:
    """What a load of one table covers.

    Attributes:
        sync: What it has to bring, with the checkpoint of earlier loads.
        intent: The settings that shape its rows; noted with each export.
        has_rows: Whether the table has rows of earlier loads that this one does not empty first.
        is_first: Whether no earlier load counts: of a table that is new, or was emptied by hand.
        duplicates: Duplicate rows left by an earlier load that this load replaces; None where it
            resolves no discrepancy.
        can_repeat: Whether new exports would bring the same rows: those of an archive, or of a
            segment that rows have left, they would not.
        only_file: The export of all rows whose file the whole table is, as it would be loaded now.
        complete_audit: The audit tables that the destination has, with all their columns.
        tombstones: What tells the rows of forgotten people.
        last_made: When the last export was made whose rows are loaded; None where no row is.
    """

    sync: TableSync
    intent: Mapping[str, str] = field(default_factory=dict)
    has_rows: bool = False
    is_first: bool = True
    duplicates: int | None = None
    can_repeat: bool = False
    only_file: LoadedExport | None = None
    complete_audit: frozenset[str] = frozenset()
    tombstones: Tombstones | None = None
    last_made: datetime | None = None

    def has_file(self, exports: TableExports) -> bool:
        """Whether the table is the file that has arrived, byte for byte."""
        files = [each.arrived.sha256 for each in exports.current if each.arrived is not None]
        return self.only_file is not None and files == [self.only_file.sha256]


def resolve_scope(
    load: TableLoad,
    cursor: Cursor,
    *,
    by_scheduler: bool | None = False,
    archived: TableExports | None = None,
) -> LoadScope:
    """The scope of the load that begins.

    Args:
        load: How the table is loaded, by the settings.
        cursor: The table's checkpoint in dlt's state.
        by_scheduler: Whether a scheduler's interval is the range; None for what dlt says.
        archived: What is loaded from an archive; None where the vendor is asked.

    Raises:
        SettingsError: The settings, the scheduler or the destination contradict each other; or the
            table's rows are of another owner, or were loaded by other settings.
        WrongCountError: An open discrepancy lies outside of what the load would bring.
    """
    sync, writing = load.sync, load.write_settings
    can_repeat = archived is None and not sync.keeps_others
    history = _read_history(sync.table) if is_extracting() else None
    if history is not None:
        remember_table(sync.table, exists=history.exists)
    export_format = sync.make_request(None).export_format
    check_format(sync.table, export_format)
    sync = replace(sync, policy=sync.policy and apply_scheduler(sync.policy, allowed=by_scheduler))
    if not is_extracting():
        return LoadScope(cursor.resume(sync))
    mark_package()
    _check_hints(sync.table)
    check_table_format(current_pipeline(), sync.table, dlt.current.resource().table_format)
    if has_rows(sync.table) if history is None else history.exists:
        check_chosen_types(sync.table, load.read_settings.types)
    disposition, keyed = writing.disposition, bool(writing.candidates)
    if export_format == "json":
        disposition.user.check_records(sync.table)
    check_soft_deletes(sync.table, writing, export_format)
    check_retention(sync, disposition.user.strategy)
    policy = disposition.limit_policy(
        sync.policy, sync.table, keyed=keyed, keeps_others=sync.keeps_others
    )
    # What a user's disposition does with rows that no part has, nobody asked for.
    in_parts = sync.in_parts if disposition.user.strategy is None else None
    sync = replace(sync, policy=policy, in_parts=in_parts)
    intent = describe_intent(load, disposition.user.strategy)
    if history is None:
        filled = has_rows(sync.table)
        return LoadScope(cursor.resume(sync), intent, filled, not filled, can_repeat=can_repeat)
    history.check(sync, intent)
    schema = dlt.current.source_schema()
    # By a key that a user has just named no row can be found yet: first the table comes whole.
    is_own = disposition.user.strategy is None
    has_key = bool(proven_key(schema, sync.table) or (disposition.user.key and not is_own))
    resumes = can_resume(current_pipeline())
    if resumes:
        sync = history.resume(sync, has_times=has_times(load, schema), has_key=has_key)
    else:
        sync = cursor.resume(sync)
    if is_own and sync.merges_changes and policy and history.has_rows_before(policy.start):
        sync = _keep_older(sync, policy, has_key=has_key)
    covered = archived.covered if archived else sync.range_at(datetime.now(UTC))
    exact_range = archived is not None or (policy is not None and policy.is_backfill)
    duplicates = resolves_earlier(
        sync.table,
        history.ledger,
        covered,
        exact_range=exact_range,
        keeps_others=sync.keeps_others,
    )
    filled = history.has_rows or (current_pipeline().has_pending_data and has_rows(sync.table))
    # A table may be empty because nothing has come yet, as earlier loads have shown.
    is_first = not filled and not history.present
    # A key of the user's may be new; rows of nested tables are not counted; and a package that is
    # not loaded yet may bring another file.
    is_plain = is_own and not disposition.user.key and export_format != "json"
    is_asked = archived is None and duplicates is None and resumes
    only_file = history.only_file(sync, intent) if is_plain and is_asked else None
    return LoadScope(
        sync,
        intent,
        filled,
        is_first,
        duplicates,
        can_repeat,
        only_file,
        history.complete_audit,
        history.tombstones,
        max((each.created_at for each in history.ledger if each.created_at), default=None),
    )


def _keep_older(sync: TableSync, policy: SyncPolicy, *, has_key: bool) -> TableSync:
    """Keep the rows from before a start that was moved forward: a load since then lacks them."""
    if not has_key:
        hint = f"{reload_hint(None)} Or set start_date back."
        if policy.is_backfill:
            # The table would have that range alone.
            hint = f"{policy.all_rows_hint[0].upper()}{policy.all_rows_hint[1:]}."
        raise SettingsError(
            "the table has rows from before start_date, and no column is known to tell rows apart,"
            " so a load since then would delete them",
            where=sync.table,
            hint=hint,
        )
    return replace(sync, keeps_others=True)


def _check_hints(table: str) -> None:
    """Refuse dlt's own incremental, which would drop the rows of the lookback once more."""
    step: Any = dlt.current.resource().incremental
    # Each resource has a wrapper, which is empty unless a user has set one.
    if step is not None and getattr(step, "incremental", step) is not None:
        raise SettingsError(
            "dlt's incremental would drop rows that a window replaces",
            where=f"incremental of {table}",
            hint="Leave it out: the table is incremental by itself, from start_date on and with lag"
            " as its lookback.",
        )


def _read_history(table: str) -> LoadHistory | None:
    """What the destination holds of the table; None where it cannot be asked."""
    if not can_count(current_pipeline(), dlt.current.resource().table_format):
        return None
    seen, look = look_first(table)
    return history_of(
        seen.ledger,
        table,
        look,
        is_emptied=empties_first(table),
        complete_audit=seen.complete_audit or frozenset(),
        tombstones=seen.tombstones,
    )


def apply_scheduler(policy: SyncPolicy, *, allowed: bool | None) -> SyncPolicy:
    """Narrow a policy to the interval that a scheduler gives, where that is allowed.

    dlt knows Airflow's data interval, and one from the environment (`DLT_INTERVAL_START`, `…_END`).
    As with dlt's own incrementals, the load is then one of exactly that range: it neither reads nor
    moves the cursor.

    Args:
        policy: What the settings say.
        allowed: Whether to ask a scheduler; None for what dlt's launcher says
            (`DLT_ALLOW_EXTERNAL_SCHEDULERS`).

    Raises:
        SettingsError: A scheduler is to be asked and none has an interval; or nothing is left of
            it.
    """
    if allowed is None:
        context = get_interval_context()
        allowed = bool(context and context.allow_external_schedulers)
    if not allowed:
        return policy
    interval = dlt.current.interval()
    if interval is None:
        raise SettingsError(
            "no scheduler gives an interval",
            where="allow_external_schedulers",
            hint="Run in an Airflow task, or set DLT_INTERVAL_START and DLT_INTERVAL_END.",
        )
    start, end = interval
    start = start if policy.start is None else max(start, policy.start)
    end = end if policy.end is None else min(end, policy.end)
    if end <= start:
        raise SettingsError(
            f"the scheduler's interval ends at {end}, where start_date and end_date leave nothing",
            where="allow_external_schedulers",
            hint="Change start_date or end_date, or skip this run.",
        )
    narrowed = SyncPolicy.of(start, end)
    return replace(policy, start=narrowed.start, end=narrowed.end, by_scheduler=True)
