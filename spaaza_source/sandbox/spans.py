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

    @classmethod
    def at(cls, nanosecond: int) -> "TimeSpan":
        """The microsecond of an instant, or none if it lies between two."""
        return cls(-(-nanosecond // 1000), nanosecond // 1000)

    @classmethod
    def after(cls, nanosecond: int) -> "TimeSpan":
        """All that is later than an instant."""
        return cls(low=cls.at(nanosecond).high + 1)

    @classmethod
    def before(cls, nanosecond: int) -> "TimeSpan":
        """All that is earlier than an instant."""
        return cls(high=cls.at(nanosecond).low - 1)

    def intersect(self, other: "TimeSpan") -> "TimeSpan":
        """The microseconds that are in both."""
        return TimeSpan(max(self.low, other.low), min(self.high, other.high))


def is_in_span(cells: pa.ChunkedArray, span: TimeSpan) -> pa.ChunkedArray:
    """Whether each time is in the span; null for a missing one."""
    # Seconds become microseconds first: bounds may be finer than a column in seconds.
    times = pc.cast(pc.cast(cells, pa.timestamp("us", "UTC")), pa.int64())
    return is_between(times, span.low, span.high)


def is_between(numbers: pa.ChunkedArray, low: float, high: float) -> pa.ChunkedArray:
    """Whether each number lies between two or equals one of them; null for a missing one."""
    return pc.and_(pc.greater_equal(numbers, low), pc.less_equal(numbers, high))
