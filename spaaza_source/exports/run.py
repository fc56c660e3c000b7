"""Runs the exports of one load side by side: requests, polls and downloads them.

One loop in a thread of its own asks and polls; each download has a thread beside it. Whoever waits
for a table reads its `TableExports`.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dlt.common import logger

from spaaza_source.errors import VanishedError
from spaaza_source.exports.downloads.file_downloads import FileDownloads
from spaaza_source.exports.export import Export, Phase
from spaaza_source.exports.job_registry import JobRegistry
from spaaza_source.exports.jobs import ExportService, JobState
from spaaza_source.exports.late_start import LateStart
from spaaza_source.exports.overdue import seconds_left, timed_out
from spaaza_source.exports.planning.left_jobs import find_left
from spaaza_source.exports.planning.recurring import missed_run
from spaaza_source.exports.polling import PollSettings
from spaaza_source.exports.request import ExportRequest
from spaaza_source.exports.run_tables import RunTables, TablesAhead
from spaaza_source.exports.shared_limit import count_under_way
from spaaza_source.exports.submission import ExportSubmitter
from spaaza_source.exports.table_exports import (
    OnDownload,
    TableExports,
    job_failed,
    leave_alone,
)
from spaaza_source.exports.table_sync import TableSync
from spaaza_source.transport import Clock, Deadline, SystemClock, without_context

if TYPE_CHECKING:
    from spaaza_source.tabular import SharedThreads

#: Before an export that failed, and cannot be split, is asked for once more, the run waits as long
#: as between so many polls.
RETRY_PAUSE = 2
#: Seconds between two looks at a table that is waited for.
WAIT_STEP = 0.05
#: Seconds within which the vendor has heard of a job that it is to execute.
ASKED_BY_THEN = 10.0


class ExportRun(RunTables):
    """All exports of one load, downloaded into a folder by names of ours.

    Args:
        service: Speaks with the vendor.
        folder: Where the files go.
        settings: How jobs are polled.
        clock: What time it is.
        threads: Shared by all files that are read while they arrive.
    """

    def __init__(
        self,
        service: ExportService,
        folder: Callable[[], Path],
        settings: PollSettings,
        clock: Clock | None = None,
        threads: SharedThreads | None = None,
    ) -> None:
        self._service = service
        self._folder = folder
        self._settings = settings
        super().__init__(clock or SystemClock(), settings.max_concurrent)
        #: Asks the vendor, and plans what to ask.
        self.submitter = ExportSubmitter(service, settings, self._clock)
        self._ahead = TablesAhead(self._clock)
        #: The vendor's list of our jobs, and whether it may lack some that a new plan needs.
        self._registry: JobRegistry | None = None
        self._is_outdated = False
        #: When the last export is scheduled, on the monotonic clock.
        self._start = -math.inf
        self._downloads = FileDownloads(service, self._clock, self.most, self._ask_at_once)
        #: States of the vendor's that no document mentions, and that have been logged.
        self._unknown_states: set[str] = set()
        self._late_start = LateStart(service, settings.execute_after)
        #: Held by whoever reads a file of this run that has arrived: one is read at a time.
        self.reading = threading.Lock()
        #: Where parts of those that are still on their way are read; None for threads of each one.
        self.threads = threads

    def begin(self, sync: TableSync, on_download: OnDownload = leave_alone) -> TableExports:
        """Begin the exports of a table; returns at once.

        Args:
            sync: What the load has to bring of the table.
            on_download: Called with each file whose download begins, in another thread.
        """
        folder = self._downloads.folder = self._folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Of what was asked for since then some may be found in the vendor's list alone.
        self.submitter.since_ahead = self._ahead.passed
        table = self._ahead.take(sync.table)
        if table is not None and not table.is_for(sync):
            self.drop(table)
            table = None
        table = table or TableExports(sync)
        table.on_download, table.is_ahead = on_download, False
        self._follow(table)
        return table

    def begin_ahead(self, syncs: Sequence[TableSync]) -> None:
        """Begin the exports of tables whose load comes later, and will `begin` them itself.

        They are asked for and waited for as ever; their files are not downloaded before the load.
        What the load then wants otherwise is planned anew, from the vendor's list.
        """
        self._follow(*self._ahead.add(syncs))

    def drop_ahead(self) -> list[TableExports]:
        """Drop the tables that were begun ahead, and that no load has begun; returns them."""
        tables = self._ahead.take_all()
        for table in tables:
            self.drop(table)
        return tables

    @property
    def executed(self) -> frozenset[str]:
        """Ids of the jobs that waited so long that they were executed."""
        return self._late_start.executed

    def wait(self, table: TableExports) -> None:
        """Wait until all files of a table have arrived, or never will."""
        while not table.settled:
            # In steps: on Windows, Ctrl-C does not interrupt a wait without end.
            self._clock.pause(WAIT_STEP, table.stop)

    def replace_refused(self, table: TableExports, export: Export) -> bool:
        """Ask for an export anew whose file must not be loaded; False for one of this run.

        An adopted job's file is as an earlier run has refused it, though the vendor may have mended
        what it is made of since.
        """
        if not export.adopted or table.sync.collect_only:
            return False
        if not table.request_again(export, self._clock.monotonic()):
            return False
        export.remove_file()
        table.complete = False
        self._follow(table)
        return True

    def drop(self, table: TableExports) -> None:
        """Stop polling for a table that nobody waits for any more, and remove its files."""
        table.stop.set()
        # A table that is begun anew may find jobs that this run has created since.
        self._is_outdated = True
        self._wake.set()
        for export in table.exports:
            export.remove_file()

    def _work(self) -> None:
        told: tuple[int, bool] | None = None
        # The list that an earlier thread has asked for is old.
        self._is_outdated = True
        while live := self._begin_round():
            registry = self._registry_for(live)
            for table in live:
                if not table.planned:
                    self._guard(table, self._plan, registry)
            self._ask(live, registry)
            for table in live:
                self._poll_table(table)
            now = (count_under_way(live), self.is_asking())
            if now != told:
                told = now
                self._limit.tell_others(self)
            self._rest(live)
        self._limit.tell_others(self)

    def _registry_for(self, live: list[TableExports]) -> JobRegistry:
        """The vendor's list of our jobs: where a table is to be planned, one that has all."""
        with self._lock:
            if self._registry is None or (
                self._is_outdated and not all(table.planned for table in live)
            ):
                self._registry = self.submitter.registry([table.sync for table in live])
                self._is_outdated = False
            return self._registry

    def _poll_table(self, table: TableExports) -> None:
        for export in list(table.exports):
            is_due = export.poll_at <= self._clock.monotonic()
            if export.phase is Phase.EXPORTING and is_due:
                self._guard(table, self._poll, export)
            if export.phase is Phase.READY and not table.is_ahead:
                self._downloads.start(table, export, self._guard_download)

    def _guard(self, table: TableExports, step: Callable[..., None], *more: object) -> None:
        """Do a step for a table; its failure is the table's error."""
        if table.error is not None or table.stop.is_set():
            return
        try:
            left = self._settings.export_timeout
            with without_context(), self._service.http.within(self._deadline(table, left)):
                step(table, *more)
        except BaseException as error:  # noqa: BLE001 - whoever waits for the table raises it
            table.fail(error)

    def _deadline(self, table: TableExports, left: float) -> Deadline:
        """Until when the vendor is waited for on behalf of a table: so many seconds."""
        return Deadline(self._clock, max(0.0, left), table.stop)

    def _left(self, export: Export) -> float:
        return seconds_left(export, self._settings, self._clock.monotonic())

    def _plan(self, table: TableExports, registry: JobRegistry) -> None:
        """Find out what to ask for, and which jobs to adopt."""
        plan = self.submitter.plan_table(table.sync, registry)
        for request, job in plan.adopted:
            export = Export(request, registry.claim(job), self._service.http.now(), adopted=True)
            self._begin_export(table, export)
            if missed := missed_run(table.sync, job, request):
                logger.warning(f"{self._prefix}{missed}")
        for request, job in plan.waiting:
            self._execute_late(table, Export(request, job, self._service.http.now(), adopted=True))
        table.left = find_left(table.sync, registry.jobs())
        last = plan.last_run
        if table.sync.collect_only and last is not None and last.has_failed:
            # A list may be without a job's log.
            raise last.error(self._service.poll(last.job.job_id).detail)
        table.follow(plan)

    def _execute_late(self, table: TableExports, export: Export) -> None:
        """Execute a job that waits too long and is not waited for: a later run finds it done."""
        if self._late_start.is_due(export):
            deadline = self._deadline(table, ASKED_BY_THEN)
            # The answer may come when it is done: so long, and it has been asked for.
            self._late_start.execute(export, deadline, self._wake.set, self._prefix).join(
                ASKED_BY_THEN
            )

    def _ask(self, live: list[TableExports], registry: JobRegistry) -> None:
        """Ask for as many exports as may run at one time, for a table with fewer of them first."""
        now = self._clock.monotonic()
        while waiting := [table for table in live if table.has_request(now)]:
            if not self._limit.take(self):
                return
            try:
                table = min(waiting, key=lambda each: each.count(Phase.EXPORTING))
                request = table.next_request(now)
                if request is not None:
                    self._start = max(now, self._start + self._settings.stagger)
                    later = timedelta(seconds=self._start - now)
                    self._guard(table, self._create, request, registry, later)
            finally:
                self._limit.give_back()
            now = self._clock.monotonic()

    def _create(
        self, table: TableExports, request: ExportRequest, registry: JobRegistry, later: timedelta
    ) -> None:
        begun_at, begun = self._service.http.now(), self._clock.monotonic()
        asked = {Phase.EXPORTING: datetime.now(UTC)}
        deadline = self._deadline(table, self._settings.export_timeout)
        with table.noting_unanswered(request, begun_at):
            job = registry.create(request, table.sync, deadline, later)
        part_of = table.split_from(request.window)
        export = Export(request, job, begun_at, split_from=part_of, begun=begun, entered=asked)
        self._begin_export(table, export)

    def _begin_export(self, table: TableExports, export: Export) -> None:
        now = self._clock.monotonic()
        export.begun = export.begun or now
        done = export.adopted and export.job.state is JobState.DONE
        export.poll_at = now + (0 if done else self._pause(export))
        table.exports.append(export)
        table.on_asked()

    def _poll(self, table: TableExports, export: Export) -> None:
        done = export.adopted and export.job.state is JobState.DONE
        try:
            with self._service.http.within(self._deadline(table, self._left(export))):
                job = export.job if done else self._service.poll(export.job.job_id)
        except VanishedError as vanished:
            vanished.where = str(export.request)
            self._ask_again(table, export, vanished, pause=0)
            return
        export.polls += not done
        export.job = job
        now = self._clock.monotonic()
        export.wait_seconds = now - export.begun
        if export.started is None and job.state is not JobState.WAITING:
            export.started = now
        if job.state is JobState.UNKNOWN and job.vendor_state not in self._unknown_states:
            self._unknown_states.add(job.vendor_state)
            logger.warning(
                f"{self._prefix}{export.request}: the vendor's job {job.job_id} is in the state"
                f" {job.vendor_state!r}, which no document mentions; polling goes on"
            )
        if job.state is JobState.DONE:
            export.enter(Phase.READY)
        elif job.state is JobState.FAILED:
            self._failed(table, export)
        elif self._left(export) < 0:
            self._timed_out(table, export)
        else:
            export.poll_at = self._clock.monotonic() + self._pause(export)
            if self._late_start.is_due(export):
                deadline = self._deadline(table, self._left(export))
                self._late_start.execute(
                    export, deadline, partial(self._poll_soon, export), self._prefix
                )

    def _poll_soon(self, export: Export) -> None:
        export.poll_at = self._clock.monotonic()
        self._wake.set()

    def _pause(self, export: Export) -> float:
        """Seconds to the next poll of an export; all that are under way share the vendor's limit.

        However few calls that limit leaves, the export's deadline is not slept through.
        """
        sharing = max(1, count_under_way(self._tables))
        paced = min(self._service.http.pace() * sharing, max(0.0, self._left(export)))
        return max(self._settings.pause(export.polls), paced)

    def _failed(self, table: TableExports, export: Export) -> None:
        error = job_failed(export.request, export.job, table.sync.narrowed_by)
        export.note_failure(error)
        again = self._clock.monotonic() + RETRY_PAUSE * self._settings.poll_interval
        # Parts of a table without windows are the last resort: nobody knows whether they are all.
        is_replaced = table.sync.policy is None and table.request_again(export, again)
        if not is_replaced and not table.replace_by_halves(export, self.submitter.now()):
            raise error
        self._wake.set()

    def _timed_out(self, table: TableExports, export: Export) -> None:
        error = timed_out(export, self._settings)
        export.note_failure(error)
        # What the vendor has not even begun would take no less time in parts.
        is_running = export.job.state is JobState.RUNNING
        if not is_running or not table.replace_by_halves(export, self.submitter.now()):
            raise error
        self._wake.set()

    def _ask_at_once(self, table: TableExports, export: Export, error: VanishedError) -> None:
        self._ask_again(table, export, error, pause=0)

    def _ask_again(
        self, table: TableExports, export: Export, error: BaseException, *, pause: float
    ) -> None:
        """Make the request once more, and no third time."""
        export.note_failure(error)
        if not table.request_again(export, self._clock.monotonic() + pause):
            raise error
        self._wake.set()

    def _rest(self, live: list[TableExports]) -> None:
        """Pause until a poll or a request is due, a table begins, or a file has arrived."""
        live = [table for table in live if not table.stop.is_set()]
        due = [
            export.poll_at
            for table in live
            for export in table.exports
            if export.phase is Phase.EXPORTING
        ]
        now = self._clock.monotonic()
        due += [at for table in live for at, _ in table.queue if at > now]
        if due:
            self._clock.pause(max(0.0, min(due) - now), self._wake)
        elif any(
            # For a place that another run gives up, for the load to begin, for a file.
            table.queue or table.count(Phase.READY) or table.count(Phase.DOWNLOADING)
            for table in live
        ):
            self._wake.wait()

    def _guard_download(
        self, table: TableExports, download: Callable[..., None], export: Export
    ) -> None:
        left = self._settings.export_timeout
        self._guard(table, download, export, self._deadline(table, left))
        self._wake.set()
