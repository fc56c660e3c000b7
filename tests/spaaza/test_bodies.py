"""Every JSON body that the vendor's documents show, key by key.

The expected texts are the documents' own examples: "Exporting data from Spaaza", "Exporting
vouchers", "Exporting products and product variants", with a number for YOUR_CHAIN_ID.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from spaaza_source.spaaza.indexes import INDEXES
from spaaza_source.spaaza.segments import all_of, any_of, date, keyword, selection_for
from spaaza_source.spaaza.tasks_api import export_task
from spaaza_source.windows import MARGIN, Window, parse_instant

CHAIN = 1743
ONCE = "2026-05-26T12:00:00Z"


def body(
    index: str, desc: str, *rules: dict[str, Any], once: str = ONCE, **trigger: Any
) -> dict[str, Any]:
    """An example of the documents."""
    segment = {
        "segment": {
            "entity": "people",
            "index": index,
            "join": "all",
            "chain_id": CHAIN,
            "rules": list(rules),
        }
    }
    return {
        "chain": CHAIN,
        "desc": desc,
        "target": {"action": "export", "export_index": index, "export_format": "csv"},
        "trigger": {"once": once, **trigger, **(segment if rules else {})},
    }


def made(index: str, desc: str, segment: Any = None, **more: Any) -> dict[str, Any]:
    selection = selection_for(segment, index=index, chain_id=CHAIN, time_fields=[], window=None)
    return export_task(
        chain_id=CHAIN,
        desc=desc,
        export_index=index,
        selection=selection,
        **{"once": parse_instant(ONCE, "once"), **more},
    )


def same(one: Any, other: Any) -> bool:
    """Equal to the letter, the order of the keys included."""
    return json.dumps(one) == json.dumps(other)


@pytest.mark.parametrize(
    ("index", "desc"),
    [
        ("users", "Full user export"),
        ("vouchers", "Full vouchers export"),
        ("products", "Full products export"),
        ("product-variants", "Full product variants export"),
        ("transactions", "Full transactions export"),
        ("wallet-ledger", "Full wallet export"),
    ],
)
def test_all_records_of_an_index(index: str, desc: str) -> None:
    assert same(made(index, desc), body(index, desc))
    assert index in {known.export_index for known in INDEXES.values()}


@pytest.mark.parametrize(("days", "desc"), [(1, "in the last 24 hours"), (7, "in the last week")])
def test_vouchers_redeemed_lately(days: int, desc: str) -> None:
    rule = {
        "field_name": "date_time_redeemed",
        "field_type": "date",
        "operator": "relative_less_than",
        "time_factor": "day",
        "time_amount": days,
    }
    segment = all_of("vouchers", date("date_time_redeemed").within(days, "day"))
    expected = body("vouchers", desc, rule)
    assert made("vouchers", desc, segment) == expected
    assert same(made("vouchers", desc, [rule]), expected)


def test_vouchers_created_in_a_month() -> None:
    rule = {
        "field_name": "date_time_creation",
        "field_type": "date",
        "operator": "is_between_date",
        "start_date": "2026-03-01T00:00:00Z",
        "end_date": "2026-03-31T23:59:59Z",
    }
    march = date("date_time_creation").between("2026-03-01T00:00:00Z", "2026-03-31T23:59:59Z")
    desc = "Vouchers created in March 2026"
    assert same(made("vouchers", desc, [march]), body("vouchers", desc, rule))


def test_vouchers_that_expire_within_a_week() -> None:
    rule = {
        "field_name": "date_time_expiry",
        "field_type": "date",
        "operator": "relative_less_than",
        "time_factor": "day",
        "time_amount": 7,
    }
    desc = "Vouchers expiring within 7 days"
    made_body = made("vouchers", desc, [date("date_time_expiry").within(7)])
    assert same(made_body, body("vouchers", desc, rule))


def test_products_of_a_category() -> None:
    rule = {
        "field_name": "category",
        "field_type": "keyword",
        "operator": "is",
        "value": "Electronics",
    }
    made_body = made("products", "x", [keyword("category").equals("Electronics")])
    assert same(made_body, body("products", "x", rule))


def test_a_saved_segment_by_its_id() -> None:
    made_body = made("users", "x", "YOUR_SEGMENT_ID")
    assert made_body["trigger"] == {"once": ONCE, "segment_id": "YOUR_SEGMENT_ID"}


def test_an_export_that_repeats_daily() -> None:
    rule = {
        "field_name": "timestamp",
        "field_type": "date",
        "operator": "relative_less_than",
        "time_factor": "day",
        "time_amount": 1,
    }
    once = "2026-05-26T00:00:00Z"
    made_body = made("transactions", "x", [date("timestamp").within(1)], once=once, repeat="daily")
    assert same(made_body, body("transactions", "x", rule, once=once, repeat="daily"))


def test_a_raw_segment_passes_through_untouched() -> None:
    raw = {
        "entity": "people",
        "index": "users",
        "join": "any",
        "chain_id": CHAIN,
        "rules": [{"field_name": "x", "operator": "nobody_knows_this_one", "nested": True}],
    }
    assert made("users", "x", raw)["trigger"]["segment"] == raw


def test_rules_joined_by_any() -> None:
    segment = any_of("users", keyword("country").equals("NL"), keyword("country").equals("BE"))
    sent = made("users", "x", segment)["trigger"]["segment"]
    assert (sent["join"], sent["chain_id"], len(sent["rules"])) == ("any", CHAIN, 2)


def test_every_operator_that_is_documented_can_be_written() -> None:
    rules = [
        keyword("f").equals(1),
        keyword("f").differs(1),
        keyword("f").contains("a"),
        keyword("f").lacks("a"),
        date("f").on("2026-01-01T00:00:00Z"),
        date("f").after("2026-01-01T00:00:00Z"),
        date("f").before("2026-01-01T00:00:00Z"),
        date("f").between("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"),
        date("f").within(3, "day"),
    ]
    assert [rule["operator"] for rule in rules] == [
        "is",
        "is_not",
        "contains",
        "does_not_contain",
        "is_date",
        "is_after_date",
        "is_before_date",
        "is_between_date",
        "relative_less_than",
    ]


def test_a_window_is_asked_for_with_a_margin_on_both_sides() -> None:
    start, end = (parse_instant(day, "x") for day in ("2026-03-01", "2026-04-01"))
    sent = selection_for(
        [keyword("type").equals("online")],
        index="transactions",
        chain_id=CHAIN,
        time_fields=["timestamp"],
        window=Window(start, end),
    )["segment"]
    assert [rule["field_name"] for rule in sent["rules"]] == ["type", "timestamp"]
    between = sent["rules"][1]
    assert parse_instant(between["start_date"], "x") == start - MARGIN
    assert parse_instant(between["end_date"], "x") == end + MARGIN
