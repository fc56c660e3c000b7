"""Loads a range of history window by window, each committed on its own, by one or many workers.

What is left to do is asked of the destination, so parts may be repeated by any worker, as often as
one likes. `pipelines/backfill.py` and `pipelines/airflow_dag.py` show it at work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import dlt
from dlt.common.destination import TDestinationReferenceArg
from dlt.extract import DltSource

from spaaza_source.audit import LoadedExport, read_ledger
from spaaza_source.backfill.coverage import Coverage, recount_windows
from spaaza_source.backfill.parts import (
    BackfillPart,
    check_parts,
    group_by_table,
    part_name,
    staging_prefix,
    start_of,
    windows_of,
)
from spaaza_source.backfill.schema_union import merge_stored_schemas, types_match
from spaaza_source.backfill.worker_pipeline import check_repeatable, open_pipeline
from spaaza_source.destination import drop_leftover_staging, hold_load_lock, open_client
from spaaza_source.errors import SettingsError, UnavailableError, wrong_kind
from spaaza_source.exports import ExportSubmitter, cut_range
from spaaza_source.loading import exports_of, read_history
from spaaza_source.settings import require_name
from spaaza_source.windows import Window, iso, parse_instant
from spaaza_source.writing import schema_has_rows


@dataclass(frozen=True)
class Backfill:
    """How a range of history is loaded, and where to.

    `plan` cuts it into parts, `load` loads one, `reconcile` loads what is missing. Where parts are
    to be loaded side by side, `begin` comes before them.

    Attributes:
        source: Makes the source: `spaaza_source`, `voucherify_source`, or a function of your own
            that passes further keywords on to one of them.
        pipeline: The name of the pipeline: that of the loads that later begin at the range's end.
        destination: A database as a dlt destination, or its name.
        dataset: The schema that holds the tables.
        side_by_side: Whether several workers load at the same time, and none may rely on its disk:
            then each load has a working folder and a staging dataset of its own, and asks for one
            export at a time.

    Raises:
        SettingsError: A name is no text, or an empty one, or the source is no function.
    """

    source: Callable[..., DltSource]
    pipeline: str
    destination: TDestinationReferenceArg
    dataset: str
    side_by_side: bool = False

    def __post_init__(self) -> None:
        require_name("pipeline", self.pipeline)
        require_name("dataset", self.dataset)
        if not callable(self.source):
            raise wrong_kind("source", self.source, "a function that makes a source")

    def plan(
        self,
        start: object,
        end: object = None,
        *,
        tables: Sequence[str] | None = None,
        again_since: object = None,
    ) -> list[BackfillPart]:
        """The parts of a range; nothing is asked for yet.

        A table whose windows replace ranges of time has a part for each window. One whose rows are
        merged by a key has one part with all its windows, for two merges at a time would each add
        what the other has just added. One that comes whole has one part.

        Args:
            start: Where it begins: ISO 8601 text, a date or a datetime, UTC where it names no zone.
            end: Where it ends, itself left out; None for now.
            tables: What to load; None for all that the source has.
            again_since: An instant, as `start`: what was exported before it is loaded again. None:
                all that is loaded counts, except windows exported within `lag` of their end.

        Raises:
            SettingsError: A setting is wrong, no time lies between start and end, or a table would
                have more windows than `max_exports`.
            SpaazaSourceError: The vendor could not be asked what time it has.
        """
        begin = parse_instant(start, "start_date")
        last = None if end is None else parse_instant(end, "end_date")
        again = again_since is not None
        asked = parse_instant(again_since, "again_since") if again else None
        source = self._source(start, end, tables)
        exports = exports_of(source)
        # The vendor's list is what shows its clock.
        exports.run.submitter.plan([])
        now = exports.run.submitter.now()
        whole = Window(begin, now if last is None else min(now, last))
        # By the vendor's clock, nothing has been exported in the time to come.
        since = now if asked is None else min(now, asked)
        name = uuid4().hex[:8]
        parts: list[BackfillPart] = []
        for table, load in exports.loads.items():
            windows: list[list[Window]] = [[]]
            if load.sync.policy is not None:
                cuts = cut_range(table, load.sync.policy, whole, now)
                windows = [cuts] if load.sync.merges_changes else [[window] for window in cuts]
            parts += [
                BackfillPart(
                    name=part_name(table, each),
                    table=table,
                    windows=[str(window) for window in each],
                    backfill=name,
                    since=iso(since),
                    again=again,
                )
                for each in windows
            ]
        return parts

    def left(self, parts: Sequence[BackfillPart]) -> list[BackfillPart]:
        """The parts that are not loaded yet; first those with an open discrepancy."""
        with self._open(parts) as pipeline:
            return self._find_left(pipeline, parts)

    def begin(self, parts: Sequence[BackfillPart]) -> list[BackfillPart]:
        """Load as much, one part after the other, that the rest can be loaded side by side.

        Tables, and the types of their columns, are made by whoever comes first. So each table
        with several parts gets rows here, the latest first.

        Returns:
            The parts that are left.
        """
        with self._open(parts) as pipeline:
            left = self._find_left(pipeline, parts)
            loaded = False
            for table, own in group_by_table(left).items():
                while len(own) > 1 and table not in _tables_with_rows(pipeline):
                    self._load_part(pipeline, own.pop())
                    loaded = True
            if left and not loaded:
                # The audit tables may be missing, or lack new columns.
                self._load_part(pipeline, left[0])
            return self._find_left(pipeline, left)

    def load(self, part: BackfillPart, on_window: Callable[[str], None] | None = None) -> list[str]:
        """Load what is missing of a part.

        Args:
            part: The part.
            on_window: Is called with each window that is loaded, now or before.

        Returns:
            The windows, or the table, that were loaded now.

        Raises:
            SpaazaSourceError: As dlt wraps it: an export, its download or its load failed.
        """
        check_parts([part], "part")
        with self._open([part]) as pipeline:
            return self._load_part(pipeline, part, on_window)

    def reconcile(self, parts: Sequence[BackfillPart]) -> list[str]:
        """Load what is missing of the range, then from its end up to now.

        Windows are counted in the destination again. What is missing or wrong is loaded, and the
        staging datasets of killed loads are dropped. Later loads with the range's start as their
        `start_date` go on from there.

        Args:
            parts: All parts of the backfill.

        Returns:
            What had to be loaded again.

        Raises:
            SpaazaSourceError: As `load` does.
        """
        with self._open(parts) as pipeline:
            self._recount(pipeline, parts)
            left = self._find_left(pipeline, parts)
            reloaded = [part["name"] for part in left if self._load_part(pipeline, part)]
            if self.side_by_side:
                drop_leftover_staging(pipeline, staging_prefix(parts))
            source = self._source_up_to_now(parts)
            if source is not None:
                pipeline.run(source)
        return reloaded

    def _source(self, start: object, end: object, tables: Sequence[str] | None) -> DltSource:
        given: dict[str, Any] = {"start_date": start, "allow_external_schedulers": False}
        if end is not None:
            given["end_date"] = end
            if self.side_by_side:
                given["max_concurrent_exports"] = 1
        source = self.source(**given)
        if tables is None:
            return source
        if not isinstance(tables, list | tuple) or not all(
            isinstance(each, str) for each in tables
        ):
            raise wrong_kind("tables", tables, "a list of tables")
        unknown = sorted(set(tables) - set(source.resources))
        if unknown:
            raise SettingsError(
                f"the source has no table {', '.join(unknown)}",
                where="tables",
                hint=f"Its tables are {', '.join(source.resources)}.",
            )
        return source.with_resources(*tables)

    def _open(self, parts: Sequence[BackfillPart]) -> AbstractContextManager[dlt.Pipeline]:
        """The pipeline, with the schemas and state that its destination has."""
        check_parts(parts)
        staging = staging_prefix(parts) if self.side_by_side else None
        return open_pipeline(self.pipeline, self.destination, self.dataset, staging)

    def _find_left(
        self, pipeline: dlt.Pipeline, parts: Sequence[BackfillPart]
    ) -> list[BackfillPart]:
        wrong: list[BackfillPart] = []
        missing: list[BackfillPart] = []
        for own in group_by_table(parts).values():
            coverage = self._coverage(pipeline, own[0])
            for part in own:
                if any(coverage.has_discrepancy(window) for window in windows_of(part)):
                    wrong.append(part)
                elif not all(coverage.has(window) for window in windows_of(part)):
                    missing.append(part)
        return wrong + missing

    def _load_part(
        self,
        pipeline: dlt.Pipeline,
        part: BackfillPart,
        on_window: Callable[[str], None] | None = None,
    ) -> list[str]:
        loaded = []
        coverage = self._coverage(pipeline, part)
        for window in windows_of(part):
            name = part["table"] if window is None else str(window)
            if not coverage.has(window):
                self._load_window(pipeline, part, window)
                merge_stored_schemas(pipeline)
                coverage = self._coverage(pipeline, part)
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

    def _load_window(
        self, pipeline: dlt.Pipeline, part: BackfillPart, window: Window | None
    ) -> None:
        start, end = (None, None) if window is None else (window.start, window.end)
        source = self._source(start, end, [part["table"]])
        if self.side_by_side:
            check_repeatable(source, part["table"])
        submitter = exports_of(source).run.submitter
        submitter.adopt_since = _adopt_since(part, submitter)
        pipeline.run(source)

    def _coverage(self, pipeline: dlt.Pipeline, part: BackfillPart) -> Coverage:
        """The coverage of a part's table."""
        table = part["table"]
        source = self._source(start_of(part), None, [table])
        exports = exports_of(source)
        since = _adopt_since(part, exports.run.submitter)
        loaded: Sequence[LoadedExport] = []
        if source.name in pipeline.schema_names:
            with open_client(pipeline, source.name) as client:
                loaded = read_history(client, read_ledger(client), table).present

        def is_typed(export: LoadedExport) -> bool:
            # What was loaded before this backfill began was loaded by one worker at a time.
            return export.finished_at < since or types_match(
                pipeline, source.name, export.schema, table
            )

        return Coverage(exports.loads[table].sync, loaded, since, part["again"], is_typed)

    def _recount(self, pipeline: dlt.Pipeline, parts: Sequence[BackfillPart]) -> None:
        """Count windows that replace ranges of time again; `export_jobs` notes discrepancies."""
        for table, own in group_by_table(parts).items():
            source = self._source(start_of(own[0]), None, [table])
            column = exports_of(source).loads[table].time_column
            windows = _all_windows(own)
            if column is None or not windows or source.name not in pipeline.schema_names:
                continue
            schema = pipeline.schemas[source.name]
            name = schema.naming.normalize_identifier(column)
            if name in schema.tables.get(table, {}).get("columns", {}):
                with hold_load_lock(pipeline):
                    recount_windows(pipeline, source.name, table, name, windows)

    def _source_up_to_now(self, parts: Sequence[BackfillPart]) -> DltSource | None:
        """The incremental tables from the range's end on; None where there are none."""
        begun = {}
        for table, own in group_by_table(parts).items():
            sync = exports_of(self._source(start_of(own[0]), None, [table])).loads[table].sync
            # Incremental whatever end the configuration names: a part has its own.
            if _all_windows(own) and sync.policy is not None and sync.policy.incremental:
                begun[table] = start_of(own[0])
        return self._source(next(iter(begun.values())), None, list(begun)) if begun else None


def _tables_with_rows(pipeline: dlt.Pipeline) -> set[str]:
    schemas = [pipeline.schemas[name] for name in pipeline.schema_names]
    return {
        table for schema in schemas for table in schema.tables if schema_has_rows(schema, table)
    }


def _all_windows(parts: Sequence[BackfillPart]) -> list[Window]:
    return [window for part in parts for window in windows_of(part) if window]


def _adopt_since(part: BackfillPart, submitter: ExportSubmitter) -> datetime:
    """Since when exports must have been finished to count."""
    since = parse_instant(part["since"], "since")
    return since if part["again"] else since - submitter.max_age
