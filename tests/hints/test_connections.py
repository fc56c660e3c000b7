"""Hints about what a destination is connected with: corrected so, the load is there."""

from __future__ import annotations

from pathlib import Path

import dlt
import duckdb
import pytest

from tests.hints.loads import DATASET, Shop, advises, check_advice
from tests.hints.test_commands import command_for, loads, refuses, rows
from tests.vendors.spaaza_files import FileVendor

pytestmark = pytest.mark.slow

KEY = "DESTINATION__DUCKDB__CREDENTIALS"
#: Ways to name a DuckDB file, as hints have them.
FORMS = ("duckdb:///{file}", "{file}")


@pytest.mark.parametrize("form", [FORMS[0], pytest.param(FORMS[1], marks=pytest.mark.thorough)])
def test_an_address_of_duckdb_in_a_script(
    shop: Shop, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = shop.folder / "named.duckdb"

    def load() -> None:
        folder = str(shop.folder / "pipelines")
        pipeline = dlt.pipeline(
            "named", pipelines_dir=folder, destination="duckdb", dataset_name=DATASET
        )
        pipeline.run(shop.source("users"))

    monkeypatch.setenv(KEY, f"sqlite:///{file}")
    with advises("destination/connection.py", "Write {schemes[0]}:///PATH, or the path alone"):
        load()
    monkeypatch.setenv(KEY, form.format(file=file))
    load()
    with duckdb.connect(str(file)) as connection:
        assert connection.sql(f"SELECT count(*) FROM {DATASET}.users").fetchall() == [(3,)]


@pytest.mark.parametrize("form", [FORMS[1], pytest.param(FORMS[0], marks=pytest.mark.thorough)])
def test_an_address_of_duckdb_in_a_command(
    shop: Shop, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(shop.vendor, FileVendor)
    command = command_for(shop.vendor, monkeypatch)
    file = Path("named.duckdb").absolute()
    monkeypatch.setenv(KEY, f"sqlite:///{file}")
    told = refuses(command, "load", "users")
    check_advice("warehouse.py", "Write the path of a file, or duckdb:///PATH", told)
    monkeypatch.setenv(KEY, form.format(file=file))
    loads(command, "load", "users")
    assert rows(db=str(file)) == 3


def test_a_setting_of_another_destination(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    files = shop.into(kind="files")
    monkeypatch.setenv("DESTINATION__FILESYSTEM__MAX_STATE_FILES", "many")
    with advises("destination/connection.py", "Correct it; dlt documents what it is") as told:
        files.load("users")
    assert told[0].startswith("DESTINATION__FILESYSTEM__MAX_STATE_FILES: ")
    monkeypatch.setenv("DESTINATION__FILESYSTEM__MAX_STATE_FILES", "5")
    files.load("users")
    assert files.rows("users") == 3
