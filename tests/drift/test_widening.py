"""Columns of whole numbers to which decimals come."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.drift.loads import kinds, load
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import column_types, query

pytestmark = pytest.mark.slow

FIRST = "name,score\na,5\nb,7\n"


def scores(folder: Path, columns: str = "score") -> list[tuple[Any, ...]]:
    return query(folder, f"SELECT {columns} FROM products ORDER BY name")


def test_decimals_widen_a_column_of_whole_numbers(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, FIRST)
    load(vendor, tmp_path, "name,score\na,10.5\nb,7\n")
    assert scores(tmp_path) == [(Decimal("10.5"),), (Decimal(7),)]
    assert kinds(tmp_path) == [("widened", "score", None)]
    pipeline = load(vendor, tmp_path, FIRST)
    assert scores(tmp_path) == [(Decimal(5),), (Decimal(7),)]
    assert kinds(tmp_path) == []
    assert column_types(tmp_path, "products")["score"] == "DECIMAL(38,9)"
    assert pipeline.default_schema.version == pipeline.default_schema.stored_version


@pytest.mark.thorough
def test_what_is_no_number_goes_to_the_variant_beside_the_decimals(
    vendor: FileVendor, tmp_path: Path
) -> None:
    load(vendor, tmp_path, FIRST)
    load(vendor, tmp_path, "name,score\na,10.5\nb,many\nc,7\n")
    assert scores(tmp_path, "score, score__v_text") == [
        (Decimal("10.5"), None),
        (None, "many"),
        (Decimal(7), None),
    ]
    assert kinds(tmp_path) == [("widened", "score", None), ("misfit", "score", 1)]


@pytest.mark.thorough
def test_other_text_widens_nothing(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, FIRST)
    load(vendor, tmp_path, "name,score\na,many\nb,7\n")
    assert scores(tmp_path, "score, score__v_text") == [(None, "many"), (7, None)]
    assert kinds(tmp_path) == [("misfit", "score", 1)]


@pytest.mark.parametrize(
    "merged",
    [True, pytest.param(False, marks=pytest.mark.thorough)],
    ids=["merged", "a window"],
)
def test_no_value_is_rounded_on_its_way_through_staging(
    vendor: FileVendor, tmp_path: Path, merged: bool
) -> None:
    if merged:
        first, second = FIRST, "name,score\na,10.5\nb,7.25\n"
        given: dict[str, Any] = {"hints": {"primary_key": "name"}}
        table = "products"
    else:
        first = "name,score,timestamp\na,5,2026-05-01T00:00:00Z\nb,7,2026-05-02T00:00:00Z\n"
        second = first.replace("5,2026", "10.5,2026", 1).replace("7,", "7.25,", 1)
        given = {"start_date": "2026-05-01", "end_date": "2026-06-01"}
        table = "transactions"
    for text in (first, first, second):
        load(vendor, tmp_path, text, table=table, **given)
    assert query(tmp_path, f"SELECT score FROM {table} ORDER BY name") == [
        (Decimal("10.5"),),
        (Decimal("7.25"),),
    ]


@pytest.mark.thorough
def test_a_json_export_widens_at_every_depth(vendor: FileVendor, tmp_path: Path) -> None:
    text = '[{"name": "a", "score": 5, "wallet": {"sum": 1}, "parts": [{"n": 1}]}]'
    load(vendor, tmp_path, text, export_format="json")
    text = text.replace(": 1", ": 1.5").replace(": 5", ": 10.5")
    load(vendor, tmp_path, text, export_format="json")
    assert scores(tmp_path, "score, wallet__sum") == [(Decimal("10.5"), Decimal("1.5"))]
    assert query(tmp_path, "SELECT n FROM products__parts") == [(Decimal("1.5"),)]
    assert [kind for kind, *_ in kinds(tmp_path)] == ["widened"] * 3


@pytest.mark.thorough
@pytest.mark.parametrize(
    "hints",
    [
        {"columns": {"score": {"data_type": "bigint"}}},
        pytest.param(
            {"schema_contract": {"data_type": "discard_value"}}, marks=pytest.mark.thorough
        ),
        pytest.param(
            {"write_disposition": {"disposition": "merge", "strategy": "scd2"}},
            marks=pytest.mark.thorough,
        ),
    ],
    ids=["a type of the user's", "a contract", "scd2"],
)
def test_what_is_not_to_change_is_not_widened(
    vendor: FileVendor, tmp_path: Path, hints: dict[str, Any]
) -> None:
    for text in (FIRST, "name,score\na,10.5\nb,7\n"):
        load(vendor, tmp_path, text, hints=hints)
    assert column_types(tmp_path, "products")["score"] == "BIGINT"
