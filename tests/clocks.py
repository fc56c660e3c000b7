"""Clocks that a test sets: of a run, which then never sleeps, and of a sandbox."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta, timezone


class FakeClock:
    """A pause moves it forward, and that is all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds = 0.0
        self.pauses: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 5, 26, 12, tzinfo=timezone.utc) + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        return self._seconds

    def pause(self, seconds: float, wake: threading.Event) -> bool:
        with self._lock:
            self._seconds += seconds
            self.pauses.append(seconds)
        return wake.is_set()


class Calendar:
    """The sandbox's clock: it goes on from where it was set last, half a minute past a minute."""

    def __init__(self) -> None:
        self.now = datetime(2026, 5, 26, 12, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        return self._now + timedelta(seconds=30 + time.monotonic() - self._set)

    @property
    def now(self) -> datetime:
        """The minute it was set to."""
        return self._now

    @now.setter
    def now(self, now: datetime) -> None:
        self._now, self._set = now, time.monotonic()
