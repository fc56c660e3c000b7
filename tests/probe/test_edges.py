"""Whatever a vendor's date filter means, the margin that a probe sets loses no row of a window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from spaaza_source.probe.answers import Answers, describe_answers
from spaaza_source.probe.edges import Rows, ask_edges, choose_moment
from spaaza_source.probe.tasks import EDGES, MOST_SEARCHES
from spaaza_source.windows import Window

SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=each) for each in (1, 60, 3600, 86_400))
MONDAY = datetime(2026, 5, 25, tzinfo=UTC)
SHIFTS = [2 * HOUR, -5 * HOUR, 5.5 * HOUR, 5.75 * HOUR, 14 * HOUR, -14 * HOUR, QUARTER := HOUR / 4]
BOUNDS = [(True, True), (True, False), (False, True), (False, False)]


@dataclass(frozen=True)
class Filter:
    """A filter by date.

    Attributes:
        ahead: How far its time is ahead of UTC.
        inclusive: Whether rows at its start, and at its end are in it.
        grain: What it tells apart: it cuts a bound to this, and a row's time unless `only_bounds`.
        local_bounds: Whether its bounds are in its own time too, which makes its grain alone local.
    """

    ahead: timedelta = timedelta(0)
    inclusive: tuple[bool, bool] = (True, True)
    grain: timedelta = SECOND
    only_bounds: bool = False
    local_bounds: bool = False

    def has(self, moment: datetime, start: datetime, end: datetime) -> bool:
        ahead = self.ahead if self.local_bounds else timedelta(0)
        low, high = (self._cut(each + ahead) for each in (start, end))
        at = moment + self.ahead
        at = at if self.only_bounds else self._cut(at)
        return (low < at or (self.inclusive[0] and low == at)) and (
            at < high or (self.inclusive[1] and at == high)
        )

    def _cut(self, moment: datetime) -> datetime:
        if self.grain <= SECOND:
            return moment
        return moment - (moment - MONDAY) % self.grain

    def rows(self, moments: Sequence[datetime], window: Window) -> list[datetime]:
        return [each for each in moments if self.has(each, window.begin, window.end)]


def by_day(*, part: timedelta = timedelta(0)) -> list[datetime]:
    """Sales of a shop in the Netherlands, over five days."""
    return [
        MONDAY + (day - 2) * DAY + hour * HOUR + minute * 7 * MINUTE + 13 * minute * SECOND + part
        for day in range(5)
        for hour in range(8, 17)
        for minute in range(4)
    ]


ROUND_THE_CLOCK = [MONDAY - 2 * DAY + number * timedelta(seconds=1511) for number in range(300)]
ON_THE_HOUR = [MONDAY - 2 * DAY + number * HOUR for number in range(120)]
SHOPS = {
    "by day": by_day(),
    "with parts of a second": by_day(part=timedelta(milliseconds=640)),
    "round the clock": ROUND_THE_CLOCK,
    "on the hour": ON_THE_HOUR,
    "one row": [MONDAY + timedelta(hours=9, minutes=14, seconds=26)],
    "one round row": [MONDAY + 9 * HOUR],
}


def asked(filter_: Filter, moments: Sequence[datetime]) -> tuple[Answers, int]:
    """What is found, and how many windows were asked for after the first day."""
    day = Window(MONDAY, MONDAY + DAY)
    rows = filter_.rows(moments, day)
    count = 0

    def ask(windows: Mapping[str, Window], moment: datetime) -> dict[str, Rows | None]:
        nonlocal count
        count += len(windows)
        found = {name: filter_.rows(moments, window) for name, window in windows.items()}
        return {
            name: Rows(min(each, default=None), max(each, default=None), moment in each)
            for name, each in found.items()
        }

    answers = Answers()
    if rows:
        first, last = min(rows), max(rows)
        answers.shift = max(day.begin - first, last - day.end, timedelta(0))
        ask_edges(ask, choose_moment(rows), day, (first, last), answers)
    return answers, count


@pytest.mark.parametrize("inclusive", BOUNDS)
@pytest.mark.parametrize("shop", SHOPS)
def test_utc_is_found_whatever_the_bounds(shop: str, inclusive: tuple[bool, bool]) -> None:
    answers, count = asked(Filter(inclusive=inclusive), SHOPS[shop])
    assert answers.means_utc is answers.is_to_the_second is True
    assert answers.filter_margin is None
    assert count <= len(EDGES)
    if "parts" not in shop:
        assert (answers.start_is_inclusive, answers.end_is_inclusive) == inclusive


@pytest.mark.parametrize("inclusive", BOUNDS)
@pytest.mark.parametrize("ahead", SHIFTS, ids=str)
@pytest.mark.parametrize("shop", ["by day", "with parts of a second", "round the clock"])
def test_another_time_is_found(shop: str, ahead: timedelta, inclusive: tuple[bool, bool]) -> None:
    answers, count = asked(Filter(ahead, inclusive), SHOPS[shop])
    assert (answers.means_utc, answers.ahead) == (False, ahead)
    assert answers.filter_margin == 86_400.0
    assert count <= len(EDGES) + MOST_SEARCHES
    # What a window elsewhere has tells nothing of its bounds.
    assert (
        answers.end_is_inclusive is answers.start_is_inclusive is answers.is_to_the_second is None
    )
    side = "ahead" if ahead > timedelta(0) else "behind"
    text = str(describe_answers(answers)["the date filter means UTC"])
    assert text == f"no (its time is {abs(ahead)} {side})"


@pytest.mark.parametrize("ahead", [2 * HOUR, -5 * HOUR, 5.5 * HOUR], ids=str)
@pytest.mark.parametrize("shop", ["one row", "one round row"])
def test_one_row_is_enough(shop: str, ahead: timedelta) -> None:
    answers, _ = asked(Filter(ahead), SHOPS[shop])
    assert (answers.means_utc, answers.ahead, answers.filter_margin) == (False, ahead, 86_400.0)


def test_a_time_of_no_zone_is_no_and_asked_for_widest() -> None:
    for ahead in (19 * HOUR, 100 * SECOND):
        answers, count = asked(Filter(ahead), SHOPS["round the clock"])
        assert (answers.means_utc, answers.ahead) == (False, None)
        assert answers.filter_margin == 2 * 86_400.0
        assert count <= len(EDGES) + MOST_SEARCHES


def test_where_the_row_cannot_be_asked_for_the_margin_is_careful() -> None:
    answers = Answers(shift=timedelta(0))
    day = Window(MONDAY, MONDAY + DAY)
    moment = SHOPS["one row"][0]
    ask_edges(lambda windows, _: dict.fromkeys(windows), moment, day, (moment, moment), answers)
    assert answers.means_utc is None
    assert answers.filter_margin == 2 * 86_400.0
    # Of a chain without a row nothing is known, and nothing set.
    assert Answers().filter_margin is None


def test_the_least_round_time_is_chosen() -> None:
    round_ones = [MONDAY, MONDAY + 9 * HOUR, MONDAY + 9 * HOUR + 30 * MINUTE]
    best = MONDAY + timedelta(hours=10, minutes=14, seconds=26)
    part = timedelta(milliseconds=1)
    assert choose_moment([*round_ones, best + part, best]) == best
    assert choose_moment([*round_ones, best + part]) == best + part


@pytest.mark.parametrize("shop", SHOPS)
@pytest.mark.parametrize("grain", [SECOND, MINUTE, HOUR, DAY], ids=str)
def test_no_row_of_a_window_is_lost(shop: str, grain: timedelta) -> None:
    moments = SHOPS[shop]
    lost = []
    for ahead, inclusive, only_bounds, local_bounds in product(
        [timedelta(0), *SHIFTS], BOUNDS, [True, False], [True, False]
    ):
        filter_ = Filter(ahead, inclusive, grain, only_bounds, local_bounds)
        answers, _ = asked(filter_, moments)
        if answers.shift is None:
            # It has shown no row.
            continue
        margin = timedelta(seconds=answers.filter_margin or 1.0)
        for row in moments[:: len(moments) // 40 + 1]:
            second = row.replace(microsecond=0)
            for before, after in ((timedelta(0), SECOND), (HOUR, SECOND), (timedelta(0), 3 * DAY)):
                start, end = second - before - margin, second + after + margin
                if not filter_.has(row, start, end):
                    lost.append((filter_, row, margin))
    assert lost[:3] == []
