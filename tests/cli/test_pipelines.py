"""Each destination and account has a pipeline of its own: an unfinished load is no hindrance."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

from spaaza_source import spaaza_source
from spaaza_source.errors import SettingsError
from tests.command import PREFIX, runner
from tests.vendors.spaaza_files import DatedVendor, FileVendor

TOKEN = {"access_token_id": "a", "access_token_secret": "b"}
Spaaza = Callable[..., tuple[int, list[str]]]
pytestmark = [pytest.mark.slow, pytest.mark.wing("cli")]


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with DatedVendor(users=b"id,name\n1,a\n2,b\n") as served:
        yield served


@pytest.fixture
def spaaza(vendor: FileVendor, monkeypatch: pytest.MonkeyPatch) -> Spaaza:
    settings = {"POLL_INTERVAL": "0.01", "START_MARGIN": "0", "STAGGER": "0", "MAX_AGE": "0"}
    settings |= {"CREDENTIALS__ACCESS_TOKEN_ID": "a", "CREDENTIALS__ACCESS_TOKEN_SECRET": "b"}
    settings |= {"BASE_URL": vendor.base_url, "CHAIN_ID": "1743"}
    return runner(monkeypatch, **settings)


def rows_in(database: str, dataset: str = "spaaza_data") -> int:
    with duckdb.connect(database) as warehouse:
        return warehouse.sql(f"SELECT * FROM {dataset}.users").fetchall().__len__()


def block(database: str) -> None:
    """Let a load into it fail: a view stands where an audit table would."""
    with duckdb.connect(database) as warehouse:
        warehouse.execute(
            "CREATE SCHEMA spaaza_data; CREATE VIEW spaaza_data.column_changes AS SELECT 1 AS a"
        )


def unblock(database: str) -> None:
    with duckdb.connect(database) as warehouse:
        warehouse.execute("DROP VIEW spaaza_data.column_changes")


@pytest.fixture
def unfinished(spaaza: Spaaza) -> str:
    """A database whose load was not finished."""
    block("blocked.duckdb")
    code, lines = spaaza("load", "users", "--db=blocked.duckdb")
    assert code == 1, lines
    return "blocked.duckdb"


@pytest.mark.usefixtures("unfinished")
def test_a_load_into_another_database_goes_on(spaaza: Spaaza) -> None:
    code, lines = spaaza("load", "users", "--db=other.duckdb")
    assert code == 0, lines
    assert rows_in("other.duckdb") == 2


@pytest.mark.usefixtures("unfinished")
def test_commands_that_look_never_refuse(spaaza: Spaaza) -> None:
    for database in ("blocked", "other"):
        for command in (("plan",), ("jobs",), ("check",)):
            code, lines = spaaza(*command, "users", f"--db={database}.duckdb")
            assert code == 0, lines
    assert not Path("other.duckdb").exists()


@pytest.mark.thorough
def test_a_database_that_is_gone_hinders_no_other(spaaza: Spaaza, unfinished: str) -> None:
    Path(unfinished).unlink()
    code, lines = spaaza("load", "users", "--db=other.duckdb")
    assert code == 0, lines


def test_another_account_has_a_pipeline_of_its_own(
    spaaza: Spaaza, unfinished: str, vendor: FileVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor.chain = 1744
    monkeypatch.setenv(PREFIX + "CHAIN_ID", "1744")
    code, lines = spaaza("load", "users", f"--db={unfinished}", "--dataset=theirs")
    assert code == 0, lines
    assert rows_in(unfinished, "theirs") == 2


@pytest.mark.follows("cli/pipeline.py", "Run the same command for that destination")
@pytest.mark.thorough
def test_a_named_pipeline_tells_where_it_has_not_finished(spaaza: Spaaza) -> None:
    block("blocked.duckdb")
    spaaza("load", "users", "--db=blocked.duckdb", "--pipeline=mine")
    code, lines = spaaza("load", "users", "--db=other.duckdb", "--pipeline=mine")
    assert code == 2
    (said,) = [line for line in lines if line.startswith("spaaza: ")]
    assert str(Path("blocked.duckdb").absolute()) in said
    assert "--abandon" in said
    code, lines = spaaza("load", "users", "--db=other.duckdb", "--pipeline=mine", "--abandon")
    assert code == 0, lines
    assert rows_in("other.duckdb") == 2


@pytest.mark.parametrize(
    "way_out", ["--abandon", pytest.param("--full-refresh", marks=pytest.mark.thorough)]
)
def test_a_load_that_is_given_up_is_loaded_from_the_same_exports(
    spaaza: Spaaza,
    vendor: FileVendor,
    monkeypatch: pytest.MonkeyPatch,
    unfinished: str,
    way_out: str,
) -> None:
    unblock(unfinished)
    monkeypatch.setenv(PREFIX + "MAX_AGE", "3600")
    code, lines = spaaza("load", "users", f"--db={unfinished}", way_out)
    assert code == 0, lines
    assert rows_in(unfinished) == 2
    assert len(vendor.tasks) == 1


def test_an_unfinished_load_is_finished_without_a_new_export(
    spaaza: Spaaza, unfinished: str, vendor: FileVendor
) -> None:
    """Nobody asks for what it brings once more, and other tables are not left out for it."""
    unblock(unfinished)
    package = _only_package()
    (package / "spaaza_failed_for_good").unlink(missing_ok=True)
    vendor.files |= {"users": b"id,name\n1,a\n2,b\n3,c\n", "products": b"id\n1\n"}
    code, lines = spaaza("load", "users", "products", f"--db={unfinished}")
    assert code == 0, lines
    assert rows_in(unfinished) == 2
    subjects = [task["target"]["export_index"] for task in vendor.tasks]
    assert subjects == ["users", "products"]
    assert any(line.startswith("products") for line in lines)


@pytest.mark.thorough
def test_the_demo_begins_anew_and_leaves_tables_of_others_alone(spaaza: Spaaza) -> None:
    for rows in (30, 20):
        code, lines = spaaza("demo", "--db=demo.duckdb", f"--rows={rows}")
        assert code == 0, lines
        assert rows_in("demo.duckdb") == rows
    assert spaaza("load", "users", "--db=own.duckdb")[0] == 0
    with pytest.raises(SettingsError, match="tables of the pipeline spaaza_"):
        spaaza("demo", "--db=own.duckdb", "--rows=20")
    assert rows_in("own.duckdb") == 2


def _only_package() -> Path:
    (package,) = Path(os.environ["DLT_DATA_DIR"]).glob("pipelines/*/load/normalized/*")
    return package


@pytest.mark.thorough
def test_what_a_script_has_loaded_is_known_to_the_commands(
    spaaza: Spaaza, vendor: FileVendor
) -> None:
    source = spaaza_source(
        vendor.base_url, 1743, TOKEN, poll_interval=0.01, start_margin=0, stagger=0, max_age=0
    )
    pipeline: Any = dlt.pipeline(
        "a_script", destination=dlt.destinations.duckdb("spaaza.duckdb"), dataset_name="spaaza_data"
    )
    pipeline.run(source.with_resources("users"))
    code, lines = spaaza("jobs", "users")
    assert code == 0, lines
    assert any("loaded" in line for line in lines), lines
    code, lines = spaaza("check", "--deep", "users")
    assert code == 0, lines
    assert any("equal" in line for line in lines), lines
    code, lines = spaaza("load", "users", "--log=json")
    assert code == 0, lines
    assert [json.loads(line) for line in lines]
    assert rows_in("spaaza.duckdb") == 2
