"""A range of history, window by window, each committed by itself: in a script, or by many workers.

What is left to do is asked of the destination, so parts may be repeated, by whom and as often as
one likes. How an export becomes rows is the road's (`exports`); when and where each part is loaded,
the script's or the scheduler's: see `pipelines/backfill.py` and `pipelines/airflow_dag.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import dlt
from dlt.common.destination import TDestinationReferenceArg
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.extract import DltSource

from spaaza_source.backfill.coverage import Coverage, LoadedExport, loaded_exports, recount_windows
from spaaza_source.backfill.parts import (
    BackfillPart,
    group_by_table,
    part_name,
    staging_prefix,
    start_of,
    windows_of,
)
from spaaza_source.backfill.schema_union import merge_stored_schemas, types_match
from spaaza_source.backfill.worker_folder import worker_folder
from spaaza_source.destination import (
    drop_leftover_staging,
    drop_own_staging,
    hold_load_lock,
    with_own_staging,
)
from spaaza_source.errors import SettingsError, UnavailableError
from spaaza_source.exports.plan import TableSync, cut_calendar
from spaaza_source.exports.run import ExportRun
from spaaza_source.loading.checkpoint import read_state, write_state
from spaaza_source.windows import Window, iso, parse_instant
from spaaza_source.writing.schema_hints import KEY, schema_has_rows


@dataclass(frozen=True)
class Backfill:
    """How a range of history is loaded, and where to.

    `plan` cuts it into parts, `load` loads one, `reconcile` sees that all are there and goes on
    from them. Where parts are to be loaded side by side, `begin` comes before them.

    Attributes:
        source: Makes the source: `spaaza_source`, `voucherify_source`, or a function of your own
            that passes further keywords on to one of them.
        pipeline: The name of the pipeline: that of the loads that shall go on from the range's end.
        destination: A database as a dlt destination, or its name.
        dataset: The schema that holds the tables.
        side_by_side: Whether several workers load at the same time, and none is to rely on what is
            on its disk: then each load has a working folder and a staging dataset of its own, and
            asks for one export at a time.
    """

    source: Callable[..., DltSource]
    pipeline: str
    destination: TDestinationReferenceArg
    dataset: str
    side_by_side: bool = False

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
            again_since: An instant, as `start`: what was exported before it is loaded anew. None
                where all that is loaded counts, but for rows that can still have come late since.

        Raises:
            SettingsError: A setting is wrong, or no time lies between start and end.
            SpaazaSourceError: The vendor could not be asked what time it has.
        """
        source = self._source(start, end, tables)
        run = _run_of(source)
        # The vendor's list is what shows its clock.
        run.plans([])
        now = run.now()
        begin = parse_instant(start, "start_date")
        until = now if end is None else min(now, parse_instant(end, "end_date"))
        whole = Window(begin, until)
        again = again_since is not None
        # By the vendor's clock, nothing has been exported in the time to come.
        since = min(now, parse_instant(again_since, "again_since")) if again else now
        name = uuid4().hex[:8]
        parts: list[BackfillPart] = []
        for table, wanted in _wanted_of(source).items():
            windows: list[list[Window]] = [[]]
            if wanted.span is not None:
                cuts = cut_calendar(whole, wanted.span.window_size or "month", now)
                windows = [cuts] if _is_keyed(wanted) else [[window] for window in cuts]
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
        """Those parts that are not loaded yet; first those that an earlier load has left faulty."""
        faulty: list[BackfillPart] = []
        missing: list[BackfillPart] = []
        with self._at_work(parts) as pipeline:
            for own in group_by_table(parts).values():
                source = self._source(start_of(own[0]), None, [own[0]["table"]])
                standing = self._standing(pipeline, own[0], source)
                for part in own:
                    if any(standing.has_discrepancy(window) for window in windows_of(part)):
                        faulty.append(part)
                    elif not all(standing.has(window) for window in windows_of(part)):
                        missing.append(part)
        return faulty + missing

    def begin(self, parts: Sequence[BackfillPart]) -> list[BackfillPart]:
        """Load as much, one part after the other, that the rest can be loaded side by side.

        Tables, and the types of their columns, are made by whoever comes first. So each table
        with several parts gets rows here, the latest first.

        Returns:
            The parts that are left.
        """
        left = self.left(parts)
        filled = self._filled()
        loaded = False
        for table, own in group_by_table(left).items():
            while len(own) > 1 and table not in filled:
                self.load(own.pop())
                filled, loaded = self._filled(), True
        if left and not loaded:
            # The tables that account for loads may be missing, or lack what is new in them.
            self.load(left[0])
        return self.left(left)

    def load(self, part: BackfillPart, on_window: Callable[[str], None] | None = None) -> list[str]:
        """Load what is missing of a part.

        Args:
            part: The part.
            on_window: Is told of each window that is there, be it loaded before or now.

        Returns:
            The windows, or the table, that were loaded now.

        Raises:
            SpaazaSourceError: As dlt wraps it: an export, its download or its load failed.
        """
        loaded = []
        with self._at_work([part]) as pipeline:
            source = self._source(start_of(part), None, [part["table"]])
            standing = self._standing(pipeline, part, source)
            for window in windows_of(part):
                name = part["table"] if window is None else str(window)
                if not standing.has(window):
                    self._load(pipeline, part, window)
                    merge_stored_schemas(pipeline)
                    standing = self._standing(pipeline, part, source)
                    if not standing.has(window):
                        raise UnavailableError(
                            "its load ended, but the destination does not have it as loaded;"
                            " another load may have come in between",
                            where=f"{part['table']} {name}",
                            hint="Load this part again.",
                        )
                    loaded.append(name)
                if on_window is not None:
                    on_window(name)
        return loaded

    def reconcile(self, parts: Sequence[BackfillPart]) -> list[str]:
        """See that all parts are there, and go on from them as the next load would.

        Windows are counted in the destination once more. What is missing or wrong is loaded, the
        staging datasets of killed loads are dropped, and the cursor of each table that goes on is
        set to the range's end, where it does not stand later already.

        Args:
            parts: All parts of the backfill.

        Returns:
            What had to be loaded again.

        Raises:
            SpaazaSourceError: As `load` does.
        """
        self._recount(parts)
        mended = [part["name"] for part in self.left(parts) if self.load(part)]
        with self._at_work(parts) as pipeline:
            if self.side_by_side:
                drop_leftover_staging(pipeline, staging_prefix(parts))
            source = self._set_cursors(pipeline, parts)
            if source is not None:
                pipeline.run(source)
        return mended

    def _source(self, start: object, end: object, tables: Sequence[str] | None) -> DltSource:
        given: dict[str, Any] = {"start_date": start, "allow_external_schedulers": False}
        if end is not None:
            given["end_date"] = end
            if self.side_by_side:
                given["max_concurrent_exports"] = 1
        source = self.source(**given)
        if tables is None:
            return source
        unknown = sorted(set(tables) - set(source.resources))
        if unknown:
            raise SettingsError(
                f"the source has no table {', '.join(unknown)}",
                where="tables",
                hint=f"Its tables are {', '.join(source.resources)}.",
            )
        return source.with_resources(*tables)

    @contextmanager
    def _at_work(self, parts: Sequence[BackfillPart]) -> Iterator[dlt.Pipeline]:
        """The pipeline, brought up to what the destination knows."""
        with ExitStack() as own:
            given: dict[str, Any] = {"destination": self.destination}
            if self.side_by_side:
                name = staging_prefix(parts) + uuid4().hex[:8]
                given = {
                    "destination": with_own_staging(self.destination, name),
                    "pipelines_dir": str(own.enter_context(worker_folder())),
                }
            pipeline = dlt.pipeline(self.pipeline, dataset_name=self.dataset, **given)
            _check_database(pipeline)
            # Brings it up to what the destination knows, as the first run of any pipeline does and
            # no later one: that would take the last schema stored for all there is. A load that
            # was cut short is ended.
            pipeline.run()
            merge_stored_schemas(pipeline)
            try:
                yield pipeline
            finally:
                if self.side_by_side:
                    drop_own_staging(pipeline)
                if pipeline.is_active:
                    pipeline.deactivate()

    def _load(self, pipeline: dlt.Pipeline, part: BackfillPart, window: Window | None) -> None:
        start, end = (None, None) if window is None else (window.start, window.end)
        source = self._source(start, end, [part["table"]])
        if self.side_by_side:
            _check_repeatable(source, part["table"])
        run = _run_of(source)
        run.taken_since = _good_since(part, run)
        pipeline.run(source)

    def _standing(self, pipeline: dlt.Pipeline, part: BackfillPart, source: DltSource) -> Coverage:
        """What stands loaded of a part's table, which is the source's only one."""
        table = part["table"]
        wanted, since = _wanted_of(source)[table], _good_since(part, _run_of(source))
        loaded: list[LoadedExport] = []
        if source.name in pipeline.schema_names:
            loaded = loaded_exports(pipeline, source.name, table)

        def is_typed(entry: LoadedExport) -> bool:
            # What was loaded before this began has been loaded by one worker at a time.
            return entry.ready_at < since or types_match(pipeline, source.name, entry.schema, table)

        return Coverage(wanted, loaded, since, part["again"], is_typed)

    def _filled(self) -> set[str]:
        """The tables that have rows."""
        with self._at_work([]) as pipeline:
            schemas = [pipeline.schemas[name] for name in pipeline.schema_names]
            return {
                table
                for schema in schemas
                for table in schema.tables
                if schema_has_rows(schema, table)
            }

    def _recount(self, parts: Sequence[BackfillPart]) -> None:
        """Count windows that replace ranges of time once more; the ledger is told of faults."""
        with self._at_work(parts) as pipeline:
            for table, own in group_by_table(parts).items():
                source = self._source(start_of(own[0]), None, [table])
                column = source.resources[table].explicit_args.get("time_column")
                windows = [window for part in own for window in windows_of(part) if window]
                if column is None or not windows or source.name not in pipeline.schema_names:
                    continue
                schema = pipeline.schemas[source.name]
                name = schema.naming.normalize_identifier(str(column))
                if name in schema.tables.get(table, {}).get("columns", {}):
                    with hold_load_lock(pipeline):
                        loaded = self._standing(pipeline, own[0], source).loaded
                        recount_windows(pipeline, source.name, (table, name), windows, loaded)

    def _set_cursors(
        self, pipeline: dlt.Pipeline, parts: Sequence[BackfillPart]
    ) -> DltSource | None:
        """Let later loads go on from the range's end; the source of the tables that go on."""
        tables = []
        start = None
        with pipeline.managed_state() as state:
            for table, own in group_by_table(parts).items():
                windows = [window for part in own for window in windows_of(part) if window]
                source = self._source(start_of(own[0]), None, [table])
                wanted = _wanted_of(source)[table]
                if not windows or wanted.span is None or not wanted.span.incremental:
                    continue
                tables.append(table)
                span = Window(windows[0].start, windows[-1].end)
                start = span.start
                reached = self._standing(pipeline, own[0], source).covered_until(span)
                before = read_state(state, source.name, table)
                until = before["loaded_until"]
                if until is not None and not span.begin <= until < reached.until:
                    continue
                begun_at = None
                if _is_keyed(wanted):
                    if not pipeline.schemas[source.name].tables[table].get(KEY):
                        # Then every load brings all rows.
                        continue
                    begun_at = before["begun_at"] or reached.begun_at
                write_state(
                    state,
                    source.name,
                    table,
                    until=reached.until,
                    begun_at=begun_at,
                    jobs=reached.jobs,
                )
        return self._source(start, None, tables) if tables else None


def _wanted_of(source: DltSource) -> dict[str, TableSync]:
    """What a source wants of each of its tables."""
    return {name: one.explicit_args["wanted"] for name, one in source.selected_resources.items()}


def _run_of(source: DltSource) -> ExportRun:
    run: ExportRun = next(iter(source.selected_resources.values())).explicit_args["run"]
    return run


def _is_keyed(wanted: TableSync) -> bool:
    """Whether a window brings rows that changed, to be merged by a key."""
    return wanted.span is not None and wanted.span.full_refresh_every is not None


def _good_since(part: BackfillPart, run: ExportRun) -> datetime:
    """Since when exports must have been finished to count."""
    since = parse_instant(part["since"], "since")
    return since if part["again"] else since - run.max_age


def _check_database(pipeline: dlt.Pipeline) -> None:
    if not issubclass(pipeline.destination.client_class, SqlJobClientBase):
        raise SettingsError(
            f"{pipeline.destination.destination_name} is no database, which could be asked what"
            " is loaded",
            where="destination",
            hint="Load this range at once: spaaza load, or start_date and end_date.",
        )


def _check_repeatable(source: DltSource, table: str) -> None:
    set_by: Any = source.resources[table].write_disposition
    if "append" in (set_by, set_by.get("disposition") if isinstance(set_by, dict) else None):
        raise SettingsError(
            "rows that are appended would be there twice once a task is repeated elsewhere",
            where=f"write_disposition of {table}",
            hint="Load this table on one machine: side_by_side=False.",
        )
