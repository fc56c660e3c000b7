"""Reads the cells of CSV records as an Arrow table of texts, whose columns are their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pyarrow.csv as arrow_csv

from spaaza_source.errors import MalformedFileError
from spaaza_source.tabular.csv_reader.layout import UTF8_BOM, Layout
from spaaza_source.tabular.dialects.dialect import NO_QUOTE


def parse_rows(data: bytes, layout: Layout, rows: int, include: Sequence[int] | None = None) -> Any:
    """The cells of rows that are sound; an empty one is NULL.

    Args:
        data: The rows.
        layout: The file's: each row has as many cells as the header.
        rows: How many rows there are.
        include: The numbers of the columns to read, from 0; None for all.

    Raises:
        MalformedFileError: Arrow finds other rows in them.
    """
    texts = parse_texts(data, layout, include) if rows else _no_rows(layout.width)
    if texts is None:
        raise _disagreement(f"{rows} rows, or bytes that are not rows")
    if texts.num_rows != rows:
        raise _disagreement(f"{rows} rows or {texts.num_rows}")
    return texts


def parse_texts(data: bytes, layout: Layout, include: Sequence[int] | None = None) -> Any | None:
    """As `parse_rows`, for any rows; None if not every row has so many cells."""
    if data.startswith(UTF8_BOM):
        # Arrow drops a mark at the start of what it reads; here it belongs to a cell.
        data = UTF8_BOM + data
    names = [str(index) for index in range(layout.width)]
    delimiter, quote = layout.dialect.delimiter, layout.dialect.quote
    # Arrow's message quotes the row, so neither it nor its traceback may be passed on.
    with suppress(pa.ArrowInvalid):
        return arrow_csv.read_csv(
            pa.BufferReader(data),
            read_options=arrow_csv.ReadOptions(
                use_threads=False, block_size=len(data) + 1, column_names=names
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=delimiter,
                quote_char=False if quote == NO_QUOTE else quote,
                newlines_in_values=True,
                ignore_empty_lines=False,
            ),
            convert_options=arrow_csv.ConvertOptions(
                check_utf8=False,  # the scan has done that
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=names if include is None else [names[index] for index in include],
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    return None


def only_chunk(cells: Any) -> Any:
    """The cells of a column of one piece, which has one chunk; `combine_chunks` would copy it."""
    return cells.chunk(0) if cells.num_chunks else pa.array([], cells.type)


def _no_rows(width: int) -> Any:
    # Arrow refuses to read nothing.
    return pa.schema([(str(index), pa.string()) for index in range(width)]).empty_table()


def _disagreement(about: str) -> MalformedFileError:
    return MalformedFileError(
        f"two readers disagree about a part of the file: {about}",
        hint="Report this, with the file's record ends and quotes.",
    )
