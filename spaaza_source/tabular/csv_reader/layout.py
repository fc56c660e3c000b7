"""The layout of a CSV file: byte order mark, header record and record ends, strictly read."""

from __future__ import annotations

import re
from dataclasses import dataclass

from spaaza_source.errors import EncodingError, MalformedFileError
from spaaza_source.tabular.dialects.dialect import RFC_4180, Dialect, advise

LF, CR = 0x0A, 0x0D
UTF8_BOM = b"\xef\xbb\xbf"

_OTHER_ENCODINGS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_LINE_END = re.compile(rb"\r\n|\r|\n")
_NO_TABLE = re.compile(rb"\s*(<|\{|\[\s*[\[\]{\"\d])")
_WORDS = (b"null", b"true", b"false")
"""Markup, objects, lists and JSON's words: what a server's error page is often made of."""
_ZIP = b"PK\x03\x04"
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
    dialect: Dialect = RFC_4180

    @property
    def width(self) -> int:
        """How many cells each record has."""
        return len(self.header)

    @property
    def delimiter(self) -> int:
        """The byte between two cells."""
        return ord(self.dialect.delimiter)

    @property
    def quote(self) -> int:
        """The byte around a cell in quotes."""
        return ord(self.dialect.quote)

    @property
    def quote_mark(self) -> bytes:
        """The same, as bytes."""
        return bytes([self.quote])


def read_layout(start: bytes, dialect: Dialect | None = None, *, whole: bool) -> Layout | None:
    """Read the header record from the first bytes of a file.

    Args:
        start: The file's first bytes.
        dialect: As declared; None for a file that must be as in RFC 4180.
        whole: Whether these are all of the file.

    Returns:
        The layout, or None when the header needs more bytes than these.

    Raises:
        EncodingError: The header is not UTF-8; the byte offset is named.
        MalformedFileError: The file is no such table, or has no record at all.
    """
    for mark, name in _OTHER_ENCODINGS:
        if start.startswith(mark):
            raise EncodingError(
                f"the file is {name}, byte offset 0",
                hint=advise(dialect, f"encoding={name.lower()}", _HINT),
            )
    if dialect is not None and start.startswith(_ZIP):
        raise MalformedFileError(
            "the file is a workbook or a ZIP archive", hint="Save it as CSV, or unpack it."
        )
    mark_end = len(UTF8_BOM) if start.startswith(UTF8_BOM) else 0
    begin = _skip_lines(start, mark_end, dialect, whole=whole)
    if begin is None:
        return None
    if whole and begin == len(start):
        raise MalformedFileError("the file is empty, without even a header", hint=_HINT)
    if _NO_TABLE.match(start, begin) or (whole and start[begin:].strip() in _WORDS):
        raise MalformedFileError("the file is markup or JSON, not a table", hint=_HINT)
    return _Header(dialect).read(start, begin, whole=whole)


def _skip_lines(start: bytes, at: int, dialect: Dialect | None, *, whole: bool) -> int | None:
    """Where the header begins, after the declared lines; None where that needs more bytes."""
    count = 0 if dialect is None else dialect.skip_leading
    for number in range(count):
        found = _LINE_END.search(start, at)
        # A carriage return may be followed by a line feed.
        if found is None or (found.end() == len(start) and not whole):
            if whole:
                raise MalformedFileError(
                    f"the file has {number} lines before its last, fewer than are to be skipped",
                    hint="Lower skip_leading of the dialect.",
                )
            return None
        at = found.end()
    return at


class _Header:
    """Reads a file's header record, by its dialect.

    Args:
        declared: The dialect; None for a file that must be as in RFC 4180.
    """

    def __init__(self, declared: Dialect | None) -> None:
        self._declared = declared
        self._dialect = dialect = declared or RFC_4180
        self._delimiter = bytes([ord(dialect.delimiter)])
        self._quote = bytes([ord(dialect.quote)])
        quote, delimiter = re.escape(self._quote), re.escape(self._delimiter)
        inside = b"[^%b]*" % quote
        #: A cell: in quotes, or plain.
        self._cell = re.compile(
            b"%b%b(?:%b%b%b)*%b(?!%b)|[^%b%b\\r\\n]*"
            % (quote, inside, quote, quote, inside, quote, quote, delimiter, quote)
        )

    def read(self, start: bytes, begin: int, *, whole: bool) -> Layout | None:
        """As `read_layout`, of a header that begins at a byte."""
        record = self._read_record(start, begin, whole=whole)
        if record is None:
            return None
        raw_cells, end, after = record
        raw = start[begin:end]
        if b"\x00" in raw:
            raise self._found_nul(start, begin + raw.index(0))
        try:
            raw.decode()
        except UnicodeDecodeError as error:
            raise EncodingError(
                f"the header is not UTF-8 text, byte offset {begin + error.start}",
                hint=advise(self._declared, "encoding=cp1252", _HINT),
            ) from None
        line_end = CR if start[after - 1 : after] == b"\r" and after > end else LF
        self._refuse_other_dialects(raw, raw_cells, start[after:], line_end)
        return Layout(
            header=tuple(self._unquote(cell).decode() for cell in raw_cells),
            line_end=line_end,
            rows_offset=after,
            # Before the header a line may end otherwise.
            rows_line=1
            + len(_LINE_END.findall(start[:begin]))
            + start.count(bytes([line_end]), begin, after),
            dialect=self._dialect,
        )

    def _read_record(
        self, data: bytes, begin: int, *, whole: bool
    ) -> tuple[list[bytes], int, int] | None:
        """The raw cells of the first record, its end, and the start of the next record."""
        cells: list[bytes] = []
        at = begin
        while True:
            end = next(self._cell.finditer(data, at)).end()
            following = data[end : end + 2]
            if len(following) < 2 and not whole:  # noqa: PLR2004 - a record end has two bytes
                return None
            quoted = data[at : at + 1] == self._quote
            if quoted and end == at:
                if not whole:
                    return None
                raise _broken("a quote that never closes", at)
            if following[:1] not in (self._delimiter, b"\n", b"\r", b""):
                raise _broken(
                    "text after a closing quote" if quoted else "a quote inside an unquoted cell",
                    end,
                )
            cells.append(data[at:end])
            if following[:1] != self._delimiter:
                return cells, end, end + (2 if following == b"\r\n" else len(following[:1]))
            at = end + 1

    def _found_nul(self, start: bytes, at: int) -> MalformedFileError:
        """The error for a header with a NUL; in UTF-16 without a mark every other byte is one."""
        error = _broken("a NUL", at)
        for name, zeros in (("utf-16-le", start[1:64:2]), ("utf-16-be", start[0:64:2])):
            if 2 * zeros.count(0) > len(zeros):
                error.hint = advise(self._declared, f"encoding={name}", _HINT)
        return error

    def _unquote(self, cell: bytes) -> bytes:
        if not cell.startswith(self._quote):
            return cell
        return cell[1:-1].replace(self._quote * 2, self._quote)

    def _refuse_other_dialects(
        self, raw: bytes, raw_cells: list[bytes], rows: bytes, line_end: int
    ) -> None:
        """Raise an error for a file that seems to have another delimiter or another quote.

        In a header of one column one other delimiter outside quotes is enough. In a wider header
        there must be more of them than of the file's own, and as many in each of the first rows: so
        that a semicolon in a column's name, or a decimal comma in a semicolon file, is not
        mistaken.
        """
        if raw.startswith(b"sep="):
            raise MalformedFileError(
                "a line for a spreadsheet program precedes the header",
                hint=advise(self._declared, "skip_leading=1", _HINT),
            )
        plain = (cell for cell in raw_cells if not cell.startswith(self._quote))
        unquoted = self._delimiter.join(plain)
        lines = rows.split(bytes([line_end]), _ROWS_COMPARED)[:_ROWS_COMPARED]
        own = _DELIMITERS.get(self._dialect.delimiter, f"{self._dialect.delimiter!r}")
        for delimiter, name in _DELIMITERS.items():
            count = unquoted.count(sign := delimiter.encode())
            if not count or sign == self._delimiter:
                continue
            alike = all(line.count(sign) >= count for line in lines if line.strip())
            if len(raw_cells) == 1 or (count >= len(raw_cells) and lines[0] and alike):
                typed = "tab" if delimiter == "\t" else delimiter
                raise MalformedFileError(
                    f"{name} divide the cells, not {own}",
                    hint=advise(self._declared, f"delimiter={typed}", _HINT),
                )
        has_own = self._dialect.quote == "'"
        if len(raw_cells) > 1 and not has_own and all(map(_has_apostrophes, raw_cells)):
            raise MalformedFileError(
                "apostrophes quote the header's cells",
                hint=advise(self._declared, "quote='", _HINT),
            )


def _broken(fault: str, at: int) -> MalformedFileError:
    return MalformedFileError(f"the header has {fault}, byte offset {at}", hint=_HINT)


def _has_apostrophes(cell: bytes) -> bool:
    return len(cell) > 1 and cell.startswith(b"'") and cell.endswith(b"'")
