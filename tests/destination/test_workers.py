"""Workers that load a backfill side by side: no row is missing or twice, whatever comes between.

Those that load into a DuckLake take a minute a test: `python -m tests.airflow --into ducklake`.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import dlt
import pytest

from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.destination.destinations import DATASET, Destination, duckdb_destination
from tests.destination.workers import Worker

pytestmark = pytest.mark.slow

START = "2026-08-01"
END = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    # One each: what was exported for another warehouse would be taken up.
    with Sandbox(SandboxSettings(rows=200, data_end=END, history_days=92)) as served:
        yield served


def worker_of(destination: Destination, sandbox: Sandbox, folder: Path) -> Worker:
    return Worker(
        folder / "worker",
        destination.name,
        sandbox.base_url,
        sandbox.chain_id,
        sandbox.credentials,
        dict(destination.settings),
    )


@pytest.mark.thorough
def test_workers_at_one_time_end_in_the_rows_of_one_load(
    make_destination: Callable[[str], Destination], sandbox: Sandbox, tmp_path: Path
) -> None:
    destination = make_destination("postgres")
    worker = worker_of(destination, sandbox, tmp_path)
    parts = worker.backfill.plan(START, END, tables=["transactions"])
    left = worker.backfill.begin(parts)
    assert left == parts[:2]
    first, second = left
    # The first part is loaded by two at one time, as where a task is thought to be dead.
    assert worker.at_once(first, first, second) == [0, 0, 0]
    assert worker.backfill.left(parts) == []
    assert worker.backfill.reconcile(parts) == []
    rows = destination.rows("transactions", "id", "timestamp", "total_value")
    other = duckdb_destination(tmp_path / "other.duckdb")
    pipeline = dlt.pipeline(
        "other",
        pipelines_dir=str(tmp_path / "other"),
        destination=dlt.destinations.duckdb(str(tmp_path / "other.duckdb")),
        dataset_name=DATASET,
    )
    pipeline.run(worker.source(start_date=START).with_resources("transactions"))
    assert rows == other.rows("transactions", "id", "timestamp", "total_value")


@pytest.mark.thorough
def test_a_part_whose_worker_was_killed_is_loaded_by_another_from_its_export(
    make_destination: Callable[[str], Destination], sandbox: Sandbox, tmp_path: Path
) -> None:
    destination = make_destination("postgres")
    worker = worker_of(destination, sandbox, tmp_path)
    parts = worker.backfill.plan("2026-09-01", END, tables=["transactions"])
    worker.backfill.load(parts[1])
    asked = len(sandbox.tasks)
    assert worker.killed(parts[0]) == -signal.SIGKILL
    assert len(sandbox.tasks) == asked + 1
    assert worker.backfill.left(parts) == parts[:1]
    worker.backfill.load(parts[0])
    assert worker.backfill.reconcile(parts) == []
    ids = destination.rows("transactions", "id")
    assert len(ids) == len(set(ids)) > 50
    jobs = destination.rows("export_jobs", "job_id")
    # Nothing was exported twice: each task is loaded, those of what goes on from there too.
    assert len(jobs) == len(set(jobs)) == len(sandbox.tasks) > asked + 1
