"""`reload_every`: a table whose rows are final is loaded in full again from time to time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import spaaza_source
from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.clocks import Calendar
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.slow
DAY = timedelta(days=1)


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


@pytest.fixture
def sandbox(calendar: Calendar) -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(rows=100, clock=calendar)) as served:
        yield served


def load(sandbox: Sandbox, folder: Path, **given: Any) -> dict[str, Any]:
    """Load transactions; the trigger of the task that it asked for last."""
    settings = {"poll_interval": 0.02, "start_margin": 0, "stagger": 0, **given}
    source = spaaza_source(sandbox.base_url, sandbox.chain_id, sandbox.credentials, **settings)
    pipeline_into(folder).run(source.with_resources("transactions"))
    trigger: dict[str, Any] = sandbox.tasks[0]["trigger"]
    return trigger


def test_a_row_that_changed_long_after_its_time_comes_with_the_next_reload(
    sandbox: Sandbox, calendar: Calendar, tmp_path: Path
) -> None:
    assert "segment" not in load(sandbox, tmp_path, reload_every=30)
    changed = (
        "UPDATE transactions SET notes = 'as it was' WHERE id = (SELECT min(id) FROM transactions)"
    )
    query(tmp_path, changed)
    calendar.now += 20 * DAY
    assert "segment" in load(sandbox, tmp_path, reload_every=30)
    found = "SELECT count(*), count(*) FILTER (notes = 'as it was') FROM transactions"
    assert query(tmp_path, found) == [(100, 1)]
    calendar.now += 11 * DAY
    assert "segment" not in load(sandbox, tmp_path, reload_every=30)
    assert query(tmp_path, found) == [(100, 0)]
    # It counts from there on.
    calendar.now += 20 * DAY
    assert "segment" in load(sandbox, tmp_path, reload_every=30)


@pytest.mark.thorough
def test_without_it_no_load_begins_anew(
    sandbox: Sandbox, calendar: Calendar, tmp_path: Path
) -> None:
    load(sandbox, tmp_path)
    calendar.now += 400 * DAY
    assert "segment" in load(sandbox, tmp_path)


@pytest.mark.thorough
def test_with_a_start_it_begins_there(sandbox: Sandbox, calendar: Calendar, tmp_path: Path) -> None:
    start = {"start_date": (calendar.now - 40 * DAY).isoformat(), "reload_every": 0}
    load(sandbox, tmp_path, **start)
    before = len(sandbox.tasks)
    load(sandbox, tmp_path, **start)
    rules = [task["trigger"]["segment"]["rules"][0] for task in sandbox.tasks[:-before]]
    assert (
        min(rule["start_date"] for rule in rules)[:10] == (calendar.now - 40 * DAY).isoformat()[:10]
    )
