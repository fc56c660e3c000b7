"""Spans of time in microseconds, by which vendors' filters choose rows."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

_FOREVER = 2**62


@dataclass(frozen=True)
class TimeSpan:
    """Microseconds since 1970, both ends included."""

    low: int = -_FOREVER
    high: int = _FOREVER

    def intersect(self, other: "TimeSpan") -> "TimeSpan":
        """The microseconds that are in both."""
        return TimeSpan(max(self.low, other.low), min(self.high, other.high))


def is_in_span(cells: pa.ChunkedArray, span: TimeSpan) -> pa.ChunkedArray:
    """Whether each time is in the span; null for a missing one."""
    # Seconds become microseconds first: bounds may be finer than a column in seconds.
    times = pc.cast(pc.cast(cells, pa.timestamp("us", "UTC")), pa.int64())
    return pc.and_(pc.greater_equal(times, span.low), pc.less_equal(times, span.high))
