"""How late rows come is measured where loads overlap."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import spaaza_source
from spaaza_source.writing.late_rows import slices
from tests.vendors import FileVendor
from tests.warehouses import pipeline_into, query

HOUR = timedelta(hours=1)
NOTED = "SELECT late_rows, latest_seconds, overlap_seconds FROM export_jobs ORDER BY loaded_at"


class Till(FileVendor):
    """Its rows are of so many hours before it began to serve."""

    def __init__(self) -> None:
        super().__init__(transactions=b"", users=b"id\n1\n")
        self.began = datetime.now(timezone.utc)

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


@pytest.mark.parametrize("export_format", ["csv", "json"])
def test_what_the_overlap_has_more_than_the_table_came_late(
    export_format: str, vendor: Till, tmp_path: Path
) -> None:
    on_time = [30, 20, 15, 3, 1]
    load(vendor, tmp_path, *on_time, export_format=export_format)
    load(vendor, tmp_path, *on_time, export_format=export_format)
    load(vendor, tmp_path, *on_time, 5.2, 5.1, 0.4, export_format=export_format)
    first, second, third = query(tmp_path, NOTED)
    assert first == (None, None, None)
    assert second == (0, 0.0, 86400.0)
    late, latest, _ = third
    assert late == 3
    # No more than a quarter too long.
    assert 5.2 * 3600 <= latest < 5.2 * 3600 * 1.26


def test_a_lag_that_is_too_short_is_seen(vendor: Till, tmp_path: Path) -> None:
    load(vendor, tmp_path, 3, 2, lag=3600)
    load(vendor, tmp_path, 3, 2, 0.95, 0.1, lag=3600)
    assert query(tmp_path, NOTED)[1] == (2, 3600.0, 3600.0)


def test_what_was_deleted_is_not_late(vendor: Till, tmp_path: Path) -> None:
    load(vendor, tmp_path, *range(1, 40))
    load(vendor, tmp_path, *range(2, 40))
    assert query(tmp_path, NOTED)[1][:2] == (0, 0.0)


def test_what_the_users_own_steps_change_is_not_measured(vendor: Till, tmp_path: Path) -> None:
    load(vendor, tmp_path, 30, 20, 3, 2, drop=2)
    load(vendor, tmp_path, 30, 20, 3, 2, drop=1)
    assert query(tmp_path, NOTED) == [(None, None, None)] * 2


def test_a_range_of_the_past_is_not_measured(vendor: Till, tmp_path: Path) -> None:
    load(vendor, tmp_path, 30, 20, 3, 2)
    now = vendor.began
    load(vendor, tmp_path, 30, 25, 20, 3, 2, start_date=now - 35 * HOUR, end_date=now - HOUR)
    assert query(tmp_path, NOTED) == [(None, None, None)] * 2


def test_slices_are_finest_next_to_the_last_loads_end() -> None:
    bounds = slices(86_400)
    assert bounds[-1] == 86_400
    assert 0 < bounds[0] <= 60
    assert all(later / earlier == pytest.approx(1.25) for earlier, later in pairwise(bounds))
    assert slices(30) == [30]
