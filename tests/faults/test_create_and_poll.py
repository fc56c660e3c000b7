"""Faults 1 to 10: a vendor that refuses, stalls, loses or garbles what a run asks of it.

A `road` leads to each vendor in its turn. What else is tested of these lines, README.md tells.
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
from spaaza_source.exports.job_registry import JobRegistry
from spaaza_source.exports.run import RETRY_PAUSE
from spaaza_source.exports.table_exports import Phase, TableExports
from spaaza_source.exports.table_sync import SyncPolicy, TableSync
from tests.exports.test_run import begin, wait
from tests.roads import AnyRoad, SpaazaRoad, VoucherifyRoad
from tests.scripted_exports import export_without
from tests.scripted_vendor import PLACES, SECRET, Place, ScriptedVendor
from tests.vendors import Answer

pytestmark = pytest.mark.wing("exports")

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
    road: AnyRoad, place: Place, status: int
) -> None:
    road.vendor.always(place, road.vendor.refusal(status, "no_access", f"no {SECRET}"))
    error = road.error()
    assert isinstance(error, CredentialsError)
    assert "no_access" in str(error)
    assert road.vendor.asked(place) == 1


def test_refused_credentials_are_shown_once_for_all_tables(road: AnyRoad) -> None:
    road.vendor.always("list", Answer(401))
    adoption = JobRegistry(road.vendor.service(road.clock), timedelta(hours=1), road.clock)
    for _ in range(3):
        with pytest.raises(CredentialsError):
            adoption.jobs()
    assert road.vendor.calls == ["list"]


def test_a_vendor_that_fails_at_a_create_is_looked_through_then_asked_once_more(
    road: AnyRoad,
) -> None:
    road.vendor.always("create", road.vendor.refusal(500, "index_broken", f"shard 7 {SECRET}"))
    error = road.error()
    assert isinstance(error, UnavailableError)
    assert "index_broken" in str(error)
    assert "shard 7" in str(error)
    asked = [call for call in road.vendor.calls if call != "end of list"]
    assert asked == ["list", "create", "list", "list", "list", "create"]


def test_an_older_job_is_not_taken_for_the_one_whose_creation_was_not_answered(
    road: AnyRoad,
) -> None:
    assert road.outcome(max_age=0).job.job_id == road.vendor.job_id(1)
    road.vendor.first("create", Answer(503))
    assert road.outcome(max_age=0).job.job_id == road.vendor.job_id(2)


@pytest.mark.parametrize("status", [302, 400, 402, 404, 405, 406, 409, 415, 422, 423])
def test_a_refused_create_is_sent_once_and_says_why(road: AnyRoad, status: int) -> None:
    said = road.vendor.refusal(status, "bad_segment", f"field x, {SECRET}")
    said.headers["Location"] = "http://127.0.0.1:9/steal"
    road.vendor.always("create", said)
    error = road.error()
    assert isinstance(error, RequestRefusedError)
    assert "bad_segment" in str(error)
    assert "field x" in str(error)
    assert [call for call in road.vendor.calls if call != "end of list"] == ["list", "create"]


def test_what_spaazas_older_errors_say(spaaza_road: SpaazaRoad) -> None:
    said = {"errors": {"9": {"name": "bad_segment", "description": f"field x, {SECRET}"}}}
    spaaza_road.vendor.always("create", Answer.json(said, 400))
    assert "bad_segment: field x" in str(spaaza_road.error())


def test_what_voucherifys_errors_say(voucherify_road: VoucherifyRoad) -> None:
    said = {
        "code": 400,
        "key": "invalid_export_fields",
        "message": "Invalid Export",
        "details": f"Unsupported field used. Allowed fields: id, code, {SECRET}",
        "request_id": "v-1",
    }
    voucherify_road.vendor.always("create", Answer.json(said, 400))
    words = "HTTP 400: Invalid Export, Unsupported field used. Allowed fields: id, code"
    assert words in str(voucherify_road.error())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"code": 400, "error": {"message": "no such export"}}, "no such export"),
        ({"message": "a", "error": {"message": "a"}}, "a)"),
        ({"message": {"deep": "é"}}, '{"deep": "é"}'),
        ({"details": ["a", "b"]}, '["a", "b"]'),
        ({"error": "no"}, "no"),
        ({"error": 5}, "5"),
        ([1], ""),
        (None, ""),
    ],
)
def test_a_refusal_of_voucherifys_of_any_shape(
    voucherify_road: VoucherifyRoad, body: object, words: str
) -> None:
    voucherify_road.vendor.always("create", Answer.json(body, 400))
    error = voucherify_road.error()
    assert isinstance(error, RequestRefusedError)
    assert f"HTTP 400: {words}" in str(error) if words else "(HTTP 400)" in str(error)


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
def test_a_refusal_of_any_shape_is_still_a_refusal(
    spaaza_road: SpaazaRoad, body: object, words: str
) -> None:
    spaaza_road.vendor.always("create", Answer.json(body, 400))
    error = spaaza_road.error()
    assert isinstance(error, RequestRefusedError)
    assert f"HTTP 400: {words}" in str(error) if words else "(HTTP 400)" in str(error)


# 6 and 8: states


def test_an_unknown_state_is_logged_once_and_ends_at_the_deadline(
    road: AnyRoad, warnings: pytest.LogCaptureFixture
) -> None:
    road.vendor.states = ("IN_PROGRESS", "COMPLETED")
    error = road.error(export_timeout=600)
    assert road.vendor.asked("look") > 10
    assert road.vendor.asked("link") == 0
    assert isinstance(error, ExportTimeoutError)
    job = road.vendor.job_id(1)
    assert f"job {job} is still COMPLETED" in str(error)
    told = [
        record.getMessage() for record in warnings.records if "COMPLETED" in record.getMessage()
    ]
    assert len(told) == 1
    assert f"{road.vendor.request()}: the vendor's job {job} is in the state 'COMPLETED'" in told[0]


@pytest.mark.parametrize("state", ["scheduled", "IN_PROGRESS", "in_progress", "In progress"])
def test_voucherifys_states_are_known_however_they_are_spelled(
    voucherify_road: VoucherifyRoad, warnings: pytest.LogCaptureFixture, state: str
) -> None:
    voucherify_road.vendor.states = (state, state, "done")
    assert voucherify_road.outcome().polls == 3
    assert warnings.records == []


@pytest.mark.parametrize("state", ["READY", "SCHEDULED", "INPROGRESS", "in_progress", "PAUSED", ""])
def test_a_job_that_outlives_its_deadline_is_taken_up_by_the_next_run(
    road: AnyRoad, state: str
) -> None:
    road.vendor.states = (state,)
    error = road.error(export_timeout=600)
    assert isinstance(error, ExportTimeoutError)
    assert f"job {road.vendor.job_id(1)} is still {state}" in str(error)
    assert 600 <= road.clock.monotonic() < 660
    road.vendor.states = (*[state] * road.vendor.asked("look"), "DONE")
    assert road.outcome().adopted
    assert road.vendor.asked("create") == 1


# 7: jobs that fail


def in_windows(vendor: ScriptedVendor, days: int, smallest: timedelta) -> TableSync:
    span = SyncPolicy(NOW - timedelta(days=days), NOW, min_window=smallest)
    return TableSync(vendor.request().table, vendor.request, span)


def settled(table: TableExports) -> BaseException:
    wait(table)
    assert table.error is not None
    return table.error


def test_a_window_is_halved_to_the_floor_then_the_run_stops(road: AnyRoad) -> None:
    road.vendor.states = ("ERROR",)
    table = road.run().begin(in_windows(road.vendor, 31, timedelta(days=1)))
    error = settled(table)
    created = road.vendor.asked("create")
    assert isinstance(error, ExportFailedError)
    last = table.exports[-1]
    assert last.request.window is not None
    assert f"{last.request}: the vendor's job {last.job.job_id} ended in ERROR" in str(error)
    lengths = [each.request.window.length for each in table.exports if each.request.window]
    assert timedelta(days=1) <= min(lengths) < timedelta(days=2)
    assert created < 12


def test_a_window_that_never_ends_is_halved_to_the_floor_too(road: AnyRoad) -> None:
    road.vendor.states = ("INPROGRESS",)
    wanted = in_windows(road.vendor, 31, timedelta(days=1))
    error = settled(road.run(export_timeout=600, poll_interval=60).begin(wanted))
    created = road.vendor.asked("create")
    assert isinstance(error, ExportTimeoutError)
    assert f"job {road.vendor.job_id(created)} is still INPROGRESS" in str(error)
    assert created < 12
    assert road.clock.monotonic() < 7000


def test_a_snapshot_is_tried_once_more_after_a_pause(road: AnyRoad) -> None:
    road.vendor.states = ("ERROR",)
    error = road.error(poll_interval=30)
    assert road.vendor.asked("create") == 2
    assert isinstance(error, ExportFailedError)
    job = road.vendor.job_id(2)
    assert f"{road.vendor.request()}: the vendor's job {job} ended in ERROR" in str(error)
    # No other pause of this run is as long.
    assert max(road.clock.pauses) == pytest.approx(RETRY_PAUSE * 30)


def test_what_spaaza_logged_of_a_failure_is_shown(spaaza_road: SpaazaRoad) -> None:
    logs = [{"message": f"entry {number}: " + "x" * 60} for number in range(20)]
    logs[-1] = {"message": f"disk full, token={SECRET}"}
    spaaza_road.vendor.states, spaaza_road.vendor.logs = ("ERROR",), logs
    error = spaaza_road.error()
    # Whichever end of a long log tells the cause.
    assert "entry 0" in str(error)
    assert "disk full" in str(error)


# 9: no link for a moment


@pytest.mark.parametrize("status", [400, 404])
def test_a_link_that_is_not_there_yet_is_asked_for_again(
    spaaza_road: SpaazaRoad, status: int
) -> None:
    vendor = spaaza_road.vendor
    refusal = vendor.refusal(status, "task_not_done", "")
    vendor.first("link", refusal, refusal)
    assert spaaza_road.outcome().phase is Phase.ARRIVED
    assert (vendor.asked("link"), vendor.asked("create")) == (3, 1)


def test_a_link_that_never_comes_stops(spaaza_road: SpaazaRoad) -> None:
    spaaza_road.vendor.always("link", spaaza_road.vendor.refusal(400, "task_not_done", ""))
    error = spaaza_road.error()
    assert isinstance(error, LinkRefusedError)
    assert "task_not_done" in str(error)
    assert "/tasks/1/download_url" in str(error)
    assert spaaza_road.vendor.asked("link") == 3


@pytest.mark.parametrize("result", [None, "", " ", {}, [], {"url": None}, {"urls": []}])
def test_a_result_that_is_not_there_yet_is_asked_for_again(
    voucherify_road: VoucherifyRoad, result: object
) -> None:
    nothing = Answer.json(export_without(result=result))
    voucherify_road.vendor.first("link", nothing, nothing)
    assert voucherify_road.outcome().phase is Phase.ARRIVED
    vendor = voucherify_road.vendor
    assert (vendor.asked("link"), vendor.asked("create")) == (3, 1)


@pytest.mark.parametrize("names", [(), ("result",)])
def test_a_result_that_never_comes_stops(
    voucherify_road: VoucherifyRoad, names: tuple[str, ...]
) -> None:
    voucherify_road.vendor.always("link", Answer.json(export_without(*names)))
    error = voucherify_road.error()
    assert isinstance(error, LinkRefusedError)
    assert "names no file" in str(error)
    assert "redemption, job exp_1" in str(error)
    assert voucherify_road.vendor.asked("link") == 3


# 10: jobs that vanish


def test_a_job_that_vanished_is_asked_for_once_more(road: AnyRoad) -> None:
    road.vendor.first("look", Answer(404))
    assert road.outcome().job.job_id == road.vendor.job_id(2)
    assert road.vendor.asked("create") == 2


def test_a_job_that_vanished_twice_is_not_asked_for_a_third_time(road: AnyRoad) -> None:
    road.vendor.always("look", Answer(404))
    error = road.error()
    assert isinstance(error, VanishedError)
    request, job = road.vendor.request(), road.vendor.job_id(2)
    assert str(error).startswith(f"{request}: the vendor has no ")
    assert f" {job} any more" in str(error)
    assert (road.vendor.asked("create"), road.vendor.asked("look")) == (2, 2)


def test_a_job_of_an_earlier_run_may_vanish_too(road: AnyRoad) -> None:
    road.vendor.states = ("INPROGRESS",)
    road.error(export_timeout=60)
    road.vendor.first("look", Answer(404))
    road.vendor.states = (*["INPROGRESS"] * road.vendor.asked("look"), "DONE")
    export = road.outcome()
    assert (export.adopted, export.job.job_id) == (False, road.vendor.job_id(2))


def test_a_job_that_is_done_may_vanish_before_its_link_is_asked_for(
    voucherify_road: VoucherifyRoad,
) -> None:
    assert not voucherify_road.outcome().adopted
    voucherify_road.vendor.first("link", Answer(404))
    export = voucherify_road.outcome()
    assert (export.adopted, export.job.job_id) == (False, "exp_2")


def test_a_link_whose_export_has_vanished_twice_stops(voucherify_road: VoucherifyRoad) -> None:
    voucherify_road.vendor.always("link", Answer(404))
    error = voucherify_road.error()
    assert isinstance(error, VanishedError)
    assert str(error).startswith("redemption, job exp_2: the vendor has no export exp_2 any more")
    assert voucherify_road.vendor.asked("create") == voucherify_road.vendor.asked("link") == 2


# Everything is bounded


@pytest.mark.parametrize(("place", "most"), [("list", 5), ("create", 2), ("look", 5), ("link", 5)])
@pytest.mark.parametrize("status", [502, 503])
def test_a_vendor_that_is_down_is_asked_so_often_and_no_more(
    road: AnyRoad, place: Place, most: int, status: int
) -> None:
    road.vendor.always(place, Answer(status))
    assert isinstance(road.error(), UnavailableError)
    assert road.vendor.asked(place) == most
    assert len(road.vendor.calls) - road.vendor.asked("end of list") <= 9
    assert road.clock.monotonic() < 120


def test_a_vendor_that_is_down_altogether_is_left_alone_soon(road: AnyRoad) -> None:
    for place in PLACES:
        road.vendor.always(place, Answer(503))
    run = road.run()
    subjects = road.vendor.SUBJECTS
    tables = [begin(run, road.vendor.request(subject=subject)) for subject in subjects]
    for table in tables:
        assert isinstance(settled(table), UnavailableError)
    assert len(road.vendor.calls) <= 5 * len(subjects)
