"""The parts of a backfill, as values that JSON has: what a scheduler hands from task to task.

They are planned, loaded and reconciled by `backfill`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

from spaaza_source.windows import Window, parse_window


class BackfillPart(TypedDict):
    """What one task loads, as values that JSON has.

    Attributes:
        name: What it is, in a few words.
        table: The table.
        windows: Its windows, `[start, end)`, each loaded and committed before the next; none for a
            table that comes whole.
        backfill: The name of the backfill that it is a part of.
        since: When that began, by the vendor's clock, ISO 8601; or the instant that it was given.
        again: Whether only what was exported since then counts as loaded.
    """

    name: str
    table: str
    windows: list[str]
    backfill: str
    since: str
    again: bool


def part_name(table: str, windows: Sequence[Window]) -> str:
    """A part of a table in a few words."""
    match windows:
        case []:
            return table
        case [window]:
            return f"{table} {window}"
        case _:
            return f"{table} in {len(windows)} windows"


def windows_of(part: BackfillPart) -> list[Window | None]:
    """Its windows; None alone where the table comes whole."""
    return [parse_window(text) for text in part["windows"]] or [None]


def start_of(part: BackfillPart) -> datetime | None:
    """Where its first window begins; None where the table comes whole."""
    first = windows_of(part)[0]
    return first.start if first else None


def group_by_table(parts: Sequence[BackfillPart]) -> dict[str, list[BackfillPart]]:
    """The parts of each table, in the order of time."""
    found: dict[str, list[BackfillPart]] = {}
    for part in parts:
        found.setdefault(part["table"], []).append(part)
    return {
        table: sorted(own, key=lambda part: part["windows"][:1]) for table, own in found.items()
    }


def staging_prefix(parts: Sequence[BackfillPart]) -> str:
    """What the names of the staging datasets of a backfill begin with."""
    return f"{parts[0]['backfill']}_" if parts else ""
