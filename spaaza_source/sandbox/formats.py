"""Writes rows as CSV or JSON, a block at a time, column by column.

pyarrow's own CSV writer can quote every text cell or none; the vendor's printed samples quote only
where they must. So the cells are joined here, and the text buffer of Arrow's joined rows is the
file: records end in LF, an empty cell is a missing value, quotes follow RFC 4180.
"""

import json
import re
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_NEEDS_QUOTES = re.compile(rb'[",\r\n]')
_NEEDS_ESCAPE = re.compile(rb'["\\\x00-\x1f]')
_JSON_ESCAPES = {
    "\\": "\\\\",
    '"': '\\"',
    **{chr(code): f"\\u{code:04x}" for code in range(0x20)},
}


def file_parts(export_format: str, blocks: Iterable[pa.Table]) -> Iterator[bytes]:
    """The parts of a file of one block or more; `export_format` is `csv` or `json`."""
    return (_csv_parts if export_format == "csv" else _json_parts)(blocks)


def as_text(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Cells as text: `true`, `12.50`, `2026-05-26T12:00:00Z`; missing ones stay missing."""
    if not pa.types.is_timestamp(cells.type):
        return pc.cast(cells, pa.string())
    # Without the zone the cast is ten times faster; the zone is UTC in every column.
    local = pc.cast(cells, pa.timestamp(cells.type.unit))
    dated = pc.utf8_replace_slice(pc.cast(local, pa.string()), 10, 11, "T")
    return pc.binary_join_element_wise(dated, "Z", "")


def _csv_parts(blocks: Iterable[pa.Table]) -> Iterator[bytes]:
    for position, block in enumerate(blocks):
        if not position:
            header = _quote(pa.array(block.column_names, pa.string()))
            yield ",".join(header.to_pylist()).encode() + b"\n"
        cells = [_csv_cells(column) for column in _columns(block)]
        cells[-1] = _join(cells[-1], "\n")
        yield _to_bytes(_join(*cells, separator=","))


def _json_parts(blocks: Iterable[pa.Table]) -> Iterator[bytes]:
    opening = "[\n"
    for block in blocks:
        if not block.num_rows:
            continue
        parts: list[pa.Array | str] = []
        for name, column in zip(block.column_names, _columns(block), strict=True):
            parts += ["," if parts else "{", json.dumps(name) + ":", _json_cells(column)]
        text = _to_bytes(_join(*parts, "},\n"))
        # The comma after a row is written before the next block, so that the last row has none.
        yield opening.encode() + text[:-2]
        opening = ",\n"
    yield b"[]\n" if opening == "[\n" else b"\n]\n"


def _columns(block: pa.Table) -> list[pa.Array]:
    return [column.combine_chunks() for column in block.columns]


def _join(*parts: pa.Array | str, separator: str = "") -> pa.Array:
    return pc.binary_join_element_wise(
        *parts, separator, null_handling="replace", null_replacement=""
    )


def _to_bytes(lines: pa.Array) -> bytes:
    # The array's data buffer has the rows one after the other, each with its line end.
    if not len(lines):
        return b""
    _, offsets, data = lines.buffers()
    end = int(np.frombuffer(offsets, np.int32)[len(lines)])
    return bytes(data[:end])


def _csv_cells(cells: pa.Array) -> pa.Array:
    text = as_text(cells)
    return _quote(text) if pa.types.is_string(cells.type) else text


def _quote(text: pa.Array) -> pa.Array:
    if not _contains(_NEEDS_QUOTES, text):
        return text
    special = pc.match_substring_regex(text, '[",\r\n]')
    quoted = _join('"', pc.replace_substring(text, '"', '""'), '"')
    return pc.if_else(special, quoted, text)


def _json_cells(cells: pa.Array) -> pa.Array:
    kind = cells.type
    text = as_text(cells)
    if pa.types.is_string(kind) and _contains(_NEEDS_ESCAPE, text):
        for character, escape in _JSON_ESCAPES.items():
            text = pc.replace_substring(text, character, escape)
    if pa.types.is_string(kind) or pa.types.is_temporal(kind):
        text = pc.binary_join_element_wise('"', text, '"', "")
    return pc.fill_null(text, "null")


def _contains(characters: re.Pattern[bytes], text: pa.Array) -> bool:
    # One scan of the whole buffer: most columns have no such character at all.
    data = text.buffers()[2]
    return data is not None and characters.search(data) is not None
