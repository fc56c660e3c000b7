"""Takes up a job that an earlier run asked for, and asks for a new one only where there is none.

The vendor's own list of jobs is the ledger: a request's fingerprint travels in the very call that
creates the job, so a run that was killed, or a reply that was lost, loses nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from datetime import timedelta

from spaaza_source.errors import UnavailableError, UnreachableError
from spaaza_source.exports.clock import Clock
from spaaza_source.exports.jobs import ExportService, Job, JobState, OwnJob
from spaaza_source.exports.request import ExportRequest

#: Seconds to wait before each look for a job whose creation was not answered.
LOOKS = (2.0, 5.0, 10.0)
#: Answers with which a gateway says that it did not get through: then one more request is safe
#: once the job has been looked for and not found. After a timeout nobody knows, so none is sent.
NOT_DONE = (429, 500, 502, 503)


#: No export runs longer than this, so none that was asked for earlier has just been finished.
LONGEST_RUN = timedelta(days=2)


class Adoption:
    """Finds or creates the job of a request; for one thread.

    Args:
        service: The vendor.
        max_age: How old a finished job may be and still be taken up.
        clock: The time to wait by.
        stop: Set to cut a wait short.
    """

    def __init__(
        self, service: ExportService, max_age: timedelta, clock: Clock, stop: threading.Event
    ) -> None:
        self._service = service
        self._max_age = max_age
        self._clock = clock
        self._stop = stop
        self._own: list[OwnJob] | None = None
        self._taken: set[str] = set()

    def job_for(self, request: ExportRequest, loaded: Collection[str]) -> tuple[Job, bool]:
        """The request's job, and whether it is an earlier run's.

        Args:
            request: What is wanted.
            loaded: Ids of jobs whose rows have been loaded: they are done with.

        Raises:
            SpaazaSourceError: The vendor could not be asked, or refused.
        """
        if self._own is None:
            self._own = self._listed()
        found = self._found(request, loaded)
        if found is not None:
            return self._take(found), True
        return self._take(self._asked(request, loaded)), False

    def _listed(self) -> list[OwnJob]:
        """What the vendor has of ours; a job may have run for long before it was finished."""
        return list(self._service.own_jobs(self._service.now() - self._max_age - LONGEST_RUN))

    def _take(self, job: Job) -> Job:
        self._taken.add(job.job_id)
        return job

    def _found(self, request: ExportRequest, loaded: Collection[str]) -> Job | None:
        """The youngest job of the request that can still be used."""
        oldest = self._service.now() - self._max_age
        usable = [
            own.job
            for own in self._own or ()
            if own.fingerprint == request.fingerprint
            and own.job.job_id not in loaded
            and own.job.job_id not in self._taken
            and own.job.state is not JobState.FAILED
            and (
                own.job.state is not JobState.DONE
                or (own.job.finished_at is not None and own.job.finished_at >= oldest)
            )
        ]
        return max(
            usable,
            key=lambda job: job.created_at.timestamp() if job.created_at else 0,
            default=None,
        )

    def _asked(self, request: ExportRequest, loaded: Collection[str]) -> Job:
        """A new job; where the answer was lost, the job that may have come of it all the same."""
        try:
            return self._service.create(request)
        except UnreachableError:
            raise
        except UnavailableError as lost:
            found = self._looked_for(request, loaded)
            if found is not None:
                return found
            if lost.status not in NOT_DONE:
                raise
        # Once more and no third time: if this answer is lost too, the next run looks for the job.
        return self._service.create(request)

    def _looked_for(self, request: ExportRequest, loaded: Collection[str]) -> Job | None:
        for seconds in LOOKS:
            if self._clock.pause(seconds, self._stop):
                return None
            self._own = self._listed()
            found = self._found(request, loaded)
            if found is not None:
                return found
        return None
