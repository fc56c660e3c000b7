"""Filters as the vendor's guide writes them, and the window that is put among them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from spaaza_source.errors import SettingsError
from spaaza_source.voucherify.filters import (
    add_window,
    all_of,
    any_of,
    can_be_narrowed,
    filter_text,
    where,
    window_of,
)
from spaaza_source.windows import MARGIN, Window

#: The two requests of the export guide.
CATEGORIES = {"categories": {"conditions": {"$in": ["postman"]}}}
REDEMPTIONS = {
    "junction": "and",
    "created_at": {
        "conditions": {
            "$after": ["2018-05-30T22:00:00.000Z"],
            "$before": ["2018-06-29T22:00:00.000Z"],
        }
    },
}
REDEMPTIONS_OF_A = where("customer_id", "is", "cust_canary")
WINDOW = Window(
    datetime(2018, 5, 30, 22, tzinfo=UTC) + MARGIN,
    datetime(2018, 6, 29, 22, tzinfo=UTC) - MARGIN,
)
BOTH = ("created_at", "updated_at")


def test_the_guides_filters_are_built_key_by_key() -> None:
    assert where("categories", "in", "postman") == CATEGORIES
    after = where("created_at", "$after", "2018-05-30T22:00:00.000Z")
    before = where("created_at", "$before", "2018-06-29T22:00:00.000Z")
    assert all_of(after, before) == REDEMPTIONS
    assert any_of(CATEGORIES)["junction"] == "or"


def test_a_window_is_asked_for_as_the_guide_does_with_a_margin() -> None:
    assert add_window(None, ["created_at"], WINDOW) == REDEMPTIONS
    assert window_of(REDEMPTIONS, ["created_at"]) == WINDOW


def test_a_window_by_either_of_two_fields() -> None:
    told = add_window(None, BOTH, WINDOW)
    assert told == {
        "junction": "or",
        "created_at": REDEMPTIONS["created_at"],
        "updated_at": REDEMPTIONS["created_at"],
    }
    assert window_of(told, BOTH) == WINDOW


def test_a_window_stands_beside_a_users_filter() -> None:
    told = add_window(CATEGORIES, ["created_at"], WINDOW)
    assert told == {**REDEMPTIONS, **CATEGORIES}
    assert window_of(told, ["created_at"]) == WINDOW


def test_a_window_without_a_begin() -> None:
    told = add_window(None, ["created_at"], Window(None, WINDOW.end))
    assert told is not None
    assert told["created_at"]["conditions"].keys() == {"$before"}
    assert window_of(told, ["created_at"]) == Window(None, WINDOW.end)


@pytest.mark.parametrize(
    ("filters", "fields", "can"),
    [
        (None, BOTH, True),
        (None, (), False),
        (CATEGORIES, ("created_at",), True),
        ({**CATEGORIES, "junction": "AND"}, ("created_at",), True),
        ({**CATEGORIES, "junction": "or"}, ("created_at",), False),
        (CATEGORIES, BOTH, False),
        (REDEMPTIONS, ("created_at",), False),
    ],
)
def test_one_junction_joins_all(filters: Any, fields: tuple[str, ...], can: bool) -> None:
    assert can_be_narrowed(filters, fields) is can


def test_a_filter_is_told_without_its_values() -> None:
    either = add_window(None, BOTH, WINDOW)
    told = {"filters": either, "campaign_id": "camp_1"}
    assert filter_text(told) == (
        "created_at after before or updated_at after before; campaign camp_1"
    )
    assert filter_text({"filters": all_of(CATEGORIES, REDEMPTIONS_OF_A)}) == (
        "categories in, customer_id is"
    )
    assert filter_text({"fields": ["id"]}) == ""


@pytest.mark.parametrize(
    "filters",
    [
        None,
        {},
        CATEGORIES,
        {"created_at": "x"},
        {"created_at": {"conditions": {"$after": ["x"]}}},
        {"created_at": {"conditions": {"$before": ["no date"]}}},
        {"created_at": {"conditions": {"$before": [CATEGORIES]}}},
        {"created_at": {"conditions": {"$before": "2018-05-30", "$is": ["2018"]}}},
    ],
)
def test_where_no_window_is_none_is_found(filters: Any) -> None:
    assert window_of(filters, ["created_at"]) is None


def test_no_groups_and_no_condition_twice() -> None:
    with pytest.raises(SettingsError, match="filters cannot be nested"):
        all_of(any_of(CATEGORIES), CATEGORIES)
    with pytest.raises(SettingsError, match="two conditions with the same operator"):
        all_of(CATEGORIES, CATEGORIES)
