"""Fault 5: answers of HTTP 200 that are no JSON, or JSON of another shape than documented."""

from __future__ import annotations

import pytest

from spaaza_source.errors import UnexpectedAnswerError
from spaaza_source.exports.export import Phase
from spaaza_source.spaaza.access import check_access
from tests.exports.test_run import token
from tests.roads import SECRET, Road
from tests.scripted_tasks import CHAIN, Place, task_without
from tests.vendors import Answer

HTML = Answer(200, b"<html>canary</html>", {"Content-Type": "text/html"})
GARBLED = [
    HTML,
    Answer(200, b'{"id": 1, "state": {"canary'),
    Answer(200),
    Answer(200, b"[" * 100_000),
    Answer.json(None),
    Answer.json("canary"),
    Answer.json(7),
]
NO_TASK = [
    Answer.json([task_without()]),
    Answer.json({}),
    Answer.json(task_without("id")),
    Answer.json(task_without(id=True)),
    Answer.json(task_without(id=1.5)),
    Answer.json(task_without(id="")),
    Answer.json(task_without("state")),
    Answer.json(task_without(state=None)),
    Answer.json(task_without(state="DONE")),
    Answer.json(task_without(state={"code": 4})),
    Answer.json(task_without(state={"code": None})),
]
ODD: list[tuple[Place, Answer]] = [
    *(("look", answer) for answer in [*GARBLED, *NO_TASK, Answer.json(task_without(id=2))]),
    *(("list", answer) for answer in [*GARBLED, Answer.json({}), Answer.json([None])]),
    *(("list", Answer.json([task_without("id")])) for _ in range(1)),
    *(("link", answer) for answer in [*GARBLED, Answer.json(["https://canary"])]),
    *(("link", Answer.json({"url": url})) for url in (None, "", " ", 7, {"href": "canary"})),
    ("link", Answer.json({"href": "https://canary"})),
]
NAMES = {
    "list": "GET /tasks",
    "look": "GET /tasks/1",
    "link": "users, job 1, GET /tasks/1/download_url",
}


@pytest.mark.parametrize(("place", "answer"), ODD)
def test_an_odd_answer_to_a_get_is_asked_for_again(
    road: Road, place: Place, answer: Answer
) -> None:
    road.vendor.first(place, answer, answer)
    assert road.outcome().phase is Phase.ARRIVED
    assert road.vendor.asked("create") == 1


@pytest.mark.parametrize(("place", "answer"), ODD)
def test_an_odd_answer_that_stays_so_stops_and_names_the_call(
    road: Road, place: Place, answer: Answer
) -> None:
    road.vendor.always(place, answer)
    error = road.error()
    assert isinstance(error, UnexpectedAnswerError)
    assert (error.where or "").replace(f" {road.vendor.base_url[7:]}", " ") == NAMES[place]
    assert road.vendor.asked(place) == 5


@pytest.mark.parametrize("answer", [*GARBLED, *NO_TASK])
@pytest.mark.parametrize("dates", [{}, {"last_modified": None, "created_date": ""}])
def test_an_odd_answer_to_a_create_makes_the_run_look_for_the_job(
    road: Road, answer: Answer, dates: dict[str, str]
) -> None:
    road.vendor.dates = dates
    road.vendor.first("create", answer, created=True)
    assert road.outcome().phase is Phase.ARRIVED
    assert road.vendor.asked("create") == 1


@pytest.mark.parametrize("answer", [HTML, Answer.json({})])
def test_after_an_odd_answer_to_a_create_nothing_is_sent_twice(road: Road, answer: Answer) -> None:
    road.vendor.first("create", answer)
    assert isinstance(road.error(), UnexpectedAnswerError)
    assert road.vendor.asked("create") == 1


def test_numbers_that_come_as_text_are_understood(road: Road) -> None:
    road.outcome()
    task = {**road.vendor.as_json(1), "id": "1", "chain": "1743"}
    task["state"]["last_modified"] = "2026-05-26T12:00:00Z"
    road.vendor.always("list", Answer.json([task]))
    assert road.outcome().adopted
    assert road.vendor.asked("create") == 1


def test_so_is_a_chain_that_comes_as_text(road: Road) -> None:
    road.vendor.always("list", Answer.json([task_without(chain="1743")]))
    credentials = token(access_token_id="id", access_token_secret=SECRET)
    assert any("1743" in line for line in check_access(road.vendor.base_url, CHAIN, credentials))


def test_somebodys_strange_task_stops_nothing(road: Road) -> None:
    road.vendor.always("list", Answer.json([{"id": 99, "desc": None, "state": 5}]))
    assert road.outcome().phase is Phase.ARRIVED
