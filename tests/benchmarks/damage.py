"""Single defects in small tables: how many are read right, kept apart, refused, or silently wrong.

    python -m tests.benchmarks.damage [--tables N] [--seed N]

Each table has 84 rows of ids, amounts, times, names and addresses, of which some need quotes and
some hold line ends. Each kind of defect is made once in each table, at a place by chance; the file
is opened with default settings. A row that is not loaded must be in the bytes that are kept apart.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from spaaza_source.errors import SpaazaSourceError
from spaaza_source.tabular import open_csv
from tests.benchmarks.side_by_side import say

ROWS = 84
HEADER = ["id", "amount", "created", "name", "address", "note"]
NAMES = ["Ada", "Bo", "O'Neil", "Zoë", "de Vries, J.", 'Bob "Bobby"', "", "Ng"]
ADDRESSES = ["Herengracht 1", "Herengracht 2, Amsterdam", '12" pipe lane', "two\nlines", "Dam 3"]
NOTES = ["", "ok", "call, then mail", "first\nsecond\nthird", '"', "x;y", "a\\b"]
#: Of the defects that touch one record.
MOST_REFUSED = 0.1
OUTCOMES = ("right", "kept apart", "refused", "silently wrong")

Table = list[list[str]]
#: A table and the number of one of its rows; the file with the defect, or None where it has no
#: place for one.
Damage = Callable[[random.Random, "Style", Table, int], bytes | None]


@dataclass(frozen=True)
class Style:
    """How a file is written."""

    quotes_all: bool
    end: str

    def cell(self, text: str) -> str:
        """A cell as it is in the file."""
        if self.quotes_all or any(mark in text for mark in ',"\r\n'):
            return '"' + text.replace('"', '""') + '"'
        return text

    def row(self, row: Sequence[str]) -> str:
        """A row without its end."""
        return ",".join(map(self.cell, row))

    def file(self, rows: Sequence[str]) -> bytes:
        """Rows that are written already, under the header."""
        return "".join(f"{row}{self.end}" for row in [self.row(HEADER), *rows]).encode()


def make_table(chance: random.Random) -> Table:
    """Rows whose ids tell them apart."""
    return [
        [
            str(1_000 + number),
            f"{chance.randint(0, 99_999) / 100:.2f}",
            f"2026-05-{chance.randint(1, 28):02}T10:00:00Z",
            chance.choice(NAMES),
            chance.choice(ADDRESSES),
            chance.choice(NOTES),
        ]
        for number in range(ROWS)
    ]


def in_row(change: Callable[[random.Random, str], str | None]) -> Damage:
    """A defect of the text of one row."""

    def damage(chance: random.Random, style: Style, table: Table, at: int) -> bytes | None:
        rows = [style.row(row) for row in table]
        changed = change(chance, rows[at])
        if changed is None:
            return None
        return style.file([*rows[:at], changed, *rows[at + 1 :]])

    return damage


def between(line: Callable[[random.Random, Style], str], *, above: bool = False) -> Damage:
    """A line too many, before a row or above the header."""

    def damage(chance: random.Random, style: Style, table: Table, at: int) -> bytes | None:
        rows = [style.row(row) for row in table]
        more = line(chance, style)
        if above:
            return f"{more}{style.end}".encode() + style.file(rows)
        return style.file([*rows[:at], more, *rows[at:]])

    return damage


def cut_out(text: str, places: Sequence[int], chance: random.Random) -> str | None:
    """The text without the character at one of some places."""
    if not places:
        return None
    at = chance.choice(places)
    return text[:at] + text[at + 1 :]


def put_in(text: str, more: str, places: Sequence[int], chance: random.Random) -> str | None:
    """The text with more before one of some places."""
    if not places:
        return None
    at = chance.choice(places)
    return text[:at] + more + text[at:]


def quotes(row: str) -> Iterator[tuple[int, str]]:
    """The offset of each quote in a row, and what it does."""
    inside, at = False, 0
    while at < len(row):
        if row[at] == '"':
            if inside and row[at + 1 : at + 2] == '"':
                yield at, "doubled"
                at += 1
            else:
                yield at, "closing" if inside else "opening"
                inside = not inside
        at += 1


def places(row: str, what: str) -> list[int]:
    """The offsets of quotes that do that."""
    return [at for at, does in quotes(row) if does == what]


def within(row: str, *, quoted: bool) -> list[int]:
    """The offsets of characters inside of quoted cells, or of others."""
    found, inside = [], False
    kinds = dict(quotes(row))
    for at, character in enumerate(row):
        if kinds.get(at) in ("opening", "closing"):
            inside = not inside
        elif inside == quoted and character not in '",\r\n':
            found.append(at)
    return found


def separators(row: str) -> list[int]:
    """The offsets of the commas between cells."""
    inside, found = False, []
    for at, character in enumerate(row):
        inside ^= character == '"'
        if character == "," and not inside:
            found.append(at)
    return found


def join_rows(_chance: random.Random, style: Style, table: Table, at: int) -> bytes | None:
    """A record end that is missing."""
    rows = [style.row(row) for row in table]
    if at + 1 >= len(rows):
        return None
    return style.file([*rows[:at], rows[at] + rows[at + 1], *rows[at + 2 :]])


def break_byte(chance: random.Random, style: Style, table: Table, at: int) -> bytes | None:
    """A byte of another encoding."""
    mark = "\ue000"
    file = in_row(lambda _, row: put_in(row, mark, within(row, quoted=False), chance))
    written = file(chance, style, table, at)
    return None if written is None else written.replace(mark.encode(), b"\xe9")


def other_end(_chance: random.Random, style: Style, table: Table, at: int) -> bytes | None:
    """A record that ends with CR alone."""
    rows = [style.row(row) for row in table]
    file = style.file([*rows[:at], f"{rows[at]}\ue000", *rows[at + 1 :]])
    return file.replace(f"\ue000{style.end}".encode(), b"\r")


#: Kinds of defects that touch one record, and others.
RECORDS: dict[str, Damage] = {
    "delimiter: another one in a row": in_row(
        lambda _, row: "".join(
            ";" if at in separators(row) else character for at, character in enumerate(row)
        )
    ),
    "quote: opening one missing": in_row(
        lambda chance, row: cut_out(row, places(row, "opening"), chance)
    ),
    "quote: closing one missing": in_row(
        lambda chance, row: cut_out(row, places(row, "closing"), chance)
    ),
    "quote: one too many in a cell without": in_row(
        lambda chance, row: put_in(row, '"', within(row, quoted=False), chance)
    ),
    "quote: one too many in a quoted cell": in_row(
        lambda chance, row: put_in(row, '"', within(row, quoted=True), chance)
    ),
    "quote: text behind a closing one": in_row(
        lambda chance, row: put_in(row, "x", [at + 1 for at in places(row, "closing")], chance)
    ),
    "escape: backslash for a doubled quote": in_row(
        lambda chance, row: (
            None
            if not (found := places(row, "doubled"))
            else row[: (at := chance.choice(found))] + "\\" + row[at + 1 :]
        )
    ),
    "width: a cell too many": in_row(lambda chance, row: put_in(row, ",", separators(row), chance)),
    "width: a cell missing": in_row(lambda chance, row: cut_out(row, separators(row), chance)),
    "record end: missing": join_rows,
    "record end: CR alone": other_end,
    "NUL": in_row(lambda chance, row: put_in(row, "\0", within(row, quoted=False), chance)),
    "encoding: a byte of Latin-1": break_byte,
}
OTHERS: dict[str, Damage] = {
    "blank line": between(lambda _, _style: ""),
    "preamble": between(lambda _, _style: "Export of May", above=True),
    "repeated header": between(lambda _, style: style.row(HEADER)),
    "repeated header, other quotes": between(
        lambda chance, _: ",".join(
            f'"{name}"' if chance.random() < 0.5 else name for name in HEADER
        )
    ),
}


def judge(file: bytes, table: Table, path: Path) -> str:
    """What comes of a file with a defect."""
    path.write_bytes(file)
    try:
        opened = open_csv(path, column_types="text")
        rows = [
            [cell or "" for cell in row.values()]
            for part in opened.tables()
            for row in part.to_pylist()
        ]
    except SpaazaSourceError:
        return "refused"
    if rows == table and not opened.rejected:
        return "right"
    numbers = {row[0]: number for number, row in enumerate(table)}
    loaded = {numbers.get(row[0], -1) for row in rows}
    is_right = all(row in table for row in rows) and len(loaded) == len(rows)
    # What a defect has put into a number is taken out.
    apart = b"\n".join(row.raw for row in opened.rejected).translate(None, b'"\0')
    missing = [row[0] for row in table if row not in rows]
    if is_right and opened.rejected and all(number.encode() in apart for number in missing):
        return "kept apart"
    return "silently wrong"


def count_outcomes(tables: int, seed: int) -> dict[str, Counter[str]]:
    """How often each kind of defect has each outcome, in so many tables."""
    counts: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(tables):
            chance = random.Random(seed * 1_000_003 + number)  # noqa: S311 - no secret
            table = make_table(chance)
            style = Style(chance.random() < 1 / 3, chance.choice(["\n", "\r\n"]))
            for kind, damage in {**RECORDS, **OTHERS}.items():
                file = damage(chance, style, table, chance.randrange(ROWS))
                if file is not None:
                    outcome = judge(file, table, Path(folder, "file.csv"))
                    counts.setdefault(kind, Counter())[outcome] += 1
    return counts


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    counts = count_outcomes(chosen.tables, chosen.seed)
    say(f"{'':40}" + "".join(f"{outcome:>16}" for outcome in OUTCOMES))
    for kind, found in counts.items():
        say(f"{kind:40}" + "".join(f"{found[outcome]:>16,}" for outcome in OUTCOMES))
    touching = sum((counts[kind] for kind in RECORDS if kind in counts), Counter())
    say(f"{'defects of one record':40}" + "".join(f"{touching[each]:>16,}" for each in OUTCOMES))
    wrong = sum(found["silently wrong"] for found in counts.values())
    share = touching["refused"] / touching.total()
    say(f"silently wrong: {wrong} (bound 0); refused of one record: {share:.1%} (bound 10 %)")
    if wrong or share > MOST_REFUSED:
        sys.exit(1)


if __name__ == "__main__":
    main()
