"""What else counts rows, or asks for them, agrees with `retain_days`."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import spaaza_source, voucherify_source
from spaaza_source.dlt_hooks import load_end
from spaaza_source.errors import SettingsError
from spaaza_source.health import check_health
from spaaza_source.sandbox import Sandbox, SandboxSettings
from spaaza_source.windows import iso
from tests.backfill.stage import Stage
from tests.clocks import Calendar
from tests.command import runner, settings_for
from tests.faults.hosts import ours
from tests.processes import exit_codes
from tests.vendors.spaaza_files import DatedVendor, FileVendor
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.slow
DAY = timedelta(days=1)
TOKEN = {"access_token_id": "a", "access_token_secret": "b"}
WAITING: dict[str, Any] = {"poll_interval": 0.02, "start_margin": 0, "stagger": 0}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    calendar = Calendar()
    settings = SandboxSettings(rows=300, history_days=120, data_end=calendar.now, clock=calendar)
    with Sandbox(settings) as sandbox:
        yield Stage(tmp_path, sandbox, calendar)


@pytest.mark.parametrize("table", ["transactions", "vouchers"])
def test_a_backfill_asks_for_nothing_that_is_too_old(stage: Stage, table: str) -> None:
    backfill = stage.backfill(partial(stage.source, retain_days={table: 40}))
    parts = backfill.plan("2026-02-01", tables=[table])
    windows = [window for part in parts for window in part["windows"]]
    limit = stage.calendar.now - 40 * DAY
    assert [window[:17] for window in windows] == [f"[{limit:%Y-%m-%dT%H:%M}", "[2026-05-01T00:00"]
    for part in backfill.begin(parts):
        backfill.load(part)
    assert backfill.left(parts) == []
    # Days later, a part of the plan is too old, and nothing of it is missing or wrong.
    stage.calendar.now += 10 * DAY
    asked = len(stage.asked())
    assert backfill.left(parts) == []
    assert backfill.reconcile(parts) == []
    assert all(limit.isoformat()[:10] not in window for window in stage.asked()[asked:])
    assert backfill.left(parts) == []
    time = {"transactions": "timestamp"}.get(table, "date_time_creation")
    ((oldest,),) = query(
        stage.folder,
        f"SELECT min(greatest({time}, {'date_time_redeemed' if table == 'vouchers' else time}))"
        f" FROM {table}",
    )
    assert oldest >= stage.calendar.now - 40 * DAY
    assert backfill.plan("2026-02-01", "2026-03-01", tables=[table]) == []


def test_parts_that_are_old_before_they_are_loaded_are_left_out(stage: Stage) -> None:
    backfill = stage.backfill(partial(stage.source, retain_days={"transactions": 40}))
    parts = backfill.plan("2026-02-01", tables=["transactions"])
    stage.calendar.now += 60 * DAY
    assert backfill.left(parts) == []
    assert backfill.reconcile(parts) == []
    assert all(window[20:27] >= "2026-06" for window in stage.asked()), stage.asked()


def test_a_deep_check_compares_what_is_kept(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in settings_for(stage.sandbox).items():
        monkeypatch.setenv(name, value)
    spaaza = runner(monkeypatch, RETAIN_DAYS="40")
    for table in ("transactions", "vouchers"):
        code, lines = spaaza("load", table)
        assert code == 0, lines
        # Some rows have become too old since the load, and are still there.
        stage.calendar.now += 5 * DAY
        code, lines = spaaza("check", "--deep", table)
        assert code == 0, lines
        code, lines = spaaza("load", table)
        assert code == 0, lines
        assert any("were removed (retain_days)" in line for line in lines), lines
        code, lines = spaaza("check", "--deep", table)
        assert code == 0, lines
    code, lines = spaaza("health", "transactions")
    told = next(line for line in lines if "retention" in line)
    assert "rows removed by the last load" in told


def sales(*days: float, more: str = "") -> bytes:
    now = datetime.now(UTC)
    rows = [f"{number},{iso(now - each * DAY)}\n" for number, each in enumerate(days, 1)]
    return ("id,timestamp\n" + "".join(rows) + more).encode()


def load(vendor: FileVendor, folder: Path, **given: Any) -> Any:
    return load_from(vendor.base_url, folder, **given)


def load_from(base_url: str, folder: Path, **given: Any) -> Any:
    settings = {**WAITING, "max_age": 0, **given}
    source = spaaza_source(base_url, 1743, TOKEN, **settings)
    pipeline = pipeline_into(folder)
    pipeline.run(source.with_resources("transactions"))
    return pipeline


def _die(base_url: str, folder: Path) -> None:
    def killed(*_: Any) -> None:
        import os  # noqa: PLC0415 - of the process that dies

        os.kill(os.getpid(), signal.SIGKILL)

    load_end.remove_old_rows = killed  # type: ignore[assignment,attr-defined]
    load_from(base_url, folder, retain_days=30)


def test_what_a_killed_load_has_not_removed_the_next_one_removes(tmp_path: Path) -> None:
    with DatedVendor(transactions=sales(35, 29, 5)) as vendor:
        load(vendor, tmp_path)
        vendor.files["transactions"] = sales(35, 29, 0.5)
        assert exit_codes(partial(_die, vendor.base_url, tmp_path)) == [-signal.SIGKILL]
        assert query(tmp_path, "SELECT count(*) FROM transactions WHERE id = 1") == [(1,)]
        pipeline = pipeline_into(tmp_path)
        (finding,) = (
            each for each in check_health(pipeline, ["transactions"]) if each.rule == "retention"
        )
        assert finding.level == "broken"
        load(vendor, tmp_path, retain_days=30)
        assert query(tmp_path, "SELECT id FROM transactions WHERE id = 1") == []
        removed = "SELECT sum(removed) FROM export_jobs"
        assert query(tmp_path, removed) == [(1,)]
        load(vendor, tmp_path, retain_days=30)
        assert query(tmp_path, removed) == [(1,)]
        (finding,) = (
            each for each in check_health(pipeline, ["transactions"]) if each.rule == "retention"
        )
        assert (finding.level, finding.value) == ("ok", 0)


def test_rows_that_could_not_be_read_and_archived_files_go_too(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    given: dict[str, Any] = {"keep_files": str(kept), "max_rejected_share": 0.5}
    now = datetime.now(UTC)
    dates = {"start_date": iso(now - 60 * DAY), "end_date": iso(now - 40 * DAY)}
    bad = f"9,{iso(now - 45 * DAY)},too,much\n"
    with FileVendor(transactions=sales(50, 45, more=bad)) as vendor:
        load(vendor, tmp_path, **dates, **given)
        assert query(tmp_path, "SELECT count(*) FROM rejected_rows") == [(1,)]
        assert len(list(kept.glob("*/transactions/*.csv"))) == 1
        vendor.files["transactions"] = sales(10, 5)
        load(vendor, tmp_path, retain_days=30, **given)
        assert query(tmp_path, "SELECT count(*) FROM rejected_rows") == [(0,)]
        assert query(tmp_path, "SELECT id FROM transactions ORDER BY 1") == [("1",), ("2",)]
        (left,) = kept.glob("*/transactions/*.csv")
        assert b"too,much" not in left.read_bytes()
        ((told,),) = query(tmp_path, "SELECT notices FROM export_jobs WHERE removed IS NOT NULL")
        assert "2 rows from before" in told
        assert "and 1 that could not be read" in told


def test_a_range_that_is_not_kept_is_refused_and_one_across_is_asked_for_from_there(
    tmp_path: Path,
) -> None:
    now = datetime.now(UTC)
    with FileVendor(transactions=sales(35, 25)) as vendor:
        old = {"start_date": iso(now - 60 * DAY), "end_date": iso(now - 40 * DAY)}
        with pytest.raises(Exception, match=r".") as failed:
            load(vendor, tmp_path, retain_days=30, **old)
        assert isinstance(ours(failed.value), SettingsError)
        assert "are not kept (retain_days)" in str(ours(failed.value))
        assert vendor.tasks == []
        across = {"start_date": iso(now - 60 * DAY), "end_date": iso(now - 20 * DAY)}
        load(vendor, tmp_path, retain_days=30, **across)
        (task,) = vendor.tasks
        (rule,) = task["trigger"]["segment"]["rules"]
        assert rule["start_date"][:10] >= f"{now - 30 * DAY - timedelta(seconds=9):%Y-%m-%d}"
        assert query(tmp_path, "SELECT id FROM transactions") == [("2",)]


def spaaza(**given: Any) -> Any:
    return spaaza_source("http://127.0.0.1:1", 1743, TOKEN, **given)


def voucherify(**given: Any) -> Any:
    return voucherify_source(credentials={"app_id": "a", "app_token": "b"}, **given)


#: What is set, and what the refusal says.
REFUSED: list[tuple[Any, dict[str, Any], str]] = [
    (spaaza, {"retain_days": {"users": 30}}, "no column tells the times of its rows"),
    (voucherify, {"retain_days": {"points_expirations": 30}}, "no column tells the times"),
    (spaaza, {"retain_days": 0.5}, "not a number from 1"),
    (spaaza, {"retain_days": 30, "lag": 31 * 86_400}, "loads look back 31 days"),
    (
        spaaza,
        {"retain_days": {"transactions": 30}, "segments": {"transactions": "saved"}},
        "it always comes whole",
    ),
    (
        spaaza,
        {"retain_days": {"vouchers": 30}, "privacy": {"vouchers": {"date_time_creation": "drop"}}},
        "privacy hides its times",
    ),
    (
        spaaza,
        {"retain_days": {"transactions": 30}, "column_types": "text"},
        "column_types makes text of its times",
    ),
]


@pytest.mark.parametrize("case", REFUSED, ids=[case[-1] for case in REFUSED])
def test_what_has_no_meaning_is_refused_before_the_vendor_is_asked(case: Any) -> None:
    source, given, cause = case
    with pytest.raises(Exception, match=r".") as failed:
        list(source(**given).resources)
    assert isinstance(ours(failed.value), SettingsError)
    assert cause in str(ours(failed.value))
