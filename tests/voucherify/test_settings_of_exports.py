"""What of an export can be set without harm, and what is noted of who requested it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spaaza_source import voucherify_source
from spaaza_source.errors import SettingsError
from spaaza_source.voucherify.objects import OBJECTS
from tests.vendors.voucherify_files import KEYS, VoucherifyVendor, load
from tests.warehouses import query

FIELDS = {"redemptions": ["id", "date", "result"]}
FILE = "ID,Date,Result\nr_1,2026-05-09T10:00:00.000Z,SUCCESS\n"


@pytest.mark.slow
def test_another_order_asks_otherwise_and_goes_on_where_the_last_load_ended(
    tmp_path: Path,
) -> None:
    with VoucherifyVendor(redemption=FILE) as vendor:
        load(vendor, tmp_path, "redemptions", fields=FIELDS)
        load(vendor, tmp_path, "redemptions", fields=FIELDS, order={"redemptions": "-created_at"})
        load(vendor, tmp_path, "redemptions", fields=FIELDS, order={"redemptions": "voucher_code"})
        parameters = [body["parameters"] for body in vendor.bodies]
    assert [each["order"] for each in parameters] == ["created_at", "-created_at", "voucher_code"]
    assert ["filters" in each for each in parameters] == [False, True, True]
    assert query(tmp_path, "SELECT count(*) FROM redemptions") == [(1,)]


def test_an_order_that_is_not_documented_is_refused() -> None:
    wrong: list[Any] = [{"redemptions": "amount"}, {"orders": 1}, {"coupons": "id"}, "created_at"]
    for order in wrong:
        with pytest.raises(SettingsError):
            voucherify_source(credentials=KEYS, order=order)
    for one in OBJECTS.values():
        assert one.order in one.all_orders
        voucherify_source(credentials=KEYS, order={one.exported_object: f"-{one.order}"})


@pytest.mark.slow
@pytest.mark.thorough
def test_who_requested_an_export_is_noted(tmp_path: Path) -> None:
    with VoucherifyVendor(redemption=FILE) as vendor:
        vendor.shown = lambda export: {**export, "channel": "WEBSITE", "user_id": "user_1"}
        load(vendor, tmp_path, "redemptions", fields=FIELDS)
        vendor.shown = lambda export: {**export, "channel": None}
        load(vendor, tmp_path, "redemptions", fields=FIELDS)
    noted = query(tmp_path, "SELECT channel, user_id FROM export_jobs ORDER BY job_id")
    assert noted == [("WEBSITE", "user_1"), (None, None)]
