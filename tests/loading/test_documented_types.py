"""Documented types over several loads, and types that a user sets by column."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import spaaza_source, voucherify_source
from tests.vendors.spaaza_files import FileVendor
from tests.vendors.voucherify_files import KEYS, VoucherifyVendor
from tests.warehouses import column_types, pipeline_into, query

pytestmark = pytest.mark.slow

CODES = ["12345", "SUMMER24", "000123"]
IDS = ["1", "2f1e4fc0-8fd4-4f4e-8d0e-1f0e6a1f6c11", "0c5e0d2e-91f7-4a7c-9f4e-0a9e7c1d2b22"]


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor() as served:
        yield served


def source(vendor: FileVendor, table: str = "products", **given: Any) -> Any:
    credentials = {"access_token_id": "id", "access_token_secret": "secret"}
    return spaaza_source(
        vendor.base_url, 1743, credentials, poll_interval=0, start_margin=0, stagger=0, **given
    ).with_resources(table)


def load(vendor: FileVendor, folder: Path, text: str, **given: Any) -> None:
    vendor.files["products"] = text.encode()
    pipeline_into(folder).run(source(vendor, **given))


def rows_until(count: int) -> Sequence[tuple[str, str]]:
    return list(zip(IDS, CODES, strict=True))[:count]


@pytest.mark.parametrize("export_format", ["csv", pytest.param("json", marks=pytest.mark.thorough)])
def test_codes_and_ids_stay_whatever_comes_after_digits(
    vendor: FileVendor, tmp_path: Path, export_format: str
) -> None:
    for count in (1, 3):
        rows = rows_until(count)
        text = "\n".join(["id,owner_code", *map(",".join, rows)])
        if export_format == "json":
            digits = [int(cell) if cell == "12345" else cell for _, cell in rows]
            ids = [int(cell) if cell == "1" else cell for cell, _ in rows]
            records = zip(ids, digits, strict=True)
            text = json.dumps([{"id": one, "owner_code": code} for one, code in records])
        load(vendor, tmp_path, text, export_format=export_format)
        found = query(tmp_path, "SELECT id, owner_code FROM products ORDER BY ALL")
        assert found == sorted(rows)
    assert not [name for name in column_types(tmp_path, "products") if name.endswith("__v_text")]


@pytest.mark.thorough
def test_codes_of_voucherify_stay_too(tmp_path: Path) -> None:
    with VoucherifyVendor() as vendor:
        for count in (1, 3):
            rows = rows_until(count)
            vendor.files["voucher"] = "\n".join(["ID,Code", *map(",".join, rows)]) + "\n"
            given: dict[str, Any] = {"fields": {"vouchers": ["id", "code"]}, "objects": "vouchers"}
            loaded = voucherify_source(vendor.base_url, KEYS, poll_interval=0, max_age=0, **given)
            pipeline_into(tmp_path, "voucherify").run(loaded)
            assert query(tmp_path, "SELECT id, code FROM vouchers ORDER BY ALL") == sorted(rows)


def test_values_that_contradict_a_document_are_told_and_kept(
    vendor: FileVendor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("dlt").propagate = True
    with caplog.at_level("WARNING"):
        load(vendor, tmp_path, 'id,price\n1,"1,234"\n')
    assert query(tmp_path, "SELECT price FROM products") == [("1,234",)]
    assert "price (decimal(38, 9), loaded as text)" in caplog.text


@pytest.mark.thorough
def test_hints_win_over_settings_and_settings_over_documents(
    vendor: FileVendor, tmp_path: Path
) -> None:
    vendor.files["products"] = b"id,price,cost_price,stock\n1,2,3,4\n"
    chosen = {"id": "bigint", "price": "double", "stock": "decimal(18, 4)"}
    given = source(vendor, column_types={"products": chosen})
    given.products.apply_hints(columns={"price": {"data_type": "text"}})
    pipeline_into(tmp_path).run(given)
    types = column_types(tmp_path, "products")
    assert types == {
        "id": "BIGINT",
        "price": "VARCHAR",
        "cost_price": "DECIMAL(38,9)",
        "stock": "DECIMAL(18,4)",
    }


@pytest.mark.parametrize("by", ["hint", pytest.param("setting", marks=pytest.mark.thorough)])
def test_another_type_for_a_column_that_the_table_has_is_refused(
    vendor: FileVendor, tmp_path: Path, by: str
) -> None:
    load(vendor, tmp_path, "id,stock\n1,2\n")
    vendor.files["products"] = b"id,stock\n1,few\n"

    def chosen() -> Any:
        if by == "setting":
            return source(vendor, column_types={"products": {"stock": "text"}})
        hinted = source(vendor)
        hinted.products.apply_hints(columns={"stock": {"data_type": "text"}})
        return hinted

    asked = len(vendor.tasks)
    with pytest.raises(Exception, match=r"the column 'stock' as bigint.* text\..*drop_resources"):
        pipeline_into(tmp_path).run(chosen())
    assert len(vendor.tasks) == asked
    # The table is as it was, and the way out works.
    load(vendor, tmp_path, "id,stock\n1,3\n")
    assert query(tmp_path, "SELECT stock FROM products") == [(3,)]
    vendor.files["products"] = b"id,stock\n1,few\n"
    pipeline_into(tmp_path).run(chosen(), refresh="drop_resources")
    assert query(tmp_path, "SELECT stock FROM products") == [("few",)]


@pytest.mark.thorough
def test_the_same_types_again_are_no_contradiction(vendor: FileVendor, tmp_path: Path) -> None:
    chosen = {"column_types": {"products": {"stock": "decimal(18, 4)"}}}
    load(vendor, tmp_path, "id,stock\n1,2\n", **chosen)
    load(vendor, tmp_path, "id,stock\n1,2.5\n", **chosen)
    load(vendor, tmp_path, "id,stock\n1,3.5\n")
    assert query(tmp_path, "SELECT stock::VARCHAR FROM products") == [("3.5000",)]
