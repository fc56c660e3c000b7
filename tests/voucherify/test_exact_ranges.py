"""A table that is merged by its key holds, of an exact range, the rows of that range alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import spaaza_source
from spaaza_source.voucherify.objects import OBJECTS
from tests.vendors.spaaza_files import FileVendor
from tests.vendors.voucherify_files import VoucherifyVendor, load
from tests.warehouses import pipeline_into, query

FIELDS = {
    "vouchers": ["id", "created_at", "updated_at"],
    "redemptions": ["id", "date"],
    "customers": ["id", "name"],
}
RANGE: dict[str, Any] = {"start_date": "2026-05-01", "end_date": "2026-05-10"}
VOUCHERS = (
    "ID,Creation Date,Last Update Date\n"
    "before,2026-04-30T23:59:59.500Z,\n"
    "first,2026-05-01T00:00:00.000Z,\n"
    "updated,2025-01-01T00:00:00.000Z,2026-05-09T23:59:59.999Z\n"
    "again,2026-05-02T00:00:00.000Z,2026-05-20T00:00:00.000Z\n"
    "after,2026-05-10T00:00:00.000Z,2026-05-10T00:00:00.000Z\n"
    "late,2025-01-01T00:00:00.000Z,2026-05-10T00:00:00.500Z\n"
    "unknown,,\n"
)


@pytest.fixture
def vendor() -> Iterator[VoucherifyVendor]:
    with VoucherifyVendor(voucher=VOUCHERS) as served:
        yield served


def loaded(folder: Path, table: str = "vouchers") -> list[str]:
    return [name for (name,) in query(folder, f"SELECT id FROM {table} ORDER BY id")]


@pytest.mark.slow
def test_rows_created_or_updated_in_the_range(vendor: VoucherifyVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, "vouchers", fields=FIELDS, **RANGE)
    # A row without any of its times is of the range that the vendor says it is of.
    assert loaded(tmp_path) == ["again", "first", "unknown", "updated"]
    jobs = query(tmp_path, "SELECT rows, loaded, proven, notices FROM export_jobs")
    assert jobs == [(7, 4, True, None)]


@pytest.mark.slow
@pytest.mark.thorough
def test_loads_that_go_on_keep_what_the_margin_brings(
    vendor: VoucherifyVendor, tmp_path: Path
) -> None:
    load(vendor, tmp_path, "vouchers", fields=FIELDS, start_date="2026-05-01")
    assert len(loaded(tmp_path)) == 7


@pytest.mark.slow
@pytest.mark.thorough
def test_redemptions_have_one_time(vendor: VoucherifyVendor, tmp_path: Path) -> None:
    vendor.files["redemption"] = (
        "ID,Date\nr_1,2026-05-09T23:59:59.999Z\nr_2,2026-05-10T00:00:00.000Z\n"
    )
    load(vendor, tmp_path, "redemptions", fields=FIELDS, **RANGE)
    assert loaded(tmp_path, "redemptions") == ["r_1"]


@pytest.mark.slow
@pytest.mark.thorough
def test_rows_far_outside_are_told(vendor: VoucherifyVendor, tmp_path: Path) -> None:
    vendor.files["voucher"] = VOUCHERS + "far,2024-05-09T00:00:00.000Z,2024-05-09T00:00:00.000Z\n"
    load(vendor, tmp_path, "vouchers", fields=FIELDS, **RANGE)
    assert "far" not in loaded(tmp_path)
    ((notices,),) = query(tmp_path, "SELECT notices FROM export_jobs")
    assert "1 rows" in notices
    assert "lie outside of" in notices


@pytest.mark.slow
@pytest.mark.thorough
def test_without_their_times_rows_cannot_be_told_apart(
    vendor: VoucherifyVendor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    vendor.files["customer"] = "ID,Name\nc_1,Ann\n"
    load(vendor, tmp_path, "customers", fields=FIELDS, **RANGE)
    assert loaded(tmp_path, "customers") == ["c_1"]
    assert "customers: the file has no column 'created_at'" in caplog.text


def test_every_object_that_is_asked_for_by_time_has_the_columns() -> None:
    for one in OBJECTS.values():
        assert set(one.range_fields) <= set(one.fields)
        assert bool(one.range_fields) == bool(one.time_filters and one.keys)


@pytest.mark.slow
@pytest.mark.thorough
def test_vouchers_of_spaaza_are_created_or_redeemed_in_the_range(tmp_path: Path) -> None:
    vouchers = (
        b"id,date_time_creation,date_time_redeemed\n"
        b"1,2026-05-01T00:00:00Z,0001-01-01T00:00:00Z\n"
        b"2,2025-01-01T00:00:00Z,2026-05-09T23:59:59Z\n"
        b"3,2026-05-10T12:00:00Z,\n"
    )
    with FileVendor(vouchers=vouchers) as vendor:
        source = spaaza_source(
            vendor.base_url,
            FileVendor.chain,
            {"access_token_id": "a", "access_token_secret": "b"},
            poll_interval=0.01,
            filter_margin=86_400.0,
            window=None,
            **RANGE,
        )
        pipeline_into(tmp_path).run(source.with_resources("vouchers"))
    assert loaded(tmp_path) == ["1", "2"]
