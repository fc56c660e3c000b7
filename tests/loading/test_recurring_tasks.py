"""Recurring tasks, ours and somebody else's: each run is collected once, of windowed tables too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from spaaza_source import spaaza_source
from spaaza_source.errors import SettingsError
from spaaza_source.exports import ExportRequest, Job, KnownJob, Repeat, SyncPolicy, TableSync
from spaaza_source.exports.planning.plan import plan_for
from spaaza_source.loading import exports_of
from spaaza_source.sandbox import Sandbox, SandboxSettings
from spaaza_source.spaaza import SpaazaExports
from spaaza_source.spaaza.export_service import STATES
from spaaza_source.transport import SystemClock
from tests.clocks import Calendar
from tests.faults.hosts import ours
from tests.hints.loads import advises, check_advice
from tests.vendors.scripted import SECRET
from tests.vendors.scripted_spaaza import CHAIN, ScriptedTasks
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
    check_advice("exports/planning/recurring.py", "Load that range: spaaza load", caplog.text)


BUSY = datetime(2026, 5, 26, 12, tzinfo=UTC)


@pytest.mark.thorough
def test_the_range_of_a_missed_run_is_loaded_by_its_dates(
    calendar: Calendar, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    busy = SandboxSettings(rows=ROWS, clock=calendar, data_end=BUSY, history_days=30)
    with Sandbox(busy) as sandbox:
        calendar.now = begin = BUSY - 10 * DAY
        task = create(
            sandbox,
            "transactions",
            "Last day",
            repeat="daily",
            once=f"{begin:%Y-%m-%dT%H:%M:%SZ}",
            segment=segment(sandbox, "transactions", LAST_DAY),
        )
        adopted = {**LAST, "adopt_tasks": {"transactions": task}}
        for days in (0, 4):
            calendar.now += timedelta(minutes=1) + days * DAY
            collect(sandbox, tmp_path, "transactions", **adopted)
        told = re.search(r"--start-date (\S+) --end-date (\S+) \(start_date and end", caplog.text)
        assert told, caplog.text
        check_advice("exports/planning/recurring.py", " (start_date and end_date).", caplog.text)
        # The sandbox has rows of later days too, which are in its last days.
        past = (
            f"SELECT count(*), count(DISTINCT id) FROM transactions WHERE timestamp < '{told[2]}'"
        )
        ((lacking, _),) = query(tmp_path, past)
        dates = {"start_date": told[1], "end_date": told[2]}
        # Whether or not the settings still name the task, and twice.
        for given in (adopted, LAST):
            pipeline_into(tmp_path).run(source(sandbox, "transactions", **given, **dates))
        truth = tmp_path / "truth"
        truth.mkdir()
        since = {"start_date": begin - DAY, "end_date": told[2]}
        pipeline_into(truth, "truth").run(source(sandbox, "transactions", **since))
        ((rows, keys),) = query(truth, past)
        assert rows == keys > lacking
        assert query(tmp_path, past) == [(rows, keys)]
        # The task goes on, and none of its days is there twice.
        calendar.now += DAY
        collect(sandbox, tmp_path, "transactions", **adopted)
        assert query(tmp_path, past) == [(rows, keys)]
        ((all_rows, all_keys),) = query(tmp_path, past.partition(" WHERE")[0])
        assert all_rows == all_keys > rows


@pytest.mark.thorough
def test_a_missed_run_whose_range_cannot_be_asked_for_is_told_so(
    sandbox: Sandbox, calendar: Calendar, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rule = {**LAST_DAY, "field_name": "created_date", "time_amount": 2000}
    given: dict[str, Any] = {"segments": {"users": [rule]}}
    submit(sandbox, "users", **given)
    for _ in range(2):
        calendar.now += 4 * DAY
        collect(sandbox, tmp_path, "users", **given)
    assert "in no file any more. Collect each run before the next one." in caplog.text


@pytest.mark.parametrize("is_ours", [True, pytest.param(False, marks=pytest.mark.thorough)])
def test_a_failing_run_is_told_with_the_vendors_words_until_one_is_good(
    is_ours: bool, calendar: Calendar, tmp_path: Path
) -> None:
    limited = SandboxSettings(rows=ROWS, clock=calendar, data_end=BUSY, max_export_rows=30)
    with Sandbox(limited) as sandbox:
        # Once its last days have no rows, it is small enough.
        calendar.now = BUSY - DAY
        month = [{**LAST_DAY, "time_amount": 200}]
        given: dict[str, Any] = {"segments": {"transactions": month}}
        if is_ours:
            submit(sandbox, "transactions", **given)
        else:
            own = segment(sandbox, "transactions", *month)
            task = create(sandbox, "transactions", "Nightly", repeat="daily", segment=own)
            given["adopt_tasks"] = {"transactions": task}
        calendar.now += DAY
        for _ in range(2):
            with pytest.raises(Exception, match="Export timed out: too many records") as failed:
                collect(sandbox, tmp_path, "transactions", **given)
            error = str(ours(failed.value))
            assert "the last run of the vendor's task 12001 ended in ERROR (" in error
            assert ("spaaza load transactions" in error) == is_ours
            if is_ours:
                check_advice("exports/planning/recurring.py", "spaaza load {self.table}", error)
            collect(sandbox, tmp_path, "users", **given)
        calendar.now += 150 * DAY
        collect(sandbox, tmp_path, "transactions", **given)
        (rows,) = query(tmp_path, "SELECT count(*) FROM transactions")[0]
        assert 0 < rows <= 30


@pytest.mark.thorough
def test_a_failing_run_is_told_no_more_once_a_load_has_brought_its_rows(
    calendar: Calendar, tmp_path: Path
) -> None:
    limited = SandboxSettings(rows=ROWS, clock=calendar, data_end=BUSY, max_export_rows=60)
    with Sandbox(limited) as sandbox:
        calendar.now = BUSY
        submit(sandbox, "transactions")
        calendar.now += DAY
        with advises("exports/planning/recurring.py", "spaaza load {self.table}"):
            collect(sandbox, tmp_path, "transactions")
        calendar.now += timedelta(minutes=1)
        pipeline_into(tmp_path).run(source(sandbox, "transactions"))
        collect(sandbox, tmp_path, "transactions")
        assert query(tmp_path, "SELECT count(*) FROM transactions") == [(ROWS,)]


@pytest.mark.parametrize("is_ours", [True, pytest.param(False, marks=pytest.mark.thorough)])
def test_runs_without_their_times_are_told_and_none_is_loaded(
    is_ours: bool, tmp_path: Path
) -> None:
    with ScriptedTasks("DONE", file=b"id,timestamp\n1,2026-05-03T10:00:00Z\n") as vendor:
        key = {"access_token_id": "id", "access_token_secret": SECRET}
        account: dict[str, Any] = {"poll_interval": 0.02, "start_margin": 0, "stagger": 0}

        def load(**given: Any) -> None:
            made = spaaza_source(vendor.base_url, CHAIN, key, **account, **given)
            pipeline_into(tmp_path).run(made.with_resources("transactions"))

        whole = ExportRequest("transactions", "transactions", str(CHAIN), repeat="daily")
        made = vendor.service(SystemClock()).create(whole)
        vendor.service(SystemClock()).poll(made.job_id)
        given = {} if is_ours else {"adopt_tasks": {"transactions": made.job_id}}
        with pytest.raises(Exception, match="does not say when it ran") as told:
            load(only_finished=True, **given)
        if not is_ours:
            assert str(ours(told.value)).endswith("Ask the vendor.")
            return
        check_advice("exports/planning/recurring.py", "Load without it", str(ours(told.value)))
        load()
        assert query(tmp_path, "SELECT count(*) FROM transactions") == [(1,)]


NOW = datetime(2026, 5, 26, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("repeats", "started", "state", "loaded", "until", "told"),
    [
        (True, None, "READY", (), None, "task 7 is READY: it has not run yet, or the vendor does"),
        (True, NOW, "DONE", ("7@2026-05-26T12:00:00Z",), None, "no run of task 7 after 2026-05-26"),
        (True, NOW, "ERROR", (), NOW, "is from before the table's last load"),
        (True, NOW, "INPROGRESS", (), None, "job 7@2026-05-26T12:00:00Z is INPROGRESS"),
        (False, NOW, "DONE", ("7",), None, "task 7 is loaded, and does not repeat"),
        (False, None, "DONE", (), NOW, "task 7 is DONE, but nobody knows since when"),
    ],
)
def test_why_a_task_that_is_adopted_brings_nothing(  # noqa: PLR0917 - one column each
    repeats: bool, started: Any, state: str, loaded: Any, until: Any, told: str
) -> None:
    whole = ExportRequest("transactions", "transactions", "1743")
    sync = TableSync(
        "transactions",
        lambda window: replace(whole, window=window),
        SyncPolicy(),
        loaded_until=until,
        loaded=loaded,
        collect_only=True,
        adopt_job="7",
    )
    run = "@2026-05-26T12:00:00Z" if started and repeats else ""
    job = Job(
        f"7{run}", STATES[state], state, created_at=started, started_at=started, repeats=repeats
    )
    request = replace(whole, repeat="daily" if repeats else None)
    known = [KnownJob(request.fingerprint, "transactions", None, job)]
    plan = plan_for(sync, known, NOW + timedelta(hours=1), timedelta(hours=1))
    assert plan.adopted == []
    assert plan.last_run is not None
    assert told in plan.last_run.reason
    assert not plan.last_run.has_failed


@pytest.mark.thorough
def test_a_task_that_is_named_may_be_of_any_age(
    sandbox: Sandbox, calendar: Calendar, tmp_path: Path
) -> None:
    task = create(sandbox, "transactions", "Once")
    calendar.now += timedelta(minutes=1)
    pipeline_into(tmp_path).run(source(sandbox, "transactions", end_date="2026-05-20"))
    calendar.now += 60 * DAY
    given = {"adopt_tasks": {"transactions": task}}
    for _ in range(2):
        collect(sandbox, tmp_path, "transactions", **given)
    assert query(tmp_path, "SELECT count(*) FROM transactions") == [(ROWS,)]
    assert jobs(tmp_path)[1:] == [str(task)]


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
    adopted: dict[str, Any] = {"adopt_tasks": {"transactions": str(task)}}
    with advises("exports/planning/recurring.py", "Load it by its own: spaaza collect --task"):
        collect(sandbox, tmp_path, "transactions", **adopted)
    adopted["segments"] = {"transactions": own}
    collect(sandbox, tmp_path, "transactions", **adopted)
    assert len(jobs(tmp_path)) == 1
    # Without the task's filter the table does not go on, and is told by whom it came.
    with advises("loading/history.py", "They are of the vendor's task {task}"):
        pipeline_into(tmp_path).run(source(sandbox, "transactions"))
    other = {"segments": {"transactions": [{**LAST_DAY, "time_amount": 2}]}}
    with advises("loading/history.py", "Set them back, or load into another"):
        pipeline_into(tmp_path).run(source(sandbox, "transactions", **other))
    calendar.now += DAY
    collect(sandbox, tmp_path, "transactions", **adopted)
    assert len(jobs(tmp_path)) == 2


@pytest.mark.thorough
def test_a_task_does_not_go_on_with_rows_of_another_filter(
    sandbox: Sandbox, calendar: Calendar, tmp_path: Path
) -> None:
    own = segment(sandbox, "transactions", LAST_DAY)
    task = create(sandbox, "transactions", "Last day", repeat="daily", segment=own)
    calendar.now += timedelta(minutes=30)
    pipeline_into(tmp_path).run(source(sandbox, "transactions"))
    adopted = {"adopt_tasks": {"transactions": task}, "segments": {"transactions": own}}
    calendar.now += DAY
    with advises("loading/history.py", "Load the task into another dataset"):
        collect(sandbox, tmp_path, "transactions", **adopted)
    other = tmp_path / "other"
    other.mkdir()
    collect(sandbox, other, "transactions", **adopted)
    assert len(jobs(other)) == 1


@pytest.mark.thorough
def test_a_task_with_two_filters_is_none_of_a_table() -> None:
    with ScriptedTasks("DONE") as vendor:
        service = vendor.service(SystemClock())
        request = ExportRequest(
            "users", "users", str(CHAIN), selection={"segment": {"rules": []}, "segment_id": "abc"}
        )
        job = service.create(request)
        one = replace(request, selection={"segment_id": "abc"})
        assert isinstance(service, SpaazaExports)
        service.adopt(job.job_id, one)
        (known,) = service.known_jobs(NOW)
        assert not known.is_of(one)


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
        check_advice(
            "exports/planning/recurring.py",
            "See the recurring ones of the chain: spaaza jobs.",
            said,
        )
    # Another table is not concerned.
    collect(sandbox, tmp_path, "vouchers", adopt_tasks={"users": task or made})
    with pytest.raises(SettingsError, match="adopt_tasks of users"):
        source(sandbox, "users", adopt_tasks={"users": True})
