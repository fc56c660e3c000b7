"""The state of one table's exports in one run: what is to be asked for, under way and downloaded.

The run changes it in its own threads; whoever waits for the table reads it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from spaaza_source.errors import (
    ExportFailedError,
    SettingsError,
    SpaazaSourceError,
    UnreachableError,
)
from spaaza_source.exports.export import Export, Phase
from spaaza_source.exports.jobs import GIVEN, PART, Job, JobState
from spaaza_source.exports.planning.plan import Plan
from spaaza_source.exports.request import ExportRequest, name_unlisted
from spaaza_source.exports.table_sync import SMALLEST_WINDOW, TableSync
from spaaza_source.transport import ArrivingFile, FetchedFile, without_context
from spaaza_source.windows import Window

#: Told of a file that is on its way, and of the export that brings it.
OnDownload: TypeAlias = Callable[[Export, ArrivingFile], None]


def leave_alone(_export: Export, _arriving: ArrivingFile) -> None:
    """What nobody reads before it is whole is only downloaded."""


@dataclass(eq=False)
class TableExports:
    """All exports of one table in one run.

    Attributes:
        sync: What the load has to bring of the table.
        on_download: Called with each file whose download begins, in the thread that downloads it.
        covered: The range that the exports cover; None for all rows. Known once planned.
        moment: That of the load, by the vendor's clock; by this machine's where no vendor is asked.
            Known once planned.
        at_hand: Whether they are of an archive, or files of the user's: no plan of this moment.
        planned: Whether the plan is made.
        exports: Those begun so far, the replaced ones among them.
        queue: What is still to be asked for, and from when on, on the run's monotonic clock.
        splitting: Whether an export has failed and been split since a file arrived last: then one
            export is asked for at a time, until the vendor manages one.
        complete: Whether every file has arrived.
        error: What keeps the table from being loaded.
        stop: Set when nobody waits for the table any more.
        unanswered: Requests that came to no job: the vendor refused them, or its answer was lost.
        left: Jobs of earlier runs that have failed at the vendor.
        on_asked: Called when something has been asked for, in the thread that asks.
        is_ahead: Whether its load is still to begin: no file is downloaded before.
        begun_as: What it was begun with, before an export was split; None for `sync`.
    """

    sync: TableSync
    on_download: OnDownload = leave_alone
    covered: Window | None = None
    moment: datetime | None = None
    at_hand: bool = False
    planned: bool = False
    exports: list[Export] = field(default_factory=list)
    queue: list[tuple[float, ExportRequest]] = field(default_factory=list)
    splitting: bool = False
    complete: bool = False
    error: BaseException | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    unanswered: list[Export] = field(default_factory=list)
    left: Sequence[Export] = ()
    on_asked: Callable[[], None] = field(default=lambda: None)
    is_ahead: bool = False
    begun_as: TableSync | None = None

    def __post_init__(self) -> None:
        self.begun_as = self.begun_as or self.sync

    def is_for(self, sync: TableSync) -> bool:
        """Whether a load that has to bring that can take these exports over.

        What a vendor may have been asked for in vain is taken over in any case: nobody but its load
        can tell of it, and to plan anew would be to ask again.
        """
        return bool(self.unanswered) or (self.begun_as or self.sync).brings_same(sync)

    def follow(self, plan: Plan) -> None:
        """Queue what a plan asks for; the run begins the exports of adopted jobs."""
        self.covered, self.moment = plan.covered, plan.moment
        if plan.covered is not None:
            self.sync = self.sync.as_parts()
        self.queue = [(0.0, self.sync.make_request(window)) for window in plan.to_request]
        self.planned = True

    def next_request(self, now: float) -> ExportRequest | None:
        """Take the first request that is due out of the queue."""
        if not self.has_request(now):
            return None
        for entry in self.queue:
            if entry[0] <= now:
                self.queue.remove(entry)
                return entry[1]
        return None

    def has_request(self, now: float) -> bool:
        """Whether there is a request that is due."""
        if self.error is not None or self.stop.is_set():
            return False
        if self.splitting and self.count(Phase.EXPORTING):
            return False
        return any(at <= now for at, _ in self.queue)

    def replace_by_halves(self, export: Export, now: datetime) -> bool:
        """Queue two halves of a failed export's window; False where it cannot be cut.

        An export of all rows ends now, by the vendor's clock.
        """
        self.sync = self.sync.as_parts()
        policy = self.sync.policy
        if policy is None:
            return False
        window = export.request.window or Window(None, now)
        if window.length < 2 * policy.min_window:
            return False
        if export.request.window is None:
            self.covered = window
        self.splitting = True
        export.enter(Phase.REPLACED)
        self.queue[:0] = [(0.0, self.sync.make_request(half)) for half in window.halves()]
        return True

    def request_again(self, export: Export, at: float) -> bool:
        """Queue a failed export's request once more; False where that has been done already.

        It is made `at` that time of the run's monotonic clock. A job that repeats is not: there
        would be two of it.
        """
        times = sum(each.request == export.request for each in self.exports)
        if export.request.repeat is not None or times > 1:
            return False
        # In this order: `check_complete` may look between the two.
        self.queue.append((at, export.request))
        export.enter(Phase.REPLACED)
        return True

    @contextmanager
    def noting_unanswered(self, request: ExportRequest, begun_at: datetime) -> Iterator[None]:
        """Note a request that comes to no job inside the `with` block, though a vendor had it.

        Wrong credentials are a setting; of what never left this machine nobody was asked.
        """
        try:
            yield
        except SpaazaSourceError as failure:
            if not isinstance(failure, SettingsError | UnreachableError):
                job = Job(name_unlisted(request, begun_at), JobState.FAILED, "")
                self.unanswered.append(Export(request, job, begun_at))
                self.unanswered[-1].note_failure(failure)
                self.on_asked()
            raise

    def add_parts(self, export: Export, files: list[FetchedFile], seconds: float) -> None:
        """Take the files of an export's result: further ones become exports of their own."""
        first, *more = files
        for number, file in enumerate(more, 2):
            job = replace(export.job, job_id=f"{export.job.job_id}{PART}{number}")
            part = replace(export, job=job)
            part.arrive(file, 0.0)
            self.exports.append(part)
        export.arrive(first, seconds)
        self.splitting = False

    def fail(self, error: BaseException) -> None:
        """Stop the table; of several errors the first one is kept."""
        if self.error is None:
            self.error = error
        self.stop.set()

    def check_complete(self) -> None:
        """Note whether every file has arrived and nothing is left to ask for."""
        ended = (Phase.ARRIVED, Phase.REPLACED)
        # The queue last: a thread that downloads fills it before it gives an export up.
        self.complete = (
            self.planned
            and all(export.phase in ended for export in self.exports)
            and not self.queue
        )

    def count(self, phase: Phase) -> int:
        """How many exports are in that state."""
        return sum(export.phase is phase for export in self.exports)

    @property
    def settled(self) -> bool:
        """Whether every file has arrived, or never will."""
        return self.error is not None or self.complete

    @property
    def current(self) -> list[Export]:
        """The exports that bring the rows, in the order of time."""
        return sorted(
            (each for each in self.exports if each.phase is not Phase.REPLACED),
            key=lambda each: each.request.window.begin.timestamp() if each.request.window else 0,
        )

    @property
    def brings_all_rows(self) -> bool:
        """Whether the exports bring all rows that the table is to have, not some of them."""
        return self.brings_history and not self.sync.keeps_others

    @property
    def brings_history(self) -> bool:
        """Whether the exports bring all rows that the settings ask for."""
        policy, covered, until = self.sync.policy, self.covered, self.sync.loaded_until
        if covered is None:
            return True
        if policy is None or policy.is_backfill or self._begins_late:
            return False
        # When collecting, later windows may not be done yet.
        return until is None or covered.end >= until

    @property
    def _begins_late(self) -> bool:
        """Whether the range begins after the history that the settings ask for."""
        policy, covered = self.sync.policy, self.covered
        if policy is None or covered is None:
            return False
        if self.kept_since is None or covered.start is None or self.at_hand:
            return covered.start != policy.start
        return covered.start > max(self.kept_since, policy.start or self.kept_since)

    @property
    def kept_since(self) -> datetime | None:
        """From when on rows stay in the table once the load has ended; None for all rows."""
        policy = self.sync.policy
        if policy is None or self.moment is None:
            return None
        return policy.kept_since(self.moment)

    @property
    def are_parts(self) -> bool:
        """Whether they are parts of an export of all rows that failed as a whole."""
        return self.sync.in_parts is not None and self.sync.policy is not None

    @property
    def are_given(self) -> bool:
        """Whether they are files of the user's own, which no vendor was asked for."""
        return any(export.job.vendor_state == GIVEN for export in self.exports)

    def require_current(self) -> list[Export]:
        """The exports of a settled table; raises what kept one from arriving."""
        if self.error is not None:
            raise self.error
        return self.current

    @property
    def state(self) -> str:
        """The vendor's own word for a single export while it works, ours otherwise."""
        if self.error is not None:
            return "failed"
        current = self.current
        if len(current) == 1 and not self.queue:
            (export,) = current
            waits = export.phase is Phase.EXPORTING
            return export.job.vendor_state if waits else export.phase.value
        if not current:
            return "queued"
        if self.complete:
            return Phase.ARRIVED.value
        return f"{self.count(Phase.ARRIVED)} of {len(current)}{'+' if self.queue else ''}"

    @property
    def received(self) -> int:
        """Bytes received, of all files."""
        return sum(each.received for each in self.current)

    @property
    def total(self) -> int | None:
        """Bytes of all files; None while that is not known."""
        totals = [each.total for each in self.current if each.total is not None]
        if self.queue or not totals or len(totals) < len(self.current):
            return None
        return sum(totals)

    def split_from(self, window: Window | None) -> str | None:
        """The failed job that a window is part of: of several, the one of the shortest window."""
        if window is None:
            return None
        around = [
            (failed.length if failed else timedelta.max, each.job.job_id)
            for each in self.exports
            if each.phase is Phase.REPLACED
            and ((failed := each.request.window) is None or failed.covers(window))
        ]
        return min(around)[1] if around else None


def job_failed(
    request: ExportRequest, job: Job, narrowed_by: str | None = None
) -> ExportFailedError:
    """The error of an export that failed at the vendor, and whose window is not cut any more.

    Args:
        request: What was asked for.
        job: The vendor's job.
        narrowed_by: The setting that narrows the table's rows otherwise than by time.
    """
    window = request.window
    hint = f"Set smallest_window={SMALLEST_WINDOW}, to request shorter ones; or ask the vendor."
    if window is None or window.length < 2 * timedelta(seconds=SMALLEST_WINDOW):
        narrow = "" if window or narrowed_by is None else f", or narrow it by {narrowed_by}"
        hint = f"Run again later; if it stays so, ask the vendor{narrow}."
    return ExportFailedError(
        f"the vendor's job {job.job_id} ended in {job.vendor_state}"
        + (f" ({job.detail})" if job.detail else ""),
        where=str(request),
        hint=hint,
    )


@contextmanager
def error_context(export: Export) -> Iterator[None]:
    """Say in errors whose file it is: what fetches or reads one knows hosts, lines and columns."""
    try:
        with without_context():
            yield
    except SpaazaSourceError as error:
        location = f"{export.request}, job {export.job.job_id}"
        error.where = location + (f", {error.where}" if error.where else "")
        export.note_failure(error)
        raise
