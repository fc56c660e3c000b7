"""How a task goes from READY to DONE, by a clock that the test moves."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
import requests

from spaaza_source.sandbox.spaaza.tasks import due_after
from tests.sandbox.sandbox_client import NOON, Client, Clock, OneTable, running, segment


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with running() as client:
        yield client


ONE_O_CLOCK = {"once": "2026-05-26T13:00:00Z"}


def test_a_task_waits_runs_and_is_done() -> None:
    clock = Clock()
    with running(clock, queue_seconds=60, run_seconds=300) as client:
        task = client.create(trigger=ONE_O_CLOCK)
        assert task["state"] == {
            "code": "READY",
            "last_run_date": "0001-01-01T00:00:00Z",
            "last_modified": "2026-05-26T12:00:00Z",
            "created_date": "2026-05-26T12:00:00Z",
        }
        clock.forward(hours=1, seconds=59)
        assert client.state(task) == "READY"
        clock.forward(seconds=1)
        assert client.task(task)["state"] == {
            "code": "INPROGRESS",
            "last_run_date": "2026-05-26T13:01:00Z",
            "last_modified": "2026-05-26T13:01:00Z",
            "created_date": "2026-05-26T12:00:00Z",
        }
        clock.forward(seconds=299)
        assert client.state(task) == "INPROGRESS"
        clock.forward(seconds=1)
        assert client.task(task)["state"]["code"] == "DONE"
        assert client.task(task)["state"]["last_modified"] == "2026-05-26T13:06:00Z"
        clock.forward(days=90)
        assert client.task(task)["state"]["last_run_date"] == "2026-05-26T13:01:00Z"


def test_a_task_that_is_overdue_runs_at_once() -> None:
    with running() as client:
        assert client.create(trigger={"once": "2020-01-01T00:00:00Z"})["state"]["code"] == "DONE"


def test_execute_runs_now_and_answers_with_the_final_state_alone() -> None:
    clock = Clock()
    with running(clock, run_seconds=300) as client:
        task = client.create(trigger=ONE_O_CLOCK)
        clock.forward(minutes=1)
        answer = client.post(f"/tasks/{task['id']}/execute")
        assert answer.status_code == 200
        assert answer.json() == {
            "code": "DONE",
            "last_run_date": "2026-05-26T12:01:00Z",
            "last_modified": "2026-05-26T12:01:00Z",
            "created_date": "2026-05-26T12:00:00Z",
        }
        clock.forward(hours=2)
        assert client.task(task)["state"] == answer.json()


def test_execute_refuses_a_task_that_runs() -> None:
    with running(run_seconds=300) as client:
        task = client.create()
        assert client.state(task) == "INPROGRESS"
        answer = client.post(f"/tasks/{task['id']}/execute")
        assert answer.status_code == 400
        assert answer.json()["error"]["name"] == "task_in_progress"


def test_no_more_tasks_run_side_by_side_than_set() -> None:
    clock = Clock()
    with running(clock, run_seconds=10, side_by_side=2) as client:
        tasks = [client.create() for _ in range(5)]
        seen = []
        for _ in range(4):
            seen.append([client.state(task) for task in tasks])
            clock.forward(seconds=10)
        ready, running_, done = "READY", "INPROGRESS", "DONE"
        assert seen == [
            [running_, running_, ready, ready, ready],
            [done, done, running_, running_, ready],
            [done, done, done, done, running_],
            [done, done, done, done, done],
        ]


def test_too_large_an_export_ends_in_error_and_its_log_says_that_it_timed_out() -> None:
    recent = {
        "field_name": "timestamp",
        "field_type": "date",
        "operator": "is_after_date",
        "start_date": "2026-10-01T00:00:00Z",
    }
    with running(rows=100, max_export_rows=99) as client:
        large = client.create("transactions")
        assert client.task(large)["state"]["code"] == "ERROR"
        assert "timed out" in client.task(large)["logs"][0]["message"]
        assert client.get(f"/tasks/{large['id']}/download_url").status_code == 400
        windowed = {"once": "2026-05-26T12:00:00Z", "segment": segment("transactions", recent)}
        assert client.state(client.create("transactions", trigger=windowed)) == "DONE"


def test_a_repeating_task_runs_again_and_keeps_its_last_file_meanwhile() -> None:
    clock = Clock()
    shop = OneTable(pa.table({"day": ["first"]}))
    with running(clock, shop, run_seconds=60, link_seconds=100_000) as client:
        task = client.create(trigger={"once": "2026-05-26T12:00:00Z", "repeat": "daily"})
        clock.forward(minutes=1)
        link = client.link(task)
        clock.forward(hours=23, minutes=58)
        assert client.state(task) == "DONE"
        shop.table = pa.table({"day": ["second"]})
        clock.forward(minutes=1)
        assert client.task(task)["state"]["code"] == "INPROGRESS"
        assert client.task(task)["state"]["last_run_date"] == "2026-05-27T12:00:00Z"
        assert client.get(f"/tasks/{task['id']}/download_url").status_code == 400
        assert requests.get(link, timeout=30).content == b"day\nfirst\n"
        clock.forward(minutes=1)
        assert client.state(task) == "DONE"
        assert requests.get(client.link(task), timeout=30).content == b"day\nsecond\n"


@pytest.mark.parametrize(
    ("once", "repeat", "moment", "due"),
    [
        ("2026-05-26", "daily", "2026-05-25", "2026-05-26"),
        ("2026-05-26", "daily", "2026-05-26", "2026-05-27"),
        ("2026-05-26", "weekly", "2026-06-03", "2026-06-09"),
        ("2026-01-31", "monthly", "2026-01-31", "2026-02-28"),
        ("2026-01-31", "monthly", "2026-02-28", "2026-03-31"),
        ("2025-12-15", "monthly", "2025-12-20", "2026-01-15"),
    ],
)
def test_a_schedule_keeps_to_its_first_date(once: str, repeat: str, moment: str, due: str) -> None:
    first, now, expected = (
        datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (once, moment, due)
    )
    assert due_after(first, repeat, now) == expected


def test_the_list_is_a_bare_array_newest_first() -> None:
    with running() as client:
        made = [client.create(desc=f"task {n}")["id"] for n in range(5)]
        listed = client.get("/tasks").json()
        assert [task["id"] for task in listed] == made[::-1]
        page = client.get("/tasks", limit=2, offset=1).json()
        assert [task["id"] for task in page] == made[::-1][1:3]


def test_the_list_filters_by_status_and_action() -> None:
    with running() as client:
        done = client.create()["id"]
        ready = client.create(trigger=ONE_O_CLOCK)["id"]

        def ids(**query: Any) -> list[int]:
            return [task["id"] for task in client.get("/tasks", **query).json()]

        assert ids(status="READY") == [ready]
        assert ids(status="DONE", action="export") == [done]
        assert ids(action="issue") == []
        assert ids(campaign_id=4) == []


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/tasks", {"status": "IN_PROGRESS"}),
        ("/tasks", {"limit": "many"}),
        ("/tasks", {"offset": "-1"}),
        ("/tasks", {"page": "2"}),
        ("/tasks/12001", {"log_limit": "all"}),
        ("/tasks/12001", {"limit": "3"}),
    ],
)
def test_a_wrong_query_is_refused_by_name(client: Client, path: str, query: dict[str, str]) -> None:
    client.create()
    answer = client.get(path, None, **query)
    assert answer.status_code == 400
    assert answer.json()["error"]["description"].startswith(next(iter(query)))


def test_logs_come_in_pages() -> None:
    with running() as client:
        task = client.create()
        everything = client.task(task)["logs"]
        assert len(everything) == 3
        assert client.task(task, log_limit=1)["logs"] == everything[:1]
        assert client.task(task, log_limit=2, offset=1)["logs"] == everything[1:]


@pytest.mark.parametrize("path", ["/tasks/99", "/tasks/x", "/tasks/99/download_url"])
def test_an_unknown_task_is_not_found(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["description"] == "Task not found."


def test_a_relative_filter_is_reckoned_from_the_run() -> None:
    times = [NOON - timedelta(hours=25), NOON - timedelta(hours=23), NOON + timedelta(hours=23)]
    shop = OneTable(pa.table({"seen": pa.array(times, pa.timestamp("us", "UTC"))}))
    last_day = {
        "field_name": "seen",
        "operator": "relative_less_than",
        "time_factor": "day",
        "time_amount": 1,
    }
    clock = Clock()
    with running(clock, shop) as client:
        assert len(client.rows("users", last_day)) == 2
        clock.forward(hours=2)
        assert len(client.rows("users", last_day)) == 1
