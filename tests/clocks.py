"""A clock that never sleeps: a pause moves it forward, and that is all."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone


class FakeClock:
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
