"""The span of time that a scheduler wants a load of, where dlt would take it for an incremental.

dlt knows Airflow's data interval, and one from the environment (`DLT_INTERVAL_START`, `…_END`).
"""

from __future__ import annotations

from dataclasses import replace

import dlt
from dlt.extract.incremental.context import get_interval_context

from spaaza_source.errors import SettingsError
from spaaza_source.exports.plan import SyncPolicy


def apply_scheduler(span: SyncPolicy, *, allowed: bool | None) -> SyncPolicy:
    """The span that a load has to cover, narrowed to the scheduler's where that is allowed.

    Like dlt's own incrementals such a load is one of exactly that range: it neither reads nor
    moves the cursor.

    Args:
        span: What the settings say.
        allowed: Whether a scheduler is to be asked; None for what dlt's launcher says
            (`DLT_ALLOW_EXTERNAL_SCHEDULERS`).

    Raises:
        SettingsError: A scheduler is to be asked and none has a span; or nothing is left of it.
    """
    if allowed is None:
        context = get_interval_context()
        allowed = bool(context and context.allow_external_schedulers)
    if not allowed:
        return span
    interval = dlt.current.interval()
    if interval is None:
        raise SettingsError(
            "no scheduler gives an interval",
            where="allow_external_schedulers",
            hint="Run in an Airflow task, or set DLT_INTERVAL_START and DLT_INTERVAL_END.",
        )
    start, end = interval
    start = start if span.start is None else max(start, span.start)
    end = end if span.end is None else min(end, span.end)
    if end <= start:
        raise SettingsError(
            f"the scheduler's interval ends at {end}, where start_date and end_date leave nothing",
            where="allow_external_schedulers",
            hint="Change start_date or end_date, or skip this run.",
        )
    theirs = SyncPolicy.of(start, end)
    return replace(span, start=theirs.start, end=theirs.end)
