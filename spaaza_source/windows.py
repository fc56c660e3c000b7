"""Windows, `[start, end)`: their text, their arithmetic and their cuts; and how dates are read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from spaaza_source.errors import SettingsError

WindowSize = Literal["month", "week", "day"]
#: The longest window of each size.
LENGTHS: dict[WindowSize, timedelta] = {
    "month": timedelta(days=31),
    "week": timedelta(days=7),
    "day": timedelta(days=1),
}

#: A window as it is written in a job's description.
_WRITTEN = re.compile(r"\[(\*|[^\s,]+), ([^\s)]+)\)")

#: Vendors write dates that never came as the year 1.
FIRST_REAL_YEAR = 1970

#: Vendors take inclusive and exclusive bounds, at whole seconds: nobody documents which. A request
#: reaches this much past both ends, and the rows outside the window are left out on arrival.
MARGIN = timedelta(seconds=1)

#: No platform is older than this. A window without a start is cut from here on; what lies before is
#: one window, for rows with odd times.
EARLIEST = datetime(2005, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Window:
    """All instants `t` with `start <= t < end`; both ends aware, in UTC.

    Without a start it holds everything before its end.
    """

    start: datetime | None
    end: datetime

    def __post_init__(self) -> None:
        if self.begin >= self.end:
            raise SettingsError(
                f"the window from {iso(self.begin)} to {iso(self.end)} holds no time",
                hint="Give a start_date that lies before the end_date; without one, before now.",
            )

    @property
    def begin(self) -> datetime:
        """Its start; the earliest of all instants where it has none."""
        return self.start or EARLIEST

    @property
    def length(self) -> timedelta:
        """From its begin to its end."""
        return self.end - self.begin

    def halves(self) -> tuple[Window, Window]:
        """Two windows that make up this one, cut at a whole second."""
        middle = (self.begin + self.length / 2).replace(microsecond=0)
        return Window(self.start, middle), Window(middle, self.end)

    def covers(self, other: Window) -> bool:
        """Whether the other lies inside this one; each window covers itself."""
        reaches_back = self.start is None or (other.start is not None and self.start <= other.start)
        return reaches_back and other.end <= self.end

    def overlaps(self, other: Window) -> bool:
        """Whether some instant lies in both."""
        return self.begin < other.end and other.begin < self.end

    def since(self, instant: datetime | None) -> Window | None:
        """The part of it from an instant on; None for none. Of no instant, all of it."""
        if instant is None or instant <= self.begin:
            return self
        return Window(instant, self.end) if instant < self.end else None

    def gaps(self, covered: Iterable[Window]) -> list[Window]:
        """The parts of this window that none of the others covers, in the order of time."""
        gaps = []
        start, begin = self.start, self.begin
        for window in sorted(covered, key=lambda each: each.begin):
            if begin < window.begin:
                gaps.append(Window(start, min(window.begin, self.end)))
            if begin < window.end:
                start = begin = window.end
            if begin >= self.end:
                return gaps
        return [*gaps, Window(start, self.end)]

    def __str__(self) -> str:
        start = "*" if self.start is None else iso(self.start)
        return f"[{start}, {iso(self.end)})"


def cut_calendar(window: Window, size: WindowSize, now: datetime) -> list[Window]:
    """Cut a window into calendar months, weeks from Monday, or days, all in UTC.

    A window that is no longer than one of these stays whole, and so does the time before `EARLIEST`
    and the time after `now`.
    """
    if window.start is None or window.length <= LENGTHS[size]:
        return [window]
    parts = []
    start = window.start
    if start < EARLIEST < min(window.end, now):
        parts.append(Window(start, EARLIEST))
        start = EARLIEST
    elif start < EARLIEST:
        return [window]
    while (bound := _next_bound(start, size)) < min(window.end, now):
        parts.append(Window(start, bound))
        start = bound
    return [*parts, Window(start, window.end)]


def parse_window(text: str) -> Window | None:
    """The window that `str` wrote; None for any other text."""
    written = _WRITTEN.fullmatch(text)
    if written is None:
        return None
    try:
        start = None if written[1] == "*" else parse_instant(written[1], "start")
        return Window(start, parse_instant(written[2], "end"))
    except SettingsError:
        return None


def iso(instant: datetime) -> str:
    """An aware instant as vendors write it: UTC, `Z`, a fraction only where there is one."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_instant(value: object, setting: str) -> datetime:
    """A user's date or time as an aware instant in UTC.

    Args:
        value: ISO 8601 text, a `datetime` or a `date`; without a zone it is UTC.
        setting: The setting's name, for the error.

    Raises:
        SettingsError: The value is no such thing.
    """
    moment = value
    if isinstance(moment, str):
        try:
            # ISO 8601 in small letters too: `t` and `z`.
            moment = datetime.fromisoformat(moment.strip().upper())
        except ValueError:
            moment = None
    elif isinstance(moment, date) and not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    if not isinstance(moment, datetime):
        raise _no_date(value, setting)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise _no_date(value, setting) from None


def parse_vendor_instant(value: object) -> datetime | None:
    """A date in a vendor's answer; null, empty and the year 1 all mean "not yet"."""
    if not isinstance(value, str) or not value.strip():
        return None
    try:
        instant = parse_instant(value, "date")
    except SettingsError:
        return None
    return instant if instant.year >= FIRST_REAL_YEAR else None


def _no_date(value: object, setting: str) -> SettingsError:
    return SettingsError(
        f"{value!r} is not a date",
        where=setting,
        hint="Write it as 2026-05-26 or 2026-05-26T12:00:00Z.",
    )


def _next_bound(instant: datetime, size: WindowSize) -> datetime:
    day = instant.replace(hour=0, minute=0, second=0, microsecond=0)
    match size:
        case "day":
            return day + timedelta(days=1)
        case "week":
            return day + timedelta(days=7 - day.weekday())
        case "month":
            return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
