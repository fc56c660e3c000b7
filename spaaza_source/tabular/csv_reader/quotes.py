"""The rules of RFC 4180 for quotes: which open a cell, close it, or stand for one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from spaaza_source.tabular.csv_reader.layout import CR, LF, Layout

Positions: TypeAlias = npt.NDArray[np.int64]


class MoreBytesNeeded(Exception):  # noqa: N818 - a request for the next block, not an error
    """What is asked depends on bytes after those that are given."""


def first_illegal(
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
    allowed = (layout.delimiter, layout.line_end, layout.quote)
    opens = _is_among(before, allowed)
    closes = _is_among(after, allowed)
    if layout.line_end == LF and not closes.all():
        following = every_byte.take(closing + 2, mode="clip")
        at_the_end = closing + 2 >= len(every_byte)
        closes |= (after == CR) & ((following == LF) | at_the_end)
    if opens.all() and closes.all():
        return None
    first_opening = 2 * int(np.argmin(opens)) if not opens.all() else len(quotes)
    first_closing = 2 * int(np.argmin(closes)) + 1 if not closes.all() else len(quotes)
    return min(first_opening, first_closing)


def _is_among(some: npt.NDArray[np.uint8], allowed: tuple[int, int, int]) -> npt.NDArray[np.bool_]:
    first, second, third = allowed
    found: npt.NDArray[np.bool_] = (some == first) | (some == second) | (some == third)
    return found


@dataclass(frozen=True)
class Reading:
    """Bytes read as records, as far as they follow the rules for quotes.

    Attributes:
        widths: The number of cells of each whole record.
        illegal: The offset of the first quote that breaks the rules; None without one.
        is_open: Whether the bytes end inside of quotes.
    """

    widths: npt.NDArray[np.int64]
    illegal: int | None
    is_open: bool


def read_records(data: bytes, layout: Layout) -> Reading:
    """The records of bytes that begin with one."""
    every_byte = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(every_byte == layout.quote)
    broken = first_illegal(every_byte, quotes, layout) if len(quotes) else None
    illegal = None if broken is None else int(quotes[broken])
    quotes = quotes[:broken]
    stop = len(data) if illegal is None else illegal
    separators = np.flatnonzero(
        (every_byte[:stop] == layout.delimiter) | (every_byte[:stop] == layout.line_end)
    )
    separators = separators[np.searchsorted(quotes, separators) % 2 == 0]
    ends = np.flatnonzero(every_byte[separators] == layout.line_end)
    return Reading(np.diff(ends, prepend=-1), illegal, illegal is None and len(quotes) % 2 == 1)
