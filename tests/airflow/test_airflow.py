"""`pipelines/airflow_dag.py`: what it calls is there, and it runs on a real Airflow where one is.

Airflow has an environment of its own, made by `python -m tests.airflow`; SPAAZA_AIRFLOW names it.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys

import pytest

from spaaza_source.backfill.backfill import Backfill
from tests.airflow.environment import ROOT

DAG = ROOT / "pipelines" / "airflow_dag.py"
ENVIRONMENT = os.environ.get("SPAAZA_AIRFLOW")


def test_the_dag_calls_what_a_backfill_has() -> None:
    calls = [
        node.attr
        for node in ast.walk(ast.parse(DAG.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id == "backfill"
    ]
    assert calls == ["plan", "begin", "load", "reconcile"]
    assert all(callable(getattr(Backfill, name)) for name in calls)


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
