"""Coverage: which windows of a table are already loaded, according to `export_jobs`.

An export counts where its load has ended: where `export_jobs` has it and dlt's list of loads has
its load. No local file is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import dlt
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from spaaza_source.audit import (
    LEDGER,
    CountScope,
    TableManifest,
    count_rows,
    manifest_jobs,
    record_result,
)
from spaaza_source.destination import open_client, window_scope
from spaaza_source.exports import TableSync
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
        window: Its window; None for all rows.
        fingerprint: Its request's.
        created_at: When the vendor created its job, UTC.
        finished_at: When the vendor had finished it, UTC.
        rows: Rows of it in the table after the load; those of the file, if nobody counted.
        open_discrepancy: Whether the table was found to have another number of its rows, and no
            later load has resolved that.
        superseded: Whether a discrepancy was ever found: others bring its rows.
        load: The id of its load.
        schema: The hash of the schema that it was loaded by.
    """

    job_id: str
    window: Window | None
    fingerprint: str
    created_at: datetime
    finished_at: datetime
    rows: int
    open_discrepancy: bool
    superseded: bool
    load: str
    schema: str


@dataclass(frozen=True)
class CoveredUntil:
    """How far a table is loaded: the checkpoint for later loads.

    Attributes:
        until: The cursor: all rows from before it are loaded.
        begun_at: When the first of its exports was asked for.
        jobs: The ids of their jobs.
    """

    until: datetime
    begun_at: datetime
    jobs: list[str]


@dataclass(frozen=True)
class Coverage:
    """What is loaded of one table.

    Attributes:
        sync: What is asked for of it now: exports by another filter do not count.
        loaded: Its loaded exports, the oldest load first.
        since: Exports that were finished since then are new enough, by the vendor's clock.
        recent_only: Whether only these count; else an older export counts too, up to the table's
            lag before it was created.
        is_typed: Whether the columns of an export's rows have the types they were loaded with.
    """

    sync: TableSync
    loaded: Sequence[LoadedExport]
    since: datetime
    recent_only: bool
    is_typed: Callable[[LoadedExport], bool] = lambda _: True

    def has(self, window: Window | None) -> bool:
        """Whether all rows of a window are loaded; for None, of a table that comes whole."""
        if self.has_discrepancy(window):
            return False
        exports = self._of_window(window)
        if window is None:
            return any(each.window is None and each.finished_at >= self.since for each in exports)
        covered = [part for each in exports if (part := self._covered_by(each)) is not None]
        return not window.gaps(covered)

    def has_discrepancy(self, window: Window | None) -> bool:
        """Whether an open discrepancy touches the window."""
        return any(each.open_discrepancy and _overlap(each.window, window) for each in self.loaded)

    def covered_until(self, covered: Window) -> CoveredUntil:
        """How far the table is loaded, where all of a range is.

        Not later than the creation of any export after which late rows of its window can have come.
        """
        used = self._of_window(covered)
        lag = self.sync.policy.lag if self.sync.policy else timedelta(0)
        early = [
            each.created_at
            for each in used
            if each.finished_at >= self.since
            and (each.window is None or each.window.end > each.created_at - lag)
        ]
        return CoveredUntil(
            min([covered.end, *early]),
            min([each.created_at for each in used], default=covered.end),
            [each.job_id for each in used],
        )

    def _of_window(self, window: Window | None) -> list[LoadedExport]:
        """Exports with rows of a window, asked for as the settings would ask for them now."""
        return [
            each
            for each in self.loaded
            if _overlap(each.window, window)
            and not each.superseded
            and each.fingerprint == self.sync.make_request(each.window).fingerprint
            and self.is_typed(each)
        ]

    def _covered_by(self, export: LoadedExport) -> Window | None:
        """The window in which an export leaves nothing to be asked for; None where it has none."""
        window = export.window or Window(None, export.created_at)
        if export.finished_at >= self.since:
            return window
        policy = self.sync.policy
        if self.recent_only or policy is None or not policy.incremental:
            return None
        # Late rows are in it, as far as they had come before it was asked for.
        end = min(window.end, export.created_at - policy.lag)
        return Window(window.start, end) if window.begin < end else None


def loaded_exports(pipeline: dlt.Pipeline, schema: str, table: str) -> list[LoadedExport]:
    """The loaded exports of a table, the oldest load first.

    Args:
        pipeline: Its destination is asked.
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
    return sorted((_loaded_export(*row) for row in rows or ()), key=lambda each: float(each.load))


def _loaded_export(  # noqa: PLR0917 - a row
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
        open_discrepancy=wrong and settled_by is None,
        superseded=wrong,
        load=load,
        schema=schema,
    )


def recount_windows(
    pipeline: dlt.Pipeline,
    schema: str,
    columns: tuple[str, str],
    windows: Sequence[Window],
    loaded: Sequence[LoadedExport],
) -> None:
    """Count windows in the destination again, and record where one is not as it was loaded.

    Only windows that their own exports make up, and that no later load has touched.

    Args:
        pipeline: Its destination is asked.
        schema: The name of dlt's schema.
        columns: The table, and its column that windows are taken by, both as dlt names them.
        windows: The windows.
        loaded: The loaded exports of the table.
    """
    table, column = columns
    untouched = _untouched(loaded)
    with open_client(pipeline, schema) as client:
        for window in windows:
            parts = [each for each in untouched if each.window and window.covers(each.window)]
            if window.gaps(part.window for part in parts if part.window):
                continue
            manifest = TableManifest(
                table,
                table,
                CountScope("time", window_scope(pipeline, window, column)),
                column,
                window,
                manifest_jobs((each.job_id, each.window, each.rows) for each in parts),
                sum(each.rows for each in parts),
            )
            result = count_rows(client, manifest)
            if not result.right:
                record_result(client, result, parts[0].load)


def _untouched(loaded: Sequence[LoadedExport]) -> list[LoadedExport]:
    """Exports whose windows no later load overlaps."""
    return [
        each
        for number, each in enumerate(loaded)
        if each.window
        and not any(
            _overlap(each.window, later.window)
            for later in loaded[number + 1 :]
            if later.load != each.load
        )
    ]


def _overlap(one: Window | None, other: Window | None) -> bool:
    """Whether two windows overlap; None is all time."""
    return one is None or other is None or one.overlaps(other)


def _utc(instant: Any) -> datetime:
    """A time as any destination's driver gives it."""
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=timezone.utc)
    moment: datetime = instant.astimezone(timezone.utc)
    return datetime.fromisoformat(moment.isoformat())
