"""How many exports run at once, and when the next may start; what runs is left to its callers."""

import heapq
from datetime import datetime


class Slots:
    """Places for runs; guarded by the lock of whoever holds it."""

    def __init__(self, count: int | None) -> None:
        """None is any number of places."""
        self._count = count
        self._busy_until: list[datetime] = []

    def first_free(self, ready: datetime) -> datetime:
        """When a run that is ready at a moment finds a place."""
        if self._count is None or len(self._busy_until) < self._count:
            return ready
        return max(ready, self._busy_until[0])

    def occupy(self, finish: datetime) -> None:
        """Takes the place that is free first, up to a moment."""
        if self._count is None:
            return
        if len(self._busy_until) == self._count:
            heapq.heapreplace(self._busy_until, finish)
        else:
            heapq.heappush(self._busy_until, finish)
