"""Faults 32 to 35 through whole loads: what cells become, and cells and headers without measure.

Which texts are of which type is tests/tabular/test_types.py's, in every spelling; that memory stays
bounded tests/tabular/test_bounds.py's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from spaaza_source.errors import MalformedFileError
from tests.faults.shops import AT, SpaazaShop, VoucherifyShop
from tests.warehouses import column_types, query

pytestmark = [pytest.mark.slow, pytest.mark.wing("tabular", "loading")]

UTC = dt.UTC


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[SpaazaShop]:
    shop = SpaazaShop(tmp_path)
    with shop.vendor:
        yield shop


# 32 and 34: text that stays as it is

TEXTS = [
    *("00123", "+31612345678", "NA", "null", "NULL", "None", "nan", "1e5", "1E5", "0x10", "-0"),
    *("1234567890123456789", "1" * 40, "1,234", "12,50", "x  ", "  x", " 1", "1 ", "TRUE", "yes"),
    *("2023-02-29", "01-02-2026", "2026-05-26T24:00:00Z", "٣", "1_000", "1.", ".5", "~", "\\N"),
    # What a spreadsheet would run.
    *("=cmd|' /C calc'!A0", "=1+1", "@SUM(A1:A9)", "+1+1", "-2+3", "\t=1", '=HYPERLINK("x")'),
]


def table_of(texts: list[str], first: str) -> bytes:
    """A column for each text, which it has alone."""
    quoted = ['"' + text.replace('"', '""') + '"' for text in texts]
    header = ",".join(f"c{number}" for number in range(len(texts)))
    return f"{first},{header}\n1,{AT},{','.join(quoted)}\n".encode()


def test_what_is_no_plain_number_or_date_stays_text_unchanged(shop: SpaazaShop) -> None:
    (row,) = shop.brings(table_of(TEXTS, shop.HEADER))
    assert list(row.values())[2:] == TEXTS
    assert set(list(column_types(shop.folder, shop.TABLE).values())[2:]) == {"VARCHAR"}


# 32 and 33: values that do not fit a column that has its type

FIT = "12.50,2026-01-31,true,7,2026-01-31T10:00:00Z"
MISFIT = '"12,50",2026-02-30,yes,07,31 January'


@pytest.mark.thorough
def test_what_does_not_fit_is_kept_as_text_and_an_empty_cell_is_null(tmp_path: Path) -> None:
    shop = VoucherifyShop(tmp_path)
    names = ["price", "born", "member", "points", "seen"]
    fields = [*shop.FIELDS, *(f"metadata.{name}" for name in names)]
    header = f"{shop.HEADER},{','.join(names)}"
    columns = [f"metadata_{name}" for name in names]
    with shop.vendor:
        shop.load(f"{header}\n1,{AT},{FIT}\n".encode(), fields=fields)
        types = column_types(shop.folder, shop.TABLE)
        file = f"{header}\n1,{AT},{FIT}\n2,{AT},{MISFIT}\n3,{AT},,,,,\n"
        found = shop.brings(file.encode(), fields=fields)
    fit, misfit, empty = sorted(found, key=lambda row: next(iter(row.values())))
    assert list(types.values())[2:] == [
        *("DECIMAL(38,9)", "DATE", "BOOLEAN", "BIGINT", "TIMESTAMP WITH TIME ZONE")
    ]
    assert [fit[name] for name in columns] == [
        *(Decimal("12.5"), dt.date(2026, 1, 31), True, 7),
        dt.datetime(2026, 1, 31, 10, tzinfo=UTC),
    ]
    assert [misfit[name] for name in columns] == [None] * 5
    variants = ["12,50", "2026-02-30", "yes", "07", "31 January"]
    assert [misfit[f"{name}__v_text"] for name in columns] == variants
    assert {*empty.values()} == {"3", None, dt.datetime.fromisoformat(AT)}
    assert shop.rejected() == []
    assert shop.loads() == [(1, 0, 1), (3, 0, 3)]


@pytest.mark.thorough
def test_times_are_utc_in_a_gap_of_a_clock_too_and_nothing_is_rounded(shop: SpaazaShop) -> None:
    shop.load(f"id,timestamp,t,price\n1,{AT},2026-03-29 01:30:00,1.5\n".encode())
    # At 02:30 that night there is no such time in Amsterdam, nor at 02:30 on the 8th in New York.
    rows = [
        ("2026-03-29 02:30:00", "0.123456789"),
        ("2026-03-08T02:30:00", "0.1234567891"),
        ("2026-03-29T02:30:00+02:00", "-0.000000001"),
        ("2026-10-25 02:30:00.123456", "99999999999999999999999999999.999999999"),
        ("2026-10-25 02:30:00.1234567", "100000000000000000000000000000.5"),
    ]
    lines = "".join(f"{number},{AT},{t},{price}\n" for number, (t, price) in enumerate(rows))
    shop.brings(f"id,timestamp,t,price\n{lines}".encode())
    day = dt.datetime(2026, 3, 29, tzinfo=UTC)
    told = "SELECT t, t__v_text, price::VARCHAR, price__v_text FROM transactions ORDER BY id"
    gap = dt.timedelta(hours=2, minutes=30)
    assert query(shop.folder, told) == [
        (day + gap, None, "0.123456789", None),
        (day.replace(day=8) + gap, None, None, "0.1234567891"),
        (day + dt.timedelta(minutes=30), None, "-0.000000001", None),
        (
            dt.datetime(2026, 10, 25, 2, 30, 0, 123456, tzinfo=UTC),
            None,
            "99999999999999999999999999999.999999999",
            None,
        ),
        (None, "2026-10-25 02:30:00.1234567", None, "100000000000000000000000000000.5"),
    ]


# 35: without measure


@pytest.mark.thorough
def test_a_cell_of_ten_megabytes_is_loaded(shop: SpaazaShop) -> None:
    cell = "é\n," * 2_500_000
    shop.brings(f'id,timestamp,note\n1,{AT},x\n2,{AT},"{cell}"\n3,{AT},y\n'.encode())
    (found,) = query(shop.folder, "SELECT note FROM transactions WHERE id = 2")
    assert found == (cell,)
    assert query(shop.folder, "SELECT count(*) FROM transactions") == [(3,)]


@pytest.mark.thorough
def test_a_row_beyond_the_limit_stops(shop: SpaazaShop) -> None:
    shop.load(f"id,timestamp,note\n1,{AT},x\n".encode())
    endless = b'2,%s,"' % AT.encode() + b"x\n" * (20 << 20) + b'"\n'
    shop.stops(b"id,timestamp,note\n" + endless, MalformedFileError, "line 2")


@pytest.mark.thorough
def test_five_thousand_columns_are_loaded(shop: SpaazaShop) -> None:
    names = [f"c{number}" for number in range(5_000)]
    cells = ",".join(str(number) for number in range(5_000))
    file = f"{','.join(names)}\n" + f"{cells}\n" * 30
    shop.brings(file.encode())
    ends = "SELECT count(*), min(c0), max(c2500), sum(c4999)::INT FROM transactions"
    assert query(shop.folder, ends) == [(30, 0, 2500, 30 * 4999)]
    assert len(column_types(shop.folder, shop.TABLE)) == 5_000


def test_one_column_is_loaded(shop: SpaazaShop) -> None:
    found = shop.brings(b"id\n" + b"".join(b"%d\n" % number for number in range(9)))
    assert sorted(row["id"] for row in found) == [str(number) for number in range(9)]
