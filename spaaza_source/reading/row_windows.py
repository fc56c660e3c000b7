"""Which rows of an export's file are its window's, by the columns that have their times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from dlt.common import logger

from spaaza_source.errors import FileError, SettingsError
from spaaza_source.exports import ExportRequest
from spaaza_source.reading.window_edges import WindowEdges
from spaaza_source.tabular import TIMESTAMP, Column, Policy
from spaaza_source.windows import MARGIN, Window


class RowWindow(NamedTuple):
    """A window, its column as dlt names it, and what lets a load bring all rows, for a hint."""

    column: str
    window: Window
    all_rows_hint: str

    def filter(self, rows: pa.Table) -> pa.ChunkedArray:
        """Which rows of a table lie in the window.

        Raises:
            FileError: A row has no time.
        """
        times, window = rows.column(self.column), self.window
        if times.null_count:
            raise self._no_time(times.null_count)
        if not pa.types.is_timestamp(times.type):
            # No row has shown a time yet, so there is none.
            return pa.chunked_array([pa.repeat(pa.scalar(True), len(times))])
        before = pc.less(times, pa.scalar(window.end, times.type))
        if window.start is None:
            return before
        return pc.and_(before, pc.greater_equal(times, pa.scalar(window.start, times.type)))

    def filter_records(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The records that lie in the window.

        Raises:
            FileError: A record has no time.
        """
        name, window = self.column, self.window
        without_time = sum(record.get(name) is None for record in records)
        if without_time:
            raise self._no_time(without_time)
        start = window.start
        return [
            record
            for record in records
            if record[name] < window.end and (start is None or start <= record[name])
        ]

    def count_far(self, rows: pa.Table) -> int:  # noqa: ARG002 - rows of any time may come
        """How many rows of a table lie further outside than was asked for."""
        return 0

    def note_edges(self, edges: WindowEdges, rows: pa.Table) -> None:
        """Note the rows of a table near the window's bounds."""
        times = rows.column(self.column)
        if pa.types.is_timestamp(times.type):
            since = times.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
            edges.add(self.window, since.to_numpy())

    def note_record_edges(self, edges: WindowEdges, records: list[dict[str, Any]]) -> None:
        """The same for records."""
        times = pa.array(record[self.column] for record in records)
        self.note_edges(edges, pa.table([times], names=[self.column]))

    def _no_time(self, count: int) -> FileError:
        return FileError(
            f"{count} rows have no time in the column {self.column!r}, so they belong to no window",
            hint=f"Ask the vendor, or {self.all_rows_hint}.",
        )


@dataclass(frozen=True)
class RangeColumns:
    """The columns by any of which a row that is merged by a key is of a range of time.

    Attributes:
        names: As the header has them.
        margin: How far outside of the range rows are asked for, because nobody documents whether
            the vendor's bounds are inclusive.
    """

    names: tuple[str, ...]
    margin: timedelta = MARGIN


class RangeWindow(NamedTuple):
    """A range of time, and the columns, as dlt names them, by any of which a row is of it.

    A row without a time in any of them is of the range that the vendor says it is of.
    """

    columns: tuple[str, ...]
    window: Window
    margin: timedelta

    def filter(self, rows: pa.Table) -> pa.ChunkedArray:
        """Which rows of a table are of the range."""
        return self._filter(rows, self.window)

    def filter_records(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The records that are of the range."""
        names = list(self.columns)
        times = [[record.get(name) for record in records] for name in names]
        mask = self.filter(pa.table(times, names=names)).to_pylist()
        return [record for record, is_inside in zip(records, mask, strict=True) if is_inside]

    def count_far(self, rows: pa.Table) -> int:
        """How many rows of a table lie further outside than was asked for."""
        start, reach = self.window.start, 2 * self.margin
        wider = Window(None if start is None else start - reach, self.window.end + reach)
        inside = pc.sum(self._filter(rows, wider)).as_py() or 0
        return int(rows.num_rows - inside)

    def note_edges(self, edges: WindowEdges, rows: pa.Table) -> None:
        """Nothing: rows of several times are in no window's neighbour."""

    def note_record_edges(self, edges: WindowEdges, records: list[dict[str, Any]]) -> None:
        """Nothing, as above."""

    def _filter(self, rows: pa.Table, window: Window) -> pa.ChunkedArray:
        inside: Any = pa.scalar(False)
        without_time: Any = pa.scalar(True)
        for name in self.columns:
            times = rows.column(name)
            without_time = pc.and_(without_time, times.is_null())
            if pa.types.is_timestamp(times.type):
                is_in = pc.less(times, pa.scalar(window.end, times.type))
                if window.start is not None:
                    start = pa.scalar(window.start, times.type)
                    is_in = pc.and_(is_in, pc.greater_equal(times, start))
                inside = pc.or_(inside, is_in.fill_null(False))
        return pc.or_(inside, without_time)


class RowWindows:
    """The windows of one table's files.

    Args:
        time_column: The column that windows are taken by, as dlt names it; None where rows are
            merged by a key.
        policy: What happens to personal columns.
        all_rows_hint: What lets a load bring all rows instead of windows, for a hint.
        has_settings: Whether the source has settings about windows, to be advised: `time_columns`
            and `filter_margin`.
        range_columns: Where rows are merged by a key, and those of a range are wanted alone: the
            columns that tell them, as dlt names them.
    """

    def __init__(
        self,
        time_column: str | None,
        policy: Policy,
        all_rows_hint: str,
        *,
        has_settings: bool,
        range_columns: RangeColumns | None = None,
    ) -> None:
        self.time_column = time_column
        #: Why no window can be taken of the file that was looked at last; None where one can.
        self.no_times: str | None = None
        self._policy = policy
        self._all_rows_hint = all_rows_hint
        self._has_settings = has_settings
        self._range_columns = range_columns

    def find(
        self, columns: Sequence[Column], request: ExportRequest
    ) -> RowWindow | RangeWindow | None:
        """The rows that are the request's; None for all.

        Args:
            columns: The file's.
            request: What was asked for.

        Raises:
            SettingsError: Rows of a window are wanted, and no column tells their times.
        """
        self.no_times = self._find_no_times(columns, self.time_column)
        if request.window is None:
            return None
        if self.time_column is None:
            return self._find_range(columns, request.table, request.window)
        if self.no_times is None:
            return RowWindow(self.time_column, request.window, self._all_rows_hint)
        raise SettingsError(
            f"no window can be taken: {self.no_times}",
            hint=self._advise_times(request.table),
        )

    def _find_range(
        self, columns: Sequence[Column], table: str, window: Window
    ) -> RangeWindow | None:
        """The rows of a range; None for all, also where a column is missing."""
        given = self._range_columns
        if given is None:
            return None
        missing = [each for name in given.names if (each := self._find_no_times(columns, name))]
        if missing:
            logger.warning(
                f"{table}: {missing[0]}, so rows of up to {given.margin.total_seconds():,.0f}"
                " seconds before and after the range may be among those of it"
            )
            return None
        return RangeWindow(given.names, window, given.margin)

    @property
    def filter_hint(self) -> str:
        """What to do where the vendor's filter means other instants than ours."""
        if self._has_settings:
            return (
                "Set filter_margin=86400: each window is then asked for with a day on both sides."
                f" Or {self._all_rows_hint}."
            )
        return self._vendor_hint

    @property
    def all_rows_reason(self) -> str | None:
        """Why every load brings all rows, with the setting that would help; None if it need not."""
        if self.no_times and self._has_settings and not self._hides_times:
            return f"{self.no_times}; time_columns can name another column"
        return self.no_times

    def _advise_times(self, table: str) -> str:
        if self._hides_times:
            return f"List {self.time_column!r} as keep in privacy, or {self._all_rows_hint}."
        if self._has_settings:
            return f"Set time_columns to {{'{table}': COLUMN}}, or {self._all_rows_hint}."
        return self._vendor_hint

    @property
    def _vendor_hint(self) -> str:
        return f"Ask the vendor, or {self._all_rows_hint}."

    @property
    def _hides_times(self) -> bool:
        return self._hides(self.time_column)

    def _hides(self, name: str | None) -> bool:
        return self._policy.action(name or "") in ("hash", "drop")

    def _find_no_times(self, columns: Sequence[Column], name: str | None) -> str | None:
        """Why no window can be taken by a column; None where one can be."""
        column = next((column for column in columns if column.name == name), None)
        if column is None:
            return f"the file has no column {name!r}"
        if self._hides(name):
            return f"the policy hashes or drops the column {name!r}"
        if column.type not in (TIMESTAMP, None):
            return f"the column {name!r} does not hold times"
        return None
