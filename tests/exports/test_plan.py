"""What a load asks for, computed from state, settings and the vendor's list of jobs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaaza_source.errors import SettingsError
from spaaza_source.exports.jobs import Job, JobState, KnownJob
from spaaza_source.exports.planning.plan import Plan, check_size, plan_for
from spaaza_source.exports.request import ExportRequest
from spaaza_source.exports.table_sync import SyncPolicy, TableSync
from spaaza_source.windows import EARLIEST, Window, WindowSize, cut_calendar, parse_instant

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NOW = datetime(2026, 5, 26, 12, tzinfo=UTC)


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ask(window: Window | None) -> ExportRequest:
    return ExportRequest("transactions", "transactions", "1743", window=window)


def wanted(span: SyncPolicy | None = None, **given: Any) -> TableSync:
    return TableSync("transactions", ask, SyncPolicy() if span is None else span, **given)


def job(
    window: Window | None, state: JobState = JobState.DONE, age: timedelta = HOUR / 4
) -> KnownJob:
    number = str(hash((window, state, age)))
    at = NOW - age
    found = Job(number, state, state.value, at, at, at)
    return KnownJob(ask(window).fingerprint, "transactions", window, found)


def planned(span: SyncPolicy, own: Iterable[KnownJob] = (), **given: Any) -> Plan:
    return plan_for(wanted(span, **given), own, NOW, HOUR)


def windows(*bounds: str) -> list[Window]:
    return [Window(day(start), day(end)) for start, end in pairwise(bounds)]


def test_history_comes_in_calendar_months() -> None:
    plan = planned(SyncPolicy.of("2026-02-10", None))
    assert plan.windows == [
        *windows("2026-02-10", "2026-03-01", "2026-04-01", "2026-05-01"),
        Window(day("2026-05-01"), NOW),
    ]
    assert plan.covered == Window(day("2026-02-10"), NOW)


@pytest.mark.parametrize(
    ("size", "bounds"),
    [
        ("day", ["2026-03-07", "2026-03-08", "2026-03-09", "2026-03-10"]),
        ("week", ["2026-03-01", "2026-03-02", "2026-03-09", "2026-03-12"]),
        ("month", ["2025-11-30", "2025-12-01", "2026-01-01", "2026-01-02"]),
    ],
)
def test_history_comes_in_weeks_or_days_by_choice(size: WindowSize, bounds: list[str]) -> None:
    assert cut_calendar(Window(day(bounds[0]), day(bounds[-1])), size, NOW) == windows(*bounds)


def test_what_is_no_longer_than_a_window_stays_whole() -> None:
    whole = Window(day("2026-04-28"), day("2026-05-20"))
    assert cut_calendar(whole, "month", NOW) == [whole]


def test_the_time_to_come_is_not_cut() -> None:
    parts = cut_calendar(Window(day("2026-03-05"), day("2030-01-01")), "month", NOW)
    assert parts[-1] == Window(day("2026-05-01"), day("2030-01-01"))


INSTANTS = st.datetimes(datetime(2019, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(INSTANTS, INSTANTS, st.sampled_from(["day", "week", "month"]))
def test_windows_neither_overlap_nor_leave_a_gap(
    one: datetime, other: datetime, size: WindowSize
) -> None:
    if one == other:
        other += timedelta(microseconds=1)
    window = Window(min(one, other), max(one, other))
    parts = cut_calendar(window, size, NOW)
    assert (parts[0].start, parts[-1].end) == (window.start, window.end)
    assert all(before.end == after.start for before, after in pairwise(parts))
    assert max(part.length for part in parts) <= timedelta(days=31)


def test_without_any_date_a_first_load_asks_for_all_rows_at_once() -> None:
    assert planned(SyncPolicy()) == Plan(None, [None])


def test_a_later_load_goes_on_where_the_last_one_ended_less_the_lag() -> None:
    until = day("2026-05-25")
    span = SyncPolicy(lag=6 * HOUR)
    assert planned(span, loaded_until=until).windows == [Window(until - 6 * HOUR, NOW)]


def test_nothing_before_the_start_is_asked_for() -> None:
    span = SyncPolicy.of("2026-05-24T20:00:00", None)
    plan = planned(span, loaded_until=day("2026-05-25"))
    assert plan.windows == [Window(span.start, NOW)]


def test_a_backfill_takes_no_notice_of_the_cursor() -> None:
    span = SyncPolicy.of("2026-01-01", "2026-01-15")
    plan = planned(span, loaded_until=day("2026-05-25"))
    assert plan.windows == windows("2026-01-01", "2026-01-15")


def test_what_may_change_later_is_asked_for_from_the_start() -> None:
    span = replace(SyncPolicy.of("2026-05-01", None), incremental=False)
    assert planned(span, loaded_until=day("2026-05-25")).windows == [Window(span.start, NOW)]
    assert planned(SyncPolicy(incremental=False), loaded_until=day("2026-05-25")).windows == [None]


def test_a_cursor_ahead_of_the_vendors_clock_leaves_no_gap() -> None:
    plan = planned(SyncPolicy(lag=HOUR), loaded_until=NOW + DAY)
    assert plan.windows == [Window(NOW - HOUR, NOW)]


@pytest.mark.parametrize("ahead", [timedelta(0), HOUR])
def test_a_load_right_after_another_does_not_fail(ahead: timedelta) -> None:
    plan = planned(SyncPolicy(lag=timedelta(0)), loaded_until=NOW + ahead)
    assert plan.windows == [Window(NOW - timedelta(seconds=1), NOW)]


def test_a_start_in_the_future_is_refused() -> None:
    with pytest.raises(SettingsError, match="holds no time"):
        planned(SyncPolicy.of("2030-01-01", None))


HORIZON = SyncPolicy.of(None, "2026-01-01")
END = parse_instant("2026-01-01", "end")


def test_an_end_alone_is_where_loads_stop() -> None:
    assert planned(HORIZON).windows == [Window(None, END)]
    assert planned(HORIZON, loaded_until=END - 2 * DAY).windows == [Window(END - 3 * DAY, END)]
    assert planned(HORIZON, loaded_until=END).windows == [Window(END - DAY, END)]
    # It has moved back.
    assert planned(HORIZON, loaded_until=NOW).windows == [Window(END - DAY, END)]


def test_an_end_in_the_future_stops_nothing() -> None:
    assert planned(SyncPolicy.of(None, NOW + DAY)).windows == [None]
    assert planned(SyncPolicy.of(None, NOW + DAY), loaded_until=NOW).windows == [
        Window(NOW - DAY, NOW)
    ]


def test_what_is_appended_has_nothing_left_before_an_end_that_stays() -> None:
    policy = replace(HORIZON, lag=timedelta(0), looks_back=False)
    assert planned(policy, loaded_until=END - DAY).windows == [Window(END - DAY, END)]
    with pytest.raises(SettingsError, match="all rows up to end_date are loaded"):
        planned(policy, loaded_until=END)


MARCH, APRIL, MAY = windows("2026-03-01", "2026-04-01", "2026-05-01", "2026-05-20")
SPAN = SyncPolicy.of("2026-03-01", "2026-05-20")


def test_jobs_that_are_there_are_adopted_and_only_the_rest_is_asked_for() -> None:
    april = job(APRIL, JobState.RUNNING)
    plan = planned(SPAN, [april])
    assert plan.windows == [MARCH, MAY]
    assert plan.adopted == [(ask(APRIL), april.job)]


@pytest.mark.parametrize(
    "useless",
    [
        job(APRIL, JobState.FAILED),
        job(APRIL, age=2 * HOUR),
        job(Window(day("2026-02-01"), day("2026-03-15"))),
        replace(job(APRIL), fingerprint="0" * 12),
    ],
)
def test_jobs_that_failed_or_are_old_or_of_another_request_are_not_adopted(
    useless: KnownJob,
) -> None:
    plan = planned(SPAN, [useless])
    assert plan.windows == [MARCH, APRIL, MAY]
    assert plan.adopted == []


@pytest.mark.parametrize(("age", "adopted"), [(HOUR / 2, True), (2 * HOUR, False)])
def test_of_a_job_that_does_not_say_when_it_was_done_its_begin_counts(
    age: timedelta, adopted: bool
) -> None:
    april = job(APRIL, age=age)
    undated = replace(april, job=replace(april.job, finished_at=None))
    assert bool(planned(SPAN, [undated]).adopted) == adopted


def test_what_is_loaded_is_not_adopted() -> None:
    april = job(APRIL)
    plan = planned(SPAN, [april], loaded=[april.job.job_id])
    assert plan.adopted == []


def test_halves_that_are_done_go_before_their_parent_that_still_runs() -> None:
    halves = windows("2026-04-01", "2026-04-16", "2026-05-01")
    plan = planned(SPAN, [job(APRIL, JobState.RUNNING), *map(job, halves)])
    assert [request.window for request, _ in plan.adopted] == halves


def test_a_parent_that_runs_goes_before_nothing() -> None:
    first, second = windows("2026-04-01", "2026-04-16", "2026-05-01")
    own = [job(APRIL, JobState.RUNNING), job(first), job(second, JobState.WAITING)]
    plan = planned(SPAN, own)
    assert [request.window for request, _ in plan.adopted] == [first, second]
    assert plan.windows == [MARCH, MAY]


def test_a_window_that_has_just_failed_is_known_to_be_too_much() -> None:
    assert planned(SPAN, [job(APRIL, JobState.FAILED)]).failed == [APRIL]
    assert planned(SPAN, [job(APRIL, JobState.FAILED, age=2 * HOUR)]).failed == []


def test_an_earlier_runs_now_is_good_enough() -> None:
    earlier = Window(NOW - DAY, NOW - HOUR / 2)
    span = SyncPolicy(lag=DAY - HOUR)
    plan = planned(span, [job(earlier, JobState.RUNNING)], loaded_until=NOW - HOUR)
    assert plan.windows == []
    assert plan.covered == earlier


def test_an_earlier_runs_now_is_not_good_enough_for_ever() -> None:
    earlier = Window(NOW - DAY, NOW - 2 * HOUR)
    own = [job(earlier, JobState.RUNNING)]
    plan = planned(SyncPolicy(lag=DAY - 3 * HOUR), own, loaded_until=NOW - 3 * HOUR)
    assert plan.windows == [Window(earlier.end, NOW)]
    assert plan.covered == Window(earlier.start, NOW)


def test_an_earlier_runs_now_is_no_end_that_was_named() -> None:
    span = SyncPolicy.of("2026-05-01", NOW)
    earlier = Window(span.start, NOW - HOUR / 2)
    assert planned(span, [job(earlier)]).windows == [Window(earlier.end, NOW)]


def test_all_rows_at_once_are_adopted_too() -> None:
    whole = job(None, JobState.WAITING)
    assert planned(SyncPolicy(), [whole]).adopted == [(ask(None), whole.job)]


def test_when_all_rows_at_once_were_too_many_they_are_asked_for_by_time() -> None:
    half = Window(None, day("2015-01-01"))
    plan = planned(SyncPolicy(), [job(None, JobState.FAILED), job(half)])
    assert plan.covered == Window(None, NOW)
    assert [request.window for request, _ in plan.adopted] == [half]
    assert plan.windows[0] == Window(half.end, day("2015-02-01"))
    assert plan.failed == [Window(None, NOW)]


def test_a_table_that_knows_no_windows_is_asked_for_again_as_it_is() -> None:
    snapshot = TableSync("transactions", ask)
    own = [job(None, JobState.FAILED)]
    assert plan_for(snapshot, own, NOW, HOUR) == Plan(None, [None])


@pytest.mark.parametrize(("size", "number"), [("month", 258), ("week", 1119), ("day", 7817)])
def test_what_lies_before_any_vendor_is_one_window(size: WindowSize, number: int) -> None:
    parts = cut_calendar(Window(day("1970-01-01"), NOW), size, NOW)
    assert parts[0] == Window(day("1970-01-01"), EARLIEST)
    assert parts[1].start == EARLIEST
    assert all(one.end == other.start for one, other in pairwise(parts))
    assert len(parts) == number
    before = Window(day("1970-01-01"), day("1999-01-01"))
    assert cut_calendar(before, size, NOW) == [before]


def test_more_windows_than_are_allowed_are_asked_for_once() -> None:
    dates = SyncPolicy.of("1970-01-01", None)
    sync = wanted(dates)
    with pytest.raises(SettingsError, match="would request 258 exports of it") as raised:
        check_size(sync, NOW)
    assert "max_exports = 258" in str(raised.value)
    assert "a longer window" not in str(raised.value)
    with pytest.raises(SettingsError, match="a longer window"):
        check_size(wanted(replace(dates, window_size="day")), NOW)
    for allowed in (
        wanted(replace(dates, max_exports=258)),
        wanted(SyncPolicy.of("2010-01-01", None)),
        wanted(),
        replace(sync, policy=None),
        replace(sync, collect_only=True),
        # It has been agreed to, or was before there was a limit.
        replace(sync, loaded_until=NOW),
    ):
        check_size(allowed, NOW)
    backfill = SyncPolicy.of("1970-01-01", "2026-01-01")
    with pytest.raises(SettingsError):
        check_size(replace(sync, policy=backfill, loaded_until=NOW), NOW)
