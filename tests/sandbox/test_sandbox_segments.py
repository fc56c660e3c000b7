"""What each operator keeps, on a table small enough to see."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.sandbox.sandbox_client import Client, OneTable, running

TIMES = np.array(
    [
        "2026-03-01T00:00:00.000000",
        "2026-03-01T00:00:00.000001",
        "2026-03-31T23:59:58.999999",
        "2026-03-31T23:59:59.000000",
        "2026-03-31T23:59:59.000001",
        "NaT",
    ],
    "datetime64[us]",
)
TABLE = pa.table(
    {
        "row": pa.array([f"{n}" for n in range(6)]),
        "at": pa.array(TIMES).cast(pa.timestamp("us", "UTC")),
        "word": ["Été", "été", "a.b", "axb", "", None],
        "price": pa.array([Decimal(n) / 2 for n in range(5)] + [None], pa.decimal128(9, 2)),
        "on": [True, False, True, None, False, True],
        "address_town": ["Gent", None, "Gent", "York", "York", "Gent"],
    }
)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with running(None, OneTable(TABLE)) as client:
        yield client


def at(operator: str, **dates: str) -> dict[str, Any]:
    return {"field_name": "at", "operator": operator, **dates}


def keyword(field: str, operator: str, value: Any) -> dict[str, Any]:
    return {"field_name": field, "field_type": "keyword", "operator": operator, "value": value}


START, END = "2026-03-01T00:00:00Z", "2026-03-31T23:59:59Z"
BETWEEN_1_AND_2 = {
    "field_name": "price",
    "field_type": "number",
    "operator": "is_between_number",
    "min": 1,
    "max": 2,
}
NESTED = {**keyword("town", "is", "Gent"), "nested": True, "nesting_path": "address"}


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        (at("is_between_date", start_date=START, end_date=END), "0123"),
        (at("is_between_date", start_date="2026-03-01T00:00:00.000001Z", end_date=END), "123"),
        (
            at("is_between_date", start_date=START, end_date="2026-03-31T23:59:58.999999999Z"),
            "012",
        ),
        (
            at("is_between_date", start_date="2026-03-01T00:00:00.0000001Z", end_date=END),
            "123",
        ),
        (at("is_after_date", start_date=START), "1234"),
        (at("is_after_date", start_date="2026-03-31T23:59:58.9999999Z"), "34"),
        (at("is_before_date", end_date=END), "012"),
        (at("is_before_date", end_date="2026-03-31T23:59:59.0000005Z"), "0123"),
        (at("is_date", value="2026-03-31"), "234"),
        (at("is_date", value="2026-03-01T18:00:00Z"), "01"),
        (keyword("word", "is", "été"), "1"),
        (keyword("word", "is_not", "été"), "02345"),
        (keyword("word", "contains", "t"), "01"),
        (keyword("word", "contains", "a."), "2"),
        (keyword("word", "does_not_contain", "t"), "2345"),
        (keyword("price", "is", 0.5), "1"),
        (keyword("price", "is", "0.50"), "1"),
        (keyword("on", "is", True), "025"),
        (BETWEEN_1_AND_2, "234"),
        (NESTED, "025"),
    ],
)
def test_a_rule_keeps_the_rows_that_fit(client: Client, rule: dict[str, Any], kept: str) -> None:
    assert "".join(row["row"] for row in client.rows("users", rule)) == kept


def test_all_joins_with_and_any_joins_with_or(client: Client) -> None:
    rules = (keyword("on", "is", True), keyword("address_town", "is", "York"))
    assert client.rows("users", *rules, join="all") == []
    assert [row["row"] for row in client.rows("users", *rules, join="any")] == list("02345")


def test_a_segment_without_rules_keeps_every_row() -> None:
    saved = {"entity": "people", "index": "users", "join": "all", "chain_id": 1743, "rules": []}
    with running(None, OneTable(TABLE), saved_segments={"everyone": saved}) as other:
        trigger = {"once": "2026-05-26T12:00:00Z", "segment_id": "everyone"}
        task = other.create(trigger=trigger)
        assert "6 rows" in other.task(task)["logs"][0]["message"]


@pytest.mark.slow
def test_windows_side_by_side_share_every_row_out_once() -> None:
    first, second, last = "2025-02-03T12:34:56Z", "2026-01-01T00:00:00.5Z", "2027-01-01T00:00:00Z"
    rules = [
        [{"operator": "is_before_date", "end_date": first}],
        [
            {"operator": "is_between_date", "start_date": first, "end_date": second},
            {"operator": "is_before_date", "end_date": second},
        ],
        [{"operator": "is_between_date", "start_date": second, "end_date": last}],
    ]
    # Enough rows for several blocks, so that some are skipped.
    with running(rows=120_000) as client:
        whole = client.export("wallet-ledger").splitlines()
        parts = [
            client.export("wallet-ledger", *({"field_name": "timestamp", **r} for r in window))
            for window in rules
        ]
        shared_out = [line for part in parts for line in part.splitlines()[1:]]
        assert all(len(part) > 1000 for part in parts)
        assert shared_out == whole[1:]
