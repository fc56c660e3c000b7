"""The vendor's clock: it is set to each load's moment, and goes on from there faster than ours."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

#: Its seconds in one of ours: an export is scheduled for the next whole second, and waits for it.
SPEED = 20


class FastClock:
    """Time as a sandbox's `clock`; it never goes back."""

    def __init__(self, now: datetime) -> None:
        self._set(now)

    def __call__(self) -> datetime:
        return self._now + SPEED * timedelta(seconds=time.monotonic() - self._since)

    def move_to(self, moment: datetime) -> None:
        """Let it be that moment, if it is not later already."""
        self._set(max(moment, self()))

    def _set(self, now: datetime) -> None:
        self._now, self._since = now, time.monotonic()
