"""Instants as the vendors' APIs write and read them, and spans by which they choose rows."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

MICROSECONDS_A_DAY = 86_400_000_000

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")
_FOREVER = 2**62


def utc_text(moment: datetime, timespec: str = "seconds") -> str:
    """`2026-05-26T12:00:00Z`, or finer by a `timespec` of `datetime.isoformat`."""
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return f"{utc.isoformat(timespec=timespec)}Z"


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970, the unit of generated times."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def nanoseconds(text: str) -> int:
    """Nanoseconds since 1970 of an ISO 8601 UTC time that ends in `Z`.

    Raises ValueError for any other text, an impossible date included.
    """
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ValueError("not an ISO 8601 UTC time such as 2026-05-26T12:00:00Z")
    whole = datetime.fromisoformat(match[1]).replace(tzinfo=UTC)
    fraction = int((match[2] or "").ljust(9, "0"))
    return microseconds(whole) * 1000 + fraction


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
