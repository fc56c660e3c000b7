"""What a load stands on, from one load to the next: the destination's ledger, owner and intent.

Each test is a change between two loads that a remembered cursor would not see.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import voucherify_source
from tests.loading.between_loads import (
    DAYS,
    SEGMENT,
    TRANSACTIONS,
    ours,
    refuses,
    rows,
    shop,
    source,
)
from tests.vendors.spaaza_files import FileVendor
from tests.vendors.voucherify_files import KEYS, VoucherifyVendor
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.slow


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with shop() as served:
        yield served


# Owner


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("transactions", "spaaza"),
        pytest.param("users", "another", marks=pytest.mark.thorough),
        pytest.param("transactions", "another", marks=pytest.mark.thorough),
        pytest.param("users", "spaaza", marks=pytest.mark.thorough),
        pytest.param("vouchers", "spaaza", marks=pytest.mark.thorough),
        pytest.param("vouchers", "another", marks=pytest.mark.thorough),
    ],
)
def test_a_second_chain_is_refused(
    table: str, name: str, vendor: FileVendor, tmp_path: Path
) -> None:
    pipeline_into(tmp_path).run(source(vendor, table))
    before = rows(tmp_path, table)
    second = pipeline_into(tmp_path, name)
    refuses(vendor, second, source(vendor, table, chain=1744), "1743", "1744", table, "dataset")
    assert rows(tmp_path, table) == before


def test_vouchers_of_two_vendors_are_refused(vendor: FileVendor, tmp_path: Path) -> None:
    pipeline = pipeline_into(tmp_path)
    with VoucherifyVendor(vouchers="ID,Code\nv_1,a\n") as other:
        vouchers = voucherify_source(
            other.base_url, KEYS, objects=["vouchers"], fields={"vouchers": ["id", "code"]}
        )
        with pytest.raises(Exception, match=r".") as raised:
            pipeline.run([source(vendor, "vouchers"), vouchers])
        assert "vouchers" in str(ours(raised))
        pipeline.drop_pending_packages()
        pipeline.run(source(vendor, "vouchers"))
        with pytest.raises(Exception, match=r".") as raised:
            pipeline.run(vouchers)
        assert "spaaza" in str(ours(raised))
        assert other.bodies == []
    assert rows(tmp_path, "vouchers") == 3


# Intent; test_settings_matrix has every setting


@pytest.mark.parametrize(
    "change",
    [
        ("transactions", {"segments": {"transactions": SEGMENT}}, {}, "filter"),
        ("users", {}, {"privacy": {"users": {"name": "drop"}}}, "privacy"),
    ],
)
def test_a_setting_that_shapes_rows_is_refused_until_the_table_is_loaded_anew(
    change: tuple[str, dict[str, Any], dict[str, Any], str], vendor: FileVendor, tmp_path: Path
) -> None:
    table, before, after, told = change
    pipeline = pipeline_into(tmp_path)
    pipeline.run(source(vendor, table, **before))
    changed = source(vendor, table, **after)
    refuses(vendor, pipeline, changed, told, table, "--full-refresh")
    # Loaded anew, it has the new settings alone.
    pipeline.run(source(vendor, table, **after), refresh="drop_resources")
    refuses(vendor, pipeline, source(vendor, table, **before), told, table, "--full-refresh")
    pipeline.run(source(vendor, table, **after))


@pytest.mark.thorough
def test_no_table_is_asked_for_where_another_is_refused(vendor: FileVendor, tmp_path: Path) -> None:
    tables = ("transactions", "users", "products")
    pipeline_into(tmp_path).run(source(vendor, *tables))
    changed = source(vendor, *tables, privacy={"products": {"name": "drop"}})
    refuses(vendor, pipeline_into(tmp_path), changed, "privacy", "products")


@pytest.mark.thorough
def test_a_start_moved_back_is_asked_for(vendor: FileVendor, tmp_path: Path) -> None:
    pipeline = pipeline_into(tmp_path)
    for start, found in (("2026-05-10", 19), ("2026-05-10", 19), ("2026-05-04", 25), (None, 28)):
        pipeline.run(source(vendor, start_date=start))
        assert rows(tmp_path) == found
    assert vendor.tasks[-1]["trigger"].get("segment") is None
    # Moved forward, nothing is deleted, and nothing asked for again.
    pipeline.run(source(vendor, start_date="2026-05-20"))
    assert rows(tmp_path) == 28


@pytest.mark.parametrize(
    "disposition",
    [
        {"disposition": "merge", "strategy": "scd2"},
        pytest.param("append", marks=pytest.mark.thorough),
    ],
)
@pytest.mark.thorough
def test_a_disposition_with_rows_of_its_own_is_refused_both_ways(
    disposition: Any, vendor: FileVendor, tmp_path: Path
) -> None:
    def users(hint: Any) -> Any:
        loaded = source(vendor, "users")
        if hint is not None:
            loaded.users.apply_hints(write_disposition=hint)
        return loaded

    pipeline = pipeline_into(tmp_path)
    for before, after in ((None, disposition), (disposition, None)):
        pipeline.run(users(before), refresh="drop_resources")
        refuses(vendor, pipeline, users(after), "write_disposition", "--full-refresh")
        pipeline.run(users(before))


# What the destination holds


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        ("transactions", "DROP TABLE"),
        pytest.param("vouchers", "DELETE FROM", marks=pytest.mark.thorough),
        pytest.param("transactions", "DELETE FROM", marks=pytest.mark.thorough),
        pytest.param("vouchers", "DROP TABLE", marks=pytest.mark.thorough),
    ],
)
def test_a_table_that_was_emptied_by_hand_is_loaded_whole(
    statement: str, table: str, vendor: FileVendor, tmp_path: Path
) -> None:
    pipeline = pipeline_into(tmp_path)
    pipeline.run(source(vendor, table))
    before = rows(tmp_path, table)
    query(tmp_path, f"{statement} {table}")
    pipeline.run(source(vendor, table))
    assert rows(tmp_path, table) == before
    # And the next goes on from there.
    pipeline.run(source(vendor, table))
    assert vendor.tasks[-1]["trigger"]["segment"]


@pytest.mark.thorough
def test_a_table_without_a_row_so_far_goes_on_all_the_same(
    vendor: FileVendor, tmp_path: Path
) -> None:
    vendor.files["transactions"] = b"id,timestamp\n"
    pipeline = pipeline_into(tmp_path)
    for _ in range(4):
        pipeline.run(source(vendor, start_date="2026-01-01"))
    months = len(vendor.tasks) - 3
    assert months > 10
    now = datetime.now(UTC).isoformat()
    vendor.files["transactions"] = f"id,timestamp\n1,{now}\n".encode()
    pipeline.run(source(vendor, start_date="2026-01-01"))
    assert len(vendor.tasks) == months + 4


def test_an_older_copy_of_the_file_is_brought_up_to_date(
    vendor: FileVendor, tmp_path: Path
) -> None:
    pipeline = pipeline_into(tmp_path)
    file, copy = tmp_path / "warehouse.duckdb", tmp_path / "copy.duckdb"
    vendor.files["transactions"] = "\n".join(["id,timestamp,email", *DAYS[:10], ""]).encode()
    pipeline.run(source(vendor, start_date="2026-05-01", end_date="2026-05-11"))
    shutil.copy(file, copy)
    vendor.files["transactions"] = TRANSACTIONS
    pipeline.run(source(vendor, start_date="2026-05-01"))
    assert rows(tmp_path) == 28
    shutil.copy(copy, file)
    pipeline.run(source(vendor, start_date="2026-05-01"))
    assert rows(tmp_path) == 28


@pytest.mark.thorough
def test_a_file_that_was_removed_is_loaded_whole(vendor: FileVendor, tmp_path: Path) -> None:
    pipeline = pipeline_into(tmp_path)
    pipeline.run(source(vendor))
    pipeline.run(source(vendor))
    (tmp_path / "warehouse.duckdb").unlink()
    pipeline.run(source(vendor))
    assert rows(tmp_path) == 28


@pytest.mark.thorough
def test_another_pipeline_goes_on_with_cursor_types_and_guard(
    vendor: FileVendor, tmp_path: Path
) -> None:
    header = "id,timestamp,price\n"
    days = [f"{day},2026-05-{day:02}T10:00:00Z,{day}.50\n" for day in range(1, 11)]
    vendor.files["transactions"] = "".join([header, *days]).encode()
    pipeline_into(tmp_path).run(source(vendor))
    # Whole numbers alone would make it another type.
    now = datetime.now(UTC) - timedelta(hours=1)
    vendor.files["transactions"] = f"{header}11,{now.isoformat()},3\n".encode()
    pipeline_into(tmp_path, "another").run(source(vendor))
    assert vendor.tasks[-1]["trigger"]["segment"]
    found = query(tmp_path, "SELECT count(*), sum(price) FROM transactions")
    assert found == [(11, Decimal("63.0"))]
    # So does one that takes nothing from its destination, on a machine of its own.
    vendor.files["users"] = b"id,name\n1,a\n"
    pipeline_into(tmp_path).run(source(vendor, "users", accept_deletes=True))
    vendor.files["users"] = b"id,name\n"
    stateless = pipeline_into(tmp_path, "third")
    stateless.config.restore_from_destination = False
    with pytest.raises(Exception, match="1 of the 1 rows"):
        stateless.run(source(vendor, "users"))


@pytest.mark.thorough
def test_archived_increments_do_not_stand_for_the_history_before_them(
    vendor: FileVendor, tmp_path: Path
) -> None:
    archive = str(tmp_path / "kept")
    first, second = tmp_path / "first", tmp_path / "second"
    for _ in range(2):
        pipeline_into(first).run(source(vendor, keep_files=archive))
    increment = max((tmp_path / "kept").iterdir())
    pipeline = pipeline_into(second)
    pipeline.run(source(vendor, from_files=str(increment)))
    pipeline.run(source(vendor))
    assert rows(second) == 28
