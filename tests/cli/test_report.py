"""How a load is told of: lines of JSON, and a message to a chat."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.command import COMMAND, settings_for, spaaza
from tests.processes import started
from tests.vendors.server import Answer, ScriptedServer, in_turn

pytestmark = pytest.mark.slow

PLACE = "/services/canary-hook"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(rows=50, run_seconds=0.1)) as served:
        yield served


def events(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_every_event_of_a_load_is_a_line_of_json(sandbox: Sandbox) -> None:
    ran = spaaza("load", "users", "products", "--log", "json", **settings_for(sandbox))
    assert (ran.returncode, ran.stderr) == (0, "")
    told = events(ran.stdout)
    times = [datetime.fromisoformat(each["time"]) for each in told]
    assert times == sorted(times)
    assert times[0].tzinfo is not None
    assert (datetime.now(UTC) - times[0]).total_seconds() < 60
    # dlt extracts its own state apart.
    steps = dict.fromkeys((each["step"], each["state"]) for each in told if each["event"] == "step")
    names = ("extract", "normalize", "load")
    assert list(steps) == [(name, state) for name in names for state in ("begun", "ended")]
    users = [each for each in told if each.get("table_name") == "users"]
    arrived = [each for each in users if each["event"] == "export"][-1]
    assert (arrived["state"], arrived["bytes"] > 1000) == ("arrived", True)
    loaded = {each["table_name"]: each for each in told if each["event"] == "loaded"}
    assert {name: (each["loaded"], each["proven"]) for name, each in loaded.items()} == {
        "users": (50, True),
        "products": (50, True),
    }
    assert told[-2]["event"] == "placed"
    assert told[-2]["dataset"] == "spaaza_data"
    assert {"event": "ended", "exit_code": 0}.items() <= told[-1].items()


@pytest.mark.slow
def test_a_table_that_is_not_written_is_told(sandbox: Sandbox) -> None:
    said = []
    for log in ("json", "json", "text"):
        ran = spaaza("load", "products", "--log", log, **settings_for(sandbox))
        assert (ran.returncode, ran.stderr) == (0, "")
        said.append(ran.stdout)
    loaded = [each for out in said[:2] for each in events(out) if each["event"] == "loaded"]
    assert [(each["loaded"], each["unchanged"]) for each in loaded] == [(50, None), (50, True)]
    assert "Not written, as its file has not changed: products" in said[2]


@pytest.mark.parametrize("log", [pytest.param("text", marks=pytest.mark.thorough), "json"])
def test_a_load_whose_windows_were_split_tells_what_is_loaded(log: str) -> None:
    with Sandbox(SandboxSettings(rows=50, run_seconds=0.05, max_export_rows=30)) as limited:
        settings = settings_for(limited)
        ran = spaaza("load", "transactions", "--verbose", "--log", log, **settings)
        failed = [task for task in limited.tasks if task["state"]["code"] == "ERROR"]
    assert failed
    assert (ran.returncode, ran.stderr) == (0, "")
    if log == "json":
        loaded = [each for each in events(ran.stdout) if each["event"] == "loaded"]
        assert sum(each["loaded"] for each in loaded) == 50
    else:
        # The single exports, for --verbose, then the one line of the table.
        listed = [line.split() for line in ran.stdout.splitlines()]
        *exports, table = [words for words in listed if words[:1] == ["transactions"]]
        assert table[1:4] == ["50", "0", str(len(exports))]
        assert len(exports) > 1


def test_what_goes_wrong_is_a_line_of_json_too(sandbox: Sandbox) -> None:
    wrong = settings_for(sandbox, CREDENTIALS__ACCESS_TOKEN_SECRET="canary-wrong")
    ran = spaaza("load", "users", "--log", "json", **wrong)
    assert (ran.returncode, ran.stderr) == (2, "")
    failed, ended = events(ran.stdout)
    assert failed["event"] == "failed"
    assert "credentials" in failed["message"]
    assert "canary" not in ran.stdout
    assert (ended["event"], ended["exit_code"]) == ("ended", 2)


def test_debug_adds_the_traceback_to_json_lines(sandbox: Sandbox) -> None:
    wrong = settings_for(sandbox, CREDENTIALS__ACCESS_TOKEN_SECRET="canary-wrong")
    ran = spaaza("load", "users", "--log", "json", "--debug", **wrong)
    assert ran.returncode == 2
    assert "Traceback" in ran.stderr
    assert events(ran.stdout)[-1]["exit_code"] == 2


@pytest.mark.thorough
def test_an_interruption_is_told(sandbox: Sandbox) -> None:
    with Sandbox(SandboxSettings(rows=10, run_seconds=600)) as slow:
        process = started([*COMMAND, "load", "users", "--log", "json"], settings_for(slow))
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(json.loads(line))
            if lines[-1].get("state") == "INPROGRESS":
                process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, said
    assert lines[-2]["message"] == "interrupted; the next run resumes from here"
    assert lines[-1]["exit_code"] == 128 + signal.SIGTERM
    del sandbox


def test_what_is_not_collected_is_told(sandbox: Sandbox) -> None:
    ran = spaaza("collect", "vouchers", "--log", "json", **settings_for(sandbox))
    waiting, ended = events(ran.stdout)
    assert (waiting["event"], waiting["table_name"]) == ("waiting", "vouchers")
    assert ended["exit_code"] == 0


def test_a_chat_is_told_of_loads_and_failures(sandbox: Sandbox) -> None:
    with ScriptedServer(in_turn(Answer(200))) as chat:
        hook = {"RUNTIME__SLACK_INCOMING_HOOK": chat.base_url + PLACE}
        assert spaaza("load", "users", **settings_for(sandbox), **hook).returncode == 0
        wrong = settings_for(sandbox, CHAIN_ID="9")
        assert spaaza("load", "users", **wrong, **hook).returncode == 2
    texts = [json.loads(seen.body)["text"] for seen in chat.seen]
    assert texts[0] == "spaaza loaded 50 rows of users into spaaza_data."
    assert texts[1].startswith("spaaza failed: ")
    assert [seen.path for seen in chat.seen] == [PLACE, PLACE]


def test_a_chat_that_fails_keeps_no_load_from_ending_well(sandbox: Sandbox) -> None:
    with ScriptedServer(in_turn(Answer(404))) as chat:
        hook = {"RUNTIME__SLACK_INCOMING_HOOK": chat.base_url + PLACE}
        ran = spaaza("load", "users", **settings_for(sandbox), **hook)
    assert ran.returncode == 0
    assert "the message could not be sent to the chat's webhook (HTTP 404)" in ran.stderr
    assert "canary" not in ran.stderr + ran.stdout
