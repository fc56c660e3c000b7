"""`pipelines/daily.py`, run as cron runs it; what it leaves behind is what dlt's own tools read."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest

from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.command import settings_for
from tests.processes import ran as called

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "pipelines" / "daily.py"
TABLES = "transactions users vouchers wallet_ledger products product_variants"


def ran(*command: str, **settings: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def forked(command: str, *arguments: str, **settings: str) -> str:
    """A script, or a module, in a process of its own that need not import dlt anew."""
    done = called(_run, command, arguments, settings, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _run(command: str, arguments: tuple[str, ...], settings: Mapping[str, str]) -> None:
    os.environ.update(settings)
    sys.argv = [command, *arguments]
    if command.endswith(".py"):
        runpy.run_path(command, run_name="__main__")
    else:
        runpy.run_module(command, run_name="__main__", alter_sys=True)


def counts() -> dict[str, int]:
    with duckdb.connect("spaaza.duckdb") as warehouse:
        name = "spaaza_data."
        return {
            table: warehouse.sql(f"SELECT count(*) FROM {name}{table}").fetchall()[0][0]
            for table in TABLES.split()
        }


@pytest.mark.thorough
def test_the_daily_script_loads_history_then_goes_on_and_dlt_can_tell_of_it() -> None:
    # History since the script's start comes in windows of a month.
    with Sandbox(SandboxSettings(rows=60)) as sandbox:
        settings = settings_for(sandbox, MAX_CONCURRENT_EXPORTS="20")
        assert "1 load package(s) were loaded" in forked(str(SCRIPT), **settings)
        first = counts()
        assert (first["users"], first["products"]) == (60, 60)
        assert min(first.values()) > 0
        asked = len(sandbox.tasks)
        forked(str(SCRIPT), **settings)
        assert counts() == first
        assert len(sandbox.tasks) == asked + 6
    assert "spaaza_data" in forked("dlt", "pipeline", "spaaza", "info")
    trace = forked("dlt", "pipeline", "spaaza", "trace")
    assert "canary" not in trace
    assert "COMPLETED" in trace


@pytest.mark.thorough
def test_a_failure_is_in_the_exit_code() -> None:
    with pytest.raises(AssertionError, match="SOURCES__SPAAZA__BASE_URL"):
        ran(str(SCRIPT))
