"""Rows that came late are counted where a load exports the lookback again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import spaaza_source
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.slow

HOUR = timedelta(hours=1)
NOTED = "SELECT late_rows, overlap_seconds FROM export_jobs ORDER BY loaded_at"


class Till(FileVendor):
    """Its rows are of so many hours before it began to serve."""

    def __init__(self) -> None:
        super().__init__(transactions=b"", users=b"id\n1\n")
        self.began = datetime.now(UTC)

    def ago(self, hours: float) -> str:
        return (self.began - hours * HOUR).isoformat().replace("+00:00", "Z")


@pytest.fixture
def vendor() -> Iterator[Till]:
    with Till() as served:
        yield served


def load(vendor: Till, folder: Path, *hours: float, drop: int | None = None, **given: Any) -> None:
    """Load transactions of that many hours ago; only those after `drop` by a step of the user's."""
    if given.get("export_format") == "json":
        rows = [f'{{"id": 1, "timestamp": "{vendor.ago(each)}"}}' for each in hours]
        vendor.files["transactions"] = f"[{','.join(rows)}]".encode()
    else:
        rows = [f"{vendor.ago(each)},{each}" for each in hours]
        vendor.files["transactions"] = "\n".join(["timestamp,id", *rows, ""]).encode()
    source = spaaza_source(
        vendor.base_url,
        1743,
        {"access_token_id": "a", "access_token_secret": "b"},
        **{"poll_interval": 0.01, "start_margin": 0, "stagger": 0, "max_age": 0, **given},
    ).with_resources("transactions")
    if drop is not None:
        source.transactions.add_map(lambda rows: rows.slice(drop))
    pipeline_into(folder).run(source)


@pytest.mark.parametrize("export_format", ["csv", pytest.param("json", marks=pytest.mark.thorough)])
@pytest.mark.thorough
def test_rows_of_the_lookback_that_the_table_lacked_are_counted_as_late(
    export_format: str, vendor: Till, tmp_path: Path
) -> None:
    on_time = [30, 20, 15, 3, 1]
    load(vendor, tmp_path, *on_time, export_format=export_format)
    load(vendor, tmp_path, *on_time, export_format=export_format)
    load(vendor, tmp_path, *on_time, 5.2, 5.1, 0.4, export_format=export_format)
    first, second, third = query(tmp_path, NOTED)
    assert first == (None, None)
    # A window begins at a whole second, the cursor between two.
    assert second == (0, pytest.approx(86400, abs=1))
    assert third == (3, pytest.approx(86400, abs=1))


@pytest.mark.thorough
def test_a_backfill_counts_no_late_rows(vendor: Till, tmp_path: Path) -> None:
    load(vendor, tmp_path, 3, 2)
    load(vendor, tmp_path, 3, 2, 1, start_date=vendor.ago(5), end_date=vendor.ago(0))
    assert query(tmp_path, NOTED)[1] == (None, None)


@pytest.mark.thorough
def test_a_table_that_a_step_of_the_users_changes_is_not_measured(
    vendor: Till, tmp_path: Path
) -> None:
    for _ in range(2):
        load(vendor, tmp_path, 3, 2, drop=1)
    assert query(tmp_path, NOTED) == [(None, None)] * 2
