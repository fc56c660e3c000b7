"""Tables get their columns, though dlt has stored the schema with them while it loaded others."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import spaaza_source
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.slow

OLD = b"id,at,name\n1,2026-05-03T00:00:00Z,Ann\n"
NEW = b"id,at,name,city\n1,2026-05-03T00:00:00Z,Ann,Utrecht\n"
TABLES = ("transactions", "wallet_ledger")


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor(transactions=OLD, wallet_ledger=OLD) as served:
        yield served


def source(vendor: FileVendor, *tables: str, end: int, file: bytes = OLD) -> Any:
    vendor.files["transactions"] = file
    return spaaza_source(
        vendor.base_url,
        1743,
        {"access_token_id": "a", "access_token_secret": "b"},
        start_date="2026-05-01",
        end_date=f"2026-05-{end}",
        time_columns=dict.fromkeys(TABLES, "at"),
        poll_interval=0.01,
        start_margin=0,
        stagger=0,
        max_age=0,
    ).with_resources(*tables)


def test_a_load_that_was_lost_has_changed_the_schema(vendor: FileVendor, tmp_path: Path) -> None:
    pipeline = pipeline_into(tmp_path)
    pipeline.run(source(vendor, *TABLES, end=20))
    pipeline.extract(source(vendor, "transactions", end=21, file=NEW))
    pipeline.normalize()
    for package in (Path(pipeline.working_dir) / "load" / "normalized").glob("*.*"):
        shutil.rmtree(package)
    pipeline.run(source(vendor, "wallet_ledger", end=22))
    pipeline.run(source(vendor, "transactions", end=22, file=NEW))
    assert query(tmp_path, "SELECT name, city FROM transactions") == [("Ann", "Utrecht")]


def test_a_column_that_first_came_without_rows(vendor: FileVendor, tmp_path: Path) -> None:
    pipeline = pipeline_into(tmp_path)
    header, _, _ = NEW.partition(b"\n")
    for number, file in enumerate((OLD, header + b"\n", NEW)):
        pipeline.run(source(vendor, "transactions", end=20 + number, file=file))
    assert query(tmp_path, "SELECT name, city FROM transactions") == [("Ann", "Utrecht")]
