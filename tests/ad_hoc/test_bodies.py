"""The line that makes each of the fourteen bodies that the vendors' documents print.

Each is sent as it is printed, with a number for YOUR_CHAIN_ID; of a part, such as a `trigger`, the
rest of the body is as the document's first example has it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import export_file
from spaaza_source.ad_hoc import ExportedFile
from tests.vendors.scripted_spaaza import ScriptedTasks
from tests.vendors.scripted_voucherify import KEYS, ScriptedExports
from tests.vendors.server import Answer, ScriptedServer

TOKEN = {"access_token_id": "id", "access_token_secret": "canary-secret"}
SESSION = {"session_user_id": "1", "session_key": "canary-key"}
ONCE = "2026-05-26T12:00:00Z"


def rule(field: str, **more: Any) -> dict[str, Any]:
    return {"field_name": field, "field_type": "date", **more}


def last_days(field: str, days: int) -> dict[str, Any]:
    return rule(field, operator="relative_less_than", time_factor="day", time_amount=days)


def segment(index: str, *rules: dict[str, Any]) -> dict[str, Any]:
    return {
        "entity": "people",
        "index": index,
        "join": "all",
        "chain_id": 1743,
        "rules": list(rules),
    }


def task(index: str, desc: str, **trigger: Any) -> dict[str, Any]:
    return {
        "chain": 1743,
        "desc": desc,
        "target": {"action": "export", "export_index": index, "export_format": "csv"},
        "trigger": {"once": ONCE, **trigger},
    }


MARCH = rule(
    "date_time_creation",
    operator="is_between_date",
    start_date="2026-03-01T00:00:00Z",
    end_date="2026-03-31T23:59:59Z",
)
CATEGORY = {
    "field_name": "category",
    "field_type": "keyword",
    "operator": "is",
    "value": "Electronics",
}

SPAAZA = {
    "overview: quick start": task("users", "Full user export"),
    "overview: segment": task(
        "vouchers", "A segment", segment=segment("vouchers", last_days("date_time_redeemed", 7))
    ),
    "overview: saved segment": task("users", "A saved segment", segment_id="YOUR_SEGMENT_ID"),
    "overview: recurring": {
        **task("transactions", "Recurring"),
        "trigger": {
            "once": "2026-05-26T00:00:00Z",
            "repeat": "daily",
            "segment": segment("transactions", last_days("timestamp", 1)),
        },
    },
    "vouchers: all": task("vouchers", "Full vouchers export"),
    "vouchers: redeemed": task(
        "vouchers",
        "Vouchers redeemed in the last 24 hours",
        segment=segment("vouchers", last_days("date_time_redeemed", 1)),
    ),
    "vouchers: created": task(
        "vouchers", "Vouchers created in March 2026", segment=segment("vouchers", MARCH)
    ),
    "vouchers: expiring": task(
        "vouchers",
        "Vouchers expiring within 7 days",
        segment=segment("vouchers", last_days("date_time_expiry", 7)),
    ),
    "products: all": task("products", "Full products export"),
    "products: variants": task("product-variants", "Full product variants export"),
    "products: category": task("products", "By category", segment=segment("products", CATEGORY)),
}
BULK_USERS = {"entity": "people", "chain_id": 1743, "join": "all", "rules": []}
VOUCHERIFY = {
    "exports: parameters": {
        "exported_object": "voucher",
        "parameters": {
            "fields": ["code", "voucher_type"],
            "filters": {"categories": {"conditions": {"$in": ["postman"]}}},
        },
    },
    "exports: redemptions": {
        "exported_object": "redemption",
        "parameters": {
            "order": "-created_at",
            "fields": ["id", "object", "date", "voucher_code", "customer_id", "result"],
            "filters": {
                "junction": "and",
                "created_at": {
                    "conditions": {
                        "$after": ["2018-05-30T22:00:00.000Z"],
                        "$before": ["2018-06-29T22:00:00.000Z"],
                    }
                },
            },
        },
    },
}


def test_fourteen_bodies_are_documented() -> None:
    assert len(SPAAZA) + 1 + len(VOUCHERIFY) == 14


@pytest.mark.parametrize("body", SPAAZA.values(), ids=SPAAZA)
def test_a_task(body: dict[str, Any], tmp_path: Path) -> None:
    with ScriptedTasks() as vendor:
        file = export_file(
            body, base_url=vendor.base_url, credentials=TOKEN, folder=tmp_path, poll_interval=0.01
        )
        assert json.dumps(vendor.bodies) == json.dumps([body])
    assert read(file) == [{"id": "1"}]


@pytest.mark.parametrize("body", VOUCHERIFY.values(), ids=VOUCHERIFY)
def test_an_export(body: dict[str, Any], tmp_path: Path) -> None:
    labels = b"ID,Object,Date,Voucher Code,Customer ID,Result\n"
    header = b"Code,Voucher Type\n" if body["exported_object"] == "voucher" else labels
    with ScriptedExports(file=header) as vendor:
        file = export_file(
            body, base_url=vendor.base_url, credentials=KEYS, folder=tmp_path, poll_interval=0.01
        )
        assert json.dumps(vendor.bodies) == json.dumps([body])
    assert file.arrow().schema.names == body["parameters"]["fields"]


def test_bulk_users(tmp_path: Path) -> None:
    with ScriptedServer(lambda _: Answer(200, b"ID\n1\n")) as vendor:
        file = export_file(
            BULK_USERS, base_url=vendor.base_url, credentials=SESSION, folder=tmp_path
        )
        assert json.loads(vendor.seen[0].body) == BULK_USERS
    assert read(file) == [{"id": "1"}]


def read(file: ExportedFile) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = file.arrow().read_all().to_pylist()
    return rows
