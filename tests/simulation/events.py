"""What befalls a warehouse between two loads, beside crashes: drawn beforehand from a seed."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from tests.simulation.load import MACHINE, WAREHOUSE

Kind = Literal[
    # A second chain is loaded by mistake into the dataset of the first; from the first time on it
    # is also loaded by the same schedule, into a dataset of its own.
    "chain",
    # A table is dropped.
    "drop",
    # The filter of a table is set, or taken away again.
    "filter",
    # The file of the database is put back from an older copy: alone, or with the first machine's.
    "older file",
    "older file and folder",
    # A second machine, which knows nothing of the first, takes turns with it for some days, and
    # also with each load that is run again after a crash.
    "machine",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
#: So many loads a copy lacks at most, and so many days a second machine loads.
MOST_DAYS = 4


@dataclass(frozen=True)
class Event:
    """What happens before the load of a day.

    Attributes:
        kind: What.
        copied: The day after whose load the copy was made that is put back.
    """

    kind: Kind
    copied: int | None = None


def draw_events(days: int, seed: int, chance: float) -> dict[int, Event]:
    """The events by day: each kind once, and more by chance.

    Args:
        days: How many there are; the first two have no event.
        seed: What they are drawn from.
        chance: Of more on each day; with 0 there are none at all.
    """
    if not chance:
        return {}
    draw = random.Random(f"events {seed}")  # noqa: S311 - a game, no secret
    free = range(2, days)
    once = draw.sample(free, min(len(KINDS), len(free)))
    kinds = dict(zip(once, draw.sample(KINDS, len(once)), strict=True))
    for day in free:
        if day not in kinds and draw.random() < chance:
            kinds[day] = draw.choice(KINDS)
    return {
        day: Event(kind, max(0, day - draw.randint(2, MOST_DAYS + 1)) if "older" in kind else None)
        for day, kind in sorted(kinds.items())
    }


def keep_copy(folder: Path, day: int) -> None:
    """Copy the database's file and the pipelines' folder as they are after the load of a day."""
    copy = folder / f"copy-{day}"
    copy.mkdir()
    shutil.copy(folder / WAREHOUSE, copy)
    if (folder / MACHINE).exists():
        shutil.copytree(folder / MACHINE, copy / MACHINE)


def put_back(folder: Path, event: Event) -> None:
    """Put back what was copied."""
    copy = folder / f"copy-{event.copied}"
    shutil.copy(copy / WAREHOUSE, folder)
    if event.kind == "older file and folder":
        shutil.rmtree(folder / MACHINE, ignore_errors=True)
        if (copy / MACHINE).exists():
            shutil.copytree(copy / MACHINE, folder / MACHINE)
