"""History that comes newest first: what is loaded when, and where other loads go on meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from spaaza_source.errors import SettingsError
from spaaza_source.sandbox import Sandbox, SandboxSettings
from spaaza_source.windows import parse_window
from tests.backfill.stage import Stage
from tests.backfill.test_ready import starts, starts_of
from tests.clocks import Calendar

pytestmark = pytest.mark.slow

SINCE, TABLE = "2026-02-10", "transactions"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    calendar = Calendar()
    settings = SandboxSettings(
        rows=300, history_days=120, data_end=calendar.now, run_seconds=0.02, clock=calendar
    )
    with Sandbox(settings) as sandbox:
        yield Stage(tmp_path, sandbox, calendar)


def daily(stage: Stage, start: str) -> list[str]:
    """The daily load from a start of history; the windows that it asks for."""
    before = len(stage.asked())
    stage.pipeline().run(stage.source(start_date=start).with_resources(TABLE))
    return stage.asked()[before:]


def undisturbed(stage: Stage) -> list[tuple[Any, ...]]:
    """The table of one load of all history up to now."""
    stage.pipeline("other").run(stage.source(start_date=SINCE, max_age=0).with_resources(TABLE))
    return stage.rows(TABLE, "other")


def test_the_newest_windows_of_every_table_come_first(stage: Stage) -> None:
    tables = [TABLE, "users", "vouchers", "wallet_ledger"]
    parts = stage.backfill().plan(SINCE, tables=tables, order="newest", windows_per_part=2)
    assert [part["table"] for part in parts] == [
        "users",
        "wallet_ledger",
        "vouchers",
        TABLE,
        "wallet_ledger",
        TABLE,
    ]
    assert starts_of(parts[2:4]) == ["05-01", "04-01", "03-01", "02-10", "05-01", "04-01"]
    with pytest.raises(SettingsError, match="order"):
        stage.backfill().plan(SINCE, order="latest")  # type: ignore[arg-type]


def test_an_interrupted_backfill_is_resumed_newest_first_and_ends_in_the_same_table(
    stage: Stage,
) -> None:
    backfill = stage.backfill()
    parts = backfill.plan(SINCE, tables=[TABLE, "vouchers"], order="newest")
    left = backfill.begin(parts)
    own = [part for part in left if part["table"] == TABLE]
    assert starts(stage.asked()) == ["05-01"]
    backfill.load(own[0])
    # Another day, another plan.
    stage.calendar.now += timedelta(days=1)
    again = backfill.plan(SINCE, tables=[TABLE, "vouchers"], order="newest")
    left = backfill.begin(again)
    # That of May was exported before its last rows' lag was over.
    assert starts_of([part for part in left if part["table"] == TABLE]) == [
        "05-01",
        "03-01",
        "02-10",
    ]
    for part in left:
        backfill.load(part)
    assert backfill.reconcile(again) == []
    assert stage.rows(TABLE) == undisturbed(stage) != []
    (text,) = daily(stage, SINCE)
    window = parse_window(text.partition(" ")[2])
    assert window is not None
    assert window.length < timedelta(days=2)


def test_a_daily_load_goes_on_from_the_newest_window_while_the_past_fills_in(stage: Stage) -> None:
    backfill = stage.backfill()
    parts = backfill.plan(SINCE, tables=[TABLE], order="newest")
    newest, april, *past = parts
    backfill.load(newest)
    stage.calendar.now += timedelta(days=2)
    # It begins where what is there begins, and takes none of what lies before for loaded.
    (text,) = daily(stage, "2026-05-01")
    window = parse_window(text.partition(" ")[2])
    assert window is not None
    assert window.length < timedelta(days=4)
    backfill.load(april)
    stage.calendar.now += timedelta(days=1)
    assert len(daily(stage, "2026-05-01")) == 1
    for part in past:
        backfill.load(part)
    assert backfill.left(parts) == []
    backfill.reconcile(parts)
    # With the range's start it now goes on from the end, not from where the backfill began.
    stage.calendar.now += timedelta(days=1)
    (text,) = daily(stage, SINCE)
    window = parse_window(text.partition(" ")[2])
    assert window is not None
    assert window.length < timedelta(days=4)
    assert stage.rows(TABLE) == undisturbed(stage) != []


def test_a_daily_load_with_the_ranges_start_asks_for_the_unfilled_past(stage: Stage) -> None:
    backfill = stage.backfill()
    newest, *_ = backfill.plan(SINCE, tables=[TABLE], order="newest")
    backfill.load(newest)
    stage.calendar.now += timedelta(days=2)
    assert starts(daily(stage, SINCE))[:3] == ["02-10", "03-01", "04-01"]
    assert stage.rows(TABLE) == undisturbed(stage) != []
