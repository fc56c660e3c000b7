"""Loads that go on in time: windows asked for, split, replaced, and the cursor between them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import dlt
import pytest

from spaaza_source import spaaza_source
from spaaza_source.sandbox import Sandbox, SandboxSettings
from spaaza_source.windows import MARGIN, parse_instant
from tests.clocks import Calendar
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import column_types, pipeline_into, query

pytestmark = pytest.mark.slow

ROWS = 400
DAY = timedelta(days=1)


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


@pytest.fixture
def sandbox(calendar: Calendar) -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(rows=ROWS, clock=calendar)) as served:
        yield served


def source(sandbox: Sandbox, table: str = "transactions", **given: Any) -> Any:
    settings = {"poll_interval": 0.02, "start_margin": 0, "stagger": 0, **given}
    return spaaza_source(
        sandbox.base_url, sandbox.chain_id, sandbox.credentials, **settings
    ).with_resources(table)


def asked(sandbox: Sandbox) -> list[tuple[datetime | None, datetime] | None]:
    """The windows of the sandbox's tasks, old to new, without the margin, by the minute."""
    windows: list[tuple[datetime | None, datetime] | None] = []
    for task in reversed(sandbox.tasks):
        rules = task["trigger"].get("segment", {}).get("rules", [])
        if not rules:
            windows.append(None)
            continue
        start, end = rules[-1].get("start_date"), rules[-1]["end_date"]
        windows.append(
            (
                minute(parse_instant(start, "start") + MARGIN) if start else None,
                minute(parse_instant(end, "end") - MARGIN),
            )
        )
    return windows


def minute(instant: datetime) -> datetime:
    return instant.replace(second=0, microsecond=0)


def everything(folder: Path) -> list[tuple[Any, ...]]:
    return query(folder, "SELECT count(*), count(DISTINCT id), sum(total_value) FROM transactions")


def test_the_second_load_goes_on_where_the_first_one_ended(
    sandbox: Sandbox, calendar: Calendar, tmp_path: Path
) -> None:
    pipeline = pipeline_into(tmp_path)
    pipeline.run(source(sandbox))
    first = everything(tmp_path)
    assert first[0][0] == ROWS
    begun = calendar.now
    for _ in range(2):
        calendar.now += 20 * DAY
        pipeline.run(source(sandbox))
        assert everything(tmp_path) == first
    assert asked(sandbox) == [
        None,
        (begun - DAY, begun + 20 * DAY),
        (begun + 19 * DAY, begun + 40 * DAY),
    ]


@pytest.mark.thorough
def test_a_fresh_machine_goes_on_too(sandbox: Sandbox, calendar: Calendar, tmp_path: Path) -> None:
    pipeline_into(tmp_path).run(source(sandbox))
    calendar.now += DAY
    pipeline = dlt.pipeline(
        "spaaza",
        pipelines_dir=str(tmp_path / "elsewhere"),
        destination=dlt.destinations.duckdb(str(tmp_path / "warehouse.duckdb")),
        dataset_name="loyalty",
    )
    pipeline.run(source(sandbox))
    assert asked(sandbox)[1:] == [(calendar.now - 2 * DAY, calendar.now)]


def test_history_since_a_start_comes_in_months_then_goes_on(
    sandbox: Sandbox, calendar: Calendar, tmp_path: Path
) -> None:
    pipeline = pipeline_into(tmp_path)
    start = datetime(2026, 1, 10, tzinfo=UTC)
    pipeline.run(source(sandbox, start_date=start))
    months = sorted(window for window in asked(sandbox) if window)
    assert [end.day for _, end in months] == [1, 1, 1, 1, 26]
    assert (months[0][0], months[-1][1]) == (start, calendar.now)
    assert all(before[1] == after[0] for before, after in pairwise(months))
    until = calendar.now
    calendar.now += DAY
    pipeline.run(source(sandbox, start_date=start, lag=3600))
    assert asked(sandbox)[5:] == [(until - timedelta(hours=1), calendar.now)]
    inside = f"timestamp >= '{start}' AND timestamp < '{calendar.now}'"
    pipeline_into(tmp_path, "whole").run(source(sandbox).transactions, dataset_name="whole")
    columns = "SELECT id, timestamp, total_value"
    assert query(tmp_path, f"{columns} FROM transactions ORDER BY id") == query(
        tmp_path, f"{columns} FROM whole.transactions WHERE {inside} ORDER BY id"
    )


@pytest.mark.thorough
def test_a_backfill_leaves_the_cursor_alone(
    sandbox: Sandbox, calendar: Calendar, tmp_path: Path
) -> None:
    pipeline = pipeline_into(tmp_path)
    pipeline.run(source(sandbox))
    pipeline.run(source(sandbox, start_date="2026-02-03", end_date="2026-02-05"))
    until = calendar.now
    calendar.now += DAY
    pipeline.run(source(sandbox))
    assert asked(sandbox)[2:] == [(until - DAY, calendar.now)]
    assert everything(tmp_path)[0][0] == ROWS


@pytest.mark.thorough
def test_vouchers_change_later_and_come_whole_once_a_week(
    sandbox: Sandbox, calendar: Calendar, tmp_path: Path
) -> None:
    pipeline = pipeline_into(tmp_path)
    begun = calendar.now
    for day in (0, 1, 6, 7, 8):
        # A little later each day: the clock runs on while a load asks for its export.
        calendar.now = begun + day * 1.01 * DAY
        pipeline.run(source(sandbox, "vouchers"))
    assert [window is None for window in asked(sandbox)] == [True, False, False, True, False]
    assert query(tmp_path, "SELECT count(*), count(DISTINCT id) FROM vouchers") == [(ROWS, ROWS)]


@pytest.mark.parametrize("start", [None, pytest.param("2023-11-01", marks=pytest.mark.thorough)])
@pytest.mark.thorough
def test_a_window_that_is_too_much_is_split_until_it_is_not(
    start: str | None, tmp_path: Path
) -> None:
    limited = SandboxSettings(rows=ROWS, max_export_rows=60)
    with Sandbox(limited) as served:
        pipeline_into(tmp_path).run(source(served, start_date=start))
        asked_for = len(served.tasks)
    assert everything(tmp_path)[0][:2] == (ROWS, ROWS)
    jobs = query(
        tmp_path,
        "SELECT state, count(*), count(loaded), count(split_from), max(rows) <= 60"
        " FROM export_jobs GROUP BY state ORDER BY state",
    )
    assert sum(job[1] for job in jobs) == asked_for
    if start is None:
        assert [job[0] for job in jobs] == ["DONE", "ERROR"]
        done, failed = jobs
        assert done[1] == done[2] == done[3]
        assert failed[2] == 0
        # All but the first, which asked for everything.
        assert failed[3] == failed[1] - 1
    # Every row came by the one window that it is in.
    assert query(tmp_path, "SELECT sum(loaded) FROM export_jobs") == [(ROWS,)]


@pytest.mark.thorough
def test_a_rerun_takes_up_the_parts_and_splits_no_window_again(tmp_path: Path) -> None:
    limited = SandboxSettings(rows=ROWS, max_export_rows=60)
    with Sandbox(limited) as served:
        pipeline_into(tmp_path, "first").extract(source(served))
        before = len(served.tasks)
        pipeline_into(tmp_path, "second").run(source(served))
        assert len(served.tasks) == before
    assert everything(tmp_path)[0][:2] == (ROWS, ROWS)


def test_a_file_that_does_not_name_the_time_comes_whole_every_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logger = logging.getLogger("dlt")
    with FileVendor(transactions=b"id,name\n1,a\n") as vendor:
        pipeline = pipeline_into(tmp_path)
        for rows in (b"1,a\n", b"1,a\n2,b\n"):
            vendor.files["transactions"] = b"id,name\n" + rows
            logger.addHandler(caplog.handler)
            pipeline.run(
                spaaza_source(
                    vendor.base_url,
                    1743,
                    {"access_token_id": "a", "access_token_secret": "b"},
                    poll_interval=0.01,
                    start_margin=0,
                    stagger=0,
                ).with_resources("transactions")
            )
            logger.removeHandler(caplog.handler)
    assert query(tmp_path, "SELECT count(*) FROM transactions") == [(2,)]
    assert "every load brings all rows" in caplog.text
    assert "time_columns can name another" in caplog.text


@pytest.mark.thorough
def test_a_users_own_replace_brings_all_rows(sandbox: Sandbox, tmp_path: Path) -> None:
    pipeline = pipeline_into(tmp_path)
    for _ in range(2):
        chosen = source(sandbox, max_age=0)
        chosen.transactions.apply_hints(write_disposition="replace")
        pipeline.run(chosen)
    assert asked(sandbox) == [None, None]
    assert everything(tmp_path)[0][0] == ROWS


class MonthlyFiles(FileVendor):
    """Each export gets the next file."""

    def __init__(self, *files: bytes) -> None:
        super().__init__(transactions=b"")
        self.given = dict(enumerate(files, 1))

    def file(self, number: int) -> bytes:
        return self.given[number]


def test_the_windows_of_a_load_agree_about_types_and_bring_their_own_columns(
    tmp_path: Path,
) -> None:
    """In the first month a code looks like a number, in the last a column is there that is new."""
    january = b"id,timestamp,code,note\n1,2026-01-05T00:00:00Z,7,\n"
    february = b"id,timestamp,code,note\n"
    march = b"timestamp,id,code,note,extra\n2026-03-05T00:00:00Z,3,007,x,y\n"
    with MonthlyFiles(january, february, march) as vendor:
        pipeline_into(tmp_path).run(
            spaaza_source(
                vendor.base_url,
                1743,
                {"access_token_id": "a", "access_token_secret": "b"},
                poll_interval=0.01,
                start_margin=0,
                stagger=0,
                start_date="2026-01-01",
                end_date="2026-04-01",
            ).with_resources("transactions")
        )
    types = column_types(tmp_path, "transactions")
    assert (types["code"], types["note"], types["id"]) == ("VARCHAR", "VARCHAR", "VARCHAR")
    assert query(tmp_path, "SELECT id, code, note, extra FROM transactions ORDER BY id") == [
        ("1", "7", None, None),
        ("3", "007", "x", "y"),
    ]
    assert query(tmp_path, "SELECT rows, loaded FROM export_jobs ORDER BY window_start") == [
        (1, 1),
        (0, 0),
        (1, 1),
    ]
    changes = query(tmp_path, "SELECT column_name, change FROM column_changes ORDER BY column_name")
    assert ("extra", "added") in changes
