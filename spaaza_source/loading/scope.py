"""The scope of a load of one table: what it covers, after earlier loads, settings and scheduler."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timezone

import dlt
from dlt.extract.incremental.context import get_interval_context

from spaaza_source.audit import resolves_earlier
from spaaza_source.errors import SettingsError
from spaaza_source.exports import SyncPolicy, TableSync
from spaaza_source.loading.checkpoint import Cursor
from spaaza_source.loading.context import is_extracting
from spaaza_source.writing import WriteSettings, check_format


@dataclass(frozen=True)
class LoadScope:
    """What a load of one table covers.

    Attributes:
        sync: What it has to bring, with the checkpoint of earlier loads.
        duplicates: Duplicate rows left by an earlier load that this load replaces; None where it
            resolves no discrepancy.
    """

    sync: TableSync
    duplicates: int | None = None


def resolve_scope(
    sync: TableSync, cursor: Cursor, write_settings: WriteSettings, *, by_scheduler: bool | None
) -> LoadScope:
    """The scope of the load that begins.

    Args:
        sync: What the settings say.
        cursor: The table's checkpoint.
        write_settings: How its rows are written.
        by_scheduler: Whether a scheduler's interval is the range; None for what dlt says.

    Raises:
        SettingsError: The settings, the scheduler or the destination contradict each other.
        WrongCountError: An open discrepancy lies outside of what the load would bring.
    """
    check_format(sync.table, sync.make_request(None).export_format)
    policy = sync.policy and apply_scheduler(sync.policy, allowed=by_scheduler)
    if is_extracting():
        disposition, keyed = write_settings.disposition, bool(write_settings.candidates)
        policy = disposition.limit_policy(policy, sync.table, keyed=keyed)
    sync = replace(
        sync,
        policy=policy,
        loaded_until=cursor.loaded_until,
        begun_at=cursor.begun_at,
        loaded=cursor.loaded_jobs,
    )
    if not is_extracting():
        return LoadScope(sync)
    covered = sync.range_at(datetime.now(timezone.utc))
    is_backfill = policy is not None and policy.is_backfill
    return LoadScope(sync, resolves_earlier(sync.table, covered, exact_range=is_backfill))


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
    return replace(policy, start=narrowed.start, end=narrowed.end)
