"""Clocks that a test sets: of a run, which then never sleeps, and of a sandbox."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta


class FakeClock:
    """A pause moves it forward, and that is all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds = 0.0
        self.pauses: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 5, 26, 12, tzinfo=UTC) + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        return self._seconds

    def pause(self, seconds: float, wake: threading.Event) -> bool:
        with self._lock:
            self._seconds += seconds
            self.pauses.append(seconds)
        return wake.is_set()


class Stopwatch(FakeClock):
    """One that a server moves: it goes on only when a client has looked at it since.

    So both go in step: a byte is sent when the last one has been read and judged.
    """

    def __init__(self) -> None:
        super().__init__()
        self._looked = threading.Condition()
        self._looks = 0

    def monotonic(self) -> float:
        with self._looked:
            self._looks += 1
            self._looked.notify_all()
        return super().monotonic()

    def drip(self, seconds: float, *pieces: bytes) -> Iterator[bytes]:
        """The pieces, each so many seconds after the one before; the last one for ever."""
        left = list(pieces)
        seen = 0
        while True:
            with self._looked:
                if not self._looked.wait_for(lambda: self._looks > seen, 5):  # noqa: B023 - now
                    return
                seen = self._looks
            self.pause(seconds, threading.Event())
            yield left.pop(0) if len(left) > 1 else left[0]


class Calendar:
    """The sandbox's clock: it goes on from where it was set last, half a minute past a minute."""

    def __init__(self) -> None:
        self.now = datetime(2026, 5, 26, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self._now + timedelta(seconds=30 + time.monotonic() - self._set)

    @property
    def now(self) -> datetime:
        """The minute it was set to."""
        return self._now

    @now.setter
    def now(self, now: datetime) -> None:
        self._now, self._set = now, time.monotonic()
