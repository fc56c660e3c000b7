"""`spaaza plan`, `submit`, `collect` and `jobs`: asked for now, loaded later, each export once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from spaaza_source.cli.app import cli
from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.command import settings_for

Spaaza = Callable[..., str]
ROWS = 120


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(rows=ROWS, max_export_rows=ROWS)) as served:
        yield served


@pytest.fixture
def spaaza(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Spaaza:
    for name, value in settings_for(sandbox).items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> str:
        ran = CliRunner().invoke(cli, arguments, catch_exceptions=False)
        assert ran.exit_code == 0
        return ran.output

    return run


def until_done(sandbox: Sandbox) -> None:
    while any(task["state"]["code"] not in ("DONE", "ERROR") for task in sandbox.tasks):
        time.sleep(0.05)


def rows_of(table: str) -> int:
    with duckdb.connect("spaaza.duckdb") as warehouse:
        (count,) = warehouse.sql(f"SELECT count(*) FROM spaaza_data.{table}").fetchall()[0]
    return int(count)


def test_a_plan_names_every_export_and_asks_for_none(spaaza: Spaaza, sandbox: Sandbox) -> None:
    told = spaaza("plan", "transactions", "users", "--start-date", "2026-09-15")
    now = datetime.now(UTC)
    lines = told.splitlines()
    assert lines[1].split()[:4] == ["transactions", "2026-09-15", "to", "2026-10-01"]
    assert "timestamp is_between_date" in lines[1]
    assert f"{now:%Y-%m-%d}" in lines[-4]
    assert lines[-3].split()[:3] == ["users", "all", "rows"]
    assert "to be created. Nothing was requested." in lines[-1]
    assert sandbox.tasks == []
    with pytest.raises(duckdb.IOException):
        duckdb.connect("spaaza.duckdb", read_only=True)


@pytest.mark.slow
@pytest.mark.thorough
def test_a_plan_knows_what_was_asked_for_and_how_long_it_takes(
    spaaza: Spaaza, sandbox: Sandbox
) -> None:
    spaaza("load", "users")
    spaaza("submit", "products")
    until_done(sandbox)
    told = spaaza("plan", "users", "products").splitlines()
    assert "to be created" in told[1]
    assert told[1].rstrip().endswith(" s")
    assert "12002 is DONE: adopted" in told[2]
    assert told[4] == "2 exports, 1 to be created. Nothing was requested."


@pytest.mark.slow
def test_what_is_submitted_is_collected_once(spaaza: Spaaza, sandbox: Sandbox) -> None:
    told = spaaza("submit", "users", "transactions")
    assert told.count("created") == 2
    assert spaaza("submit", "users").count("adopted") == 1
    assert len(sandbox.tasks) == 2
    until_done(sandbox)
    assert "no new export is done" in spaaza("collect", "users", "products").splitlines()[-1]
    assert rows_of("users") == ROWS
    assert "users: no new export is done" in spaaza("collect", "users")
    spaaza("collect")
    assert rows_of("transactions") == ROWS
    assert rows_of("export_jobs") == 2
    assert len(sandbox.tasks) == 2


def test_collect_names_a_job_that_is_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    with Sandbox(SandboxSettings(rows=20, run_seconds=60)) as slow:
        for name, value in settings_for(slow).items():
            monkeypatch.setenv(name, value)
        CliRunner().invoke(cli, ["submit", "users"], catch_exceptions=False)
        while slow.tasks[0]["state"]["code"] != "INPROGRESS":
            time.sleep(0.05)
        told = CliRunner().invoke(cli, ["collect", "users"], catch_exceptions=False).output
    assert told == f"users: job {slow.tasks[0]['id']} is INPROGRESS\n"


@pytest.mark.slow
@pytest.mark.thorough
def test_history_is_collected_as_far_as_it_is_done(spaaza: Spaaza, sandbox: Sandbox) -> None:
    spaaza("submit", "transactions", "--start-date", "2026-08-01", "--apart", "0")
    until_done(sandbox)
    spaaza("collect", "transactions", "--start-date", "2026-08-01")
    now = datetime.now(UTC)
    months = (now.year - 2026) * 12 + now.month - 8 + 1
    with duckdb.connect("spaaza.duckdb") as warehouse:
        loaded = warehouse.sql("SELECT count(*), sum(loaded) FROM spaaza_data.export_jobs")
        assert loaded.fetchall() == [(months, rows_of("transactions"))]
    # The next plan goes on from there: on the first of a month its lookback is of two.
    lines = spaaza("plan", "transactions", "--start-date", "2026-08-01").splitlines()
    assert len(lines) in (4, 5 if now.day == 1 else 4)


def test_batches_are_scheduled_apart(spaaza: Spaaza, sandbox: Sandbox) -> None:
    spaaza("submit", "--apart", "600")
    times = sorted(task["trigger"]["once"] for task in sandbox.tasks)
    begun = [datetime.fromisoformat(time) for time in times]
    assert (begun[2] - begun[0]).total_seconds() < 60
    assert 540 < (begun[3] - begun[0]).total_seconds() < 660


@pytest.mark.slow
@pytest.mark.thorough
def test_a_recurring_export_is_created_once_and_each_run_of_it_loaded_once(
    spaaza: Spaaza, sandbox: Sandbox
) -> None:
    assert "created" in spaaza("submit", "users", "--repeat", "daily")
    assert "adopted" in spaaza("submit", "users", "--repeat", "daily")
    (task,) = sandbox.tasks
    assert task["trigger"]["repeat"] == "daily"
    until_done(sandbox)
    for _ in range(2):
        spaaza("collect", "users")
    with duckdb.connect("spaaza.duckdb") as warehouse:
        jobs = warehouse.sql("SELECT job_id, loaded FROM spaaza_data.export_jobs").fetchall()
    assert [(job.startswith(f"{task['id']}@"), loaded) for job, loaded in jobs] == [(True, ROWS)]
    # A load asks for its own: what repeats is not as fresh as now.
    spaaza("load", "users")
    assert len(sandbox.tasks) == 2


def test_what_repeats_takes_no_dates(spaaza: Spaaza) -> None:
    with pytest.raises(Exception, match="always has all rows"):
        spaaza("submit", "users", "--repeat", "daily", "--start-date", "2026-01-01")


@pytest.mark.slow
@pytest.mark.thorough
def test_jobs_stand_beside_what_became_of_them(spaaza: Spaaza, sandbox: Sandbox) -> None:
    spaaza("load", "users")
    spaaza("submit", "products")
    until_done(sandbox)
    told = [line.split() for line in spaaza("jobs").splitlines()]
    assert told[0][:3] == ["job", "table", "window"]
    assert told[1][0:2] == ["12002", "products"]
    assert told[1][-1] == "no"
    assert told[2][0:2] == ["12001", "users"]
    assert str(ROWS) in told[2]
    assert len(spaaza("jobs", "products").splitlines()) == 2


@pytest.mark.slow
@pytest.mark.thorough
def test_an_older_snapshot_never_takes_the_place_of_a_newer_one(
    spaaza: Spaaza, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__SPAAZA__MAX_AGE", "0")
    for _ in range(2):
        spaaza("submit", "users")
        until_done(sandbox)
        time.sleep(1.1)
    assert len(sandbox.tasks) == 2
    spaaza("collect", "users")
    assert "no new export is done" in spaaza("collect", "users")
    with duckdb.connect("spaaza.duckdb") as warehouse:
        loaded = warehouse.sql("SELECT job_id FROM spaaza_data.export_jobs").fetchall()
    assert loaded == [(str(sandbox.tasks[0]["id"]),)]


@pytest.mark.slow
@pytest.mark.thorough
def test_kept_files_are_loaded_again_from_the_command_line(
    spaaza: Spaaza, sandbox: Sandbox
) -> None:
    spaaza("load", "users", "products", "--keep-files", "kept")
    sandbox.stop()
    Path("spaaza.duckdb").unlink()
    spaaza("load", "users", "--from-files", "kept")
    assert rows_of("users") == ROWS
