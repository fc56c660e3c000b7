"""Columns that the vendor adds to a file are loaded by their labels, and told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.vendors.voucherify_files import VoucherifyVendor, load
from tests.warehouses import column_types, query

pytestmark = pytest.mark.slow

FIELDS = ["id", "result", "date"]
ROWS = [f"r_{number},SUCCESS,2026-05-0{number}T10:00:00Z" for number in range(1, 5)]


def file_of(header: str, *more: str) -> str:
    return "\n".join([header, *(",".join([row, *more]) for row in ROWS), ""])


@pytest.mark.parametrize("header", ["ID,Result,Date,Order ID,Shelf life", "ID,What?,Date,A,B"])
def test_new_columns_are_loaded_and_told(tmp_path: Path, header: str) -> None:
    fields = {"redemptions": FIELDS}
    with VoucherifyVendor(redemption=file_of("ID,Result,Date")) as vendor:
        load(vendor, tmp_path, "redemptions", fields=fields)
        vendor.files["redemption"] = file_of(header, "o_1", "7")
        load(vendor, tmp_path, "redemptions", fields=fields)
        load(vendor, tmp_path, "redemptions", fields=fields)
    names = [name.strip().lower().replace(" ", "_") for name in header.split(",")[3:]]
    types = column_types(tmp_path, "redemptions")
    assert [types[name] for name in names] == ["VARCHAR", "BIGINT"]
    found = f"SELECT id, result, {names[0]}, {names[1]} FROM redemptions ORDER BY id"
    assert query(tmp_path, found)[0] == ("r_1", "SUCCESS", "o_1", 7)
    assert query(tmp_path, "SELECT count(*) FROM redemptions") == [(4,)]
    added = "SELECT column_name FROM column_changes WHERE change = 'added' ORDER BY 1"
    assert query(tmp_path, added) == [(name,) for name in sorted(names)]
    told = query(tmp_path, "SELECT notices FROM export_jobs WHERE notices IS NOT NULL")
    kinds = [notice["kind"] for (text,) in told for notice in json.loads(text)]
    # A label that no document has may be another column's: the order alone tells it.
    assert sorted(kinds) == ["appeared"] * 2 + ["relabelled"] * ("What?" in header)


def test_another_label_in_the_place_of_a_column_is_told(tmp_path: Path) -> None:
    fields = {"redemptions": FIELDS}
    with VoucherifyVendor(redemption=file_of("ID,Result,Date")) as vendor:
        load(vendor, tmp_path, "redemptions", fields=fields)
        vendor.files["redemption"] = file_of("ID,Shelf,Date").replace("SUCCESS", "A")
        with pytest.raises(Exception, match="Shelf"):
            load(vendor, tmp_path, "redemptions", fields=fields, on_drift="stop")
        for _ in range(2):
            load(vendor, tmp_path, "redemptions", fields=fields)
    told = query(tmp_path, "SELECT notices FROM export_jobs WHERE notices IS NOT NULL")
    (notice,) = [notice for (text,) in told for notice in json.loads(text)]
    assert (notice["kind"], notice["column"]) == ("relabelled", "result")
    assert "Shelf" in notice["message"]
    assert "Result" in notice["message"]
