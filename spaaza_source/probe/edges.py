"""Windows around the time of one row: they tell what the vendor's date filter means.

A filter may mean the instants that it is given, or a local time; tell seconds apart, or take whole
minutes, hours or days; and have its bounds in it, or not. A window that ends at a row, and has it
not, is either without its end or elsewhere: only one with the row amid it tells these apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from spaaza_source.probe.answers import Answers
from spaaza_source.probe.tasks import MOST_SEARCHES
from spaaza_source.windows import Window

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
#: The time zones of the world: whole quarters of an hour, up to so far from UTC.
QUARTER, FURTHEST_ZONE = timedelta(minutes=15), timedelta(hours=14)


@dataclass(frozen=True)
class Rows:
    """What is looked at in the export of a window.

    Attributes:
        first: The earliest time of its rows; None where it has none.
        last: The latest.
        has: Whether the row that is looked for is among them.
    """

    first: datetime | None = None
    last: datetime | None = None
    has: bool = False


#: Exports windows, together, by name, and looks for the row of a time; None where one failed.
Ask = Callable[[Mapping[str, Window], datetime], Mapping[str, Rows | None]]


def choose_moment(moments: Iterable[datetime]) -> datetime:
    """The time of the row to ask for: the least round one.

    A filter of whole minutes, hours or days shows itself only by a row amid one. Of a whole second
    it tells whether bounds are inclusive too: they are whole seconds.
    """

    def roundness(moment: datetime) -> tuple[bool, bool, bool, bool, datetime]:
        return (
            not 2 <= moment.second <= 55,  # noqa: PLR2004 - the windows around it reach so far
            not 1 <= moment.minute <= 58,  # noqa: PLR2004
            moment.hour in (0, 23),
            moment.microsecond > 0,
            moment,
        )

    return min(moments, key=roundness)


def ask_edges(
    ask: Ask, moment: datetime, day: Window, rows: tuple[datetime, datetime], answers: Answers
) -> None:
    """Ask for windows around a row, and note what they tell of the filter.

    Args:
        ask: Exports windows.
        moment: The row's time.
        day: A window whose export has it.
        rows: The earliest and the latest time in that export.
        answers: Where to note it.
    """
    windows = {"amid": _around(moment)}
    second = moment.replace(microsecond=0)
    windows["later"] = Window(second + 2 * SECOND, second + 3 * SECOND)
    if second == moment:
        windows |= {"end": Window(second - HOUR, second), "start": Window(second, second + HOUR)}
    seen = ask(windows, moment)
    has = {name: found.has for name, found in seen.items() if found is not None}
    answers.has_row_amid = has.get("amid")
    if answers.has_row_amid:
        answers.end_is_inclusive, answers.start_is_inclusive = has.get("end"), has.get("start")
        answers.is_to_the_second = not has["later"] if "later" in has else None
    elif answers.has_row_amid is False:
        # The other answers would tell of the row's place in windows that lie elsewhere.
        known = [(day, Rows(*rows, has=True))]
        known += [(windows[name], found) for name, found in seen.items() if found is not None]
        answers.ahead = _find_ahead(ask, moment, known)


def _find_ahead(
    ask: Ask, moment: datetime, known: Iterable[tuple[Window, Rows]]
) -> timedelta | None:
    """How far the filter's time is ahead of UTC, found by halving; None if it is none of a zone."""
    most = FURTHEST_ZONE // QUARTER
    possible = [number * QUARTER for number in range(-most, most + 1)]
    for window, rows in known:
        possible = _keep_possible(possible, moment, window, rows)
    for number in range(MOST_SEARCHES):
        half = possible[: (len(possible) + 1) // 2]
        if not half:
            break
        window = _around(moment, half[0], half[-1])
        name = f"search {number + 1}"
        found = ask({name: window}, moment)[name]
        if found is None:
            break
        if found.has and len(half) == 1:
            return half[0]
        possible = _keep_possible(possible, moment, window, found)
    return None


def _keep_possible(
    possible: list[timedelta], moment: datetime, window: Window, rows: Rows
) -> list[timedelta]:
    """Those with which the window has these rows. Its bounds may belong to it or not."""

    def is_possible(ahead: timedelta) -> bool:
        if rows.first is not None and rows.first + ahead < window.begin - SECOND:
            return False
        if rows.last is not None and rows.last + ahead > window.end + SECOND:
            return False
        return rows.has or not window.begin < moment + ahead < window.end

    return [ahead for ahead in possible if is_possible(ahead)]


def _around(
    moment: datetime, least: timedelta = timedelta(0), most: timedelta = timedelta(0)
) -> Window:
    """The narrowest window, in whole seconds, that has the row amid it if it is so far ahead."""
    second = moment.replace(microsecond=0)
    # A filter may round a part of a second up.
    after = SECOND if second == moment else 2 * SECOND
    return Window(second + least - SECOND, second + most + after)
