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

pytestmark = [pytest.mark.slow, pytest.mark.wing("tabular", "loading")]

#: Enough sound rows that a bad one is less than 1 % of them.
SOUND = 120
#: Settings by which four rows are too many.
FEW = {"max_rejected_rows": 3, "max_rejected_share": 0.001}


def file_of(shop: Shop, *bad: str | bytes, end: bytes = b"\n") -> bytes:
    """Bad rows between sound ones, numbered from 0."""
    sound = [f"{number},{AT}".encode() for number in range(SOUND * max(1, len(bad)))]
    rows = [row if isinstance(row, bytes) else row.encode() for row in bad]
    return end.join([shop.HEADER.encode(), *sound[:SOUND], *rows, *sound[SOUND:], b""])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One that has a table already; all its loads but the last stop."""
    shop = SpaazaShop(tmp_path_factory.mktemp("shop"))
    with shop.vendor:
        shop.load(file_of(shop))
        yield shop


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


@pytest.mark.parametrize(
    "make",
    [SpaazaShop, pytest.param(VoucherifyShop, marks=pytest.mark.thorough)],
    ids=["spaaza", "voucherify"],
)
def test_bad_rows_are_kept_byte_for_byte_and_the_others_loaded(
    make: type[Shop], tmp_path: Path
) -> None:
    shop = make(tmp_path)
    with shop.vendor:
        found = shop.brings(file_of(shop, *(row for row, _ in BAD)))
    total = SOUND * len(BAD)
    ids = sorted(next(iter(row.values())) for row in found)
    assert ids == sorted(str(number) for number in range(total))
    assert shop.loads() == [(total, len(BAD), total)]
    raw = [row if isinstance(row, bytes) else row.encode() for row, _ in BAD]
    assert shop.rejected() == [
        (2 + SOUND + number, reason, raw[number]) for number, (_, reason) in enumerate(BAD)
    ]


def test_the_first_bad_row_stops_where_that_is_asked_for(shop: Shop) -> None:
    row, reason = BAD[0]
    place = f"line {2 + SOUND}"
    shop.stops(file_of(shop, row), MalformedFileError, place, reason, on_bad_row="fail")


def test_more_bad_rows_than_allowed_stop(shop: Shop) -> None:
    bad = [CELL] * 4
    file = file_of(shop, *bad).replace(f"200,{AT}\n".encode(), b"")
    shop.stops(file, TooManyRejectedRowsError, f"line {2 + SOUND}", **FEW)


@pytest.mark.parametrize("after", [0, 2], ids=["at the end", "before two rows"])
def test_where_the_structure_is_lost_nothing_is_loaded(shop: Shop, after: int) -> None:
    rows = f'"{CELL},{AT}\n' + f"7,{AT}\n" * after
    shop.stops(file_of(shop) + rows.encode(), MalformedFileError, "line ", "never closes")


def test_where_the_structure_is_found_again_the_other_rows_are_loaded(fresh: SpaazaShop) -> None:
    damaged = {
        f'"{CELL}"x,{AT}': "text after a closing quote",
        # The next quote opens a cell, or is one within the open one, and is not doubled.
        f'"{CELL},{AT}\n"swallowed",{AT}': "text after a closing quote; it is uncertain which",
        f'"{CELL}"",{AT}\n"swallowed",{AT}': "text after a closing quote; it is uncertain which",
        '"' + fresh.HEADER.replace(",", '",') + "": "the header is repeated",
    }
    sound = [f'"{number}",{AT}' for number in range(SOUND)]
    rows = [row for bad in damaged for row in [bad, *sound]]
    file = "\n".join([fresh.HEADER, *rows, ""]).encode()
    assert len(fresh.brings(file)) == SOUND * len(damaged)
    assert [bytes(raw).decode() for _, _, raw in fresh.rejected()] == list(damaged)
    for (_, reason, _), begin in zip(fresh.rejected(), damaged.values(), strict=True):
        assert reason.startswith(begin)


# 29: record ends


@pytest.mark.parametrize(
    "end", [pytest.param(b"\r\n", marks=pytest.mark.thorough), b"\r"], ids=["CRLF", "CR"]
)
def test_each_record_end_is_read_and_those_inside_quotes_are_kept(
    fresh: SpaazaShop, end: bytes
) -> None:
    records = [b"id,timestamp,note", b'1,%s,"a\rb\nc\r\nd"' % AT.encode(), b"2,%s,x" % AT.encode()]
    found = fresh.brings(end.join(records))
    assert [(row["id"], row["note"]) for row in found] == [("1", "a\rb\nc\r\nd"), ("2", "x")]
    assert fresh.rejected() == []


def test_mixed_record_ends_are_read_where_nothing_else_is_odd(fresh: SpaazaShop) -> None:
    found = fresh.brings(f"id,timestamp\r\n1,{AT}\n2,{AT}\r\n3,{AT}\n".encode())
    assert [row["id"] for row in found] == ["1", "2", "3"]


def test_mixed_record_ends_that_may_be_either_stop(shop: Shop) -> None:
    text = f"{shop.HEADER}\r1,{AT}\n2,{AT}\r3,{AT}\r"
    shop.stops(text.encode(), MalformedFileError)


# 30: encodings


def test_a_byte_order_mark_is_no_part_of_the_first_name(fresh: SpaazaShop) -> None:
    found = fresh.brings(f"\ufeffid,timestamp,note\n1,{AT},\ufeffx é 🙂\n".encode())
    assert [(row["id"], row["note"]) for row in found] == [("1", "\ufeffx é 🙂")]


def test_another_encoding_stops(shop: Shop) -> None:
    shop.stops(f"{shop.HEADER}\n1,{AT}\n".encode("utf-16"), FileError)


def test_a_byte_that_is_not_utf8_stops_at_its_offset(shop: Shop) -> None:
    file = file_of(shop)
    words = f"byte offset {len(file) + 3}"
    shop.stops(file + f"caf\xe9,{AT}\n".encode("latin-1"), EncodingError, words)


# 31: other dialects, and more than one table


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(",", ";"),
        lambda text: f"Export of {CELL}\n\n{text}",
        lambda text: f"{text}\nid,{CELL}\n1,2\n",
    ],
    ids=["semicolons", "a preamble", "a second table"],
)
def test_what_is_not_one_table_of_rfc_4180_stops(shop: Shop, change: object) -> None:
    assert callable(change)
    text = f"{shop.HEADER}\n" + "".join(f"{number},{AT}\n" for number in range(9))
    shop.stops(change(text).encode(), (MalformedFileError, HeaderError, TooManyRejectedRowsError))


# At Voucherify, and then


@pytest.mark.thorough
def test_a_broken_file_of_voucherifys_stops(tmp_path: Path) -> None:
    shop = VoucherifyShop(tmp_path)
    with shop.vendor:
        shop.load(file_of(shop))
        shop.stops(file_of(shop) + b'7,"%s\n' % AT.encode(), FileError)


def test_after_a_broken_file_the_next_sound_one_is_loaded_whole(shop: Shop) -> None:
    shop.stops(f'{shop.HEADER}\n1,"'.encode(), MalformedFileError)
    found = shop.brings(file_of(shop) + f"{SOUND},{AT}\n".encode())
    ids = sorted(next(iter(row.values())) for row in found)
    assert ids == sorted(str(number) for number in range(SOUND + 1))
    shop.check_cursor()
    loads = query(shop.folder, "SELECT count(*), sum(loaded)::INT FROM export_jobs")
    assert loads == [(2, 2 * SOUND + 1)]
    assert shop.rejected() == []
