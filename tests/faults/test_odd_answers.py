"""Fault 5: answers of HTTP 200 that are no JSON, or JSON of another shape than documented."""

from __future__ import annotations

from typing import Any

import pytest

from spaaza_source.errors import UnexpectedAnswerError
from spaaza_source.exports.table_exports import Phase
from spaaza_source.spaaza.connection_check import check_access
from tests.exports.test_run import token
from tests.roads import AnyRoad, SpaazaRoad, VoucherifyRoad
from tests.scripted_exports import export_without
from tests.scripted_tasks import CHAIN, task_without
from tests.scripted_vendor import SECRET, Place
from tests.vendors import Answer

SPAAZA, VOUCHERIFY = "spaaza_road", "voucherify_road"

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
NO_EXPORT = [
    Answer.json([export_without()]),
    Answer.json({"object": "list", "exports": [export_without()]}),
    Answer.json({"code": 500, "message": "canary"}),
    Answer.json({}),
    Answer.json(export_without("id")),
    Answer.json(export_without(id=True)),
    Answer.json(export_without(id=1.5)),
    Answer.json(export_without(id="")),
    Answer.json(export_without(id=["exp_1"])),
    Answer.json(export_without("status")),
    Answer.json(export_without(status=None)),
    Answer.json(export_without(status=4)),
    Answer.json(export_without(status={"code": "DONE"})),
]
URL = "https://files.example/x?token=canary"
NO_RESULT: list[Any] = [
    7,
    True,
    {"href": URL},
    {"url": 7},
    {"url": {"href": URL}},
    {"url": URL, "rest": URL + "2"},
    {"url": URL, "urls": [URL + "2"]},
    {"urls": [URL, None]},
    {"urls": [URL, ""]},
    {"urls": [URL, [URL, URL]]},
    {"urls": {"1": URL}},
    [URL, {}],
    [URL, 5],
]
LISTED: list[Any] = [None, {}, "canary", [None], [[]]]
ODD_OF_SPAAZA: list[tuple[Place, Answer]] = [
    *(("look", answer) for answer in [*GARBLED, *NO_TASK, Answer.json(task_without(id=2))]),
    *(("list", answer) for answer in [*GARBLED, Answer.json({}), Answer.json([None])]),
    *(("list", Answer.json([task_without("id")])) for _ in range(1)),
    *(("link", answer) for answer in [*GARBLED, Answer.json(["https://canary"])]),
    *(("link", Answer.json({"url": url})) for url in (None, "", " ", 7, {"href": "canary"})),
    ("link", Answer.json({"href": "https://canary"})),
]
ODD_OF_VOUCHERIFY: list[tuple[Place, Answer]] = [
    *(("look", answer) for answer in [*GARBLED, *NO_EXPORT, Answer.json(export_without(id="2"))]),
    *(("list", answer) for answer in [*GARBLED, Answer.json({}), Answer.json([export_without()])]),
    *(("list", Answer.json({"exports": odd})) for odd in LISTED),
    ("list", Answer.json({"exports": [export_without("id")]})),
    *(("link", answer) for answer in [*GARBLED, *NO_EXPORT]),
    *(("link", Answer.json(export_without(result=result))) for result in NO_RESULT),
]
ODD = [
    *((SPAAZA, place, answer) for place, answer in ODD_OF_SPAAZA),
    *((VOUCHERIFY, place, answer) for place, answer in ODD_OF_VOUCHERIFY),
]
NAMES = {
    "users list": "GET /tasks",
    "users look": "GET /tasks/1",
    "users link": "users, job 1, GET /tasks/1/download_url",
    "redemption list": "GET /v1/exports",
    "redemption look": "GET /v1/exports/exp_1",
    "redemption link": "redemption, job exp_1, GET /v1/exports/exp_1",
}


@pytest.mark.parametrize(("road", "place", "answer"), ODD, indirect=["road"])
def test_an_odd_answer_to_a_get_is_asked_for_again(
    road: AnyRoad, place: Place, answer: Answer
) -> None:
    road.vendor.first(place, answer, answer)
    assert road.outcome().phase is Phase.ARRIVED
    assert road.vendor.asked("create") == 1


@pytest.mark.parametrize(("road", "place", "answer"), ODD, indirect=["road"])
def test_an_odd_answer_that_stays_so_stops_and_names_the_call(
    road: AnyRoad, place: Place, answer: Answer
) -> None:
    road.vendor.always(place, answer)
    error = road.error()
    assert isinstance(error, UnexpectedAnswerError)
    named = (error.where or "").replace(f" {road.vendor.base_url[7:]}", " ")
    assert named == NAMES[f"{road.vendor.request()} {place}"]
    assert road.vendor.asked(place) == 5


@pytest.mark.parametrize("answer", [*GARBLED, *NO_TASK])
@pytest.mark.parametrize("dates", [{}, {"last_modified": None, "created_date": ""}])
def test_an_odd_answer_to_a_create_makes_the_run_look_for_the_task(
    spaaza_road: SpaazaRoad, answer: Answer, dates: dict[str, str]
) -> None:
    spaaza_road.vendor.dates = dates
    spaaza_road.vendor.first("create", answer, created=True)
    assert spaaza_road.outcome().phase is Phase.ARRIVED
    assert spaaza_road.vendor.asked("create") == 1


@pytest.mark.parametrize("answer", [*GARBLED, *NO_EXPORT])
@pytest.mark.parametrize("created", ["2026-05-26T12:00:00Z", None, "", 5, "today"])
def test_an_odd_answer_to_a_create_makes_the_run_look_for_the_export(
    voucherify_road: VoucherifyRoad, answer: Answer, created: Any
) -> None:
    voucherify_road.vendor.created = created
    voucherify_road.vendor.first("create", answer, created=True)
    assert voucherify_road.outcome().phase is Phase.ARRIVED
    assert voucherify_road.vendor.asked("create") == 1


@pytest.mark.parametrize("answer", [HTML, Answer.json({})])
def test_after_an_odd_answer_to_a_create_nothing_is_sent_twice(
    road: AnyRoad, answer: Answer
) -> None:
    road.vendor.first("create", answer)
    assert isinstance(road.error(), UnexpectedAnswerError)
    assert road.vendor.asked("create") == 1


def test_numbers_that_come_as_text_are_understood(spaaza_road: SpaazaRoad) -> None:
    spaaza_road.outcome()
    task = {**spaaza_road.vendor.as_json(1), "id": "1", "chain": "1743"}
    task["state"]["last_modified"] = "2026-05-26T12:00:00Z"
    spaaza_road.vendor.always("list", Answer.json([task]))
    assert spaaza_road.outcome().adopted
    assert spaaza_road.vendor.asked("create") == 1


def test_so_is_a_chain_that_comes_as_text(spaaza_road: SpaazaRoad) -> None:
    spaaza_road.vendor.always("list", Answer.json([task_without(chain="1743")]))
    credentials = token(access_token_id="id", access_token_secret=SECRET)
    base_url = spaaza_road.vendor.base_url
    assert any("1743" in line for line in check_access(base_url, CHAIN, credentials))


def test_somebodys_strange_task_stops_nothing(spaaza_road: SpaazaRoad) -> None:
    spaaza_road.vendor.always("list", Answer.json([{"id": 99, "desc": None, "state": 5}]))
    assert spaaza_road.outcome().phase is Phase.ARRIVED


@pytest.mark.parametrize(
    "strange",
    [
        {"status": None, "parameters": None},
        {"exported_object": 5, "parameters": {"fields": ["id"]}},
        {"exported_object": "redemption", "parameters": ["id"]},
        {"exported_object": "redemption", "parameters": {"fields": 5, "filters": []}},
        {"exported_object": "redemption", "parameters": {"filters": {"junction": 5}}},
        {"exported_object": "sku", "parameters": {"fields": ["id"]}, "created_at": 5},
    ],
)
def test_somebodys_strange_export_stops_nothing(
    voucherify_road: VoucherifyRoad, strange: dict[str, Any]
) -> None:
    listed = {"exports": [{"id": "exp_99", **strange}]}
    voucherify_road.vendor.always("list", Answer.json(listed))
    assert voucherify_road.outcome().phase is Phase.ARRIVED
