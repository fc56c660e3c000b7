"""One export in a run: its request, its job and its file, and what has become of them."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from spaaza_source.exports.jobs import Job
from spaaza_source.exports.request import ExportRequest
from spaaza_source.transport import FetchedFile


class Phase(enum.Enum):
    """The state of one export."""

    EXPORTING = "exporting"
    #: It is done at the vendor, and its file is to be downloaded once its load begins.
    READY = "ready"
    DOWNLOADING = "downloading"
    ARRIVED = "arrived"
    #: It failed at the vendor, and other exports bring its rows.
    REPLACED = "replaced"


@dataclass(frozen=True)
class FileRead:
    """What has come of reading an export's file.

    Attributes:
        rows: Its good rows.
        rejected: Its bad rows.
        loaded: The rows that are to be loaded.
        seconds: How long reading it took.
        at: When it was read, UTC.
        is_unchanged: Whether the table has these rows already, so that none is written.
    """

    rows: int
    rejected: int
    loaded: int
    seconds: float
    at: datetime
    is_unchanged: bool = False


@dataclass(eq=False)
class Export:
    """One request, its job and its file.

    Attributes:
        request: What was asked.
        job: The vendor's last word on it.
        begun_at: When it was asked for or adopted, UTC.
        adopted: Whether an earlier run asked for the job.
        phase: Its state.
        split_from: The job that failed, part of whose window this export asks for.
        polls: How often its job was polled.
        received: Bytes received.
        total: Bytes of the file; None where its host does not say.
        wait_seconds: From the request to the end of the job.
        download_seconds: From the first link to the whole file.
        arrived: The file; None until it is whole.
        begun: When it was asked for, on the run's monotonic clock.
        started: When the vendor was first seen to have begun it, on the same clock; None before.
        poll_at: When it is polled next, on the same clock.
        skipped: The lines of a user's file that were cut off at its end, without their ends.
        failure: What kept it from being loaded; None where nothing did, or nobody knows.
        failed_at: When that was, UTC.
        entered: When it came to each of its states, UTC, by this machine's clock.
        read: What has come of reading its file; None before.
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
    started: float | None = None
    poll_at: float = 0.0
    skipped: Sequence[bytes] = ()
    failure: BaseException | None = None
    failed_at: datetime | None = None
    entered: dict[Phase, datetime] = field(default_factory=dict)
    read: FileRead | None = None

    def __post_init__(self) -> None:
        self.entered = {self.phase: datetime.now(UTC), **self.entered}

    def enter(self, phase: Phase) -> None:
        """Come to another state, now."""
        self.phase = phase
        self.entered[phase] = datetime.now(UTC)

    def file(self) -> FetchedFile:
        """The file of an export that has arrived."""
        if self.arrived is None:
            raise RuntimeError("an export was asked for its file before it arrived")
        return self.arrived

    def arrive(self, file: FetchedFile, seconds: float) -> None:
        """Take the export's file, which took so many seconds to download."""
        self.received = self.total = file.received
        self.failure = self.failed_at = None
        self.arrived, self.download_seconds = file, seconds
        self.enter(Phase.ARRIVED)

    def note_failure(self, failure: BaseException, at: datetime | None = None) -> None:
        """Note what keeps it from being loaded, and since when; None for now."""
        self.failure, self.failed_at = failure, at or datetime.now(UTC)

    def remove_file(self) -> None:
        """Remove the export's file from the folder of downloads, unless it was moved elsewhere."""
        if self.arrived is not None:
            self.arrived.path.unlink(missing_ok=True)
