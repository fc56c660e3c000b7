"""What a pipeline remembers of a table between loads: until when it is loaded, and from which jobs.

It is kept in dlt's state, which moves with the load package: it is as loaded as the rows are, and
a fresh machine restores it from the destination.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import dlt

from spaaza_source.windows import iso, parse_instant

#: Key of the resource's state: the end of the last load, ISO 8601 in UTC.
LOADED_UNTIL = "loaded_until"
#: Key of the resource's state: when a load last began at the begin of the table's span.
BEGUN_AT = "begun_at"
#: Key of the resource's state: ids of loaded jobs that are to be removed at the vendor.
REMOVABLE_JOBS = "removable_jobs"
#: Key of the source's state: ids of loaded jobs by table, the newest last.
LOADED_JOBS = "loaded_jobs"
#: Older ones are past any `max_age` that makes sense.
JOBS_REMEMBERED = 400


def read_state(state: Mapping[str, Any], source: str, table: str) -> dict[str, Any]:
    """What a pipeline remembers of a table, as arguments of `Wanted`.

    Args:
        state: A pipeline's, as `pipeline.state` is.
        source: The source's section.
        table: The table's name.
    """
    own = state.get("sources", {}).get(source, {})
    resource = own.get("resources", {}).get(table, {})
    return {
        "loaded_until": _instant(resource, LOADED_UNTIL),
        "begun_at": _instant(resource, BEGUN_AT),
        "loaded": list(own.get(LOADED_JOBS, {}).get(table, [])),
    }


def write_state(
    state: Any,
    source: str,
    table: str,
    *,
    until: datetime,
    begun_at: datetime | None,
    jobs: Iterable[str],
) -> None:
    """Let a pipeline remember loads that others have made for it.

    Args:
        state: The pipeline's, as `managed_state` gives it.
        source: The source's section.
        table: The table's name.
        until: All its rows of before are loaded.
        begun_at: When they began to be; None to leave that as it is.
        jobs: Ids of jobs whose rows are loaded.
    """
    own = state.setdefault("sources", {}).setdefault(source, {})
    resource = own.setdefault("resources", {}).setdefault(table, {})
    resource[LOADED_UNTIL] = iso(until)
    if begun_at is not None:
        resource[BEGUN_AT] = iso(begun_at)
    loaded = own.setdefault(LOADED_JOBS, {})
    known = dict.fromkeys([*loaded.get(table, []), *jobs])
    loaded[table] = list(known)[-JOBS_REMEMBERED:]


class Cursor:
    """What is remembered of one table; within its resource.

    Args:
        table: Its name.
    """

    def __init__(self, table: str) -> None:
        self._table = table

    @property
    def loaded_until(self) -> datetime | None:
        """All rows of before are loaded; None before the first load."""
        return _instant(dlt.current.resource_state(), LOADED_UNTIL)

    @property
    def begun_at(self) -> datetime | None:
        """When a load last began at the begin of the table's span."""
        return _instant(dlt.current.resource_state(), BEGUN_AT)

    @property
    def loaded_jobs(self) -> list[str]:
        """Ids of jobs whose rows are loaded, the newest last."""
        jobs: list[str] = dlt.current.source_state().get(LOADED_JOBS, {}).get(self._table, [])
        return list(jobs)

    @property
    def removable_jobs(self) -> list[str]:
        """Ids of loaded jobs that are to be removed at the vendor, the oldest first."""
        return list(dlt.current.resource_state().get(REMOVABLE_JOBS, []))

    def note_removable(self, job_ids: Iterable[str]) -> None:
        """These jobs are to be removed once this load package is loaded."""
        jobs = [*self.removable_jobs, *job_ids]
        dlt.current.resource_state()[REMOVABLE_JOBS] = jobs[-JOBS_REMEMBERED:]

    def note_removed(self, job_id: str) -> None:
        """The vendor has this job no more."""
        jobs = [job for job in self.removable_jobs if job != job_id]
        dlt.current.resource_state()[REMOVABLE_JOBS] = jobs

    def advance(self, until: datetime) -> None:
        """All rows of before are in this load package, or loaded."""
        dlt.current.resource_state()[LOADED_UNTIL] = iso(until)

    def mark_snapshot(self, at: datetime | None) -> None:
        """A load has begun at the begin of the table's span; None for the next one to do so."""
        if at is None:
            dlt.current.resource_state().pop(BEGUN_AT, None)
        else:
            dlt.current.resource_state()[BEGUN_AT] = iso(at)

    def add_loaded_jobs(self, job_ids: Iterable[str]) -> None:
        """The rows of these jobs are in this load package."""
        jobs = dlt.current.source_state().setdefault(LOADED_JOBS, {})
        jobs[self._table] = [*jobs.get(self._table, []), *job_ids][-JOBS_REMEMBERED:]


def _instant(state: Mapping[str, Any], key: str) -> datetime | None:
    found = state.get(key)
    return None if found is None else parse_instant(found, key)
