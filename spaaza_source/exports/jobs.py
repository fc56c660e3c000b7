"""A vendor's jobs, and what each vendor's package implements to run them: `ExportService`."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from spaaza_source.exports.request import ExportRequest
from spaaza_source.transport import HttpClient, Link
from spaaza_source.windows import Window, parse_vendor_instant

#: Stands between a job's id and the number of a further part of its result.
PART = "/"
#: Stands between the id of a job that the vendor repeats and the time of one of its runs.
RUN_MARK = "@"
#: The state of a job that no vendor has run: it is a file of the user's own.
GIVEN = "FILE"


class JobState(enum.Enum):
    """The state of a job, the same for all vendors."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    #: A state that no document mentions: polling goes on, it is never taken for success.
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Job:
    """A job as the vendor described it last.

    Attributes:
        job_id: The vendor's id, as text; where the vendor repeats the job, of one run of it; of a
            further file of its result, with the file's number.
        state: Its state.
        vendor_state: Its state in the vendor's own word.
        created_at: When the vendor created it, UTC; None where it does not say.
        started_at: When it began to run, UTC; None where it does not say.
        finished_at: When the vendor finished it, UTC; None before, or where it does not say.
        detail: What the vendor says of a failure, redacted.
        due_at: When the vendor is to begin it, UTC; None where it does not say.
        repeats: Whether the vendor runs it again and again.
        channel: By what way it was requested, in the vendor's own word; empty where it is not said.
        user_id: Who requested it there, by the vendor's id; empty where it is not said.
    """

    job_id: str
    state: JobState
    vendor_state: str
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    detail: str = ""
    due_at: datetime | None = None
    repeats: bool = False
    channel: str = ""
    user_id: str = ""


@dataclass(frozen=True)
class KnownJob:
    """A job that a run of this package created.

    Attributes:
        fingerprint: Its request's.
        subject: What the vendor calls the table.
        window: Its request's; None for all rows.
        job: The job.
        selection: The filter that the job itself has; None where the vendor does not show it.
    """

    fingerprint: str
    subject: str
    window: Window | None
    job: Job
    selection: Mapping[str, Any] | None = field(default=None, repr=False)

    def is_of(self, request: ExportRequest) -> bool:
        """Whether it is the job of a request: a description may be copied to another filter."""
        if self.fingerprint != request.fingerprint:
            return False
        return self.selection is None or _is_same(request.selection, self.selection)


def _is_same(asked: Any, shown: Any) -> bool:
    """Whether a vendor shows what it was asked for, in its own spelling of numbers and times."""
    if isinstance(asked, Mapping) and isinstance(shown, Mapping):
        # It may add defaults of its own, but no filter where none was asked for.
        return (bool(asked) or not shown) and all(
            name in shown and _is_same(value, shown[name]) for name, value in asked.items()
        )
    if isinstance(asked, list | tuple) and isinstance(shown, list | tuple):
        return len(asked) == len(shown) and all(map(_is_same, asked, shown))
    return _spell(asked) == _spell(shown)


def _spell(value: Any) -> str:
    instant = parse_vendor_instant(value) if isinstance(value, str) else None
    return str(instant or value).casefold()


def youngest(known: Iterable[KnownJob]) -> KnownJob | None:
    """The job that was created last."""
    return max(known, key=lambda each: created_key(each.job), default=None)


def created_key(job: Job) -> float:
    """When a job was created, in seconds; 0 where nobody knows."""
    return job.created_at.timestamp() if job.created_at else 0.0


class ExportService(Protocol):
    """A vendor that can export.

    Every method raises only errors under `SpaazaSourceError`, and may be called from any thread.
    """

    #: The client that its calls go through.
    http: HttpClient

    def known_jobs(self, since: datetime) -> Iterator[KnownJob]:
        """Jobs that this package created since then, in any order; older ones may be among them."""

    def create(self, request: ExportRequest, later: timedelta = timedelta(0)) -> Job:
        """Create a job for the export, in one call; it begins so much later than now.

        An `UnavailableError` or an `UnexpectedAnswerError` leaves open whether it was created.
        """

    def poll(self, job_id: str) -> Job:
        """The job as it is now. A `VanishedError` says that the vendor has it no more."""

    def execute(self, job_id: str) -> None:
        """Begin a waiting job at once, where the vendor has a call for that; sent once.

        The answer may come at once, or when the job is done.
        """

    def links(self, job_id: str) -> Sequence[Link]:
        """Fresh links to the files of a finished job, one for each file of its result."""
