"""Concurrency limit of exports: when the next one may start."""

import heapq
from datetime import datetime


class Slots:
    """Slots for runs; not thread-safe, so the caller holds a lock."""

    def __init__(self, count: int | None) -> None:
        """Make as many slots; None for any number."""
        self._count = count
        self._busy_until: list[datetime] = []

    def first_free(self, ready: datetime) -> datetime:
        """When a run that is ready at a moment gets a slot."""
        if self._count is None or len(self._busy_until) < self._count:
            return ready
        return max(ready, self._busy_until[0])

    def occupy(self, finish: datetime) -> None:
        """Take the slot that is free first, until a moment."""
        if self._count is None:
            return
        if len(self._busy_until) == self._count:
            heapq.heapreplace(self._busy_until, finish)
        else:
            heapq.heappush(self._busy_until, finish)
