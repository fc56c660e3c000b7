"""Takes requests to files: asks, waits and downloads for all exports of one load, side by side.

One loop in a thread of its own asks and looks; downloads have threads beside it; whoever asked
reads `Export` at leisure. What becomes of a file is left to `load`, how a vendor is asked to its
`ExportService`.
"""

from __future__ import annotations

import enum
import random
import threading
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from spaaza_source.errors import (
    ExportFailedError,
    ExportTimeoutError,
    IncompleteDownloadError,
    LinkRefusedError,
    UnreachableError,
)
from spaaza_source.exports.adoption import Adoption
from spaaza_source.exports.clock import Clock, SystemClock
from spaaza_source.exports.download import Download, FetchedFile, open_link
from spaaza_source.exports.jobs import ExportService, Job, JobState
from spaaza_source.exports.request import ExportRequest
from spaaza_source.exports.settings import number

#: A link may expire before it is used, or not be served at once: this many more are asked for.
FRESH_LINKS = 2
#: A connection may break: this many more carry on where it broke, each with a fresh link.
RECONNECTS = 4
#: Seconds between two connections.
PAUSE = 2.0
#: Looks are spread by this share, so that exports begun together are not polled together.
JITTER = 0.1


class Phase(enum.Enum):
    """Where one export stands on its road."""

    QUEUED = "queued"
    EXPORTING = "exporting"
    DOWNLOADING = "downloading"
    ARRIVED = "arrived"
    FAILED = "failed"


@dataclass(frozen=True)
class Patience:
    """How a run waits.

    Attributes:
        poll_interval: Seconds between two looks at a job.
        export_timeout: Seconds a job may take before the run gives up on it.
        max_concurrent: Jobs at the vendor at one time.
        max_age: Seconds after which a finished job of an earlier run is asked for anew.
    """

    poll_interval: float = 15.0
    export_timeout: float = 3600.0
    max_concurrent: int = 3
    max_age: float = 3600.0

    def __post_init__(self) -> None:
        number("poll_interval", self.poll_interval, least=0)
        number("export_timeout", self.export_timeout, least=0)
        number("max_concurrent_exports", self.max_concurrent, least=1)
        number("max_age", self.max_age, least=0)


@dataclass
class Export:
    """One request on its road. The run writes it, anyone may read it.

    Attributes:
        request: What was asked.
        phase: Where it stands.
        loaded: Ids of jobs that are done with: none of them is taken up.
        job: The vendor's last word on it.
        adopted: Whether an earlier run asked for the job.
        polls: Looks so far.
        begun_at: When it was asked for, UTC.
        received: Bytes that have arrived.
        total: Bytes to come in all, where the file's host says so.
        wait_seconds: From asking to the vendor's being done.
        download_seconds: From the first link to the whole file.
        arrived: The file, once it is there.
        error: What kept it from arriving.
        begun: When it was asked for, on the run's stopwatch.
        look_at: When it is looked at next, on the same.
        dropped: Nobody waits for it any more.
    """

    request: ExportRequest
    loaded: Collection[str] = ()
    phase: Phase = Phase.QUEUED
    job: Job | None = None
    adopted: bool = False
    polls: int = 0
    begun_at: datetime | None = None
    received: int = 0
    total: int | None = None
    wait_seconds: float = 0.0
    download_seconds: float = 0.0
    arrived: FetchedFile | None = None
    error: BaseException | None = None
    begun: float = 0.0
    look_at: float = 0.0
    dropped: bool = False

    @property
    def settled(self) -> bool:
        """Whether the file is there, or never will be."""
        return self.phase in (Phase.ARRIVED, Phase.FAILED)

    @property
    def state(self) -> str:
        """The vendor's own word while it works, ours otherwise."""
        if self.phase is Phase.EXPORTING and self.job is not None:
            return self.job.vendor_state
        return self.phase.value

    def file(self) -> FetchedFile:
        """The file of a settled export; raises what kept it from arriving."""
        if self.error is not None:
            raise self.error
        if self.arrived is None:
            raise RuntimeError("an export was asked for its file before it settled")
        return self.arrived


class ExportRun:
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
        patience: Patience,
        clock: Clock | None = None,
    ) -> None:
        self._service = service
        self._folder = folder
        self._patience = patience
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._exports: list[Export] = []
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._stop = threading.Event()
        #: Whoever reads a file of this run holds it meanwhile.
        self.reading = threading.Lock()

    def begin(self, request: ExportRequest, loaded: Collection[str] = ()) -> Export:
        """Put a request on the road; returns at once.

        Args:
            request: What is wanted.
            loaded: Ids of jobs whose rows have been loaded: none of them is taken up.
        """
        folder = self._folder()
        folder.mkdir(parents=True, exist_ok=True)
        export = Export(request, loaded)
        with self._lock:
            self._exports.append(export)
            if self._thread is None:
                # A daemon: a main thread that ends must not wait for a vendor.
                self._thread = threading.Thread(
                    target=self._work, args=(folder,), name="exports", daemon=True
                )
                self._thread.start()
        self._wake.set()
        return export

    def drop(self, export: Export) -> None:
        """Nobody waits for this export any more: stop looking, remove its file."""
        export.dropped = True
        self._wake.set()
        if export.arrived is not None:
            export.arrived.path.unlink(missing_ok=True)

    def _work(self, folder: Path) -> None:
        adoption = Adoption(
            self._service, timedelta(seconds=self._patience.max_age), self._clock, self._stop
        )
        with ThreadPoolExecutor(self._patience.max_concurrent, "downloads") as downloads:
            while True:
                self._wake.clear()
                with self._lock:
                    self._exports = [
                        export
                        for export in self._exports
                        if export.phase in (Phase.QUEUED, Phase.EXPORTING) and not export.dropped
                    ]
                    live = list(self._exports)
                    if not live:
                        self._thread = None
                        return
                self._turn(live, adoption)
                for export in live:
                    if export.phase is Phase.DOWNLOADING:
                        downloads.submit(self._guard, export, self._download, folder)
                self._rest(live)

    def _turn(self, live: list[Export], adoption: Adoption) -> None:
        """Ask for as many as may run at one time; look at those that are due."""
        now = self._clock.monotonic()
        free = self._patience.max_concurrent - sum(
            export.phase is Phase.EXPORTING for export in live
        )
        for export in live:
            if export.phase is Phase.QUEUED and free > 0:
                free -= 1
                self._guard(export, self._find, adoption)
            elif export.phase is Phase.EXPORTING and export.look_at <= now:
                self._guard(export, self._look)

    def _rest(self, live: list[Export]) -> None:
        """Pause until the next look is due, an export begins, or a place has come free."""
        looks = [export.look_at for export in live if export.phase is Phase.EXPORTING]
        queued = any(export.phase is Phase.QUEUED for export in live)
        if queued and len(looks) < self._patience.max_concurrent:
            return
        if looks:
            self._clock.pause(max(0.0, min(looks) - self._clock.monotonic()), self._wake)

    def _guard(self, export: Export, step: Callable[..., None], *more: object) -> None:
        try:
            step(export, *more)
        except BaseException as error:  # noqa: BLE001 - whoever waits for it must hear of it
            export.error = error
            export.phase = Phase.FAILED

    def _find(self, export: Export, adoption: Adoption) -> None:
        export.begun_at = self._clock.now()
        export.begun = self._clock.monotonic()
        export.job, export.adopted = adoption.job_for(export.request, export.loaded)
        export.phase = Phase.EXPORTING
        self._schedule(export)
        if export.adopted and export.job.state is JobState.DONE:
            export.look_at = export.begun

    def _schedule(self, export: Export) -> None:
        spread = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret
        export.look_at = self._clock.monotonic() + self._patience.poll_interval * spread

    def _look(self, export: Export) -> None:
        job = self._service.look(_job_id(export))
        export.polls += 1
        export.job = job
        export.wait_seconds = self._clock.monotonic() - export.begun
        if job.state is JobState.DONE:
            export.phase = Phase.DOWNLOADING
        elif job.state is JobState.FAILED:
            raise ExportFailedError(
                f"the vendor's job {job.job_id} ended in {job.vendor_state}"
                + (f" ({job.detail})" if job.detail else ""),
                where=str(export.request),
                way_out="Ask for a shorter span with start_date and end_date, or ask the vendor.",
            )
        elif export.wait_seconds > self._patience.export_timeout:
            raise ExportTimeoutError(
                f"the vendor's job {job.job_id} is still {job.vendor_state}"
                f" after {export.wait_seconds:.0f} seconds",
                where=str(export.request),
                way_out="Run again later, or raise export_timeout.",
            )
        else:
            self._schedule(export)

    def _download(self, export: Export, folder: Path) -> None:
        job_id = _job_id(export)
        begun = self._clock.monotonic()
        stop = threading.Event()

        def on_bytes(arrived: int, total: int | None) -> None:
            export.received += arrived
            export.total = total
            if export.dropped:
                stop.set()

        # A name of our own, and of this run: another may be fetching the same.
        target = folder / f"{export.request.table}-{export.request.fingerprint}-{uuid4().hex[:8]}"
        with Download(target, on_bytes=on_bytes, stop=stop) as download:
            file = self._fetched(job_id, download, stop)
        export.arrived = file
        export.download_seconds = self._clock.monotonic() - begun
        export.phase = Phase.ARRIVED
        if export.dropped:
            file.path.unlink(missing_ok=True)

    def _fetched(self, job_id: str, download: Download, stop: threading.Event) -> FetchedFile:
        """The whole file, by as many links and connections as are allowed."""
        refused = broken = 0
        while True:
            try:
                link = self._service.link(job_id)
                return download.take(
                    open_link(link, base_url=self._service.base_url, carry_on=download.headers)
                )
            except LinkRefusedError:
                refused += 1
                if refused > FRESH_LINKS or stop.is_set():
                    raise
            except (UnreachableError, IncompleteDownloadError):
                broken += 1
                if broken > RECONNECTS or stop.is_set():
                    raise
            self._clock.pause(PAUSE, stop)


def _job_id(export: Export) -> str:
    if export.job is None:
        raise RuntimeError("an export without a job was looked at")
    return export.job.job_id
