"""A load that takes up an earlier run's export looks again for what came since that was made."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import spaaza_source
from tests.vendors.server import Answer, Seen
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.slow

DAY = datetime(2026, 5, 10, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)


class SlowVendor(FileVendor):
    """Its clock is a test's; it dates its tasks by it.

    The second task waits until `works`; its list is behind, and never shows that one done.
    """

    def __init__(self) -> None:
        super().__init__(transactions=b"id,timestamp\n1,2026-05-08T00:00:00Z\n")
        self.time = DAY
        self.works = False
        self._lists = False
        self.created: list[datetime] = []

    def _answer(self, seen: Seen) -> Answer:
        if seen.method == "POST":
            self.created.append(self.time)
        self._lists = seen.path.startswith("/tasks?")
        answer = super()._answer(seen)
        answer.headers["Date"] = format_datetime(self.time, usegmt=True)
        return answer

    def _task(self, number: int, code: str) -> dict[str, Any]:
        task = super()._task(number, code)
        if number == 2 and (self._lists or not self.works):
            task["state"]["code"] = "READY"
        task["state"]["created_date"] = f"{self.created[number - 1]:%Y-%m-%dT%H:%M:%SZ}"
        return task


@pytest.fixture
def vendor() -> Iterator[SlowVendor]:
    with SlowVendor() as served:
        yield served


def load(vendor: SlowVendor, folder: Path, **given: Any) -> None:
    source = spaaza_source(
        vendor.base_url,
        1743,
        {"access_token_id": "a", "access_token_secret": "b"},
        **{"poll_interval": 0.01, "start_margin": 0, "stagger": 0, **given},
    )
    pipeline_into(folder).run(source.with_resources("transactions"))


@pytest.mark.thorough
def test_the_next_load_begins_the_lag_before_the_oldest_export(
    vendor: SlowVendor, tmp_path: Path
) -> None:
    load(vendor, tmp_path)
    vendor.time = DAY + 24 * HOUR
    with pytest.raises(Exception, match="still READY"):
        load(vendor, tmp_path, export_timeout=0.1)
    vendor.works, vendor.time = True, DAY + 27 * HOUR
    load(vendor, tmp_path)
    windows = "SELECT window_start, window_end FROM export_jobs WHERE window_end IS NOT NULL"
    asked = DAY + 24 * HOUR
    assert query(tmp_path, f"{windows} ORDER BY ALL") == [
        (DAY - 24 * HOUR, asked),
        (asked, DAY + 27 * HOUR),
    ]
    # What came after that export, and within the lag, is of a time that it was to bring.
    vendor.time = DAY + 48 * HOUR
    load(vendor, tmp_path)
    assert query(tmp_path, f"{windows} ORDER BY window_end DESC LIMIT 1") == [
        (asked - 24 * HOUR, DAY + 48 * HOUR)
    ]
