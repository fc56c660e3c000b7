"""The vendor's own list of jobs as the ledger: what earlier runs asked for, and new jobs made safe.

A request's fingerprint travels in the very call that creates its job, so a run that was killed, or
a reply that was lost, loses nothing. Which jobs are of use is left to `plan`.
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
from spaaza_source.exports.jobs import ExportService, Job, JobState, KnownJob
from spaaza_source.exports.plan import TableSync, youngest
from spaaza_source.exports.request import ExportRequest
from spaaza_source.transport import Clock, Deadline
from spaaza_source.windows import EARLIEST

#: Seconds to wait before each look for a job whose creation was not answered.
LOOKS = (2.0, 5.0, 10.0)
#: Answers with which a gateway says that it did not get through: then one more request is safe
#: once the job has been looked for and not found. After a timeout nobody knows, so none is sent.
NOT_DONE = (500, 502, 503)
#: An answer with which nothing was begun for sure: how often, and after how many seconds where the
#: vendor does not say, the request is made again.
TOO_MANY_TRIES, TOO_MANY_PAUSE = 5, 10.0
#: No export runs longer than this, so none that was asked for earlier has just been finished.
LONGEST_RUN = timedelta(days=2)


class JobRegistry:
    """The jobs that the vendor has of ours; for one thread.

    Args:
        service: The vendor.
        max_age: How old a finished job may be and still be taken up.
        clock: The time to wait by.
        all_jobs: Whether old jobs count too, for what one of them repeats is new.
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
        self._own: list[KnownJob] | None = None
        self._refused: CredentialsError | None = None
        self._taken: set[str] = set()

    def jobs(self) -> list[KnownJob]:
        """Those that no table of this run has taken yet; the vendor is asked once.

        Raises:
            SpaazaSourceError: The vendor could not be asked, or refused.
        """
        if self._refused is not None:
            # They are the same for every table: no vendor is to hear them once from each.
            raise self._refused
        if self._own is None:
            try:
                self._own = self._listed()
            except CredentialsError as refused:
                self._refused = refused
                raise
        return [own for own in self._own if own.job.job_id not in self._taken]

    def claim(self, job: Job) -> Job:
        """From now on the job belongs to a table."""
        self._taken.add(job.job_id)
        return job

    def create(
        self,
        request: ExportRequest,
        wanted: TableSync,
        deadline: Deadline,
        later: timedelta = timedelta(0),
    ) -> Job:
        """A new job; where the answer was lost, the job that may have come of it all the same.

        Args:
            request: What is wanted.
            wanted: For which table.
            deadline: How long a vendor that has too many requests is waited for.
            later: How much later than now it is to begin.

        Raises:
            SpaazaSourceError: The vendor could not be asked, or refused.
        """
        there = {own.job.job_id for own in self._own or ()}
        try:
            return self._created(request, deadline, later)
        except UnreachableError:
            raise
        except (UnavailableError, UnexpectedAnswerError) as lost:
            status = lost.status if isinstance(lost, UnavailableError) else None
            if status == HTTPStatus.TOO_MANY_REQUESTS:
                raise
            found = self._looked_for(request, wanted, there, deadline)
            if found is not None:
                return self.claim(found)
            if status not in NOT_DONE or deadline.stop.is_set():
                raise
        # Once more and no third time: if this answer is lost too, the next run looks for the job.
        return self._created(request, deadline, later)

    def _created(self, request: ExportRequest, deadline: Deadline, later: timedelta) -> Job:
        """A new job, asked for again where there were too many requests."""
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

    def _listed(self) -> list[KnownJob]:
        """What the vendor has of ours; a job may have run for long before it was finished."""
        since = self._service.http.now() - self._max_age - LONGEST_RUN
        return list(self._service.known_jobs(EARLIEST if self._all_jobs else since))

    def _looked_for(
        self, request: ExportRequest, wanted: TableSync, there: set[str], deadline: Deadline
    ) -> Job | None:
        """The job of a request whose answer was lost: one that was not there before."""
        for seconds in LOOKS:
            if self._clock.pause(seconds, deadline.stop):
                return None
            self._own = self._listed()
            found = youngest(
                own
                for own in self.jobs()
                if own.fingerprint == request.fingerprint
                and own.job.state is not JobState.FAILED
                and own.job.job_id not in there
                and own.job.job_id not in wanted.loaded
            )
            if found is not None:
                return found.job
        return None
