"""Voucherify's exports from the sandbox, which was written from the vendor's documents alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import voucherify_source
from spaaza_source.sandbox import Sandbox, SandboxSettings
from spaaza_source.voucherify.objects import OBJECTS
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.slow


def load(sandbox: Sandbox, folder: Path, **given: Any) -> None:
    quick = {"poll_interval": 0.02, "max_age": 0, "max_concurrent_exports": len(OBJECTS)}
    source = voucherify_source(
        sandbox.base_url, sandbox.voucherify_credentials, **{**quick, **given}
    )
    pipeline_into(folder).run(source)


def counts(folder: Path) -> dict[str, int]:
    return {table: query(folder, f"SELECT count(*) FROM {table}")[0][0] for table in OBJECTS}


@pytest.mark.thorough
def test_all_objects_are_loaded_whole_then_go_on(tmp_path: Path) -> None:
    with Sandbox(SandboxSettings(rows=120, run_seconds=0.05)) as sandbox:
        for _ in range(2):
            load(sandbox, tmp_path)
            assert counts(tmp_path) == dict.fromkeys(OBJECTS, 120)
    assert query(tmp_path, "SELECT count(*) FROM export_jobs WHERE proven") == [(14,)]
    whole = "SELECT table_name FROM export_jobs WHERE window_end IS NULL GROUP BY ALL"
    assert query(tmp_path, f"{whole} HAVING count(*) = 2") == [("points_expirations",)]
    columns = "SELECT column_name FROM duckdb_columns() WHERE table_name = 'vouchers'"
    assert set(OBJECTS["vouchers"].fields) <= {name for (name,) in query(tmp_path, columns)}


@pytest.mark.thorough
def test_what_is_too_much_comes_in_windows_and_none_is_lost(tmp_path: Path) -> None:
    # Every row of a window may have been updated in another.
    settings = SandboxSettings(rows=300, run_seconds=0.02, max_export_rows=100)
    with Sandbox(settings) as sandbox:
        load(sandbox, tmp_path, objects=["redemptions", "publications", "orders"])
    for table in ("redemptions", "publications", "orders"):
        assert query(tmp_path, f"SELECT count(*) FROM {table}") == [(300,)]
    failed = "SELECT count(*) > 0 FROM export_jobs WHERE state = 'ERROR'"
    assert query(tmp_path, failed) == [(True,)]


@pytest.mark.thorough
def test_history_since_a_start(tmp_path: Path) -> None:
    start = datetime.now(UTC) - timedelta(days=100)
    with Sandbox(SandboxSettings(rows=300, run_seconds=0.02)) as sandbox:
        load(sandbox, tmp_path / "all", objects=["redemptions"])
        load(sandbox, tmp_path / "some", objects=["redemptions"], start_date=start)
    since = f"SELECT count(*) FROM redemptions WHERE date >= '{start:%Y-%m-%dT%H:%M:%S}+00:00'"
    assert query(tmp_path / "some", "SELECT count(*) FROM redemptions") == query(
        tmp_path / "all", since
    )
    windows = query(tmp_path / "some", "SELECT count(*) FROM export_jobs")
    assert windows > [(3,)]
