"""The parts of a backfill, as plain JSON values that a scheduler can hand from task to task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict

from dlt.common import logger

from spaaza_source.errors import SettingsError
from spaaza_source.exports import SyncPolicy
from spaaza_source.windows import Window, iso, parse_window


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


class Waiting(TypedDict):
    """What a part's load waits for, as plain JSON values: no secret is among them.

    Attributes:
        table: The table, or one of several.
        since: The vendor's list of jobs is needed from then on; ISO 8601.
        jobs: Ids of jobs; those of one window together.
        open_below: Also once fewer jobs than so many are open, there is something to do; None where
            that does not matter.
    """

    table: str
    since: str
    jobs: list[list[str]]
    open_below: int | None


def check_waiting(waiting: object) -> None:
    """Check that this is what a step waits for.

    Raises:
        SettingsError: It is not.
    """
    keys = Waiting.__annotations__.keys()
    if not (isinstance(waiting, Mapping) and waiting.keys() >= keys):
        raise SettingsError(
            "this is nothing that a backfill waits for",
            where="waiting",
            hint="Take what the step before gave.",
        )


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


def part_name(table: str, windows: Sequence[Window], *, is_all: bool = True) -> str:
    """The name of a part for people; `is_all` is whether its windows are all of the table's."""
    match windows:
        case []:
            return table
        case [window]:
            return f"{table} {window}"
    several = f"in {len(windows)} windows"
    if is_all:
        return f"{table} {several}"
    whole = Window(min(each.begin for each in windows), max(each.end for each in windows))
    return f"{table} {whole} {several}"


def narrow(part: BackfillPart, window: Window | None) -> BackfillPart:
    """One window of a part, as a part; for None the part itself, whose exports bring all rows."""
    if window is None:
        return part
    return {**part, "name": part_name(part["table"], [window]), "windows": [str(window)]}


def windows_of(part: BackfillPart) -> list[Window | None]:
    """The windows of a part; None alone for a table whose exports bring all rows."""
    return [parse_window(text) for text in part["windows"]] or [None]


def start_of(part: BackfillPart) -> datetime | None:
    """Where a part begins; None for a table whose exports bring all rows."""
    windows = [window for window in windows_of(part) if window]
    return min(windows, key=lambda window: window.begin).start if windows else None


def end_of(part: BackfillPart) -> datetime | None:
    """Where a part ends; None for a table whose exports bring all rows."""
    return max((window.end for window in windows_of(part) if window), default=None)


def group_by_table(parts: Sequence[BackfillPart]) -> dict[str, list[BackfillPart]]:
    """The parts of each table, in the order of time."""
    by_table: dict[str, list[BackfillPart]] = {}
    for part in parts:
        by_table.setdefault(part["table"], []).append(part)
    return {
        table: sorted(own, key=lambda part: min(part["windows"], default=""))
        for table, own in by_table.items()
    }


def staging_prefix(parts: Sequence[BackfillPart]) -> str:
    """What the names of a backfill's staging datasets begin with."""
    return f"{parts[0]['backfill']}_" if parts else ""


def kept_range(table: str, policy: SyncPolicy, whole: Window, now: datetime) -> Window | None:
    """The part of a range whose rows are to be kept, which is told; None for none."""
    since = policy.kept_since(now)
    if since is None or since <= whole.begin:
        return whole
    logger.warning(
        f"{table}: rows from before {iso(since)} are not kept (retain_days), so none are asked for"
    )
    return whole.since(since)
