"""The create body: all that the vendor's documents show is taken, all else is refused by name."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.sandbox.sandbox_client import Client, running, segment, task_body

SAVED = {
    "YOUR_SEGMENT_ID": segment("users"),
    "of-vouchers": segment("vouchers"),
}
ONCE = "2026-05-26T12:00:00Z"


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with running(saved_segments=SAVED, rows=5) as client:
        yield client


def within_days(field: str, days: int) -> dict[str, Any]:
    return {
        "field_name": field,
        "field_type": "date",
        "operator": "relative_less_than",
        "time_factor": "day",
        "time_amount": days,
    }


CREATED_IN_MARCH = {
    "field_name": "date_time_creation",
    "field_type": "date",
    "operator": "is_between_date",
    "start_date": "2026-03-01T00:00:00Z",
    "end_date": "2026-03-31T23:59:59Z",
}
ELECTRONICS = {
    "field_name": "category",
    "field_type": "keyword",
    "operator": "is",
    "value": "Electronics",
}
DOCUMENTED = [
    ("users", {}),
    ("transactions", {}),
    ("vouchers", {}),
    ("wallet-ledger", {}),
    ("products", {}),
    ("product-variants", {}),
    ("vouchers", {"segment": segment("vouchers", within_days("date_time_redeemed", 7))}),
    ("users", {"segment_id": "YOUR_SEGMENT_ID"}),
    (
        "transactions",
        {
            "once": "2026-05-26T00:00:00Z",
            "repeat": "daily",
            "segment": segment("transactions", within_days("timestamp", 1)),
        },
    ),
    ("vouchers", {"segment": segment("vouchers", within_days("date_time_redeemed", 1))}),
    ("vouchers", {"segment": segment("vouchers", CREATED_IN_MARCH)}),
    ("vouchers", {"segment": segment("vouchers", within_days("date_time_expiry", 7))}),
    ("products", {"segment": segment("products", ELECTRONICS)}),
]


@pytest.mark.parametrize(("index", "trigger"), DOCUMENTED)
def test_takes_every_body_of_the_documents(
    client: Client, index: str, trigger: dict[str, Any]
) -> None:
    body = task_body(index, trigger={"once": ONCE, **trigger})
    answer = client.post("/tasks", body)
    assert answer.status_code == 201, answer.text
    task = answer.json()
    assert task["trigger"] == body["trigger"]
    assert task["target"] == body["target"]


@pytest.mark.parametrize("repeat", ["daily", "weekly", "monthly"])
@pytest.mark.parametrize("export_format", ["csv", "json"])
def test_takes_every_format_and_repetition(client: Client, repeat: str, export_format: str) -> None:
    target = {"action": "export", "export_index": "users", "export_format": export_format}
    client.create(target=target, trigger={"once": ONCE, "repeat": repeat}, debug="why")


def test_answers_with_the_task_object_of_the_documents(client: Client) -> None:
    task = client.create(desc="Daily run", debug="why")
    assert set(task) == {
        "id", "chain", "desc", "state", "trigger", "target", "logs", "debug", "version",
    }  # fmt: skip
    assert set(task["state"]) == {"code", "last_run_date", "last_modified", "created_date"}
    assert type(task["id"]) is int
    assert (task["chain"], task["desc"], task["debug"]) == (1743, "Daily run", "why")


def rule(**changes: Any) -> dict[str, Any]:
    return {**CREATED_IN_MARCH, **changes}


def with_rule(raw: Any) -> dict[str, Any]:
    return task_body("vouchers", trigger={"once": ONCE, "segment": segment("vouchers", raw)})


def with_segment(**changes: Any) -> dict[str, Any]:
    return task_body("users", trigger={"once": ONCE, "segment": {**segment("users"), **changes}})


def with_trigger(**changes: Any) -> dict[str, Any]:
    return task_body(trigger={"once": ONCE, **changes})


def with_target(**changes: Any) -> dict[str, Any]:
    known = {"action": "export", "export_index": "users", "export_format": "csv"}
    return task_body(target={**known, **changes})


def without(body: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != name}


RULE = "trigger.segment.rules[0]"
REFUSED = [
    (without(task_body(), "chain"), "chain: is required"),
    (without(task_body(), "desc"), "desc: is required"),
    (without(task_body(), "target"), "target: is required"),
    (without(task_body(), "trigger"), "trigger: is required"),
    ([], "body: must be a JSON object"),
    (task_body(columns=["id"]), "columns: unknown field"),
    (task_body(chain="1743"), "chain: must be an integer"),
    (task_body(chain=True), "chain: must be an integer"),
    (task_body(desc=""), "desc: must be a string"),
    (task_body(desc=None), "desc: must be a string"),
    (task_body(debug=1), "debug: must be a string"),
    (task_body(target="users"), "target: must be an object"),
    (with_target(delimiter=";"), "target.delimiter: unknown field"),
    (with_target(action="import"), "target.action: must be one of"),
    (with_target(export_index="wallet_ledger"), "target.export_index: must be one of"),
    (with_target(export_format="parquet"), "target.export_format: must be one of"),
    (task_body(trigger=[]), "trigger: must be an object"),
    (task_body(trigger={}), "trigger.once: is required"),
    (with_trigger(user_list=[1]), "trigger.user_list: unknown field"),
    (with_trigger(once="2026-05-26"), "trigger.once: not an ISO 8601 UTC"),
    (with_trigger(once="2026-05-26T12:00:00"), "trigger.once: not an ISO 8601 UTC"),
    (with_trigger(once="2026-05-26T12:00:00+00:00"), "trigger.once: not an ISO 8601 UTC"),
    (with_trigger(once="2026-02-30T12:00:00Z"), "trigger.once:"),
    (with_trigger(once=1779796800), "trigger.once: must be a string"),
    (with_trigger(repeat="hourly"), "trigger.repeat: must be one of"),
    (with_trigger(segment_id="unheard-of"), "trigger.segment_id: no such saved segment"),
    (with_trigger(segment_id="of-vouchers"), "trigger.segment_id.index: differs"),
    (
        with_trigger(segment=segment("users"), segment_id="YOUR_SEGMENT_ID"),
        "trigger: has both segment and segment_id",
    ),
    (with_segment(entity="things"), "trigger.segment.entity: must be one of people"),
    (with_segment(index="vouchers"), "trigger.segment.index: differs"),
    (with_segment(join="some"), "trigger.segment.join: must be one of all, any"),
    (with_segment(chain_id=1783), "trigger.segment.chain_id: differs"),
    (with_segment(chain=1743), "trigger.segment.chain: unknown field"),
    (with_segment(rules={}), "trigger.segment.rules: must be an array"),
    (with_rule("timestamp"), f"{RULE}: must be an object"),
    (with_rule(rule(operator="is_since")), f"{RULE}.operator: must be one of"),
    (with_rule(rule(value=1)), f"{RULE}.value: unknown field"),
    (with_rule(rule(field_name="redeemed_at")), f"{RULE}.field_name: is no field"),
    (with_rule(rule(field_name="status")), f"{RULE}.field_name: status holds no dates"),
    (with_rule(rule(field_type="keyword")), f"{RULE}.field_type: must be date"),
    (with_rule(rule(field_type="instant")), f"{RULE}.field_type: must be one of"),
    (with_rule(without(CREATED_IN_MARCH, "end_date")), f"{RULE}.end_date: is required"),
    (with_rule(rule(end_date="2026-03-31")), f"{RULE}.end_date: not an ISO 8601 UTC"),
    (with_rule(rule(end_date="2026-02-28T00:00:00Z")), f"{RULE}.end_date: lies before"),
    (with_rule(rule(nested=True)), f"{RULE}.nesting_path:"),
    (with_rule({**within_days("date_time_expiry", 0)}), f"{RULE}.time_amount:"),
    (
        with_rule({**within_days("date_time_expiry", 1), "time_factor": "fortnight"}),
        f"{RULE}.time_factor: must be one of day",
    ),
    (
        with_rule({"field_name": "status", "field_type": "keyword", "operator": "is"}),
        f"{RULE}.value: is required",
    ),
]


@pytest.mark.parametrize(("body", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_refuses_what_no_document_shows_and_names_the_field(
    client: Client, body: Any, message: str
) -> None:
    before = len(client.sandbox.tasks)
    answer = client.post("/tasks", body)
    assert answer.status_code == 400
    assert answer.json()["result"] == {"code": 2, "status": "error"}
    error = answer.json()["error"]
    assert set(error) == {"code", "name", "description"}
    assert error["description"].startswith(message)
    assert len(client.sandbox.tasks) == before


def test_refuses_a_body_that_is_not_json(client: Client) -> None:
    for body in ("{", '{"chain": NaN}', ""):
        headers = {**client.bearer, "Content-Type": "application/json"}
        assert _raw(client, body, headers) == (400, "body: is not valid JSON")


def test_refuses_a_body_of_another_content_type(client: Client) -> None:
    status, description = _raw(client, "{}", {**client.bearer, "Content-Type": "text/plain"})
    assert (status, description) == (400, "Content-Type: must be application/json")


def _raw(client: Client, body: str, headers: dict[str, str]) -> tuple[int, str]:
    answer = requests.post(
        f"{client.sandbox.base_url}/tasks", data=body, headers=headers, timeout=30
    )
    return answer.status_code, answer.json()["error"]["description"]
