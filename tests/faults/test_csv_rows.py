"""Faults 28 to 31 through whole loads: rows that do not fit, and files that are no such table.

A bad row is kept apart, and all others are loaded; where nobody can tell what is a row, nothing is.
The reader by itself, block by block, is tests/tabular/test_bad_rows.py's, as are files of any kind
tests/tabular/test_any_table.py's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from spaaza_source.errors import (
    EncodingError,
    FileError,
    HeaderError,
    MalformedFileError,
    TooManyRejectedRowsError,
)
from tests.faults.shops import AT, CELL, Shop, SpaazaShop, VoucherifyShop
from tests.warehouses import query

#: Enough sound rows that a bad one is less than 1 % of them.
SOUND = 120


def file_of(shop: Shop, *bad: str | bytes, end: bytes = b"\n") -> bytes:
    """Bad rows between sound ones, numbered from 0."""
    sound = [f"{number},{AT}".encode() for number in range(SOUND * max(1, len(bad)))]
    rows = [row if isinstance(row, bytes) else row.encode() for row in bad]
    return end.join([shop.HEADER.encode(), *sound[:SOUND], *rows, *sound[SOUND:], b""])


def stocked(make: type[Shop], folders: pytest.TempPathFactory) -> Iterator[Shop]:
    """One that has a table already; all its loads but the last stop."""
    shop = make(folders.mktemp("shop"))
    with shop.vendor:
        shop.load(file_of(shop))
        yield shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    yield from stocked(SpaazaShop, tmp_path_factory)


@pytest.fixture(scope="module")
def at_voucherify(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    yield from stocked(VoucherifyShop, tmp_path_factory)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[SpaazaShop]:
    shop = SpaazaShop(tmp_path)
    with shop.vendor:
        yield shop


# 28: bad rows


BAD: list[tuple[str | bytes, str]] = [
    (f"7,{AT},{CELL}", "3 cells where the header has 2"),
    ("7", "1 cells where the header has 2"),
    (f"7,{AT},", "3 cells where the header has 2"),
    (f'"7,{AT}"', "1 cells where the header has 2"),
    (f'{CELL}",{AT}', "a quote in an unquoted cell"),
    (f'7, "{AT}"', "a quote in an unquoted cell"),
    (f'"{CELL} "hi" now",{AT}', "text after a closing quote"),
    (f'"{CELL} \\"hi\\" now",{AT}', "text after a closing quote"),
    (b"7,\0", "a NUL byte"),
    (f"7\r8,{AT}", "a carriage return in an unquoted cell"),
]


@pytest.mark.parametrize("make", [SpaazaShop, VoucherifyShop], ids=["spaaza", "voucherify"])
def test_bad_rows_are_kept_byte_for_byte_and_the_others_loaded(
    make: type[Shop], tmp_path: Path
) -> None:
    shop = make(tmp_path)
    with shop.vendor:
        found = shop.brings(file_of(shop, *(row for row, _ in BAD)))
    total = SOUND * len(BAD)
    ids = [next(iter(row.values())) for row in found]
    assert ids == list(range(total))
    assert shop.loads() == [(total, len(BAD), total)]
    raw = [row if isinstance(row, bytes) else row.encode() for row, _ in BAD]
    assert shop.rejected() == [
        (2 + SOUND + number, reason, raw[number]) for number, (_, reason) in enumerate(BAD)
    ]


@pytest.mark.parametrize(
    ("row", "reason"), [BAD[0], BAD[4], BAD[8]], ids=["too long", "a quote", "NUL"]
)
def test_the_first_stops_where_that_is_asked_for(shop: Shop, row: str | bytes, reason: str) -> None:
    place = f"line {2 + SOUND}"
    shop.stops(file_of(shop, row), MalformedFileError, place, reason, on_bad_row="fail")


def test_more_bad_rows_than_allowed_stop(shop: Shop) -> None:
    bad = [CELL] * 4
    file = file_of(shop, *bad).replace(f"200,{AT}\n".encode(), b"")
    shop.stops(file, TooManyRejectedRowsError, f"line {2 + SOUND}", max_rejected_share=0.001)


@pytest.mark.parametrize(
    "rows",
    [
        f'"{CELL}"x,{AT}\n',
        f'"{CELL}\\"x",{AT}\n',
        f'"{CELL}" ,{AT}\n',
        f'{CELL}",{AT}"\n"\n',
        f'"{CELL},{AT}\n',
        f'7,"{CELL}',
    ],
    ids=["text behind", "a backslash", "a space behind", "quotes lost", "unclosed", "at the end"],
)
def test_where_the_structure_is_lost_nothing_is_loaded(shop: Shop, rows: str) -> None:
    shop.stops(file_of(shop) + rows.encode(), MalformedFileError, "line ")


# 29: record ends


@pytest.mark.parametrize(
    ("end", "last"),
    [(b"\n", True), (b"\r\n", True), (b"\r", True), (b"\r\n", False)],
    ids=["LF", "CRLF", "CR", "none behind the last"],
)
def test_each_record_end_is_read_and_those_inside_quotes_are_kept(
    fresh: SpaazaShop, end: bytes, last: bool
) -> None:
    records = [b"id,timestamp,note", b'1,%s,"a\rb\nc\r\nd"' % AT.encode(), b"2,%s,x" % AT.encode()]
    found = fresh.brings(end.join(records) + end * last)
    assert [(row["id"], row["note"]) for row in found] == [(1, "a\rb\nc\r\nd"), (2, "x")]
    assert fresh.rejected() == []


def test_mixed_record_ends_are_read_where_nothing_else_is_odd(fresh: SpaazaShop) -> None:
    found = fresh.brings(f"id,timestamp\r\n1,{AT}\n2,{AT}\r\n3,{AT}\n".encode())
    assert [row["id"] for row in found] == [1, 2, 3]


@pytest.mark.parametrize(
    "file",
    [
        "{header}\r1,{at}\n2,{at}\r3,{at}\r",
        "{header}\n1,{at}\r2,{at}\r",
    ],
)
def test_mixed_record_ends_that_may_be_either_stop(shop: Shop, file: str) -> None:
    text = file.format(header=shop.HEADER, at=AT)
    shop.stops(text.encode(), MalformedFileError)


# 30: encodings


def test_a_byte_order_mark_is_no_part_of_the_first_name(fresh: SpaazaShop) -> None:
    found = fresh.brings(f"\ufeffid,timestamp,note\n1,{AT},\ufeffx é 🙂\n".encode())
    assert [(row["id"], row["note"]) for row in found] == [(1, "\ufeffx é 🙂")]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_another_encoding_stops(shop: Shop, encoding: str) -> None:
    shop.stops(f"{shop.HEADER}\n1,{AT}\n".encode(encoding), FileError)


@pytest.mark.parametrize(
    ("cell", "at"),
    [(b"caf\xe9", 3), (b"\xff", 0), (b"x\xc3", 1)],
    ids=["latin-1", "a lone byte", "half a character"],
)
def test_a_byte_that_is_not_utf8_stops_at_its_offset(shop: Shop, cell: bytes, at: int) -> None:
    file = file_of(shop)
    words = f"byte offset {len(file) + at}"
    shop.stops(file + cell + f",{AT}\n".encode(), EncodingError, words)


# 31: other dialects, and more than one table


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(",", ";"),
        lambda text: text.replace(",", "\t"),
        lambda text: text.replace(AT, f"'{AT}'"),
        lambda text: text.replace(AT, f'"{CELL}\\"{AT}"'),
        lambda text: f"sep=,\n{text}",
        lambda text: f"Export of {CELL}\n\n{text}",
        lambda text: text.replace("\n5,", "\n\n5,"),
        lambda text: text + text,
        lambda text: f"{text}\nid,{CELL}\n1,2\n",
    ],
    ids=[
        *("semicolons", "tabs", "apostrophes", "backslashes", "sep=", "a preamble"),
        *("an empty line", "the header again", "a second table"),
    ],
)
def test_what_is_not_one_table_of_rfc_4180_stops(shop: Shop, change: object) -> None:
    assert callable(change)
    text = f"{shop.HEADER}\n" + "".join(f"{number},{AT}\n" for number in range(9))
    shop.stops(change(text).encode(), (MalformedFileError, HeaderError, TooManyRejectedRowsError))


# At Voucherify, and then


VOUCHERIFYS = {
    "a quote that never closes": b'7,"%s\n' % AT.encode(),
    "text behind a quote": f'"{CELL}"x,{AT}\n'.encode(),
    "latin-1": b"caf\xe9,%s\n" % AT.encode(),
    "the header again": f"{VoucherifyShop.HEADER}\n1,{AT}\n".encode(),
    "another table": f"\nID,{CELL}\n1,2\n".encode(),
}


@pytest.mark.parametrize("fault", VOUCHERIFYS)
def test_a_file_of_voucherifys_stops_as_well(at_voucherify: Shop, fault: str) -> None:
    at_voucherify.stops(file_of(at_voucherify) + VOUCHERIFYS[fault], FileError)


@pytest.mark.parametrize("name", ["shop", "at_voucherify"])
def test_after_all_of_these_the_next_sound_file_brings_every_row(
    name: str, request: pytest.FixtureRequest
) -> None:
    shop: Shop = request.getfixturevalue(name)
    shop.stops(f'{shop.HEADER}\n1,"'.encode(), MalformedFileError)
    found = shop.brings(file_of(shop) + f"{SOUND},{AT}\n".encode())
    ids = sorted(next(iter(row.values())) for row in found)
    assert ids == list(range(SOUND + 1))
    shop.check_cursor()
    loads = query(shop.folder, "SELECT count(*), sum(loaded)::INT FROM export_jobs")
    assert loads == [(2, 2 * SOUND + 1)]
    assert shop.rejected() == []
