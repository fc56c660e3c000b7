"""Counts late rows: what an export of the lookback has more than the table had of that range.

An incremental load begins `lag` before the cursor, so that range is exported twice. Rows that were
deleted at the vendor meanwhile hide as many late ones.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.compute as pc
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from spaaza_source.destination import (
    AskLater,
    can_count,
    current_pipeline,
    fetch_number,
    window_condition,
)
from spaaza_source.exports import TableSync
from spaaza_source.windows import Window
from spaaza_source.writing.schema_hints import has_rows, table_memory
from spaaza_source.writing.user_disposition import UserDisposition


class LateRowMeter:
    """Counts one load's rows of the lookback, as they pass.

    Args:
        lookback: From the load's start to the cursor.
        column: The column of times, as dlt names it.
        stored: How many rows the table has of the lookback; None where there is no table.
    """

    def __init__(self, lookback: Window, column: str, stored: AskLater[int | None]) -> None:
        self._lookback = lookback
        self._column = column
        self._stored = stored
        self._exported = 0

    def add(self, rows: Any) -> None:
        """Count rows: an Arrow table, or records."""
        start, end = self._lookback.begin, self._lookback.end
        if isinstance(rows, pa.Table) and self._column in rows.column_names:
            times = rows.column(self._column)
            if pa.types.is_timestamp(times.type):
                first, last = (pa.scalar(at, times.type) for at in (start, end))
                within = pc.and_(pc.greater_equal(times, first), pc.less(times, last))
                self._exported += pc.sum(within).as_py() or 0
        elif isinstance(rows, list):
            times = [record.get(self._column) for record in rows]
            self._exported += sum(isinstance(at, datetime) and start <= at < end for at in times)

    def columns(self) -> dict[str, Any]:
        """Columns of `export_jobs`, once all rows have passed; none where nothing is counted."""
        stored = self._stored.result()
        if stored is None:
            return {}
        return {
            "late_rows": max(0, self._exported - stored),
            "overlap_seconds": self._lookback.length.total_seconds(),
        }


def late_row_meter(
    sync: TableSync, covered: Window | None, column: str | None, disposition: UserDisposition
) -> LateRowMeter | None:
    """The meter of the load that is extracted, and of the range that it covers.

    None where nothing can be counted. `column` is the one that windows are taken by, as dlt names
    it.
    """
    until = sync.loaded_until
    if not sync.is_incremental or sync.merges_changes or until is None or column is None:
        return None
    if covered is None or covered.start is None or covered.start >= until:
        return None
    if not _is_comparable(sync.table, column, disposition):
        return None
    lookback = Window(covered.start, until)

    def count(client: Any) -> int | None:
        name = client.make_qualified_table_name(sync.table)
        condition = window_condition(f"{name}.{client.escape_column_name(column)}", lookback)
        try:
            return fetch_number(client, f"SELECT count(*) FROM {name} WHERE {condition}")
        except DatabaseUndefinedRelation:
            return None

    return LateRowMeter(lookback, column, AskLater(count))


def _is_comparable(table: str, column: str, disposition: UserDisposition) -> bool:
    """Whether the table has just what the last load's export had."""
    pipeline, resource = current_pipeline(), dlt.current.resource()
    # A step of the user's, such as a filter, makes the table another thing than the export.
    has_own_steps = len(resource._pipe) > 1  # noqa: SLF001 - dlt lists steps nowhere else
    return (
        not has_own_steps
        and disposition.hints is None
        and has_rows(table)
        and column in table_memory(table).get("columns", {})
        and can_count(pipeline, resource.table_format)
        and not pipeline.has_pending_data
    )
