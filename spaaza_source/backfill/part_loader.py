"""Loads the parts of a backfill by an open pipeline; what is left is asked of its destination."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

import dlt
from dlt.extract import DltSource

from spaaza_source.audit import LoadedExport, read_ledger
from spaaza_source.backfill.coverage import Coverage, recount_windows
from spaaza_source.backfill.parts import (
    BackfillPart,
    group_by_table,
    narrow,
    start_of,
    windows_of,
)
from spaaza_source.backfill.schema_union import merge_stored_schemas, types_match
from spaaza_source.backfill.worker_pipeline import check_repeatable
from spaaza_source.destination import hold_load_lock, open_client
from spaaza_source.errors import UnavailableError
from spaaza_source.exports import ExportSubmitter
from spaaza_source.loading import SourceExports, exports_of, read_history
from spaaza_source.windows import Window, parse_instant
from spaaza_source.writing import schema_has_rows

#: Makes the source of some tables between two instants; None for all, and for no bound.
MakeSource: TypeAlias = Callable[[object, object, Sequence[str] | None], DltSource]

#: The vendor's clock is known by whole seconds: so much later may a moment be than one after it.
CLOCK_STEP = timedelta(seconds=2)


@dataclass(frozen=True)
class PartLoader:
    """Loads parts.

    Attributes:
        make_source: Makes the source.
        pipeline: The pipeline, with the schemas and state that its destination has.
        side_by_side: Whether other workers load at the same time.
    """

    make_source: MakeSource
    pipeline: dlt.Pipeline
    side_by_side: bool
    _exports: dict[str, tuple[str, SourceExports]] = field(default_factory=dict, repr=False)

    def find_left(self, parts: Sequence[BackfillPart]) -> list[BackfillPart]:
        """The parts that are not loaded yet, as they were given; first those that are wrong."""
        wrong: list[BackfillPart] = []
        missing: list[BackfillPart] = []
        coverages: dict[str, Coverage] = {}
        for part in parts:
            if part["table"] not in coverages:
                coverages[part["table"]] = self.coverage(part)
            coverage = coverages[part["table"]]
            if any(coverage.has_discrepancy(window) for window in windows_of(part)):
                wrong.append(part)
            elif not all(coverage.has(window) for window in windows_of(part)):
                missing.append(part)
        return wrong + missing

    def find_first(self, left: Sequence[BackfillPart]) -> Iterator[BackfillPart]:
        """The windows that must be loaded, one by one, before parts can be loaded side by side.

        Each has to be loaded before the next one is asked for.
        """
        loaded = False
        windows = self.windows_left(left)
        for table in group_by_table(left):
            own = [(part, window) for part, window in windows if part["table"] == table]
            own.sort(key=lambda each: str(each[1]))
            # Windows of one part are never loaded side by side.
            while len({part["name"] for part, _ in own}) > 1 and not self._has_rows(table):
                yield narrow(*own.pop())
                loaded = True
        if windows and not loaded:
            # The audit tables may be missing, or lack new columns.
            yield narrow(*windows[0])

    def windows_left(
        self, parts: Iterable[BackfillPart]
    ) -> list[tuple[BackfillPart, Window | None]]:
        """The windows of parts that are not loaded yet, each with its part."""
        coverages: dict[str, Coverage] = {}
        left = []
        for part in parts:
            if part["table"] not in coverages:
                coverages[part["table"]] = self.coverage(part)
            coverage = coverages[part["table"]]
            left += [(part, window) for window in windows_of(part) if not coverage.has(window)]
        return left

    def load_part(
        self, part: BackfillPart, on_window: Callable[[str], None] | None = None
    ) -> list[str]:
        """Load what is missing of a part; `on_window` is called with each window that is loaded.

        Returns:
            The windows, or the table, that were loaded now.
        """
        loaded = []
        coverage = self.coverage(part)
        for window in windows_of(part):
            name = part["table"] if window is None else str(window)
            if not coverage.has(window):
                self.load_window(part, window)
                merge_stored_schemas(self.pipeline)
                coverage = self.coverage(part)
                if not coverage.has(window):
                    raise UnavailableError(
                        "its load ended, but export_jobs does not show it as loaded;"
                        " another load may have overtaken it",
                        where=f"{part['table']} {name}",
                        hint="Load this part again.",
                    )
                loaded.append(name)
            if on_window is not None:
                on_window(name)
        return loaded

    def load_window(self, part: BackfillPart, window: Window | None) -> None:
        """Load a window of a part, whether or not it is loaded already."""
        start, end = (None, None) if window is None else (window.start, window.end)
        source = self.make_source(start, end, [part["table"]])
        if self.side_by_side:
            check_repeatable(source, part["table"])
        submitter = exports_of(source).run.submitter
        submitter.adopt_since = adopt_since(part, submitter)
        self.pipeline.run(source)

    def coverage(self, part: BackfillPart) -> Coverage:
        """The coverage of a part's table."""
        table = part["table"]
        if table not in self._exports:
            # What is asked for does not change while parts are loaded.
            source = self.make_source(start_of(part), None, [table])
            exports = exports_of(source)
            if _keep_of(exports, table) is not None:
                # The vendor's list is what shows its clock.
                exports.run.submitter.plan([])
            self._exports[table] = source.name, exports
        name, exports = self._exports[table]
        since = adopt_since(part, exports.run.submitter)
        loaded: Sequence[LoadedExport] = []
        if name in self.pipeline.schema_names:
            with open_client(self.pipeline, name) as client:
                loaded = read_history(client, read_ledger(client), table).present

        def is_typed(export: LoadedExport) -> bool:
            # What was loaded before this backfill began was loaded by one worker at a time.
            return export.finished_at < since or types_match(
                self.pipeline, name, export.schema, table
            )

        keep = _keep_of(exports, table)
        kept_since = None if keep is None else exports.run.submitter.now() - keep + CLOCK_STEP
        sync = exports.loads[table].sync
        return Coverage(sync, loaded, since, part["again"], is_typed, kept_since)

    def recount(self, parts: Sequence[BackfillPart]) -> None:
        """Count windows that replace ranges of time again; `export_jobs` notes discrepancies."""
        for table, own in group_by_table(parts).items():
            source = self.make_source(start_of(own[0]), None, [table])
            column = exports_of(source).loads[table].time_column
            windows = [window for part in own for window in windows_of(part) if window]
            if column is None or not windows or source.name not in self.pipeline.schema_names:
                continue
            schema = self.pipeline.schemas[source.name]
            name = schema.naming.normalize_identifier(column)
            if name in schema.tables.get(table, {}).get("columns", {}):
                with hold_load_lock(self.pipeline):
                    recount_windows(self.pipeline, source.name, table, name, windows)

    def _has_rows(self, table: str) -> bool:
        schemas = [self.pipeline.schemas[name] for name in self.pipeline.schema_names]
        return any(table in schema.tables and schema_has_rows(schema, table) for schema in schemas)


def _keep_of(exports: SourceExports, table: str) -> timedelta | None:
    """How long rows stay in a table; None for ever."""
    policy = exports.loads[table].sync.policy
    return None if policy is None else policy.keep


def adopt_since(part: BackfillPart, submitter: ExportSubmitter) -> datetime:
    """Since when exports must have been finished to count."""
    since = parse_instant(part["since"], "since")
    return since if part["again"] else since - submitter.max_age
