"""Finds rows that a vendor has exported in a window's neighbour instead of in the window.

A window's rows are cut out of its export by their time. Such rows would be dropped on arrival, and
be in no window: the vendor's filter then means other instants than ours, local ones for instance.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from spaaza_source.errors import FileError
from spaaza_source.windows import MARGIN, Window, iso

#: How far from a window's bounds rows are looked at: as far as time zones differ, and whole days.
FURTHEST = timedelta(hours=26)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Microseconds since then.
Times = npt.NDArray[np.int64]
NONE: Times = np.array([], np.int64)


class WindowEdges:
    """The times near the bounds of one load's windows."""

    def __init__(self) -> None:
        self._times: dict[Window, list[Times]] = {}

    def add(self, window: Window, times: Times = NONE) -> None:
        """Take note of an export's rows, in and outside of its window."""
        bounds = [_stamp(bound) for bound in (window.start, window.end) if bound is not None]
        near = [np.abs(times - bound) <= FURTHEST // timedelta(microseconds=1) for bound in bounds]
        self._times.setdefault(window, []).append(times[np.logical_or.reduce(near)])

    def check(self, table: str, hint: str) -> None:
        """Compare the exports of windows that follow on from each other.

        Args:
            table: Whose they are.
            hint: What to do where they differ.

        Raises:
            FileError: One of two has rows of the other's window that the other has not.
        """
        windows = sorted(self._times, key=lambda window: window.begin)
        for before, after in pairwise(windows):
            bound = before.end
            if bound != after.start:
                continue
            first, second = (np.concatenate(self._times[each]) for each in (before, after))
            missing = _count_missing(first, second, Window(before.start, bound - MARGIN))
            missing += _count_missing(second, first, Window(bound + MARGIN, after.end))
            if missing:
                raise FileError(
                    f"{missing:,} rows near {iso(bound)} are only in the export of the window"
                    " beside their own: the vendor's filter means other instants",
                    where=table,
                    hint=hint,
                )


def _count_missing(own: Times, beside: Times, window: Window) -> int:
    """How many rows of a window its own export lacks, among those that the one beside it has.

    Args:
        own: The times of the window's export.
        beside: Those of the export of the window beside it.
        window: The window.
    """
    there = beside[(beside >= _stamp(window.begin)) & (beside < _stamp(window.end))]
    if not len(there):
        return 0
    # As far as the other export reaches, each row is to be in both.
    found = (own >= there.min()) & (own <= there.max())
    return max(0, len(there) - int(found.sum()))


def _stamp(instant: datetime) -> int:
    return (instant - EPOCH) // timedelta(microseconds=1)
