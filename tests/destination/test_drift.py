"""Files that drift, on four destinations: what is found of them, told of them, or stopped.

Each table has a fault that was passed over in silence once: a type that a first file fixed, a
column that is gone, two headers of one name, a key that is none any more, a row that comes
malformed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from spaaza_source import spaaza_source
from spaaza_source.cli.deep_check.check import deep_check
from spaaza_source.cli.vendors import VENDORS
from tests.destination.destinations import KINDS, Destination
from tests.destination.loads import Load
from tests.vendors.spaaza_files import FileVendor

pytestmark = pytest.mark.slow

NOW = datetime.now(UTC).replace(microsecond=0)
OLD, YOUNG = (f"{NOW - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}" for days in (60, 0.1))
ROWS = [f"{number},{number},n{number}" for number in range(1, 9)]
FIRST = {
    # Whole numbers; a column that will be gone; a header in euros.
    "users": "\n".join(
        ["id,score,balance,Spend (€)", *(f"{row},{row},{row},5" for row in range(1, 6)), ""]
    ),
    # A code of digits, which is the key.
    "products": "owner_code,stock\n000123,5\n4711,7\n",
    # A row that will come malformed.
    "product_variants": "\n".join(["id,stock,name", *ROWS, ""]),
    # Whole numbers, of which a later window brings the younger alone again.
    "transactions": f"timestamp,score\n{OLD},3\n{YOUNG},5\n",
}
SECOND = {
    "users": "\n".join(
        [
            "\ufeff\ufeffid,score\u200e,Spend (¥)",
            "1,10.5,700",
            *(f"{row},{row},700" for row in range(2, 6)),
            "",
        ]
    ),
    "products": "owner_code,stock\n000123,5\nSUMMER24,many\n4711,8\n",
    "product_variants": "\n".join(["id,stock,name", *ROWS[:-1], f"{ROWS[-1]},x", ""]),
    "transactions": f"timestamp,score\n{YOUNG},10.5\n",
}
#: Where a column of a live table can get another type.
CAN_WIDEN = ("duckdb", "postgres", "ducklake")


def load(
    vendor: FileVendor, destination: Destination, folder: Path, files: dict[str, str], **given: Any
) -> Load:
    hints = given.pop("hints", {})
    vendor.files |= {name.replace("_", "-"): text.encode() for name, text in files.items()}
    settings = {"max_rejected_share": 0.5, **given}
    made = Load(folder, vendor.base_url, tuple(files), destination.name, settings, hints)
    made.run()
    return made


def told(destination: Destination, table: str) -> dict[tuple[str, str | None], int]:
    """What was told of the last export of a table: rows by kind and column."""
    jobs = [job for job in destination.read("export_jobs") if job["table_name"] == table]
    last = max(jobs, key=lambda job: job["loaded_at"])
    notices = json.loads(last["notices"] or "[]")
    return {(each["kind"], each.get("column")): each.get("rows", 0) for each in notices}


@pytest.mark.thorough
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_drifts_is_found_whole_or_told(
    kind: str, make_destination: Callable[[str], Destination], tmp_path: Path
) -> None:
    destination = make_destination(kind)
    with FileVendor() as vendor:
        load(vendor, destination, tmp_path, FIRST)
        assert [told(destination, table) for table in FIRST] == [{}] * 4
        loads = load(vendor, destination, tmp_path, SECOND, accept_deletes=True)
        _check_users(kind, destination)
        score = (Decimal("10.5"), None) if kind in CAN_WIDEN else (None, "10.5")
        # Delta tables without a key are loaded whole each time.
        older = set() if kind == "delta" else {(Decimal(3), None)}
        scores = destination.rows("transactions", "score", "score__v_text")
        assert set(scores) == {*older, score}
        assert destination.rows("products", "owner_code", "stock", "stock__v_text") == sorted(
            [("000123", 5, None), ("4711", 8, None), ("SUMMER24", None, "many")], key=repr
        )
        assert told(destination, "products") == {("misfit", "stock"): 1}
        assert destination.rows("product_variants", "name") == [(f"n{row}",) for row in range(1, 9)]
        assert told(destination, "product_variants") == {("rejected", None): 1, ("kept", None): 1}
        _check_deep(vendor, loads.pipeline())
        _check_stops(vendor, destination, tmp_path)


def _check_users(kind: str, destination: Destination) -> None:
    columns = ("id", "score", "score__v_text", "balance", "spendx")
    (first, *others) = destination.rows("users", *columns)
    score = (Decimal("10.5"), None) if kind in CAN_WIDEN else (None, "10.5")
    assert first == ("1", *score, None, None)
    assert others == [(str(row), row, None, None, None) for row in range(2, 6)]
    (own,) = [name for kind, name in told(destination, "users") if kind == "other_header"]
    assert own is not None
    assert told(destination, "users") == {
        ("widened", "score") if kind in CAN_WIDEN else ("misfit", "score"): kind not in CAN_WIDEN,
        ("vanished", "balance"): 5,
        ("vanished", "spendx"): 5,
        ("other_header", own): 5,
    }
    assert destination.rows("users", own) == [(700,)] * 5


def _check_deep(vendor: FileVendor, pipeline: dlt.Pipeline) -> None:
    """Each table is what the vendor sends, and no key is missed."""
    token = {"access_token_id": "a", "access_token_secret": "b"}
    waiting: dict[str, Any] = {"poll_interval": 0, "start_margin": 0, "stagger": 0}
    source = spaaza_source(
        vendor.base_url, 1743, token, max_rejected_share=0.5, **waiting
    ).with_resources("users", "products")
    for diff in deep_check(pipeline, [source], VENDORS["spaaza"].tables, 3, exists=True):
        assert diff.differences is not None
        assert diff.differences.equal, diff
        assert diff.differences.key, diff


def _check_stops(vendor: FileVendor, destination: Destination, folder: Path) -> None:
    """A key that stops fitting, a type that the table does not have, a column nobody has named."""
    rows = destination.rows("users", "id")
    stock = destination.rows("product_variants", "stock")
    refused: dict[str, dict[str, Any]] = {
        "the key stock does not fit its type in 2 rows": {
            "files": {"product_variants": "id,stock,name\n1,x1,a\n2,x2,b\n"},
            "hints": {"product_variants": {"primary_key": "stock"}},
        },
        "its hint says text": {
            "files": {"product_variants": FIRST["product_variants"]},
            "hints": {"product_variants": {"columns": {"stock": {"data_type": "text"}}}},
        },
    }
    for cause, given in refused.items():
        with pytest.raises(PipelineStepFailed, match=cause):
            load(vendor, destination, folder, **given)
    with pytest.raises(PipelineStepFailed, match="surname") as failed:
        load(
            vendor,
            destination,
            folder / "private",
            {"vouchers": "id,surname,e_mail\n1,Doe,ann@example.com\n"},
            privacy="pseudonymise",
            privacy_secret="sixteen characters",
        )
    assert "example.com" not in str(failed.value)
    assert destination.rows("users", "id") == rows
    assert destination.rows("product_variants", "stock") == stock
