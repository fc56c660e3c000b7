"""The load history of a table: what its destination holds, by its own ledger, and where to go on.

A cursor that was only remembered would be ahead of a table that was dropped, of a database put back
from a copy, and of rows that another pipeline, chain or filter has loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import dlt

from spaaza_source.audit import Ledger, LoadedExport, present_exports, read_ledger, reload_hint
from spaaza_source.destination import can_count, open_client
from spaaza_source.errors import SettingsError
from spaaza_source.exports import REPEATS, RUN_MARK, SyncPolicy, TableSync, task_of
from spaaza_source.loading.checkpoint import read_state
from spaaza_source.loading.first_look import TableLook, look_at
from spaaza_source.loading.intent import (
    OWN_STEPS,
    RETAIN_DAYS,
    contradicts,
    describe_settings,
    narrow_intent,
)
from spaaza_source.loading.table_load import TableLoad
from spaaza_source.tombstones import Tombstones
from spaaza_source.windows import EARLIEST, Window
from spaaza_source.writing import UNDECIDED, proven_key

#: What a message calls that which is asked of the vendor.
SELECTION = "filter, fields or export_format"


@dataclass(frozen=True)
class LoadHistory:
    """What a destination holds of one table.

    Attributes:
        exists: Whether there is such a table, whoever made it.
        has_rows: Whether it has rows.
        ledger: All its loaded exports, the oldest load first.
        present: Those whose rows are in the table.
        complete_audit: The audit tables that it has, with all their columns.
        tombstones: What tells the rows of forgotten people.
    """

    exists: bool
    has_rows: bool
    ledger: Sequence[LoadedExport]
    present: Sequence[LoadedExport]
    complete_audit: frozenset[str] = frozenset()
    tombstones: Tombstones | None = None

    def resume(self, sync: TableSync, *, has_times: bool, has_key: bool) -> TableSync:
        """What is left to bring of the table.

        Args:
            sync: What the settings say.
            has_times: Whether the table has the times that windows are taken by.
            has_key: Whether something tells its rows apart.
        """
        policy, until, begun_at = sync.policy, None, None
        if policy is not None and (has_times or policy.merges_changes):
            # Others bring the rows of those that a later load has resolved.
            exports = [
                each for each in self.present if each.open_discrepancy or not each.superseded
            ]
            start = _find_start(exports, policy)
            until = _covered_until(exports, start, policy.lag)
            if has_key if policy.merges_changes else policy.reload_every is not None:
                begun_at = _last_snapshot(exports, start, policy.lag)
                if begun_at and any(e.is_given and e.loaded_at >= begun_at for e in exports):
                    # Its rows may be older than those that they have replaced.
                    begun_at = None
        loaded = [export.job_id for export in self.ledger]
        return replace(sync, loaded_until=until, begun_at=begun_at, loaded=loaded)

    def only_file(self, sync: TableSync, intent: Mapping[str, str]) -> LoadedExport | None:
        """The export of all rows whose file the whole table is, loaded as it would be now.

        Args:
            sync: What the settings ask for.
            intent: The settings that shape rows, by name.
        """
        if len(self.present) != 1 or sync.policy is not None or sync.keeps_others:
            return None
        if intent[OWN_STEPS]:
            # What they do may be new.
            return None
        [export] = self.present
        own = narrow_intent(intent, has_window=False)
        is_same = _is_of(sync, export) and dict(export.intent) == own and not export.window
        return export if is_same and export.is_exact and export.replaces_all else None

    def has_rows_before(self, start: datetime | None) -> bool:
        """Whether rows from before a start of history may be in the table."""
        if start is None or not self.has_rows:
            return False
        return any(not export.window or export.window.begin < start for export in self.present)

    def check(self, sync: TableSync, intent: Mapping[str, str]) -> None:
        """Refuse to go on with rows of another owner, or that other settings have shaped.

        A table that each load replaces as a whole takes up another selection by itself.

        Args:
            sync: What the settings ask for.
            intent: The settings that shape rows, by name.

        Raises:
            SettingsError: The table has such rows.
        """
        account = sync.make_request(None).account
        other = next((each.account for each in self.present if each.account != account), None)
        if other is not None:
            raise SettingsError(
                f"the table has rows of the account {other}, and would lose them to {account}",
                where=sync.table,
                hint="Load into another dataset (dataset_name, --dataset).",
            )
        changed = {
            name
            for export in self.present
            for name, value in intent.items()
            if contradicts(name, export.intent.get(name, value), value)
        }
        if _has_others(sync, self.present):
            changed.add(SELECTION)
        if changed:
            hint = f"{reload_hint(None)} Or set them back, or load into another dataset."
            if changed == {SELECTION}:
                hint = _advise_task(sync, self.present) or hint
            raise SettingsError(
                f"the table's rows were loaded by other settings: {', '.join(sorted(changed))}",
                where=sync.table,
                hint=hint,
            )


def read_history(client: Any, ledger: Ledger, table: str) -> LoadHistory:
    """Read a table's load history.

    Args:
        client: As `open_client` returns it, of a database.
        ledger: What was loaded there.
        table: The table.
    """
    return history_of(ledger, table, look_at(client, table))


def history_of(
    ledger: Ledger,
    table: str,
    look: TableLook,
    *,
    is_emptied: bool = False,
    complete_audit: frozenset[str] = frozenset(),
    tombstones: Tombstones | None = None,
) -> LoadHistory:
    """A table's load history.

    Args:
        ledger: What was loaded into its destination.
        table: The table.
        look: What there is of it.
        is_emptied: Whether the load that begins drops it, or empties it, first.
        complete_audit: The audit tables that the destination has, with all their columns.
        tombstones: Those that it has.
    """
    look = TableLook(exists=False, has_rows=False) if is_emptied else look
    exports = ledger.get(table, [])
    present = present_exports(exports)
    left = [each for each in present if each.rows and not each.is_gone]
    if is_emptied or (not look.has_rows and left):
        # It was emptied by hand: none of its exports counts.
        present = []
    return LoadHistory(look.exists, look.has_rows, exports, present, complete_audit, tombstones)


def resume_tables(
    loads: Mapping[str, TableLoad],
    pipeline: dlt.Pipeline,
    schema: dlt.Schema,
) -> list[TableSync]:
    """What the next load of some tables would bring; nothing is asked for.

    Args:
        loads: How each is loaded.
        pipeline: The pipeline that would load them; it has the state that its destination has.
        schema: What is known of the tables.

    Raises:
        SettingsError: A table's rows are of another owner, or were loaded by other settings.
    """
    if not can_resume(pipeline):
        states = {table: read_state(pipeline.state, schema.name, table) for table in loads}
        return [replace(load.sync, **states[table]) for table, load in loads.items()]
    syncs = []
    with open_client(pipeline) as client:
        ledger = read_ledger(client)
        for table, load in loads.items():
            history = read_history(client, ledger, table)
            history.check(load.sync, describe_settings(load))
            syncs.append(
                history.resume(
                    load.sync,
                    has_times=has_times(load, schema),
                    has_key=bool(proven_key(schema, table)),
                )
            )
    return syncs


def find_rows_of_others(loads: Mapping[str, TableLoad], pipeline: dlt.Pipeline) -> dict[str, str]:
    """By table, the job of an export whose filter or format the settings do not know.

    Only of tables that the settings name no filter for: these may have been loaded by the filter of
    a task that somebody else made.

    Args:
        loads: How each is loaded.
        pipeline: The pipeline that loads them.
    """
    if not can_count(pipeline, None):
        return {}
    jobs = {}
    with open_client(pipeline) as client:
        ledger = read_ledger(client)
        for table, load in loads.items():
            sync, present = load.sync, present_exports(ledger.get(table, []))
            has_own = sync.adopt_job is not None or sync.make_request(None).selection
            if has_own or not _has_others(sync, present):
                continue
            there = read_history(client, ledger, table).present
            whole = [each for each in there if not (each.window or each.is_given)]
            if whole:
                jobs[table] = whole[-1].job_id
    return jobs


def last_instants(
    loads: Mapping[str, TableLoad], pipeline: dlt.Pipeline, source: str
) -> dict[str, datetime | None]:
    """Up to when the last load of some tables brought rows; None for one that comes whole.

    Args:
        loads: How each is loaded.
        pipeline: The pipeline that loads them.
        source: The source's section.

    Raises:
        SettingsError: A table's rows are of another owner, or were loaded by other settings.
    """
    if not can_resume(pipeline):
        states = {table: read_state(pipeline.state, source, table) for table in loads}
        return {table: state["loaded_until"] for table, state in states.items()}
    instants: dict[str, datetime | None] = {}
    with open_client(pipeline) as client:
        ledger = read_ledger(client)
        for table, load in loads.items():
            history = read_history(client, ledger, table)
            history.check(load.sync, describe_settings(load))
            present = history.present if load.sync.policy else []
            covered = (export.covers(timedelta(0)) for export in present)
            instants[table] = max((window.end for window in covered if window), default=None)
    return instants


def can_resume(pipeline: Any) -> bool:
    """Whether the destination's ledger tells where to go on; else dlt's state does.

    Files have no list of loads that have ended. With packages that are not loaded yet, a pipeline
    is ahead of its destination.
    """
    return can_count(pipeline, None) and not pipeline.has_pending_data


def has_times(load: TableLoad, schema: dlt.Schema) -> bool:
    """Whether a table has the times that windows are taken by."""
    if load.time_column is None:
        return False
    columns: Any = schema.tables.get(load.sync.table, {}).get("columns", {})
    column = columns.get(schema.naming.normalize_identifier(load.time_column))
    if column is None:
        return False
    # A column that was empty so far has no type, or is text for the time being.
    return bool(column.get(UNDECIDED)) or column.get("data_type", "timestamp") == "timestamp"


def _has_others(sync: TableSync, present: Sequence[LoadedExport]) -> bool:
    """Whether rows of a table that goes on with those it has are of another filter or format."""
    accumulates = sync.policy is not None or sync.keeps_others
    return accumulates and not all(_is_of(sync, export) for export in present)


def _advise_task(sync: TableSync, present: Sequence[LoadedExport]) -> str | None:
    """What goes on with rows that a recurring task has brought; None where none has.

    Not to load all again: what its runs have accumulated may be in no file any more.
    """
    if sync.adopt_job is not None:
        return "Load the task into another dataset (dataset_name, --dataset)."
    runs = [each.job_id for each in present if RUN_MARK in each.job_id]
    if not runs:
        return None
    if sync.make_request(None).selection:
        return "Set them back, or load into another dataset (dataset_name, --dataset)."
    task = task_of(runs[-1])
    return (
        f"They are of the vendor's task {task}: spaaza collect --task {task}; in Python"
        " adopt_tasks, with the segments and export_format of the task."
    )


def _is_of(sync: TableSync, export: LoadedExport) -> bool:
    """Whether an export is one that the settings would ask for now."""
    request, *others = (
        make_request(export.window) for make_request in (sync.make_request, *sync.other_requests)
    )
    requests = [request, *others, *(replace(request, repeat=repeat) for repeat in REPEATS)]
    return any(export.fingerprint == each.fingerprint for each in requests)


def _find_start(exports: Sequence[LoadedExport], policy: SyncPolicy) -> datetime | None:
    """Where history begins: what loads have removed, and would remove again, is not missing."""
    last = next((each for each in reversed(exports) if each.kept_since), None)
    if policy.keep is None or last is None or last.kept_since is None:
        return policy.start
    if policy.keep > timedelta(days=float(last.intent.get(RETAIN_DAYS, 0))):
        # Rows are to stay for longer now: those are missing.
        return policy.start
    return max(last.kept_since, policy.start or last.kept_since)


def _covered_until(
    exports: Sequence[LoadedExport], start: datetime | None, lag: timedelta
) -> datetime | None:
    """The cursor: all rows since a start are loaded up to the lag before it; None without any."""
    covered = [window for each in exports if (window := each.covers(lag)) is not None]
    last = max((window.end for window in covered), default=EARLIEST)
    if start is not None and start >= last:
        return None
    gap = Window(start, last + timedelta(microseconds=1)).gaps(covered)[0]
    if gap.start is None or gap.start == start:
        return None
    # Whole exports have no end but their moment.
    moments = (
        whole.end + lag for each in exports if not each.window and (whole := each.covers(lag))
    )
    asked = max([*(each.window.end for each in exports if each.window), *moments, gap.start])
    return min(gap.start + lag, asked)


def _last_snapshot(
    exports: Sequence[LoadedExport], start: datetime | None, lag: timedelta
) -> datetime | None:
    """Since when all rows have been brought once more: the oldest of the exports that did so."""
    until = _covered_until(exports, start, lag)
    if until is None:
        return None
    loads = [list(each) for _, each in groupby(exports, key=lambda each: each.load)]
    latest: list[LoadedExport] = []
    for load in reversed(loads):
        latest += load
        if _covered_until(latest, start, lag) == until:
            break
    return min(min(each.created_at or each.loaded_at, each.loaded_at) for each in latest)
