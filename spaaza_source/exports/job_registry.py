"""Finds our jobs in the vendor's list, for adoption, and creates new ones at most once.

A job shows its request's fingerprint, by its description or by the parameters that the vendor
echoes, so neither a killed run nor a lost reply loses a job.
"""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

from spaaza_source.errors import (
    CredentialsError,
    UnavailableError,
    UnexpectedAnswerError,
    UnreachableError,
)
from spaaza_source.exports.jobs import ExportService, Job, JobState, KnownJob, youngest
from spaaza_source.exports.request import ExportRequest
from spaaza_source.exports.table_sync import TableSync
from spaaza_source.transport import Clock, Deadline
from spaaza_source.windows import EARLIEST

#: Seconds to wait before each look for a job whose creation was not answered.
LOOKS = (2.0, 5.0, 10.0)
#: The vendor failed, or a gateway did not reach it: then one more request is safe once the job has
#: been looked for and not found. After a timeout the job may still come, so none is sent.
NOT_DONE = (500, 502, 503)
#: After "too many requests" nothing was created for sure: how often, and after how many seconds
#: where the vendor does not say, the request is made again.
TOO_MANY_TRIES, TOO_MANY_PAUSE = 5, 10.0
#: No export runs longer than this, so a job created earlier cannot have been finished just now.
LONGEST_RUN = timedelta(days=2)


class JobRegistry:
    """The vendor's jobs that earlier runs of ours created; for one thread.

    A finished job may be adopted up to `max_age` after its end; with `all_jobs` jobs of any age
    count, for an old one that repeats has new results.
    """

    def __init__(
        self,
        service: ExportService,
        max_age: timedelta,
        clock: Clock,
        *,
        all_jobs: bool = False,
    ) -> None:
        self._service = service
        self._max_age = max_age
        self._clock = clock
        self._all_jobs = all_jobs
        self._known: list[KnownJob] | None = None
        self._refused: CredentialsError | None = None
        self._claimed: set[str] = set()

    def jobs(self) -> list[KnownJob]:
        """Jobs that no table of this run has claimed yet; the vendor is asked once.

        Raises:
            SpaazaSourceError: The vendor could not be asked, or refused.
        """
        if self._refused is not None:
            # The same credentials serve every table: the vendor is to refuse them once.
            raise self._refused
        if self._known is None:
            try:
                self._known = self._list()
            except CredentialsError as refused:
                self._refused = refused
                raise
        return [known for known in self._known if known.job.job_id not in self._claimed]

    def claim(self, job: Job) -> Job:
        """Reserve a job for one table."""
        self._claimed.add(job.job_id)
        return job

    def create(
        self,
        request: ExportRequest,
        sync: TableSync,
        deadline: Deadline,
        later: timedelta = timedelta(0),
    ) -> Job:
        """Create a job that begins so much later than now.

        Where the answer was lost, find the job that may have come of the request. A vendor that has
        too many requests is waited for until the deadline.

        Raises:
            SpaazaSourceError: The vendor could not be asked, or refused.
        """
        before = {known.job.job_id for known in self._known or ()}
        try:
            return self._create(request, deadline, later)
        except UnreachableError:
            raise
        except (UnavailableError, UnexpectedAnswerError) as lost:
            status = lost.status if isinstance(lost, UnavailableError) else None
            if status == HTTPStatus.TOO_MANY_REQUESTS:
                raise
            created = self._find_created(request, sync, before, deadline)
            if created is not None:
                return self.claim(created)
            if status not in NOT_DONE or deadline.stop.is_set():
                raise
        # Once more and no third time: if this answer is lost too, the next run looks for the job.
        return self._create(request, deadline, later)

    def _create(self, request: ExportRequest, deadline: Deadline, later: timedelta) -> Job:
        """Create a job; ask again where the vendor has too many requests."""
        tries = 0
        while True:
            tries += 1
            try:
                return self.claim(self._service.create(request, later))
            except UnavailableError as refused:
                if refused.status != HTTPStatus.TOO_MANY_REQUESTS or tries == TOO_MANY_TRIES:
                    raise
                if not deadline.pause(refused.retry_after or TOO_MANY_PAUSE):
                    raise

    def _list(self) -> list[KnownJob]:
        """Ask the vendor for our jobs; one may have run for long before it was finished."""
        since = self._service.http.now() - self._max_age - LONGEST_RUN
        return list(self._service.known_jobs(EARLIEST if self._all_jobs else since))

    def _find_created(
        self, request: ExportRequest, sync: TableSync, before: set[str], deadline: Deadline
    ) -> Job | None:
        """The job of a request whose answer was lost: one that is not among those of before."""
        for seconds in LOOKS:
            if self._clock.pause(seconds, deadline.stop):
                return None
            self._known = self._list()
            created = youngest(
                known
                for known in self.jobs()
                if known.is_of(request)
                and known.job.state is not JobState.FAILED
                and known.job.job_id not in before
                and known.job.job_id not in sync.loaded
            )
            if created is not None:
                return created.job
        return None
