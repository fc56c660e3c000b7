"""Headers of several files of one table: which are one column, and which are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from spaaza_source.drift import name_by_text
from spaaza_source.tabular import make_speller
from tests.drift.loads import kinds, last_notices, load
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import query

pytestmark = pytest.mark.slow

INVISIBLE = {"mark": "\ufeff", "space": "\u200b", "direction": "\u200e", "hyphen": "\u00ad"}


@pytest.mark.parametrize("sign", INVISIBLE.values(), ids=INVISIBLE)
def test_signs_that_nobody_sees_are_no_part_of_a_name(sign: str) -> None:
    spell = make_speller()
    assert [spell(f"{sign}id"), spell(f"id{sign}"), spell(f" {sign}i{sign}d ")] == ["id"] * 3


@pytest.mark.thorough
def test_a_key_behind_a_second_byte_order_mark_is_found(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, "id,name\n1,a\n")
    load(vendor, tmp_path, "\ufeff\ufeffid,name\u200e\n1,b\n")
    assert query(tmp_path, "SELECT id::TEXT, name FROM products") == [("1", "b")]
    assert kinds(tmp_path) == []


@pytest.mark.parametrize(
    "other", ["NAME", " name ", "Name:", "(name)", "n a m e", "na-me", "\u200bname"]
)
def test_case_spaces_and_punctuation_make_no_other_header(other: str) -> None:
    assert name_by_text(lambda _: "name", {"name": "name"})(other) == "name"


@pytest.mark.parametrize("other", ["name €", "naam", "name 2", "+name", "näme"])
def test_any_other_sign_makes_another(other: str) -> None:
    name = name_by_text(lambda text: text if "_" in text else "name", {"name": "name"})
    assert name(other).startswith("name_")
    assert name(other) == name(other.upper())


@pytest.mark.parametrize(
    ("first", "second", "column"),
    [
        ("Total spend (€)", "Total spend (¥)", "total_spendx"),
        pytest.param("Πόλη", "Όνομα", "x", marks=pytest.mark.thorough),
        pytest.param("Prénom", "Pr nom", "pr_nom", marks=pytest.mark.thorough),
    ],
)
def test_another_text_under_one_name_has_a_column_of_its_own(
    vendor: FileVendor, tmp_path: Path, first: str, second: str, column: str
) -> None:
    load(vendor, tmp_path, f"id,{first}\n1,5\n")
    load(vendor, tmp_path, f"id,{second}\n1,700\n")
    told = last_notices(tmp_path)
    own = next(each["column"] for each in told if each["kind"] == "other_header")
    assert own.startswith(f"{column}_")
    assert query(tmp_path, f"SELECT {column}, {own} FROM products") == [(None, 700)]
    # The one is the first's, and the other the second's, in whichever order they come.
    load(vendor, tmp_path, f"id,{first}\n1,5\n")
    assert query(tmp_path, f"SELECT {column}, {own} FROM products") == [(5, None)]
    load(vendor, tmp_path, f"id,{second.upper()}\n1,800\n")
    assert query(tmp_path, f"SELECT {column}, {own} FROM products") == [(None, 800)]


@pytest.mark.thorough
def test_a_key_of_another_text_stops_a_json_export(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, '[{"id": 1, "Spend (€)": 5}]', export_format="json")
    load(vendor, tmp_path, '[{"id": 1, "SPEND (€)": 6}]', export_format="json")
    with pytest.raises(PipelineStepFailed, match=r"Spend \(¥\).* was 'SPEND \(€\)'") as refused:
        load(vendor, tmp_path, '[{"id": 1, "Spend (¥)": 700}]', export_format="json")
    assert query(tmp_path, "SELECT spendx FROM products") == [(6,)]
    assert "SCHEMA__NAMING=direct" in str(refused.value)


@pytest.mark.thorough
def test_a_header_of_another_alphabet_is_told_and_the_convention_that_keeps_it_does(
    vendor: FileVendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(vendor, tmp_path, "id,Πόλη\n1,a\n")
    assert kinds(tmp_path) == [("unspelled", "x", 1)]
    load(vendor, tmp_path, "id,Πόλη\n1,a\n")
    assert kinds(tmp_path) == []
    for text, given in (("id,Πόλη,Όνομα\n1,a,b\n", "csv"), ('[{"Πόλη": 1, "Όνομα": 2}]', "json")):
        with pytest.raises(PipelineStepFailed, match="SCHEMA__NAMING=direct"):
            load(vendor, tmp_path / given, text, export_format=given)
    monkeypatch.setenv("SCHEMA__NAMING", "direct")
    load(vendor, tmp_path / "kept", "id,Πόλη,Όνομα\n1,a,b\n")
    assert query(tmp_path / "kept", 'SELECT id::TEXT, "Πόλη", "Όνομα" FROM products') == [
        ("1", "a", "b")
    ]
