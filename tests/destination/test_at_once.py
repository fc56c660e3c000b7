"""Loads of two machines at once into one table, where no lock of the dataset keeps them apart.

PostgreSQL stands for all databases whose loads do not wait for each other: in the processes that
load, its lock of the dataset is taken away. A trigger of the table makes each statement that
changes it take long enough for the other load's to begin, and to see what was there before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from spaaza_source.destination.load_lock import TRY_LOCK
from spaaza_source.dlt_hooks.merges import LOCKS
from spaaza_source.windows import iso
from tests.destination.destinations import DATASET, Destination
from tests.destination.loads import Load
from tests.processes import FORKS, exit_codes, settle
from tests.vendors.spaaza_files import FileVendor

pytestmark = pytest.mark.slow

OLD = b"user_id,bought,name\n1,2026-05-03T10:00:00Z,Ann\n2,2026-05-04T10:00:00Z,Bob\n"
NEW = OLD.replace(b"Bob", b"Rob") + b"3,2026-05-05T10:00:00Z,Cy\n"
AFTER = [("1", "Ann"), ("2", "Rob"), ("3", "Cy")]
WINDOW: dict[str, Any] = {
    "start_date": "2026-05-01",
    "end_date": "2026-06-01",
    "time_columns": {"transactions": "bought"},
}
#: Waits before each statement: each sees what was committed before it began, and waited.
SLOW = """
CREATE FUNCTION {dataset}.wait() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(0.7); RETURN NULL; END $$;
CREATE TRIGGER slow BEFORE INSERT OR UPDATE OR DELETE ON {dataset}.{table}
    FOR EACH STATEMENT EXECUTE FUNCTION {dataset}.wait();
"""


def merge(strategy: str, **more: Any) -> dict[str, Any]:
    return {"write_disposition": {"disposition": "merge", "strategy": strategy}, **more}


@dataclass(frozen=True)
class Case:
    """What two loads bring at once.

    Attributes:
        table: What is loaded.
        settings: Of the source.
        hints: Of the table.
        rows: What is there afterwards.
        environment: dlt's configuration.
    """

    table: str
    settings: dict[str, Any] = field(default_factory=dict)
    hints: dict[str, Any] = field(default_factory=dict)
    rows: list[tuple[str, str]] = field(default_factory=lambda: AFTER)
    environment: dict[str, str] = field(default_factory=dict)


CASES = {
    "windows": Case("transactions", WINDOW),
    "windows by key": Case("transactions", WINDOW, {"primary_key": "user_id"}),
    "snapshots by key": Case("users", {}, {"primary_key": "user_id"}),
    "changed rows": Case("users", {}, merge("upsert", primary_key="user_id")),
    "history": Case("users", {}, merge("scd2"), sorted([("2", "Bob"), *AFTER])),
    "a table replaced from staging": Case(
        "users",
        {},
        {"write_disposition": "replace"},
        environment={"DESTINATION__POSTGRES__REPLACE_STRATEGY": "insert-from-staging"},
    ),
}


class SteadyVendor(FileVendor):
    """Its exports are done a minute after each other: a later one may be adopted."""

    began = datetime.now(UTC) - timedelta(minutes=30)

    def _task(self, number: int, code: str) -> dict[str, Any]:
        task = super()._task(number, code)
        at = iso(self.began + timedelta(minutes=number))
        task["state"]["created_date"] = task["state"]["last_modified"] = at
        return task


def load_of(destination: Destination, folder: Path, vendor: FileVendor, case: Case) -> Load:
    return Load(
        folder,
        vendor.base_url,
        (case.table,),
        destination.name,
        case.settings,
        {case.table: case.hints},
        {**destination.settings, **case.environment},
    )


def two_at_once(*loads: Load, can_lock: bool = True) -> list[int]:
    """Load in processes of their own, without the lock of the dataset; their exit codes.

    Args:
        loads: What to load.
        can_lock: Whether merges have a lock on their table.
    """
    barrier = FORKS.Barrier(len(loads))
    return exit_codes(*(partial(_run, load, barrier, can_lock) for load in loads))


def _run(load: Load, barrier: Barrier, can_lock: bool) -> None:
    settle(load.folder, load.environment)
    TRY_LOCK.clear()
    if not can_lock:
        LOCKS.clear()
    load.run(barrier)


def slow_down(destination: Destination, table: str) -> None:
    connection = destination.connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute(SLOW.format(dataset=DATASET, table=table))
        connection.commit()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "case",
    [
        "windows",
        "snapshots by key",
        *(
            pytest.param(name, marks=pytest.mark.thorough)
            for name in CASES
            if name not in {"windows", "snapshots by key"}
        ),
    ],
)
def test_two_loads_of_the_same_rows_do_not_double_them(
    case: str, make_destination: Callable[[str], Destination], tmp_path: Path
) -> None:
    destination, told = make_destination("postgres"), CASES[case]
    with FileVendor(**{told.table: OLD}) as vendor:
        first = load_of(destination, tmp_path / "one", vendor, told)
        first.run()
        slow_down(destination, told.table)
        vendor.files[told.table] = NEW
        other = load_of(destination, tmp_path / "other", vendor, told)
        codes = two_at_once(first, other)
    logs = "".join((tmp_path / name / "log").read_text() for name in ("one", "other"))
    assert destination.rows(told.table, "user_id", "name") == told.rows
    assert codes == [0, 0], logs


def test_two_loads_of_the_same_export_note_it_once(
    make_destination: Callable[[str], Destination], tmp_path: Path
) -> None:
    destination, case = make_destination("postgres"), Case("users", {"max_age": 3600})
    with SteadyVendor(users=OLD) as vendor:
        first = load_of(destination, tmp_path / "one", vendor, case)
        first.run()
        slow_down(destination, "export_jobs")
        # One that is never loaded leaves an export, which both take up.
        left = load_of(destination, tmp_path / "left", vendor, case)
        left.pipeline().extract(left.source())
        other = load_of(destination, tmp_path / "other", vendor, case)
        codes = two_at_once(first, other)
        assert len(vendor.tasks) == 2
    logs = "".join((tmp_path / name / "log").read_text() for name in ("one", "other"))
    assert destination.rows("export_jobs", "table_name", "proven") == [("users", True)] * 2
    assert codes == [0, 0], logs


def test_where_tables_cannot_be_locked_the_count_tells_of_doubled_rows(
    make_destination: Callable[[str], Destination], tmp_path: Path
) -> None:
    destination, case = make_destination("postgres"), CASES["windows"]
    with FileVendor(transactions=OLD) as vendor:
        first = load_of(destination, tmp_path / "one", vendor, case)
        first.run()
        slow_down(destination, case.table)
        vendor.files["transactions"] = NEW
        other = load_of(destination, tmp_path / "other", vendor, case)
        codes = two_at_once(first, other, can_lock=False)
        assert destination.rows(case.table, "user_id", "name") == sorted(AFTER * 2)
        logs = "".join((tmp_path / name / "log").read_text() for name in ("one", "other"))
        assert any(codes)
        assert "WrongCountError" in logs
        # What its hint says: load the range again.
        first.run()
    assert destination.rows(case.table, "user_id", "name") == AFTER
