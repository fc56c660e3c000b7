"""A load that is killed between one of its commits and dlt's note of it is loaded once."""

from __future__ import annotations

import json
import logging
import signal
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.faults.cut_short import load
from tests.processes import ran
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import query

pytestmark = [pytest.mark.slow, pytest.mark.wing("dlt_hooks")]

OLD = b"user_id,created_date,name\n1,2026-05-03T10:00:00Z,Ann\n2,2026-05-04T10:00:00Z,Bob\n"
NEW = OLD.replace(b"Bob", b"Rob") + b"3,2026-05-05T10:00:00Z,Cy\n"
UPSERT = {
    "write_disposition": {"disposition": "merge", "strategy": "upsert"},
    "primary_key": "user_id",
}
SCD2 = {"write_disposition": {"disposition": "merge", "strategy": "scd2"}}
WINDOW: dict[str, Any] = {
    "start_date": "2026-05-01",
    "end_date": "2026-06-01",
    "time_columns": {"transactions": "created_date"},
}


def run(folder: Path, **settings: Any) -> int:
    """In a process of its own; its exit code."""
    return ran(partial(load, folder, **settings)).returncode


AFTER = [("1", "Ann"), ("2", "Rob"), ("3", "Cy")]


@dataclass(frozen=True)
class Case:
    """A second load of a table, and its rows afterwards."""

    table: str
    settings: dict[str, Any]
    rows: list[tuple[str, str]]


CASES = {
    "merged": Case("users", {"hints": {"primary_key": "user_id"}}, AFTER),
    "replace": Case("users", {"hints": {"write_disposition": "replace"}}, AFTER),
    "upsert": Case("users", {"hints": UPSERT}, AFTER),
    "window": Case("transactions", WINDOW, AFTER),
    "changed": Case("vouchers", {"hints": {"primary_key": "user_id"}}, AFTER),
    "append": Case(
        "users",
        {"hints": {"write_disposition": "append"}},
        sorted([("1", "Ann"), ("2", "Bob"), *AFTER]),
    ),
    "scd2": Case("users", {"hints": SCD2}, sorted([("2", "Bob"), *AFTER])),
}


@pytest.mark.parametrize(
    ("case", "killed_after"),
    [
        *(
            pytest.param(
                case,
                CASES[case].table,
                # `upsert` and `changed` go by a key too; `replace` and `append` go on below.
                marks=[] if case in {"merged", "window", "scd2"} else [pytest.mark.thorough],
            )
            for case in CASES
        ),
        # The table's own file is noted by then, and is put back with all others, whatever it does.
        pytest.param("merged", "export_jobs", marks=pytest.mark.thorough),
        ("append", "export_jobs"),
    ],
)
def test_what_was_committed_is_not_loaded_again(
    case: str, killed_after: str, tmp_path: Path
) -> None:
    table, rows = CASES[case].table, CASES[case].rows
    with FileVendor(**{table: OLD}) as vendor:
        given = {"base_url": vendor.base_url, "table": table, "max_age": 0, **CASES[case].settings}
        load(tmp_path, **given)
        vendor.files[table] = NEW
        assert run(tmp_path, **given, killed_after=killed_after) == -signal.SIGKILL
        load(tmp_path, **given)
        assert len(vendor.tasks) == 2
    assert query(tmp_path, f"SELECT user_id, name FROM {table} ORDER BY ALL") == rows
    assert query(tmp_path, "SELECT count(*), sum(loaded)::INT FROM export_jobs") == [(2, 5)]


def test_rows_of_nested_lists_are_not_loaded_again(tmp_path: Path) -> None:
    records = [{"user_id": number, "tags": [{"name": "a"}, {"name": "b"}]} for number in range(3)]
    with FileVendor(users=json.dumps(records).encode()) as vendor:
        given: dict[str, Any] = {"base_url": vendor.base_url, "table": "users"}
        given["export_format"] = "json"
        assert run(tmp_path, **given, killed_after="users__tags") == -signal.SIGKILL
        load(tmp_path, **given)
    assert query(tmp_path, "SELECT count(*) FROM users") == [(3,)]
    assert query(tmp_path, "SELECT count(*) FROM users__tags") == [(6,)]


@pytest.mark.thorough
def test_a_schema_that_was_being_written_is_no_schema(tmp_path: Path) -> None:
    with FileVendor(users=OLD) as vendor:
        given: dict[str, Any] = {"base_url": vendor.base_url, "table": "users", "max_age": 0}
        load(tmp_path, **given)
        schemas = tmp_path / "pipelines" / "spaaza" / "schemas"
        # As dlt's own writer leaves it when it is killed before the renaming.
        text = (schemas / "spaaza.schema.json").read_text()
        (schemas / "82c92c4361d4cb33").write_text(text[:200])
        vendor.files["users"] = NEW
        load(tmp_path, **given)
    assert query(tmp_path, "SELECT user_id, name FROM users ORDER BY ALL") == AFTER


def test_what_was_extracted_is_loaded_as_its_own_schema_says(tmp_path: Path) -> None:
    """Not as the load before it: its window is another, and so are its columns."""
    with FileVendor(transactions=OLD) as vendor:
        given: dict[str, Any] = {"base_url": vendor.base_url, "table": "transactions"}
        given |= {**WINDOW, "max_age": 0}
        load(tmp_path, **given)
        later = given | {"start_date": "2026-05-05"}
        vendor.files["transactions"] = (
            b"user_id,created_date,name,city\n3,2026-05-05T10:00:00Z,Cy,Ede\n"
        )
        assert run(tmp_path, **later, killed_extracted=True) == -signal.SIGKILL
        load(tmp_path, **later)
        assert len(vendor.tasks) == 2
    assert query(tmp_path, "SELECT user_id, name, city FROM transactions ORDER BY ALL") == [
        ("1", "Ann", None),
        ("2", "Bob", None),
        ("3", "Cy", "Ede"),
    ]


def test_what_was_normalized_is_not_normalized_again(tmp_path: Path) -> None:
    with FileVendor(users=OLD) as vendor:
        given: dict[str, Any] = {"base_url": vendor.base_url, "table": "users", "max_age": 0}
        # Where there is no dataset yet, dlt itself starts over.
        load(tmp_path, **given)
        vendor.files["users"] = NEW
        assert run(tmp_path, **given, killed_normalized=True) == -signal.SIGKILL
        load(tmp_path, **given)
        assert len(vendor.tasks) == 2
    assert query(tmp_path, "SELECT user_id, name FROM users ORDER BY ALL") == AFTER
    assert query(tmp_path, "SELECT count(*), sum(loaded)::INT FROM export_jobs") == [(2, 5)]


@pytest.mark.parametrize(
    "moment",
    ["killed_counted", pytest.param("killed_ending", marks=pytest.mark.thorough)],
)
def test_no_load_is_in_dlts_table_of_loads_twice(moment: str, tmp_path: Path) -> None:
    with FileVendor(users=OLD) as vendor:
        given: dict[str, Any] = {"base_url": vendor.base_url, "table": "users", "max_age": 0}
        load(tmp_path, **given)
        vendor.files["users"] = NEW
        # Once more by the run that completes it.
        for _ in range(2):
            assert run(tmp_path, **given, **{moment: True}) == -signal.SIGKILL
        assert query(tmp_path, "SELECT count(*) FROM _dlt_loads") == [(2,)]
        load(tmp_path, **given)
        assert len(vendor.tasks) == 2
    loads = "SELECT count(*), count(DISTINCT load_id) FROM _dlt_loads"
    assert query(tmp_path, loads) == [(2, 2)]
    assert query(tmp_path, "SELECT user_id, name FROM users ORDER BY ALL") == AFTER


def test_the_rows_of_a_killed_extraction_are_removed_by_the_next_run(tmp_path: Path) -> None:
    normalize = tmp_path / "pipelines" / "spaaza" / "normalize"
    with FileVendor(users=OLD) as vendor:
        given: dict[str, Any] = {"base_url": vendor.base_url, "table": "users", "max_age": 0}
        load(tmp_path, **given)
        vendor.files["users"] = NEW
        # What another program extracts, which takes no lock, and another pipeline.
        others = [
            tmp_path / "pipelines" / name / "normalize" / "0123456789abcdef" / "1.5" / "new_jobs"
            for name in ("spaaza", "other")
        ]
        for folder in others:
            folder.mkdir(parents=True)
            (folder / "theirs.parquet").touch()
        assert run(tmp_path, **given, killed_extracting=True) == -signal.SIGKILL
        left = [file for file in normalize.rglob("users.*") if b"Rob" in file.read_bytes()]
        assert left
        load(tmp_path, **given)
    assert not any(file.exists() for file in left)
    assert not list(normalize.rglob("users.*"))
    assert all((folder / "theirs.parquet").exists() for folder in others)
    assert query(tmp_path, "SELECT user_id, name FROM users ORDER BY ALL") == AFTER


@pytest.mark.parametrize("disposition", ["append", pytest.param(None, marks=pytest.mark.thorough)])
@pytest.mark.thorough
def test_a_load_that_was_about_to_be_put_aside_is_ended(
    disposition: str | None, tmp_path: Path
) -> None:
    with FileVendor(users=OLD) as vendor:
        given: dict[str, Any] = {"base_url": vendor.base_url, "table": "users", "max_age": 0}
        given["hints"] = {"write_disposition": disposition} if disposition else {}
        load(tmp_path, **given)
        vendor.files["users"] = NEW
        assert run(tmp_path, **given, killed_ending=True) == -signal.SIGKILL
        # This one ends it, as dlt has it, the next one asks again.
        load(tmp_path, **given)
        assert len(vendor.tasks) == 2
        rows = sorted([("1", "Ann"), ("2", "Bob"), *AFTER]) if disposition == "append" else AFTER
        assert query(tmp_path, "SELECT user_id, name FROM users ORDER BY ALL") == rows
        proven = "SELECT count(*), sum(loaded)::INT, bool_and(proven) FROM export_jobs"
        assert query(tmp_path, proven) == [(2, 5, True)]
        load(tmp_path, **given)
        assert len(vendor.tasks) == 3


def test_a_table_replaced_from_a_staging_table_is_not_loaded_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION__REPLACE_STRATEGY", "insert-from-staging")
    with FileVendor(users=NEW) as vendor:
        given: dict[str, Any] = {"base_url": vendor.base_url, "table": "users"}
        assert run(tmp_path, **given, killed_after="users") == -signal.SIGKILL
        load(tmp_path, **given)
    assert query(tmp_path, "SELECT count(*) FROM users") == [(3,)]


def test_a_merge_that_dlt_has_noted_is_made_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with FileVendor(users=OLD) as vendor:
        given: dict[str, Any] = {"base_url": vendor.base_url, "table": "users", "max_age": 0}
        load(tmp_path, **given)
        vendor.files["users"] = NEW
        assert run(tmp_path, **given, killed_after="export_jobs") == -signal.SIGKILL
        (package,) = (tmp_path / "pipelines" / "spaaza" / "load" / "normalized").glob("*.*")
        # As if it had been killed before dlt put the merge, which it had noted, among what is done.
        merge = "users.0123456789.0.sql"
        (package / "started_jobs" / merge).write_text("SELECT 1")
        (package / ".pending_transitions").mkdir(exist_ok=True)
        note = json.dumps({"state": "completed", "failed_message": None})
        (package / ".pending_transitions" / merge).write_text(note)
        logging.getLogger("dlt").addHandler(caplog.handler)
        load(tmp_path, **given)
        logging.getLogger("dlt").removeHandler(caplog.handler)
    assert query(tmp_path, "SELECT user_id, name FROM users ORDER BY ALL") == [
        ("1", "Ann"),
        ("2", "Rob"),
        ("3", "Cy"),
    ]
    assert "no matching started job" not in caplog.text
