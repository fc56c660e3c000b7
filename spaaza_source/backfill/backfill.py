"""Loads a range of history window by window, each committed on its own, by one or many workers.

What is left to do is asked of the destination, so parts may be repeated by any worker, as often as
one likes. `pipelines/backfill.py` and `pipelines/airflow_dag.py` show it at work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from typing import Any, Literal
from uuid import uuid4

import dlt
from dlt.common.destination import TDestinationReferenceArg
from dlt.extract import DltSource

from spaaza_source.backfill.part_loader import PartLoader
from spaaza_source.backfill.parts import (
    BackfillPart,
    Waiting,
    check_parts,
    check_waiting,
    end_of,
    group_by_table,
    kept_range,
    part_name,
    staging_prefix,
    start_of,
)
from spaaza_source.backfill.ready_loader import ReadyLoader, Step
from spaaza_source.backfill.watch import ExportWatch, JobBoard
from spaaza_source.backfill.worker_pipeline import open_pipeline
from spaaza_source.destination import drop_leftover_staging
from spaaza_source.errors import SettingsError, wrong_kind
from spaaza_source.exports import cut_range
from spaaza_source.loading import exports_of
from spaaza_source.settings import require_choice, require_name, require_number
from spaaza_source.transport import Clock, SystemClock
from spaaza_source.windows import Window, iso, parse_instant


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
        order: Literal["oldest", "newest"] = "oldest",
        windows_per_part: int = 1,
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
            order: Which windows come first, of every table: "newest" lets dashboards live while the
                past fills in.
            windows_per_part: How many windows a part has, at most, of a table that may have many
                parts. Each is committed on its own all the same.

        Raises:
            SettingsError: A setting is wrong, no time lies between start and end, or a table would
                have more windows than `max_exports`.
            SpaazaSourceError: The vendor could not be asked what time it has.
        """
        begin = parse_instant(start, "start_date")
        last = None if end is None else parse_instant(end, "end_date")
        again = again_since is not None
        asked = parse_instant(again_since, "again_since") if again else None
        newest = require_choice("order", order, "oldest", "newest") == "newest"
        each_part = int(
            require_number(
                "windows_per_part", windows_per_part, least=1, most=1_000_000, whole=True
            )
        )
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
            cuts: list[Window] = []
            if load.sync.policy is not None:
                kept = kept_range(table, load.sync.policy, whole, now)
                if kept is None:
                    continue
                cuts = cut_range(table, load.sync.policy, kept, now)[:: -1 if newest else 1]
                size = len(cuts) if load.sync.merges_changes else each_part
                windows = [cuts[first : first + size] for first in range(0, len(cuts), size)]
            parts += [
                BackfillPart(
                    name=part_name(table, each, is_all=len(each) == len(cuts)),
                    table=table,
                    windows=[str(window) for window in each],
                    backfill=name,
                    since=iso(since),
                    again=again,
                )
                for each in windows
            ]
        if newest:
            # Of all tables; first those that come whole.
            parts.sort(key=lambda part: end_of(part) or datetime.max.replace(tzinfo=UTC))
            parts = parts[::-1]
        return parts

    def left(self, parts: Sequence[BackfillPart]) -> list[BackfillPart]:
        """The parts that are not loaded yet, as given; first those with an open discrepancy."""
        with self._open(parts) as pipeline:
            return self._loader(pipeline).find_left(parts)

    def begin(self, parts: Sequence[BackfillPart]) -> list[BackfillPart]:
        """Load as much, one window after the other, that the rest can be loaded side by side.

        Tables, and the types of their columns, are made by whoever comes first. So each table
        with several parts gets rows here, the latest first.

        Returns:
            The parts that are left.
        """
        with self._open(parts) as pipeline:
            loader = self._loader(pipeline)
            left = loader.find_left(parts)
            for first in loader.find_first(left):
                loader.load_part(first)
            return loader.find_left(left)

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
            return self._loader(pipeline).load_part(part, on_window)

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
            loader = self._loader(pipeline)
            loader.recount(parts)
            reloaded = [part["name"] for part in loader.find_left(parts) if loader.load_part(part)]
            self._drop_staging(pipeline, parts)
            tables, start = self._tables_up_to_now(parts)
            if tables:
                pipeline.run(self._source(start, None, tables))
        return reloaded

    def submit(self, parts: Sequence[BackfillPart], *, most_open: int | None = None) -> list[str]:
        """Ask for the exports of what is not loaded, without waiting for any.

        What has to be there before parts are loaded side by side is asked for first.

        Args:
            parts: The parts, those first that are wanted first.
            most_open: How many jobs may be open at the vendor at one time; None for any number:
                a vendor runs as many as it likes, and lets others wait.

        Returns:
            The ids of all jobs that are under way or done for them.

        Raises:
            SpaazaSourceError: The vendor could not be asked, or refused.
        """
        with self._open(parts) as pipeline:
            outlooks = self._ready(pipeline, most_open, None).ask(parts)
        return [job for outlook in outlooks for job in outlook.job_ids]

    def begin_ready(
        self,
        parts: Sequence[BackfillPart],
        waited: Waiting | None = None,
        *,
        most_open: int | None = None,
    ) -> Step:
        """As `submit`, and then as `begin`, but for waiting: call it again when `watch` is due.

        Args:
            parts: All parts of the backfill.
            waited: What the step before said it waits for.
            most_open: As for `submit`.

        Returns:
            What was loaded, and what is left; or what the next step waits for.

        Raises:
            SpaazaSourceError: As `load` does.
        """
        with self._open(parts) as pipeline:
            return self._ready(pipeline, most_open, waited).begin(parts)

    def load_ready(
        self,
        part: BackfillPart,
        waited: Waiting | None = None,
        *,
        most_open: int | None = None,
    ) -> Step:
        """As `load`, of the windows whose exports are ready; what is missing is asked for.

        Arguments and errors are those of `begin_ready`.
        """
        check_parts([part], "part")
        with self._open([part]) as pipeline:
            return self._ready(pipeline, most_open, waited).load([part])

    def reconcile_ready(
        self,
        parts: Sequence[BackfillPart],
        waited: Waiting | None = None,
        *,
        most_open: int | None = None,
    ) -> Step:
        """As `reconcile`, but for waiting; a range that ended less than `max_age` ago ends now.

        Arguments and errors are those of `begin_ready`.
        """
        with self._open(parts) as pipeline:
            ready = self._ready(pipeline, most_open, waited)
            if waited is None:
                ready.loader.recount(parts)
            step = ready.load(ready.loader.find_left(parts))
            if step.waiting is not None:
                return step
            self._drop_staging(pipeline, parts)
            tables, start = self._tables_up_to_now(parts, unless_fresh=True)
            if tables:
                last = ready.load_up_to_now(tables, start)
                step.waiting = last.waiting
                for table, windows in last.loaded.items():
                    step.add(table, windows)
            return step

    def board(self, waiting: Waiting, clock: Clock | None = None) -> JobBoard:
        """The vendor's list of jobs, for `watch`: one for all that wait for parts of a backfill.

        The destination is not asked.
        """
        check_waiting(waiting)
        submitter = exports_of(self._source(None, None, [waiting["table"]])).run.submitter
        submitter.adopt_since = parse_instant(waiting["since"], "since")
        return JobBoard(submitter, clock)

    def watch(self, waiting: Waiting, board: JobBoard | None = None) -> ExportWatch:
        """What tells when the next step has something to do."""
        check_waiting(waiting)
        return ExportWatch(board or self.board(waiting), waiting)

    def wait(self, waiting: Waiting, clock: Clock | None = None) -> None:
        """Wait until the next step has something to do.

        Raises:
            SpaazaSourceError: The vendor could not be asked, or refused.
        """
        clock, never = clock or SystemClock(), Event()
        watch = self.watch(waiting, self.board(waiting, clock))
        while not watch.is_due():
            clock.pause(watch.pause(), never)

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

    def _loader(self, pipeline: dlt.Pipeline) -> PartLoader:
        return PartLoader(self._source, pipeline, self.side_by_side)

    def _ready(
        self, pipeline: dlt.Pipeline, most_open: int | None, waited: Waiting | None
    ) -> ReadyLoader:
        if most_open is not None:
            require_number("most_open", most_open, least=1, most=1_000_000, whole=True)
        if waited is not None:
            check_waiting(waited)
        return ReadyLoader(self._loader(pipeline), most_open, waited)

    def _drop_staging(self, pipeline: dlt.Pipeline, parts: Sequence[BackfillPart]) -> None:
        if self.side_by_side:
            drop_leftover_staging(pipeline, staging_prefix(parts))

    def _tables_up_to_now(
        self, parts: Sequence[BackfillPart], *, unless_fresh: bool = False
    ) -> tuple[list[str], datetime | None]:
        """The incremental tables to load from the range's end on, and the range's start.

        With `unless_fresh` none whose range ended no longer ago than an export of an earlier run
        may have been finished to be used.
        """
        tables, start = [], None
        for table, own in group_by_table(parts).items():
            ends = [end for part in own if (end := end_of(part))]
            exports = exports_of(self._source(start_of(own[0]), None, [table]))
            policy, submitter = exports.loads[table].sync.policy, exports.run.submitter
            # Incremental whatever end the configuration names: a part has its own.
            if not ends or policy is None or not policy.incremental:
                continue
            if unless_fresh:
                # The vendor's list is what shows its clock.
                submitter.plan([])
                if submitter.now() - max(ends) <= submitter.max_age:
                    continue
            tables.append(table)
            start = start or start_of(own[0])
        return tables, start
