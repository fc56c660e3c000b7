"""`pipelines/airflow_dag.py`: what it calls is there, and it runs on a real Airflow where one is.

Airflow has an environment of its own, made by `python -m tests.airflow`; SPAAZA_AIRFLOW names it.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spaaza_source.airflow import BackfillSettings, table_uri
from spaaza_source.backfill.backfill import Backfill
from tests.airflow.environment import ROOT

DAG = ROOT / "pipelines" / "airflow_dag.py"
WING = ROOT / "spaaza_source" / "airflow"
#: A vendor that runs two of six exports at a time.
SHORT = ("--windows", "6", "--rows", "1000", "--seconds", "10", "--at-a-time", "2")
ENVIRONMENT = os.environ.get("SPAAZA_AIRFLOW")


def calls_of(file: Path) -> list[str]:
    """What a file calls of a backfill."""
    return [
        node.func.attr
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "backfill"
    ]


def test_the_dag_and_its_operators_call_what_a_backfill_has() -> None:
    assert calls_of(DAG) == ["plan", "submit"]
    steps = calls_of(WING / "operators.py")
    assert sorted(steps) == ["begin_ready", "load_ready", "reconcile_ready", "wait"]
    assert sorted(calls_of(WING / "trigger.py")) == ["board", "watch"]
    for name in [*calls_of(DAG), *steps, "board", "watch"]:
        assert callable(getattr(Backfill, name))


def test_only_operators_and_trigger_import_airflow() -> None:
    program = (
        "import sys, spaaza_source.airflow; print('airflow' in sys.modules, 'dlt' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    # A DAG's file is parsed often: dlt, which takes a second, is not imported there either.
    assert ran.stdout.split() == ["False", "False"]
    importing = {
        path.name
        for path in WING.glob("*.py")
        if any(line.startswith("from airflow") for line in path.read_text("utf-8").splitlines())
    }
    assert importing == {"operators.py", "trigger.py"}


def test_a_table_is_an_asset_without_host_or_user() -> None:
    settings = BackfillSettings(
        source="spaaza_source.spaaza_source", pipeline="p", destination="lake", dataset="loyalty"
    )
    assert table_uri(settings, "users") == "x-dlt://lake/loyalty/users"


@pytest.mark.skipif(
    ENVIRONMENT is None,
    reason="no Airflow: `python -m tests.airflow` makes an environment, SPAAZA_AIRFLOW names it",
)
@pytest.mark.parametrize("into", ["postgres", "ducklake"])
def test_killed_tasks_leave_the_tables_of_one_undisturbed_load(into: str) -> None:
    given = ["--environment", str(ENVIRONMENT), "--into", into, "--months", "6", "--rows", "1000"]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.airflow", *given, "--tables", "transactions", "users"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=1_200,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("killed: ") == 2


@pytest.mark.skipif(
    ENVIRONMENT is None,
    reason="no Airflow: `python -m tests.airflow` makes an environment, SPAAZA_AIRFLOW names it",
)
@pytest.mark.parametrize("order", ["oldest", "newest"])
def test_a_killed_triggerer_and_task_leave_the_tables_of_one_load(order: str) -> None:
    given = ["--environment", str(ENVIRONMENT), "--deferrable", "--kill", "--order", order]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.airflow", *given, *SHORT],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=1_200,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("killed: ") == 2
