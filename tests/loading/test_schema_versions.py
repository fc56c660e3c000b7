"""Loads leave dlt's schema as it was, as long as no column changes: `_dlt_version` gets no row."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import spaaza_source
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.slow

TOKEN = {"access_token_id": "a", "access_token_secret": "b"}
QUICK: dict[str, Any] = {"poll_interval": 0.01, "start_margin": 0, "stagger": 0, "max_age": 0}
LOADS = 6
SINCE: dict[str, Any] = {"start_date": "2026-05-01"}


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor(users=b"", transactions=b"", vouchers=b"") as served:
        yield served


def csv(*numbers: int, changed: int = 0, day: int = 1) -> bytes:
    """A file of rows with these ids; one of them has another name."""
    rows = [
        f"{number},2026-05-{day:02d}T00:00:{number % 60:02d}Z,"
        f"{'new' if number == changed else 'old'}\n"
        for number in numbers
    ]
    return "".join(["id,at,name\n", *rows]).encode()


def versions(
    vendor: FileVendor,
    folder: Path,
    table: str,
    files: Sequence[bytes],
    hints: dict[str, Any] | None = None,
    **given: Any,
) -> list[int]:
    """The rows of `_dlt_version` after each load of a file; each ends its windows a day later."""
    found = []
    for number, file in enumerate(files):
        vendor.files[table] = file
        end = {"end_date": f"2026-05-{20 + number}"} if "start_date" in given else {}
        times = {"time_columns": {"transactions": "at"}} if table == "transactions" else {}
        source = spaaza_source(
            vendor.base_url, 1743, TOKEN, **{**QUICK, **end, **times, **given}
        ).with_resources(table)
        source.resources[table].apply_hints(**hints or {})
        pipeline_into(folder).run(source)
        ((rows,),) = query(folder, "SELECT count(*) FROM _dlt_version")
        found.append(rows)
    return found


def test_windows_that_bring_no_new_row(vendor: FileVendor, tmp_path: Path) -> None:
    files = [csv(1, 2, 3)] * LOADS
    assert versions(vendor, tmp_path, "transactions", files, **SINCE) == [1] * LOADS
    assert query(tmp_path, "SELECT count(*) FROM transactions") == [(3,)]


def test_windows_that_bring_new_and_changed_rows(vendor: FileVendor, tmp_path: Path) -> None:
    files = [csv(*range(1, 4 + number), changed=number) for number in range(LOADS)]
    assert versions(vendor, tmp_path, "transactions", files, **SINCE) == [1] * LOADS
    assert query(tmp_path, "SELECT count(*) FROM transactions") == [(3 + LOADS - 1,)]


def test_windows_of_records(vendor: FileVendor, tmp_path: Path) -> None:
    records = [{"id": n, "at": f"2026-05-01T00:00:0{n}Z", "lines": [{"n": n}]} for n in (1, 2)]
    files = [json.dumps(records).encode()] * LOADS
    found = versions(vendor, tmp_path, "transactions", files, export_format="json", **SINCE)
    assert found == [1] * LOADS
    assert query(tmp_path, "SELECT count(*) FROM transactions__lines") == [(2,)]


def test_appended_rows(vendor: FileVendor, tmp_path: Path) -> None:
    files = [csv(1, 2)] * LOADS
    append = {"write_disposition": "append"}
    assert versions(vendor, tmp_path, "users", files, append) == [1] * LOADS
    assert query(tmp_path, "SELECT count(*) FROM users") == [(2 * LOADS,)]


def test_a_snapshot_is_replaced_once_and_merged_from_then_on(
    vendor: FileVendor, tmp_path: Path
) -> None:
    most = range(1, 101)
    files = [
        csv(*most),
        csv(*most, changed=3),
        # More rows, fewer rows, both, and an empty cell beside the key.
        csv(*most, 101, 102),
        csv(*most, 101),
        csv(*most[:-1], 101, changed=7),
        csv(*most[:-1]) + b"500,,\n",
        csv(*most[:-2]),
    ]
    assert versions(vendor, tmp_path, "users", files) == [1] + [2] * (len(files) - 1)
    assert query(tmp_path, "SELECT count(*), max(id) FROM users") == [(98, "98")]


@pytest.mark.thorough
def test_rows_that_are_marked_as_deleted(vendor: FileVendor, tmp_path: Path) -> None:
    most = range(1, 101)
    files = [csv(*most), csv(*most, changed=3), csv(*most, 101), csv(*most), csv(*most[:-1])]
    assert versions(vendor, tmp_path, "users", files, deletes="soft") == [1, 2, 2, 2, 2]
    assert query(tmp_path, "SELECT count(deleted_at), count(*) FROM users") == [(2, 101)]


@pytest.mark.thorough
def test_history(vendor: FileVendor, tmp_path: Path) -> None:
    files = [csv(1, 2, 3, changed=number) for number in range(4)]
    scd2 = {"write_disposition": {"disposition": "merge", "strategy": "scd2"}}
    assert versions(vendor, tmp_path, "users", files, scd2) == [1] * len(files)


def test_a_new_column_is_a_new_version(vendor: FileVendor, tmp_path: Path) -> None:
    wider = b"id,at,name,city\n1,2026-05-01T00:00:01Z,old,Utrecht\n"
    files = [csv(1), csv(1), wider, wider]
    assert versions(vendor, tmp_path, "transactions", files, **SINCE) == [1, 1, 2, 2]
