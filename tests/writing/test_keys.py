"""What is a key, and why something is none."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from spaaza_source.writing.keys import Key, KeyCandidates, KeyViolation


def keys(*parts: dict[str, Any], candidates: list[Key]) -> KeyCandidates:
    collected = KeyCandidates(candidates)
    for part in parts:
        collected.add(pa.table(part))
    return collected


def test_the_first_candidate_that_every_row_has_once_is_the_key() -> None:
    part = {"id": [1, 1], "code": ["a", None], "number": [7, 8], "name": ["x", "y"]}
    candidates: list[Key] = [("other",), ("id",), ("code",), ("number",), ("name",)]
    assert keys(part, candidates=candidates).proven() == ("number",)


def test_the_parts_of_a_table_share_its_key() -> None:
    assert keys({"id": [1]}, {"id": [2]}, candidates=[("id",)]).proven() == ("id",)
    assert keys({"id": [1]}, {"id": [1]}, candidates=[("id",)]).proven() is None
    assert keys({"id": [1]}, {"code": [1]}, candidates=[("id",)]).proven() is None


def test_several_columns_may_be_a_key_together() -> None:
    part = {"chain": [1, 1, 2], "code": ["a", "b", "a"]}
    candidates: list[Key] = [("chain",), ("code",), ("chain", "code")]
    assert keys(part, candidates=candidates).proven() == ("chain", "code")


def test_no_row_proves_no_key() -> None:
    assert keys({"id": []}, candidates=[("id",)]).proven() is None
    assert keys({"id": []}, candidates=[("id",)]).violation(("id",)) is None


def test_a_breach_counts_and_names_the_first_row() -> None:
    parts: list[dict[str, Any]] = [{"id": [1, 2, 3]}, {"id": [2, None, 2]}]
    assert keys(*parts, candidates=[("id",)]).violation(("id",)) == KeyViolation(1, 2, first=3)
    compound = keys({"a": [1, 1, None], "b": [1, 2, 2]}, candidates=[("a", "b")])
    assert compound.violation(("a", "b")) == KeyViolation(1, 0, first=2)
    assert keys({"id": [1, 2]}, candidates=[("id",)]).violation(("id",)) is None


def test_records_have_keys_too() -> None:
    collected = KeyCandidates([("id",), ("code",)])
    collected.add_records([{"id": 1, "code": "a"}, {"id": "1", "code": "b"}])
    collected.add_records([{"code": "c"}])
    assert collected.proven() == ("code",)
    assert collected.violation(("id",)) == KeyViolation(1, 1, first=1)


@pytest.mark.parametrize("cells", [[[3, 1, 2]], [[3, 1], [2, 4]], [[3], [], [1]]])
def test_numbers_are_told_apart_without_being_changed(cells: list[list[int]]) -> None:
    keys = KeyCandidates([("id",)])
    for part in cells:
        keys.add(pa.table({"id": pa.array(part, pa.int64())}))
    assert keys.proven() == ("id",)
    assert keys.cells(("id",))["id"].to_pylist() == [cell for part in cells for cell in part]
    keys.add(pa.table({"id": [3]}))
    assert keys.proven() is None
