"""Faults 7, 20, 24, 37 and 39 through whole loads of Voucherify's, where its header has a part.

Its labels must name the fields that were asked for, so a page of words is no table; which rows go
is told by keys and snapshots of its own. Files that break off are tests/faults/
test_loads_of_bad_files.py's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from spaaza_source.errors import FileError, TooManyDeletionsError
from tests.faults.hosts import BadDownloads, ours, spaaza
from tests.vendors.server import Answer
from tests.vendors.voucherify_files import VoucherifyVendor, load
from tests.warehouses import column_types, query

pytestmark = [pytest.mark.slow, pytest.mark.wing("voucherify")]

FIELDS = {
    "vouchers": ["id", "code", "value"],
    "points_expirations": ["id", "points"],
    "redemptions": ["id"],
}
VOUCHERS = "ID,Code,Value\n" + "".join(f"v_{n},{n:04},10\n" for n in range(10))
EXPIRATIONS = "ID,Points\n" + "".join(f"pe_{n},10\n" for n in range(10))

DENIED = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code>'
    b"<AWSAccessKeyId>canary</AWSAccessKeyId></Error>"
)
PAGES = [
    DENIED,
    b'{"code":401,"key":"unauthorized","message":"canary","request_id":"v-1"}',
    b"Access Denied: canary",
    # Rows, but not their header; and those of another export.
    b"v_1,canary,10\nv_2,canary,20\n",
    b"ID,Points,Campaign ID\npe_1,10,canary\n",
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[VoucherifyVendor, Path]]:
    folder = tmp_path_factory.mktemp("shop")
    with VoucherifyVendor(voucher=VOUCHERS) as vendor:
        load(vendor, folder, "vouchers", fields=FIELDS)
        yield vendor, folder


@pytest.mark.parametrize("page", PAGES)
def test_what_is_no_table_changes_nothing(page: bytes, shop: tuple[VoucherifyVendor, Path]) -> None:
    vendor, folder = shop
    vendor.refusals = [Answer(200, page, {"Content-Type": "text/plain"})]
    with pytest.raises(Exception, match="voucher") as failure:
        load(vendor, folder, "vouchers", fields=FIELDS)
    error = ours(failure.value)
    assert isinstance(error, FileError)
    assert f"job exp_{len(vendor.bodies)}" in str(error)
    assert "canary" not in f"{failure.value} {error}"
    assert query(folder, "SELECT count(*), sum(value)::INT FROM vouchers") == [(10, 100)]
    assert list((folder / "pipelines" / "spaaza" / "exports").iterdir()) == []


def test_a_page_of_one_word_is_not_a_column(tmp_path: Path) -> None:
    with VoucherifyVendor(redemption="Unauthorized\n") as vendor:
        with pytest.raises(Exception, match="redemption") as failure:
            load(vendor, tmp_path, "redemptions", fields=FIELDS)
        assert isinstance(ours(failure.value), FileError)


@pytest.mark.thorough
def test_a_header_alone_is_a_table_without_rows(tmp_path: Path) -> None:
    with VoucherifyVendor(voucher="ID,Code,Value\n", points_expiration="Points,ID") as vendor:
        load(vendor, tmp_path, "vouchers", "points_expirations", fields=FIELDS)
        assert {"id", "code", "value"} <= column_types(tmp_path, "vouchers").keys()
        assert {"id", "points"} <= column_types(tmp_path, "points_expirations").keys()
        assert query(tmp_path, "SELECT count(*) FROM vouchers") == [(0,)]
        vendor.files["voucher"] = VOUCHERS
        load(vendor, tmp_path, "vouchers", fields=FIELDS)
    assert query(tmp_path, "SELECT count(*), sum(value)::INT FROM vouchers") == [(10, 100)]
    loads = "SELECT job_id, rows FROM export_jobs WHERE table_name = 'vouchers' ORDER BY 1"
    assert [rows for _, rows in query(tmp_path, loads)] == [0, 10]


def test_a_snapshot_that_lacks_too_many_rows_stops(tmp_path: Path) -> None:
    count = "SELECT count(*) FROM points_expirations"
    with VoucherifyVendor(points_expiration=EXPIRATIONS) as vendor:
        load(vendor, tmp_path, "points_expirations", fields=FIELDS)
        for fewer in (EXPIRATIONS.split("pe_4")[0], "ID,Points\n"):
            vendor.files["points_expiration"] = fewer
            with pytest.raises(Exception, match="points_expiration") as failure:
                load(vendor, tmp_path, "points_expirations", fields=FIELDS)
            assert isinstance(ours(failure.value), TooManyDeletionsError)
            assert query(tmp_path, count) == [(10,)]


@pytest.mark.thorough
def test_a_whole_export_of_what_comes_by_changes_may_not_lack_too_many_rows(
    tmp_path: Path,
) -> None:
    count = "SELECT count(*) FROM vouchers"
    with VoucherifyVendor(voucher=VOUCHERS) as vendor:
        load(vendor, tmp_path, "vouchers", fields=FIELDS)
        vendor.files["voucher"] = VOUCHERS.split("v_4")[0]
        # What did not change is not in it.
        load(vendor, tmp_path, "vouchers", fields=FIELDS)
        assert query(tmp_path, count) == [(10,)]
        with pytest.raises(Exception, match="voucher") as failure:
            load(vendor, tmp_path, "vouchers", fields=FIELDS, snapshot_every=0)
        assert isinstance(ours(failure.value), TooManyDeletionsError)
        assert query(tmp_path, count) == [(10,)]


@pytest.mark.thorough
def test_an_export_that_fails_leaves_the_others(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SOURCES__VOUCHERIFY__FIELDS", str(FIELDS).replace("'", '"'))

    def failing(export: dict[str, Any]) -> dict[str, Any]:
        if export["exported_object"] == "points_expiration" and export["status"] == "DONE":
            return {**export, "status": "ERROR", "result": None}
        return export

    with BadDownloads("none") as vendor:
        vendor.give(voucher=VOUCHERS.encode(), points_expiration=EXPIRATIONS.encode())
        vendor.shown = failing
        names = ("points_expirations", "vouchers")
        assert spaaza(vendor, "load", "--vendor", "voucherify", *names, "--db", "w.duckdb") == 1
        asked = [body["exported_object"] for body in vendor.bodies]
    said = capfd.readouterr()
    (told,) = [line for line in said.err.splitlines() if line.startswith("spaaza: ")]
    assert "points_expiration: the vendor's job exp_" in told
    assert "ended in ERROR" in told
    assert "canary" not in said.out + said.err
    # A snapshot has one new try.
    assert asked.count("points_expiration") == 2
    with duckdb.connect("w.duckdb") as warehouse:
        loaded = "SELECT table_name FROM voucherify_data.export_jobs"
        assert warehouse.sql(loaded).fetchall() == [("vouchers",)]
        assert warehouse.sql("SELECT count(*) FROM voucherify_data.vouchers").fetchall() == [(10,)]
