"""Any table in any legal style comes back cell for cell; any damage shows or changes nothing.

The reference below reads byte by byte and shares no code with the product. A longer run:
`TABULAR_EXAMPLES=20000 pytest -m "" tests/tabular/test_any_table.py`.
"""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, example, given, settings
from hypothesis import strategies as st

import spaaza_source.tabular.csv_reader.scan as scan_module
from spaaza_source.errors import SpaazaSourceError
from spaaza_source.tabular import open_csv

pytestmark = pytest.mark.slow

bounded = settings(
    max_examples=int(os.environ.get("TABULAR_EXAMPLES", "120")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
Row = list[str | None]


@dataclass
class Meaning:
    """What the reference makes of a file: `doubtful` where RFC 4180 alone does not tell."""

    rows: list[Row] = field(default_factory=list)
    bad: list[bytes] = field(default_factory=list)
    doubtful: bool = False


def reference(  # noqa: C901, PLR0912, PLR0915 - a state machine is plainest in one piece
    data: bytes, width: int
) -> Meaning:
    """Read a file whose header is sound, one byte after the other."""
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    ends_with = b"\n"
    quoted = False
    for position, byte in enumerate(data):
        if byte == 0x22:
            quoted = not quoted
        elif not quoted and byte in b"\r\n":
            if byte == 0x0D and data[position + 1 : position + 2] != b"\n":
                ends_with = b"\r"
            break
    meaning = Meaning()
    records = 0
    at = 0
    while at < len(data):
        begin = at
        cells = [b""]
        state = "begin"
        bad = False
        while True:
            byte_at = data[at : at + 1]
            ended = byte_at == ends_with or (
                ends_with == b"\n" and data[at : at + 2] == b"\r\n" and state != "quoted"
            )
            if state == "quoted":
                if byte_at == b"":
                    meaning.doubtful = True
                    return meaning
                if byte_at == b'"':
                    state = "closed"
                else:
                    cells[-1] += byte_at
                at += 1
                continue
            if state == "closed" and byte_at == b'"':
                cells[-1] += b'"'
                state = "quoted"
                at += 1
                continue
            if byte_at == b"" or ended:
                break
            if byte_at == b",":
                cells.append(b"")
                state = "begin"
            elif state == "closed":
                meaning.doubtful = True
                return meaning
            elif state == "begin" and byte_at == b'"':
                state = "quoted"
            else:
                bad = bad or byte_at in b'"\r\n'
                cells[-1] += byte_at
                state = "plain"
            at += 1
        raw = data[begin:at]
        at += 2 if data[at : at + 2] == b"\r\n" else 1
        records += 1
        if records == 1:
            continue
        if bad or b"\0" in raw or len(cells) != width:
            meaning.bad.append(raw)
        else:
            meaning.rows.append([cell.decode("utf-8", "replace") or None for cell in cells])
    return meaning


texts = st.one_of(
    st.text(st.sampled_from("a,\"\r\n0é€\ufeff🙂 ';\\x"), max_size=6),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8),
    st.sampled_from(["", "00123", "+316", "NA", "null", "1e5", "true", "12", "0.50", '""', "\r\n"]),
)


@st.composite
def tables(draw: st.DrawFn, min_rows: int = 0) -> tuple[int, list[list[str]]]:
    width = draw(st.integers(1, 4))
    row = st.lists(texts, min_size=width, max_size=width)
    rows = draw(st.lists(row, min_size=min_rows, max_size=8))
    for column in zip(*rows, strict=True):
        # A column of 'quoted' cells is taken for another dialect, which another test shows.
        filled = [cell for cell in column if cell]
        assume(not filled or any(cell[0] != "'" or cell[-1] != "'" for cell in filled))
    return width, rows


@dataclass(frozen=True)
class Style:
    """One legal way to write RFC 4180."""

    record_end: str
    final_end: bool
    mark: bool
    quotes: int

    def write(self, width: int, rows: list[list[str]]) -> bytes:
        lines = [",".join(f"c{index}" for index in range(width))]
        for number, row in enumerate(rows):
            cells = [self._cell(cell, number * width + index) for index, cell in enumerate(row)]
            lines.append(",".join(cells))
        if not self.final_end and lines[-1] == "":
            lines[-1] = '""'
        text = self.record_end.join(lines) + (self.record_end if self.final_end else "")
        return ("\ufeff" if self.mark else "").encode() + text.encode()

    def _cell(self, cell: str, number: int) -> str:
        if any(mark in cell for mark in ',"\r\n') or self.quotes >> (number % 16) & 1:
            return '"' + cell.replace('"', '""') + '"'
        return cell


styles = st.builds(
    Style,
    record_end=st.sampled_from(["\n", "\r\n", "\r"]),
    final_end=st.booleans(),
    mark=st.booleans(),
    quotes=st.one_of(st.just(0), st.just(0xFFFF), st.integers(0, 0xFFFF)),
)


def read_out(data: bytes, block: int, **options: Any) -> tuple[list[Row], list[bytes]]:
    """What the product makes of a file, read in blocks of some bytes so that all borders occur."""
    before, scan_module.BLOCK = scan_module.BLOCK, block
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "file.csv")
            path.write_bytes(data)
            file = open_csv(path, column_types="text", **options)
            rows = [list(row.values()) for table in file.tables() for row in table.to_pylist()]
            assert len(rows) == file.rows
            for row in file.rejected:
                assert data[row.offset : row.offset + len(row.raw)] == row.raw
            return rows, [row.raw for row in file.rejected]
    finally:
        scan_module.BLOCK = before


@bounded
@given(table=tables(), style=styles, block=st.sampled_from([1, 2, 3, 7, 50, 4096]))
@example((1, [[""], ["a"], [""]]), Style("\n", final_end=True, mark=True, quotes=0), 1)
@example((1, [[""], ["\r"]]), Style("\n", final_end=False, mark=False, quotes=0), 2)
@example((2, [["\ufeffx", "\r"], ["\ufeff", '"']]), Style("\r", False, False, 0), 3)
@pytest.mark.thorough
def test_any_table_in_any_legal_style_comes_back_cell_for_cell(
    table: tuple[int, list[list[str]]], style: Style, block: int
) -> None:
    width, rows = table
    # A column that apostrophes quote is refused, here by as few rows as a block has.
    quoted = [re.fullmatch("(?s)'.+'", cell) is not None for row in rows for cell in row]
    assume(sum(quoted) < 2)
    expected = [[cell or None for cell in row] for row in rows]
    data = style.write(width, rows)
    assert reference(data, width).rows == expected
    assert read_out(data, block) == (expected, [])


@bounded
@given(data=st.data(), table=tables(min_rows=1), style=styles, block=st.sampled_from([1, 7, 4096]))
@pytest.mark.thorough
def test_any_damaged_byte_is_refused_rejected_or_changes_nothing_else(
    data: st.DataObject, table: tuple[int, list[list[str]]], style: Style, block: int
) -> None:
    width, rows = table
    sound = style.write(width, rows)
    header_end = sound.index(style.record_end.encode()) + len(style.record_end)
    at = data.draw(st.integers(header_end, len(sound)), label="at")
    byte = data.draw(
        st.one_of(st.sampled_from([*b"\",\r\n\\\0a0;'\xff\xc3"]), st.integers(0, 255)), label="byte"
    )
    kind = data.draw(st.sampled_from(["insert", "delete", "replace"]), label="kind")
    damaged = (
        sound[:at] + (b"" if kind == "delete" else bytes([byte])) + sound[at + (kind != "insert") :]
    )
    try:
        read, rejected = read_out(damaged, block, max_rejected_share=1.0)
    except SpaazaSourceError as error:
        event(type(error).__name__)
        return
    meaning = reference(damaged, width)
    if not meaning.doubtful:
        event("rejected" if rejected else "read")
        assert read == meaning.rows
        assert rejected == meaning.bad
        return
    # Only the damaged record, and those that it has swallowed, may be missing; and nothing may have
    # come in their place.
    event("damaged record rejected")
    original = [[cell or None for cell in row] for row in rows]
    head = 0
    while head < len(read) and read[head] == original[head]:
        head += 1
    tail = read[head:]
    assert tail == original[len(original) - len(tail) :]
    assert rejected
    lines = sum(1 + part.count(style.record_end[-1:].encode()) for part in rejected)
    # The damaged byte may have been a record's end.
    assert 0 < len(original) - len(read) <= lines + 1


@bounded
@given(
    lines=st.lists(
        st.one_of(
            st.sampled_from(["1,2,3", '"x","y","z"', '"a\nb",,', ",,", '"",""""," "']),
            st.text(st.sampled_from('a,"\n\r\\'), max_size=10),
        ),
        max_size=8,
    ),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    final=st.booleans(),
    block=st.sampled_from([1, 5, 4096]),
)
@pytest.mark.thorough
def test_any_text_at_all_is_refused_or_read_as_the_reference_reads_it(
    lines: list[str], end: str, final: bool, block: int
) -> None:
    data = (end.join(["c0,c1,c2", *lines]) + end * final).encode()
    try:
        read, rejected = read_out(data, block, max_rejected_share=1.0)
    except SpaazaSourceError as error:
        event(type(error).__name__)
        return
    meaning = reference(data, 3)
    event("doubtful" if meaning.doubtful else "rejected" if rejected else "read")
    if not meaning.doubtful:
        assert (read, rejected) == (meaning.rows, meaning.bad)
    else:
        # The reference stops at the doubtful record; what stands before it is certain.
        assert read[: len(meaning.rows)] == meaning.rows
        assert rejected[: len(meaning.bad)] == meaning.bad
