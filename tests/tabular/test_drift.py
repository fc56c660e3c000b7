from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaaza_source.tabular.drift import ColumnChange, column_changes

NAMES = st.lists(st.sampled_from("abcdefgh"), unique=True)


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ("id name", "id name", []),
        ("id name", "id name city", [ColumnChange("added", "city", position=3)]),
        ("id name", "id city name", [ColumnChange("added", "city", position=2)]),
        ("id name city", "id city", [ColumnChange("removed", "name", previous_position=2)]),
        ("id name city", "name id city", [ColumnChange("moved", "name", None, 1, 2)]),
        ("a b c d", "d a b c", [ColumnChange("moved", "d", None, 1, 4)]),
        ("a b c d", "b c d a", [ColumnChange("moved", "a", None, 4, 1)]),
        # Two that swapped: either may be said to have moved, and it is always the one in front.
        ("id name city", "id city name", [ColumnChange("moved", "city", None, 2, 3)]),
        (
            "a b c d",
            "d b c a",
            [ColumnChange("moved", "d", None, 1, 4), ColumnChange("moved", "a", None, 4, 1)],
        ),
        (
            "id phone_number city",
            "id phone_nr city",
            [ColumnChange("renamed", "phone_nr", "phone_number", 2, 2)],
        ),
        # Between the same neighbours in the same place: one column, whatever it is called now.
        ("id city zip", "id town zip", [ColumnChange("renamed", "town", "city", 2, 2)]),
        (
            "id email zip",
            "id zip shoe_size",
            [
                ColumnChange("added", "shoe_size", position=3),
                ColumnChange("removed", "email", previous_position=2),
            ],
        ),
    ],
)
def test_a_change_of_the_header_is_told_as_what_it_is(
    before: str, after: str, changes: list[ColumnChange]
) -> None:
    assert column_changes(before.split(), after.split()) == changes


@given(NAMES, NAMES)
def test_the_changes_lead_from_one_header_to_the_other(before: list[str], after: list[str]) -> None:
    told = column_changes(before, after)
    renamed = {change.previous_name: change.name for change in told if change.change == "renamed"}
    removed = {change.name for change in told if change.change == "removed"}
    added = {change.name for change in told if change.change == "added"}
    kept = {renamed.get(name, name) for name in before} - removed
    assert kept | added == set(after)
    assert not kept & added


@given(st.permutations("abcdef"))
def test_the_fewest_columns_have_moved(after: list[str]) -> None:
    moved = {change.name for change in column_changes("abcdef", after)}
    stayed = [name for name in after if name not in moved]
    assert stayed == sorted(stayed)
    longer = combinations(after, len(stayed) + 1)
    assert not any(list(names) == sorted(names) for names in longer)
