"""A load that is killed, and loads at the same time, end in the same rows as one undisturbed."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.destination.destinations import Destination
from tests.destination.loads import WHOLE_PACKAGE, Load, at_once
from tests.vendors.spaaza_files import FileVendor

pytestmark = pytest.mark.slow

OLD = b"user_id,created_date,name\n1,2026-05-03T10:00:00Z,Ann\n2,2026-05-04T10:00:00Z,Bob\n"
NEW = OLD.replace(b"Bob", b"Rob") + b"3,2026-05-05T10:00:00Z,Cy\n"
AFTER = [("1", "Ann"), ("2", "Rob"), ("3", "Cy")]
WINDOW: dict[str, Any] = {
    "start_date": "2026-05-01",
    "end_date": "2026-06-01",
    "time_columns": {"transactions": "created_date"},
}
BY_KEY = {"transactions": {"primary_key": "user_id"}}
APPEND = {"users": {"write_disposition": "append"}}
SCD2 = {"users": {"write_disposition": {"disposition": "merge", "strategy": "scd2"}}}


def load_of(
    destination: Destination, folder: Path, vendor: FileVendor, table: str, **more: Any
) -> Load:
    return Load(
        folder,
        vendor.base_url,
        (table,),
        destination.name,
        environment=dict(destination.settings),
        **more,
    )


@dataclass(frozen=True)
class Case:
    """A load that follows another, and what is there after it.

    Attributes:
        table: What is loaded.
        more: How.
        rows: What is there.
    """

    table: str
    more: dict[str, Any]
    rows: list[tuple[str, str]]


CASES = {
    "window by key": Case("transactions", {"settings": WINDOW, "hints": BY_KEY}, AFTER),
    "append": Case("users", {"hints": APPEND}, sorted([("1", "Ann"), ("2", "Bob"), *AFTER])),
    "scd2": Case("users", {"hints": SCD2}, sorted([("2", "Bob"), *AFTER])),
}


@pytest.mark.parametrize(
    ("kind", "case"),
    [
        ("postgres", "append"),
        pytest.param("postgres", "scd2", marks=pytest.mark.thorough),
        pytest.param("delta", "window by key", marks=pytest.mark.thorough),
    ],
)
def test_what_was_committed_is_not_loaded_again(
    kind: str, case: str, make_destination: Callable[[str], Destination], tmp_path: Path
) -> None:
    destination, told = make_destination(kind), CASES[case]
    with FileVendor(**{told.table: OLD}) as vendor:
        load = load_of(destination, tmp_path, vendor, told.table, **told.more)
        load.run()
        vendor.files[told.table] = NEW
        assert load.killed(told.table) == -signal.SIGKILL
        load.run()
        assert len(vendor.tasks) == 2
    assert destination.rows(told.table, "user_id", "name") == told.rows
    assert destination.rows("export_jobs", "loaded", "proven") == [(2, True), (3, True)]


def test_the_pipelines_state_is_not_loaded_again(
    make_destination: Callable[[str], Destination], tmp_path: Path
) -> None:
    """PostgreSQL would refuse it, and each later run would fail."""
    destination = make_destination("postgres")
    with FileVendor(users=OLD) as vendor:
        load = load_of(destination, tmp_path, vendor, "users")
        load.run()
        vendor.files["users"] = NEW
        assert load.killed("_dlt_pipeline_state") == -signal.SIGKILL
        load.run()
        assert len(vendor.tasks) == 2
    assert destination.rows("users", "user_id", "name") == AFTER
    assert destination.rows("_dlt_pipeline_state", "version") == [(1,), (2,)]


def test_a_first_load_that_is_killed_is_loaded_once(
    make_destination: Callable[[str], Destination], tmp_path: Path
) -> None:
    destination = make_destination("delta")
    with FileVendor(transactions=OLD) as vendor:
        load = load_of(destination, tmp_path, vendor, "transactions", settings=WINDOW, hints=BY_KEY)
        assert load.killed("transactions") == -signal.SIGKILL
        load.run()
    assert destination.rows("transactions", "user_id", "name") == [("1", "Ann"), ("2", "Bob")]


def test_a_load_that_is_killed_when_all_is_there_is_proven_later(
    make_destination: Callable[[str], Destination], tmp_path: Path
) -> None:
    destination = make_destination("postgres")
    with FileVendor(users=OLD) as vendor:
        load = load_of(destination, tmp_path, vendor, "users")
        assert load.killed(WHOLE_PACKAGE) == -signal.SIGKILL
        load.run()
        assert len(vendor.tasks) == 1
    assert destination.rows("users", "user_id", "name") == [("1", "Ann"), ("2", "Bob")]
    assert destination.rows("export_jobs", "loaded", "proven") == [(2, True)]


@pytest.mark.parametrize("kind", ["postgres", pytest.param("ducklake", marks=pytest.mark.thorough)])
def test_loads_of_several_machines_at_once_end_as_one_after_the_other(
    kind: str, make_destination: Callable[[str], Destination], tmp_path: Path
) -> None:
    """After a first load that was killed: of two that make a DuckLake at once, one fails."""
    destination = make_destination(kind)
    with FileVendor(transactions=OLD) as vendor:
        first = load_of(destination, tmp_path / "first", vendor, "transactions", settings=WINDOW)
        assert first.killed("transactions") == -signal.SIGKILL
        first.run()
        assert destination.rows("transactions", "user_id", "name") == [("1", "Ann"), ("2", "Bob")]
        vendor.files["transactions"] = NEW
        loads = [
            load_of(destination, tmp_path / name, vendor, "transactions", settings=WINDOW)
            for name in ("one", "other")
        ]
        codes = at_once(*loads)
        told = "".join((tmp_path / name / "log").read_text() for name in ("one", "other"))
        assert codes == [0, 0], told
    assert told.count("Another load into the dataset 'loyalty' is running") == 1
    assert destination.rows("transactions", "user_id", "name") == AFTER
    assert destination.rows("export_jobs", "loaded", "proven") == [(2, True), (3, True), (3, True)]
