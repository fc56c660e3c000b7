"""The checkpoint of a table: its cursor, its last full load and its loaded jobs, in dlt's state.

dlt's state moves with the load package: it is as loaded as the rows are, and a fresh machine
restores it from the destination.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import dlt
from dlt.common import logger

from spaaza_source.exports import TableExports, TableSync
from spaaza_source.windows import iso, parse_instant

#: Key of the resource's state: the end of the last load, ISO 8601 in UTC.
LOADED_UNTIL = "loaded_until"
#: Key of the resource's state: when a load last began at the start of the table's history.
BEGUN_AT = "begun_at"
#: Key of the resource's state: ids of loaded jobs that are to be removed at the vendor.
REMOVABLE_JOBS = "removable_jobs"
#: Key of the source's state: ids of loaded jobs by table, the newest last.
LOADED_JOBS = "loaded_jobs"
#: Older ones are past any `max_age` that makes sense.
JOBS_REMEMBERED = 400


def read_state(state: Mapping[str, Any], source: str, table: str) -> dict[str, Any]:
    """A table's checkpoint in a pipeline's state, as arguments of `TableSync`.

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


class Cursor:
    """The checkpoint of one table; within its resource.

    Args:
        table: Its name.
    """

    def __init__(self, table: str) -> None:
        self._table = table

    def resume(self, sync: TableSync) -> TableSync:
        """What is left to bring of the table, after the loads that the state remembers."""
        return replace(
            sync,
            loaded_until=self.loaded_until,
            begun_at=self.begun_at,
            loaded=self.loaded_jobs,
        )

    @property
    def loaded_until(self) -> datetime | None:
        """All rows from before this are loaded; None before the first load."""
        return _instant(dlt.current.resource_state(), LOADED_UNTIL)

    @property
    def begun_at(self) -> datetime | None:
        """When a load last began at the start of the table's history."""
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

    def add_removable_jobs(self, job_ids: Iterable[str]) -> None:
        """Remember jobs that are to be removed once this load package is loaded."""
        jobs = [*self.removable_jobs, *job_ids]
        dlt.current.resource_state()[REMOVABLE_JOBS] = jobs[-JOBS_REMEMBERED:]

    def drop_removable_job(self, job_id: str) -> None:
        """Forget a job that was removed at the vendor."""
        jobs = [job for job in self.removable_jobs if job != job_id]
        dlt.current.resource_state()[REMOVABLE_JOBS] = jobs

    def advance(self, until: datetime) -> None:
        """All rows from before `until` are in this load package, or loaded."""
        dlt.current.resource_state()[LOADED_UNTIL] = iso(until)

    def mark_snapshot(self, at: datetime | None) -> None:
        """This load brings all rows as of then; None where the next load is to bring all again."""
        if at is None:
            dlt.current.resource_state().pop(BEGUN_AT, None)
        else:
            dlt.current.resource_state()[BEGUN_AT] = iso(at)

    def add_loaded_jobs(self, job_ids: Iterable[str]) -> None:
        """The rows of these jobs are in this load package."""
        jobs = dlt.current.source_state().setdefault(LOADED_JOBS, {})
        jobs[self._table] = [*jobs.get(self._table, []), *job_ids][-JOBS_REMEMBERED:]


def save_checkpoint(
    cursor: Cursor, exports: TableExports, *, has_key: bool, no_times: str | None = None
) -> None:
    """Remember what these exports load, and where the next load begins.

    Args:
        cursor: The table's.
        exports: All are in this load package.
        has_key: Whether something tells the rows apart.
        no_times: Why no window can be taken of the file, and what would help; None where one can.
    """
    sync = exports.sync
    cursor.add_loaded_jobs([export.job.job_id for export in exports.current])
    if not sync.is_incremental:
        return
    until = _loaded_until(exports)
    if sync.merges_changes:
        if exports.brings_history:
            if not has_key and any(export.file().size for export in exports.current):
                logger.warning(
                    f"{sync.table}: every load brings all rows, for no column is known to tell them"
                    " apart, so changed ones could not be merged; primary_key can name some"
                )
            cursor.mark_snapshot(until if has_key else None)
    elif exports.covered is None and no_times is not None:
        logger.warning(
            f"{sync.table}: every load brings all rows, for no window can be taken: {no_times}"
        )
        return
    if sync.policy is not None and sync.policy.reload_every is not None and exports.brings_history:
        cursor.mark_snapshot(until)
    if until is not None:
        cursor.advance(until)


def _loaded_until(exports: TableExports) -> datetime | None:
    """Until when the exports bring all rows; None where nobody knows.

    Not later than the creation of any export whose window ends within the lag of it: later rows of
    that window can still arrive, and the next load looks back no further than the lag.
    """
    covered, policy = exports.covered, exports.sync.policy
    if covered is None or policy is None:
        last = exports.current[-1]
        # Nobody knows how old an adopted job is where the vendor gives no date.
        return last.job.created_at or (None if last.adopted else last.begun_at)
    asked = [
        created
        for export in exports.current
        if (created := export.job.created_at) is not None
        and (export.request.window is None or export.request.window.end > created - policy.lag)
    ]
    # By the vendor's word alone, where its clock is behind what we take it to be.
    return min(covered.end, *asked) if asked else covered.end


def _instant(state: Mapping[str, Any], key: str) -> datetime | None:
    found = state.get(key)
    return None if found is None else parse_instant(found, key)
