"""The rows of a table that are older than it keeps, in SQL.

A row's time is that by which it is of a window. Where a window has the rows that were created or
changed in it, that is the later of these times: a row that came into it last is the last to go.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from spaaza_source.windows import iso


@dataclass(frozen=True)
class Age:
    """Which rows of a table are too old.

    Attributes:
        columns: The columns with a row's times, as dlt names them.
        kept_since: The instant from which on rows stay.
    """

    columns: tuple[str, ...]
    kept_since: datetime

    def older(self, quote: Callable[[str], str]) -> str:
        """The rows that go, as SQL: those with a time, and none since then.

        Args:
            quote: Gives the SQL of a column.
        """
        names = [quote(name) for name in self.columns]
        limit = iso(self.kept_since)
        if len(names) == 1:
            return f"{names[0]} < '{limit}'"
        before = [f"({name} IS NULL OR {name} < '{limit}')" for name in names]
        filled = " OR ".join(f"{name} IS NOT NULL" for name in names)
        return f"({' AND '.join(before)} AND ({filled}))"

    def recent(self, quote: Callable[[str], str]) -> str:
        """The rows that stay, as SQL: all others, those without any time among them."""
        names = [quote(name) for name in self.columns]
        since = [f"{name} >= '{iso(self.kept_since)}'" for name in names]
        timeless = " AND ".join(f"{name} IS NULL" for name in names)
        return f"({' OR '.join([*since, f'({timeless})'])})"


def age_of(
    times: Collection[str], columns: Mapping[str, Mapping[str, Any]], kept_since: datetime | None
) -> Age | None:
    """Which rows of a table are too old; None where all stay, or no column tells it.

    Args:
        times: The columns with a row's times, as dlt names them, the one that each row has first.
        columns: The table's, as in dlt's schema.
        kept_since: The instant from which on rows stay; None for ever.
    """
    known = [name for name in times if columns.get(name, {}).get("data_type") == "timestamp"]
    if kept_since is None or not known or known[0] != next(iter(times)):
        return None
    return Age(tuple(known), kept_since)
