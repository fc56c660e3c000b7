"""`retain_days` in each destination that can delete rows; the others are refused beforehand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from spaaza_source.errors import SettingsError
from spaaza_source.windows import iso
from tests.destination.destinations import Destination
from tests.destination.loads import Load
from tests.faults.hosts import ours
from tests.vendors.spaaza_files import FileVendor

pytestmark = pytest.mark.slow

NOW = datetime.now(UTC)


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor() as served:
        yield served


def basket(number: int, days: float) -> dict[str, Any]:
    lines = [{"sku": f"{number}-{line}"} for line in (1, 2)]
    return {"id": number, "timestamp": iso(NOW - timedelta(days=days)), "lines": lines}


@pytest.mark.parametrize("kind", ["duckdb", "postgres", "ducklake"])
def test_old_rows_go_with_their_lists(
    kind: str,
    make_destination: Callable[[str], Destination],
    vendor: FileVendor,
    tmp_path: Path,
) -> None:
    destination = make_destination(kind)
    for rows, days in (([basket(1, 29), basket(2, 5)], 31), ([basket(2, 5)], 10)):
        vendor.files["transactions"] = json.dumps(rows).encode()
        given = {"export_format": "json", "retain_days": days}
        where = vendor.base_url, ("transactions",), destination.name
        Load(tmp_path, *where, given, {}, destination.settings).run()
    assert [str(row["id"]) for row in destination.read("transactions")] == ["2"]
    assert sorted(row["sku"] for row in destination.read("transactions__lines")) == ["2-1", "2-2"]
    jobs = sorted(destination.read("export_jobs"), key=lambda job: str(job["loaded_at"]))
    assert [(job["removed"], job["proven"]) for job in jobs] == [(0, True), (1, True)]


def test_vouchers_of_postgres_go_by_the_later_of_their_times(
    make_destination: Callable[[str], Destination], vendor: FileVendor, tmp_path: Path
) -> None:
    destination = make_destination("postgres")
    old, young = (iso(NOW - timedelta(days=days)) for days in (35, 5))
    header = "id,date_time_creation,date_time_redeemed\n"
    rows = [f"1,{old},\n", f"2,{old},{young}\n", f"3,{young},\n"]
    vendor.files["vouchers"] = (header + "".join(rows)).encode()
    where = vendor.base_url, ("vouchers",), destination.name
    Load(tmp_path, *where, {}, {}, destination.settings).run()
    vendor.files["vouchers"] = (header + "".join(rows[1:])).encode()
    # All of them come, without the old one: no deletion that is guarded.
    given = {"retain_days": 30, "snapshot_every": 0, "max_deleted_share": 0}
    Load(tmp_path, *where, given, {}, destination.settings).run()
    assert sorted(str(row["id"]) for row in destination.read("vouchers")) == ["2", "3"]
    assert [job["removed"] for job in destination.read("export_jobs") if job["kept_since"]] == [1]


def test_delta_tables_are_refused(
    make_destination: Callable[[str], Destination], vendor: FileVendor, tmp_path: Path
) -> None:
    destination = make_destination("delta")
    where = vendor.base_url, ("transactions",), destination.name
    with pytest.raises(Exception, match=r".") as failed:
        Load(tmp_path, *where, {"retain_days": 30}, {}, destination.settings).run()
    assert isinstance(ours(failed.value), SettingsError)
    assert vendor.tasks == []
