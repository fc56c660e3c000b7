"""Finds the records in a block of bytes, and the bad ones among them, with numpy.

Only quotes can hide a separator, so only they are examined one by one, and only those that break
the rules of RFC 4180.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from spaaza_source.tabular.csv_reader.damage import (
    Damage,
    MoreBytesNeeded,
    StructureLostError,
    find_damage,
)
from spaaza_source.tabular.csv_reader.layout import COMMA, CR, LF, QUOTE, Layout

Positions: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True)
class BadRecord:
    """A bad record, by its offsets in the examined bytes: `after` is the start of the next one."""

    index: int
    start: int
    end: int
    after: int
    reason: str
    column: int | None = None
    width: int | None = None

    @property
    def blank(self) -> bool:
        """Whether it is empty."""
        return self.start == self.end


@dataclass(frozen=True)
class WholeRecords:
    """Bytes that are whole records, from the start of one to the end of another.

    Attributes:
        data: The bytes; the last of them ends a record.
        quotes: The offsets of the quotes that follow the rules: each odd one closes a cell.
        damages: The records that break the rules for quotes.
    """

    data: bytes
    quotes: Positions
    damages: Sequence[Damage]


@dataclass
class RecordBounds:
    """Where records end, and which are bad.

    `ends` are the offsets of the bytes that end the records, `ends_with_cr` is the number of those
    with a carriage return before the line feed; `lines` is the number of such bytes anywhere, in
    quoted cells too. `stray_line_feed` is the offset of a line feed outside quotes in a file whose
    records end with a carriage return.
    """

    ends: Positions
    lines: int
    bad: list[BadRecord] = field(default_factory=list)
    ends_with_cr: int = 0
    stray_line_feed: int | None = None


def cut_records(data: bytes, layout: Layout, *, last: bool) -> WholeRecords:
    """The whole records at the start of bytes that start with a record; none is an incomplete one.

    Args:
        data: The bytes; when `last`, they end with a record end.
        layout: The file's layout.
        last: Whether the file ends here.

    Raises:
        StructureLostError: It is uncertain where a damaged record ends; or a quoted cell is open at
            the end of the file.
    """
    quotes, damages, incomplete = _legal_quotes(data, layout, last=last)
    if incomplete is None and last and len(quotes) % 2:
        raise StructureLostError(int(quotes[-1]), "a quote opens a cell and never closes")
    mark = bytes([layout.line_end])
    at = len(data) if incomplete is None else incomplete
    while (found := data.rfind(mark, 0, at)) >= 0:
        index = int(np.searchsorted(quotes, found))
        damaged = next((each for each in damages if each.start <= found < each.end - 1), None)
        if damaged is not None:
            at = damaged.start
        elif index % 2:
            at = int(quotes[index - 1])
        else:
            break
    return WholeRecords(data[: found + 1], quotes[: np.searchsorted(quotes, found)], damages)


def find_records(records: WholeRecords, layout: Layout, *, widths: bool = True) -> RecordBounds:
    """Find each of some records, and the bad ones among them.

    Args:
        records: The records.
        layout: The file's layout.
        widths: Whether a record of another width than the header's is a bad one; if not, Arrow is
            to find these.
    """
    data, quotes = records.data, records.quotes
    every_byte = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(every_byte == layout.line_end)
    lines = len(ends)
    if len(quotes):
        ends = ends[np.searchsorted(quotes, ends) % 2 == 0]
    ends = _outside(ends, _damaged_spans(records.damages))
    bounds = RecordBounds(ends, lines)
    wrong_widths = _wrong_widths(records, every_byte, layout) if widths else {}
    reasons: Reasons = {
        index: (f"{width} cells where the header has {layout.width}", None)
        for index, width in wrong_widths.items()
    }
    if layout.width > 1:
        # Arrow takes an empty line for a row of empty cells.
        reasons |= _empty_lines(every_byte, ends)
    reasons |= _nul_bytes(data, ends)
    reasons |= _stray_returns(data, every_byte, quotes, layout, bounds)
    reasons |= {
        int(np.searchsorted(ends, damage.end - 1)): (damage.reason, damage.column)
        for damage in records.damages
    }
    bounds.bad = [
        _bad_record(index, reasons[index], wrong_widths.get(index), data, ends)
        for index in sorted(reasons)
    ]
    return bounds


def _wrong_widths(
    records: WholeRecords, every_byte: npt.NDArray[np.uint8], layout: Layout
) -> dict[int, int]:
    """The number of cells of each record that has not as many as the header, by its index."""
    separators = np.flatnonzero((every_byte == COMMA) | (every_byte == layout.line_end))
    separators = _outside(separators, (records.quotes[0::2], records.quotes[1::2]))
    separators = _outside(separators, _damaged_spans(records.damages))
    widths = np.diff(np.flatnonzero(every_byte[separators] == layout.line_end), prepend=-1)
    return {int(at): int(widths[at]) for at in np.flatnonzero(widths != layout.width)}


Reasons: TypeAlias = dict[int, tuple[str, int | None]]


def _legal_quotes(
    data: bytes, layout: Layout, *, last: bool
) -> tuple[Positions, list[Damage], int | None]:
    """The quotes that follow the rules, the damaged records, and where an incomplete one starts."""
    if QUOTE not in data:
        return np.empty(0, np.int64), [], None
    every_byte = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(every_byte == QUOTE)
    legal: list[Positions] = []
    damages: list[Damage] = []
    at = floor = 0
    while (broken := _first_illegal(every_byte, quotes[at:], layout)) is not None:
        begin = _record_begin(data, quotes[at:], broken, layout, floor)
        legal.append(quotes[at : np.searchsorted(quotes, begin)])
        position = int(quotes[at + broken])
        try:
            damage = find_damage(
                data, begin, position, layout, after_closing=bool(broken % 2), last=last
            )
        except MoreBytesNeeded:
            return np.concatenate(legal), damages, begin
        damages.append(damage)
        floor = damage.end
        at = int(np.searchsorted(quotes, floor))
    return np.concatenate([*legal, quotes[at:]]), damages, None


def _first_illegal(
    every_byte: npt.NDArray[np.uint8], quotes: Positions, layout: Layout
) -> int | None:
    """The index of the first quote that neither opens, closes nor doubles by the rules of RFC 4180.

    Every even quote opens: it follows a separator, or the quote that it doubles. Every odd one
    closes: a separator follows, or the quote that doubles it.
    """
    opening, closing = quotes[0::2], quotes[1::2]
    # At the first and last byte `clip` takes the quote itself, which is allowed.
    before = every_byte.take(opening - 1, mode="clip")
    after = every_byte.take(closing + 1, mode="clip")
    opens = (before == COMMA) | (before == layout.line_end) | (before == QUOTE)
    closes = (after == COMMA) | (after == layout.line_end) | (after == QUOTE)
    if layout.line_end == LF and not closes.all():
        following = every_byte.take(closing + 2, mode="clip")
        at_the_end = closing + 2 >= len(every_byte)
        closes |= (after == CR) & ((following == LF) | at_the_end)
    if opens.all() and closes.all():
        return None
    first_opening = 2 * int(np.argmin(opens)) if not opens.all() else len(quotes)
    first_closing = 2 * int(np.argmin(closes)) + 1 if not closes.all() else len(quotes)
    return min(first_opening, first_closing)


def _record_begin(data: bytes, quotes: Positions, broken: int, layout: Layout, floor: int) -> int:
    """Where the record of the quote at index `broken` begins; the quotes before it are legal."""
    line_end = bytes([layout.line_end])
    # An odd quote closes a cell, so the search starts outside of it, before the opening one.
    index = broken - broken % 2
    at = int(quotes[index])
    while True:
        found = data.rfind(line_end, floor, at)
        if found < 0:
            return floor
        index = int(np.searchsorted(quotes, found))
        if index % 2 == 0:
            return found + 1
        at = int(quotes[index - 1])


def _damaged_spans(damages: Sequence[Damage]) -> tuple[Positions, Positions]:
    """The damaged records, each without the byte that ends it."""
    starts = np.array([damage.start for damage in damages], np.int64)
    return starts, np.array([damage.end - 1 for damage in damages], np.int64)


def _outside(separators: Positions, spans: tuple[Positions, Positions]) -> Positions:
    """The separators in none of the spans, which are in order and do not overlap."""
    begins, ends = (np.searchsorted(separators, edges) for edges in spans)
    holding = begins < ends
    if not holding.any():
        return separators
    change = np.zeros(len(separators) + 1, np.int8)
    change[begins[holding]] += 1
    change[ends[holding]] -= 1
    outside: Positions = separators[np.cumsum(change[:-1], dtype=np.int8) == 0]
    return outside


def _empty_lines(every_byte: npt.NDArray[np.uint8], ends: Positions) -> Reasons:
    lengths = np.diff(ends, prepend=-1)
    is_empty = (lengths == 1) | ((lengths == 2) & (every_byte[ends - 1] == CR))  # noqa: PLR2004
    return {int(index): ("an empty line", None) for index in np.flatnonzero(is_empty)}


def _nul_bytes(data: bytes, ends: Positions) -> Reasons:
    reasons: Reasons = {}
    at = data.find(b"\x00")
    while at >= 0:
        index = int(np.searchsorted(ends, at))
        reasons[index] = ("a NUL byte", None)
        at = data.find(b"\x00", int(ends[index]))
    return reasons


def _stray_returns(
    data: bytes,
    every_byte: npt.NDArray[np.uint8],
    quotes: Positions,
    layout: Layout,
    bounds: RecordBounds,
) -> Reasons:
    """Carriage returns in unquoted cells; counts those that belong to a record's end in `bounds`.

    In a file of lone carriage returns the line feeds are stray, and every row is uncertain.
    """
    stray = CR if layout.line_end == LF else LF
    if stray not in data:
        return {}
    found = np.flatnonzero(every_byte == stray)
    found = found[np.searchsorted(quotes, found) % 2 == 0]
    if stray == LF:
        bounds.stray_line_feed = int(found[0]) if len(found) else None
        return {}
    after_a_byte = bounds.ends[bounds.ends > 0]
    bounds.ends_with_cr = int(np.count_nonzero(every_byte[after_a_byte - 1] == CR))
    found = found[every_byte.take(found + 1, mode="clip") != LF]
    indexes = np.unique(np.searchsorted(bounds.ends, found))
    return {int(index): ("a carriage return in an unquoted cell", None) for index in indexes}


def _bad_record(
    index: int, reason: tuple[str, int | None], width: int | None, data: bytes, ends: Positions
) -> BadRecord:
    why, column = reason
    start = int(ends[index - 1]) + 1 if index else 0
    end = int(ends[index])
    after = end + 1
    if data[end] == LF and end > start and data[end - 1] == CR:
        end -= 1
    if start == end:
        why, width = "an empty line", None
    elif column is not None:
        width = None  # the record is damaged, so its cells cannot be counted
    return BadRecord(index, start, end, after, why, column, width)
