"""Packs the arrays of a batch, each of its own length, into an Arrow table that a spool keeps."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from spaaza_source.tabular.json_reader.columns import Arrays
from spaaza_source.tabular.spool import deserialize, serialize


def pack(arrays: Arrays) -> Any:
    """The arrays as bytes, in a `pyarrow.Buffer`: a table of one row, with a list of each."""
    lists = [
        pa.ListArray.from_arrays(pa.array([0, len(array)], pa.int32()), array)
        for array in arrays.values()
    ]
    return serialize(pa.table(lists, names=list(arrays)))


def unpack(data: bytes) -> Arrays:
    """The arrays of bytes that `pack` has made; their cells stay where they are."""
    table = deserialize(data)
    return {
        name: column.chunk(0).values
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
