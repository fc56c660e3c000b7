"""One export on its road, and all exports of one table: where they stand.

They are moved along by `run`, and read by whoever waits for them.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from spaaza_source.errors import SpaazaSourceError
from spaaza_source.exports.adaptive_windows import AdaptiveWindows
from spaaza_source.exports.jobs import Job
from spaaza_source.exports.plan import LENGTHS, Plan, SyncPolicy, TableSync
from spaaza_source.exports.request import ExportRequest
from spaaza_source.transport import FetchedFile, without_context
from spaaza_source.windows import Window


class Phase(enum.Enum):
    """Where one export stands on its road."""

    EXPORTING = "exporting"
    DOWNLOADING = "downloading"
    ARRIVED = "arrived"
    #: It failed at the vendor, and other exports bring its rows.
    REPLACED = "replaced"


@dataclass(eq=False)
class Export:
    """One request on its road. The run writes it, anyone may read it.

    Attributes:
        request: What was asked.
        job: The vendor's last word on it.
        begun_at: When it was asked for, or taken up, UTC.
        adopted: Whether an earlier run asked for the job.
        phase: Where it stands.
        split_from: The job that failed, part of whose window this one asks for.
        polls: Looks so far.
        received: Bytes that have arrived.
        total: Bytes to come in all, where the file's host says so.
        wait_seconds: From asking to the vendor's being done.
        download_seconds: From the first link to the whole file.
        arrived: The file, once it is there.
        begun: When it was asked for, on the run's stopwatch.
        look_at: When it is looked at next, on the same.
    """

    request: ExportRequest
    job: Job
    begun_at: datetime
    adopted: bool = False
    phase: Phase = Phase.EXPORTING
    split_from: str | None = None
    polls: int = 0
    received: int = 0
    total: int | None = None
    wait_seconds: float = 0.0
    download_seconds: float = 0.0
    arrived: FetchedFile | None = None
    begun: float = 0.0
    look_at: float = 0.0

    def file(self) -> FetchedFile:
        """The file of an export that has arrived."""
        if self.arrived is None:
            raise RuntimeError("an export was asked for its file before it arrived")
        return self.arrived


@dataclass(eq=False)
class TableExports:
    """All exports of one table in one run. The run writes it, anyone may read it.

    Attributes:
        wanted: What was asked of the run.
        reach: The span of time that its exports cover; None for all rows. Known once planned.
        planned: Whether it is known what to ask for.
        exports: Those begun so far, replaced ones among them.
        pieces: The windows that are still to be asked for.
        requests: What else is to be asked for, and when, on the run's stopwatch.
        complete: Whether every file is there.
        error: What keeps the table from being loaded.
        stop: Set when nobody waits for it any more.
    """

    sync: TableSync
    covered: Window | None = None
    planned: bool = False
    exports: list[Export] = field(default_factory=list)
    windows: AdaptiveWindows = field(
        default_factory=lambda: AdaptiveWindows([], smallest=SyncPolicy().min_window)
    )
    requests: list[tuple[float, ExportRequest]] = field(default_factory=list)
    complete: bool = False
    error: BaseException | None = None
    stop: threading.Event = field(default_factory=threading.Event)

    def plan(self, plan: Plan) -> None:
        """Take up a plan; its adopted jobs are begun by the run."""
        span = self.sync.span or SyncPolicy()
        self.covered = plan.covered
        self.windows = AdaptiveWindows(
            [window for window in plan.windows if window is not None],
            smallest=span.min_window,
            longest=LENGTHS[span.window_size] if span.window_size else None,
            failed=plan.failed,
        )
        self.requests = [(0.0, self.sync.make_request(None))] if None in plan.windows else []
        self.planned = True

    @property
    def settled(self) -> bool:
        """Whether every file is there, or never will be."""
        return self.error is not None or self.complete

    @property
    def current(self) -> list[Export]:
        """The exports that bring the rows, in the order of time."""
        kept = [each for each in self.exports if each.phase is not Phase.REPLACED]
        return sorted(
            kept,
            key=lambda each: each.request.window.begin.timestamp() if each.request.window else 0,
        )

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
        if len(current) == 1 and not self.windows:
            (export,) = current
            waits = export.phase is Phase.EXPORTING
            return export.job.vendor_state if waits else export.phase.value
        if not current:
            return "queued"
        if self.complete:
            return Phase.ARRIVED.value
        arrived = sum(each.phase is Phase.ARRIVED for each in current)
        return f"{arrived} of {len(current)}{'+' if self.windows else ''}"

    @property
    def received(self) -> int:
        """Bytes that have arrived, of all files."""
        return sum(each.received for each in self.current)

    @property
    def total(self) -> int | None:
        """Bytes to come in all; None while that is not known."""
        totals = [each.total for each in self.current]
        if self.windows or not totals or any(total is None for total in totals):
            return None
        return sum(total for total in totals if total is not None)

    def parent_of(self, window: Window | None) -> str | None:
        """The job whose failure made this window one of its own."""
        if window is None:
            return None
        failed = [
            (each.request.window, each.job.job_id)
            for each in self.exports
            if each.phase is Phase.REPLACED
        ]
        around = [
            (split.length if split else None, job)
            for split, job in failed
            if split is None or split.begin <= window.begin < split.end
        ]
        bounded = [(length, job) for length, job in around if length is not None]
        if bounded:
            return min(bounded)[1]
        return around[0][1] if around else None


@contextmanager
def error_context(export: Export) -> Iterator[None]:
    """Tell errors whose file it is: what fetches or reads one knows hosts, lines and columns."""
    try:
        with without_context():
            yield
    except SpaazaSourceError as error:
        place = f"{export.request}, job {export.job.job_id}"
        error.where = place + (f", {error.where}" if error.where else "")
        raise
