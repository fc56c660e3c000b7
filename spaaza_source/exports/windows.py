"""A half-open span of time, `[start, end)`, and how a user's dates become one.

Which windows a load asks for is left to the plan; what a vendor's filter looks like, to the vendor.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

from spaaza_source.errors import SettingsError

#: `datetime.fromisoformat` of Python 3.10 knows neither `Z` nor a fraction of any length.
_ZULU = re.compile(r"[Zz]$")
_FRACTION = re.compile(r"\.(\d{1,6})(?=$|[+-])")

#: Vendors take inclusive and exclusive bounds, at whole seconds: nobody documents which. A request
#: reaches this much past both ends, and the rows outside the window are left out on arrival.
MARGIN = timedelta(seconds=1)


@dataclass(frozen=True)
class Window:
    """All instants `t` with `start <= t < end`; both ends aware, in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise SettingsError(
                f"the window from {iso(self.start)} to {iso(self.end)} holds no time",
                way_out="Give a start_date that lies before the end_date.",
            )

    def __str__(self) -> str:
        return f"[{iso(self.start)}, {iso(self.end)})"


def iso(instant: datetime) -> str:
    """An aware instant as vendors write it: UTC, `Z`, a fraction only where there is one."""
    return instant.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


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
        text = _ZULU.sub("+00:00", moment.strip())
        text = _FRACTION.sub(lambda fraction: "." + fraction[1].ljust(6, "0"), text)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
    elif isinstance(moment, date) and not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=timezone.utc)
    if not isinstance(moment, datetime):
        raise SettingsError(
            f"{value!r} is not a date",
            where=setting,
            way_out="Write it as 2026-05-26 or 2026-05-26T12:00:00Z.",
        )
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.astimezone(timezone.utc)


def chosen_window(start: object, end: object, now: datetime) -> Window | None:
    """The window that a user's `start_date` and `end_date` span, or None for all history.

    Args:
        start: ISO text, `datetime`, or None.
        end: The same; None means `now`.
        now: The present instant, aware.

    Raises:
        SettingsError: A date cannot be read, the end has no start, or the window holds no time.
    """
    if start is None:
        if end is not None:
            raise SettingsError(
                "end_date is given without start_date",
                where="end_date",
                way_out="Give both for a range, or start_date alone for all since then.",
            )
        return None
    return Window(
        parse_instant(start, "start_date"),
        now if end is None else parse_instant(end, "end_date"),
    )
