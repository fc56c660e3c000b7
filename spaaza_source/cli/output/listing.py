"""Prints rows in columns as narrow as the terminal; as records where that cannot be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

#: Spaces between two columns, where there is room, and at least.
GAPS = (2, 1)
RECORD_GAP = INDENT = "  "

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\S+Z\b")


def print_line(console: Console, line: str) -> None:
    """Print a line of text: broken between words at a terminal, in a log whole."""
    console.print(line, highlight=False, markup=False, soft_wrap=not console.is_terminal)


def print_rows(
    console: Console, headings: Sequence[str], rows: Iterable[Sequence[str]], lead: int = 1
) -> None:
    """Print rows under headings, so that no line is longer than the console is wide.

    Cells that are too long go on in a further line, at a space, and their instants end with the
    minute. Where even the words are too long, each row is a record of a few lines.

    Args:
        console: Where to.
        headings: One for each column; of a column of numbers it begins with `>`.
        rows: Texts, one for each column.
        lead: How many of its first cells a record begins with; the others have their headings.
    """
    rows = list(rows)
    names = [heading.removeprefix(">") for heading in headings]
    columns = list(zip(names, *rows, strict=True))
    widths = [max(map(cell_len, column)) for column in columns]
    for gap in GAPS:
        if sum(widths) + gap * (len(columns) - 1) <= console.width:
            _print_table(console, headings, rows, widths, gap)
            return
    rows = [[_INSTANT.sub(r"\1 \2", cell) for cell in row] for row in rows]
    columns = list(zip(names, *rows, strict=True))
    narrowed = _narrowed(columns, console.width - GAPS[-1] * (len(columns) - 1))
    if narrowed is not None:
        _print_table(console, headings, rows, narrowed, GAPS[-1])
        return
    for row in rows:
        for line in _record(names, row, lead, console.width):
            console.print(line, highlight=False, markup=False)


def _narrowed(columns: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """Widths of columns that fit, with no word broken; None where there are none."""
    longest = [max(map(cell_len, column)) for column in columns]
    least = [max(cell_len(word) for cell in column for word in cell.split()) for column in columns]
    if sum(least) > room:
        return None
    widths = list(longest)
    while sum(widths) > room:
        # The widest gives way first, the last of several.
        _, number = max((width, n) for n, width in enumerate(widths) if width > least[n])
        widths[number] -= 1
    # What a column does not need, now that its cells are broken, the next ones may have.
    for number, column in enumerate(columns):
        lines = (wrap(cell, widths[number], break_on_hyphens=False) for cell in column)
        widths[number] = max(cell_len(line) for broken in lines for line in broken)
    for number, width in enumerate(widths):
        widths[number] = min(longest[number], width + room - sum(widths))
    return widths


def _print_table(
    console: Console,
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    widths: Sequence[int],
    gap: int,
) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0))
    for heading, width in zip(headings, widths, strict=True):
        name = heading.removeprefix(">")
        table.add_column(name, width=width, justify="left" if heading == name else "right")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)


def _record(headings: Sequence[str], row: Sequence[str], lead: int, width: int) -> Iterator[str]:
    """The lines of a row: its first cells, then the others with their headings, indented."""
    named = [
        f"{heading} {cell}"
        for heading, cell in zip(headings[lead:], row[lead:], strict=True)
        if cell
    ]
    yield from _fill("", row[:lead], width)
    yield from _fill(INDENT, named, width)


def _fill(begin: str, cells: Iterable[str], width: int) -> Iterator[str]:
    """As many cells to a line as it can hold; further lines are indented."""
    line = ""
    for cell in cells:
        longer = f"{line}{RECORD_GAP}{cell}" if line else f"{begin}{cell}"
        if line and cell_len(longer) > width:
            yield line
            longer = f"{INDENT}{cell}"
        line = longer
    yield line
