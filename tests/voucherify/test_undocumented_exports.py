"""What no document tells of Voucherify's filters and files: whichever way it is, no row is lost."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from spaaza_source.errors import FileError
from spaaza_source.windows import iso, parse_instant
from tests.faults.hosts import ours
from tests.vendors.voucherify_files import VoucherifyVendor, load
from tests.warehouses import query

pytestmark = pytest.mark.slow

LONG = pytest.mark.thorough

FIELDS = {"orders": ["id", "created_at", "updated_at", "status"]}
HEADER = "ID,Created At,Updated At,Status\n"


class FilteringVendor(VoucherifyVendor):
    """One that exports the orders which a filter lets through, with its bounds or without."""

    def __init__(self, rows: list[tuple[str, str, str, str]], *, inclusive: bool) -> None:
        super().__init__(order="")
        self.rows, self.inclusive = rows, inclusive

    def _parts(self, number: int) -> list[str]:
        filters = self.bodies[number - 1]["parameters"].get("filters", {})
        rows = [row for row in self.rows if self._passes(row, filters)]
        return [HEADER + "".join(",".join(row) + "\n" for row in rows)]

    def _passes(self, row: tuple[str, ...], filters: dict[str, Any]) -> bool:
        either = any if filters.get("junction") == "or" else all
        place = {"created_at": 1, "updated_at": 2}
        fits = [
            self._fits(row[place[name]], filters[name]["conditions"])
            for name in filters
            if name != "junction"
        ]
        return either(fits) if fits else True

    def _fits(self, cell: str, conditions: dict[str, list[str]]) -> bool:
        if not cell:
            return False
        at = parse_instant(cell, "")
        after, before = (
            [parse_instant(text, "") for text in conditions.get(name, [])]
            for name in ("$after", "$before")
        )
        if self.inclusive:
            return all(at >= one for one in after) and all(at <= one for one in before)
        return all(at > one for one in after) and all(at < one for one in before)


@pytest.mark.parametrize("inclusive", [pytest.param(True, marks=LONG), False])
@pytest.mark.parametrize("updated", ["", pytest.param("too", marks=LONG)])
def test_bounds_and_rows_that_were_never_updated(
    tmp_path: Path, inclusive: bool, updated: str
) -> None:
    """`updated_at` is empty until a first update, or it is the time of the creation."""
    bound = parse_instant("2026-05-01", "")
    steps = (-1.001, -1, -0.001, 0, 0.001, 1, 1.001)
    created = [iso(bound + timedelta(seconds=step)) for step in steps]
    rows = [
        (f"o_{number}", at, at if updated else "", "CREATED") for number, at in enumerate(created)
    ]
    with FilteringVendor(rows, inclusive=inclusive) as vendor:
        load(vendor, tmp_path, "orders", fields=FIELDS, start_date="2026-04-01")
        assert len(vendor.bodies) == 2
        found = "SELECT count(*), count(DISTINCT id) FROM orders"
        assert query(tmp_path, found) == [(7, 7)]
        # Between the last load's end and the next one's: one is new, one is paid.
        vendor.rows = [
            ("o_0", rows[0][1], "2026-05-10T04:00:00.000Z", "PAID"),
            *rows[1:],
            ("o_7", "2026-05-10T03:59:59.999Z", "", "CREATED"),
        ]
        load(vendor, tmp_path, "orders", fields=FIELDS, start_date="2026-04-01")
        assert query(tmp_path, found) == [(8, 8)]
        assert query(tmp_path, "SELECT status FROM orders WHERE id = 'o_0'") == [("PAID",)]


VOUCHERS = {"vouchers": ["id", "code", "value"]}


def test_parts_of_a_result_each_with_a_header(tmp_path: Path) -> None:
    with VoucherifyVendor(
        voucher=["ID,Code,Value\nv_1,A,1\n", "ID,Code,Value\nv_2,B,2\n"]
    ) as vendor:
        load(vendor, tmp_path, "vouchers", fields=VOUCHERS)
    assert query(tmp_path, "SELECT id FROM vouchers ORDER BY id") == [("v_1",), ("v_2",)]


@pytest.mark.parametrize(
    "parts",
    [
        ["ID,Code,Value\nv_1,A,1\n", "v_2,B,2\nv_3,C,3\n"],
        pytest.param(["ID,Code,Value\nv_1,A,1\nv_2,", "B,2\nv_3,C,3\n"], marks=LONG),
        pytest.param(["ID,Code,Value\nv_1,A,1\nv_2,B,2", "\nv_3,C,3\n"], marks=LONG),
        pytest.param(["ID,Code,Value\nv_1,A,1\nv_2,B,2\nv_3,C", ",3\n"], marks=LONG),
    ],
    ids=["between rows", "within a row", "before a row's end", "before a comma"],
)
def test_parts_without_a_header_of_their_own_stop(tmp_path: Path, parts: list[str]) -> None:
    with VoucherifyVendor(voucher="ID,Code,Value\nv_0,A,1\n") as vendor:
        load(vendor, tmp_path, "vouchers", fields=VOUCHERS)
        vendor.files["voucher"] = parts
        with pytest.raises(Exception, match=r".") as stopped:
            load(vendor, tmp_path, "vouchers", fields=VOUCHERS)
        assert isinstance(ours(stopped.value), FileError)
    assert query(tmp_path, "SELECT id FROM vouchers") == [("v_0",)]


SPAN = {"start_date": "2026-05-01", "end_date": "2026-05-10"}


@pytest.mark.parametrize("own_id", ["", pytest.param("p_1", marks=LONG)])
def test_publications_with_an_id_or_without(tmp_path: Path, own_id: str) -> None:
    """Without one, rows that are the same in every cell are as many as there are."""
    fields = {"publications": ["voucher_code", "date"]}
    more = (",ID", f",{own_id}") if own_id else ("", "")
    row = f"A,2026-05-09T10:00:00.000Z{more[1]}\n"
    with VoucherifyVendor(publication=f"Voucher Code,Date{more[0]}\n{row}{row}") as vendor:
        for _ in range(2):
            load(vendor, tmp_path, "publications", fields=fields, **SPAN)
            assert query(tmp_path, "SELECT count(*) FROM publications") == [(2,)]


@pytest.mark.parametrize("ids", [("1", "1"), pytest.param(("1", "2"), marks=LONG)])
def test_points_that_expire_replace_those_before(tmp_path: Path, ids: tuple[str, str]) -> None:
    """Whether their id tells them apart or not."""
    fields = {"points_expirations": ["id", "points", "expires_at"]}
    rows = [f"{one},{points},2026-06-0{points}\n" for points, one in enumerate(ids, start=1)]
    with VoucherifyVendor(points_expiration="ID,Points,Expires At\n" + "".join(rows)) as vendor:
        for _ in range(2):
            load(vendor, tmp_path, "points_expirations", fields=fields)
        vendor.files["points_expiration"] = f"ID,Points,Expires At\n{rows[1]}1,9,2026-07-01\n"
        load(vendor, tmp_path, "points_expirations", fields=fields, accept_deletes=True)
    assert all("filters" not in body["parameters"] for body in vendor.bodies)
    points = "SELECT points::INT FROM points_expirations ORDER BY points"
    assert query(tmp_path, points) == [(2,), (9,)]
