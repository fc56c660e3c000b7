"""Scans a whole CSV file in one pass: yields its good rows in chunks, collects its bad rows."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from spaaza_source.errors import EncodingError, FileError, MalformedFileError
from spaaza_source.tabular.csv_reader.damage import StructureLostError
from spaaza_source.tabular.csv_reader.layout import CR, Layout, read_layout
from spaaza_source.tabular.csv_reader.structure import (
    BadRecord,
    RecordBounds,
    find_records,
)
from spaaza_source.tabular.header import printable_name
from spaaza_source.tabular.rejected import REJECTED_BYTES_KEPT, RejectedRow, RejectedRows
from spaaza_source.tabular.source_file import LONGEST_RECORD

BLOCK = 4 * 2**20
_SECOND_TABLE = 3
_HINT = "Ask the vendor for a sound file."


@dataclass(frozen=True)
class ByteSpan:
    """A span of whole records; `skipped` are the starts and ends of the bad ones within it."""

    offset: int
    length: int
    rows: int
    skipped: tuple[tuple[int, int], ...]

    def good_bytes(self, data: bytes) -> bytes:
        """The bytes of the good rows.

        Args:
            data: The span's bytes.
        """
        if not self.skipped:
            return data
        parts, at = [], 0
        for start, end in self.skipped:
            parts.append(data[at:start])
            at = end
        return b"".join([*parts, data[at:]])

    def start_of(self, row: int, data: bytes, layout: Layout) -> int:
        """Where a good row begins within the span.

        Args:
            row: The row's number among the span's good rows, from 0.
            data: The span's bytes.
            layout: The file's layout.
        """
        ends = find_records(self.good_bytes(data), layout, last=False).ends
        start = int(ends[row - 1]) + 1 if row else 0
        for bad, end in self.skipped:
            start += end - bad if bad <= start else 0
        return start


class Scan:
    """One pass over a file: iterate `chunks` to its end, then read the results.

    Args:
        file: The file, open for reading bytes, at its start.
        reject: Whether bad rows are kept in `rejected`; if not, the first one is an error.
        max_rejected_share: The largest share of all rows that may be bad, from 0 to 1.

    Raises:
        FileError: Here and from `chunks`: the file must not be loaded.
    """

    def __init__(self, file: BinaryIO, *, reject: bool, max_rejected_share: float) -> None:
        self._file = file
        self._bad = RejectedRows(
            reject=reject, max_share=max_rejected_share, bytes_kept=REJECTED_BYTES_KEPT
        )
        start = file.read(BLOCK)
        layout = read_layout(start, whole=len(start) < BLOCK)
        while layout is None:
            more = file.read(BLOCK)
            start += more
            _refuse_long_record(len(start), line=1)
            layout = read_layout(start, whole=not more)
        self.layout = layout
        self.rows = 0
        self.rejected = self._bad.rows
        self.spans: list[ByteSpan] = []
        self.ends_with_newline = start[layout.rows_offset - 1 :][:1] in (b"\n", b"\r")
        self._rest = start[layout.rows_offset :]
        self._offset = layout.rows_offset
        self._line = layout.rows_line
        self._crlf_ends = int(start[: layout.rows_offset].endswith(b"\r\n"))
        self._ends = int(self.ends_with_newline)
        self._blank_before = False
        self._run_width: int | None = None
        self._run_length = self._run_end = 0

    def chunks(self) -> Iterator[tuple[ByteSpan, bytes]]:
        """Every span with good rows, and the bytes of these rows only."""
        data, checked = self._rest, 0
        self._rest = b""
        last = False
        while not last:
            block = self._file.read(BLOCK)
            last = not block
            data += block
            checked = self._check_encoding(data, checked, last=last)
            if last:
                data = self._complete_end(data)
            bounds = self._find_records(data, last=last)
            if len(bounds.ends):
                span = self._add_records(data, bounds)
                if span.rows:
                    self.spans.append(span)
                    yield span, span.good_bytes(data[: span.length])
                self._offset += bounds.cut
                data = data[bounds.cut :]
                checked = max(0, checked - bounds.cut)
            _refuse_long_record(len(data), self._line)
        self._check_whole_file()

    def _complete_end(self, data: bytes) -> bytes:
        """The last bytes of the file, with a record end if the file has none."""
        if not data:
            return data
        end = bytes([self.layout.line_end])
        self.ends_with_newline = data.endswith(end)
        if self.ends_with_newline:
            return data
        if data.endswith(b"\r"):
            raise MalformedFileError(
                f"the file ends in the middle of a record end, byte offset "
                f"{self._offset + len(data)}",
                hint=_HINT,
            )
        if self._crlf_ends:
            end = b"\r\n"
        return data + end

    def _check_encoding(self, data: bytes, checked: int, *, last: bool) -> int:
        """Check that bytes are UTF-8, from `checked` on; return the end of the last character."""
        part = data[checked:] if checked else data
        if part.isascii() or _is_utf8(part):
            return len(data)
        try:
            _, length = codecs.utf_8_decode(part, "strict", last)
        except UnicodeDecodeError as error:
            raise EncodingError(
                "the file is not UTF-8 text",
                where=self._location(data, checked + error.start),
                hint="Ask for the file in UTF-8.",
            ) from None
        return checked + length

    def _location(self, data: bytes, at: int) -> str:
        line = self._line + data.count(self.layout.line_end, 0, at)
        return f"line {line}, byte offset {self._offset + at}"

    def _find_records(self, data: bytes, *, last: bool) -> RecordBounds:
        try:
            return find_records(data, self.layout, last=last)
        except StructureLostError as error:
            where = self._location(data, error.offset)
            if error.column is not None:
                where += f", column {self._column(error.column)}"
            raise MalformedFileError(error.cause, where=where, hint=_HINT) from None

    def _column(self, number: int) -> str:
        if number > self.layout.width:
            return str(number)
        return f"{number} ({printable_name(self.layout.header[number - 1])})"

    def _add_records(self, data: bytes, bounds: RecordBounds) -> ByteSpan:
        """Count the records of a block, collect the bad ones, advance the line."""
        found = [*self._repeated_headers(data, bounds), *bounds.bad]
        by_index = {record.index: record for record in found}
        bad = [by_index[index] for index in sorted(by_index)]
        self._count_ends(bounds, data)
        self._check_blank_lines(bad, len(bounds.ends))
        for record in bad:
            self._follow_width(record)
        line, at = self._line, 0
        for record in bad:
            line += data.count(self.layout.line_end, at, record.start)
            at = record.start
            raw = data[record.start : record.end]
            offset = self._offset + record.start
            self._bad.add(RejectedRow(line, offset, record.reason, record.column, raw))
        self._line = line + data.count(self.layout.line_end, at, bounds.cut)
        rows = len(bounds.ends) - len(bad)
        self.rows += rows
        skipped = tuple((record.start, record.after) for record in bad)
        return ByteSpan(self._offset, bounds.cut, rows, skipped)

    def _repeated_headers(self, data: bytes, bounds: RecordBounds) -> list[BadRecord]:
        """Records that repeat the header; an error if it has more than one column.

        In a file of one column a value may equal its header, so there it is a bad row.
        """
        repeated = []
        for at, form in self._header_offsets(data):
            index = int(np.searchsorted(bounds.ends, at))
            begin = int(bounds.ends[index - 1]) + 1 if index else 0
            if index == len(bounds.ends) or at != begin:
                continue  # inside a quoted cell, or in a record that is not complete yet
            if self.layout.width > 1:
                raise MalformedFileError(
                    "the header is repeated inside the file",
                    where=self._location(data, at),
                    hint="Ask for one table in one file.",
                )
            after = int(bounds.ends[index]) + 1
            reason = "the header is repeated"
            repeated.append(BadRecord(index, at, at + len(form), after, reason, column=1))
        return repeated

    def _header_offsets(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The offsets of lines that are the header's bytes, each with its form."""
        end = bytes([self.layout.line_end])
        tails = [end] if self.layout.line_end == CR else [b"\n", b"\r\n"]
        for form in self.layout.header_forms:
            for tail in tails:
                if data.startswith(form + tail):
                    yield 0, form
                at = data.find(end + form + tail) + 1
                while at:
                    yield at, form
                    at = data.find(end + form + tail, at) + 1

    def _count_ends(self, bounds: RecordBounds, data: bytes) -> None:
        stray = bounds.stray_line_feed
        if stray is not None:
            raise self._mixed(self._location(data, stray))
        self._ends += len(bounds.ends)
        self._crlf_ends += bounds.ends_with_cr

    def _mixed(self, where: str | None = None) -> FileError:
        return MalformedFileError(
            "different record ends are mixed, so the rows are uncertain",
            where=where,
            hint="Ask for the same record end in the whole file.",
        )

    def _check_blank_lines(self, bad: list[BadRecord], records: int) -> None:
        """Raise an error for empty lines before a good row: two tables, or text above one."""
        bad_indexes = {record.index for record in bad}
        after_blank = [(0, 0)] if self._blank_before else []
        after_blank += [(record.index + 1, record.after) for record in bad if record.blank]
        for index, start in after_blank:
            if index < records and index not in bad_indexes:
                raise MalformedFileError(
                    "an empty line precedes a row, as if the file had two tables",
                    where=f"the row at byte offset {self._offset + start}",
                    hint="Ask for one table in one file.",
                )
        self._blank_before = bool(bad) and bad[-1].blank and bad[-1].index == records - 1

    def _follow_width(self, record: BadRecord) -> None:
        """Follow the last run of bad rows of one width, up to the row number `_run_end`."""
        number = self.rows + len(self.rejected) + record.index
        continues = number == self._run_end and record.width == self._run_width
        self._run_length = self._run_length + 1 if continues else 1
        self._run_width, self._run_end = record.width, number + 1

    def _check_whole_file(self) -> None:
        """Raise an error for faults that only the whole file shows."""
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
                hint="Ask for one table in one file.",
            )
        self._bad.check_share(self.rows)


def _refuse_long_record(length: int, line: int) -> None:
    if length > LONGEST_RECORD + BLOCK:
        raise MalformedFileError(
            f"a row is longer than {LONGEST_RECORD // 2**20} MiB: a quote may be unclosed",
            where=f"line {line}",
            hint=_HINT,
        )


def _is_utf8(data: bytes) -> bool:
    """Whether all of the bytes are whole UTF-8 characters; faster than decoding them."""
    offsets = pa.py_buffer(np.array([0, len(data)], np.int32))
    try:
        pa.StringArray.from_buffers(1, offsets, pa.py_buffer(data)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
