"""Looks at the vendor's list of jobs now and then, for whoever waits for some of them."""

from __future__ import annotations

import threading

from spaaza_source.backfill.parts import Waiting
from spaaza_source.exports import ExportSubmitter, JobList
from spaaza_source.transport import Clock, SystemClock

#: Seconds after which a job that no list has is taken for gone: a list may lack a new one at first.
GONE = 600.0


class JobBoard:
    """The vendor's list of our jobs; asked for once in a while, however many look at it.

    It may be used from any thread.

    Args:
        submitter: Asks the vendor.
        clock: What tells how old the list is.
    """

    def __init__(self, submitter: ExportSubmitter, clock: Clock | None = None) -> None:
        self._submitter = submitter
        #: What tells how old the list is.
        self.clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._jobs: JobList | None = None
        self._listed = 0.0

    def read(self) -> JobList:
        """The list, no older than a job's first poll is from its request.

        Raises:
            SpaazaSourceError: The vendor could not be asked, or refused.
        """
        with self._lock:
            is_old = self.clock.monotonic() - self._listed > self._submitter.pause(0)
            if self._jobs is None or is_old:
                self._jobs = self._submitter.list_jobs()
                self._listed = self.clock.monotonic()
            return self._jobs

    def pause(self, looks: int) -> float:
        """Seconds to the next look after so many."""
        return self._submitter.pause(looks)


class ExportWatch:
    """What tells whether the wait for some exports is over.

    Args:
        board: The vendor's list of jobs.
        waiting: What is waited for.
    """

    def __init__(self, board: JobBoard, waiting: Waiting) -> None:
        self._board = board
        self._waiting = waiting
        self._looks = 0
        self._begun = board.clock.monotonic()
        self._seen: set[str] = set()

    def is_due(self) -> bool:
        """Whether there is something to do: to load, to ask for more, or to tell what is wrong.

        Raises:
            SpaazaSourceError: The vendor could not be asked, or refused.
        """
        self._looks += 1
        jobs, open_below = self._board.read(), self._waiting["open_below"]
        groups = self._waiting["jobs"]
        self._seen |= jobs.job_ids
        if self._board.clock.monotonic() - self._begun > GONE:
            self._seen.update(*groups)
        has_room = open_below is not None and jobs.open_count < open_below
        return has_room or jobs.is_due(groups, self._seen)

    def pause(self) -> float:
        """Seconds to wait before the next look; longer from look to look, as between polls."""
        return self._board.pause(self._looks)
