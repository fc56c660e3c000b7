"""Clock and deadline: the present instant, a stopwatch, and pauses that can be cut short.

Everything that waits takes a `Clock`, so a test passes one that does not sleep.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What everything that waits needs of time."""

    def now(self) -> datetime:
        """The present instant, in UTC."""

    def monotonic(self) -> float:
        """Seconds on a stopwatch that never goes back."""

    def pause(self, seconds: float, wake: threading.Event) -> bool:
        """Wait for `seconds`, or until `wake` is set; true when it was set."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The present instant, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since an arbitrary point."""
        return time.monotonic()

    def pause(self, seconds: float, wake: threading.Event) -> bool:
        """Sleep, unless `wake` is set first."""
        return wake.wait(seconds)


class Deadline:
    """The instant at which several waits for one thing must end.

    Args:
        clock: The time to wait by.
        seconds: From now.
        stop: Cuts every wait short when set.
    """

    def __init__(self, clock: Clock, seconds: float, stop: threading.Event | None = None) -> None:
        self._clock = clock
        self._at = clock.monotonic() + seconds
        self.stop = stop or threading.Event()

    def left(self) -> float:
        """Seconds until then; less than 0 once it has passed."""
        return self._at - self._clock.monotonic()

    def pause(self, seconds: float) -> bool:
        """Wait for `seconds`; false if stopped, or, at once, if they would pass the deadline."""
        if self._clock.monotonic() + seconds > self._at:
            return False
        return not self._clock.pause(seconds, self.stop)
