"""A shop of each vendor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hints.loads import Shop
from tests.vendors.spaaza_files import FileVendor
from tests.vendors.voucherify_files import VoucherifyVendor


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """At Spaaza, with three rows in each table."""
    rows = b"id,name\n1,a\n2,b\n3,c\n"
    timed = b"id,timestamp,name\n1,2026-05-03T10:00:00Z,a\n2,2026-05-04T10:00:00Z,b\n"
    with FileVendor(
        users=rows, products=rows, transactions=timed, wallet_ledger=timed, vouchers=rows
    ) as vendor:
        yield Shop(vendor, tmp_path)


@pytest.fixture
def voucherify(tmp_path: Path) -> Iterator[Shop]:
    """At Voucherify, with a row in each table."""
    with VoucherifyVendor() as vendor:
        yield Shop(vendor, tmp_path)
