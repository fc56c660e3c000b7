"""Exports' files as what dlt loads: Arrow tables of CSV files, records of JSON files.

They are opened, narrowed to their windows and put under a policy here; what becomes of them is
left to `load`, what is in them to `tabular`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import dlt
import pyarrow as pa
import pyarrow.compute as pc
from dlt.extract.hints import TResourceHints

from spaaza_source.errors import (
    FileError,
    IncompleteDownloadError,
    SettingsError,
)
from spaaza_source.exports.request import ExportRequest
from spaaza_source.exports.table_exports import Export, error_context
from spaaza_source.settings import require_choice, require_number
from spaaza_source.tabular import Column, CsvFile, JsonFile, RejectedRow, open_csv, open_json
from spaaza_source.tabular.column_types import TIMESTAMP
from spaaza_source.tabular.privacy import Policy
from spaaza_source.tabular.spelling import make_speller
from spaaza_source.windows import Window
from spaaza_source.writing.schema_hints import (
    check_header,
    column_hints,
    is_rowless,
    known_types,
    nested_types,
    settle_undecided,
    table_hints,
)


def _as_they_are(_: ExportRequest, header: Sequence[str]) -> Sequence[str]:
    return header


@dataclass(frozen=True)
class ReadSettings:
    """How files are read.

    Attributes:
        column_types: `inferred`, or `text` for every column.
        on_bad_row: `reject` or `fail`.
        max_rejected_share: Stop when a larger share of the rows is bad.
        meaning: Gives the cells of a CSV file's header the names that they stand for.
    """

    column_types: Literal["inferred", "text"] = "inferred"
    on_bad_row: Literal["reject", "fail"] = "reject"
    max_rejected_share: float = 0.01
    name_header: Callable[[ExportRequest, Sequence[str]], Sequence[str]] = _as_they_are

    def __post_init__(self) -> None:
        require_choice("column_types", self.column_types, "inferred", "text")
        require_choice("on_bad_row", self.on_bad_row, "reject", "fail")
        require_number("max_rejected_share", self.max_rejected_share, least=0)


@dataclass(frozen=True)
class LoadableFile:
    """A file that may be loaded.

    Attributes:
        columns: Its columns, in its order.
        rows: Its good rows.
        rejected: Its bad ones.
        hints: What dlt's schema is told of the table.
        items: What dlt gets, each with the number of its rows.
        place: Where a row of these is, counted from 0, for a message.
    """

    columns: Sequence[Column]
    rows: int
    rejected: Sequence[RejectedRow]
    hints: Callable[[], TResourceHints]
    items: Callable[[], Iterator[tuple[Any, int]]]
    place: Callable[[int], str]


class FileReader:
    """Opens the files of one table; within a resource.

    Args:
        reading: How to read them.
        policy: What happens to personal columns.
        time_column: The column that windows are taken by, as the header has it.
    """

    def __init__(
        self, reading: ReadSettings, policy: Policy, time_column: str | None = None
    ) -> None:
        self.policy = policy
        #: The column that windows are taken by, as dlt names it.
        self.time_column = None if time_column is None else _named(time_column)
        #: Why no window can be taken by it, as the file that was opened last shows.
        self.no_times: str | None = None
        self._reading = reading
        self._examined: dict[int, CsvFile] = {}

    def examine(self, export: Export) -> bool:
        """Judge a file that has arrived; only a CSV file can be judged before its turn.

        False where that has been done, or cannot be.

        Raises:
            FileError: It must not be loaded.
            IncompleteDownloadError: It ends where nothing proves that it is whole.
            SettingsError: It has no column to take the window by, or none that the policy names.
        """
        if export.request.export_format != "csv" or id(export) in self._examined:
            return False
        with error_context(export):
            self._examined[id(export)] = self._csv(export)
        return True

    def files(self, exports: Sequence[Export]) -> Iterator[tuple[Export, LoadableFile]]:
        """The files in their order, each column of one type in all CSV files among them.

        Of files without rows only the last is given, and only if none has a row.

        Raises:
            FileError, IncompleteDownloadError, SettingsError: As by `examine`.
        """
        for export in exports:
            self.examine(export)
        parts = list(self._examined.values())
        told = False
        for place, export in enumerate(exports, 1):
            with error_context(export):
                file = self._examined.get(id(export))
                content = (
                    self._json_content(export)
                    if file is None
                    else self._csv_content(export, file.typed_like(parts))
                )
            is_last = place == len(exports)
            silent = not content.rows and (told or not is_last)
            told = told or not silent
            yield export, replace(content, items=_nothing) if silent else content

    def _csv(self, export: Export) -> CsvFile:
        fetched = export.file()
        file = open_csv(
            fetched.path,
            name_column=make_speller(dlt.current.source_schema().naming.normalize_identifier),
            meaning=partial(self._reading.name_header, export.request),
            known_types=self.policy.types(known_types(export.request.table)),
            column_types=self._reading.column_types,
            on_bad_row=self._reading.on_bad_row,
            max_rejected_share=self._reading.max_rejected_share,
        )
        if not fetched.end_verified and not file.ends_with_newline:
            raise IncompleteDownloadError(
                "the file's host named no length, and the last row has no record end",
                hint="Run again; if it stays so, ask the vendor.",
            )
        check_header(export.request.table, file)
        self.policy.require(column.name for column in file.columns)
        return file

    def _csv_content(self, export: Export, file: CsvFile) -> LoadableFile:
        table, policy = export.request.table, self.policy
        window = self._window(file.columns, export.request)
        dropped = [column.name for column in file.columns if policy.action(column.name) == "drop"]

        def items() -> Iterator[tuple[Any, int]]:
            rowless = is_rowless(table, file)
            for rows in file.tables():
                kept = _inside(rows, *window) if window else rows
                yield policy.apply(settle_undecided(kept, file, rowless=rowless)), kept.num_rows

        def hints() -> TResourceHints:
            rowless = is_rowless(table, file)
            return table_hints(table, file, column_hints(file, without=dropped, rowless=rowless))

        def place(row: int) -> str:
            if window:
                row = _row_inside(file, row, *window)
            return f"line {file.line_of(row):,} of {export.request}, job {export.job.job_id}"

        return LoadableFile(file.columns, file.rows, file.rejected, hints, items, place)

    def _json_content(self, export: Export) -> LoadableFile:
        table, policy = export.request.table, self.policy
        file = self._json(export)
        window = self._window(file.columns, export.request) if file.rows else None

        def items() -> Iterator[tuple[Any, int]]:
            if not file.rows and table in dlt.current.source_schema().tables:
                # Without it dlt would not touch the table, and a window now empty would stay.
                yield dlt.mark.materialize_table_schema(), 0
            for records in file.records():
                kept = _records_inside(records, *window) if window else records
                yield [policy.apply_to_record(record) for record in kept], len(kept)

        def hints() -> TResourceHints:
            told = file.hints(table)
            return table_hints(
                table,
                file,
                _kept(policy, (), told["columns"]).values(),
                export_format="json",
                nested={
                    place: {**nested, "columns": _kept(policy, place, nested["columns"])}
                    for place, nested in told["nested_hints"].items()
                },
            )

        def place(row: int) -> str:
            return f"record {row + 1:,} of {export.request}, job {export.job.job_id}"

        return LoadableFile(file.columns, file.rows, file.rejected, hints, items, place)

    def _json(self, export: Export) -> JsonFile:
        table, policy = export.request.table, self.policy
        naming = dlt.current.source_schema().naming
        file = open_json(
            export.file().path,
            name_column=make_speller(naming.normalize_identifier),
            join_names=naming.shorten_fragments,
            known_types=policy.types(known_types(table)),
            nested_types=lambda place: policy.types(nested_types(table, place), under=place),
            column_types=self._reading.column_types,
            on_bad_row=self._reading.on_bad_row,
            max_rejected_share=self._reading.max_rejected_share,
        )
        check_header(table, file)
        if file.rows:
            nested = (
                "__".join([*part.path, column.name])
                for part in file.nested
                for column in part.columns
            )
            policy.require([*(column.name for column in file.columns), *nested])
        return file

    def _window(
        self, columns: Sequence[Column], request: ExportRequest
    ) -> tuple[str, Window] | None:
        """The column that the request's window is taken by, and the window; None without one."""
        self.no_times = self._not_a_time(columns)
        if request.window is None or self.time_column is None:
            return None
        if self.no_times is None:
            return self.time_column, request.window
        raise SettingsError(
            f"no window can be taken by the column {self.time_column!r}: {self.no_times}",
            hint=f"Set time_columns to {{'{request.table}': COLUMN}}, or leave out start_date.",
        )

    def _not_a_time(self, columns: Sequence[Column]) -> str | None:
        """Why no window can be taken by the time column; None where one can be."""
        column = next((column for column in columns if column.name == self.time_column), None)
        if column is None:
            return "the file has none of this name"
        if self.policy.action(column.name) in ("hash", "drop"):
            return "the policy hashes or drops it"
        if column.type not in (TIMESTAMP, None):
            return "it does not hold times"
        return None


def _named(column: str) -> str:
    name: str = dlt.current.source_schema().naming.normalize_identifier(column)
    return name


def _nothing() -> Iterator[tuple[Any, int]]:
    return iter(())


def _kept(policy: Policy, place: tuple[str, ...], hints: Mapping[str, Any]) -> dict[str, Any]:
    """The hints of the columns that the policy does not drop."""
    return {
        name: hint
        for name, hint in hints.items()
        if policy.action("__".join([*place, name])) != "drop"
    }


def _inside(table: pa.Table, name: str, window: Window) -> pa.Table:
    return table.filter(_is_inside(table, name, window))


def _is_inside(table: pa.Table, name: str, window: Window) -> pa.ChunkedArray:
    times = table.column(name)
    if times.null_count:
        raise _timeless(times.null_count, name)
    if not pa.types.is_timestamp(times.type):
        # No row has shown a time yet, so there is none.
        return pa.chunked_array([pa.repeat(pa.scalar(True), len(times))])
    before = pc.less(times, pa.scalar(window.end, times.type))
    if window.start is None:
        return before
    return pc.and_(before, pc.greater_equal(times, pa.scalar(window.start, times.type)))


def _row_inside(file: CsvFile, number: int, name: str, window: Window) -> int:
    """Which of the file's good rows is the window's with that number, both from 0."""
    before = 0
    for rows in file.tables():
        inside = pc.indices_nonzero(_is_inside(rows, name, window))
        if number < len(inside):
            return before + int(inside[number].as_py())
        number -= len(inside)
        before += rows.num_rows
    raise IndexError(number)


def _records_inside(
    records: list[dict[str, Any]], name: str, window: Window
) -> list[dict[str, Any]]:
    timeless = sum(record.get(name) is None for record in records)
    if timeless:
        raise _timeless(timeless, name)
    start = window.start
    return [
        record
        for record in records
        if record[name] < window.end and (start is None or start <= record[name])
    ]


def _timeless(count: int, name: str) -> FileError:
    return FileError(
        f"{count} rows have no time in the column {name!r}, so no window is theirs",
        hint="Load without start_date, or ask the vendor.",
    )
