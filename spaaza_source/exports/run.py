"""Takes requests to files: asks, waits and downloads for all exports of one load, side by side.

One loop in a thread of its own asks and looks; downloads have threads beside it; whoever asked
reads `TableExports` at leisure. What is asked for is left to `plan` and `pieces`, what becomes of
a file to `load`, how a vendor is asked to its `ExportService`, and asking without waiting to
`asking`.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from dlt.common import logger

from spaaza_source.errors import (
    ExportFailedError,
    ExportTimeoutError,
    VanishedError,
)
from spaaza_source.exports.fetch import fetch_files
from spaaza_source.exports.job_registry import JobRegistry
from spaaza_source.exports.jobs import PART, ExportService, JobState
from spaaza_source.exports.plan import TableSync, plan_for
from spaaza_source.exports.polling import PollSettings
from spaaza_source.exports.request import ExportRequest
from spaaza_source.exports.submission import ExportSubmitter
from spaaza_source.exports.table_exports import Export, Phase, TableExports, error_context
from spaaza_source.transport import Clock, Download, FetchedFile, SystemClock, without_context
from spaaza_source.windows import Window

#: Before an export that failed, and cannot be split, is asked for once more, the run waits as long
#: as between so many looks.
RETRY_PAUSE = 2


class ExportRun(ExportSubmitter):
    """All exports of one load.

    Args:
        service: The vendor.
        folder: Where files are put, under names of ours.
        patience: How to wait.
        clock: The time to wait by.
    """

    def __init__(
        self,
        service: ExportService,
        folder: Callable[[], Path],
        patience: PollSettings,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(service, patience, clock or SystemClock())
        self._folder = folder
        self._lock = threading.Lock()
        self._tables: list[TableExports] = []
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        #: When the export that was asked for last is scheduled, on the clock's stopwatch.
        self._start = -math.inf
        self._lines = threading.BoundedSemaphore(patience.max_concurrent)
        #: States of the vendor's that no document mentions, and that have been told of.
        self._strange: set[str] = set()
        #: Whoever reads a file of this run holds it meanwhile.
        self.reading = threading.Lock()

    def begin(self, wanted: TableSync) -> TableExports:
        """Put a table on the road; returns at once."""
        folder = self._folder()
        folder.mkdir(parents=True, exist_ok=True)
        table = TableExports(wanted)
        with self._lock:
            self._tables.append(table)
            if self._thread is None:
                # A daemon: a main thread that ends must not wait for a vendor.
                self._thread = threading.Thread(
                    target=self._work, args=(folder,), name="exports", daemon=True
                )
                self._thread.start()
        self._wake.set()
        return table

    def drop(self, table: TableExports) -> None:
        """Nobody waits for this table any more: stop looking, remove its files."""
        table.stop.set()
        self._wake.set()
        for export in table.exports:
            if export.arrived is not None:
                export.arrived.path.unlink(missing_ok=True)

    def _work(self, folder: Path) -> None:
        with self._lock:
            adoption = self._adoption([table.sync for table in self._tables])
        while True:
            self._wake.clear()
            with self._lock:
                for table in self._tables:
                    _account(table)
                self._tables = [
                    table for table in self._tables if not table.settled and not table.stop.is_set()
                ]
                live = list(self._tables)
                if not live:
                    self._thread = None
                    return
            for table in live:
                if not table.planned:
                    self._guard(table, self._plan, adoption)
            self._ask(live, adoption)
            for table in live:
                for export in list(table.exports):
                    if export.phase is Phase.EXPORTING and self._is_due(export):
                        self._guard(table, self._look, export, folder)
            self._rest(live)

    def _guard(self, table: TableExports, step: Callable[..., None], *more: object) -> None:
        if table.error is not None or table.stop.is_set():
            return
        try:
            with without_context(), self._service.http.within(self._deadline(table)):
                step(table, *more)
        except BaseException as error:  # noqa: BLE001 - whoever waits for it must hear of it
            table.error = error
            table.stop.set()

    def _plan(self, table: TableExports, adoption: JobRegistry) -> None:
        """Find out what to ask for, and what has been asked for already."""
        own = adoption.jobs()
        plan = plan_for(table.sync, own, self.now(), self._max_age())
        for request, job in plan.adopted:
            self._begun(
                table, Export(request, adoption.claim(job), self._service.http.now(), adopted=True)
            )
        table.plan(plan)
        for request, _ in plan.adopted:
            if request.window is not None:
                table.windows.started(request.window)

    def _ask(self, live: list[TableExports], adoption: JobRegistry) -> None:
        """Ask for as many as may run at one time, a table with fewer under way first."""
        waiting = [table for table in live if table.error is None]
        free = self._patience.max_concurrent - sum(map(_under_way, waiting))
        while free > 0 and waiting:
            table = min(waiting, key=_under_way)
            request = self._next_request(table)
            if request is None:
                waiting.remove(table)
            else:
                free -= 1
                now = self._clock.monotonic()
                self._start = max(now, self._start + self._patience.stagger)
                later = timedelta(seconds=self._start - now)
                self._guard(table, self._create, request, adoption, later)

    def _next_request(self, table: TableExports) -> ExportRequest | None:
        if table.error is not None or table.stop.is_set():
            return None
        now = self._clock.monotonic()
        for at, request in table.requests:
            if at <= now:
                table.requests.remove((at, request))
                return request
        window = table.windows.next()
        return None if window is None else table.sync.make_request(window)

    def _create(
        self, table: TableExports, request: ExportRequest, adoption: JobRegistry, later: timedelta
    ) -> None:
        begun_at, begun = self._service.http.now(), self._clock.monotonic()
        job = adoption.create(request, table.sync, self._deadline(table), later)
        parent = table.parent_of(request.window)
        self._begun(table, Export(request, job, begun_at, split_from=parent, begun=begun))

    def _begun(self, table: TableExports, export: Export) -> None:
        now = self._clock.monotonic()
        export.begun = export.begun or now
        done = export.adopted and export.job.state is JobState.DONE
        export.look_at = now + (0 if done else self._pause(export))
        table.exports.append(export)

    def _is_due(self, export: Export) -> bool:
        return export.look_at <= self._clock.monotonic()

    def _look(self, table: TableExports, export: Export, folder: Path) -> None:
        done = export.adopted and export.job.state is JobState.DONE
        waited = self._clock.monotonic() - export.begun
        try:
            with self._service.http.within(self._deadline(table, waited)):
                job = export.job if done else self._service.poll(export.job.job_id)
        except VanishedError as vanished:
            vanished.where = str(export.request)
            self._ask_again(table, export, vanished, pause=0)
            return
        export.polls += not done
        export.job = job
        export.wait_seconds = self._clock.monotonic() - export.begun
        if job.state is JobState.UNKNOWN and job.vendor_state not in self._strange:
            self._strange.add(job.vendor_state)
            logger.warning(
                f"{export.request}: the vendor's job {job.job_id} is in the state"
                f" {job.vendor_state!r}, which no document mentions; it is waited for"
            )
        if job.state is JobState.DONE:
            export.phase = Phase.DOWNLOADING
            # A daemon, as above; it waits for a free line itself.
            threading.Thread(
                target=self._fetch, args=(table, export, folder), name="download", daemon=True
            ).start()
        elif job.state is JobState.FAILED:
            self._failed(table, export)
        elif export.wait_seconds > self._patience.export_timeout:
            self._timed_out(table, export)
        else:
            export.look_at = self._clock.monotonic() + self._pause(export)

    def _pause(self, export: Export) -> float:
        """Seconds to the next look at an export; its calls are shared by all that are under way.

        However few calls a vendor's limit leaves, its deadline is not slept through.
        """
        shared = max(1, sum(map(_under_way, self._tables)))
        left = self._patience.export_timeout - export.wait_seconds
        paced = min(self._service.http.pace() * shared, left)
        return max(self._patience.pause(export.polls), paced)

    def _failed(self, table: TableExports, export: Export) -> None:
        if self._split(table, export):
            return
        job = export.job
        error = ExportFailedError(
            f"the vendor's job {job.job_id} ended in {job.vendor_state}"
            + (f" ({job.detail})" if job.detail else ""),
            where=str(export.request),
            hint="Ask for a shorter span with start_date and end_date, or ask the vendor.",
        )
        if table.sync.span is not None:
            raise error
        self._ask_again(table, export, error, pause=RETRY_PAUSE * self._patience.poll_interval)

    def _timed_out(self, table: TableExports, export: Export) -> None:
        # What the vendor has not even begun would take no less time in parts.
        if export.job.state is JobState.RUNNING and self._split(table, export):
            return
        raise ExportTimeoutError(
            f"the vendor's job {export.job.job_id} is still {export.job.vendor_state}"
            f" after {export.wait_seconds:.0f} seconds",
            where=str(export.request),
            hint="Run again later, or raise export_timeout.",
        )

    def _split(self, table: TableExports, export: Export) -> bool:
        """Plan the halves of its window in its place, where it can be cut."""
        if table.sync.span is None:
            return False
        window = export.request.window
        if window is None:
            window = table.covered = Window(None, self.now())
        if not table.windows.failed(window):
            return False
        export.phase = Phase.REPLACED
        return True

    def _ask_again(
        self, table: TableExports, export: Export, error: BaseException, *, pause: float
    ) -> None:
        """Make the request once more, and no third time."""
        made = [each for each in table.exports if each.request == export.request]
        if len(made) > 1:
            raise error
        # Between the two, the table would seem to be complete.
        with self._lock:
            export.phase = Phase.REPLACED
            table.requests.append((self._clock.monotonic() + pause, export.request))

    def _rest(self, live: list[TableExports]) -> None:
        """Pause until the next look is due, a table begins, or a file has come."""
        live = [table for table in live if not table.stop.is_set()]
        dues = [
            export.look_at
            for table in live
            for export in table.exports
            if export.phase is Phase.EXPORTING
        ]
        now = self._clock.monotonic()
        dues += [at for table in live for at, _ in table.requests if at > now]
        if dues:
            self._clock.pause(max(0.0, min(dues) - now), self._wake)
        elif any(_downloading(table) for table in live):
            self._wake.wait()

    def _fetch(self, table: TableExports, export: Export, folder: Path) -> None:
        with self._lines:
            self._guard(table, self._download, export, folder)
        self._wake.set()

    def _download(self, table: TableExports, export: Export, folder: Path) -> None:
        begun = self._clock.monotonic()

        def on_bytes(arrived: int, total: int | None) -> None:
            export.received += arrived
            export.total = total

        # A name of our own, and of this run: another may be fetching the same.
        request, job = export.request, export.job
        name = f"{request.table}-{request.fingerprint}"

        def begin() -> Download:
            return Download(
                folder / f"{name}-{uuid4().hex[:8]}", on_bytes=on_bytes, stop=table.stop
            )

        try:
            with error_context(export):
                first, *more = fetch_files(self._service, job, begin, self._deadline(table))
        except VanishedError as vanished:
            # A vendor may have no place for a link but the job.
            self._ask_again(table, export, vanished, pause=0)
            return
        seconds = self._clock.monotonic() - begun
        for number, file in enumerate(more, 2):
            part = replace(export, job=replace(job, job_id=f"{job.job_id}{PART}{number}"))
            _arrive(part, file, 0.0)
            table.exports.append(part)
        _arrive(export, first, seconds)
        if table.stop.is_set():
            for file in (first, *more):
                file.path.unlink(missing_ok=True)


def _arrive(export: Export, file: FetchedFile, seconds: float) -> None:
    export.received = export.total = file.received
    export.arrived, export.download_seconds = file, seconds
    export.phase = Phase.ARRIVED


def _account(table: TableExports) -> None:
    """Tell the table's plan what has come, and the table when that was all."""
    for export in table.exports:
        window = export.request.window
        if window is not None and export.phase is Phase.ARRIVED and table.windows.awaits(window):
            table.windows.succeeded(window, export.file().size)
    ended = (Phase.ARRIVED, Phase.REPLACED)
    table.complete = (
        table.planned
        and not table.requests
        and not table.windows
        and all(export.phase in ended for export in table.exports)
    )


def _under_way(table: TableExports) -> int:
    return sum(export.phase is Phase.EXPORTING for export in table.exports)


def _downloading(table: TableExports) -> bool:
    return any(export.phase is Phase.DOWNLOADING for export in table.exports)
