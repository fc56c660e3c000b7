"""Which times of a table stand loaded, as the destination's own ledger has it.

An export counts where its load has come to its end: where `export_jobs` has it and dlt's list of
loads has its load. No local file is asked. What is done about the rest is left to `backfill`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import dlt
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from spaaza_source.audit.discrepancies import LEDGER, record_result
from spaaza_source.audit.manifest import CountScope, ManifestJob, TableManifest
from spaaza_source.audit.row_counts import count_rows
from spaaza_source.destination import open_client, window_scope
from spaaza_source.exports.plan import TableSync
from spaaza_source.windows import Window

COLUMNS = (
    "job_id",
    "window_start",
    "window_end",
    "fingerprint",
    "created_at",
    "finished_at",
    "loaded",
    "found",
    "proven",
    "settled_by",
    "_dlt_load_id",
)


@dataclass(frozen=True)
class LoadedExport:
    """An export whose rows were loaded.

    Attributes:
        job_id: The vendor's job.
        window: Its span of time; None for all rows.
        fingerprint: Its request's.
        asked_at: When the vendor took it on.
        ready_at: When the vendor had finished it.
        rows: How many rows of it there were after the load; those of the file, if nobody counted.
        faulty: Whether the destination was found to hold another number, and that still stands.
        outdated: Whether it was ever found so: others bring its rows.
        load: The id of its load.
        schema: The hash of the schema that it was loaded by.
    """

    job_id: str
    window: Window | None
    fingerprint: str
    asked_at: datetime
    ready_at: datetime
    rows: int
    faulty: bool
    outdated: bool
    load: str
    schema: str


@dataclass(frozen=True)
class CoveredUntil:
    """How far a table is loaded, for the loads that go on from there.

    Attributes:
        until: All rows of before are loaded.
        begun_at: When the first of its exports was asked for.
        jobs: The ids of their jobs.
    """

    until: datetime
    begun_at: datetime
    jobs: list[str]


@dataclass(frozen=True)
class Coverage:
    """What stands loaded of one table.

    Attributes:
        wanted: What is asked for of it now: exports by another filter do not count.
        loaded: What was loaded of it, the oldest load first.
        since: Exports that were finished since then are new enough, by the vendor's clock.
        alone: Whether no others are; else older ones count for the times that had passed by more
            than the table's lag when they were asked for.
        is_typed: Whether the columns of an entry's rows are what they were loaded as.
    """

    wanted: TableSync
    loaded: Sequence[LoadedExport]
    since: datetime
    alone: bool
    is_typed: Callable[[LoadedExport], bool] = lambda _: True

    def has(self, window: Window | None) -> bool:
        """Whether all rows of a window are loaded; for None, of a table that comes whole."""
        if self.has_discrepancy(window):
            return False
        same = self._same(window)
        if window is None:
            return any(each.window is None and each.ready_at >= self.since for each in same)
        at = window.begin
        for begin, end in sorted(self._covered(each) for each in same):
            if begin <= at:
                at = max(at, end)
        return at >= window.end

    def has_discrepancy(self, window: Window | None) -> bool:
        """Whether the destination was found to hold other rows of it than were loaded."""
        return any(each.faulty and _meet(each.window, window) for each in self.loaded)

    def covered_until(self, span: Window) -> CoveredUntil:
        """How far the table is loaded, all of a span being so.

        No further than rows of its times can still have come after they were asked for.
        """
        used = self._same(span)
        lag = self.wanted.span.lag if self.wanted.span else timedelta(0)
        early = [
            each.asked_at
            for each in used
            if each.ready_at >= self.since
            and (each.window is None or each.window.end > each.asked_at - lag)
        ]
        return CoveredUntil(
            min([span.end, *early]),
            min([each.asked_at for each in used], default=span.end),
            [each.job_id for each in used],
        )

    def _same(self, window: Window | None) -> list[LoadedExport]:
        """Those with rows of a window, asked for as the settings would ask for them now."""
        return [
            each
            for each in self.loaded
            if _meet(each.window, window)
            and not each.outdated
            and each.fingerprint == self.wanted.make_request(each.window).fingerprint
            and self.is_typed(each)
        ]

    def _covered(self, entry: LoadedExport) -> tuple[datetime, datetime]:
        """From when to when an export leaves nothing to be asked for."""
        window = entry.window or Window(None, entry.asked_at)
        if entry.ready_at >= self.since:
            return window.begin, window.end
        span = self.wanted.span
        if self.alone or span is None or not span.incremental:
            return window.begin, window.begin
        # What came late is in it, as far as it came before this was asked for.
        return window.begin, min(window.end, entry.asked_at - span.lag)


def loaded_exports(pipeline: dlt.Pipeline, schema: str, table: str) -> list[LoadedExport]:
    """What was loaded of a table, the oldest load first.

    Args:
        pipeline: Into whose destination.
        schema: The name of dlt's schema.
        table: The resource.
    """
    with open_client(pipeline, schema) as client:
        ledger = client.make_qualified_table_name(LEDGER)
        loads = client.make_qualified_table_name("_dlt_loads")
        columns = ", ".join(f"jobs.{name}" for name in COLUMNS)
        try:
            rows = client.execute_sql(
                f"SELECT {columns}, loads.schema_version_hash FROM {ledger} AS jobs"
                f" JOIN {loads} AS loads ON loads.load_id = jobs._dlt_load_id"
                " WHERE jobs.table_name = %s AND jobs.loaded IS NOT NULL AND loads.status = 0",
                table,
            )
        except DatabaseUndefinedRelation:
            return []
    return sorted((_entry(*row) for row in rows or ()), key=lambda each: float(each.load))


def _entry(  # noqa: PLR0917 - a row
    job: str,
    start: datetime | None,
    end: datetime | None,
    fingerprint: str,
    created: datetime,
    finished: datetime | None,
    loaded: int,
    found: int | None,
    proven: bool | None,
    settled_by: str | None,
    load: str,
    schema: str,
) -> LoadedExport:
    wrong = proven is not None and not proven
    return LoadedExport(
        job,
        Window(None if start is None else _utc(start), _utc(end)) if end else None,
        fingerprint,
        _utc(created),
        _utc(finished or created),
        int(found if proven and found is not None else loaded),
        faulty=wrong and settled_by is None,
        outdated=wrong,
        load=load,
        schema=schema,
    )


def recount_windows(
    pipeline: dlt.Pipeline,
    schema: str,
    claimed: tuple[str, str],
    windows: Sequence[Window],
    loaded: Sequence[LoadedExport],
) -> None:
    """Count the windows in the destination once more, and note where one is not as it was loaded.

    Only windows that their own exports make up, and that no later load has touched.

    Args:
        pipeline: Into whose destination.
        schema: The name of dlt's schema.
        claimed: The table, and its column that windows are taken by, both as dlt names them.
        windows: The windows.
        loaded: What was loaded of the table.
    """
    table, column = claimed
    untouched = _untouched(loaded)
    with open_client(pipeline, schema) as client:
        for window in windows:
            parts = [each for each in untouched if each.window and window.covers(each.window)]
            length = sum(
                (each.window.length for each in parts if each.window), start=0 * window.length
            )
            if length != window.length:
                continue
            jobs = [ManifestJob(each.job_id, each.window, each.rows) for each in parts]
            way = CountScope("time", window_scope(pipeline, window, column))
            total = sum(each.rows for each in parts)
            finding = count_rows(
                client, TableManifest(table, table, way, column, window, jobs, total)
            )
            if not finding.right:
                record_result(client, finding, parts[-1].load)


def _untouched(loaded: Sequence[LoadedExport]) -> list[LoadedExport]:
    """Those entries whose windows no later load has a part of."""
    found: list[LoadedExport] = []
    later: list[Window | None] = []
    for each in reversed(loaded):
        if each.window and not any(_meet(each.window, other) for other in later):
            found.append(each)
        later.append(each.window)
    return found


def _meet(one: Window | None, other: Window | None) -> bool:
    if one is None or other is None:
        return True
    return one.begin < other.end and other.begin < one.end


def _utc(instant: Any) -> datetime:
    """A time as any destination's driver gives it."""
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=timezone.utc)
    moment: datetime = instant.astimezone(timezone.utc)
    return datetime.fromisoformat(moment.isoformat())
