"""Finds where records are certain again, after one that breaks the rules for quotes.

The end of a line is either the end of a record, or a line end inside a cell in quotes. Where what
follows is sound records under the first reading, and cannot be under the second, the first is
proven: a defect that came before has no part in it.
"""

from __future__ import annotations

from spaaza_source.tabular.csv_reader.layout import Layout
from spaaza_source.tabular.csv_reader.quotes import MoreBytesNeeded, Reading, read_records

WINDOW = 256 * 2**10
"""Bytes after a line's end that must tell."""
FEW = 3
"""Records that have to follow where the file might end within the quotes of a damaged one."""
MANY = 100
"""Records without any quote after which nobody would take them for the text of one cell."""
MOST_LINES = 1_000
"""Lines of which a damaged record's end may be one."""


def find_certain_end(
    data: bytes, start: int, broken: int, layout: Layout, *, last: bool
) -> int | None:
    """The first offset after a damaged record at which the next one begins for certain.

    Args:
        data: Bytes that contain the record.
        start: Where it begins.
        broken: The offset of the quote that breaks the rules, or never closes. What is wrong may be
            that very quote, so that lines before it are text in quotes.
        layout: The file's layout; in a file of one column any line may be a record.
        last: Whether the file ends with the data.

    Returns:
        The offset; None where two readings of the file are possible.

    Raises:
        MoreBytesNeeded: More of the file is needed to tell.
    """
    if layout.width == 1:
        return None
    mark = bytes([layout.line_end])
    at = data.find(mark, start) + 1
    if at <= broken and _are_many(data[at:broken], layout):
        return at
    at = broken
    for _ in range(MOST_LINES):
        end = data.find(mark, at) + 1
        if not end or (not last and end + WINDOW > len(data)):
            if last:
                return None
            raise MoreBytesNeeded
        at = end
        is_whole = last and end + WINDOW >= len(data)
        window = data[end : end + WINDOW]
        as_records = read_records(window, layout)
        is_closed = data.count(layout.quote, start, end) % 2 == 0
        least = 0 if is_whole and is_closed else FEW
        if _are_records(as_records, layout, least, is_whole=is_whole):
            is_proven = _is_refuted(window, as_records, layout, is_whole=is_whole)
            return end if is_proven else None
    return None


def _are_many(data: bytes, layout: Layout) -> bool:
    """Whether bytes without a quote are so many sound records that they are no text of a cell."""
    widths = read_records(data, layout).widths
    return len(widths) >= MANY and bool((widths == layout.width).all())


def _are_records(reading: Reading, layout: Layout, least: int, *, is_whole: bool) -> bool:
    """Whether the bytes are sound records, at least at first."""
    if not (reading.widths[:FEW] == layout.width).all():
        return False
    is_sound = is_whole and reading.illegal is None and not reading.is_open
    return len(reading.widths) >= (least if is_sound else FEW)


def _is_refuted(window: bytes, as_records: Reading, layout: Layout, *, is_whole: bool) -> bool:
    """Whether the bytes cannot begin inside the quotes of a cell."""
    reading = read_records(layout.quote_mark + window, layout)
    if reading.illegal is not None:
        # Another defect breaks the rules under both readings: it refutes neither.
        before = as_records.illegal is None or reading.illegal - 1 < as_records.illegal
        return before or _has_other_widths(reading, layout)
    if reading.is_open and is_whole:
        return True
    if reading.is_open and not len(reading.widths):
        return len(as_records.widths) >= MANY
    return _has_other_widths(reading, layout)


def _has_other_widths(reading: Reading, layout: Layout) -> bool:
    """Whether a record that began before the bytes has too many cells, or one in them not all."""
    first, others = reading.widths[:1], reading.widths[1:]
    return bool((first > layout.width).any() or (others != layout.width).any())
