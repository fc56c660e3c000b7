"""`spaaza probe` against vendors that turn out every which way, and what follows from it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from spaaza_source import spaaza_source
from spaaza_source.configuration import read_profile
from spaaza_source.errors import SettingsError
from spaaza_source.exports import PollSettings
from spaaza_source.loading import exports_of
from spaaza_source.probe import (
    MOST_TASKS,
    Answers,
    answer_questions,
    describe_answers,
    describe_tasks,
    run,
    settings_of,
)
from spaaza_source.spaaza import INDEXES, TasksApi, make_client
from tests.command import runner
from tests.export_runs import token
from tests.hints.loads import advises, check_advice
from tests.probe.vendors import OpenVendor, Ways

HOUR = timedelta(hours=1)


def asked(ways: Ways) -> tuple[Answers, OpenVendor]:
    with OpenVendor(ways) as vendor:
        key = token(access_token_id="id", access_token_secret="canary")
        api = TasksApi(make_client(vendor.base_url, 1743, key))
        poll = PollSettings(0.01, 0.02, 10.0, execute_after=0.2)
        return answer_questions(api, 1743, poll), vendor


def set_by(ways: Ways) -> dict[str, Any]:
    answers, _ = asked(ways)
    settings: dict[str, Any] = settings_of(answers).get("sources", {}).get("spaaza", {})
    return settings


def test_a_vendor_that_is_as_the_defaults_say() -> None:
    answers, vendor = asked(Ways())
    assert settings_of(answers) == {}
    assert answers.means_utc is answers.is_to_the_second is True
    assert (answers.nothing, answers.runs_past, answers.runs_future) == ("header", True, True)
    assert answers.headers["transactions"] == ["id", "timestamp"]
    assert answers.headers["products"] == ["id", "category"]
    assert set(answers.headers) == set(INDEXES)
    assert answers.keys["users"] == ["id"]
    assert len(vendor.tasks) <= MOST_TASKS == len(describe_tasks())
    descriptions = [task["desc"] for task in vendor.tasks]
    assert all(text.startswith("spaaza_source ") for text in descriptions)


@pytest.mark.parametrize("inclusive", [(True, True), (True, False), (False, True), (False, False)])
def test_bounds_are_found_out(inclusive: tuple[bool, bool]) -> None:
    answers, _ = asked(Ways(inclusive=inclusive))
    assert (answers.start_is_inclusive, answers.end_is_inclusive) == inclusive
    assert settings_of(answers) == {}


@pytest.mark.parametrize("ahead", [2 * HOUR, -5 * HOUR])
def test_a_filter_of_local_time(ahead: timedelta) -> None:
    assert set_by(Ways(ahead=ahead)) == {"filter_margin": 86_400.0}


@pytest.mark.parametrize("ahead", [2 * HOUR, -5 * HOUR, 5.5 * HOUR])
def test_a_shop_that_closes_at_night_shows_local_time_too(ahead: timedelta) -> None:
    answers, vendor = asked(Ways(ahead=ahead, hours=(9, 17)))
    assert (answers.means_utc, answers.ahead) == (False, ahead)
    assert settings_of(answers)["sources"]["spaaza"] == {"filter_margin": 86_400.0}
    assert len(vendor.tasks) <= MOST_TASKS


def test_where_nothing_was_sold_another_table_tells() -> None:
    answers, _ = asked(Ways(ahead=2 * HOUR, hours=(9, 17), without=("transactions",)))
    assert (answers.means_utc, answers.ahead) == (False, 2 * HOUR)
    assert "transactions" not in answers.time_columns


def test_a_filter_of_whole_days() -> None:
    answers, _ = asked(Ways(whole_days=True))
    assert answers.is_to_the_second is False
    assert settings_of(answers)["sources"]["spaaza"] == {"filter_margin": 86_400.0}


@pytest.mark.parametrize(
    ("nothing", "settings"), [(b"", {"empty_files": "accept"}), (b"id,timestamp\n", {})]
)
def test_what_nothing_looks_like(nothing: bytes, settings: dict[str, Any]) -> None:
    assert set_by(Ways(nothing=nothing)) == settings


@pytest.mark.parametrize("runs", [(False, True), (False, False), (True, False)])
def test_tasks_that_have_to_be_executed(runs: tuple[bool, bool]) -> None:
    answers, vendor = asked(Ways(runs=runs))
    assert (answers.runs_past, answers.runs_future) == runs
    expected = {} if runs[1] else {"execute_after": 30.0}
    assert settings_of(answers).get("sources", {}).get("spaaza", {}) == expected
    # Each once, and none is created anew.
    assert len(vendor.tasks) <= MOST_TASKS


def test_another_column_of_times() -> None:
    settings = set_by(Ways(column="sold_at"))
    assert settings["time_columns"]["transactions"] == "sold_at"


def test_a_chain_without_rows() -> None:
    answers, vendor = asked(Ways(every=None))
    assert answers.means_utc is None
    assert settings_of(answers) == {}
    assert "not found out" in str(describe_answers(answers)["the date filter means UTC"])
    # The longer time is asked for, and no bound.
    assert len(vendor.tasks) == 8


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run, "PATIENCE", 0.2)
    given = {"POLL_INTERVAL": "0.01", "CHAIN_ID": "1743"}
    key = {"CREDENTIALS__ACCESS_TOKEN_ID": "id", "CREDENTIALS__ACCESS_TOKEN_SECRET": "canary"}
    return runner(monkeypatch, **given, **key)


@pytest.mark.slow
def test_the_profile_is_written_obeyed_and_shown(
    command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with OpenVendor(Ways(ahead=2 * HOUR, nothing=b"")) as vendor:
        monkeypatch.setenv("SOURCES__SPAAZA__BASE_URL", vendor.base_url)
        code, lines = command("probe", "--yes")
        assert code == 0
        assert any("filter_margin = 86400.0" in line for line in lines)
        profile = read_profile()
        assert profile is not None
        assert profile["sources"]["spaaza"] == {"filter_margin": 86400.0, "empty_files": "accept"}
        code, lines = command("check")
        assert any("vendor_profile.toml (chain 1743" in line for line in lines)
        load = exports_of(spaaza_source().with_resources("transactions")).loads["transactions"]
        assert load.read_settings.empty_files == "accept"
        # What is set elsewhere counts before it.
        monkeypatch.setenv("SOURCES__SPAAZA__EMPTY_FILES", "stop")
        load = exports_of(spaaza_source().with_resources("transactions")).loads["transactions"]
        assert load.read_settings.empty_files == "stop"


@pytest.mark.slow
@pytest.mark.thorough
def test_nothing_is_created_without_a_word(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with OpenVendor(Ways()) as vendor:
        monkeypatch.setenv("SOURCES__SPAAZA__BASE_URL", vendor.base_url)
        with advises("cli/probe.py", "Agree by --yes."):
            command("probe")
        assert vendor.tasks == []
        assert read_profile() is None
        command("probe", "--yes")
        assert read_profile() is not None


@pytest.mark.slow
@pytest.mark.thorough
def test_a_profile_that_cannot_be_read_is_told(
    command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".dlt").mkdir()
    Path(".dlt/vendor_profile.toml").write_text("[sources", encoding="utf-8")
    with OpenVendor(Ways()) as vendor:
        monkeypatch.setenv("SOURCES__SPAAZA__BASE_URL", vendor.base_url)
        with pytest.raises(SettingsError) as told:
            spaaza_source()
        check_advice("configuration/vendor_profile.py", "Remove it, and let it be", str(told.value))
        Path(".dlt/vendor_profile.toml").unlink()
        command("probe", "--yes")
    assert tomlkit.parse(Path(".dlt/vendor_profile.toml").read_text(encoding="utf-8"))
    spaaza_source()
