"""An export's file as what dlt loads: Arrow tables of a CSV file, records of a JSON file.

Both are opened, narrowed to a window and put under a policy here; what becomes of them is left to
`load`, what is in them to `tabular`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import dlt
import pyarrow as pa
import pyarrow.compute as pc
from dlt.extract.hints import TResourceHints

from spaaza_source.errors import FileError, SettingsError
from spaaza_source.exports.columns import (
    decided,
    is_rowless,
    known_types,
    nested_types,
    table_hints,
)
from spaaza_source.exports.request import ExportRequest
from spaaza_source.exports.settings import choice, number
from spaaza_source.exports.windows import Window
from spaaza_source.tabular import Column, CsvFile, JsonFile, RejectedRow, open_csv, open_json
from spaaza_source.tabular.column_types import TIMESTAMP
from spaaza_source.tabular.privacy import Policy
from spaaza_source.tabular.spelling import spelling


@dataclass(frozen=True)
class Reading:
    """How files are read.

    Attributes:
        column_types: `inferred`, or `text` for every column.
        on_bad_row: `reject` or `fail`.
        max_rejected_share: Stop when a larger share of the rows is bad.
    """

    column_types: Literal["inferred", "text"] = "inferred"
    on_bad_row: Literal["reject", "fail"] = "reject"
    max_rejected_share: float = 0.01

    def __post_init__(self) -> None:
        choice("column_types", self.column_types, "inferred", "text")
        choice("on_bad_row", self.on_bad_row, "reject", "fail")
        number("max_rejected_share", self.max_rejected_share, least=0)


@dataclass(frozen=True)
class Content:
    """A file that may be loaded.

    Attributes:
        columns: Its columns, in its order.
        rows: Its good rows.
        rejected: Its bad ones.
        hints: What dlt's schema is told of the table.
        items: What dlt gets, each with the number of its rows.
    """

    columns: Sequence[Column]
    rows: int
    rejected: Sequence[RejectedRow]
    hints: Callable[[], TResourceHints]
    items: Callable[[], Iterator[tuple[Any, int]]]


def open_content(
    path: Path, request: ExportRequest, reading: Reading, policy: Policy, time_column: str | None
) -> Content:
    """Open and examine an export's file.

    Args:
        path: The file.
        request: What was asked for.
        reading: How to read it.
        policy: What happens to its personal columns.
        time_column: The column that the request's window is taken by, as the header has it.

    Raises:
        FileError: The file must not be loaded.
        SettingsError: It has no column to take the window by, or none that the policy names.
    """
    if request.export_format == "json":
        return _json(path, request, reading, policy, time_column)
    return _csv(path, request, reading, policy, time_column)


def _csv(
    path: Path, request: ExportRequest, reading: Reading, policy: Policy, time_column: str | None
) -> Content:
    naming = dlt.current.source_schema().naming
    file: CsvFile = open_csv(
        path,
        name_column=spelling(naming.normalize_identifier),
        known_types=policy.types(known_types(request.table)),
        column_types=reading.column_types,
        on_bad_row=reading.on_bad_row,
        max_rejected_share=reading.max_rejected_share,
    )
    policy.require(column.name for column in file.columns)
    window = _window_column(file, request, policy, time_column)
    dropped = [column.name for column in file.columns if policy.action(column.name) == "drop"]

    def items() -> Iterator[tuple[Any, int]]:
        rowless = is_rowless(request.table, file)
        for table in file.tables():
            kept = _inside(table, *window) if window else table
            yield policy.applied(decided(kept, file, rowless=rowless)), kept.num_rows

    return Content(
        file.columns,
        file.rows,
        file.rejected,
        lambda: table_hints(request.table, file, without=dropped),
        items,
    )


def _json(
    path: Path, request: ExportRequest, reading: Reading, policy: Policy, time_column: str | None
) -> Content:
    naming = dlt.current.source_schema().naming
    file: JsonFile = open_json(
        path,
        name_column=spelling(naming.normalize_identifier),
        join_names=naming.shorten_fragments,
        known_types=policy.types(known_types(request.table)),
        nested_types=lambda place: policy.types(nested_types(request.table, place), under=place),
        column_types=reading.column_types,
        on_bad_row=reading.on_bad_row,
        max_rejected_share=reading.max_rejected_share,
    )
    if file.rows:
        nested = (
            "__".join([*table.path, column.name])
            for table in file.nested
            for column in table.columns
        )
        policy.require([*(column.name for column in file.columns), *nested])
    window = _window_column(file, request, policy, time_column) if file.rows else None

    def items() -> Iterator[tuple[Any, int]]:
        if not file.rows and request.table in dlt.current.source_schema().tables:
            # Without it dlt would not touch the table, and a window that has become empty stays.
            yield dlt.mark.materialize_table_schema(), 0
        for records in file.records():
            kept = _records_inside(records, *window) if window else records
            yield [policy.applied_to_record(record) for record in kept], len(kept)

    def hints() -> TResourceHints:
        told = file.hints(request.table)
        columns = told["columns"].values()
        return table_hints(
            request.table,
            file,
            export_format="json",
            columns=[hint for hint in columns if policy.action(hint["name"]) != "drop"],
            nested={
                place: {
                    **nested,
                    "columns": {
                        name: hint
                        for name, hint in nested["columns"].items()
                        if policy.action("__".join([*place, name])) != "drop"
                    },
                }
                for place, nested in told["nested_hints"].items()
            },
        )

    return Content(file.columns, file.rows, file.rejected, hints, items)


def _window_column(
    file: CsvFile | JsonFile, request: ExportRequest, policy: Policy, time_column: str | None
) -> tuple[str, Window] | None:
    """The column that the request's window is taken by, and the window; None without one."""
    window = request.window
    if window is None or time_column is None:
        return None
    name = dlt.current.source_schema().naming.normalize_identifier(time_column)
    way_out = f"Set time_columns to {{'{request.table}': COLUMN}}, or leave out start_date."
    column = next((column for column in file.columns if column.name == name), None)
    if column is None:
        raise SettingsError(
            f"the file has no column {name!r} to take the window by", way_out=way_out
        )
    if policy.action(name) in ("hash", "drop"):
        raise SettingsError(
            f"the column {name!r} is hashed or dropped, so no window can be taken by it",
            way_out="Keep it in the policy, or leave out start_date.",
        )
    if column.type not in (TIMESTAMP, None):
        raise SettingsError(f"the column {name!r} does not hold times", way_out=way_out)
    return name, window


def _inside(table: pa.Table, name: str, window: Window) -> pa.Table:
    times = table.column(name)
    if times.null_count:
        raise _timeless(times.null_count, name)
    if not pa.types.is_timestamp(times.type):
        return table
    after = pc.greater_equal(times, pa.scalar(window.start, times.type))
    before = pc.less(times, pa.scalar(window.end, times.type))
    return table.filter(pc.and_(after, before))


def _records_inside(
    records: list[dict[str, Any]], name: str, window: Window
) -> list[dict[str, Any]]:
    timeless = sum(record.get(name) is None for record in records)
    if timeless:
        raise _timeless(timeless, name)
    return [record for record in records if window.start <= record[name] < window.end]


def _timeless(count: int, name: str) -> FileError:
    return FileError(
        f"{count} rows have no time in the column {name!r}, so no window is theirs",
        way_out="Load without start_date, or ask the vendor.",
    )
