"""Prints rows in columns; as records of a few lines each where the terminal is too narrow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

#: Spaces between two columns, and in a record between two cells.
GAP, RECORD_GAP = (2, 1), "  "
INDENT = "  "


def print_rows(
    console: Console, headings: Sequence[str], rows: Iterable[Sequence[str]], lead: int = 1
) -> None:
    """Print rows under headings, one line each; no cell is cut or broken while a line can hold it.

    Args:
        console: Where to.
        headings: One for each column; of a column of numbers it begins with `>`.
        rows: Texts, one for each column.
        lead: How many of its first cells a record begins with; the others have their headings.
    """
    rows = list(rows)
    names = [heading.removeprefix(">") for heading in headings]
    widths = [max(map(cell_len, column)) for column in zip(names, *rows, strict=True)]
    for gap in GAP:
        if sum(widths) + gap * (len(widths) - 1) <= console.width:
            break
    else:
        for row in rows:
            for line in _record(names, row, lead, console.width):
                console.print(line, highlight=False, markup=False)
        return
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0))
    for heading, name in zip(headings, names, strict=True):
        table.add_column(name, justify="right" if heading != name else "left", no_wrap=True)
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
