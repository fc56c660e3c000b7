"""How late rows come: what a load's overlap with the last one holds that the table did not.

A load that goes on begins `lag` before the last one's end, so that span is exported twice. Counted
in slices of time, what the second export has more than the table came in between. What follows from
it is left to `advice`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import dlt
import numpy as np
import pyarrow as pa
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from spaaza_source.destination import ask, can_count, window_condition
from spaaza_source.exports.table_exports import TableExports
from spaaza_source.windows import Window
from spaaza_source.writing.schema_hints import has_rows
from spaaza_source.writing.write_disposition import Disposition

#: Each slice reaches this much further back than the one after it: what is measured is a ratio.
GROWTH = 1.25
#: Seconds; the slice next to the last load's end is no longer than this.
FINEST = 60.0


@dataclass(frozen=True)
class Late:
    """What came late.

    Attributes:
        rows: How many.
        seconds: No row came later than this after its time, as far as the overlap shows; 0 if none.
        overlap: Seconds of the overlap.
    """

    rows: int
    seconds: float
    overlap: float


class Lateness:
    """The rows of one load in its overlap with the one before, as they pass by.

    Args:
        until: The last load's end.
        bounds: How far before it each slice ends, in seconds, ascending; the last is the overlap.
        held: Rows of the table in each.
        column: The column of times.
    """

    def __init__(
        self, until: datetime, bounds: Sequence[float], held: Sequence[int], column: str
    ) -> None:
        self._until = until
        self._bounds = bounds
        self._held = np.array(held)
        self._brought = np.zeros(len(bounds), dtype=np.int64)
        self._column = column

    def add(self, rows: Any) -> None:
        """Take note of rows: an Arrow table, or records."""
        if isinstance(rows, pa.Table):
            if self._column not in rows.column_names:
                return
            times = rows.column(self._column)
            if not pa.types.is_timestamp(times.type):
                return
            micros = times.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
        elif isinstance(rows, list):
            found = [record.get(self._column) for record in rows]
            times = [time for time in found if isinstance(time, datetime)]
            micros = np.array([time.timestamp() * 1e6 for time in times])
        else:
            return
        before = self._until.timestamp() - micros / 1e6
        # Slice i holds what is more than bounds[i-1] before the end, and up to bounds[i].
        before = before[(before > 0) & (before <= self._bounds[-1])]
        slices = np.searchsorted(self._bounds, before)
        self._brought += np.bincount(slices, minlength=len(self._bounds))[: len(self._bounds)]

    def late(self) -> Late:
        """What came late, once all rows have passed."""
        more = np.maximum(self._brought - self._held, 0)
        filled = np.nonzero(more)[0]
        seconds = float(self._bounds[filled[-1]]) if len(filled) else 0.0
        return Late(int(more.sum()), seconds, float(self._bounds[-1]))


def lateness_of(
    exports: TableExports, column: str | None, disposition: Disposition
) -> Lateness | None:
    """What measures the load that is extracted; None where nothing can be measured.

    Args:
        exports: The table's.
        column: The column that windows are taken by.
        disposition: How the rows are taken in.
    """
    wanted, reach = exports.sync, exports.covered
    span, until = wanted.span, wanted.loaded_until
    if span is None or until is None or reach is None or reach.start is None or column is None:
        return None
    if span.is_backfill or span.full_refresh_every is not None or reach.start >= until:
        return None
    if not _comparable(wanted.table, column, disposition):
        return None
    # In whole seconds, as a lag is: the present is told in them, an earlier load's end may not be.
    overlap = (until - reach.start) // timedelta(seconds=1)
    if not overlap:
        return None
    bounds = slices(overlap)
    held = _held(wanted.table, column, until, bounds)
    return None if held is None else Lateness(until, bounds, held, column)


def slices(overlap: float) -> list[float]:
    """How far before the last load's end each slice reaches, in seconds, ascending."""
    bounds = [overlap]
    while bounds[0] > FINEST:
        bounds.insert(0, bounds[0] / GROWTH)
    return bounds


def _comparable(table: str, column: str, disposition: Disposition) -> bool:
    """Whether the table holds just what the last load's export had."""
    pipeline, resource = dlt.current.pipeline(), dlt.current.resource()
    columns = dlt.current.source_schema().tables.get(table, {}).get("columns", {})
    # A step of the user's, such as a filter, makes the table another thing than the export.
    own_steps_alone = len(resource._pipe) == 1  # noqa: SLF001 - dlt tells steps nowhere else
    return (
        own_steps_alone
        and disposition.user_disposition is None
        and has_rows(table)
        and column in columns
        and can_count(pipeline, resource.table_format)
        and not pipeline.has_pending_data
    )


def _held(table: str, column: str, until: datetime, bounds: Sequence[float]) -> list[int] | None:
    ends = [until - timedelta(seconds=bound) for bound in (0.0, *bounds)]
    windows = [Window(start, end) for end, start in pairwise(ends)]

    def counts(client: Any) -> Sequence[Any]:
        name = client.make_qualified_table_name(table)
        times = f"{name}.{client.escape_column_name(column)}"
        counted = ", ".join(
            f"count(CASE WHEN {window_condition(times, window)} THEN 1 END)" for window in windows
        )
        overlap = window_condition(times, Window(ends[-1], until))
        rows: Any = client.execute_sql(f"SELECT {counted} FROM {name} WHERE {overlap}")
        return list(rows[0])

    try:
        row = ask(dlt.current.pipeline(), counts)
    except DatabaseUndefinedRelation:
        return None
    return [int(number) for number in row]
