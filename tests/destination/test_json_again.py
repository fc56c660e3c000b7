"""JSON exports with nested lists, load after load: new values, new lists, two levels deep."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.destination.destinations import Destination
from tests.destination.loads import Load
from tests.vendors.spaaza_files import FileVendor

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

NOW = datetime.now(UTC).replace(microsecond=0)


def basket(number: int, *, hours: float, **more: Any) -> dict[str, Any]:
    """A basket with two items, each with a list of its own."""
    at = (NOW - timedelta(hours=hours)).isoformat().replace("+00:00", "Z")
    items = [
        {"sku": f"{number}-{item}", "lots": [{"lot": f"{number}-{item}-{lot}"} for lot in range(2)]}
        for item in range(2)
    ]
    return {"id": number, "timestamp": at, "items": items, **more}


def first() -> list[dict[str, Any]]:
    return [basket(1, hours=90), basket(2, hours=5), basket(3, hours=4)]


def second() -> list[dict[str, Any]]:
    """One has gone, one has new values and a new list, one is new."""
    changed = basket(2, hours=5, channel="web", payments=[{"type": "card", "parts": [1, 2]}])
    changed["items"][0] |= {"price": "2.50", "taxes": [{"rate": "0.21"}]}
    changed["items"].pop()
    return [basket(1, hours=90), changed, basket(4, hours=3)]


def third() -> list[dict[str, Any]]:
    """No list at all in one, and a list of lists in another."""
    bare = {"id": 4, "timestamp": basket(4, hours=3)["timestamp"], "items": []}
    deep = basket(5, hours=2, payments=[{"type": "cash", "parts": []}], notes=[["a"], ["b", "c"]])
    return [basket(1, hours=90), *second()[1:2], bare, deep]


def expected(baskets: list[dict[str, Any]]) -> dict[str, list[str]]:
    items = [item for one in baskets for item in one["items"]]
    return {
        "transactions": sorted(str(one["id"]) for one in baskets),
        "transactions__items": sorted(item["sku"] for item in items),
        "transactions__items__lots": sorted(lot["lot"] for item in items for lot in item["lots"]),
    }


def found(destination: Destination) -> dict[str, list[str]]:
    """The same, as the destination has it; each row of a list has its parent."""
    columns = {
        "transactions": "id",
        "transactions__items": "sku",
        "transactions__items__lots": "lot",
    }
    held = {table: destination.read(table) for table in columns}
    parents = {row["_dlt_id"] for row in held["transactions"]}
    for table in ("transactions__items", "transactions__items__lots"):
        assert {row["_dlt_parent_id"] for row in held[table]} <= parents
        parents = {row["_dlt_id"] for row in held[table]}
    return {table: sorted(row[columns[table]] for row in rows) for table, rows in held.items()}


@pytest.mark.parametrize("kind", ["duckdb", "postgres", "ducklake"])
@pytest.mark.parametrize(
    ("table", "settings"),
    [
        pytest.param("transactions", {}, id="increments"),
        pytest.param(
            "transactions",
            {"start_date": (NOW - timedelta(hours=100)).isoformat()},
            id="windows",
        ),
    ],
)
def test_nested_lists_load_again_and_again(
    make_destination: Callable[[str], Destination],
    tmp_path: Path,
    kind: str,
    table: str,
    settings: dict[str, Any],
) -> None:
    destination = make_destination(kind)
    given = {"export_format": "json", "accept_deletes": True, **settings}
    with FileVendor() as vendor:
        load = Load(tmp_path, vendor.base_url, (table,), destination.name, given)
        for state in (first, second, third, third):
            vendor.files[table] = json.dumps(state()).encode()
            load.run()
            assert found(destination) == expected(state()), state.__name__
    payments = destination.rows("transactions__payments", "type")
    assert payments == [("card",), ("cash",)]
    assert destination.rows("transactions__payments__parts", "value") == [(1,), (2,)]
    assert destination.rows("transactions__items__taxes", "rate") == [(Decimal("0.21"),)]
    assert {proven for (proven,) in destination.rows("export_jobs", "proven")} == {True}


@pytest.mark.parametrize("kind", ["duckdb", "postgres", "ducklake"])
def test_nested_lists_of_a_snapshot(
    make_destination: Callable[[str], Destination], tmp_path: Path, kind: str
) -> None:
    destination = make_destination(kind)
    given = {"export_format": "json", "accept_deletes": True}
    people: list[dict[str, Any]] = [
        {"user_id": one, "tags": [{"n": f"{one}{tag}"} for tag in "ab"]} for one in range(4)
    ]
    with FileVendor() as vendor:
        load = Load(tmp_path, vendor.base_url, ("users",), destination.name, given)
        for number in range(3):
            people[number]["level"] = number
            people[number]["seen"] = [{"at": [number, number]}]
            shown = people[number:] if number else people
            vendor.files["users"] = json.dumps(shown).encode()
            load.run()
            tags = sorted(tag["n"] for one in shown for tag in one["tags"])
            assert destination.rows("users__tags", "n") == [(tag,) for tag in tags]
            # Those before have left the file.
            assert destination.rows("users__seen__at", "value") == [(number,)] * 2
