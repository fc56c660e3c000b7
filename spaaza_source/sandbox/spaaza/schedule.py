"""Schedule of repeating tasks."""

import calendar
from datetime import datetime, timedelta

_PERIODS = {"daily": timedelta(days=1), "weekly": timedelta(days=7)}


def due_after(once: datetime, repeat: str, moment: datetime) -> datetime:
    """The first time after a moment in the series that begins with `once`.

    A monthly series keeps the day of the month, or takes the last day where a month is shorter.
    """
    if moment < once:
        return once
    if repeat == "monthly":
        months = (moment.year - once.year) * 12 + moment.month - once.month
        due = _months_later(once, months)
        return due if due > moment else _months_later(once, months + 1)
    period = _PERIODS[repeat]
    return once + ((moment - once) // period + 1) * period


def _months_later(once: datetime, months: int) -> datetime:
    years, month = divmod(once.month - 1 + months, 12)
    year = once.year + years
    last_day = calendar.monthrange(year, month + 1)[1]
    return once.replace(year=year, month=month + 1, day=min(once.day, last_day))
