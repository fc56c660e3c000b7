"""One export for one request, whatever happened to the run that asked for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from spaaza_source.errors import SpaazaSourceError
from spaaza_source.exports.export import Export, Phase
from spaaza_source.exports.polling import PollSettings
from spaaza_source.exports.request import ExportRequest
from spaaza_source.spaaza.export_service import PAGE, describe
from tests.clocks import FakeClock
from tests.export_runs import arrived, begin, request, run_against, sandbox_run, wait
from tests.vendors.server import Answer, ScriptedServer, Seen


def test_a_job_that_a_killed_run_left_is_taken_up(tmp_path: Path) -> None:
    with sandbox_run(tmp_path, run_seconds=300) as (sandbox, run, clock):
        left = begin(run, request())
        while not left.exports:
            assert not left.settled
        run.drop(left)
        rerun = run_against(
            sandbox.base_url, clock, tmp_path, PollSettings(), **sandbox.credentials
        )
        again = arrived(begin(rerun, request()))
        assert len(sandbox.tasks) == 1
    assert again.adopted
    assert not left.exports[0].adopted


def test_a_job_that_is_done_with_is_not_taken_up(tmp_path: Path) -> None:
    with sandbox_run(tmp_path) as (sandbox, run, _):
        first = arrived(begin(run, request()))
        second = arrived(begin(run, request(), loaded=[first.job.job_id]))
        assert len(sandbox.tasks) == 2
    assert not second.adopted


def test_a_failed_job_is_not_taken_up(tmp_path: Path) -> None:
    with sandbox_run(tmp_path, max_export_rows=10) as (sandbox, run, _):
        for _ in range(2):
            wait(begin(run, request()))
        # Each run makes one more try.
        assert len(sandbox.tasks) == 4


@pytest.mark.parametrize(("max_age", "tasks"), [(3600, 1), (600, 2)])
def test_a_finished_job_is_good_for_a_while(tmp_path: Path, max_age: float, tasks: int) -> None:
    with sandbox_run(tmp_path, PollSettings(max_age=max_age)) as (sandbox, run, clock):
        wait(begin(run, request()))
        clock.pause(1800, run._wake)
        wait(begin(run, request()))
        assert len(sandbox.tasks) == tasks


def test_no_age_lets_no_finished_job_be_taken_up(tmp_path: Path) -> None:
    with sandbox_run(tmp_path, PollSettings(max_age=0)) as (sandbox, run, _):
        for _ in range(2):
            assert not arrived(begin(run, request())).adopted
        assert len(sandbox.tasks) == 2


def test_only_the_very_same_request_is_taken_for_it(tmp_path: Path) -> None:
    other = ExportRequest("users", "users", "1743", selection={"segment_id": "x"})
    segment = {"entity": "people", "index": "users", "join": "all", "chain_id": 1743, "rules": []}
    with sandbox_run(tmp_path, saved_segments={"x": segment}) as (sandbox, run, _):
        for asked in (request(), other, request("products")):
            arrived(begin(run, asked))
        assert len(sandbox.tasks) == 3


def test_two_equal_requests_of_one_run_are_two_exports(tmp_path: Path) -> None:
    with sandbox_run(tmp_path) as (sandbox, run, _):
        wait(begin(run, request()), begin(run, request()))
        assert len(sandbox.tasks) == 2


class ForgetfulVendor:
    """A vendor whose answers to a POST are scripted, and that may do what it was asked or not.

    Each entry of `posts` is the answer, and whether the task was created all the same.
    """

    def __init__(
        self, *posts: tuple[Answer, bool], old_tasks: int = 0, longest_page: int = 1_000
    ) -> None:
        self.longest_page = longest_page
        self.lists = 0
        self.posts: Iterator[tuple[Answer, bool]] = iter(posts)
        self.posted = 0
        self.tasks = [self._task(number, f"somebody's {number}") for number in range(old_tasks)]
        self.base_url = ""

    def __call__(self, seen: Seen) -> Answer:
        if seen.method == "POST":
            self.posted += 1
            answer, created = next(self.posts)
            if created:
                desc = json.loads(seen.body)["desc"]
                self.tasks.append(self._task(len(self.tasks), desc))
            return answer if answer.body else Answer.json(self.tasks[-1], answer.status)
        if seen.path.startswith("/tasks?"):
            query = dict(part.split("=") for part in seen.path.split("?")[1].split("&"))
            offset, limit = int(query["offset"]), min(int(query["limit"]), self.longest_page)
            self.lists += 1
            return Answer.json(self.tasks[offset : offset + limit])
        if seen.path.endswith("/download_url"):
            return Answer.json({"url": f"{self.base_url}/file"})
        if seen.path == "/file":
            return Answer(200, b"id\n1\n")
        return Answer.json(self.tasks[int(seen.path.rsplit("/", 1)[1])])

    def _task(self, number: int, desc: str) -> dict[str, Any]:
        dates = {"created_date": "2026-05-26T12:00:00Z", "last_modified": "2026-05-26T12:00:00Z"}
        return {"id": number, "chain": 1743, "desc": desc, "state": {"code": "DONE", **dates}}


def outcome(vendor: ForgetfulVendor, folder: Path) -> Export:
    with ScriptedServer(vendor) as server:
        vendor.base_url = server.base_url
        run = run_against(server.base_url, FakeClock(), folder, PollSettings())
        return arrived(begin(run, request()))


GATEWAY = Answer(502, b"<html>Bad Gateway</html>", {"Content-Type": "text/html"})
BROKEN = Answer(201, b"{", {"Content-Length": "500"})


@pytest.mark.parametrize("answer", [GATEWAY, BROKEN, Answer(504, b"-"), Answer(500, b"-")])
def test_a_lost_answer_is_looked_for_before_anything_is_asked_again(
    answer: Answer, tmp_path: Path
) -> None:
    vendor = ForgetfulVendor((answer, True))
    assert outcome(vendor, tmp_path).phase is Phase.ARRIVED
    assert vendor.posted == 1


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_request_that_a_gateway_dropped_is_made_once_more(status: int, tmp_path: Path) -> None:
    vendor = ForgetfulVendor((Answer(status, b"-"), False), (Answer(201), True))
    assert outcome(vendor, tmp_path).phase is Phase.ARRIVED
    assert vendor.posted == 2


@pytest.mark.parametrize("answer", [BROKEN, Answer(504, b"-")])
def test_a_request_whose_fate_nobody_knows_is_not_made_again(
    answer: Answer, tmp_path: Path
) -> None:
    vendor = ForgetfulVendor((answer, False))
    with pytest.raises(SpaazaSourceError):
        outcome(vendor, tmp_path)
    assert vendor.posted == 1


@pytest.mark.parametrize("longest_page", [1_000, 30])
def test_the_tasks_are_looked_through_page_by_page(tmp_path: Path, longest_page: int) -> None:
    vendor = ForgetfulVendor(old_tasks=3 * PAGE + 7, longest_page=longest_page)
    vendor.tasks[2 * PAGE]["desc"] = describe(request())
    export = outcome(vendor, tmp_path)
    assert export.adopted
    assert vendor.posted == 0


def test_a_list_from_new_to_old_is_left_where_it_gets_too_old(tmp_path: Path) -> None:
    vendor = ForgetfulVendor(old_tasks=20 * PAGE)
    for number, task in enumerate(vendor.tasks):
        day = datetime(2026, 5, 26, tzinfo=UTC) - timedelta(hours=number)
        task["state"]["created_date"] = day.isoformat()
    vendor.tasks[PAGE // 2]["desc"] = describe(request())
    vendor.tasks[PAGE // 2]["state"]["last_modified"] = "2026-05-26T12:00:00Z"
    export = outcome(vendor, tmp_path)
    assert export.adopted
    assert vendor.lists == 1


def test_a_person_can_read_what_a_task_is_for() -> None:
    assert describe(request()) == f"spaaza_source users csv #{request().fingerprint}"
