"""How a span of time is asked for when the vendor does not manage all of it at once."""

from __future__ import annotations

import bisect
import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest

from spaaza_source.exports.adaptive_windows import AdaptiveWindows
from spaaza_source.exports.plan import cut_calendar
from spaaza_source.windows import Window

HOUR = timedelta(hours=1)
START = datetime(2023, 11, 1, tzinfo=timezone.utc)
END = datetime(2026, 11, 1, tzinfo=timezone.utc)
HISTORY = Window(START, END)
#: What the vendor in these tests manages at most.
LIMIT = 10_000


def exports(
    rows: Sequence[datetime], pieces: AdaptiveWindows, side_by_side: int = 3
) -> tuple[list[Window], list[Window]]:
    """Play vendor: which windows came and which failed, in that order."""
    came: list[Window] = []
    failed: list[Window] = []
    running: list[Window] = []
    while True:
        while len(running) < side_by_side and (window := pieces.next()) is not None:
            running.append(window)
        if not running:
            return came, failed
        window = running.pop(0)
        held = bisect.bisect_left(rows, window.end) - bisect.bisect_left(rows, window.begin)
        if held <= LIMIT:
            pieces.succeeded(window, 500 + 68 * held)
            came.append(window)
        else:
            assert pieces.failed(window)
            failed.append(window)


def fewest(rows: Sequence[datetime]) -> int:
    """The least number of windows that hold no more rows than the vendor manages."""
    return -(-len(rows) // LIMIT)


def spread(over: Callable[[random.Random], float], count: int = 200_000) -> list[datetime]:
    chance = random.Random(7)  # noqa: S311 - no secret
    return sorted(START + (END - START) * over(chance) for _ in range(count))


def months() -> AdaptiveWindows:
    return AdaptiveWindows(cut_calendar(HISTORY, "month", END), smallest=HOUR)


UNEVEN: dict[str, Callable[[random.Random], float]] = {
    "even": lambda chance: chance.random(),
    "growing": lambda chance: chance.random() ** 0.5,
    "growing fast": lambda chance: chance.random() ** 0.33,
    "declining": lambda chance: chance.random() ** 2,
    "declining fast": lambda chance: chance.random() ** 3,
    "a busy month": lambda chance: (
        0.5 + chance.random() / 36 if chance.random() < 0.5 else chance.random()
    ),
    "a busy middle": lambda chance: min(0.999, max(0.0, chance.gauss(0.5, 0.12))),
    "busy winters": lambda chance: (
        (int(chance.random() * 3) + 0.85 + 0.15 * chance.random()) / 3
        if chance.random() < 0.35
        else chance.random()
    ),
}


#: Where much lies close together far from both ends, it takes more.
HARDER = {"a busy month": 2.6, "busy winters": 2.4}


@pytest.mark.parametrize("kind", UNEVEN)
@pytest.mark.parametrize("planned", [True, False])
def test_an_uneven_history_takes_little_more_exports_than_it_must(kind: str, planned: bool) -> None:
    rows = spread(UNEVEN[kind])
    pieces = months() if planned else AdaptiveWindows([], smallest=HOUR)
    if not planned:
        # All rows at once have failed; nobody knows where they begin.
        assert pieces.failed(Window(None, END))
    came, failed = exports(rows, pieces)
    came.sort(key=lambda window: window.begin)
    assert all(before.end == after.start for before, after in pairwise(came))
    assert (came[0].start, came[-1].end) == (START if planned else None, END)
    assert len(came) + len(failed) <= HARDER.get(kind, 2.2) * fewest(rows)


def test_while_nothing_fails_the_plan_is_followed() -> None:
    planned = cut_calendar(HISTORY, "month", END)
    came, failed = exports(spread(UNEVEN["even"], 2_000), months())
    assert sorted(came, key=lambda window: window.begin) == planned
    assert failed == []
    # What is too much is most often found at an end.
    assert came[:3] == [planned[0], planned[-1], planned[1]]


def test_a_failed_window_is_cut_in_two() -> None:
    pieces = AdaptiveWindows([Window(START, START + 48 * HOUR)], smallest=HOUR)
    window = pieces.next()
    assert window is not None
    assert pieces.failed(window)
    younger = pieces.next()
    assert younger == Window(START + 24 * HOUR, START + 48 * HOUR)
    # One after the other: the first tells how much the second may hold.
    assert pieces.next() is None
    pieces.succeeded(younger, 1_000)
    assert pieces.next() == Window(START, START + 24 * HOUR)


def test_down_to_the_smallest_window() -> None:
    pieces = AdaptiveWindows([], smallest=HOUR)
    assert pieces.failed(Window(START, START + 2 * HOUR))
    assert not pieces.failed(Window(START, START + 2 * HOUR - timedelta(seconds=1)))
    assert not pieces.failed(Window(START, START + HOUR))


def test_windows_of_a_chosen_size_grow_no_longer() -> None:
    days = cut_calendar(Window(START, START + timedelta(days=30)), "day", END)
    pieces = AdaptiveWindows(days, smallest=HOUR, longest=timedelta(days=1), failed=[days[0]])
    came, _ = exports([], pieces)
    assert max(window.length for window in came) <= timedelta(days=1)


def test_what_failed_in_an_earlier_run_is_not_asked_for_whole() -> None:
    window = Window(START, START + 48 * HOUR)
    pieces = AdaptiveWindows([window], smallest=HOUR, failed=[window])
    assert pieces.next() == Window(START + 24 * HOUR, START + 48 * HOUR)
