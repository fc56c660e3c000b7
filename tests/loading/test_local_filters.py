"""A vendor whose filter means other instants than ours: nothing falls between two windows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spaaza_source import spaaza_source
from spaaza_source.errors import FileError, SettingsError
from spaaza_source.reading import WindowEdges
from spaaza_source.windows import Window, iso, parse_instant
from tests.faults.hosts import ours
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

TOKEN = {"access_token_id": "a", "access_token_secret": "b"}
QUICK: dict[str, Any] = {"poll_interval": 0.01, "start_margin": 0, "stagger": 0, "max_age": 0}
HOUR = timedelta(hours=1)
START = datetime(2026, 4, 1, tzinfo=UTC)
#: One row an hour, over three months.
ROWS = [START + HOUR * hours for hours in range(24 * 90)]


class LocalVendor(FileVendor):
    """A Tasks API that takes the bounds of a filter for times of another zone, or for days."""

    def __init__(self, ahead: timedelta, *, by_day: bool = False) -> None:
        super().__init__()
        self._ahead, self._by_day = ahead, by_day

    def file(self, number: int) -> bytes:
        rules = self.tasks[number - 1]["trigger"].get("segment", {}).get("rules", [{}])
        start, end = (self._bound(rules[0].get(name)) for name in ("start_date", "end_date"))
        lines = [
            f"{hour},{iso(at)}"
            for hour, at in enumerate(ROWS)
            if (start is None or start <= at) and (end is None or at <= end)
        ]
        file = ["id,timestamp", *lines, ""]
        if self.tasks[number - 1]["target"]["export_format"] == "json":
            records = (line.split(",") for line in lines)
            return (
                str([{"id": one, "timestamp": at} for one, at in records])
                .replace("'", '"')
                .encode()
            )
        return "\n".join(file).encode()

    def _bound(self, text: str | None) -> datetime | None:
        if text is None:
            return None
        bound = parse_instant(text, "") - self._ahead
        return bound.replace(hour=0, minute=0, second=0) if self._by_day else bound


@pytest.fixture(
    params=[2, *(pytest.param(hours, marks=pytest.mark.thorough) for hours in (-5, 14))]
)
def vendor(request: pytest.FixtureRequest) -> Iterator[LocalVendor]:
    with LocalVendor(HOUR * request.param) as served:
        yield served


def times(*hours: float) -> Any:
    since_1970 = START.timestamp() / 3600
    return np.array([round((since_1970 + hour) * 3_600_000_000) for hour in hours], np.int64)


def window(start: float | None, end: float) -> Window:
    return Window(None if start is None else START + HOUR * start, START + HOUR * end)


@pytest.mark.parametrize(
    ("first", "second", "missing"),
    [
        # Each has its own rows, and those of the margin.
        ((1, 2, 47, 48), (48, 49, 90), 0),
        # A vendor that ignores the filter, or takes whole days, exports the others' rows twice.
        ((1, 47, 48, 49, 90), (1, 47, 48, 49, 90), 0),
        ((1, 40, 47, 48), (40, 47, 48, 90), 0),
        # Two hours ahead: those before the bound are in the second alone.
        ((-1, 1, 45), (46, 47, 48, 70), 2),
        ((), (47,), 1),
        # Five hours behind: those after it are in the first alone.
        ((5, 47, 48, 50, 52), (53, 60), 2),
        # A row that came late has shown itself in one of them.
        ((1, 46), (46, 47, 48), 1),
        # Further away than clocks differ nothing is compared.
        ((), (10, 48), 0),
    ],
)
def test_rows_that_only_the_window_beside_has_are_found(
    first: Any, second: Any, missing: int
) -> None:
    edges = WindowEdges()
    edges.add(window(48, 96), times(*second))
    edges.add(window(None, 0), times(-1))
    edges.add(window(0, 48))
    for hour in first:
        edges.add(window(0, 48), times(hour))
    if missing:
        with pytest.raises(FileError, match=rf"^wallet: {missing} rows near 2026-04-03T00:00:00Z"):
            edges.check("wallet", "Ask.")
    else:
        edges.check("wallet", "Ask.")


def load(vendor: FileVendor, **given: Any) -> Any:
    settings = {**QUICK, "start_date": iso(START), **given}
    return spaaza_source(vendor.base_url, 1743, TOKEN, **settings).with_resources("transactions")


@pytest.mark.follows("reading/row_windows.py", "Set filter_margin=86400")
@pytest.mark.slow
@pytest.mark.parametrize("export_format", ["csv", pytest.param("json", marks=pytest.mark.thorough)])
def test_a_filter_in_local_time_stops_until_windows_are_asked_for_wider(
    export_format: str, vendor: LocalVendor, tmp_path: Path
) -> None:
    pipeline = pipeline_into(tmp_path)
    with pytest.raises(Exception, match="filter_margin=86400") as raised:
        pipeline.run(load(vendor, export_format=export_format))
    assert isinstance(ours(raised.value), FileError)
    pipeline.run(load(vendor, export_format=export_format, filter_margin=86400))
    found = "SELECT count(*), count(DISTINCT id) FROM transactions"
    assert query(tmp_path, found) == [(len(ROWS), len(ROWS))]


@pytest.mark.slow
@pytest.mark.thorough
def test_a_filter_by_days_loses_nothing_and_a_margin_can_be_set_later(tmp_path: Path) -> None:
    pipeline = pipeline_into(tmp_path)
    with LocalVendor(timedelta(0), by_day=True) as vendor:
        pipeline.run(load(vendor))
        assert query(tmp_path, "SELECT count(*) FROM transactions") == [(len(ROWS),)]
        asked = len(vendor.tasks)
        # It is another filter for the vendor, but no other rows.
        pipeline.run(load(vendor, filter_margin=86400))
        assert len(vendor.tasks) == asked + 1


def test_the_margin_is_at_least_a_second() -> None:
    with pytest.raises(SettingsError, match="filter_margin"):
        spaaza_source("https://x.test", 1, TOKEN, filter_margin=0)
