"""Polling settings: interval, backoff, timeout, concurrency."""

from __future__ import annotations

import random
from dataclasses import dataclass

from spaaza_source.settings import CENTURY, require_number

#: Each pause between two polls of a job is longer than the one before it by this factor.
BACKOFF = 1.25
#: A pause is shortened by up to this share, so that exports begun together are not polled together.
JITTER = 1 / 3
#: Seconds: a run that waited longer would be a mistake, and a thread cannot wait for ever.
LONGEST = 31 * 86_400.0
#: More than any vendor runs at a time.
MOST_EXPORTS = 1000


@dataclass(frozen=True)
class PollSettings:
    """How a run polls its jobs.

    Attributes:
        poll_interval: Seconds between the first polls of a job.
        max_poll_interval: Seconds that pauses between polls grow to; None for twice the first.
        export_timeout: Seconds a job may take before the run gives up on it.
        max_concurrent: Jobs at the vendor at one time.
        max_age: Seconds after which a finished job of an earlier run is not adopted any more.
        stagger: Seconds between the starts of exports that are asked for together.
        execute_after: Seconds after which a job that is due and waits is executed; None for never.
        start_timeout: Seconds a job may wait until it begins; `export_timeout` then counts from
            there. None where that counts for both.
    """

    poll_interval: float = 15.0
    max_poll_interval: float | None = None
    export_timeout: float = 3600.0
    max_concurrent: int = 3
    max_age: float = 3600.0
    stagger: float = 0.0
    execute_after: float | None = None
    start_timeout: float | None = None

    def __post_init__(self) -> None:
        require_number("poll_interval", self.poll_interval, least=0, most=LONGEST)
        if self.max_poll_interval is not None:
            least = self.poll_interval
            require_number("max_poll_interval", self.max_poll_interval, least=least, most=LONGEST)
        require_number("export_timeout", self.export_timeout, least=0, most=LONGEST)
        most = MOST_EXPORTS
        require_number(
            "max_concurrent_exports", self.max_concurrent, least=1, most=most, whole=True
        )
        require_number("max_age", self.max_age, least=0, most=CENTURY)
        require_number("stagger", self.stagger, least=0, most=LONGEST)
        for name in ("execute_after", "start_timeout"):
            if getattr(self, name) is not None:
                require_number(name, getattr(self, name), least=0, most=LONGEST)

    def pause(self, polls: int) -> float:
        """Seconds to the next poll after so many."""
        longest = self.max_poll_interval
        if longest is None:
            longest = 2 * self.poll_interval
        # No more than 40 powers: beyond, the number would be too large for a float.
        grown = min(self.poll_interval * BACKOFF ** min(polls, 40), longest)
        return grown * random.uniform(1 - JITTER, 1)  # noqa: S311 - no secret
