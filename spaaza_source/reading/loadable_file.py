"""Export files that may be loaded: what dlt gets of a CSV or a JSON file, and how it is narrowed.

CSV files give Arrow tables, JSON files records. Rows outside the export's window are dropped, and
those of forgotten people; a privacy policy is applied.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import dlt
import pyarrow as pa
from dlt.extract.hints import TResourceHints

from spaaza_source.exports import Export
from spaaza_source.reading.column_hints import (
    column_hints,
    is_rowless,
    mark_personal,
    settle_undecided,
    table_hints,
)
from spaaza_source.reading.row_windows import RangeWindow, RowWindow
from spaaza_source.reading.window_edges import WindowEdges
from spaaza_source.tabular import (
    Column,
    CsvFile,
    JsonFile,
    Policy,
    RejectedRow,
)
from spaaza_source.tombstones import ForgottenRows
from spaaza_source.writing import check_hinted_columns

AnyWindow: TypeAlias = RowWindow | RangeWindow


class NoRows(NamedTuple):
    """What a file without any byte has."""

    columns: tuple[Column, ...] = ()
    rows: int = 0
    rejected: tuple[RejectedRow, ...] = ()


class LoadableFile(ABC):
    """The file of one export.

    Args:
        export: The export.
        file: The file.
        policy: What happens to personal columns.
        window: The rows that are the export's; None for all.
        forgotten: Tells the rows of forgotten people; None where there are none.
    """

    def __init__(
        self,
        export: Export,
        file: CsvFile | JsonFile | NoRows,
        policy: Policy,
        window: AnyWindow | None,
        forgotten: ForgottenRows | None = None,
    ) -> None:
        #: Its columns, in its order; its good rows; its bad ones.
        self.columns: Sequence[Column] = file.columns
        self.rows: int = file.rows
        self.rejected: Sequence[RejectedRow] = file.rejected
        #: Whether it shows which columns there are: without a byte, or a record, it does not.
        self.shows_columns = bool(file.columns or file.rows)
        #: Whether some of its values do not fit their column's type.
        self.has_variants = any(column.has_variant for column in file.columns)
        #: Rows that lie outside of the window, and are left out, once all items have been read; and
        #: those of them that lie further outside than was asked for.
        self.outside = self.far_outside = 0
        #: Rows of forgotten people, which are left out as well.
        self.forgotten = 0
        self._forgotten = forgotten
        self._export = export
        self._policy = policy
        self._window = window

    @abstractmethod
    def hints(self) -> TResourceHints:
        """The hints that dlt's schema gets with its first item."""

    @abstractmethod
    def items(self, edges: WindowEdges | None = None) -> Iterator[Any]:
        """What dlt gets.

        Args:
            edges: Takes note of rows near the bounds of the window.
        """

    @abstractmethod
    def locate(self, row: int) -> str:
        """Where a row of the items is in the file, counted from 0, for a message."""

    def rejected_keys(self, key: Sequence[str]) -> tuple[pa.Table, list[int]] | None:  # noqa: ARG002
        """The keys of its bad rows, as the table has them, and the number of each one's row.

        None where none can be read, as in a JSON file.
        """
        return None

    def rejected_to_keep(self) -> list[RejectedRow]:
        """Its bad rows without those that have an identifier of a forgotten person in them."""
        forgotten = self._forgotten
        return [
            row for row in self.rejected if forgotten is None or not forgotten.is_in_raw(row.raw)
        ]

    def check_hints(self) -> None:
        """Check that it has the columns that the user's hints need.

        Raises:
            SettingsError: One is not there.
        """
        if self.rows:
            names = [column.name for column in self.columns]
            kept = [name for name in names if not self._is_dropped(name)]
            check_hinted_columns(self._export.request.table, kept)

    def _is_dropped(self, *path: str) -> bool:
        """Whether the policy drops a column, given with the lists that it is nested in."""
        return self._policy.action("__".join(path)) == "drop"


class LoadableCsv(LoadableFile):
    """A CSV file: its items are Arrow tables."""

    def __init__(
        self,
        export: Export,
        file: CsvFile,
        policy: Policy,
        window: AnyWindow | None,
        forgotten: ForgottenRows | None = None,
    ) -> None:
        super().__init__(export, file, policy, window, forgotten)
        self._file = file

    @property
    def _rowless(self) -> bool:
        return is_rowless(self._export.request.table, self.rows)

    def hints(self) -> TResourceHints:  # noqa: D102 - above
        names = [column.name for column in self.columns]
        dropped = list(filter(self._is_dropped, names))
        hints = column_hints(self.columns, without=dropped, rowless=self._rowless)
        marked = mark_personal(hints, self._policy.is_personal)
        return table_hints(self._export.request.table, self.columns, self.rows, marked)

    def items(self, edges: WindowEdges | None = None) -> Iterator[Any]:  # noqa: D102 - above
        rowless, outside, far, forgotten = self._rowless, 0, 0, 0
        for rows in self._file.tables():
            kept = rows.filter(self._window.filter(rows)) if self._window else rows
            outside += rows.num_rows - kept.num_rows
            if self._window and kept.num_rows < rows.num_rows:
                far += self._window.count_far(rows)
            if self._window and edges is not None:
                self._window.note_edges(edges, rows)
            if self._forgotten is not None:
                others = self._of_others(kept, self._forgotten)
                forgotten += kept.num_rows - others.num_rows
                kept = self._forgotten.without_mentions(others)
            settled = settle_undecided(kept, self.columns, rowless=rowless)
            yield self._policy.apply(settled)
        # At the end: they may be read once more in part.
        self.outside, self.far_outside, self.forgotten = outside, far, forgotten

    def locate(self, row: int) -> str:  # noqa: D102 - above
        if self._window or self._forgotten:
            row = self._row_of_file(row)
        export = self._export
        return f"line {self._file.line_of(row):,} of {export.request}, job {export.job.job_id}"

    def rejected_keys(  # noqa: D102 - above
        self, key: Sequence[str]
    ) -> tuple[pa.Table, list[int]] | None:
        if not {column.name for column in self.columns}.issuperset(key):
            return None
        cells, places = self._file.certain_cells(key)
        hidden = self._policy.apply(cells)
        return (hidden, places) if hidden.num_columns == len(key) else None

    def _of_others(self, rows: pa.Table, forgotten: ForgottenRows) -> pa.Table:
        """The rows that are nobody's who was forgotten."""
        mask = forgotten.kept(rows)
        return rows if mask is None else rows.filter(pa.array(mask))

    def _row_of_file(self, row: int) -> int:
        """Which of the file's good rows is the item's with that number, both from 0."""
        before = 0
        for rows in self._file.tables():
            # No column of a file is called so.
            numbered = rows.append_column(" ", pa.array(range(rows.num_rows), pa.int64()))
            numbered = numbered.filter(self._window.filter(rows)) if self._window else numbered
            if self._forgotten is not None:
                numbered = self._of_others(numbered, self._forgotten)
            kept = numbered[" "]
            if row < len(kept):
                return before + int(kept[row].as_py())
            row -= len(kept)
            before += rows.num_rows
        raise IndexError(row)


class LoadableJson(LoadableFile):
    """A JSON file: its items are lists of records."""

    def __init__(
        self,
        export: Export,
        file: JsonFile,
        policy: Policy,
        window: AnyWindow | None,
        forgotten: ForgottenRows | None = None,
    ) -> None:
        super().__init__(export, file, policy, window, forgotten)
        self.has_variants |= any(each.has_variant for part in file.nested for each in part.columns)
        self._file = file

    def hints(self) -> TResourceHints:  # noqa: D102 - above
        table = self._export.request.table
        hints = self._file.hints(table)
        return table_hints(
            table,
            self.columns,
            self.rows,
            self._without_dropped((), hints["columns"]).values(),
            export_format="json",
            nested={
                path: {**nested, "columns": self._without_dropped(path, nested["columns"])}
                for path, nested in hints["nested_hints"].items()
            },
        )

    def items(self, edges: WindowEdges | None = None) -> Iterator[Any]:  # noqa: D102 - above
        if not self.rows:
            yield from _touched(self._export.request.table)
        outside = forgotten = 0
        for records in self._file.records():
            kept = self._window.filter_records(records) if self._window else records
            outside += len(records) - len(kept)
            if self._window and edges is not None:
                self._window.note_record_edges(edges, records)
            if self._forgotten is not None:
                others = self._forgotten.apply_to_records(kept)
                forgotten += len(kept) - len(others)
                kept = others
            yield [self._policy.apply_to_record(record) for record in kept]
        self.outside, self.forgotten = outside, forgotten

    def all_columns(self) -> Iterator[tuple[tuple[str, ...], Column]]:
        """Its columns with their paths: those of nested tables too."""
        yield from (((column.name,), column) for column in self.columns)
        for nested in self._file.nested:
            yield from (((*nested.path, column.name), column) for column in nested.columns)

    def locate(self, row: int) -> str:  # noqa: D102 - above
        return f"record {row + 1:,} of {self._export.request}, job {self._export.job.job_id}"

    def _without_dropped(self, path: tuple[str, ...], hints: Mapping[str, Any]) -> dict[str, Any]:
        kept = [hint for name, hint in hints.items() if not self._is_dropped(*path, name)]
        marked = mark_personal(
            kept, lambda name: self._policy.is_personal("__".join([*path, name]))
        )
        return {hint["name"]: hint for hint in marked}


class LoadableNothing(LoadableFile):
    """A file without any byte, which stands for no row of its window."""

    def __init__(self, export: Export, policy: Policy) -> None:
        super().__init__(export, NoRows(), policy, None)

    def hints(self) -> TResourceHints:  # noqa: D102 - above
        return {}

    def items(self, edges: WindowEdges | None = None) -> Iterator[Any]:  # noqa: ARG002, D102
        yield from _touched(self._export.request.table)

    def locate(self, row: int) -> str:  # noqa: D102 - above
        raise IndexError(row)


def _touched(table: str) -> Iterator[Any]:
    """What makes dlt touch a table to which no row comes: else a window now empty would stay."""
    if table in dlt.current.source_schema().tables:
        yield dlt.mark.materialize_table_schema()
