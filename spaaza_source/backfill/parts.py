"""The parts of a backfill, as plain JSON values that a scheduler can hand from task to task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict

from spaaza_source.errors import SettingsError
from spaaza_source.windows import Window, parse_window


class BackfillPart(TypedDict):
    """What one task loads.

    Attributes:
        name: Its name for people.
        table: The table.
        windows: Its windows, `[start, end)`, each loaded and committed before the next; none for a
            table whose exports bring all rows.
        backfill: The name of its backfill.
        since: When the backfill began, by the vendor's clock, or the given `again_since`; ISO 8601.
        again: Whether only what was exported since then counts as loaded.
    """

    name: str
    table: str
    windows: list[str]
    backfill: str
    since: str
    again: bool


def check_parts(parts: object, argument: str = "parts") -> None:
    """Check that these are parts, as `Backfill.plan` makes them.

    Args:
        parts: Whatever was given.
        argument: Its name.

    Raises:
        SettingsError: They are not.
    """
    keys = BackfillPart.__annotations__.keys()
    if isinstance(parts, list | tuple):
        fitting = [part for part in parts if isinstance(part, Mapping) and part.keys() >= keys]
        if len(fitting) == len(parts) and all(map(_has_kinds, fitting)):
            return
    raise SettingsError(
        "these are no parts of a backfill", where=argument, hint="Take them from Backfill.plan."
    )


def _has_kinds(part: Mapping[str, Any]) -> bool:
    texts = [part[name] for name in ("name", "table", "backfill", "since")]
    windows = part["windows"]
    return (
        isinstance(windows, list | tuple)
        and all(isinstance(text, str) for text in (*texts, *windows))
        and isinstance(part["again"], bool)
    )


def part_name(table: str, windows: Sequence[Window]) -> str:
    """The name of a part for people."""
    match windows:
        case []:
            return table
        case [window]:
            return f"{table} {window}"
        case _:
            return f"{table} in {len(windows)} windows"


def windows_of(part: BackfillPart) -> list[Window | None]:
    """The windows of a part; None alone for a table whose exports bring all rows."""
    return [parse_window(text) for text in part["windows"]] or [None]


def start_of(part: BackfillPart) -> datetime | None:
    """Where a part's first window begins; None for a table whose exports bring all rows."""
    first = windows_of(part)[0]
    return first.start if first else None


def group_by_table(parts: Sequence[BackfillPart]) -> dict[str, list[BackfillPart]]:
    """The parts of each table, in the order of time."""
    by_table: dict[str, list[BackfillPart]] = {}
    for part in parts:
        by_table.setdefault(part["table"], []).append(part)
    return {
        table: sorted(own, key=lambda part: part["windows"][:1]) for table, own in by_table.items()
    }


def staging_prefix(parts: Sequence[BackfillPart]) -> str:
    """What the names of a backfill's staging datasets begin with."""
    return f"{parts[0]['backfill']}_" if parts else ""
