"""`pipelines/backfill.py`, run as its first lines say, stopped, and run again."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest

from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.command import settings_for
from tests.pipelines.test_daily import forked

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "pipelines" / "backfill.py"
RANGE = ["2026-09-10", "2026-11-01", "--tables", "transactions", "products"]


def run(sandbox: Sandbox, *given: str) -> str:
    return forked(str(SCRIPT), *given, **settings_for(sandbox, POLL_INTERVAL="0.02"))


@pytest.mark.thorough
def test_the_backfill_script_loads_a_range_once_and_ends_where_the_daily_load_goes_on() -> None:
    settings = SandboxSettings(rows=200, rows_per_index={"products": 20}, history_days=60)
    with Sandbox(settings) as sandbox:
        first = run(sandbox, *RANGE)
        assert "transactions [2026-09-10T00:00:00Z, 2026-10-01T00:00:00Z) is loaded" in first
        assert "3 of 3 parts were missing, 0 had to be loaded again" in first
        asked = len(sandbox.tasks)
        assert "0 of 3 parts were missing" in run(sandbox, *RANGE)
        # What goes on asks for the lag once more.
        assert len(sandbox.tasks) == asked + 1
    with duckdb.connect("spaaza.duckdb") as warehouse:
        found = "SELECT count(*), count(DISTINCT id) FROM spaaza_data.transactions"
        ((rows, different),) = warehouse.sql(found).fetchall()
        assert rows == different > 100
    leftovers = Path(os.environ["DLT_DATA_DIR"]) / "pipelines" / "spaaza"
    assert (leftovers / "trace.pickle").exists()
