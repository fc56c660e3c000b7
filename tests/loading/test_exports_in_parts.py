"""A table without windows whose export of all rows fails: it comes in parts, none is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import spaaza_source
from spaaza_source.errors import ExportFailedError
from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.faults.hosts import ours
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.slow
ROWS = 120


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(rows=ROWS, run_seconds=0.05, max_export_rows=50)) as served:
        yield served


def load(sandbox: Sandbox, folder: Path, table: str, **given: Any) -> None:
    settings = {"poll_interval": 0.02, "start_margin": 0, "stagger": 0, "max_age": 0, **given}
    source = spaaza_source(sandbox.base_url, sandbox.chain_id, sandbox.credentials, **settings)
    pipeline_into(folder).run(source.with_resources(table))


def test_users_come_by_the_time_they_were_created(
    sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load(sandbox, tmp_path, "users")
    assert query(tmp_path, "SELECT count(*), count(DISTINCT id) FROM users") == [(ROWS, ROWS)]
    assert "users: its export of all rows failed, so it came in" in caplog.text
    told = query(tmp_path, "SELECT notices FROM export_jobs WHERE notices IS NOT NULL")
    assert ["in_parts" in notices for (notices,) in told] == [True]
    parts = [task["trigger"] for task in sandbox.tasks if "segment" in task["trigger"]]
    # As a whole it was asked for once more before it was cut.
    assert len(sandbox.tasks) - len(parts) == 2
    rules = [part["segment"]["rules"][0] for part in parts]
    assert {rule["field_name"] for rule in rules} == {"created_date"}
    assert query(tmp_path, "SELECT count(*) FROM export_jobs WHERE NOT proven") == [(0,)]


@pytest.mark.thorough
def test_rows_that_no_part_has_stay(sandbox: Sandbox, tmp_path: Path) -> None:
    load(sandbox, tmp_path, "users")
    gone = "SELECT * REPLACE ('gone' AS id, NULL AS created_date) FROM users LIMIT 1"
    query(tmp_path, f"INSERT INTO users {gone}")
    load(sandbox, tmp_path, "users")
    assert query(tmp_path, "SELECT count(*) FROM users") == [(ROWS + 1,)]


@pytest.mark.thorough
def test_a_run_that_was_stopped_goes_on_with_the_parts_that_are_done(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    load(sandbox, tmp_path, "users", max_age=3600.0)
    asked = len(sandbox.tasks)
    load(sandbox, tmp_path / "other", "users", max_age=3600.0)
    assert query(tmp_path / "other", "SELECT count(*) FROM users") == [(ROWS,)]
    # The whole export has just failed, so it is not asked for again, nor are the parts.
    assert len(sandbox.tasks) <= asked + 1


@pytest.mark.thorough
def test_products_have_no_such_filter(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="ended in ERROR") as failed:
        load(sandbox, tmp_path, "products")
    error = ours(failed.value)
    assert isinstance(error, ExportFailedError)
    assert "smallest_window" not in str(error)
    assert "start_date" not in str(error)
