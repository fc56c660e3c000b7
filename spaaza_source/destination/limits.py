"""Refuses tables that a destination can never take: names, numbers of columns, width of a row.

The destination would refuse them once the load package is made, which then could never be loaded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.errors import FileError

_POSTGRES_COLUMNS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})


@dataclass(frozen=True)
class Limits:
    """What a destination documents of its tables.

    Attributes:
        columns: The most columns of a table.
        reserved: Names that no column may have, in lower case.
        row_bytes: The most bytes of a row, long texts aside.
    """

    columns: int | None = None
    reserved: frozenset[str] = frozenset()
    row_bytes: int | None = None


#: By dlt's name of the destination. PostgreSQL: "Limits" and "System Columns" in its manual; a page
#: has 8 KiB. Redshift and BigQuery: "Quotas and limits" of each.
LIMITS = {
    "dlt.destinations.postgres": Limits(1600, _POSTGRES_COLUMNS, 8160),
    "dlt.destinations.redshift": Limits(1600, _POSTGRES_COLUMNS | {"oid"}),
    "dlt.destinations.bigquery": Limits(10_000),
}
#: Bytes that every row of PostgreSQL has beside its cells.
_ROW_HEADER = 24
#: Bytes in the row of a text that PostgreSQL stores elsewhere. One of so many bytes, with one more
#: for their number, stays in the row.
_POINTER = 18
_MOVED_FROM = 24
#: Bytes of any other cell, as the widest that dlt makes.
_CELL = 8
#: Bytes of the cells that dlt itself adds to a record: its id and that of the load.
_ROOT_CELLS = 15 + 19
#: To an element of a list: its id, those of its parent and its record, and its number.
_NESTED_CELLS = 3 * 15 + _CELL
#: What a user can do with columns that a destination does not take.
_WAY_OUT = (
    'Leave columns out: privacy = {{"{table}": {{"COLUMN": "drop"}}}}; or load into another'
    " destination."
)


def check_columns(
    pipeline: Any, table: str, columns: Collection[str], *, nested_in: str | None = None
) -> None:
    """Check that the pipeline's destination can have a table with these columns.

    Args:
        pipeline: Its destination.
        table: The table.
        columns: All that it will have, as dlt names them.
        nested_in: The table of the records, where this one is of their lists.

    Raises:
        FileError: It cannot.
    """
    limits = _limits(pipeline)
    name = pipeline.destination.destination_name
    root = nested_in or table
    reserved = sorted(column for column in columns if column.lower() in limits.reserved)
    if reserved:
        raise FileError(
            f"{name} keeps the name {reserved[0]} for a column of its own",
            where=table,
            hint=_way_out(root, table, reserved[0]),
        )
    if limits.columns is not None and len(columns) > limits.columns:
        raise FileError(
            f"{len(columns):,} columns are more than the {limits.columns:,} that a table of {name}"
            " can have",
            where=table,
            hint=_way_out(root, table),
        )


def check_row_width(pipeline: Any, table: str, rows: pa.Table) -> None:
    """Check that the pipeline's destination can store each of some rows.

    Raises:
        FileError: One is too wide.
    """
    most = _limits(pipeline).row_bytes
    if most is None or _ROW_HEADER + rows.num_columns * _POINTER <= most:
        return
    bits = -(-rows.num_columns // 8)
    width: Any = pa.scalar(_ROW_HEADER + bits)
    for cells in rows.columns:
        width = pc.add(width, _bytes_in_row(cells))
    widest = pc.max(width).as_py()
    if widest is not None and widest > most:
        raise _too_wide(pipeline, table, table, widest)


def check_record_width(pipeline: Any, table: str, records: Iterable[Mapping[str, Any]]) -> None:
    """Check that the pipeline's destination can store each row that dlt makes of some records.

    Args:
        pipeline: Its destination.
        table: The table of the records.
        records: Their objects become columns, and the elements of their lists rows of other tables.

    Raises:
        FileError: One is too wide.
    """
    most = _limits(pipeline).row_bytes
    if most is None:
        return
    for record in records:
        for path, width in _row_widths(record, (), _ROOT_CELLS):
            if width > most:
                raise _too_wide(pipeline, table, "__".join((table, *path)), width)


def _row_widths(
    row: Mapping[str, Any], path: tuple[str, ...], own: int
) -> Iterator[tuple[tuple[str, ...], int]]:
    """The bytes of each row that an object becomes, with the path of the lists that it is in."""
    width, cells = _ROW_HEADER + own, 0
    waiting: list[tuple[tuple[str, ...], Mapping[str, Any]]] = [(path, row)]
    while waiting:
        place, members = waiting.pop()
        for name, value in members.items():
            if isinstance(value, Mapping):
                waiting.append(((*place, name), value))
            elif isinstance(value, list):
                for each in value:
                    yield from _row_widths(each, (*place, name), _NESTED_CELLS)
            else:
                cells += 1
                width += _bytes_of(value)
    yield path, width + -(-cells // 8)


def _bytes_of(value: Any) -> int:
    if isinstance(value, str):
        inline = len(value.encode()) + 1
        return _POINTER if inline > _MOVED_FROM else inline
    return 0 if value is None else _CELL


def _too_wide(pipeline: Any, root: str, table: str, width: int) -> FileError:
    return FileError(
        f"a row takes {width:,} bytes beside its long texts, and a row of"
        f" {pipeline.destination.destination_name} can take {_limits(pipeline).row_bytes:,}",
        where=table,
        hint=_way_out(root, table),
    )


def _way_out(root: str, table: str, column: str = "COLUMN") -> str:
    """The setting that drops a column; those of lists are named with their path."""
    lists = table.removeprefix(root).strip("_")
    return _WAY_OUT.format(table=root).replace("COLUMN", f"{lists}__{column}".lstrip("_"))


def _bytes_in_row(cells: pa.ChunkedArray) -> Any:
    """The bytes of each cell that stay in the row; none of an empty one."""
    if pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type):
        inline = pc.add(pc.cast(pc.binary_length(cells), pa.int64()), 1)
        stored = pc.if_else(pc.greater(inline, _MOVED_FROM), pa.scalar(_POINTER), inline)
        return pc.fill_null(stored, 0)
    return pc.if_else(pc.is_valid(cells), pa.scalar(_CELL, pa.int64()), pa.scalar(0, pa.int64()))


def _limits(pipeline: Any) -> Limits:
    return LIMITS.get(str(pipeline.destination.destination_type), Limits())
