"""What Voucherify's side refuses, and how often one may ask."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.sandbox_client import Clock
from tests.sandbox.voucherify_client import VoucherifyClient, voucherify


@pytest.fixture(scope="module")
def client() -> Iterator[VoucherifyClient]:
    with voucherify(rows=2) as client:
        yield client


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({}, "exported_object: is required"),
        ([], "body: must be a JSON object"),
        ({"exported_object": "sku"}, "Property .exported_object should be equal to one of"),
        ({"exported_object": "order", "object": 1}, "object: unknown field"),
        ({"exported_object": "order", "parameters": []}, "parameters: must be an object"),
        ({"exported_object": "order", "parameters": {"filter": {}}}, "parameters.filter: unknown"),
        ({"exported_object": "order", "parameters": {"fields": []}}, "parameters.fields: must be"),
        ({"exported_object": "order", "parameters": {"fields": [1]}}, "parameters.fields: must be"),
        (
            {"exported_object": "order", "parameters": {"fields": ["id", "id"]}},
            "parameters.fields: names a field twice",
        ),
        ({"exported_object": "order", "parameters": {"order": "id"}}, "parameters.order: must be"),
        (
            {"exported_object": "order", "parameters": {"campaign_id": "camp_1"}},
            "parameters.campaign_id: belongs",
        ),
    ],
)
def test_a_body_that_is_wrong_is_refused_by_the_name_of_its_field(
    client: VoucherifyClient, body: Any, details: str
) -> None:
    answer = client.ask("POST", "/v1/exports", json=body)
    assert answer.status_code == 400
    error = answer.json()
    assert (error["code"], error["key"], error["message"]) == (
        400,
        "invalid_payload",
        "Invalid payload",
    )
    assert error["details"].startswith(details)
    assert error["request_id"].startswith("v-")


def test_a_body_that_is_no_json_is_refused(client: VoucherifyClient) -> None:
    as_json = {**client.app, "Content-Type": "application/json"}
    answer = client.ask("POST", "/v1/exports", headers=as_json, data="{")
    assert answer.status_code == 400
    assert answer.json()["details"] == "body: is not valid JSON"


@pytest.mark.parametrize(
    ("exported_object", "field", "allowed"),
    [
        ("redemption", "created_at", "id, object, date, "),
        ("publication", "id", "voucher_code, "),
        ("voucher", "metadata.", "id, code, "),
        ("points_expiration", "metadata", "id, campaign_id, "),
        ("voucher_transactions", "metadata.x", "id, campaign_id, "),
    ],
)
def test_an_unknown_field_is_told_the_fields_there_are(
    client: VoucherifyClient, exported_object: str, field: str, allowed: str
) -> None:
    answer = client.post(exported_object, fields=[field])
    assert answer.status_code == 400
    error = answer.json()
    assert (error["key"], error["message"]) == ("invalid_export_fields", "Invalid Export")
    assert error["details"].startswith(f"Unsupported field used. Allowed fields: {allowed}")
    has_metadata = exported_object in ("redemption", "publication", "voucher")
    assert error["details"].endswith(", metadata") == has_metadata


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/exports"),
        ("GET", "/v1/exports"),
        ("GET", "/v1/exports/exp_1"),
        ("DELETE", "/v1/exports/exp_1"),
        ("GET", "/download/v1/exports/exp_1?token=1.2"),
    ],
)
def test_every_endpoint_refuses_a_stranger(
    client: VoucherifyClient, method: str, path: str
) -> None:
    known = client.app
    for headers in (
        {},
        {"X-App-Id": known["X-App-Id"]},
        {"X-App-Token": known["X-App-Token"]},
        {**known, "X-App-Id": "canary"},
        {**known, "X-App-Token": "canary"},
    ):
        answer = client.ask(method, path, headers=headers)
        assert answer.status_code == 401
        error = answer.json()
        assert (error["code"], error["key"], error["message"]) == (
            401,
            "unauthorized",
            "Unauthorized",
        )
        assert "canary" not in answer.text


def test_an_unknown_path_or_method_is_an_error_of_the_vendors_kind(
    client: VoucherifyClient,
) -> None:
    for method, path, status in (
        ("GET", "/v1/vouchers", 404),
        ("GET", "/v1/exports/exp_1", 404),
        ("PUT", "/v1/exports/exp_1", 405),
    ):
        answer = client.ask(method, path)
        assert answer.status_code == answer.json()["code"] == status
        assert answer.json()["message"]


def test_every_answer_tells_how_many_calls_are_left() -> None:
    clock = Clock()
    now = int(clock().timestamp())
    with voucherify(clock, voucherify_calls=6, link_seconds=30) as client:
        url = client.url(client.create())
        for answer in (
            client.ask("GET", url),
            client.ask("GET", "/v1/exports", headers={}),
            client.ask("GET", "/v1/nowhere"),
        ):
            assert answer.headers["X-Rate-Limit-Limit"] == "6"
            assert answer.headers["X-Rate-Limit-Retry"] == str(now)
            assert "Retry-After" not in answer.headers
        assert answer.headers["X-Rate-Limit-Remaining"] == "1"


def test_one_call_too_many_waits_for_the_next_period() -> None:
    clock = Clock()
    now = int(clock().timestamp())
    with voucherify(clock, voucherify_calls=2, voucherify_calls_seconds=3600) as client:
        clock.forward(minutes=15)
        export_id = client.create()
        last = client.ask("GET", f"/v1/exports/{export_id}")
        assert last.status_code == 200
        assert last.headers["X-Rate-Limit-Remaining"] == "0"
        assert last.headers["X-Rate-Limit-Retry"] == str(now + 3600)
        for path in ("/v1/exports", "/download/v1/exports/exp_1"):
            limited = client.ask("GET", path)
            assert limited.status_code == limited.json()["code"] == 429
            assert limited.headers["Retry-After"] == "2700"
            assert limited.headers["X-Rate-Limit-Remaining"] == "0"
            assert limited.headers["X-Rate-Limit-Retry"] == str(now + 3600)
            assert limited.headers["X-Rate-Limit-Type"] == "api_calls"
        clock.forward(seconds=2700)
        assert client.ask("GET", "/v1/exports").status_code == 200
        # Spaaza's side counts nothing.
        assert "X-Rate-Limit-Limit" not in client.ask("GET", "/tasks").headers
