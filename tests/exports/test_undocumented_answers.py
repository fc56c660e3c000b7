"""What no document tells of the Tasks API's answers: whichever way it is, nothing is made twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from spaaza_source.errors import (
    ExportFailedError,
    LinkRefusedError,
    RequestRefusedError,
)
from spaaza_source.exports.export import Phase
from spaaza_source.exports.jobs import ExportService
from spaaza_source.spaaza.credentials import AccessToken
from spaaza_source.spaaza.export_service import SpaazaExports
from spaaza_source.spaaza.tasks_api import TasksApi, make_client
from spaaza_source.transport.clock import Clock
from spaaza_source.windows import iso, parse_instant
from tests.clocks import FakeClock
from tests.export_runs import SpaazaBench, begin, wait
from tests.vendors.scripted import SECRET
from tests.vendors.scripted_spaaza import CHAIN, ScriptedTasks
from tests.vendors.server import Answer, Seen


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[SpaazaBench]:
    clock = FakeClock()
    with ScriptedTasks(clock=clock.now) as vendor:
        yield SpaazaBench(vendor, clock, tmp_path)


class Punctual(ScriptedTasks):
    """One that refuses a task whose time is not ahead of its own clock."""

    def service(self, clock: Clock) -> ExportService:
        token = AccessToken()
        token.update({"access_token_id": "id", "access_token_secret": SECRET})
        return SpaazaExports(TasksApi(make_client(self.base_url, CHAIN, token, clock)), CHAIN)

    def _undated(self, seen: Seen) -> Answer:
        answer = super()._undated(seen)
        if self.calls[-1] == "create" and self.clock is not None:
            once = parse_instant(self.bodies[-1]["trigger"]["once"], "")
            if once <= self.clock():
                self.bodies.pop()
                return self.refusal(400, "once_in_the_past", "once must be in the future")
        return answer


@pytest.mark.parametrize("ahead", [-600, 0, 600])
def test_a_task_is_scheduled_ahead_by_the_vendors_clock(tmp_path: Path, ahead: int) -> None:
    clock = FakeClock()

    def theirs() -> datetime:
        return clock.now() + timedelta(seconds=ahead)

    with Punctual(clock=theirs) as vendor:
        assert SpaazaBench(vendor, clock, tmp_path).outcome().phase is Phase.ARRIVED
        assert vendor.asked("create") == 1


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"result": None, "results": {"rows": 1}, "resource": "x", "response": [1]},
        {"logs": {"entries": [{"at": 1}]}, "debug": {"a": 1}, "version": "7"},
        {"trigger": {"once": None, "user_list": [1, 2], "segment": None}},
    ],
)
def test_other_fields_and_statuses_change_nothing(
    tmp_path: Path, status: int, more: dict[str, Any]
) -> None:
    class Others(ScriptedTasks):
        SAID = status

        def as_json(self, number: int) -> dict[str, Any]:
            return {**super().as_json(number), **more}

    clock = FakeClock()
    with Others("INPROGRESS", "DONE", clock=clock.now) as vendor:
        assert SpaazaBench(vendor, clock, tmp_path).outcome().phase is Phase.ARRIVED
        assert vendor.asked("create") == 1


@pytest.mark.parametrize(
    ("logs", "told"),
    [
        (None, ""),
        ([], ""),
        ("disk full", "disk full"),
        (["begun", "disk full"], "begun; disk full"),
        ([{"level": "error", "text": "disk full"}], "disk full"),
        ({"entries": [{"msg": "disk full"}]}, "disk full"),
        ([[1, "disk full"]], "disk full"),
    ],
)
def test_a_log_of_any_shape_is_shown(bench: SpaazaBench, logs: Any, told: str) -> None:
    bench.vendor.states, bench.vendor.logs = ("ERROR",), logs
    error = bench.error()
    assert isinstance(error, ExportFailedError)
    assert "users: the vendor's job 2 ended in ERROR" in str(error)
    assert told in str(error)


class SmallPages(ScriptedTasks):
    """One that refuses to show more of anything than ten."""

    def _undated(self, seen: Seen) -> Answer:
        asked = parse_qs(urlsplit(seen.path).query)
        if any(int(asked.get(name, ["0"])[0]) > 10 for name in ("limit", "log_limit")):
            return self.refusal(400, "bad_limit", "at most 10")
        return super()._undated(seen)


def test_a_list_that_refuses_the_size_of_a_page_is_asked_for_its_own(tmp_path: Path) -> None:
    """No document tells how many tasks a page may have."""
    with SmallPages() as vendor:
        assert SpaazaBench(vendor, FakeClock(), tmp_path).outcome().phase is Phase.ARRIVED
        assert vendor.asked("create") == 1
        # A job of an earlier run is found in it.
        take_up(bench := SpaazaBench(vendor, FakeClock(), tmp_path))
        assert bench.outcome().job.job_id == "1"


def test_a_list_that_is_always_refused_stops(bench: SpaazaBench) -> None:
    bench.vendor.always("list", bench.vendor.refusal(400, "no_list", "not at all"))
    error = bench.error()
    assert isinstance(error, RequestRefusedError)
    assert "no_list" in str(error)
    assert bench.vendor.asked("create") == 0


def test_the_list_of_a_chain_without_a_task_may_be_null(bench: SpaazaBench) -> None:
    """As some servers write a list that has nothing in it."""
    bench.vendor.always("list", Answer.json(None))
    assert bench.outcome().phase is Phase.ARRIVED
    assert bench.vendor.asked("create") == 1


def test_a_failure_whose_long_log_is_refused_is_told_by_the_short_one(tmp_path: Path) -> None:
    class ShortLogs(SmallPages):
        def _undated(self, seen: Seen) -> Answer:
            is_list = self.place_of(seen)[0] == "list"
            return ScriptedTasks._undated(self, seen) if is_list else super()._undated(seen)

    with ShortLogs("ERROR", logs=["disk full"] * 10) as vendor:
        error = SpaazaBench(vendor, FakeClock(), tmp_path).error()
        assert isinstance(error, ExportFailedError)
        assert "disk full" in str(error)


def take_up(bench: SpaazaBench) -> None:
    """Let finished tasks be found by the next run, as those are whose dates are told."""
    now = iso(bench.clock.now())
    bench.vendor.dates = {"created_date": now, "last_modified": now}


@pytest.mark.parametrize("status", [400, 404, 410])
def test_a_link_that_is_given_once_stops_until_a_new_export_is_allowed(
    bench: SpaazaBench, status: int
) -> None:
    """It has expired before it was used, and no other is given for that task."""
    take_up(bench)
    refusal = bench.vendor.refusal(status, "link_was_given", "ask for a new export")
    bench.vendor.first("link", None, *[refusal] * 5)
    bench.vendor._first["file"] = [Answer(403)]
    for _ in range(2):
        error = bench.error()
        assert isinstance(error, LinkRefusedError)
        assert "link_was_given" in str(error)
    assert bench.vendor.asked("create") == 1
    assert bench.outcome(max_age=0).job.job_id == "2"


def test_a_link_may_be_asked_for_as_often_as_it_expires(bench: SpaazaBench) -> None:
    bench.vendor._first["file"] = [Answer(403), Answer(403)]
    assert bench.outcome().phase is Phase.ARRIVED
    assert (bench.vendor.asked("link"), bench.vendor.asked("create")) == (3, 1)


def test_a_file_that_the_vendor_has_removed_stops_until_a_new_export_is_allowed(
    bench: SpaazaBench,
) -> None:
    take_up(bench)
    bench.vendor._first["file"] = [Answer(404)] * 6
    for _ in range(2):
        assert isinstance(bench.error(), LinkRefusedError)
    assert bench.vendor.asked("create") == 1
    assert bench.outcome(max_age=0).job.job_id == "2"


class OneAtATime(ScriptedTasks):
    """One that refuses a task while another has not been done."""

    refused = 0

    def _undated(self, seen: Seen) -> Answer:
        if self.place_of(seen)[0] == "create" and any(
            self.state_of(number) != "DONE" for number in range(1, len(self.bodies) + 1)
        ):
            self.refused += 1
            return self.refusal(409, "busy", "another task is running")
        return super()._undated(seen)


@pytest.mark.parametrize("at_once", [1, 3])
def test_a_vendor_that_runs_one_task_at_a_time(tmp_path: Path, at_once: int) -> None:
    clock = FakeClock()
    with OneAtATime("INPROGRESS", "DONE", clock=clock.now) as vendor:
        run = SpaazaBench(vendor, clock, tmp_path).run(max_concurrent=at_once)
        requests = [vendor.request(subject=subject) for subject in vendor.SUBJECTS]
        tables = [begin(run, request) for request in requests]
        wait(*tables)
        errors = [table.error for table in tables if table.error is not None]
    if at_once == 1:
        assert (errors, vendor.refused) == ([], 0)
    else:
        assert errors
        assert all(isinstance(error, RequestRefusedError) for error in errors)
        assert "another task is running" in str(errors[0])
