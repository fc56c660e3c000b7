"""Fault 5: answers of HTTP 200 that are no JSON, or JSON of another shape than documented."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from spaaza_source.errors import UnexpectedAnswerError
from spaaza_source.exports.export import Phase
from spaaza_source.spaaza.connection_check import check_access
from spaaza_source.spaaza.tasks_api import TasksApi
from spaaza_source.voucherify.exports_api import ExportsApi
from tests.export_runs import AnyBench, SpaazaBench, VoucherifyBench, token
from tests.vendors.scripted import SECRET, Call
from tests.vendors.scripted_spaaza import CHAIN, task_without
from tests.vendors.scripted_voucherify import export_without
from tests.vendors.server import Answer

pytestmark = pytest.mark.wing("exports", "spaaza", "voucherify")


class Answered:
    """In the place of a vendor's HTTP client: whatever is called, this JSON is the answer."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def get(self, _path: str, _params: Any = None, read: Any = None) -> Any:
        return read(self.answer)

    def post(self, _path: str, _body: Any = None, read: Any = None) -> Any:
        return read(self.answer)


#: JSON of no shape that any call is answered with.
NO_OBJECT: list[Any] = [None, "canary", 7]
NO_TASK: list[Any] = [
    *NO_OBJECT,
    [task_without()],
    {},
    task_without("id"),
    task_without(id=True),
    task_without(id=1.5),
    task_without(id=""),
    task_without("state"),
    task_without(state=None),
    task_without(state="DONE"),
    task_without(state={"code": 4}),
    task_without(state={"code": None}),
]
NO_EXPORT: list[Any] = [
    *NO_OBJECT,
    [export_without()],
    {"object": "list", "exports": [export_without()]},
    {"code": 500, "message": "canary"},
    {},
    export_without("id"),
    export_without(id=True),
    export_without(id=1.5),
    export_without(id=""),
    export_without(id=["exp_1"]),
    export_without("status"),
    export_without(status=None),
    export_without(status=4),
    export_without(status={"code": "DONE"}),
]
URL = "https://files.example/x?token=canary"
NO_LIST: list[Any] = [None, {}, "canary", [None], [[]]]
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
ODD_OF_SPAAZA: dict[str, tuple[Callable[[TasksApi], Any], list[Any]]] = {
    # `null` is a list without any task: tests/exports/test_undocumented_answers.py.
    "GET /tasks": (
        TasksApi.list_tasks,
        [*filter(None, NO_OBJECT), {}, [None], [task_without("id")]],
    ),
    "POST /tasks": (lambda api: api.create_task({}), NO_TASK),
    "GET /tasks/1": (lambda api: api.get_task(1), [*NO_TASK, task_without(id=2)]),
    "GET /tasks/1/download_url": (
        lambda api: api.download_url(1),
        [
            *NO_OBJECT,
            ["https://canary"],
            *({"url": url} for url in (None, "", " ", 7, {"href": "canary"})),
            {"href": "https://canary"},
        ],
    ),
}
ODD_OF_VOUCHERIFY: dict[str, tuple[str, Callable[[ExportsApi], Any], list[Any]]] = {
    "list": (
        "GET /v1/exports",
        lambda api: api.list_exports(page=1, limit=9),
        [
            *NO_OBJECT,
            {},
            [export_without()],
            *({"exports": exports} for exports in NO_LIST),
            {"exports": [export_without("id")]},
        ],
    ),
    "create": ("POST /v1/exports", lambda api: api.create("redemption", {}), NO_EXPORT),
    "look": (
        "GET /v1/exports/exp_1",
        lambda api: api.get("exp_1"),
        [*NO_EXPORT, export_without(id="2")],
    ),
    "link": (
        "GET /v1/exports/exp_1",
        lambda api: api.urls("exp_1"),
        [*NO_EXPORT, *(export_without(result=result) for result in NO_RESULT)],
    ),
}


@pytest.mark.parametrize(
    ("call", "answer"),
    [(call, answer) for call, (_, answers) in ODD_OF_SPAAZA.items() for answer in answers],
)
def test_json_of_another_shape_is_no_answer_of_the_tasks_api(call: str, answer: Any) -> None:
    http: Any = Answered(answer)
    with pytest.raises(UnexpectedAnswerError) as odd:
        ODD_OF_SPAAZA[call][0](TasksApi(http))
    assert odd.value.where == call
    assert "canary" not in str(odd.value)


@pytest.mark.parametrize(
    ("call", "answer"),
    [(call, answer) for call, (*_, answers) in ODD_OF_VOUCHERIFY.items() for answer in answers],
)
def test_json_of_another_shape_is_no_answer_of_voucherify(call: str, answer: Any) -> None:
    http: Any = Answered(answer)
    where, work, _ = ODD_OF_VOUCHERIFY[call]
    with pytest.raises(UnexpectedAnswerError) as odd:
        work(ExportsApi(http))
    assert odd.value.where == where
    assert "canary" not in str(odd.value)


HTML = Answer(200, b"<html>canary</html>", {"Content-Type": "text/html"})
ODD = [HTML, Answer.json({"code": 500})]
GETS: tuple[Call, ...] = ("list", "look", "link")
NAMES = {
    "users list": "GET /tasks",
    "users look": "GET /tasks/1",
    "users link": "users, job 1, GET /tasks/1/download_url",
    "redemption list": "GET /v1/exports",
    "redemption look": "GET /v1/exports/exp_1",
    "redemption link": "redemption, job exp_1, GET /v1/exports/exp_1",
}


@pytest.mark.parametrize("body", [b'{"id": 1, "state": {"canary', b"", b"[" * 100_000])
def test_a_body_that_is_no_json_stops(spaaza_bench: SpaazaBench, body: bytes) -> None:
    spaaza_bench.vendor.always("look", Answer(200, body))
    assert isinstance(spaaza_bench.error(), UnexpectedAnswerError)
    assert spaaza_bench.vendor.asked("look") == 5


@pytest.mark.parametrize("answer", ODD)
@pytest.mark.parametrize("place", GETS)
def test_an_odd_answer_to_a_get_is_asked_for_again(
    bench: AnyBench, place: Call, answer: Answer
) -> None:
    bench.vendor.first(place, answer, answer)
    assert bench.outcome().phase is Phase.ARRIVED
    assert bench.vendor.asked("create") == 1


@pytest.mark.parametrize("answer", ODD)
@pytest.mark.parametrize("place", GETS)
def test_an_odd_answer_that_stays_so_stops_and_names_the_call(
    bench: AnyBench, place: Call, answer: Answer
) -> None:
    bench.vendor.always(place, answer)
    error = bench.error()
    assert isinstance(error, UnexpectedAnswerError)
    named = (error.where or "").replace(f" {bench.vendor.base_url[7:]}", " ")
    assert named == NAMES[f"{bench.vendor.request()} {place}"]
    assert bench.vendor.asked(place) == 5


@pytest.mark.parametrize("answer", ODD)
@pytest.mark.parametrize("dates", [{}, {"last_modified": None, "created_date": ""}])
def test_an_odd_answer_to_a_create_makes_the_run_look_for_the_task(
    spaaza_bench: SpaazaBench, answer: Answer, dates: dict[str, str]
) -> None:
    spaaza_bench.vendor.dates = dates
    spaaza_bench.vendor.first("create", answer, created=True)
    assert spaaza_bench.outcome().phase is Phase.ARRIVED
    assert spaaza_bench.vendor.asked("create") == 1


@pytest.mark.parametrize("answer", ODD)
@pytest.mark.parametrize("created", ["2026-05-26T12:00:00Z", None, "", 5, "today"])
def test_an_odd_answer_to_a_create_makes_the_run_look_for_the_export(
    voucherify_bench: VoucherifyBench, answer: Answer, created: Any
) -> None:
    voucherify_bench.vendor.created = created
    voucherify_bench.vendor.first("create", answer, created=True)
    assert voucherify_bench.outcome().phase is Phase.ARRIVED
    assert voucherify_bench.vendor.asked("create") == 1


@pytest.mark.parametrize("answer", [HTML, Answer.json({})])
def test_after_an_odd_answer_to_a_create_nothing_is_sent_twice(
    bench: AnyBench, answer: Answer
) -> None:
    bench.vendor.first("create", answer)
    assert isinstance(bench.error(), UnexpectedAnswerError)
    assert bench.vendor.asked("create") == 1


def test_numbers_that_come_as_text_are_understood(spaaza_bench: SpaazaBench) -> None:
    spaaza_bench.outcome()
    task = {**spaaza_bench.vendor.as_json(1), "id": "1", "chain": "1743"}
    task["state"]["last_modified"] = "2026-05-26T12:00:00Z"
    spaaza_bench.vendor.always("list", Answer.json([task]))
    assert spaaza_bench.outcome().adopted
    assert spaaza_bench.vendor.asked("create") == 1


def test_a_chain_that_comes_as_text_is_understood(spaaza_bench: SpaazaBench) -> None:
    spaaza_bench.vendor.always("list", Answer.json([task_without(chain="1743")]))
    credentials = token(access_token_id="id", access_token_secret=SECRET)
    base_url = spaaza_bench.vendor.base_url
    assert any("1743" in line for line in check_access(base_url, CHAIN, credentials))


def test_somebodys_strange_task_stops_nothing(spaaza_bench: SpaazaBench) -> None:
    spaaza_bench.vendor.always("list", Answer.json([{"id": 99, "desc": None, "state": 5}]))
    assert spaaza_bench.outcome().phase is Phase.ARRIVED


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
    voucherify_bench: VoucherifyBench, strange: dict[str, Any]
) -> None:
    listed = {"exports": [{"id": "exp_99", **strange}]}
    voucherify_bench.vendor.always("list", Answer.json(listed))
    assert voucherify_bench.outcome().phase is Phase.ARRIVED
