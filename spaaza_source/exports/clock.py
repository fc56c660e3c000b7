"""Time as the road sees it: an instant, a stopwatch and a pause that can be cut short.

Everything that waits takes a `Clock`, so a test passes one that does not sleep.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime, timezone
from typing import Protocol


class Clock(Protocol):
    """What a wait needs to know of time."""

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
        return datetime.now(timezone.utc)

    def monotonic(self) -> float:
        """Seconds since an arbitrary point."""
        return time.monotonic()

    def pause(self, seconds: float, wake: threading.Event) -> bool:
        """Sleep, unless `wake` is set first."""
        return wake.wait(seconds)
