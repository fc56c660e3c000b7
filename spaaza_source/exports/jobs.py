"""An export as the vendor runs it, and what the road needs a vendor to do for it.

Each vendor's package implements `ExportService`; the waiting is left to `run`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from spaaza_source.exports.request import ExportRequest
from spaaza_source.transport import HttpClient, Link
from spaaza_source.windows import Window

#: Stands between a job's id and the number of a further part of its result.
PART = "/"


class JobState(enum.Enum):
    """Where a job stands, in the road's own words."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    #: The vendor said something no document mentions: keep looking, never take it for success.
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Job:
    """One answer to "how is it going?".

    Attributes:
        job_id: The vendor's id, as text; of a job that the vendor repeats, of one run of it; of a
            further part of its result, with the part's number.
        state: In the road's words.
        vendor_state: In the vendor's own.
        created_at: When the vendor took the job on, UTC; None where it does not say.
        started_at: When it began to run, UTC; the same.
        finished_at: When the vendor finished it, UTC; None before, or where it does not say.
        detail: What the vendor says of a failure, ready to be shown.
    """

    job_id: str
    state: JobState
    vendor_state: str
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    detail: str = ""


@dataclass(frozen=True)
class KnownJob:
    """A job that a run of this package asked for.

    Attributes:
        fingerprint: Its request's.
        subject: What the vendor calls the table.
        window: Its request's; None for all rows.
        job: How it stands.
    """

    fingerprint: str
    subject: str
    window: Window | None
    job: Job


class ExportService(Protocol):
    """A vendor that can export.

    Every method raises only errors under `SpaazaSourceError`, and may be called from any thread.
    """

    #: The client that its calls go through.
    http: HttpClient

    def known_jobs(self, since: datetime) -> Iterator[KnownJob]:
        """The jobs that runs of this package asked for since then, in any order; older ones too."""

    def create(self, request: ExportRequest, later: timedelta = timedelta(0)) -> Job:
        """Ask for the export, once, to begin so much later than now.

        An `UnavailableError` or an `UnexpectedAnswerError` leaves open whether it was created.
        """

    def poll(self, job_id: str) -> Job:
        """How the job stands. A `VanishedError` says that there is none of this id any more."""

    def links(self, job_id: str) -> Sequence[Link]:
        """Fresh links to the files of a job that is done, one for each part of its result."""
