"""Finds the end of a record that breaks the rules for quotes, if it is certain.

A record may be rejected only if it is certain where the next one begins.
"""

from __future__ import annotations

from dataclasses import dataclass

from spaaza_source.tabular.csv_reader.layout import CR, LF, Layout
from spaaza_source.tabular.csv_reader.quotes import MoreBytesNeeded

_BACKSLASH = 0x5C


@dataclass(frozen=True)
class Damage:
    """A damaged record from `start` to the byte that ends it, at `end - 1`.

    `cells` is the number of its cells; 0 where that is uncertain.
    """

    start: int
    end: int
    reason: str
    column: int
    cells: int = 0


class StructureLostError(Exception):
    """It is uncertain where a record ends, because of a quote at `offset`, in `column`.

    `reason` is what breaks the rules, `doubt` what is uncertain.
    """

    def __init__(self, offset: int, reason: str, doubt: str, column: int) -> None:
        super().__init__(offset, reason, doubt, column)
        self.offset = offset
        self.reason = reason
        self.cause = f"{reason}, and {doubt}"
        self.column = column


def find_damage(
    data: bytes, start: int, broken: int, layout: Layout, *, after_closing: bool, last: bool
) -> Damage:
    """Find the end of the record that begins at `start` and breaks the rules at `broken`.

    A quote inside an unquoted cell opens nothing, so such a record ends with its line. Where it
    begins is another question: its cell may have lost an opening quote, in a line before.

    After text behind a closing quote, it is uncertain whether that quote closed the cell. The
    record's end is certain only if all usual interpretations agree on it: text up to the next
    separator is junk; a backslash escapes a quote; a quote closes only before a separator; every
    quote toggles.

    Args:
        data: Bytes that contain the record.
        start: Where the record begins.
        broken: The offset of the quote that breaks the rules.
        layout: The file's layout.
        after_closing: Whether text follows a closing quote; if not, the quote is in an unquoted
            cell.
        last: Whether the file ends with the data.

    Raises:
        MoreBytesNeeded: The record continues after the data, and so does the file.
        StructureLostError: The interpretations differ, or the record never ends.
    """
    plain = _read(data, start, layout, broken)
    reason = "text after a closing quote" if after_closing else "a quote in an unquoted cell"
    lost = StructureLostError(
        broken,
        reason,
        "it is uncertain where that row ends: with its line, or with a later one as text in quotes",
        plain.column,
    )
    if plain.end is None:
        if last:
            raise lost
        raise MoreBytesNeeded
    if not after_closing and not plain.junk:
        return Damage(start, plain.end, reason, plain.column, plain.width)
    if not (
        _end_if_quotes_toggle(data, start, layout) == plain.end
        and _read(data, start, layout, broken, escape=_BACKSLASH).end == plain.end
        and _read(data, start, layout, broken, closes_anywhere=False).end == plain.end
    ):
        raise lost
    return Damage(start, plain.end, reason, plain.column)


def never_closed(data: bytes, start: int, opening: int, layout: Layout) -> StructureLostError:
    """The error for the record at `start` whose quote at `opening` never closes."""
    return StructureLostError(
        opening,
        "a quote opens a cell and never closes",
        "what follows does not tell where that row ends",
        _read(data[:opening], start, layout, opening).width,
    )


@dataclass
class _Interpretation:
    """A record in one interpretation: its end, its number of cells, the first broken one."""

    end: int | None = None
    width: int = 1
    column: int = 1
    junk: bool = False


def _read(
    data: bytes,
    start: int,
    layout: Layout,
    broken: int,
    *,
    escape: int | None = None,
    closes_anywhere: bool = True,
) -> _Interpretation:
    """Read one record byte by byte, tolerating quotes that break the rules."""
    result = _Interpretation()
    delimiter, quote = layout.delimiter, layout.quote
    at, length = start, len(data)
    quoted = False
    at_cell_start = True
    closed = False
    while at < length:
        byte = data[at]
        if at == broken:
            result.column = result.width
        if quoted:
            if byte == escape:
                at += 1
            elif byte == quote:
                if data[at + 1 : at + 2] == layout.quote_mark:
                    at += 1
                elif closes_anywhere or _separates(data, at + 1, layout):
                    quoted, closed = False, True
        elif byte == delimiter:
            result.width += 1
            at_cell_start, closed = True, False
        elif byte == layout.line_end:
            result.end = at + 1
            return result
        else:
            quoted = at_cell_start and byte == quote
            result.junk |= closed and byte != CR
            at_cell_start = False
        at += 1
    return result


def _separates(data: bytes, at: int, layout: Layout) -> bool:
    following = data[at : at + 2]
    if not following or following[0] in (layout.delimiter, layout.line_end):
        return True
    return layout.line_end == LF and following == b"\r\n"


def _end_if_quotes_toggle(data: bytes, start: int, layout: Layout) -> int | None:
    """Where the record ends if every quote toggles, wherever it is."""
    mark = bytes([layout.line_end])
    quotes, at = 0, start
    while (end := data.find(mark, at)) >= 0:
        quotes += data.count(layout.quote, at, end)
        if quotes % 2 == 0:
            return end + 1
        at = end + 1
    return None
