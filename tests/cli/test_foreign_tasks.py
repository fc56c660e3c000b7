"""Recurring tasks that somebody else made: `jobs` lists them, `collect --task` loads them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from spaaza_source.exports import ExportRequest
from spaaza_source.sandbox import Sandbox, SandboxSettings
from spaaza_source.transport import SystemClock
from tests.cli.test_plan_commands import until_done
from tests.clocks import Calendar
from tests.command import settings_for, spaaza
from tests.hints.loads import check_advice
from tests.loading.test_recurring_tasks import DAY, LAST_DAY, create, segment
from tests.vendors.scripted_spaaza import ScriptedTasks

pytestmark = [pytest.mark.slow, pytest.mark.thorough]
ROWS = 50
END = datetime(2026, 5, 26, 12, tzinfo=UTC)
#: A task that is due as soon as it is made.
NOW = {"once": "2026-05-01T00:00:00Z"}
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
    # The table's rows are of that filter, and go on by it.
    told = run("load", "transactions")
    assert f"transactions: no run of task {task} after" in told
    assert len(jobs()) == 1


def test_what_is_no_such_task_is_refused(run: Run, sandbox: Sandbox) -> None:
    task = str(create(sandbox, "users", "Once"))
    told = run("collect", "--task", "99", code=2)
    check_advice("spaaza/foreign_tasks.py", "See the recurring ones of the chain", told)
    told = run("collect", "products", "--task", task, code=2)
    check_advice("cli/next_load.py", "Name no other table.", told)
    told = run("collect", "--task", task, "--start-date", "2026-05-01", code=2)
    check_advice("cli/next_load.py", "Leave out --start-date and --end-date.", told)
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
    check_advice("cli/next_load.py", "Leave it out.", done.stdout + done.stderr)


def test_a_filter_that_cannot_be_read_back_is_refused(run: Run, sandbox: Sandbox) -> None:
    own = segment(sandbox, "transactions", LAST_DAY)
    with ScriptedTasks("DONE") as vendor:
        service = vendor.service(SystemClock())

        def refused(selection: dict[str, Any]) -> str:
            request = ExportRequest("transactions", "transactions", "1743", selection=selection)
            task = service.create(request).job_id
            settings = settings_for(sandbox, BASE_URL=vendor.base_url)
            done = spaaza("collect", "--task", task, **settings)
            assert done.returncode == 2
            return done.stderr

        told = refused({"segment": own, "segment_id": "abc"})
        assert "both a segment and a segment_id, and no document says which holds" in told
        told = refused({"segment": {**own, "index": "users"}})
        assert "its index is 'users', where it must be 'transactions'" in told
        assert "Make a task whose segment is of the index that it exports." in told
        assert "it is added" not in told
        # What nobody can read is listed all the same.
        recurring = ExportRequest(
            "users", "users", "1743", selection={"segment": {"rules": "x"}}, repeat="daily"
        )
        vendor.bodies[int(service.create(recurring).job_id) - 1]["desc"] = "Nightly"
        done = spaaza("jobs", **settings_for(sandbox, BASE_URL=vendor.base_url))
        assert done.returncode == 0, done.stderr
        assert "a segment" in done.stdout
    task = create(sandbox, "transactions", "Last day", repeat="daily", segment=own)
    until_done(sandbox)
    run("collect", "--task", str(task))


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


@pytest.fixture
def shop(calendar: Calendar) -> Iterator[Sandbox]:
    calendar.now = END - 10 * DAY
    settings = SandboxSettings(rows=ROWS, clock=calendar, data_end=END, history_days=30)
    with Sandbox(settings) as served:
        yield served


@pytest.fixture
def ask(shop: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    def ask_it(*arguments: str, code: int = 0, **more: str) -> str:
        done = spaaza(*arguments, **settings_for(shop, MAX_AGE="0", **more))
        assert done.returncode == code, done.stdout + done.stderr
        return str(done.stdout + done.stderr)

    return ask_it


def rows(table: str, where: str = "true") -> tuple[int, int]:
    with duckdb.connect("spaaza.duckdb", read_only=True) as warehouse:
        warehouse.execute("SET TimeZone = 'UTC'")
        counts = f"SELECT count(*), count(DISTINCT id) FROM spaaza_data.{table} WHERE {where}"
        return warehouse.sql(counts).fetchall()[0]


def adopt_last_day(ask: Run, shop: Sandbox, calendar: Calendar) -> str:
    """A task of the last day, collected once: the table's rows are its own."""
    own = segment(shop, "transactions", LAST_DAY)
    task = str(create(shop, "transactions", "Last day", repeat="daily", segment=own, **NOW))
    calendar.now += timedelta(minutes=1)
    ask("collect", "--task", task)
    assert rows("transactions")[0] < ROWS
    return task


def test_the_command_that_a_missed_run_names_loads_what_it_lacks(
    ask: Run, shop: Sandbox, calendar: Calendar
) -> None:
    task = adopt_last_day(ask, shop, calendar)
    calendar.now += 4 * DAY
    told = ask("collect", "--task", task)
    check_advice("exports/planning/recurring.py", "Load that range: spaaza load", told)
    advice = re.search(r"spaaza (load transactions --start-date (\S+) --end-date (\S+)) ", told)
    assert advice, told
    missed = f"timestamp >= '{advice[2]}' AND timestamp < '{advice[3]}'"
    before = rows("transactions", missed)[0]
    shown = ask("plan", *advice[1].split()[1:])
    assert "timestamp is_between_date" in shown
    ask(*advice[1].split())
    found = rows("transactions", missed)
    ask("load", "transactions", "--dataset", "truth")
    with duckdb.connect("spaaza.duckdb", read_only=True) as warehouse:
        warehouse.execute("SET TimeZone = 'UTC'")
        truth = f"SELECT count(*), count(DISTINCT id) FROM truth.transactions WHERE {missed}"
        assert warehouse.sql(truth).fetchall() == [found]
    assert found[0] > before
    # The task goes on.
    calendar.now += DAY
    ask("collect")
    assert len(jobs()) == 4
    assert rows("transactions")[0] == rows("transactions")[1]


def test_a_table_of_a_task_is_loaded_by_it_and_hinders_no_other(
    ask: Run, shop: Sandbox, calendar: Calendar
) -> None:
    task = adopt_last_day(ask, shop, calendar)
    line = f"transactions: its rows come from task {task}; `spaaza collect` loads its next run"
    told = ask("jobs")
    check_advice("cli/output/tables.py", "{table}: its rows come from task", told)
    assert line in told
    told = ask("plan")
    assert f"transactions: no run of task {task} after" in told
    assert "6 exports" not in told
    assert "users" in told
    told = ask("submit")
    assert line in told
    assert told.count("created") == 5
    assert "transactions: equal" in ask("check", "--deep", "transactions")
    calendar.now += DAY
    assert "is DONE: adopted" in ask("plan", "transactions")
    asked = len(shop.tasks)
    told = ask("load")
    assert len(shop.tasks) == asked + 5
    assert {table for _, table, _ in jobs()} == {
        *("transactions", "users", "vouchers", "wallet_ledger", "products", "product_variants")
    }
    runs = [job for job, table, _ in jobs() if table == "transactions"]
    assert len(runs) == 2
    assert all(job.startswith(f"{task}@") for job in runs)
    calendar.now += DAY
    ask("collect")
    assert len([job for job, table, _ in jobs() if table == "transactions"]) == 3
    # Who wants another filter says so, and drops what is there.
    ask("load", "transactions", "--full-refresh")
    assert rows("transactions") == (ROWS, ROWS)
    assert "its rows come from" not in ask("jobs")


@pytest.mark.parametrize("way", ["segments", "dataset"])
def test_a_table_of_a_task_that_brings_no_more_rows_says_what_loads(
    way: str, ask: Run, shop: Sandbox, calendar: Calendar
) -> None:
    own = segment(shop, "transactions", LAST_DAY)
    task = str(create(shop, "transactions", "Last day", segment=own, **NOW))
    calendar.now += timedelta(minutes=1)
    ask("collect", "--task", task)
    before = rows("transactions")
    told = ask("load", code=2)
    check_advice("cli/next_load.py", "Set segments of it to the task's filter", told)
    assert f"those of task {task}, and no newer ones can be had: it does not repeat" in told
    assert len(jobs()) == 6
    for command in (("plan",), ("collect",), ("submit",), ("check", "--deep")):
        told = ask(*command, code=2)
        assert "does not repeat" in told
        assert "users" in told
    assert "does not repeat" in ask("jobs")
    calendar.now += DAY
    if way == "dataset":
        ask("load", "transactions", "--dataset", "other")
        return
    with duckdb.connect("spaaza.duckdb", read_only=True) as warehouse:
        stored = "SELECT selection FROM spaaza_data.export_jobs WHERE table_name = 'transactions'"
        ((selection,),) = warehouse.sql(stored).fetchall()
    by_table = {"transactions": json.loads(selection)["segment"]}
    ask("load", "transactions", SEGMENTS=json.dumps(by_table))
    assert rows("transactions")[0] > before[0]
    assert rows("transactions")[0] == rows("transactions")[1]


def test_a_filter_of_ours_that_was_left_out_is_told_and_its_task_can_be_named(
    ask: Run, shop: Sandbox, calendar: Calendar
) -> None:
    filtered = {"SEGMENTS": json.dumps({"transactions": [LAST_DAY]})}
    ask("submit", "transactions", "--repeat", "daily", **filtered)
    calendar.now += timedelta(minutes=1)
    ask("collect", "transactions", **filtered)
    calendar.now += DAY
    told = ask("collect", "transactions", code=2)
    check_advice("loading/history.py", "They are of the vendor's task {task}", told)
    (task,) = shop.tasks
    ask("collect", "--task", str(task["id"]))
    assert len(jobs()) == 2
    assert rows("transactions")[0] == rows("transactions")[1]


def test_a_task_that_the_vendor_has_no_more_hinders_no_other_table(
    ask: Run, shop: Sandbox, calendar: Calendar
) -> None:
    task = adopt_last_day(ask, shop, calendar)
    with Sandbox(SandboxSettings(rows=5, clock=calendar)) as emptied:
        assert f"the vendor has no task {task}" in ask("jobs", BASE_URL=emptied.base_url)
        told = ask("load", code=2, BASE_URL=emptied.base_url)
        assert f"the vendor has no task {task}" in told
        assert len(jobs()) == 6


def test_a_recurring_task_that_fails_is_told_and_the_others_are_loaded(
    calendar: Calendar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    calendar.now = END
    limited = {"transactions": 100}
    settings = SandboxSettings(
        rows=20, rows_per_index=limited, clock=calendar, data_end=END, max_export_rows=50
    )
    with Sandbox(settings) as shop:

        def ask(*arguments: str, code: int = 0) -> str:
            done = spaaza(*arguments, **settings_for(shop))
            assert done.returncode == code, done.stdout + done.stderr
            return str(done.stdout + done.stderr)

        task = create(shop, "transactions", "Nightly", repeat="daily")
        once = create(shop, "transactions", "Once")
        ask("submit", "transactions", "users", "--repeat", "daily")
        calendar.now += timedelta(minutes=1)
        for named in (str(task), str(once)):
            told = ask("collect", "--task", named, code=1)
            assert f"task {named} ended in ERROR (" in told
            assert "Export timed out: too many records" in told
            assert "spaaza submit" not in told
        for _ in range(2):
            told = ask("collect", code=1)
            assert "Export timed out: too many records" in told
            check_advice("exports/planning/recurring.py", "spaaza load {self.table}", told)
            assert [table for _, table, _ in jobs()] == ["users"]
        calendar.now += timedelta(minutes=1)
        ask("load", "transactions")
        assert rows("transactions") == (100, 100)
        assert "from before the table's last load" in ask("collect", "transactions")
