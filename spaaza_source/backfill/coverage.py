"""Coverage: which windows of a table are already loaded, according to `export_jobs`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import dlt

from spaaza_source.audit import (
    CountScope,
    LoadedExport,
    TableManifest,
    count_rows,
    manifest_jobs,
    read_ledger,
    record_result,
)
from spaaza_source.destination import open_client, window_scope
from spaaza_source.exports import TableSync
from spaaza_source.windows import Window


@dataclass(frozen=True)
class Coverage:
    """What is loaded of one table.

    Attributes:
        sync: What is asked for of it now: exports by another filter do not count.
        loaded: Its loaded exports whose rows are in the table, the oldest load first.
        since: Exports that were finished since then are new enough, by the vendor's clock.
        recent_only: Whether only these count; else an older export counts too, up to the table's
            lag before it was created.
        is_typed: Whether the columns of an export's rows have the types they were loaded with.
        kept_since: From when on rows stay in the table, by the vendor's clock; None for all rows.
    """

    sync: TableSync
    loaded: Sequence[LoadedExport]
    since: datetime
    recent_only: bool
    is_typed: Callable[[LoadedExport], bool]
    kept_since: datetime | None = None

    def has(self, window: Window | None) -> bool:
        """Whether all rows of a window are loaded; for None, of a table that comes whole.

        Of a window that is too old for its rows to be kept, none is missing.
        """
        if self._is_gone(window):
            return True
        if self.has_discrepancy(window):
            return False
        window = window and window.since(self.kept_since)
        exports = self._of_window(window)
        if window is None:
            return any(each.window is None and each.finished_at >= self.since for each in exports)
        covered = [part for each in exports if (part := self._covered_by(each)) is not None]
        return not window.gaps(covered)

    def has_discrepancy(self, window: Window | None) -> bool:
        """Whether an open discrepancy touches the window."""
        kept = window and window.since(self.kept_since)
        return not self._is_gone(window) and any(
            each.open_discrepancy and not each.is_gone and _overlap(each.window, kept)
            for each in self.loaded
        )

    def _is_gone(self, window: Window | None) -> bool:
        """Whether no row of a window is to be kept."""
        return window is not None and window.since(self.kept_since) is None

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
        if export.finished_at >= self.since:
            created = export.created_at or export.finished_at
            return (export.window or Window(None, created)).since(export.gone_before)
        policy = self.sync.policy
        if self.recent_only or policy is None or not policy.incremental:
            return None
        return export.covers(policy.lag)


def recount_windows(
    pipeline: dlt.Pipeline, schema: str, table: str, column: str, windows: Sequence[Window]
) -> None:
    """Count windows in the destination again, and record where one is not as it was loaded.

    Only windows that their own exports make up, and that no later load has touched. The table and
    the column that windows are taken by are named as in dlt's schema.
    """
    with open_client(pipeline, schema) as client:
        untouched = _untouched(read_ledger(client).get(table, []))
        for window in windows:
            parts = [each for each in untouched if each.window and window.covers(each.window)]
            if window.gaps(part.window for part in parts if part.window):
                continue
            if any(
                part.window.since(part.gone_before) != part.window for part in parts if part.window
            ):
                # Of some rows nobody knows how many there were.
                continue
            manifest = TableManifest(
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
