"""A record that breaks the rules for quotes: where it ends, or that nobody can tell.

To reject one record and go on with the next is safe only if it is certain where the next begins.
"""

from __future__ import annotations

from dataclasses import dataclass

from spaaza_source.tabular.csv_reader.layout import COMMA, CR, LF, QUOTE, Layout

_BACKSLASH = 0x5C


@dataclass(frozen=True)
class Damage:
    """A damaged record from `start` up to and with the byte that ends it, at `end - 1`."""

    start: int
    end: int
    reason: str
    column: int


class MoreBytesNeeded(Exception):  # noqa: N818 - a request for the next block, not an error
    """The record goes on after the bytes given."""


class StructureLostError(Exception):
    """Nobody can tell where the damaged record ends."""

    def __init__(self, start: int, offset: int, reason: str, column: int) -> None:
        super().__init__(start, offset, reason, column)
        self.start = start
        self.offset = offset
        self.reason = reason
        self.column = column


def end_of_damage(
    data: bytes, start: int, broken: int, layout: Layout, *, after_closing: bool, last: bool
) -> Damage:
    """Find the end of the record that begins at `start` and breaks the rules at `broken`.

    A quote inside an unquoted cell opens nothing, so such a record ends at its line's end. It is
    believed only while the record has as many cells as the header: a cell that lost its opening
    quote looks just the same, but then cells of the line before are missing here.

    Text after a closing quote leaves open whether that quote closed the cell. The record's end is
    believed only where all usual readings agree on it: text up to the next separator is junk; a
    backslash escapes a quote; a quote closes only before a separator; every quote toggles.

    Args:
        data: Bytes that hold the record.
        start: Where the record begins.
        broken: The offset of the quote that breaks the rules.
        layout: The file's layout.
        after_closing: Whether text follows a closing quote; else the quote is in an unquoted cell.
        last: Whether the file ends with the data.

    Raises:
        MoreBytesNeeded: The record goes on after the data, and the file does too.
        StructureLostError: The readings differ, or the record never ends.
    """
    plain = _read(data, start, layout.line_end, broken)
    reason = "text after a closing quote" if after_closing else "a quote in an unquoted cell"
    lost = StructureLostError(start, broken, reason, plain.column)
    if plain.end is None:
        if last:
            raise lost
        raise MoreBytesNeeded
    if not after_closing and not plain.junk:
        if plain.width != layout.width:
            raise lost
    elif not (
        _toggled_end(data, start, layout.line_end) == plain.end
        and _read(data, start, layout.line_end, broken, escape=_BACKSLASH).end == plain.end
        and _read(data, start, layout.line_end, broken, closes_anywhere=False).end == plain.end
    ):
        raise lost
    return Damage(start, plain.end, reason, plain.column)


@dataclass
class _CellReading:
    """What one reading makes of a record: its end, how many cells, where it broke first."""

    end: int | None = None
    width: int = 1
    column: int = 1
    junk: bool = False


def _read(
    data: bytes,
    start: int,
    line_end: int,
    broken: int,
    *,
    escape: int | None = None,
    closes_anywhere: bool = True,
) -> _CellReading:
    """Read one record byte by byte, putting up with quotes where they should not be."""
    reading = _CellReading()
    at, length = start, len(data)
    quoted = False
    cell_begins = True
    closed = False
    while at < length:
        byte = data[at]
        if at == broken:
            reading.column = reading.width
        if quoted:
            if byte == escape:
                at += 1
            elif byte == QUOTE:
                if data[at + 1 : at + 2] == b'"':
                    at += 1
                elif closes_anywhere or _separates(data, at + 1, line_end):
                    quoted, closed = False, True
        elif byte == COMMA:
            reading.width += 1
            cell_begins, closed = True, False
        elif byte == line_end:
            reading.end = at + 1
            return reading
        else:
            quoted = cell_begins and byte == QUOTE
            reading.junk |= closed and byte != CR
            cell_begins = False
        at += 1
    return reading


def _separates(data: bytes, at: int, line_end: int) -> bool:
    following = data[at : at + 2]
    if not following or following[0] in (COMMA, line_end):
        return True
    return line_end == LF and following == b"\r\n"


def _toggled_end(data: bytes, start: int, line_end: int) -> int | None:
    """Where the record ends if every quote toggles, wherever it stands."""
    mark = bytes([line_end])
    quotes, at = 0, start
    while (end := data.find(mark, at)) >= 0:
        quotes += data.count(b'"', at, end)
        if quotes % 2 == 0:
            return end + 1
        at = end + 1
    return None
