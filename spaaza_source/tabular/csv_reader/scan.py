"""Scans a whole CSV file in one pass: cuts it into pieces, judges each, collects its bad rows."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.errors import EncodingError, FileError, MalformedFileError
from spaaza_source.tabular.column_types import TIMESTAMP
from spaaza_source.tabular.csv_reader.damage import StructureLostError
from spaaza_source.tabular.csv_reader.layout import UTF8_BOM, read_layout
from spaaza_source.tabular.csv_reader.parse import only_chunk, parse_rows, parse_texts
from spaaza_source.tabular.csv_reader.spans import ByteSpan
from spaaza_source.tabular.csv_reader.structure import (
    BadRecord,
    RecordBounds,
    WholeRecords,
    cut_records,
    find_records,
)
from spaaza_source.tabular.csv_reader.utf8 import find_text_end
from spaaza_source.tabular.dialects.dialect import Dialect, advise
from spaaza_source.tabular.dialects.value_forms import standard_forms
from spaaza_source.tabular.header import printable_name
from spaaza_source.tabular.instants import NO_INSTANT, find_no_instants
from spaaza_source.tabular.rejected import SOUND_FILE_HINT, RejectedRow, RejectedRows
from spaaza_source.tabular.source_file import LONGEST_RECORD, SourceBytes

BLOCK = 4 * 2**20
_SECOND_TABLE = 3
HEADER_REPEATED = "the header is repeated"
EMPTY_ROW = "every cell is empty"


@dataclass(frozen=True)
class Piece:
    """Whole records of a file that are not judged yet, from a byte offset on."""

    offset: int
    records: WholeRecords


@dataclass(frozen=True)
class Judged:
    """The records of a piece, and the bad ones among them.

    Attributes:
        piece: The piece.
        bounds: Its records.
        texts: The cells of the good ones, as an Arrow table of texts; those of a file that is
            refused anyway are not read.
    """

    piece: Piece
    bounds: RecordBounds
    texts: Any


class Scan:
    """One pass over a file: judge each of its `pieces`, `add` them in their order, and `finish`.

    Args:
        file: The file, open for reading bytes, at its start.
        rejected: Gets the bad rows.
        dialect: How the file is written, as its owner has declared; None for a vendor's.

    Attributes:
        instants: The number of the column, from 0, that must hold an instant in each good row; None
            without one.

    Raises:
        FileError: Here and from each method: the file must not be loaded.
    """

    def __init__(
        self, file: SourceBytes, rejected: RejectedRows, dialect: Dialect | None = None
    ) -> None:
        self.instants: int | None = None
        self._has_instants = True
        self._first_is_judged = threading.Event()
        self._file = file
        self._bad = rejected
        self.declared = dialect
        start = file.read(BLOCK)
        layout = read_layout(start, dialect, whole=len(start) < BLOCK)
        while layout is None:
            more = file.read(BLOCK)
            start += more
            self._refuse_long_record(start, 0)
            layout = read_layout(start, dialect, whole=not more)
        self.layout = layout
        self.rows = 0
        self.rejected = rejected.rows
        self.spans: list[ByteSpan] = []
        self.ends_with_newline = start[layout.rows_offset - 1 :][:1] in (b"\n", b"\r")
        self._rest = start[layout.rows_offset :]
        self._line = layout.rows_line
        self._has_crlf = start[: layout.rows_offset].endswith(b"\r\n")
        self._crlf_ends = int(self._has_crlf)
        self._ends = int(self.ends_with_newline)
        self._blank_before = False
        self._run_width: int | None = None
        self._run_length = self._run_end = 0

    def pieces(self) -> Iterator[Piece | FileError]:
        """The file in pieces; at last an error where it cannot be read on.

        An error is no exception here, for the pieces before it are to be judged first.
        """
        try:
            yield from self._cut()
        except FileError as failure:
            yield failure

    def _cut(self) -> Iterator[Piece]:
        data, checked, offset = self._rest, 0, self.layout.rows_offset
        self._rest = b""
        last = False
        while not last:
            block = self._file.read(BLOCK)
            last = not block
            data = data + block if data else block
            checked = self._check_encoding(data, checked, offset, last=last)
            if last:
                data = self._complete_end(data, offset)
            records = self._cut_records(data, offset, last=last)
            length = len(records.data)
            if length:
                yield Piece(offset, records)
                offset += length
                data = data[length:]
                checked = max(0, checked - length)
            self._refuse_long_record(data, offset)

    def judge(self, piece: Piece | FileError) -> Judged:
        """Find the records of a piece, and read the good ones; may be called from any thread."""
        if isinstance(piece, FileError):
            self._first_is_judged.set()
            raise piece
        try:
            return self._judge(piece)
        finally:
            if piece.offset == self.layout.rows_offset:
                self._first_is_judged.set()

    def _judge(self, piece: Piece) -> Judged:
        records = piece.records
        # Where no record is bad, it is quicker to have the other reader compare their widths.
        bounds = find_records(records, self.layout, widths=False)
        texts = None if bounds.bad else parse_texts(records.data, self.layout)
        if texts is None or texts.num_rows != len(bounds.ends):
            bounds = find_records(records, self.layout)
            texts = self._read_good(piece, bounds)
        texts = self._reject((HEADER_REPEATED, 1), self._find_headers(texts), piece, bounds, texts)
        if self.declared is not None:
            # A spreadsheet program writes rows that it has once had something in.
            texts = self._reject((EMPTY_ROW, None), _find_empty(texts), piece, bounds, texts)
        if self.instants is not None and texts.num_rows:
            rows = self._find_no_instants(piece, only_chunk(texts.column(str(self.instants))))
            fault = (NO_INSTANT, self.instants + 1)
            texts = self._reject(fault, rows, piece, bounds, texts)
        return Judged(piece, bounds, texts)

    def _find_no_instants(self, piece: Piece, times: Any) -> list[int]:
        """The rows without an instant; none where the first piece shows that most have none."""
        rows = find_no_instants(standard_forms(times, self.layout.dialect, TIMESTAMP))
        if piece.offset == self.layout.rows_offset:
            self._has_instants = 2 * len(rows) <= len(times)
        else:
            self._first_is_judged.wait()
        return rows if self._has_instants else []

    def _reject(
        self,
        fault: tuple[str, int | None],
        rows: Sequence[int],
        piece: Piece,
        bounds: RecordBounds,
        texts: Any,
    ) -> Any:
        """Make bad records of some good rows, for a reason; returns the cells of the others."""
        if not rows:
            return texts
        good = np.delete(np.arange(len(bounds.ends)), [record.index for record in bounds.bad])
        bounds.reject(fault, [int(good[row]) for row in rows], piece.records)
        return self._read_good(piece, bounds)

    def _read_good(self, piece: Piece, bounds: RecordBounds) -> Any:
        # Arrow would take each of mixed record ends for one.
        is_refused = bounds.stray_line_feed is not None
        span = _span(piece, bounds)
        data = b"" if is_refused else span.good_bytes(piece.records.data)
        return parse_rows(data, self.layout, 0 if is_refused else span.rows)

    def _find_headers(self, texts: Any) -> list[int]:
        """The rows that have the header's cells, however they are quoted.

        Where files were put together, a mark may precede them. In a file of one column a value may
        equal its header.
        """
        first, *others = self.layout.header
        forms = pa.array([first, f"{UTF8_BOM.decode()}{first}"])
        rows = np.flatnonzero(pc.is_in(texts.column("0"), value_set=forms))
        for number, cell in enumerate(others, 1):
            if not len(rows):
                break
            cells = texts.column(str(number)).take(pa.array(rows))
            rows = rows[np.asarray(pc.is_in(cells, value_set=pa.array([cell])))]
        return [int(row) for row in rows]

    def add(self, judged: Judged) -> ByteSpan:
        """Take note of a piece: count its records, and collect the bad ones."""
        bounds, data = judged.bounds, judged.piece.records.data
        offset, bad = judged.piece.offset, judged.bounds.bad
        self._count_ends(judged)
        self._check_blank_lines(bad, len(bounds.ends), offset)
        for record in bad:
            self._follow_width(record)
        line, at = self._line, 0
        for record in bad:
            line += data.count(self.layout.line_end, at, record.start)
            at = record.start
            raw = data[record.start : record.end]
            self._bad.add(
                RejectedRow(line, offset + record.start, record.reason, record.column, raw)
            )
        self._line += bounds.lines
        span = _span(judged.piece, bounds)
        self.rows += span.rows
        if span.rows:
            self.spans.append(span)
        return span

    def _complete_end(self, data: bytes, offset: int) -> bytes:
        """The last bytes of the file, with a record end if the file has none."""
        if not data:
            return data
        end = bytes([self.layout.line_end])
        self.ends_with_newline = data.endswith(end)
        if self.ends_with_newline:
            return data
        if data.endswith(b"\r"):
            raise MalformedFileError(
                f"the file ends in the middle of a record end, byte offset {offset + len(data)}",
                hint=SOUND_FILE_HINT,
            )
        if self._has_crlf:
            end = b"\r\n"
        return data + end

    def _check_encoding(self, data: bytes, checked: int, offset: int, *, last: bool) -> int:
        """Check that bytes are UTF-8, from `checked` on; return the end of the last character."""
        part = data[checked:] if checked else data
        try:
            return checked + find_text_end(part, last=last)
        except UnicodeDecodeError as error:
            raise EncodingError(
                "the file is not UTF-8 text",
                where=self._place(offset + checked + error.start),
                hint=advise(self.declared, "encoding=cp1252", "Ask for the file in UTF-8."),
            ) from None

    def _location(self, data: bytes, at: int, offset: int) -> str:
        line = self._line + data.count(self.layout.line_end, 0, at)
        return f"line {line}, byte offset {offset + at}"

    def _place(self, offset: int) -> str:
        """A place before which not all pieces are judged, so that its line is not known yet."""
        return f"line {self._line_at(offset)}, byte offset {offset}"

    def _line_at(self, offset: int) -> int:
        """The line of a byte; slow, as it reads the file up to there once more."""
        self._file.seek(self.layout.rows_offset)
        left, line = offset - self.layout.rows_offset, self.layout.rows_line
        while left > 0 and (block := self._file.read(min(left, BLOCK))):
            line += block.count(self.layout.line_end)
            left -= len(block)
        return line

    def _cut_records(self, data: bytes, offset: int, *, last: bool) -> WholeRecords:
        try:
            overlong = len(data) > LONGEST_RECORD + BLOCK
            return cut_records(data, self.layout, last=last, overlong=overlong)
        except StructureLostError as error:
            place = self._place(offset + error.offset)
            where = f"{place}, column {self._column(error.column)}"
            raise MalformedFileError(error.cause, where=where, hint=SOUND_FILE_HINT) from None

    def _refuse_long_record(self, data: bytes, offset: int) -> None:
        if len(data) > LONGEST_RECORD + BLOCK:
            line = self._line_at(offset) if offset else 1
            raise MalformedFileError(
                f"a row is longer than {LONGEST_RECORD // 2**20} MiB: a quote may be unclosed",
                where=f"line {line}",
                hint=SOUND_FILE_HINT,
            )

    def _column(self, number: int) -> str:
        if number > self.layout.width:
            return str(number)
        return f"{number} ({printable_name(self.layout.header[number - 1])})"

    def _count_ends(self, judged: Judged) -> None:
        bounds = judged.bounds
        if bounds.stray_line_feed is not None:
            data, offset = judged.piece.records.data, judged.piece.offset
            raise self._mixed(self._location(data, bounds.stray_line_feed, offset))
        # How a bad row ends makes no other one uncertain.
        self._ends += len(bounds.ends) - len(bounds.bad)
        crlf = len(b"\r\n")
        self._crlf_ends += bounds.ends_with_cr
        self._crlf_ends -= sum(record.after - record.end == crlf for record in bounds.bad)

    def _mixed(self, where: str | None = None) -> FileError:
        return MalformedFileError(
            "different record ends are mixed, so the rows are uncertain",
            where=where,
            hint="Ask for the same record end in the whole file.",
        )

    def _check_blank_lines(self, bad: list[BadRecord], records: int, offset: int) -> None:
        """Raise an error for empty lines before a good row: two tables, or text above one."""
        # A row that is a bad one for its cells shows a second table too.
        by_cells = (HEADER_REPEATED, NO_INSTANT, EMPTY_ROW)
        bad_indexes = {record.index for record in bad if record.reason not in by_cells}
        after_blank = [(0, 0)] if self._blank_before else []
        after_blank += [(record.index + 1, record.after) for record in bad if record.blank]
        for index, start in after_blank:
            if index < records and index not in bad_indexes:
                raise MalformedFileError(
                    "an empty line precedes a row, as if the file had two tables",
                    where=f"the row at byte offset {offset + start}",
                    hint="Ask for one table in one file.",
                )
        self._blank_before = bool(bad) and bad[-1].blank and bad[-1].index == records - 1

    def _follow_width(self, record: BadRecord) -> None:
        """Follow the last run of bad rows of one width, up to the row number `_run_end`."""
        number = self.rows + len(self.rejected) + record.index
        continues = number == self._run_end and record.width == self._run_width
        self._run_length = self._run_length + 1 if continues else 1
        self._run_width, self._run_end = record.width, number + 1

    def finish(self) -> None:
        """Refuse faults that only the whole file shows."""
        if 0 < self._crlf_ends < self._ends and (self.rejected or self.layout.width == 1):
            raise self._mixed()
        at_end = self._run_end == self.rows + len(self.rejected) and self._run_width is not None
        if at_end and not self.ends_with_newline:
            raise MalformedFileError(
                f"the last row has no record end and {self._run_width} cells where the header has "
                f"{self.layout.width}: the file is cut short",
                where=self.rejected[-1].location,
                hint="Fetch the file again.",
            )
        if at_end and self._run_length >= _SECOND_TABLE:
            raise MalformedFileError(
                f"the last {self._run_length} rows have {self._run_width} cells where the header "
                f"has {self.layout.width}, as if a second table followed",
                where=self.rejected[-self._run_length].location,
                hint=self._advise_table(self.rejected[-self._run_length]),
            )
        self._bad.check_number(self.rows)

    def _advise_table(self, row: RejectedRow) -> str:
        """The hint for a file in which another table begins with a row, as after a title."""
        hint = "Ask for one table in one file."
        if self.layout.width > 1 or self.rows >= self._run_length:
            return hint
        if self.layout.dialect.delimiter == "," and 2 * row.raw.count(b";") > row.raw.count(b","):
            # Commas may be of numbers: first the cells are to be told apart.
            return advise(self.declared, "delimiter=;", hint)
        return advise(self.declared, f"skip_leading={row.line - 1}", hint)


def _find_empty(texts: Any) -> list[int]:
    """The rows without any value; in a file of one column each has a right to be."""
    if texts.num_columns == 1 or not texts.num_rows:
        return []
    empty = np.ones(texts.num_rows, np.bool_)
    for column in texts.columns:
        empty &= np.asarray(only_chunk(column).is_null())
        if not empty.any():
            return []
    return [int(row) for row in np.flatnonzero(empty)]


def _span(piece: Piece, bounds: RecordBounds) -> ByteSpan:
    skipped = tuple((record.start, record.after) for record in bounds.bad)
    rows = len(bounds.ends) - len(bounds.bad)
    return ByteSpan(piece.offset, len(piece.records.data), rows, skipped)
