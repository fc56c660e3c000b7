"""Compares the cells of a key: of tables of unlike types, and of records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.normalizers.naming import NamingConvention

#: The names of a key's columns.
Key = tuple[str, ...]


def cell_at(record: Mapping[str, Any], column: str) -> Any:
    """A record's cell of a column as dlt names it: by a path, if it is of an object in it."""
    cell: Any = record
    for part in column.split(NamingConvention.PATH_SEPARATOR):
        cell = cell.get(part) if isinstance(cell, Mapping) else None
    return record.get(column) if cell is None else cell


def is_in(cells: pa.Table, others: pa.Table) -> pa.ChunkedArray:
    """Which of some rows' keys are among those of others; the columns in one order."""
    if cells.num_columns == 1 and cells.schema.types == others.schema.types:
        return pc.is_in(cells.column(0), value_set=others.column(0))
    return pc.is_in(join_cells(cells), value_set=join_cells(others))


def join_cells(cells: pa.Table) -> pa.ChunkedArray:
    """Each row's key as one text: tables have types of their own."""
    texts = [_as_text(column) for column in cells.columns]
    return texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, "\x1f")


def _as_text(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(cells.type):
        # A database tells times in the zone of its session.
        cells = cells.cast(pa.timestamp("us", "UTC"))
    return cells.cast(pa.string())


def count_among(cells: pa.Table, others: pa.Table) -> pa.ChunkedArray:
    """How many rows of others have each of some rows' cells; the columns in one order."""
    if cells.num_columns > 1 or cells.schema.types != others.schema.types:
        cells, others = (pa.table({"cells": join_cells(each)}) for each in (cells, others))
    counts = others.group_by(others.column_names).aggregate([([], "count_all")])
    found = pc.index_in(cells.column(0), value_set=counts.column(0))
    return pc.fill_null(counts.column(1).take(found), 0)


def has_columns(rows: pa.Table, key: Key) -> bool:
    """Whether the rows have the columns of a key."""
    return set(rows.column_names).issuperset(key)
