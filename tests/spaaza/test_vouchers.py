"""Vouchers change long after they were made: how a table of them stays current."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import spaaza_source
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.slow

HEADER = "id,status\n"


class VoucherFiles(FileVendor):
    """Each export gets the next file; the last one is for all that follow."""

    def __init__(self) -> None:
        super().__init__(vouchers=b"")
        self.given: list[str] = []

    def file(self, number: int) -> bytes:
        return (HEADER + self.given[min(number, len(self.given)) - 1]).encode()

    def asked(self) -> list[Any]:
        """What each export was narrowed to: how its rules are joined, and their fields."""
        segments = [task["trigger"].get("segment") for task in self.tasks]
        return [
            segment and (segment["join"], [rule["field_name"] for rule in segment["rules"]])
            for segment in segments
        ]


@pytest.fixture
def vendor() -> Iterator[VoucherFiles]:
    with VoucherFiles() as served:
        yield served


def load(
    vendor: VoucherFiles, folder: Path, *files: str, disposition: Any = None, **given: Any
) -> None:
    vendor.given += files
    source = spaaza_source(
        vendor.base_url,
        1743,
        {"access_token_id": "a", "access_token_secret": "b"},
        **{"poll_interval": 0.01, "start_margin": 0, "stagger": 0, "max_age": 0, **given},
    ).with_resources("vouchers")
    if disposition:
        source.vouchers.apply_hints(write_disposition=disposition)
    pipeline_into(folder).run(source)


def held(folder: Path) -> list[tuple[Any, ...]]:
    return query(folder, "SELECT id, status FROM vouchers ORDER BY ALL")


CHANGED = ("any", ["date_time_creation", "date_time_redeemed"])


def test_what_was_created_or_redeemed_is_merged(vendor: VoucherFiles, tmp_path: Path) -> None:
    load(vendor, tmp_path, "1,new\n2,new\n3,new\n")
    load(vendor, tmp_path, "2,redeemed\n4,new\n")
    assert held(tmp_path) == [("1", "new"), ("2", "redeemed"), ("3", "new"), ("4", "new")]
    load(vendor, tmp_path, "")
    assert len(held(tmp_path)) == 4
    assert vendor.asked() == [None, CHANGED, CHANGED]


@pytest.mark.thorough
def test_a_history_of_vouchers_exports_them_whole_each_time(
    vendor: VoucherFiles, tmp_path: Path
) -> None:
    scd2 = {"disposition": "merge", "strategy": "scd2"}
    for file in (
        "1,new\n2,new\n3,new\n",
        "1,new\n2,redeemed\n3,new\n",
        "1,new\n2,expired\n3,new\n",
    ):
        load(vendor, tmp_path, file, disposition=scd2)
    assert vendor.asked() == [None, None, None]
    told = "status, _dlt_valid_from, _dlt_valid_to FROM vouchers"
    versions = query(tmp_path, f"SELECT {told} WHERE id = 2 ORDER BY _dlt_valid_from")
    assert [status for status, *_ in versions] == ["new", "redeemed", "expired"]
    assert [until for *_, until in versions] == [since for _, since, _ in versions[1:]] + [None]
    assert query(tmp_path, "SELECT count(*) FROM vouchers WHERE id <> 2") == [(2,)]


@pytest.mark.thorough
def test_vouchers_come_whole_from_time_to_time(vendor: VoucherFiles, tmp_path: Path) -> None:
    load(vendor, tmp_path, "1,new\n2,new\n3,new\n4,new\n5,new\n")
    load(vendor, tmp_path, "1,new\n2,locked\n3,new\n5,new\n", snapshot_every=0)
    assert held(tmp_path) == [("1", "new"), ("2", "locked"), ("3", "new"), ("5", "new")]
    load(vendor, tmp_path, "3,redeemed\n")
    assert held(tmp_path) == [("1", "new"), ("2", "locked"), ("3", "redeemed"), ("5", "new")]
    assert vendor.asked() == [None, None, CHANGED]


@pytest.mark.thorough
def test_vouchers_without_a_key_come_whole_each_time(
    vendor: VoucherFiles, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load(vendor, tmp_path, "1,new\n1,new\n,new\n")
    logging.getLogger("dlt").addHandler(caplog.handler)
    load(vendor, tmp_path, "1,new\n1,redeemed\n,new\n")
    assert held(tmp_path) == [("1", "new"), ("1", "redeemed"), (None, "new")]
    assert vendor.asked() == [None, None]
    logging.getLogger("dlt").removeHandler(caplog.handler)
    assert "every load brings all rows" in caplog.text


def test_a_voucher_in_several_windows_is_one_row(vendor: VoucherFiles, tmp_path: Path) -> None:
    span = {"start_date": "2026-01-01", "end_date": "2026-04-01"}
    load(vendor, tmp_path, "1,a\n2,a\n", "2,a\n3,a\n", "3,a\n1,a\n4,a\n", **span)
    assert held(tmp_path) == [("1", "a"), ("2", "a"), ("3", "a"), ("4", "a")]
    assert vendor.asked() == [CHANGED] * 3
    assert query(tmp_path, "SELECT sum(rows)::INT, sum(loaded)::INT FROM export_jobs") == [(7, 4)]


def test_windows_that_share_rows_without_a_key_are_refused(
    vendor: VoucherFiles, tmp_path: Path
) -> None:
    span = {"start_date": "2026-01-01", "end_date": "2026-03-01"}
    with pytest.raises(Exception, match="no column tells them apart"):
        load(vendor, tmp_path, "1,a\n1,b\n", "1,a\n", **span)


@pytest.mark.thorough
def test_a_range_of_the_past_is_merged_too(vendor: VoucherFiles, tmp_path: Path) -> None:
    load(vendor, tmp_path, "1,new\n2,new\n")
    load(vendor, tmp_path, "2,redeemed\n", start_date="2026-01-01", end_date="2026-01-05")
    assert held(tmp_path) == [("1", "new"), ("2", "redeemed")]


def test_what_cannot_be_merged_stops(vendor: VoucherFiles, tmp_path: Path) -> None:
    load(vendor, tmp_path, "1,new\n2,new\n")
    with pytest.raises(Exception, match="repeats that of an earlier row in 1") as raised:
        load(vendor, tmp_path, "2,redeemed\n2,new\n")
    assert "line 3" in str(raised.value)
    assert held(tmp_path) == [("1", "new"), ("2", "new")]


@pytest.mark.thorough
def test_rules_of_the_users_own_bring_all_that_they_let_through(
    vendor: VoucherFiles, tmp_path: Path
) -> None:
    rule = {"field_name": "status", "field_type": "keyword", "operator": "is", "value": "new"}
    for _ in range(2):
        load(vendor, tmp_path, "1,new\n", segments={"vouchers": [rule]})
    assert vendor.asked() == [("all", ["status"])] * 2


@pytest.mark.thorough
def test_a_merge_keeps_nothing_of_the_one_before(
    vendor: VoucherFiles, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("dlt").addHandler(caplog.handler)
    load(vendor, tmp_path, "1,new\n2,new\n")
    load(vendor, tmp_path, "1,new\n2,locked\n", snapshot_every=0)
    load(vendor, tmp_path, "2,redeemed\n")
    logging.getLogger("dlt").removeHandler(caplog.handler)
    assert held(tmp_path) == [("1", "new"), ("2", "redeemed")]
    assert "dlt ignores this option" not in caplog.text
