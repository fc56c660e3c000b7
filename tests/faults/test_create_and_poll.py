"""Faults 1 to 10: a vendor that refuses, stalls, loses or garbles what a run asks of it.

Where each row of the list of faults is tested, here and elsewhere:

====  ============================================================================================
1     exports/test_adoption: answers that got lost. test_odd_answers: those nobody understands.
      Here: no older job is taken for the lost one
2     exports/test_http: 401, 403 and 500 by themselves. Here: at each call of a run
3     test_too_many_requests. exports/test_http: how `Retry-After` is read
4     exports/test_http: a GET. Here: a POST
5     test_odd_answers
6     exports/test_run: every spelling is waited on. Here: the deadline and the log
7     spaaza/test_windows_load: a split that helps. Here: the floor, and snapshots
8     Here. exports/test_run: against the sandbox
9     exports/test_run, test_odd_answers: no `url`. Here: no link for a moment
10    Here
12    test_interruption. test_cli: one job
14    test_clock_skew
====  ============================================================================================
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import dlt
import pytest

from spaaza_source.errors import (
    CredentialsError,
    ExportFailedError,
    ExportTimeoutError,
    LinkRefusedError,
    RequestRefusedError,
    UnavailableError,
    VanishedError,
)
from spaaza_source.exports.adoption import Adoption
from spaaza_source.exports.export import Phase, TableExports
from spaaza_source.exports.plan import Span, Wanted
from spaaza_source.exports.request import ExportRequest
from spaaza_source.exports.run import RETRY_PAUSE
from spaaza_source.exports.windows import Window
from spaaza_source.spaaza.service import SpaazaExports
from spaaza_source.spaaza.tasks import TasksApi, vendor_http
from tests.exports.test_run import begin, request, token, wait
from tests.roads import SECRET, Road
from tests.scripted_tasks import CHAIN, PLACES, Place
from tests.vendors import Answer

NOW = datetime(2026, 5, 26, 12, tzinfo=timezone.utc)


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What is logged: dlt's logger is there once there is a pipeline, and tells nobody above it."""
    dlt.pipeline("logged")
    logger = logging.getLogger("dlt")
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


# 1, 2 and 4: refusals


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("place", PLACES)
def test_refused_credentials_stop_a_run_at_its_first_such_answer(
    road: Road, place: Place, status: int
) -> None:
    road.vendor.always(place, Answer.json({"error": {"name": f"no {SECRET}"}}, status))
    assert isinstance(road.error(), CredentialsError)
    assert road.vendor.asked(place) == 1


def test_refused_credentials_are_shown_once_for_all_tables(road: Road) -> None:
    road.vendor.always("list", Answer(401))
    http = vendor_http(road.vendor.base_url, CHAIN, token(), road.clock)
    adoption = Adoption(SpaazaExports(TasksApi(http), CHAIN), timedelta(hours=1), road.clock)
    for _ in range(3):
        with pytest.raises(CredentialsError):
            adoption.own_jobs()
    assert road.vendor.calls == ["list"]


def test_a_vendor_that_fails_at_a_create_is_looked_through_then_asked_once_more(road: Road) -> None:
    said = {"error": {"name": "index_broken", "description": f"shard 7 {SECRET}"}}
    road.vendor.always("create", Answer.json(said, 500))
    error = road.error()
    assert isinstance(error, UnavailableError)
    assert "index_broken: shard 7" in str(error)
    assert road.vendor.calls == ["list", "create", "list", "list", "list", "create"]


def test_an_older_job_is_not_taken_for_the_one_whose_creation_was_not_answered(road: Road) -> None:
    assert road.outcome(max_age=0).job.job_id == "1"
    road.vendor.first("create", Answer(503))
    assert road.outcome(max_age=0).job.job_id == "2"


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_a_refused_create_is_sent_once_and_says_why(road: Road, status: int) -> None:
    said = {"errors": {"9": {"name": "bad_segment", "description": f"field x, {SECRET}"}}}
    road.vendor.always("create", Answer.json(said, status))
    error = road.error()
    assert isinstance(error, RequestRefusedError)
    assert "bad_segment: field x" in str(error)
    assert road.vendor.calls == ["list", "create"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"errors": 5}, ""),
        ({"errors": True}, ""),
        ({"errors": "no such index"}, "no such index"),
        ({"errors": [None, {"name": "a"}, "b"]}, "a; b"),
        ({"error": {"name": {"deep": 1}}}, "{'deep': 1}"),
        ([1], ""),
        (None, ""),
    ],
)
def test_a_refusal_of_any_shape_is_still_a_refusal(road: Road, body: object, words: str) -> None:
    road.vendor.always("create", Answer.json(body, 400))
    error = road.error()
    assert isinstance(error, RequestRefusedError)
    assert f"HTTP 400: {words}" in str(error) if words else "(HTTP 400)" in str(error)


# 6 and 8: states


def test_an_unknown_state_is_logged_once_and_ends_at_the_deadline(
    road: Road, warnings: pytest.LogCaptureFixture
) -> None:
    road.vendor.states = ("READY", "COMPLETED")
    error = road.error(export_timeout=600)
    assert road.vendor.asked("look") > 10
    assert road.vendor.asked("link") == 0
    assert isinstance(error, ExportTimeoutError)
    assert "job 1 is still COMPLETED" in str(error)
    told = [
        record.getMessage() for record in warnings.records if "COMPLETED" in record.getMessage()
    ]
    assert len(told) == 1
    assert "users: the vendor's job 1 is in the state 'COMPLETED'" in told[0]


@pytest.mark.parametrize("state", ["READY", "INPROGRESS", "in_progress", "PAUSED", ""])
def test_a_job_that_outlives_its_deadline_is_taken_up_by_the_next_run(
    road: Road, state: str
) -> None:
    road.vendor.states = (state,)
    error = road.error(export_timeout=600)
    assert isinstance(error, ExportTimeoutError)
    assert f"job 1 is still {state}" in str(error)
    assert 600 <= road.clock.monotonic() < 660
    road.vendor.states = (*[state] * road.vendor.asked("look"), "DONE")
    assert road.outcome().adopted
    assert road.vendor.asked("create") == 1


# 7: jobs that fail


def in_windows(days: int, smallest: timedelta) -> Wanted:
    span = Span(NOW - timedelta(days=days), NOW, smallest=smallest)

    def ask(window: Window | None) -> ExportRequest:
        return ExportRequest("transactions", "transactions", "1743", window=window)

    return Wanted("transactions", ask, span)


def settled(table: TableExports) -> BaseException:
    wait(table)
    assert table.error is not None
    return table.error


def test_a_window_is_halved_to_the_floor_then_the_run_stops(road: Road) -> None:
    logs = [{"message": f"out of memory, token={SECRET}"}]
    road.vendor.states, road.vendor.logs = ("ERROR",), logs
    table = road.run().begin(in_windows(31, timedelta(days=1)))
    error = settled(table)
    created = road.vendor.asked("create")
    assert isinstance(error, ExportFailedError)
    last = table.exports[-1]
    assert f"transactions {last.request.window}: the vendor's job {last.job.job_id} " in str(error)
    assert "ended in ERROR" in str(error)
    assert "out of memory" in str(error)
    assert SECRET not in str(error)
    lengths = [each.request.window.length for each in table.exports if each.request.window]
    assert timedelta(days=1) <= min(lengths) < timedelta(days=2)
    assert created < 12


def test_a_window_that_never_ends_is_halved_to_the_floor_too(road: Road) -> None:
    road.vendor.states = ("INPROGRESS",)
    wanted = in_windows(31, timedelta(days=1))
    error = settled(road.run(export_timeout=600, poll_interval=60).begin(wanted))
    created = road.vendor.asked("create")
    assert isinstance(error, ExportTimeoutError)
    assert f"job {created} is still INPROGRESS" in str(error)
    assert created < 12
    assert road.clock.monotonic() < 7000


def test_a_snapshot_is_tried_once_more_after_a_pause(road: Road) -> None:
    logs = [{"message": f"entry {number}: " + "x" * 60} for number in range(20)]
    logs[-1] = {"message": f"disk full, {SECRET}"}
    road.vendor.states, road.vendor.logs = ("ERROR",), logs
    error = road.error(poll_interval=30)
    assert road.vendor.asked("create") == 2
    assert isinstance(error, ExportFailedError)
    assert "users: the vendor's job 2 ended in ERROR" in str(error)
    # Whichever end of a long log tells the cause.
    assert "entry 0" in str(error)
    assert "disk full" in str(error)
    # No other pause of this run is as long.
    assert max(road.clock.pauses) == pytest.approx(RETRY_PAUSE * 30)


# 9: no link for a moment


@pytest.mark.parametrize("status", [400, 404])
def test_a_link_that_is_not_there_yet_is_asked_for_again(road: Road, status: int) -> None:
    refusal = Answer.json({"error": {"name": "task_not_done"}}, status)
    road.vendor.first("link", refusal, refusal)
    assert road.outcome().phase is Phase.ARRIVED
    assert (road.vendor.asked("link"), road.vendor.asked("create")) == (3, 1)


def test_a_link_that_never_comes_stops(road: Road) -> None:
    road.vendor.always("link", Answer.json({"error": {"name": "task_not_done"}}, 400))
    error = road.error()
    assert isinstance(error, LinkRefusedError)
    assert "task_not_done" in str(error)
    assert "/tasks/1/download_url" in str(error)
    assert road.vendor.asked("link") == 3


# 10: jobs that vanish


def test_a_job_that_vanished_is_asked_for_once_more(road: Road) -> None:
    road.vendor.first("look", Answer(404))
    assert road.outcome().job.job_id == "2"
    assert road.vendor.asked("create") == 2


def test_and_no_third_time(road: Road) -> None:
    road.vendor.always("look", Answer(404))
    error = road.error()
    assert isinstance(error, VanishedError)
    assert "users: the vendor has no task 2 any more" in str(error)
    assert (road.vendor.asked("create"), road.vendor.asked("look")) == (2, 2)


def test_a_job_of_an_earlier_run_may_vanish_too(road: Road) -> None:
    road.vendor.states = ("INPROGRESS",)
    road.error(export_timeout=60)
    road.vendor.first("look", Answer(404))
    road.vendor.states = (*["INPROGRESS"] * road.vendor.asked("look"), "DONE")
    export = road.outcome()
    assert (export.adopted, export.job.job_id) == (False, "2")


# Everything is bounded


@pytest.mark.parametrize(("place", "most"), [("list", 5), ("create", 2), ("look", 5), ("link", 5)])
@pytest.mark.parametrize("status", [502, 503])
def test_a_vendor_that_is_down_is_asked_so_often_and_no_more(
    road: Road, place: Place, most: int, status: int
) -> None:
    road.vendor.always(place, Answer(status))
    assert isinstance(road.error(), UnavailableError)
    assert road.vendor.asked(place) == most
    assert len(road.vendor.calls) <= 9
    assert road.clock.monotonic() < 120


def test_a_vendor_that_is_down_altogether_is_left_alone_soon(road: Road) -> None:
    for place in PLACES:
        road.vendor.always(place, Answer(503))
    run = road.run()
    subjects = ("users", "vouchers", "products", "transactions")
    tables = [begin(run, request(subject)) for subject in subjects]
    for table in tables:
        assert isinstance(settled(table), UnavailableError)
    assert len(road.vendor.calls) <= 5 * len(subjects)
