"""Filters that name a forgotten person: in the audit tables, in notes and beside archived files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from tests.erasure.bench import Shop
from tests.erasure.traces import left_in
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into

pytestmark = pytest.mark.slow

#: JSON writes it in another spelling.
ADDRESS = "jös@example.com"
ASCII = json.dumps(ADDRESS)[1:-1]
SPELLINGS = {ADDRESS, ASCII, json.dumps(ASCII)[1:-1]}
USERS = f"id,username\n1,{ADDRESS}\n2,bob@example.com\n".encode()
BASKETS = (
    b"id,timestamp,user_id\n"
    b"b1,2026-05-01T10:00:00Z,1\n"
    b"b2,2026-05-02T10:00:00Z,2\n"
    b"b3,2026-06-02T10:00:00Z,2\n"
)


def rules(users: list[str], shoppers: str) -> dict[str, Any]:
    by_shopper = [{"field_name": "shopper", "operator": "any_of", "value": shoppers}]
    by_name = [{"field_name": "username", "operator": "any_of", "value": users}]
    return {
        "segments": {"users": by_name, "transactions": by_shopper, "products": by_shopper},
    }


HERS = rules([ADDRESS, "bob@example.com"], f"{ADDRESS}, bob@example.com")


def test_they_go_from_tables_and_notes(tmp_path: Path) -> None:
    with FileVendor(users=USERS, products=b"id\n1\n", vouchers=b"id\n1\n") as vendor:
        shop = Shop(vendor, tmp_path)
        shop.load("users", **HERS)
        vendor.files["users"] = b"id,id\n"
        for given in (HERS, rules(["bob@example.com"], "bob@example.com")):
            with pytest.raises(PipelineStepFailed):
                shop.load("users", **given)
        with pytest.raises(PipelineStepFailed):
            shop.load("users", "products", **HERS)
        [note] = (Path(shop.pipeline.working_dir) / "asked_for").glob("*")
        assert json.dumps(ASCII)[1:-1] in note.read_text()
        assert shop.forget("1").removed == {"users": 1}
        assert left_in(tmp_path, SPELLINGS) == {}
        assert shop.query("SELECT count(*), count(selection) FROM export_jobs") == [(1, 0)]
        # The note is told by the next run as any other.
        shop.load("vouchers")
        told = "SELECT table_name, selection FROM failed_exports ORDER BY ALL"
        *others, (table, bobs) = shop.query(f"{told} NULLS FIRST")
        assert others == [("products", None), ("users", None), ("users", None)]
        assert (table, "bob@example.com" in bobs) == ("users", True)


def test_they_go_from_archives_which_are_loaded_as_before(tmp_path: Path) -> None:
    """Their rows are still known to be what the settings ask for."""
    kept = tmp_path / "kept"
    with FileVendor(users=USERS, transactions=BASKETS) as vendor:
        shop = Shop(vendor, tmp_path, **HERS)
        for end in ("2026-06-01", "2026-07-01"):
            shop.load("transactions", keep_files=str(kept), start_date="2026-05-01", end_date=end)
        shop.load("users", keep_files=str(kept))
        receipt = shop.forget("1", kept_files=[kept])
        assert receipt.failed == []
        assert left_in(tmp_path, SPELLINGS) == {}
        texts = [file.read_text() for file in kept.rglob("users/kept.json")]
        assert ["bob@example.com" in text for text in texts] == [True]
        (tmp_path / "again").mkdir()
        again = Shop(vendor, tmp_path, pipeline_into(tmp_path / "again", "again"), **HERS)
        for load in sorted(kept.iterdir()):
            again.load(from_files=str(load))
        # Else it would be refused, as the table's rows would be of another filter.
        again.load("transactions", start_date="2026-05-01", end_date="2026-07-01")
        assert again.query("SELECT id FROM transactions ORDER BY id") == [
            ("b1",),
            ("b2",),
            ("b3",),
        ]
        fingerprint = "SELECT fingerprint FROM export_jobs WHERE table_name = 'users'"
        assert again.query(fingerprint) == shop.query(fingerprint)
