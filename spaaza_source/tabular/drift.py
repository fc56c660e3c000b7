"""Schema drift: the columns that were added, removed, renamed or moved between two headers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Change = Literal["added", "removed", "renamed", "moved"]

#: Names of this similarity are likely one column: `phone_number` and `phone_nr` are, `city` and
#: `country` are not.
SIMILAR = 0.6


@dataclass(frozen=True)
class ColumnChange:
    """One difference between two headers; positions count from 1.

    Attributes:
        change: What happened.
        name: The column's name: the new one if it was renamed, the old one if it was removed.
        previous_name: The old name of a column that was likely renamed.
        position: Its position now; None if it was removed.
        previous_position: Its position before; None if it is new.
    """

    change: Change
    name: str
    previous_name: str | None = None
    position: int | None = None
    previous_position: int | None = None


def column_changes(before: Sequence[str], after: Sequence[str]) -> list[ColumnChange]:
    """The columns that were added or renamed, removed, and moved, each in the columns' order.

    A rename is a guess: a removed and an added column are taken for one if at least two of these
    hold: the same neighbours, the same position, similar names.

    Args:
        before: The column names of the last header, in its order.
        after: Those of the present header.
    """
    was = {name: position for position, name in enumerate(before, 1)}
    now = {name: position for position, name in enumerate(after, 1)}
    removed = [name for name in before if name not in now]
    added = [name for name in after if name not in was]
    renamed = _find_renamed(before, after, removed, added)
    changes = [
        ColumnChange("renamed", new, old, now[new], was[old])
        if (old := renamed.get(new))
        else ColumnChange("added", new, position=now[new])
        for new in added
    ]
    changes += [
        ColumnChange("removed", old, previous_position=was[old])
        for old in removed
        if old not in renamed.values()
    ]
    changes += [
        ColumnChange("moved", name, position=now[name], previous_position=was[name])
        for name in _find_moved([name for name in after if name in was], was)
    ]
    return changes


def _find_renamed(
    before: Sequence[str], after: Sequence[str], removed: Sequence[str], added: Sequence[str]
) -> dict[str, str]:
    """The old name of each renamed column, by its new name."""
    renamed: dict[str, str] = {}
    for new in added:
        for old in removed:
            if old in renamed.values():
                continue
            same_neighbours = _neighbours(before, old, removed) == _neighbours(after, new, added)
            same_position = before.index(old) == after.index(new)
            similar = SequenceMatcher(None, old, new).ratio() >= SIMILAR
            if (same_neighbours and (same_position or similar)) or (same_position and similar):
                renamed[new] = old
                break
    return renamed


def _neighbours(
    names: Sequence[str], name: str, ignored: Sequence[str]
) -> tuple[str | None, str | None]:
    """The nearest columns on both sides that both headers have."""
    index = names.index(name)
    known = [None if other in ignored else other for other in names]
    left = next((other for other in reversed(known[:index]) if other), None)
    right = next((other for other in known[index + 1 :] if other), None)
    return left, right


def _find_moved(names: Sequence[str], was: dict[str, int]) -> list[str]:
    """The fewest columns that must have moved so that the others kept their order.

    The others are a longest increasing subsequence of the old positions.
    """
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
