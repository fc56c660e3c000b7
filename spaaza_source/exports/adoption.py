"""The vendor's own list of jobs as the ledger: what earlier runs asked for, and new jobs made safe.

A request's fingerprint travels in the very call that creates its job, so a run that was killed, or
a reply that was lost, loses nothing. Which jobs are of use is left to `plan`.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from spaaza_source.errors import UnavailableError, UnreachableError
from spaaza_source.exports.clock import Clock
from spaaza_source.exports.jobs import ExportService, Job, OwnJob
from spaaza_source.exports.plan import Wanted, usable, youngest
from spaaza_source.exports.request import ExportRequest
from spaaza_source.exports.windows import EARLIEST

#: Seconds to wait before each look for a job whose creation was not answered.
LOOKS = (2.0, 5.0, 10.0)
#: Answers with which a gateway says that it did not get through: then one more request is safe
#: once the job has been looked for and not found. After a timeout nobody knows, so none is sent.
NOT_DONE = (429, 500, 502, 503)
#: How far off the vendor's clock may be thought to be: its answers tell whole seconds.
CLOCK_ERROR = timedelta(seconds=2)
#: No export runs longer than this, so none that was asked for earlier has just been finished.
LONGEST_RUN = timedelta(days=2)


class Adoption:
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
        self._own: list[OwnJob] | None = None
        self._taken: set[str] = set()

    def own_jobs(self) -> list[OwnJob]:
        """Those that no table of this run has taken yet; the vendor is asked once.

        Raises:
            SpaazaSourceError: The vendor could not be asked, or refused.
        """
        if self._own is None:
            self._own = self._listed()
        return [own for own in self._own if own.job.job_id not in self._taken]

    def take(self, job: Job) -> Job:
        """From now on the job belongs to a table."""
        self._taken.add(job.job_id)
        return job

    def create(
        self,
        request: ExportRequest,
        wanted: Wanted,
        stop: threading.Event,
        later: timedelta = timedelta(0),
    ) -> Job:
        """A new job; where the answer was lost, the job that may have come of it all the same.

        Args:
            request: What is wanted.
            wanted: For which table.
            stop: Set to cut a wait short.
            later: How much later than now it is to begin.

        Raises:
            SpaazaSourceError: The vendor could not be asked, or refused.
        """
        begun = self._service.now() - CLOCK_ERROR
        try:
            return self.take(self._service.create(request, later))
        except UnreachableError:
            raise
        except UnavailableError as lost:
            found = self._looked_for(request, wanted, begun, stop)
            if found is not None:
                return self.take(found)
            if lost.status not in NOT_DONE or stop.is_set():
                raise
        # Once more and no third time: if this answer is lost too, the next run looks for the job.
        return self.take(self._service.create(request, later))

    def _listed(self) -> list[OwnJob]:
        """What the vendor has of ours; a job may have run for long before it was finished."""
        since = self._service.now() - self._max_age - LONGEST_RUN
        return list(self._service.own_jobs(EARLIEST if self._all_jobs else since))

    def _looked_for(
        self, request: ExportRequest, wanted: Wanted, since: datetime, stop: threading.Event
    ) -> Job | None:
        for seconds in LOOKS:
            if self._clock.pause(seconds, stop):
                return None
            self._own = self._listed()
            ours = [
                own
                for own in self.own_jobs()
                if own.fingerprint == request.fingerprint and own.job.job_id not in wanted.loaded
            ]
            found = youngest(usable(ours, since))
            if found is not None:
                return found.job
        return None
