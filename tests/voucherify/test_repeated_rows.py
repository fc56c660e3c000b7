"""A window whose file has one row twice is loaded; one whose rows share a key is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from spaaza_source.errors import BrokenKeyError
from tests.faults.hosts import ours
from tests.vendors.voucherify_files import VoucherifyVendor, load
from tests.warehouses import query

pytestmark = pytest.mark.slow
FIELDS = {"redemptions": ["id", "date", "result"]}
FIRST = "ID,Date,Result\nr_1,2026-05-09T10:00:00.000Z,SUCCESS\n"
SECOND = "r_2,2026-05-09T11:00:00.000Z,FAILURE\n"


@pytest.fixture
def vendor() -> Iterator[VoucherifyVendor]:
    with VoucherifyVendor(redemption=FIRST) as served:
        yield served


def test_the_same_row_twice_is_one(vendor: VoucherifyVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, "redemptions", fields=FIELDS)
    vendor.files["redemption"] = FIRST + SECOND + SECOND
    load(vendor, tmp_path, "redemptions", fields=FIELDS)
    assert query(tmp_path, "SELECT id FROM redemptions ORDER BY id") == [("r_1",), ("r_2",)]
    jobs = query(tmp_path, "SELECT rows, loaded, proven, notices FROM export_jobs ORDER BY job_id")
    assert jobs[0] == (1, 1, True, None)
    rows, loaded, proven, notices = jobs[1]
    assert (rows, loaded, proven) == (3, 2, True)
    (notice,) = json.loads(notices)
    assert (notice["kind"], notice["rows"]) == ("repeated", 1)


@pytest.mark.thorough
def test_a_first_load_of_several_windows_too(vendor: VoucherifyVendor, tmp_path: Path) -> None:
    vendor.files["redemption"] = FIRST + SECOND + SECOND
    span = {"start_date": "2026-03-01", "end_date": "2026-05-10"}
    load(vendor, tmp_path, "redemptions", fields=FIELDS, **span)
    assert query(tmp_path, "SELECT id FROM redemptions ORDER BY id") == [("r_1",), ("r_2",)]


@pytest.mark.thorough
def test_rows_that_differ_share_no_key(vendor: VoucherifyVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, "redemptions", fields=FIELDS)
    vendor.files["redemption"] = FIRST + SECOND + SECOND.replace("FAILURE", "SUCCESS")
    with pytest.raises(Exception, match="repeats that of an earlier row") as refused:
        load(vendor, tmp_path, "redemptions", fields=FIELDS)
    assert isinstance(ours(refused.value), BrokenKeyError)
    assert query(tmp_path, "SELECT id FROM redemptions") == [("r_1",)]
