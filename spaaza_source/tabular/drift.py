"""How one header differs from the one before it: columns gained, lost, renamed, moved.

Where headers are remembered, and where the changes are written, is left to the callers.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Change = Literal["added", "removed", "renamed", "moved"]

#: Two names this alike are likely one column: `phone_number` and `phone_nr` are, `city` and
#: `country` are not.
ALIKE = 0.6


@dataclass(frozen=True)
class ColumnChange:
    """One difference between two headers; positions count from 1.

    Attributes:
        change: What happened.
        name: The column's name: the new one where it was renamed, the old one where it is gone.
        previous_name: The old name of a column that was likely renamed.
        position: Where it stands now; None where it is gone.
        previous_position: Where it stood; None where it is new.
    """

    change: Change
    name: str
    previous_name: str | None = None
    position: int | None = None
    previous_position: int | None = None


def column_changes(before: Sequence[str], after: Sequence[str]) -> list[ColumnChange]:
    """What a header gained, lost, renamed and moved, in the order of the columns.

    A rename is a guess: of the columns that went and came, those that stood between the same
    neighbours, or that have the same place and like names, are taken for one.

    Args:
        before: The column names of the last header, in its order.
        after: Those of the present one.
    """
    was = {name: place for place, name in enumerate(before, 1)}
    now = {name: place for place, name in enumerate(after, 1)}
    gone = [name for name in before if name not in now]
    came = [name for name in after if name not in was]
    renamed = _renamed(before, after, gone, came)
    changes = [
        ColumnChange("renamed", new, old, now[new], was[old])
        if (old := renamed.get(new))
        else ColumnChange("added", new, position=now[new])
        for new in came
    ]
    changes += [
        ColumnChange("removed", old, previous_position=was[old])
        for old in gone
        if old not in renamed.values()
    ]
    changes += [
        ColumnChange("moved", name, position=now[name], previous_position=was[name])
        for name in _moved([name for name in after if name in was], was)
    ]
    return changes


def _renamed(
    before: Sequence[str], after: Sequence[str], gone: Sequence[str], came: Sequence[str]
) -> dict[str, str]:
    """New name to old name."""
    renamed: dict[str, str] = {}
    for new in came:
        for old in gone:
            if old in renamed.values():
                continue
            same_neighbours = _neighbours(before, old, gone) == _neighbours(after, new, came)
            same_place = before.index(old) == after.index(new)
            alike = SequenceMatcher(None, old, new).ratio() >= ALIKE
            if (same_neighbours and (same_place or alike)) or (same_place and alike):
                renamed[new] = old
                break
    return renamed


def _neighbours(
    names: Sequence[str], name: str, strangers: Sequence[str]
) -> tuple[str | None, str | None]:
    """The nearest columns on both sides that both headers have."""
    place = names.index(name)
    known = [None if other in strangers else other for other in names]
    left = next((other for other in reversed(known[:place]) if other), None)
    right = next((other for other in known[place + 1 :] if other), None)
    return left, right


def _moved(names: Sequence[str], was: dict[str, int]) -> list[str]:
    """The fewest columns that must have moved, for the others to have kept their order."""
    tails: list[int] = []
    lengths = []
    for name in names:
        length = bisect_left(tails, was[name])
        tails[length : length + 1] = [was[name]]
        lengths.append(length)
    kept = set()
    wanted = len(tails) - 1
    for name, length in zip(reversed(names), reversed(lengths), strict=True):
        if length == wanted:
            kept.add(name)
            wanted -= 1
    return [name for name in names if name not in kept]
