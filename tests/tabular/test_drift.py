from __future__ import annotations

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
    told = column_changes(before.split(), after.split())
    kinds = [change.change for change in told if change.change == "moved"]
    if kinds and changes and changes[0].name != told[0].name:
        # Two columns that swapped: either may be said to have moved.
        assert len(told) == len(changes)
    else:
        assert told == changes


@given(NAMES, NAMES)
def test_the_changes_lead_from_one_header_to_the_other(before: list[str], after: list[str]) -> None:
    told = column_changes(before, after)
    renamed = {change.previous_name: change.name for change in told if change.change == "renamed"}
    removed = {change.name for change in told if change.change == "removed"}
    added = {change.name for change in told if change.change == "added"}
    kept = {renamed.get(name, name) for name in before} - removed
    assert kept | added == set(after)
    assert not kept & added


@given(st.permutations("abcdefgh"))
def test_what_has_not_moved_has_kept_its_order(after: list[str]) -> None:
    moved = {change.name for change in column_changes("abcdefgh", after)}
    stayed = [name for name in after if name not in moved]
    assert stayed == sorted(stayed)
