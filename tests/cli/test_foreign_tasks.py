"""Recurring tasks that somebody else made: `jobs` lists them, `collect --task` loads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.cli.test_plan_commands import until_done
from tests.command import settings_for, spaaza
from tests.hints.loads import check_advice
from tests.loading.test_recurring_tasks import LAST_DAY, create, segment

pytestmark = [pytest.mark.slow, pytest.mark.thorough]
ROWS = 50
Run = Callable[..., str]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(rows=ROWS, run_seconds=0.1)) as served:
        yield served


@pytest.fixture
def run(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    settings = settings_for(sandbox)

    def run_it(*arguments: str, code: int = 0) -> str:
        done = spaaza(*arguments, **settings)
        assert done.returncode == code, done.stdout + done.stderr
        return str(done.stdout + done.stderr)

    return run_it


def jobs() -> list[tuple[Any, ...]]:
    with duckdb.connect("spaaza.duckdb", read_only=True) as warehouse:
        found = warehouse.sql("SELECT job_id, table_name, loaded FROM spaaza_data.export_jobs")
        return found.fetchall()


def test_a_task_without_a_filter(run: Run, sandbox: Sandbox) -> None:
    assert "somebody else" not in run("jobs")
    once = create(sandbox, "users", "Once")
    task = str(create(sandbox, "transactions", "Nightly", repeat="daily"))
    until_done(sandbox)
    told = run("jobs")
    check_advice("cli/output/tables.py", "\n`spaaza collect --task TASK` loads", told)
    assert f"{task} " in told.replace("\n", " ")
    assert str(once) not in told
    for _ in range(2):
        run("collect", "--task", task)
    ((job, table, loaded),) = jobs()
    assert (job.partition("@")[0], table, loaded) == (task, "transactions", ROWS)
    # One that does not repeat can be named as well.
    run("collect", "users", "--task", str(once))
    assert [table for _, table, _ in jobs()] == ["transactions", "users"]


def test_its_filter_is_read_back(run: Run, sandbox: Sandbox) -> None:
    own = segment(sandbox, "transactions", LAST_DAY)
    task = create(sandbox, "transactions", "Last day", repeat="daily", segment=own)
    until_done(sandbox)
    assert "timestamp relative_less_than" in run("jobs")
    run("collect", "--task", str(task))
    ((_, table, loaded),) = jobs()
    assert table == "transactions"
    assert loaded < ROWS
    # The table's rows are of that filter.
    assert "other settings" in run("load", "transactions", code=2)


def test_what_is_no_such_task_is_refused(run: Run, sandbox: Sandbox) -> None:
    task = str(create(sandbox, "users", "Once"))
    told = run("collect", "--task", "99", code=2)
    check_advice("spaaza/foreign_tasks.py", "See the recurring ones of the chain", told)
    told = run("collect", "products", "--task", task, code=2)
    check_advice("cli/commands.py", "Name no other table.", told)
    until_done(sandbox)
    run("collect", "users", "--task", task)


def test_voucherify_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    keys = {"APP_ID": "a", "APP_TOKEN": "b"}
    done = spaaza(
        *("collect", "--vendor", "voucherify", "--task", "1"),
        **{f"SOURCES__VOUCHERIFY__CREDENTIALS__{name}": key for name, key in keys.items()},
    )
    assert done.returncode == 2
    check_advice("cli/commands.py", "Leave it out.", done.stdout + done.stderr)
