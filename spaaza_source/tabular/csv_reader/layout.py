"""The layout of a CSV file: byte order mark, header record and record ends, strictly read."""

from __future__ import annotations

import re
from dataclasses import dataclass

from spaaza_source.errors import EncodingError, MalformedFileError

COMMA, QUOTE, LF, CR = 0x2C, 0x22, 0x0A, 0x0D
UTF8_BOM = b"\xef\xbb\xbf"

_OTHER_ENCODINGS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_OTHER_DELIMITERS = {b";": "semicolons", b"\t": "tabs", b"|": "vertical bars"}
_CELL = re.compile(rb'"[^"]*(?:""[^"]*)*"(?!")|[^,"\r\n]*')
_NO_TABLE = re.compile(rb"\s*(<|\{|\[\s*[\[\]{\"\d])")
_WORDS = (b"null", b"true", b"false")
"""Markup, objects, lists and JSON's words: what a server's error page is often made of."""
_ROWS_COMPARED = 10
_HINT = "Ask for comma-separated values as in RFC 4180, in UTF-8, with a header row."


@dataclass(frozen=True)
class Layout:
    """What the first record of a file shows about the rest.

    `line_end` is the byte that ends a record: LF (with or without CR before it), or CR in a file
    whose header ends with a lone CR. `rows_offset` and `rows_line` are where the rows begin.
    """

    header: tuple[str, ...]
    line_end: int
    rows_offset: int
    rows_line: int

    @property
    def width(self) -> int:
        """How many cells each record has."""
        return len(self.header)


def read_layout(start: bytes, *, whole: bool) -> Layout | None:
    """Read the header record from the first bytes of a file.

    Args:
        start: The file's first bytes.
        whole: Whether these are all of the file.

    Returns:
        The layout, or None when the header needs more bytes than these.

    Raises:
        EncodingError: The header is not UTF-8; the byte offset is named.
        MalformedFileError: Not comma-separated values, or no record at all.
    """
    for mark, name in _OTHER_ENCODINGS:
        if start.startswith(mark):
            raise EncodingError(f"the file is {name}, byte offset 0", hint=_HINT)
    begin = len(UTF8_BOM) if start.startswith(UTF8_BOM) else 0
    if whole and begin == len(start):
        raise MalformedFileError("the file is empty, without even a header", hint=_HINT)
    if _NO_TABLE.match(start, begin) or (whole and start[begin:].strip() in _WORDS):
        raise MalformedFileError("the file is markup or JSON, not a table", hint=_HINT)
    record = _read_record(start, begin, whole=whole)
    if record is None:
        return None
    raw_cells, end, after = record
    raw = start[begin:end]
    if b"\x00" in raw:
        raise _broken("a NUL", begin + raw.index(0))
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        raise EncodingError(
            f"the header is not UTF-8 text, byte offset {begin + error.start}", hint=_HINT
        ) from None
    line_end = CR if start[after - 1 : after] == b"\r" and after > end else LF
    _refuse_other_delimiters(raw, raw_cells, start[after:], line_end)
    cells = tuple(cell.decode() for cell in map(_unquote, raw_cells))
    return Layout(
        header=cells,
        line_end=line_end,
        rows_offset=after,
        rows_line=1 + start.count(bytes([line_end]), begin, after),
    )


def _read_record(data: bytes, begin: int, *, whole: bool) -> tuple[list[bytes], int, int] | None:
    """The raw cells of the first record, its end, and the start of the next record."""
    cells: list[bytes] = []
    at = begin
    while True:
        end = next(_CELL.finditer(data, at)).end()
        following = data[end : end + 2]
        if len(following) < 2 and not whole:  # noqa: PLR2004 - a record end has two bytes at most
            return None
        quoted = data[at : at + 1] == b'"'
        if quoted and end == at:
            if not whole:
                return None
            raise _broken("a quote that never closes", at)
        if following[:1] not in (b",", b"\n", b"\r", b""):
            raise _broken(
                "text after a closing quote" if quoted else "a quote inside an unquoted cell", end
            )
        cells.append(data[at:end])
        if following[:1] != b",":
            return cells, end, end + (2 if following == b"\r\n" else len(following[:1]))
        at = end + 1


def _broken(fault: str, at: int) -> MalformedFileError:
    return MalformedFileError(f"the header has {fault}, byte offset {at}", hint=_HINT)


def _unquote(cell: bytes) -> bytes:
    return cell[1:-1].replace(b'""', b'"') if cell.startswith(b'"') else cell


def _refuse_other_delimiters(
    raw: bytes, raw_cells: list[bytes], rows: bytes, line_end: int
) -> None:
    """Raise an error for a file that seems to have another delimiter or another quote.

    In a header of one column one other delimiter outside quotes is enough. In a wider header there
    must be more of them than commas, and as many in each of the first rows: so that a semicolon in
    a column's name, or a decimal comma in a semicolon file, is not mistaken.
    """
    unquoted = b",".join(cell for cell in raw_cells if not cell.startswith(b'"'))
    lines = rows.split(bytes([line_end]), _ROWS_COMPARED)[:_ROWS_COMPARED]
    for delimiter, name in _OTHER_DELIMITERS.items():
        count = unquoted.count(delimiter)
        if not count:
            continue
        alike = all(line.count(delimiter) >= count for line in lines if line.strip())
        if len(raw_cells) == 1 or (count >= len(raw_cells) and lines[0] and alike):
            raise MalformedFileError(f"{name} divide the cells, not commas", hint=_HINT)
    if len(raw_cells) > 1 and all(_has_apostrophes(cell) for cell in raw_cells):
        raise MalformedFileError("apostrophes quote the header's cells", hint=_HINT)
    if raw.startswith(b"sep="):
        raise MalformedFileError("a line for a spreadsheet program precedes the header", hint=_HINT)


def _has_apostrophes(cell: bytes) -> bool:
    return len(cell) > 1 and cell.startswith(b"'") and cell.endswith(b"'")
