"""How far exports are that no run waits for, by one list of the vendor's jobs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from spaaza_source.errors import ExportFailedError, ExportTimeoutError
from spaaza_source.exports.jobs import Job, JobState, KnownJob
from spaaza_source.exports.planning.outlook import JobList, Outlook
from spaaza_source.exports.polling import PollSettings
from spaaza_source.exports.request import ExportRequest
from spaaza_source.exports.table_sync import SyncPolicy, TableSync
from spaaza_source.windows import Window
from tests.clocks import FakeClock
from tests.export_runs import SpaazaBench
from tests.vendors.scripted_spaaza import ScriptedTasks

NOW = datetime(2026, 5, 26, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
APRIL = Window(NOW.replace(month=4, day=1), NOW.replace(month=5, day=1))
SHORT = Window(NOW - 90 * MINUTE, NOW)
DONE, FAILED, RUNNING, WAITING = (
    JobState.DONE,
    JobState.FAILED,
    JobState.RUNNING,
    JobState.WAITING,
)


def ask(window: Window | None) -> ExportRequest:
    return ExportRequest("transactions", "transactions", "1743", window=window)


def sync_of(window: Window) -> TableSync:
    return TableSync("transactions", ask, SyncPolicy(window.start, window.end))


def job(
    number: int,
    window: Window | None = APRIL,
    state: JobState = DONE,
    *,
    created: timedelta = timedelta(0),
    started: timedelta | None = None,
    ended: timedelta = timedelta(0),
) -> KnownJob:
    """One of so long ago."""
    found = Job(
        str(number),
        state,
        state.name,
        NOW - created,
        None if started is None else NOW - started,
        NOW - ended if state in (DONE, FAILED) else None,
    )
    return KnownJob(ask(window).fingerprint, "transactions", window, found)


def listed(*known: KnownJob, **settings: float) -> JobList:
    return JobList(known, NOW, PollSettings(**settings), timedelta(hours=1))  # type: ignore[arg-type]


def outlook(*known: KnownJob, window: Window = APRIL, **settings: float) -> Outlook:
    return listed(*known, **settings).outlook(sync_of(window))


def test_what_nobody_has_asked_for_is_missing() -> None:
    found = outlook()
    assert (found.missing, found.jobs, found.is_ready) == ([ask(APRIL)], [], False)


def test_it_is_ready_once_its_job_is_done() -> None:
    assert not outlook(job(1, state=RUNNING)).is_ready
    done = outlook(job(1))
    assert (done.is_ready, done.job_ids, done.finished_at) == (True, ["1"], NOW.timestamp())


def test_a_failed_window_is_missing_by_halves_and_ready_with_both() -> None:
    early, late = APRIL.halves()
    failed = job(1, state=FAILED)
    assert outlook(failed).missing == [ask(early), ask(late)]
    assert not outlook(failed, job(2, early), job(3, late, RUNNING)).is_ready
    assert outlook(failed, job(2, early), job(3, late)).is_ready


def test_a_job_that_runs_too_long_counts_as_failed_where_its_window_can_be_cut() -> None:
    slow = job(1, state=RUNNING, created=300 * MINUTE, started=61 * MINUTE)
    assert outlook(slow).missing == [ask(half) for half in APRIL.halves()]
    assert outlook(slow, export_timeout=4_000).missing == []
    one = job(1, SHORT, RUNNING, created=61 * MINUTE, started=61 * MINUTE)
    with pytest.raises(ExportTimeoutError, match="is still RUNNING"):
        outlook(one, window=SHORT)


def test_a_queue_that_moves_is_waited_for() -> None:
    waits = job(1, state=WAITING, created=300 * MINUTE)
    with pytest.raises(ExportTimeoutError, match="is still WAITING") as raised:
        outlook(waits)
    assert raised.value.hint == "Run again later, or raise export_timeout."
    other = job(2, None, created=300 * MINUTE, ended=10 * MINUTE)
    assert outlook(waits, other).missing == []
    with pytest.raises(ExportTimeoutError) as raised:
        outlook(waits, other, start_timeout=300)
    assert raised.value.hint == "Run again later, or raise start_timeout."


@pytest.mark.parametrize(
    ("known", "is_due"),
    [
        pytest.param([job(1, state=RUNNING), job(2, state=WAITING)], False, id="under way"),
        pytest.param([job(1), job(2, state=WAITING)], False, id="one half is done"),
        pytest.param([job(1), job(2)], True, id="both are done"),
        pytest.param([job(1, state=FAILED), job(2, state=WAITING)], True, id="one has failed"),
        pytest.param([job(1, state=RUNNING)], True, id="one is gone"),
        pytest.param(
            [job(1, state=RUNNING, started=90 * MINUTE), job(2, state=RUNNING)], True, id="overdue"
        ),
    ],
)
def test_whoever_waits_has_something_to_do_once_a_group_is_done_or_has_failed(
    known: list[KnownJob], is_due: bool
) -> None:
    jobs = listed(*known, job(3, state=RUNNING))
    assert jobs.is_due([["1", "2"], ["3"]], {"1", "2"}) is is_due


def test_a_job_that_was_never_listed_may_be_so_later() -> None:
    assert not listed(job(1, state=RUNNING)).is_due([["1"], ["2"]], {"1"})


def test_open_jobs_are_those_that_wait_or_run() -> None:
    jobs = (job(1), job(2, state=RUNNING), job(3, state=WAITING), job(4, state=FAILED))
    assert listed(*jobs).open_count == 2


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[SpaazaBench]:
    clock = FakeClock()
    with ScriptedTasks("INPROGRESS", clock=clock.now) as vendor:
        yield SpaazaBench(vendor, clock, tmp_path)


def syncs(bench: SpaazaBench, *subjects: str) -> list[TableSync]:
    def sync(subject: str) -> TableSync:
        request = bench.vendor.request(None, subject)
        return TableSync(subject, lambda window: replace(request, window=window))

    return [sync(subject) for subject in subjects]


def test_what_is_missing_is_asked_for_once_and_nothing_is_waited_for(bench: SpaazaBench) -> None:
    tables = syncs(bench, "users", "products")
    submitter = bench.run().submitter
    assert [each.job_ids for each in submitter.ask(tables)] == [["1"], ["2"]]
    assert [each.job_ids for each in bench.run().submitter.ask(tables)] == [["1"], ["2"]]
    assert (bench.vendor.asked("create"), bench.clock.pauses) == (2, [])


def test_no_more_are_asked_for_than_may_be_open(bench: SpaazaBench) -> None:
    tables = syncs(bench, "users", "products", "vouchers")
    one, two, three = bench.run().submitter.ask(tables, most_open=2)
    assert (one.job_ids, two.job_ids, three.job_ids) == (["1"], ["2"], [])
    assert [request.table for request in three.missing] == ["vouchers"]
    assert bench.run().submitter.ask(tables, most_open=2)[2].missing == three.missing
    assert bench.vendor.asked("create") == 2


def test_what_was_waited_for_and_failed_is_an_error_and_else_asked_for_again(
    bench: SpaazaBench,
) -> None:
    tables = syncs(bench, "users")
    bench.run().submitter.ask(tables)
    bench.vendor.states = ("ERROR",)
    bench.run().submitter._service.poll("1")
    with pytest.raises(ExportFailedError, match="ended in ERROR") as raised:
        bench.run().submitter.ask(tables, waited={"1"})
    assert "canary" not in str(raised.value)
    assert bench.vendor.asked("create") == 1
    (again,) = bench.run().submitter.ask(tables)
    assert again.job_ids == ["2"]
