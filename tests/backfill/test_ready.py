"""Steps of a backfill that wait for nothing: what they ask for, load, and leave for the next."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from spaaza_source.backfill import Backfill, BackfillPart, Step, Waiting
from spaaza_source.backfill.watch import GONE
from spaaza_source.errors import SettingsError
from spaaza_source.sandbox import Sandbox, SandboxSettings
from spaaza_source.windows import parse_window
from tests.backfill.stage import Stage
from tests.clocks import Calendar, FakeClock

pytestmark = pytest.mark.slow

#: Three windows, to the stage's now.
SINCE = "2026-03-10"
RUN = timedelta(minutes=10)
#: The calendar goes on by itself while a test runs.
LATER = RUN + timedelta(minutes=1)
TABLE = "transactions"


@contextmanager
def vendor(folder: Path, **settings: Any) -> Iterator[Stage]:
    """One that runs two exports at a time, ten minutes each."""
    calendar = Calendar()
    given = SandboxSettings(
        rows=300,
        history_days=120,
        data_end=calendar.now,
        run_seconds=RUN.total_seconds(),
        side_by_side=2,
        clock=calendar,
    )
    with Sandbox(replace(given, **settings)) as sandbox:
        yield Stage(folder, sandbox, calendar)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with vendor(tmp_path) as made:
        yield made


def starts(texts: list[str]) -> list[str]:
    """The months that windows begin in."""
    windows = [parse_window(text[text.index("[") :]) for text in texts]
    return [f"{window.begin:%m-%d}" for window in windows if window]


def starts_of(parts: list[BackfillPart]) -> list[str]:
    return [each for part in parts for each in starts(part["windows"])]


def after_a_run(stage: Stage, step: Step, backfill: Backfill) -> Waiting:
    """What a step waits for, once the vendor has run two exports; as JSON carries it."""
    assert step.waiting is not None
    watch = backfill.watch(step.waiting)
    assert not watch.is_due()
    stage.calendar.now += LATER
    assert backfill.watch(step.waiting).is_due()
    waiting: Waiting = json.loads(json.dumps(step.waiting))
    return waiting


def go_on(
    stage: Stage, backfill: Backfill, advance: Callable[[Waiting | None], Step]
) -> list[dict[str, list[str]]]:
    """Take steps until nothing is waited for; what each has loaded."""
    step = advance(None)
    loaded = [step.loaded]
    while step.waiting is not None:
        step = advance(after_a_run(stage, step, backfill))
        loaded.append(step.loaded)
    return loaded


def test_what_is_submitted_is_adopted_and_asked_for_once(stage: Stage) -> None:
    backfill = stage.backfill()
    parts = backfill.plan(SINCE, tables=[TABLE, "users"])
    jobs = backfill.submit(parts)
    assert backfill.submit(parts) == jobs
    assert (len(jobs), len(stage.asked())) == (4, 4)
    stage.calendar.now += 2 * LATER
    begun = backfill.begin_ready(parts)
    assert begun.waiting is None
    for part in begun.left:
        assert backfill.load_ready(part).waiting is None
    assert backfill.left(parts) == []
    assert sorted(jobs) == sorted(str(task["id"]) for task in stage.sandbox.tasks)


def test_steps_load_what_is_ready_and_end_in_the_table_of_one_load(stage: Stage) -> None:
    backfill = stage.backfill()
    parts = backfill.plan(SINCE, tables=[TABLE], windows_per_part=2)
    assert [starts_of([part]) for part in parts] == [["03-10", "04-01"], ["05-01"]]
    step = backfill.begin_ready(parts)
    # All is asked for; first what has to be there first.
    assert starts(stage.asked()) == ["05-01", "03-10", "04-01"]
    step = backfill.begin_ready(parts, after_a_run(stage, step, backfill))
    assert (step.waiting, step.left) == (None, parts[:1])
    step = backfill.load_ready(parts[0])
    assert starts_of(step.left) == ["04-01"]
    waiting = after_a_run(stage, step, backfill)
    # Another worker goes on that knows nothing but the part: as after a kill, or in a retry.
    step = stage.backfill().load_ready(parts[0])
    assert (step.loaded, step.waiting) == ({TABLE: parts[0]["windows"][1:]}, None)
    assert backfill.load_ready(parts[0], waiting).loaded == {}
    done = backfill.reconcile_ready(parts)
    # The range ended just now: nothing new is asked for.
    assert (done.loaded, done.waiting, len(stage.asked())) == ({}, None, 3)
    stage.pipeline("other").run(stage.source(start_date=SINCE).with_resources(TABLE))
    assert stage.rows(TABLE) == stage.rows(TABLE, "other") != []


def test_a_range_that_ended_long_ago_is_gone_on_from_without_waiting(stage: Stage) -> None:
    backfill = stage.backfill()
    parts = backfill.plan("2026-04-01", "2026-05-01", tables=[TABLE])
    go_on(stage, backfill, lambda waited: backfill.load_ready(parts[0], waited))
    last, up_to_now = go_on(stage, backfill, lambda waited: backfill.reconcile_ready(parts, waited))
    assert (last, list(up_to_now)) == ({}, [TABLE])
    assert starts(stage.asked()) == ["04-01", "04-30"]


def test_a_window_that_fails_is_asked_for_in_halves_and_its_slot_is_given_back(
    tmp_path: Path,
) -> None:
    with vendor(tmp_path, max_export_rows=60) as stage:
        backfill = stage.backfill()
        (part,) = backfill.plan("2026-04-01", "2026-05-01", tables=[TABLE])
        loaded = go_on(stage, backfill, lambda waited: backfill.load_ready(part, waited))
        assert [*loaded[:-1]] == [{}] * (len(loaded) - 1)
        assert loaded[-1] == {TABLE: part["windows"]}
        assert len(stage.asked()) > 2
        assert stage.rows(TABLE)


def test_a_vendor_has_no_more_open_jobs_than_are_allowed(stage: Stage) -> None:
    backfill = stage.backfill()
    parts = backfill.plan(SINCE, tables=[TABLE], windows_per_part=3)

    def advance(waited: Waiting | None) -> Step:
        return backfill.load_ready(parts[0], waited, most_open=1)

    step = advance(None)
    assert starts(stage.asked()) == ["03-10"]
    step = advance(after_a_run(stage, step, backfill))
    # The next is asked for before the first one is loaded.
    assert starts(stage.asked()) == ["03-10", "04-01"]
    assert starts(step.loaded[TABLE]) == ["03-10"]
    go_on(stage, backfill, advance)
    assert backfill.left(parts) == []
    with pytest.raises(SettingsError, match="most_open"):
        backfill.submit(parts, most_open=0)


def test_all_who_wait_for_a_backfill_share_one_list_and_need_no_destination(stage: Stage) -> None:
    backfill = stage.backfill(lambda **given: stage.source(**given, poll_interval=60))
    parts = backfill.plan(SINCE, tables=[TABLE])
    steps = [backfill.load_ready(part) for part in parts]
    waits = [step.waiting for step in steps if step.waiting is not None]
    text = json.dumps(waits)
    assert not any(secret in text for secret in stage.sandbox.credentials.values())
    (stage.folder / "warehouse.duckdb").unlink()
    board = backfill.board(waits[0])
    assert not backfill.watch(waits[0], board).is_due()
    calls = len(stage.sandbox.calls)
    assert [backfill.watch(waiting, board).is_due() for waiting in waits] == [False] * 3
    assert len(stage.sandbox.calls) == calls


def test_a_job_that_the_list_lacks_is_waited_for_before_it_is_taken_for_gone(stage: Stage) -> None:
    backfill, clock = stage.backfill(), FakeClock()
    (part,) = backfill.plan("2026-04-01", "2026-05-01", tables=[TABLE])
    waiting = backfill.load_ready(part).waiting
    assert waiting is not None
    waiting["jobs"] = [["77"]]
    watch = backfill.watch(waiting, backfill.board(waiting, clock))
    assert not watch.is_due()
    clock.pause(GONE + 1, Event())
    assert watch.is_due()


def test_a_script_may_wait_by_itself(stage: Stage) -> None:
    class VendorsClock(FakeClock):
        def pause(self, seconds: float, wake: Any) -> bool:
            stage.calendar.now += LATER
            return super().pause(seconds, wake)

    backfill, clock = stage.backfill(), VendorsClock()
    (part,) = backfill.plan("2026-04-01", "2026-05-01", tables=[TABLE])
    step = backfill.load_ready(part)
    assert step.waiting is not None
    backfill.wait(step.waiting, clock)
    # The list of the first look is young enough for the next one, or is not.
    assert len(clock.pauses) in (1, 2)
    assert backfill.load_ready(part, step.waiting).loaded == {TABLE: part["windows"]}


def test_windows_without_rows_are_asked_for_once_before_parts_begin(tmp_path: Path) -> None:
    with vendor(tmp_path, run_seconds=0) as stage:
        backfill = stage.backfill()
        # The shop opened on 26 January.
        parts = backfill.plan("2025-10-01", "2026-01-01", tables=[TABLE], windows_per_part=2)
        begun = backfill.begin_ready(parts)
        assert starts(begun.loaded[TABLE]) == ["12-01"]
        assert starts_of(begun.left) == ["10-01", "11-01"]
        # One part alone has nobody beside it.
        assert backfill.begin_ready(begun.left).left == begun.left
        assert starts(backfill.load_ready(begun.left[0]).loaded[TABLE]) == ["11-01"]
        assert starts(stage.asked()) == ["12-01", "10-01", "11-01"]
