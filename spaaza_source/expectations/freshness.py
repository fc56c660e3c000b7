"""How old the newest row of a table is: of those that a load brings, else of those that it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import dlt
from dlt.common import logger
from dlt.common.destination.exceptions import SqlClientNotAvailable
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from spaaza_source.destination import ask, window_condition
from spaaza_source.expectations.cells import as_instant, find_newest
from spaaza_source.exports import TableExports
from spaaza_source.windows import Window

_MINUTE = timedelta(minutes=1)


class Freshness:
    """The newest time of each column of one load of one table, as its rows pass by.

    Args:
        table: The table.
        limits: How much older than its export the newest row may be, by columns of which the newest
            time counts.
    """

    def __init__(self, table: str, limits: Mapping[tuple[str, ...], timedelta]) -> None:
        self._table = table
        self._limits = limits
        self._newest: dict[str, datetime] = {}
        self._timeless: set[str] = set()

    def add(self, rows: Any) -> None:
        """Take note of rows, an Arrow table or records."""
        for name in {name for names in self._limits for name in names}:
            try:
                found = find_newest(rows, name)
            except TypeError:
                self._timeless.add(name)
                continue
            if found is not None:
                self._newest[name] = max(found, self._newest.get(name, found))

    def judge(self, exports: TableExports, *, has_rows: bool) -> Iterator[tuple[str, str]]:
        """What does not hold: a column, and what is wrong with it.

        Args:
            exports: What brought the rows.
            has_rows: Whether the table has rows of earlier loads.
        """
        made = _made_at(exports)
        for names, limit in self._limits.items():
            if timeless := self._timeless.intersection(names):
                name = min(timeless)
                yield name, f"the column {name!r} does not hold times"
                continue
            oldest = made - limit
            known = [self._newest[name] for name in names if name in self._newest]
            start = exports.covered.start if exports.covered is not None else None
            # Where the load asks for less than would show it, the table does.
            is_short = has_rows and start is not None and start > oldest
            if is_short and start is not None and max(known, default=oldest) <= oldest:
                stored = self._ask(names, start)
                if stored is None:
                    continue
                known += stored
            newest = max(known, default=None)
            if newest is not None and newest >= oldest:
                continue
            named = " or ".join(map(repr, names))
            late = f"no row of the load has a time in {named}"
            if newest is not None:
                late = f"the newest row by {named} is {_told(made - newest)} older than its export"
            yield names[0], f"{late}, at most {_told(limit)} is expected"

    def _ask(self, names: Sequence[str], start: datetime) -> list[datetime] | None:
        """The newest times of the table's rows from before a load's range.

        None if the destination cannot be asked.
        """
        try:
            return ask(partial(_read_newest, self._table, names, start, _types_of(self._table)))
        except DatabaseUndefinedRelation:
            return []
        except SqlClientNotAvailable:
            logger.warning(
                f"{self._table}: this destination cannot tell how old the table's newest row is,"
                " and the load's range is shorter than the age that is expected"
            )
            return None


def _read_newest(
    table: str, names: Sequence[str], start: datetime, types: Mapping[str, Any], client: Any
) -> list[datetime]:
    cells = []
    for name in (name for name in names if name in types):
        column = client.escape_column_name(name)
        before = window_condition(column, Window(None, start))
        is_time = types[name] == "timestamp"
        cells.append(f"max(CASE WHEN {before} THEN {column} END)" if is_time else f"max({column})")
    if not cells:
        return []
    name = client.make_qualified_table_name(table)
    [found] = client.execute_sql(f"SELECT {', '.join(cells)} FROM {name}")  # noqa: S608 - our own
    return [each for cell in found if (each := as_instant(cell)) is not None]


def _types_of(table: str) -> dict[str, Any]:
    """The columns of a table that hold times or days, as dlt names them, with their types."""
    columns: Mapping[str, Any] = (
        dlt.current.source_schema().tables.get(table, {}).get("columns", {})
    )
    types = {name: hint.get("data_type") for name, hint in columns.items()}
    return {name: kind for name, kind in types.items() if kind in ("timestamp", "date")}


def _made_at(exports: TableExports) -> datetime:
    """When the newest export was made, or where its window ends, if that is earlier."""
    ends = []
    for export in exports.current:
        job, window = export.job, export.request.window
        made = job.started_at or job.created_at or export.begun_at
        ends.append(made if window is None else min(made, window.end))
    return max(ends)


def _told(length: timedelta) -> str:
    """A length of time, to the minute."""
    return str(length - length % _MINUTE) if length > _MINUTE else str(length)
