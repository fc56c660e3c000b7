"""`end_date` alone: loads go up to that instant and no further, and go on from there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import spaaza_source
from spaaza_source.sandbox import Sandbox, SandboxSettings
from spaaza_source.windows import iso
from tests.clocks import Calendar
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.slow
DAY = timedelta(days=1)


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


@pytest.fixture
def sandbox(calendar: Calendar) -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(rows=300, clock=calendar)) as served:
        yield served


def load(sandbox: Sandbox, folder: Path, table: str, end: datetime | None, **given: Any) -> None:
    settings = {"poll_interval": 0.02, "start_margin": 0, "stagger": 0, **given}
    source = spaaza_source(
        sandbox.base_url,
        sandbox.chain_id,
        sandbox.credentials,
        end_date=None if end is None else iso(end),
        **settings,
    )
    pipeline_into(folder).run(source.with_resources(table))


def times(folder: Path, table: str, column: str) -> tuple[int, datetime]:
    ((count, last),) = query(folder, f"SELECT count(*), max({column}) FROM {table}")
    return count, last


def test_loads_go_up_to_it_and_on_from_there(
    sandbox: Sandbox, calendar: Calendar, tmp_path: Path
) -> None:
    horizon = calendar.now - 60 * DAY
    load(sandbox, tmp_path, "transactions", horizon)
    count, last = times(tmp_path, "transactions", "timestamp")
    assert 0 < count < 300
    assert last < horizon
    (first,) = sandbox.tasks
    (rule,) = first["trigger"]["segment"]["rules"]
    assert rule["operator"] == "is_before_date"
    # The same end again asks for the lookback, no more rows come.
    load(sandbox, tmp_path, "transactions", horizon)
    assert times(tmp_path, "transactions", "timestamp") == (count, last)
    # A later one goes on.
    load(sandbox, tmp_path, "transactions", horizon + 30 * DAY)
    more, last = times(tmp_path, "transactions", "timestamp")
    assert count < more < 300
    assert horizon <= last < horizon + 30 * DAY
    # And without one all rows come.
    load(sandbox, tmp_path, "transactions", None)
    load(sandbox, tmp_path / "whole", "transactions", None)
    until_now = (
        "SELECT id, total_value FROM transactions"
        f" WHERE timestamp < '{iso(calendar.now)}' ORDER BY id"
    )
    assert query(tmp_path, until_now) == query(tmp_path / "whole", until_now)
    assert times(tmp_path, "transactions", "timestamp")[0] > more


@pytest.mark.thorough
def test_an_end_in_the_future_is_none(sandbox: Sandbox, calendar: Calendar, tmp_path: Path) -> None:
    load(sandbox, tmp_path, "transactions", calendar.now + DAY)
    assert "segment" not in sandbox.tasks[0]["trigger"]
    calendar.now += DAY
    load(sandbox, tmp_path, "transactions", calendar.now + DAY)
    assert times(tmp_path, "transactions", "timestamp")[0] == 300


@pytest.mark.thorough
def test_an_end_that_moves_back_deletes_nothing(
    sandbox: Sandbox, calendar: Calendar, tmp_path: Path
) -> None:
    for table, column in (("transactions", "timestamp"), ("vouchers", "date_time_creation")):
        load(sandbox, tmp_path, table, None)
        before = times(tmp_path, table, column)
        load(sandbox, tmp_path, table, calendar.now - 200 * DAY, snapshot_every=0)
        assert times(tmp_path, table, column) == before


@pytest.mark.thorough
def test_what_has_no_filter_by_time_comes_whole(
    sandbox: Sandbox, calendar: Calendar, tmp_path: Path
) -> None:
    load(sandbox, tmp_path, "users", calendar.now - 60 * DAY)
    assert "segment" not in sandbox.tasks[0]["trigger"]
