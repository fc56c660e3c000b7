"""Recurring tasks, ours and somebody else's: each run is collected once, of windowed tables too."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from spaaza_source import spaaza_source
from spaaza_source.errors import SettingsError
from spaaza_source.exports import ExportRequest, Job, Repeat
from spaaza_source.loading import exports_of
from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.clocks import Calendar
from tests.faults.hosts import ours
from tests.hints.loads import advises, check_advice
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.slow
ROWS = 300
DAY = timedelta(days=1)
LAST_DAY = {
    "field_name": "timestamp",
    "field_type": "date",
    "operator": "relative_less_than",
    "time_factor": "day",
    "time_amount": 1,
}


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


@pytest.fixture
def sandbox(calendar: Calendar) -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(rows=ROWS, clock=calendar)) as served:
        yield served


def source(sandbox: Sandbox, *tables: str, **given: Any) -> Any:
    settings = {"poll_interval": 0.02, "start_margin": 0, "stagger": 0, **given}
    return spaaza_source(
        sandbox.base_url, sandbox.chain_id, sandbox.credentials, **settings
    ).with_resources(*tables)


def submit(
    sandbox: Sandbox, table: str, repeat: Repeat | None = "daily", **given: Any
) -> list[tuple[ExportRequest, Job, bool]]:
    exports = exports_of(source(sandbox, table, **given))
    syncs = [load.sync for load in exports.loads.values()]
    return exports.run.submitter.submit(syncs, DAY, repeat)


def collect(sandbox: Sandbox, folder: Path, table: str, **given: Any) -> None:
    pipeline_into(folder).run(source(sandbox, table, only_finished=True, **given))


def jobs(folder: Path) -> list[str]:
    return [job for (job,) in query(folder, "SELECT job_id FROM export_jobs ORDER BY loaded_at")]


def create(sandbox: Sandbox, index: str, desc: str, **trigger: Any) -> int:
    """A task that somebody creates by curl."""
    key = sandbox.credentials
    answer = requests.post(
        f"{sandbox.base_url}/tasks",
        json={
            "chain": sandbox.chain_id,
            "desc": desc,
            "target": {"action": "export", "export_index": index, "export_format": "csv"},
            "trigger": {"once": "2026-05-26T00:00:00Z", **trigger},
        },
        headers={"Authorization": f"Bearer {key['access_token_id']}:{key['access_token_secret']}"},
        timeout=30,
    )
    assert answer.ok, answer.text
    return int(answer.json()["id"])


@pytest.mark.parametrize(
    "table",
    [
        "transactions",
        *(pytest.param(name, marks=pytest.mark.thorough) for name in ("users", "vouchers")),
    ],
)
def test_each_run_of_a_repeating_export_is_collected_once(
    table: str, sandbox: Sandbox, calendar: Calendar, tmp_path: Path
) -> None:
    submit(sandbox, table)
    for day in range(3):
        calendar.now += timedelta(minutes=30) if day == 0 else DAY
        for _ in range(2):
            collect(sandbox, tmp_path, table)
        assert len(jobs(tmp_path)) == day + 1
        assert query(tmp_path, f"SELECT count(*) FROM {table}") == [(ROWS,)]
    assert len({job.partition("@")[0] for job in jobs(tmp_path)}) == 1
    assert len(sandbox.tasks) == 1


def test_a_run_from_before_the_last_load_replaces_nothing(
    sandbox: Sandbox, calendar: Calendar, tmp_path: Path
) -> None:
    submit(sandbox, "transactions")
    calendar.now += timedelta(minutes=30)
    collect(sandbox, tmp_path, "transactions")
    # The next run is a day later; a load comes after it.
    calendar.now += DAY + timedelta(hours=1)
    pipeline_into(tmp_path).run(source(sandbox, "transactions"))
    collect(sandbox, tmp_path, "transactions")
    assert len(jobs(tmp_path)) == 2
    calendar.now += DAY
    collect(sandbox, tmp_path, "transactions")
    assert len(jobs(tmp_path)) == 3


LAST: dict[str, Any] = {"segments": {"transactions": [LAST_DAY]}}


@pytest.mark.thorough
def test_runs_that_have_the_last_day_accumulate_and_a_missed_one_is_told(
    sandbox: Sandbox, calendar: Calendar, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    calendar.now -= 10 * DAY
    submit(sandbox, "transactions", **LAST)
    counts = []
    for _ in range(3):
        calendar.now += DAY
        collect(sandbox, tmp_path, "transactions", **LAST)
        counts += query(tmp_path, "SELECT count(*), count(DISTINCT id) FROM transactions")
    assert [count for count, _ in counts] == sorted(count for count, _ in counts)
    assert counts[-1][0] == counts[-1][1] > counts[0][0]
    assert "was not collected" not in caplog.text
    calendar.now += 3 * DAY
    collect(sandbox, tmp_path, "transactions", **LAST)
    check_advice("exports/run.py", "{request}: the run after {iso(before)} was", caplog.text)


def segment(sandbox: Sandbox, index: str, *rules: dict[str, Any]) -> dict[str, Any]:
    return {
        "entity": "people",
        "index": index,
        "join": "all",
        "chain_id": sandbox.chain_id,
        "rules": list(rules),
    }


@pytest.mark.thorough
def test_a_task_of_somebody_else_is_adopted_by_its_id(
    sandbox: Sandbox, calendar: Calendar, tmp_path: Path
) -> None:
    task = create(sandbox, "transactions", "Nightly", repeat="daily")
    other = create(sandbox, "transactions", "Nightly", repeat="daily")
    for day in range(2):
        calendar.now += timedelta(minutes=30) if day == 0 else DAY
        for _ in range(2):
            collect(sandbox, tmp_path, "transactions", adopt_tasks={"transactions": task})
        assert len(jobs(tmp_path)) == day + 1
    assert {job.partition("@")[0] for job in jobs(tmp_path)} == {str(task)}
    assert str(other) not in "".join(jobs(tmp_path))
    assert query(tmp_path, "SELECT count(*) FROM transactions") == [(ROWS,)]


@pytest.mark.thorough
def test_a_task_with_a_filter_is_adopted_where_the_settings_have_the_same(
    sandbox: Sandbox, calendar: Calendar, tmp_path: Path
) -> None:
    own = segment(sandbox, "transactions", LAST_DAY)
    task = create(sandbox, "transactions", "Last day", repeat="daily", segment=own)
    calendar.now += timedelta(minutes=30)
    adopted = {"adopt_tasks": {"transactions": str(task)}}
    with advises("exports/plan.py", "Load it by its own: spaaza collect --task"):
        collect(sandbox, tmp_path, "transactions", **adopted)
    collect(sandbox, tmp_path, "transactions", **adopted, segments={"transactions": own})
    assert len(jobs(tmp_path)) == 1


@pytest.mark.parametrize(
    ("index", "task", "told"),
    [
        ("users", 99, "no export task 99"),
        pytest.param("products", None, "exports another index", marks=pytest.mark.thorough),
    ],
)
def test_what_is_no_task_of_the_table_is_refused(
    index: str, task: int | None, told: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    made = create(sandbox, index, "Nightly", repeat="daily")
    with pytest.raises(Exception, match=told) as refused:
        collect(sandbox, tmp_path, "users", adopt_tasks={"users": task or made})
    assert isinstance(ours(refused.value), SettingsError)
    if task:
        said = str(ours(refused.value))
        check_advice("exports/plan.py", "See the recurring ones of the chain: spaaza jobs.", said)
    # Another table is not concerned.
    collect(sandbox, tmp_path, "vouchers", adopt_tasks={"users": task or made})
    with pytest.raises(SettingsError, match="adopt_tasks of users"):
        source(sandbox, "users", adopt_tasks={"users": True})
