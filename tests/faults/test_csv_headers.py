"""Faults 24 to 27 through whole loads: what a header gains, loses or renames, and hostile ones.

Types and contracts over several loads are tests/loading/test_columns.py's; what each header alone
becomes, tests/tabular/test_header.py's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from spaaza_source.errors import HeaderError, MalformedFileError
from tests.faults.shops import AT, CELL, Shop, SpaazaShop, VoucherifyShop
from tests.warehouses import column_types, query

pytestmark = [pytest.mark.slow, pytest.mark.wing("tabular", "loading")]

SHOPS: list[type[Shop]] = [SpaazaShop, VoucherifyShop]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[SpaazaShop]:
    shop = SpaazaShop(tmp_path)
    with shop.vendor:
        yield shop


def stocked(make: type[Shop], folders: pytest.TempPathFactory) -> Iterator[Shop]:
    """One that has a table already."""
    shop = make(folders.mktemp("shop"))
    with shop.vendor:
        shop.load(f"{shop.HEADER}\n1,{AT}\n".encode())
        yield shop


@pytest.fixture(scope="module")
def at_spaaza(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    yield from stocked(SpaazaShop, tmp_path_factory)


@pytest.fixture(scope="module")
def at_voucherify(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    yield from stocked(VoucherifyShop, tmp_path_factory)


@pytest.fixture(params=["at_spaaza", "at_voucherify"])
def at_either(request: pytest.FixtureRequest) -> Shop:
    found: Shop = request.getfixturevalue(request.param)
    return found


# 24: nothing, and a header alone


def test_no_byte_at_all_stops(at_either: Shop) -> None:
    at_either.stops(b"", MalformedFileError, "empty")


@pytest.mark.parametrize(
    "make",
    [SHOPS[0], pytest.param(SHOPS[1], marks=pytest.mark.thorough)],
    ids=["spaaza", "voucherify"],
)
def test_a_header_alone_is_a_table_without_rows(make: type[Shop], tmp_path: Path) -> None:
    shop = make(tmp_path)
    with shop.vendor:
        assert shop.brings(f"{shop.HEADER}\n".encode()) == []
    assert len(column_types(tmp_path, shop.TABLE)) == len(shop.HEADER.split(","))
    assert shop.loads() == [(0, 0, 0)]
    assert shop.changes() == []


# 25: columns that move, come, go and change their names


@pytest.mark.thorough
def test_a_new_column_at_the_end_is_loaded(shop: SpaazaShop) -> None:
    shop.load(f"id,timestamp\n1,{AT}\n".encode())
    (found,) = shop.brings(f"id,timestamp,city\n1,{AT},Ede\n".encode())
    assert (found["id"], found["city"]) == ("1", "Ede")
    assert shop.changes() == [("added", "city", None)]


@pytest.mark.thorough
def test_a_column_that_is_gone_keeps_the_values_of_rows_that_are_not_exported_again(
    shop: SpaazaShop,
) -> None:
    shop.load(f"id,timestamp,city\n1,2020-01-01T00:00:00Z,Ede\n2,{AT},Oss\n".encode())
    shop.brings(f"id,timestamp\n2,{AT}\n3,{AT}\n".encode())
    told = "SELECT id, city FROM transactions ORDER BY id"
    assert query(shop.folder, told) == [("1", "Ede"), ("2", None), ("3", None)]
    assert shop.changes() == [("removed", "city", None)]


@pytest.mark.thorough
def test_a_column_under_another_name_is_told_as_a_likely_rename(shop: SpaazaShop) -> None:
    shop.load(f"id,timestamp,phone_number\n1,2020-01-01T00:00:00Z,+316\n2,{AT},+317\n".encode())
    shop.brings(f"id,timestamp,phone_nr\n2,{AT},+317\n".encode())
    told = "SELECT id, phone_number, phone_nr FROM transactions ORDER BY id"
    assert query(shop.folder, told) == [("1", "+316", None), ("2", None, "+317")]
    assert shop.changes() == [("renamed", "phone_nr", "phone_number")]


@pytest.mark.thorough
def test_labels_of_voucherifys_may_move_too(tmp_path: Path) -> None:
    shop = VoucherifyShop(tmp_path)
    with shop.vendor:
        first = shop.brings(f"Voucher Code,Date\nx,{AT}\n".encode())
        assert shop.brings(f"Date,Voucher Code\n{AT},x\n".encode()) == first


# 26: headers that cannot name columns


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("id,timestamp,Town/City,town city", ["'Town/City'", "'town city'", "'town_city'"]),
        ("id,timestamp,city,", ["column 4"]),
        ("id,timestamp,_dlt_id,city", ["column 3 ('_dlt_id')"]),
    ],
)
def test_a_header_that_cannot_name_columns_stops(
    at_spaaza: Shop, header: str, named: list[str]
) -> None:
    file = f"{header}\n2,{AT},{CELL},{CELL}\n"
    at_spaaza.stops(file.encode(), HeaderError, *named)


@pytest.mark.parametrize(
    "header",
    [
        "Voucher Code,Voucher Code",
        "Voucher Code,Date,_dlt_id",
    ],
)
def test_labels_that_do_not_tell_the_fields_stop(at_voucherify: Shop, header: str) -> None:
    cells = ",".join([CELL] * len(header.split(",")))
    at_voucherify.stops(f"{header}\n{cells}\n".encode(), HeaderError, "header")


# 27: hostile headers

HOSTILE = [
    "x" * 300,
    'say "hi"',
    'x"; DROP TABLE export_jobs; --',
    "x'); DROP TABLE loyalty.export_jobs; --",
    "id; SELECT 1",
    "a;b|c",
    "`tick`",
    "%s %(x)s {x} $1 ?",
    "../../etc/passwd",
    "two\nlines",
    "select",
    "Прізвище 🙂 姓名",
]


@pytest.mark.thorough
def test_hostile_headers_are_columns_with_safe_names(shop: SpaazaShop) -> None:
    shop.load(f"id,timestamp\n1,{AT}\n".encode())
    quoted = ['"' + header.replace('"', '""') + '"' for header in HOSTILE]
    cells = [f"cell {number}" for number in range(len(HOSTILE))]
    header = ",".join(["id", "timestamp", *quoted])
    (row,) = shop.brings(f"{header}\n1,{AT},{','.join(cells)}\n".encode())
    names = list(row)[2:]
    assert [row[name] for name in names] == cells
    for name in names:
        assert name.isascii()
        assert name.replace("_", "").isalnum()
        assert len(name) <= len(max(HOSTILE, key=len))
    told = query(shop.folder, "SELECT column_name, header FROM column_changes")
    assert dict(told) == dict(zip(names, HOSTILE, strict=True))
    assert shop.loads() == [(1, 0, 1), (1, 0, 1)]


def test_headers_that_become_one_name_are_said(at_spaaza: Shop) -> None:
    file = f"id,timestamp,姓名,الاسم\n2,{AT},{CELL},{CELL}\n"
    at_spaaza.stops(file.encode(), HeaderError, "3 ('姓名", "4 ('الاسم")
