"""Which windows of a table are asked for next, when some prove too much for the vendor.

Nothing is too much at first: the windows are asked for as they are planned. Once one has failed,
it is cut in two, and from then on the windows are asked for one at a time, each as long as what
the last ones brought lets expect that it can be: shorter where rows lie dense, longer again after.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from spaaza_source.windows import Window

#: A window may be expected to bring this much more than any that has come, and no more than this
#: share of what was too much.
MORE = 1.3
LESS = 0.85
#: How much longer a window may be than the one before it.
GROWTH = 2
#: The same where that one has brought next to nothing, a hundredth of what can be managed.
GROWTH_OF_NOTHING = 10
NEXT_TO_NOTHING = 0.01
#: The first window of a history without a start.
FIRST = timedelta(days=31)
#: The most that rows are expected to get denser or thinner from one window to the next.
TREND = 1.5
#: When no more than this share of a window is left, it goes along.
REMAINDER = 0.3


class AdaptiveWindows:
    """The windows of one table; for one thread.

    Args:
        windows: What is planned, in the order of time, disjoint.
        smallest: No shorter window is asked for.
        longest: No longer one is made of several; None for no such bound.
        failed: Windows that failed in an earlier run.
    """

    def __init__(
        self,
        windows: Iterable[Window],
        *,
        smallest: timedelta,
        longest: timedelta | None = None,
        failed: Iterable[Window] = (),
    ) -> None:
        self._todo = list(windows)
        self._smallest = smallest
        self._longest = longest
        self._failed = list(failed)
        self._asked: list[Window] = []
        self._sizes: dict[Window, int] = {}
        self._taken = 0

    def __bool__(self) -> bool:
        """Whether windows are left to be asked for."""
        return bool(self._todo)

    def started(self, window: Window) -> None:
        """An earlier run has asked for this one."""
        self._asked.append(window)

    def next(self) -> Window | None:
        """The next to ask for; None where there is none, or one under way is to be awaited."""
        if not self._todo:
            return None
        if self._failed:
            return None if self._asked else self._asked_as(self._sized())
        self._taken += 1
        # The last is asked for second: what is too much is most often found at an end.
        return self._asked_as(self._todo.pop(-1 if self._taken == 2 else 0))  # noqa: PLR2004

    def awaits(self, window: Window) -> bool:
        """Whether it was asked for and has neither come nor failed."""
        return window in self._asked

    def succeeded(self, window: Window, size: int) -> None:
        """It has come, with so many bytes."""
        self._asked.remove(window)
        self._sizes[window] = size

    def failed(self, window: Window) -> bool:
        """It was too much: plan its halves. False where it cannot be cut any more."""
        if self.awaits(window):
            self._asked.remove(window)
        if window.length < 2 * self._smallest:
            return False
        self._failed.append(window)
        self._todo += window.halves()
        self._todo.sort(key=lambda each: each.begin)
        return True

    def _asked_as(self, window: Window) -> Window:
        self._asked.append(window)
        return window

    def _sized(self) -> Window:
        """As much of what comes last as the vendor can be expected to manage.

        From new to old: how dense the youngest rows lie is known first, and where a history
        without a start begins is found by walking there.
        """
        *rest, last = self._todo
        start, begin = last.start, last.begin
        while rest and rest[-1].end == start:
            start, begin = rest[-1].start, rest.pop().begin
        whole = Window(start, last.end)
        length = min(whole.length, max(self._expected(whole), self._smallest))
        cut = _whole_seconds(whole.end - length)
        piece = whole
        if cut - begin > length * REMAINDER and cut - begin >= self._smallest:
            piece = Window(cut, whole.end)
            rest.append(Window(start, cut))
        self._todo = rest
        return piece

    def _expected(self, gap: Window) -> timedelta:
        """How long a window at the end of the gap may be."""
        length = gap.length
        if self._longest is not None:
            length = min(length, max(self._longest, self._smallest))
        around = [window for window in self._failed if window.begin < gap.end <= window.end]
        if around:
            smallest = min(around, key=lambda each: each.length)
            length = min(length, self._of_a_failed(smallest, gap))
        return min(length, self._managed(gap.end)) if self._sizes else length

    def _managed(self, end: datetime) -> timedelta:
        """How long a window may be for the bytes expected in it; no jump from those nearby."""
        near, *others = sorted(self._sizes, key=lambda window: _distance(window, end))
        share = self._sizes[near] / self._target()
        longest = near.length * (GROWTH if share > NEXT_TO_NOTHING else GROWTH_OF_NOTHING)
        if not share:
            return longest
        # Where rows have been getting denser, they are expected to go on so.
        trend = 1.0
        if others and self._sizes[others[0]]:
            trend = self._density(near) / self._density(others[0])
        return min(longest, near.length / share / min(TREND, max(1 / TREND, trend)))

    def _density(self, window: Window) -> float:
        return self._sizes[window] / window.length.total_seconds()

    def _of_a_failed(self, failed: Window, gap: Window) -> timedelta:
        """Half of it at most; less of its older half, where the younger has brought little."""
        if failed.start is None:
            # Nobody knows where its rows begin, so its middle says nothing.
            return gap.length if self._sizes else FIRST
        half = failed.length / 2
        left = gap.end - failed.begin
        # Halves are cut at whole seconds: up to one may be longer than half.
        if left > half + timedelta(seconds=1):
            return half
        most = max(self._sizes.values(), default=0)
        brought = sum(size for window, size in self._sizes.items() if failed.covers(window))
        heavy = brought < (1 - LESS) * most
        return left / 2 if heavy and left >= 2 * self._smallest else left

    def _target(self) -> float:
        """How many bytes the vendor can be expected to manage."""
        target = MORE * max(self._sizes.values())
        for failed in self._failed:
            parts = [window for window in self._sizes if failed.covers(window)]
            if sum((part.length for part in parts), timedelta()) == failed.length:
                target = min(target, LESS * sum(self._sizes[part] for part in parts))
        return max(target, 1.0)


def _distance(window: Window, instant: datetime) -> timedelta:
    return min(abs(window.end - instant), abs(window.begin - instant))


def _whole_seconds(instant: datetime) -> datetime:
    return instant.replace(microsecond=0)
