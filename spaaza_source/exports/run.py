"""Runs the exports of one load side by side: requests, polls and downloads them.

One loop in a thread of its own asks and polls; each download has a thread beside it. Whoever waits
for a table reads its `TableExports`.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from dlt.common import logger

from spaaza_source.errors import ExportTimeoutError, VanishedError
from spaaza_source.exports.export import Export, Phase
from spaaza_source.exports.fetch import fetch_files
from spaaza_source.exports.job_registry import JobRegistry
from spaaza_source.exports.jobs import ExportService, JobState
from spaaza_source.exports.late_start import LateStart
from spaaza_source.exports.planning.left_jobs import find_left
from spaaza_source.exports.planning.recurring import missed_run
from spaaza_source.exports.polling import PollSettings
from spaaza_source.exports.request import ExportRequest
from spaaza_source.exports.submission import ExportSubmitter
from spaaza_source.exports.table_exports import (
    OnDownload,
    TableExports,
    error_context,
    job_failed,
    leave_alone,
)
from spaaza_source.exports.table_sync import TableSync
from spaaza_source.transport import Clock, Deadline, Download, SystemClock, without_context

if TYPE_CHECKING:
    from spaaza_source.tabular import SharedThreads

#: Before an export that failed, and cannot be split, is asked for once more, the run waits as long
#: as between so many polls.
RETRY_PAUSE = 2
#: Seconds between two looks at a table that is waited for.
WAIT_STEP = 0.05
#: Seconds within which the vendor has heard of a job that it is to execute.
ASKED_BY_THEN = 10.0


class ExportRun:
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
        self._clock = clock or SystemClock()
        #: Asks the vendor, and plans what to ask.
        self.submitter = ExportSubmitter(service, settings, self._clock)
        self._lock = threading.Lock()
        self._tables: list[TableExports] = []
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        #: When the last export is scheduled, on the monotonic clock.
        self._start = -math.inf
        self._download_slots = threading.BoundedSemaphore(settings.max_concurrent)
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
        table = TableExports(sync, on_download)
        self._follow(table)
        return table

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

    def _follow(self, table: TableExports) -> None:
        """Ask and poll for a table, in a thread that ends when no table is left."""
        folder = self._folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock:
            if table not in self._tables:
                self._tables.append(table)
            if self._thread is None:
                # A daemon: a main thread that ends must not wait for a vendor.
                self._thread = threading.Thread(
                    target=self._work, args=(folder,), name="exports", daemon=True
                )
                self._thread.start()
        self._wake.set()

    def drop(self, table: TableExports) -> None:
        """Stop polling for a table that nobody waits for any more, and remove its files."""
        table.stop.set()
        self._wake.set()
        for export in table.exports:
            export.remove_file()

    def _work(self, folder: Path) -> None:
        with self._lock:
            registry = self.submitter.registry([table.sync for table in self._tables])
        while True:
            self._wake.clear()
            with self._lock:
                for table in self._tables:
                    table.check_complete()
                self._tables = [
                    table for table in self._tables if not table.settled and not table.stop.is_set()
                ]
                live = list(self._tables)
                if not live:
                    self._thread = None
                    return
            for table in live:
                if not table.planned:
                    self._guard(table, self._plan, registry)
            self._ask(live, registry)
            for table in live:
                for export in list(table.exports):
                    is_due = export.poll_at <= self._clock.monotonic()
                    if export.phase is Phase.EXPORTING and is_due:
                        self._guard(table, self._poll, export, folder)
            self._rest(live)

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
        """Seconds that an export still has, to begin or to be done; negative once it has none."""
        settings, now = self._settings, self._clock.monotonic()
        if settings.start_timeout is None:
            return export.begun + settings.export_timeout - now
        if export.started is None:
            return export.begun + settings.start_timeout - now
        return export.started + settings.export_timeout - now

    def _plan(self, table: TableExports, registry: JobRegistry) -> None:
        """Find out what to ask for, and which jobs to adopt."""
        plan = self.submitter.plan_table(table.sync, registry)
        for request, job in plan.adopted:
            export = Export(request, registry.claim(job), self._service.http.now(), adopted=True)
            self._begin_export(table, export)
            if missed := missed_run(table.sync, job, request):
                logger.warning(missed)
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
            self._late_start.execute(export, deadline, self._wake.set).join(ASKED_BY_THEN)

    def _ask(self, live: list[TableExports], registry: JobRegistry) -> None:
        """Ask for as many exports as may run at one time, for a table with fewer of them first."""
        waiting = [table for table in live if table.error is None]
        free = self._settings.max_concurrent - sum(map(_under_way, waiting))
        while free > 0 and waiting:
            table = min(waiting, key=_under_way)
            now = self._clock.monotonic()
            request = table.next_request(now)
            if request is None:
                waiting.remove(table)
            else:
                free -= 1
                self._start = max(now, self._start + self._settings.stagger)
                later = timedelta(seconds=self._start - now)
                self._guard(table, self._create, request, registry, later)

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

    def _poll(self, table: TableExports, export: Export, folder: Path) -> None:
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
                f"{export.request}: the vendor's job {job.job_id} is in the state"
                f" {job.vendor_state!r}, which no document mentions; polling goes on"
            )
        if job.state is JobState.DONE:
            export.enter(Phase.DOWNLOADING)
            # A daemon, as above; it waits for a free slot.
            threading.Thread(
                target=self._fetch, args=(table, export, folder), name="download", daemon=True
            ).start()
        elif job.state is JobState.FAILED:
            self._failed(table, export)
        elif self._left(export) < 0:
            self._timed_out(table, export)
        else:
            export.poll_at = self._clock.monotonic() + self._pause(export)
            if self._late_start.is_due(export):
                deadline = self._deadline(table, self._left(export))
                self._late_start.execute(export, deadline, partial(self._poll_soon, export))

    def _poll_soon(self, export: Export) -> None:
        export.poll_at = self._clock.monotonic()
        self._wake.set()

    def _pause(self, export: Export) -> float:
        """Seconds to the next poll of an export; all that are under way share the vendor's limit.

        However few calls that limit leaves, the export's deadline is not slept through.
        """
        sharing = max(1, sum(map(_under_way, self._tables)))
        paced = min(self._service.http.pace() * sharing, max(0.0, self._left(export)))
        return max(self._settings.pause(export.polls), paced)

    def _failed(self, table: TableExports, export: Export) -> None:
        error = job_failed(export.request, export.job, table.sync.narrowed_by)
        export.note_failure(error)
        again = self._clock.monotonic() + RETRY_PAUSE * self._settings.poll_interval
        # Parts of a table without windows are the last resort: nobody knows whether they are all.
        if table.sync.policy is None and table.request_again(export, again):
            return
        if table.replace_by_halves(export, self.submitter.now()):
            return
        raise error

    def _timed_out(self, table: TableExports, export: Export) -> None:
        error = ExportTimeoutError(
            f"the vendor's job {export.job.job_id} is still {export.job.vendor_state}"
            f" after {export.wait_seconds:.0f} seconds",
            where=str(export.request),
            hint="Run again later, or raise export_timeout."
            if export.started is not None or self._settings.start_timeout is None
            else "Run again later, or raise start_timeout.",
        )
        export.note_failure(error)
        # What the vendor has not even begun would take no less time in parts.
        if export.job.state is JobState.RUNNING and table.replace_by_halves(
            export, self.submitter.now()
        ):
            return
        raise error

    def _ask_again(
        self, table: TableExports, export: Export, error: BaseException, *, pause: float
    ) -> None:
        """Make the request once more, and no third time."""
        export.note_failure(error)
        if not table.request_again(export, self._clock.monotonic() + pause):
            raise error

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
        elif any(table.count(Phase.DOWNLOADING) for table in live):
            self._wake.wait()

    def _fetch(self, table: TableExports, export: Export, folder: Path) -> None:
        with self._download_slots:
            self._guard(table, self._download, export, folder)
        self._wake.set()

    def _download(self, table: TableExports, export: Export, folder: Path) -> None:
        begun = self._clock.monotonic()
        request = export.request

        def on_bytes(arrived: int, total: int | None) -> None:
            export.received += arrived
            export.total = total

        def begin() -> Download:
            # A name of this run alone: another run may be fetching the same export.
            name = f"{request.table}-{request.fingerprint}-{uuid4().hex[:8]}"
            download = Download(folder / name, on_bytes=on_bytes, stop=table.stop)
            table.on_download(export, download.arriving)
            return download

        try:
            with error_context(export):
                left = self._settings.export_timeout
                files = fetch_files(self._service, export.job, begin, self._deadline(table, left))
        except VanishedError as vanished:
            # A vendor may give no link but the job's.
            self._ask_again(table, export, vanished, pause=0)
            return
        table.add_parts(export, files, self._clock.monotonic() - begun)
        if table.stop.is_set():
            for file in files:
                file.path.unlink(missing_ok=True)


def _under_way(table: TableExports) -> int:
    return table.count(Phase.EXPORTING)
