"""Finds the records in a block of bytes, and the bad ones among them, with numpy.

Only quotes can hide a separator, so only they are examined one by one, and only those that break
the rules of RFC 4180.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from spaaza_source.tabular.csv_reader.damage import (
    Damage,
    StructureLostError,
    find_damage,
    never_closed,
)
from spaaza_source.tabular.csv_reader.layout import CR, LF, Layout
from spaaza_source.tabular.csv_reader.quotes import (
    MoreBytesNeeded,
    Positions,
    first_illegal,
    read_records,
)
from spaaza_source.tabular.csv_reader.resync import find_certain_end


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

    def reject(
        self, fault: tuple[str, int | None], indexes: Collection[int], records: WholeRecords
    ) -> None:
        """Make bad records of some good ones, for a reason in a column."""
        more = [_bad_record(index, fault, None, records.data, self.ends) for index in indexes]
        self.bad = sorted([*self.bad, *more], key=lambda record: record.index)


def cut_records(data: bytes, layout: Layout, *, last: bool, overlong: bool = False) -> WholeRecords:
    """The whole records at the start of bytes that start with a record; none is an incomplete one.

    Args:
        data: The bytes; when `last`, they end with a record end.
        layout: The file's layout.
        last: Whether the file ends here.
        overlong: Whether the bytes are too many for a cell in quotes that goes on to their end.

    Raises:
        StructureLostError: It is uncertain where a damaged record ends; or a quoted cell is open at
            the end of the file.
    """
    quotes, damages, incomplete = _legal_quotes(data, layout, last=last, overlong=overlong)
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
    separators = np.flatnonzero((every_byte == layout.delimiter) | (every_byte == layout.line_end))
    separators = _outside(separators, (records.quotes[0::2], records.quotes[1::2]))
    separators = _outside(separators, _damaged_spans(records.damages))
    widths = np.diff(np.flatnonzero(every_byte[separators] == layout.line_end), prepend=-1)
    return {int(at): int(widths[at]) for at in np.flatnonzero(widths != layout.width)}


Reasons: TypeAlias = dict[int, tuple[str, int | None]]


def _legal_quotes(
    data: bytes, layout: Layout, *, last: bool, overlong: bool
) -> tuple[Positions, list[Damage], int | None]:
    """The quotes that follow the rules, the damaged records, and where an incomplete one starts."""
    if layout.quote not in data:
        return np.empty(0, np.int64), [], None
    every_byte = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(every_byte == layout.quote)
    legal: list[Positions] = []
    damages: list[Damage] = []
    at = floor = 0
    while True:
        broken = first_illegal(every_byte, quotes[at:], layout)
        never_closes = broken is None and (last or overlong) and (len(quotes) - at) % 2 == 1
        if broken is None and not never_closes:
            return np.concatenate([*legal, quotes[at:]]), damages, None
        number = len(quotes) - at - 1 if broken is None else broken
        begin = _record_begin(data, quotes[at:], number, layout, floor)
        legal.append(quotes[at : np.searchsorted(quotes, begin)])
        position = int(quotes[at + number])
        try:
            damage = _find_damage(data, begin, position, layout, broken=broken, last=last)
            _check_begin(data, damage, position, layout, floor, last=last)
        except (MoreBytesNeeded, StructureLostError) as failure:
            if isinstance(failure, StructureLostError) and (last or broken is not None):
                raise
            return np.concatenate(legal), damages, begin
        damages.append(damage)
        floor = damage.end
        at = int(np.searchsorted(quotes, floor))


def _check_begin(
    data: bytes, damage: Damage, broken: int, layout: Layout, floor: int, *, last: bool
) -> None:
    """Check that a damaged record is no tail of one that lost an opening quote in a line before.

    The lines before it would have been taken for rows. If its own line has all cells, the quote is
    missing there.

    Args:
        data: Bytes that contain the record.
        damage: The record.
        broken: The offset of its quote that breaks the rules.
        layout: The file's layout.
        floor: Where the last damaged record before it ends; 0 without one.
        last: Whether the file ends with the data.

    Raises:
        MoreBytesNeeded: More of the file is needed to tell.
        StructureLostError: It may be one.
    """
    if damage.cells >= layout.width:
        return
    lost = StructureLostError(
        broken, damage.reason, "it is uncertain where that row begins", damage.column
    )
    as_tail = read_records(layout.quote_mark + data[damage.start : damage.end], layout)
    if as_tail.is_open:
        end = find_certain_end(data, damage.start, broken, layout, last=last)
        if end is None:
            raise lost
        as_tail = read_records(layout.quote_mark + data[damage.start : end], layout)
    if as_tail.illegal is not None or as_tail.is_open or as_tail.widths[0] > layout.width:
        return
    if not _completes(data[: damage.start], floor, int(as_tail.widths[0]), layout):
        raise lost


def _completes(before: bytes, floor: int, cells: int, layout: Layout) -> bool:
    """Whether a record of too few cells has the others in the records just before it.

    They are bad ones: damaged, or of too few cells too. So it is no matter which of them it was
    once one with.

    Args:
        before: The bytes before it.
        floor: Where the last damaged record before it ends; 0 without one.
        cells: How many it has.
        layout: The file's layout.
    """
    for width in read_records(before[floor:], layout).widths[::-1]:
        if width >= layout.width:
            return False
        cells += int(width) - 1
        if cells >= layout.width:
            return cells == layout.width
    return floor > 0


def _find_damage(
    data: bytes, begin: int, position: int, layout: Layout, *, broken: int | None, last: bool
) -> Damage:
    """The damaged record that begins at `begin`, up to where the structure is certain again.

    Args:
        data: Bytes that contain it.
        begin: Where it begins.
        position: The offset of its quote that breaks the rules.
        layout: The file's layout.
        broken: Which quote that is: an odd one should close a cell; None for one that opens a cell,
            and nothing closes it.
        last: Whether the file ends with the data.

    Raises:
        MoreBytesNeeded: It goes on after the data, and so does the file.
        StructureLostError: It is uncertain where it ends.
    """
    try:
        if broken is None:
            raise never_closed(data, begin, position, layout)
        after_closing = bool(broken % 2)
        return find_damage(data, begin, position, layout, after_closing=after_closing, last=last)
    except StructureLostError as lost:
        end = find_certain_end(data, begin, position, layout, last=last)
        if end is None:
            raise
        if lost.column == 1 and (broken is None or end <= position):
            # The next line may be the end of a cell whose closing quote is missing, with the cells
            # after it.
            end = data.index(layout.line_end, end) + 1
        lines = data.count(layout.line_end, begin, end)
        reason = lost.reason
        if lines > 1:
            reason += f"; it is uncertain which of the {lines} lines are rows"
        return Damage(begin, end, reason, lost.column)


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
