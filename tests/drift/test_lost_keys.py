"""A key that stops fitting, vanishes or repeats stops the load, and the way out works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from spaaza_source import spaaza_source
from tests.drift.loads import CREDENTIALS, load
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.slow

# Not a documented name: the first file's numbers make it a column of whole numbers.
ROWS = "number,name\n1,a\n2,b\n3,c\n"
KEY = {"primary_key": "number"}
UUIDS = "number,name\n0b8f1c2e-aaaa,a\n0b8f1c2e-bbbb,b\n,c\n"


def refused(vendor: FileVendor, folder: Path, text: str, **given: Any) -> str:
    with pytest.raises(PipelineStepFailed) as failed:
        load(vendor, folder, text, **given)
    assert query(folder, "SELECT count(*) FROM products")[0][0] == len(ROWS.splitlines()) - 1
    return str(failed.value)


def load_anew(vendor: FileVendor, folder: Path, text: str, **hints: Any) -> None:
    """What the hints of these errors name."""
    vendor.files["products"] = text.encode()
    waiting: dict[str, Any] = {"poll_interval": 0, "start_margin": 0, "stagger": 0}
    source = spaaza_source(vendor.base_url, 1743, CREDENTIALS, **waiting)
    source.resources["products"].apply_hints(**hints)
    pipeline_into(folder).run(source.with_resources("products"), refresh="drop_resources")


@pytest.mark.follows("writing/keys/broken_key.py", "If the vendor has changed its form")
def test_a_users_key_that_stops_fitting(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, ROWS, hints=KEY)
    text = refused(vendor, tmp_path, UUIDS, hints=KEY)
    assert "the key number does not fit its type in 2 rows and is empty in 1 row" in text
    assert "0b8f" not in text
    load_anew(vendor, tmp_path, UUIDS.replace("\n,c", "\n0b8f1c2e-cccc,c"), **KEY)
    assert query(tmp_path, "SELECT min(number) FROM products") == [("0b8f1c2e-aaaa",)]


@pytest.mark.follows("writing/keys/broken_key.py", "{hint} If none do")
@pytest.mark.follows("writing/keys/broken_key.py", "If the vendor has replaced it")
@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("id,name\n1,a\n2,b\n2,c\n", "the key id repeats that of an earlier row in 1"),
        pytest.param(
            "id,name\n1,a\n2,b\n,c\n", "the key id is empty in 1 row", marks=pytest.mark.thorough
        ),
        ("ref,name\n1,a\n2,b\n3,c\n", "the file has no column id"),
    ],
    ids=["repeats", "is empty", "vanishes"],
)
def test_a_key_that_the_rows_had_proven(
    vendor: FileVendor, tmp_path: Path, text: str, cause: str
) -> None:
    load(vendor, tmp_path, ROWS.replace("number", "id"))
    told = refused(vendor, tmp_path, text)
    assert cause in told
    assert "--full-refresh" in told
    load_anew(vendor, tmp_path, text)
    assert query(tmp_path, "SELECT count(*) FROM products") == [(3,)]


@pytest.mark.thorough
def test_a_key_of_a_json_export(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, '[{"number": 1}, {"number": 2}, {"number": 3}]', export_format="json")
    given: dict[str, Any] = {"export_format": "json", "hints": KEY}
    text = refused(vendor, tmp_path, '[{"number": 1}, {"number": "x7"}, {"number": 3}]', **given)
    assert "the key number does not fit its type in 1 row" in text
