"""Which `lag` to set, from how late rows were seen to come: `spaaza jobs --advice`.

The measuring is `exports.lateness`', done at each load that goes on where the last one ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spaaza_source.exports import TableSync

HOUR = 3600.0
DAY = 24 * HOUR
#: Lags that are easily read; beyond, whole days.
READABLE = [HOUR * hours for hours in (1, 2, 3, 4, 6, 8, 12, 24)]
#: A lag is to be so many times the latest that was seen.
MARGIN = 2


@dataclass(frozen=True)
class Advice:
    """What was seen of one table, and what follows.

    Attributes:
        table: Its name.
        loads: Loads that were measured.
        late_rows: Rows that came late, in all of them.
        latest: Seconds; no row was seen to come later. 0 where none came late.
        at_the_end: Whether rows came at the far end of an overlap: others may have come later
            still, and are missing.
        lag: Seconds that are advised.
    """

    table: str
    loads: int
    late_rows: int
    latest: float
    at_the_end: bool
    lag: float


def present_lags(wanted: Iterable[TableSync]) -> dict[str, float]:
    """The `lag` of each table that goes on by the time of its rows, in seconds."""
    return {
        each.table: each.policy.lag.total_seconds()
        for each in wanted
        if each.policy is not None
        and each.policy.incremental
        and each.policy.full_refresh_every is None
    }


def advise(history: Iterable[Mapping[str, Any]], lags: Mapping[str, float]) -> list[Advice]:
    """What to do about each table; none that was not measured.

    Args:
        history: Rows of `export_jobs`.
        lags: By table the present `lag`, in seconds; other tables are left out.
    """
    measured: dict[str, list[Mapping[str, Any]]] = {}
    for row in history:
        if row["table_name"] in lags and row.get("overlap_seconds") is not None:
            measured.setdefault(row["table_name"], []).append(row)
    return [
        _advice(table, measured[table], lag) for table, lag in lags.items() if table in measured
    ]


def _advice(table: str, rows: Sequence[Mapping[str, Any]], present: float) -> Advice:
    late = [row for row in rows if row["late_rows"]]
    latest = max((float(row["latest_seconds"]) for row in late), default=0.0)
    # An overlap that is longer now has shown, or will show, whether that was all.
    longest = max(float(row["overlap_seconds"]) for row in rows)
    at_the_end = bool(late) and latest >= longest
    lag = readable(MARGIN * (max(present, longest) if at_the_end else latest))
    return Advice(table, len(rows), sum(row["late_rows"] for row in late), latest, at_the_end, lag)


def readable(seconds: float) -> float:
    """The next longer time that is easily read, an hour at least."""
    for each in READABLE:
        if seconds <= each:
            return each
    return -(-seconds // DAY) * DAY
