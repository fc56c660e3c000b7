"""A filter of one table that no window can be added to: the others load, and nothing is silent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import spaaza_source, voucherify_source
from spaaza_source.errors import SettingsError
from tests.faults.hosts import ours
from tests.vendors.spaaza_files import FileVendor
from tests.vendors.voucherify_files import KEYS, VoucherifyVendor
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.slow
SAVED = {"transactions": "a-saved-segment"}
RANGE = {"start_date": "2026-05-01", "end_date": "2026-06-01"}
ROWS = b"id,timestamp\n1,2026-05-03T10:00:00Z\n2,2026-04-03T10:00:00Z\n"
TOLD = "every load brings all rows, for a saved segment cannot be narrowed to a window"


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor(transactions=ROWS, wallet_ledger=ROWS) as served:
        yield served


def load(vendor: FileVendor, folder: Path, *tables: str, **given: Any) -> None:
    source = spaaza_source(
        vendor.base_url,
        FileVendor.chain,
        {"access_token_id": "a", "access_token_secret": "b"},
        poll_interval=0.01,
        start_margin=0,
        stagger=0,
        segments=SAVED,
        **given,
    )
    pipeline_into(folder).run(source.with_resources(*tables))


def test_with_a_start_alone_its_rows_all_come(
    vendor: FileVendor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load(vendor, tmp_path, "transactions", "wallet_ledger", start_date="2026-05-01", window=None)
    assert query(tmp_path, "SELECT count(*) FROM transactions") == [(2,)]
    assert query(tmp_path, "SELECT count(*) FROM wallet_ledger") == [(1,)]
    assert f"transactions: {TOLD}" in caplog.text
    triggers = [task["trigger"] for task in vendor.tasks]
    assert [trigger.get("segment_id") for trigger in triggers].count("a-saved-segment") == 1


@pytest.mark.thorough
def test_a_range_is_refused_for_that_table_alone(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, "wallet_ledger", **RANGE)
    assert query(tmp_path, "SELECT id FROM wallet_ledger") == [("1",)]
    asked = len(vendor.tasks)
    with pytest.raises(Exception, match="saved segment") as refused:
        load(vendor, tmp_path, "transactions", **RANGE)
    assert isinstance(ours(refused.value), SettingsError)
    assert len(vendor.tasks) == asked


@pytest.mark.thorough
def test_filters_of_voucherify_do_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    filters = {"vouchers": {"code": {"conditions": {"$is": ["A"]}}}}
    fields = {"vouchers": ["id", "code"]}
    with VoucherifyVendor(voucher="ID,Code\nv_1,A\n") as vendor:

        def run(**dates: Any) -> None:
            source = voucherify_source(
                vendor.base_url,
                KEYS,
                objects=["vouchers"],
                fields=fields,
                filters=filters,
                poll_interval=0.01,
                **dates,
            )
            pipeline_into(tmp_path).run(source)

        run(start_date="2026-05-01")
        assert "vouchers: every load brings all rows, for these filters" in caplog.text
        assert vendor.bodies[0]["parameters"]["filters"] == filters["vouchers"]
        with pytest.raises(Exception, match="cannot be combined"):
            run(**RANGE)
        assert len(vendor.bodies) == 1
