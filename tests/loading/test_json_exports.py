"""JSON exports through the whole pipeline: nested lists become tables, types are those of CSV."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import spaaza_source
from spaaza_source.sandbox import Sandbox, SandboxSettings
from spaaza_source.spaaza.indexes import INDEXES
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import column_types, pipeline_into, query

pytestmark = pytest.mark.slow

CREDENTIALS = {"access_token_id": "id", "access_token_secret": "secret"}
BASKETS = [
    {
        "id": 1,
        "timestamp": "2026-05-01T10:00:00Z",
        "retailer_basket_code": "0017",
        "total_value": "12.50",
        "user": {"id": 7, "username": "ann@example.com"},
        "line_items": [
            {"sku": "00123", "quantity": 1.055, "sold_at": "2026-05-01T09:59:00Z"},
            {"sku": "00124", "quantity": 2},
        ],
    },
    {
        "id": 2,
        "timestamp": "2026-06-01T00:00:00Z",
        "retailer_basket_code": "2026-06-01",
        "total_value": 3,
        "user": None,
        "line_items": [],
    },
]


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor() as served:
        yield served


def load(vendor: FileVendor, folder: Path, records: list[Any], **given: Any) -> None:
    vendor.files["transactions"] = json.dumps(records).encode()
    source = spaaza_source(
        vendor.base_url,
        1743,
        CREDENTIALS,
        **{"poll_interval": 0, "start_margin": 0, "stagger": 0, "export_format": "json", **given},
    )
    pipeline_into(folder).run(source.with_resources("transactions"))


def test_nested_lists_become_tables_and_types_are_those_of_csv(
    vendor: FileVendor, tmp_path: Path
) -> None:
    load(vendor, tmp_path, BASKETS)
    types = column_types(tmp_path, "transactions")
    assert types["timestamp"] == "TIMESTAMP WITH TIME ZONE"
    assert types["retailer_basket_code"] == "VARCHAR"
    assert types["total_value"] == "DECIMAL(38,9)"
    assert types["user__id"] == "VARCHAR"
    assert vendor.tasks[0]["target"]["export_format"] == "json"
    assert query(
        tmp_path,
        "SELECT t.id, i.sku, i.quantity::DOUBLE, i.sold_at IS NULL FROM transactions t"
        " JOIN transactions__line_items i ON i._dlt_parent_id = t._dlt_id ORDER BY i.sku",
    ) == [("1", "00123", 1.055, False), ("1", "00124", 2.0, True)]
    assert query(tmp_path, "SELECT rows, loaded, export_format FROM export_jobs") == [
        (2, 2, "json")
    ]


def test_a_range_is_exact_in_json_too(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, BASKETS, start_date="2026-05-01", end_date="2026-06-01")
    assert query(tmp_path, "SELECT id FROM transactions") == [("1",)]
    assert query(tmp_path, "SELECT count(*) FROM transactions__line_items") == [(2,)]


def test_a_policy_reaches_into_nested_records(vendor: FileVendor, tmp_path: Path) -> None:
    load(
        vendor,
        tmp_path,
        BASKETS,
        privacy={"transactions": {"user__username": "hash", "line_items__sku": "drop"}},
        privacy_secret="a-secret-of-sixteen-or-more",
    )
    assert query(tmp_path, "SELECT max(length(user__username)) FROM transactions") == [(64,)]
    assert "sku" not in column_types(tmp_path, "transactions__line_items")


@pytest.mark.thorough
def test_a_header_that_changes_is_told_of_json_too(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, [{"id": 1, "city": "a"}])
    load(vendor, tmp_path, [{"id": 1, "city": "a", "zip": "1017CB"}])
    assert query(tmp_path, "SELECT change, column_name FROM column_changes") == [("added", "zip")]


def test_a_record_that_is_none_is_kept_apart(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, [{"id": number} for number in range(200)] + ["not a record"])
    assert query(tmp_path, "SELECT count(*) FROM transactions") == [(200,)]
    assert query(tmp_path, "SELECT decode(raw) FROM rejected_rows") == [('"not a record"',)]


@pytest.mark.thorough
def test_an_empty_list_empties_the_table(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, BASKETS)
    span = {"start_date": "2026-04-01", "end_date": "2026-08-01"}
    with pytest.raises(Exception, match="2 of the 2 rows"):
        load(vendor, tmp_path, [], **span)
    load(vendor, tmp_path, [], **span, accept_deletes=True)
    assert query(tmp_path, "SELECT count(*) FROM transactions") == [(0,)]
    assert query(tmp_path, "SELECT count(*) FROM transactions__line_items") == [(0,)]


def test_a_window_that_has_become_empty_is_cleared(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, BASKETS)
    load(vendor, tmp_path, [], start_date="2026-05-15", end_date="2026-07-01")
    assert query(tmp_path, "SELECT id FROM transactions") == [("1",)]


def test_an_empty_list_alone_is_a_success(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, [])
    assert query(tmp_path, "SELECT rows, loaded FROM export_jobs") == [(0, 0)]


def test_one_table_has_one_format(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, BASKETS)
    with pytest.raises(Exception, match="loaded from json exports"):
        load(vendor, tmp_path, BASKETS, export_format="csv")


@pytest.mark.thorough
def test_a_broken_file_stops(vendor: FileVendor, tmp_path: Path) -> None:
    vendor.files["transactions"] = b""
    text = json.dumps(BASKETS).encode()[:-30]
    source = spaaza_source(
        vendor.base_url,
        1743,
        CREDENTIALS,
        poll_interval=0,
        start_margin=0,
        stagger=0,
        export_format="json",
    )
    for broken in (text, b"", b"<html>", b'{"error": {"name": "x"}}'):
        vendor.files["transactions"] = broken
        with pytest.raises(Exception, match="transactions, job"):
            pipeline_into(tmp_path).run(source.with_resources("transactions"))


@pytest.mark.thorough
def test_both_formats_of_the_sandbox_give_the_same_tables(tmp_path: Path) -> None:
    with Sandbox(SandboxSettings(rows=150)) as sandbox:
        for export_format in ("csv", "json"):
            (tmp_path / export_format).mkdir()
            source = spaaza_source(
                sandbox.base_url,
                sandbox.chain_id,
                sandbox.credentials,
                poll_interval=0.02,
                start_margin=0,
                stagger=0,
                export_format=export_format,
            )
            pipeline_into(tmp_path / export_format, export_format).run(source)
    for table in INDEXES:
        csv = column_types(tmp_path / "csv", table)
        as_json = column_types(tmp_path / "json", table)
        assert {name: as_json[name] for name in csv} == csv
        columns = ", ".join(f'"{name}"' for name in csv)
        every = f"SELECT {columns} FROM {table} ORDER BY ALL"
        assert query(tmp_path / "json", every) == query(tmp_path / "csv", every)
