"""Faults 1 to 10: a vendor that refuses, stalls, loses or garbles what a run asks of it.

A `bench` is of each vendor in its turn. README.md names the other tests of these lines.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

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
from spaaza_source.exports.export import Phase
from spaaza_source.exports.job_registry import JobRegistry
from spaaza_source.exports.run import RETRY_PAUSE
from spaaza_source.exports.table_exports import TableExports
from spaaza_source.exports.table_sync import SyncPolicy, TableSync
from tests.export_runs import AnyBench, SpaazaBench, VoucherifyBench, begin, wait
from tests.vendors.scripted import CALLS, SECRET, Call, ScriptedVendor
from tests.vendors.scripted_voucherify import export_without
from tests.vendors.server import Answer

pytestmark = pytest.mark.wing("exports")

NOW = datetime(2026, 5, 26, 12, tzinfo=UTC)


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
@pytest.mark.parametrize("place", CALLS)
def test_refused_credentials_stop_a_run_at_its_first_such_answer(
    bench: AnyBench, place: Call, status: int
) -> None:
    bench.vendor.always(place, bench.vendor.refusal(status, "no_access", f"no {SECRET}"))
    error = bench.error()
    assert isinstance(error, CredentialsError)
    assert "no_access" in str(error)
    assert bench.vendor.asked(place) == 1


def test_refused_credentials_are_shown_once_for_all_tables(bench: AnyBench) -> None:
    bench.vendor.always("list", Answer(401))
    adoption = JobRegistry(bench.vendor.service(bench.clock), timedelta(hours=1), bench.clock)
    for _ in range(3):
        with pytest.raises(CredentialsError):
            adoption.jobs()
    assert bench.vendor.calls == ["list"]


def test_a_vendor_that_fails_at_a_create_is_looked_through_then_asked_once_more(
    bench: AnyBench,
) -> None:
    bench.vendor.always("create", bench.vendor.refusal(500, "index_broken", f"shard 7 {SECRET}"))
    error = bench.error()
    assert isinstance(error, UnavailableError)
    assert "index_broken" in str(error)
    assert "shard 7" in str(error)
    asked = [call for call in bench.vendor.calls if call != "end of list"]
    assert asked == ["list", "create", "list", "list", "list", "create"]


def test_an_older_job_is_not_taken_for_the_one_whose_creation_was_not_answered(
    bench: AnyBench,
) -> None:
    assert bench.outcome(max_age=0).job.job_id == bench.vendor.job_id(1)
    bench.vendor.first("create", Answer(503))
    assert bench.outcome(max_age=0).job.job_id == bench.vendor.job_id(2)


@pytest.mark.parametrize("status", [302, 400, 402, 404, 405, 406, 409, 415, 422, 423])
def test_a_refused_create_is_sent_once_and_says_why(bench: AnyBench, status: int) -> None:
    said = bench.vendor.refusal(status, "bad_segment", f"field x, {SECRET}")
    said.headers["Location"] = "http://127.0.0.1:9/steal"
    bench.vendor.always("create", said)
    error = bench.error()
    assert isinstance(error, RequestRefusedError)
    assert "bad_segment" in str(error)
    assert "field x" in str(error)
    assert [call for call in bench.vendor.calls if call != "end of list"] == ["list", "create"]


def test_what_spaazas_older_errors_say(spaaza_bench: SpaazaBench) -> None:
    said = {"errors": {"9": {"name": "bad_segment", "description": f"field x, {SECRET}"}}}
    spaaza_bench.vendor.always("create", Answer.json(said, 400))
    assert "bad_segment, field x" in str(spaaza_bench.error())


def test_what_voucherifys_errors_say(voucherify_bench: VoucherifyBench) -> None:
    said = {
        "code": 400,
        "key": "invalid_export_fields",
        "message": "Invalid Export",
        "details": f"Unsupported field used. Allowed fields: id, code, {SECRET}",
        "request_id": "v-1",
    }
    voucherify_bench.vendor.always("create", Answer.json(said, 400))
    words = "HTTP 400: Invalid Export, Unsupported field used. Allowed fields: id, code"
    assert words in str(voucherify_bench.error())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"code": 400, "error": {"message": "no such export"}}, "no such export"),
        ({"message": "a", "error": {"message": "a"}}, "a)"),
        ({"message": {"deep": "é"}}, "deep: é"),
        ({"details": ["a", "b"]}, "a, b"),
        ({"error": "no"}, "no"),
        ({"error": 5}, '{"error": 5}'),
        ([1], "[1]"),
        (None, ""),
    ],
)
def test_a_refusal_of_voucherifys_of_any_shape(
    voucherify_bench: VoucherifyBench, body: object, words: str
) -> None:
    voucherify_bench.vendor.always("create", Answer.json(body, 400))
    error = voucherify_bench.error()
    assert isinstance(error, RequestRefusedError)
    assert f"HTTP 400: {words}" in str(error) if words else "(HTTP 400)" in str(error)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"errors": 5}, '{"errors": 5}'),
        ({"errors": True}, '{"errors": true}'),
        ({"errors": "no such index"}, "no such index"),
        ({"errors": [None, {"name": "a"}, "b"]}, "a, b"),
        ({"error": {"name": {"deep": 1}}}, '{"error": {"name": {"deep": 1}}}'),
        ([1], "[1]"),
        (None, ""),
    ],
)
def test_a_refusal_of_any_shape_is_still_a_refusal(
    spaaza_bench: SpaazaBench, body: object, words: str
) -> None:
    spaaza_bench.vendor.always("create", Answer.json(body, 400))
    error = spaaza_bench.error()
    assert isinstance(error, RequestRefusedError)
    assert f"HTTP 400: {words}" in str(error) if words else "(HTTP 400)" in str(error)


# 6 and 8: states


def test_an_unknown_state_is_logged_once_and_ends_at_the_deadline(
    bench: AnyBench, warnings: pytest.LogCaptureFixture
) -> None:
    bench.vendor.states = ("IN_PROGRESS", "COMPLETED")
    error = bench.error(export_timeout=600)
    assert bench.vendor.asked("look") > 10
    assert bench.vendor.asked("link") == 0
    assert isinstance(error, ExportTimeoutError)
    job = bench.vendor.job_id(1)
    assert f"job {job} is still COMPLETED" in str(error)
    told = [
        record.getMessage() for record in warnings.records if "COMPLETED" in record.getMessage()
    ]
    assert len(told) == 1
    assert (
        f"{bench.vendor.request()}: the vendor's job {job} is in the state 'COMPLETED'" in told[0]
    )


@pytest.mark.parametrize("state", ["scheduled", "IN_PROGRESS", "in_progress", "In progress"])
def test_voucherifys_states_are_known_however_they_are_spelled(
    voucherify_bench: VoucherifyBench, warnings: pytest.LogCaptureFixture, state: str
) -> None:
    voucherify_bench.vendor.states = (state, state, "done")
    assert voucherify_bench.outcome().polls == 3
    assert warnings.records == []


@pytest.mark.parametrize("state", ["READY", "SCHEDULED", "INPROGRESS", "in_progress", "PAUSED", ""])
def test_a_job_that_outlives_its_deadline_is_taken_up_by_the_next_run(
    bench: AnyBench, state: str
) -> None:
    bench.vendor.states = (state,)
    error = bench.error(export_timeout=600)
    assert isinstance(error, ExportTimeoutError)
    assert f"job {bench.vendor.job_id(1)} is still {state}" in str(error)
    assert 600 <= bench.clock.monotonic() < 660
    bench.vendor.states = (*[state] * bench.vendor.asked("look"), "DONE")
    assert bench.outcome().adopted
    assert bench.vendor.asked("create") == 1


# 7: jobs that fail


def in_windows(vendor: ScriptedVendor, days: int, smallest: timedelta) -> TableSync:
    span = SyncPolicy(NOW - timedelta(days=days), NOW, min_window=smallest)
    return TableSync(vendor.request().table, vendor.request, span)


def settled(table: TableExports) -> BaseException:
    wait(table)
    assert table.error is not None
    return table.error


def test_a_window_is_halved_to_the_floor_then_the_run_stops(bench: AnyBench) -> None:
    bench.vendor.states = ("ERROR",)
    table = bench.run().begin(in_windows(bench.vendor, 31, timedelta(days=1)))
    error = settled(table)
    created = bench.vendor.asked("create")
    assert isinstance(error, ExportFailedError)
    last = table.exports[-1]
    assert last.request.window is not None
    assert f"{last.request}: the vendor's job {last.job.job_id} ended in ERROR" in str(error)
    lengths = [each.request.window.length for each in table.exports if each.request.window]
    assert timedelta(days=1) <= min(lengths) < timedelta(days=2)
    assert created < 12


def test_a_window_that_never_ends_is_halved_to_the_floor_too(bench: AnyBench) -> None:
    bench.vendor.states = ("INPROGRESS",)
    wanted = in_windows(bench.vendor, 31, timedelta(days=1))
    error = settled(bench.run(export_timeout=600, poll_interval=60).begin(wanted))
    created = bench.vendor.asked("create")
    assert isinstance(error, ExportTimeoutError)
    assert f"job {bench.vendor.job_id(created)} is still INPROGRESS" in str(error)
    assert created < 12
    assert bench.clock.monotonic() < 7000


def test_a_snapshot_is_tried_once_more_after_a_pause(bench: AnyBench) -> None:
    bench.vendor.states = ("ERROR",)
    error = bench.error(poll_interval=30)
    assert bench.vendor.asked("create") == 2
    assert isinstance(error, ExportFailedError)
    job = bench.vendor.job_id(2)
    assert f"{bench.vendor.request()}: the vendor's job {job} ended in ERROR" in str(error)
    # No other pause of this run is as long.
    assert max(bench.clock.pauses) == pytest.approx(RETRY_PAUSE * 30)


def test_what_spaaza_logged_of_a_failure_is_shown(spaaza_bench: SpaazaBench) -> None:
    logs = [{"message": f"entry {number}: " + "x" * 60} for number in range(20)]
    logs[-1] = {"message": f"disk full, token={SECRET}"}
    spaaza_bench.vendor.states, spaaza_bench.vendor.logs = ("ERROR",), logs
    error = spaaza_bench.error()
    # Whichever end of a long log tells the cause.
    assert "entry 0" in str(error)
    assert "disk full" in str(error)


# 9: no link for a moment


@pytest.mark.parametrize("status", [400, 404])
def test_a_link_that_is_not_there_yet_is_asked_for_again(
    spaaza_bench: SpaazaBench, status: int
) -> None:
    vendor = spaaza_bench.vendor
    refusal = vendor.refusal(status, "task_not_done", "")
    vendor.first("link", refusal, refusal)
    assert spaaza_bench.outcome().phase is Phase.ARRIVED
    assert (vendor.asked("link"), vendor.asked("create")) == (3, 1)


def test_a_link_that_never_comes_stops(spaaza_bench: SpaazaBench) -> None:
    spaaza_bench.vendor.always("link", spaaza_bench.vendor.refusal(400, "task_not_done", ""))
    error = spaaza_bench.error()
    assert isinstance(error, LinkRefusedError)
    assert "task_not_done" in str(error)
    assert "/tasks/1/download_url" in str(error)
    assert spaaza_bench.vendor.asked("link") == 3


@pytest.mark.parametrize("result", [None, "", " ", {}, [], {"url": None}, {"urls": []}])
def test_a_result_that_is_not_there_yet_is_asked_for_again(
    voucherify_bench: VoucherifyBench, result: object
) -> None:
    nothing = Answer.json(export_without(result=result))
    voucherify_bench.vendor.first("link", nothing, nothing)
    assert voucherify_bench.outcome().phase is Phase.ARRIVED
    vendor = voucherify_bench.vendor
    assert (vendor.asked("link"), vendor.asked("create")) == (3, 1)


@pytest.mark.parametrize("names", [(), ("result",)])
def test_a_result_that_never_comes_stops(
    voucherify_bench: VoucherifyBench, names: tuple[str, ...]
) -> None:
    voucherify_bench.vendor.always("link", Answer.json(export_without(*names)))
    error = voucherify_bench.error()
    assert isinstance(error, LinkRefusedError)
    assert "names no file" in str(error)
    assert "redemption, job exp_1" in str(error)
    assert voucherify_bench.vendor.asked("link") == 3


# 10: jobs that vanish


def test_a_job_that_vanished_is_asked_for_once_more(bench: AnyBench) -> None:
    bench.vendor.first("look", Answer(404))
    assert bench.outcome().job.job_id == bench.vendor.job_id(2)
    assert bench.vendor.asked("create") == 2


def test_a_job_that_vanished_twice_is_not_asked_for_a_third_time(bench: AnyBench) -> None:
    bench.vendor.always("look", Answer(404))
    error = bench.error()
    assert isinstance(error, VanishedError)
    request, job = bench.vendor.request(), bench.vendor.job_id(2)
    assert str(error).startswith(f"{request}: the vendor has no ")
    assert f" {job} any more" in str(error)
    assert (bench.vendor.asked("create"), bench.vendor.asked("look")) == (2, 2)


def test_a_job_of_an_earlier_run_may_vanish_too(bench: AnyBench) -> None:
    bench.vendor.states = ("INPROGRESS",)
    bench.error(export_timeout=60)
    bench.vendor.first("look", Answer(404))
    bench.vendor.states = (*["INPROGRESS"] * bench.vendor.asked("look"), "DONE")
    export = bench.outcome()
    assert (export.adopted, export.job.job_id) == (False, bench.vendor.job_id(2))


def test_a_job_that_is_done_may_vanish_before_its_link_is_asked_for(
    voucherify_bench: VoucherifyBench,
) -> None:
    assert not voucherify_bench.outcome().adopted
    voucherify_bench.vendor.first("link", Answer(404))
    export = voucherify_bench.outcome()
    assert (export.adopted, export.job.job_id) == (False, "exp_2")


def test_a_link_whose_export_has_vanished_twice_stops(voucherify_bench: VoucherifyBench) -> None:
    voucherify_bench.vendor.always("link", Answer(404))
    error = voucherify_bench.error()
    assert isinstance(error, VanishedError)
    assert str(error).startswith("redemption, job exp_2: the vendor has no export exp_2 any more")
    assert voucherify_bench.vendor.asked("create") == voucherify_bench.vendor.asked("link") == 2


# Everything is bounded


@pytest.mark.parametrize(("place", "most"), [("list", 5), ("create", 2), ("look", 5), ("link", 5)])
@pytest.mark.parametrize("status", [502, 503])
def test_a_vendor_that_is_down_is_asked_so_often_and_no_more(
    bench: AnyBench, place: Call, most: int, status: int
) -> None:
    bench.vendor.always(place, Answer(status))
    assert isinstance(bench.error(), UnavailableError)
    assert bench.vendor.asked(place) == most
    assert len(bench.vendor.calls) - bench.vendor.asked("end of list") <= 9
    assert bench.clock.monotonic() < 120


def test_a_vendor_that_is_down_altogether_is_left_alone_soon(bench: AnyBench) -> None:
    for place in CALLS:
        bench.vendor.always(place, Answer(503))
    run = bench.run()
    subjects = bench.vendor.SUBJECTS
    tables = [begin(run, bench.vendor.request(subject=subject)) for subject in subjects]
    for table in tables:
        assert isinstance(settled(table), UnavailableError)
    assert len(bench.vendor.calls) <= 5 * len(subjects)
