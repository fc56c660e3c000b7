"""No wrong setting is passed over: each is one line, with the word typed and a way out."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.pipeline import PipelineContext

from spaaza_source import SpaazaSourceError, spaaza_bulk_users, spaaza_source
from spaaza_source.cli import main
from spaaza_source.errors import SettingsError
from tests.cli.wrong_settings import ACCOUNT, RIGHT, ROWS, Wrong

#: A wide terminal: what a line is, the message decides.
WIDE = "1000"


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", WIDE)
    Container()[PipelineContext].deactivate()
    yield
    if Path(".dlt").exists():
        monkeypatch.undo()
        Container()[PluggableRunContext].reload_providers()


def prepare(
    patch: pytest.MonkeyPatch, environment: Mapping[str, str], files: Mapping[str, str]
) -> None:
    """Set variables and files as a user would have them before the process begins."""
    for name, value in environment.items():
        if value:
            patch.setenv(name, value)
        else:
            patch.delenv(name)
    if files:
        Path(".dlt").mkdir()
        for name, text in files.items():
            Path(".dlt", name).write_text(text, encoding="utf-8")
        Container()[PluggableRunContext].reload_providers()


def run(
    patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str]:
    """The exit code of the command in this process, and what it said on stderr."""
    patch.setattr(sys, "argv", ["spaaza", *arguments])
    patch.setattr("signal.signal", lambda *_: None)
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0), capsys.readouterr().err


@pytest.mark.parametrize("wrong", ROWS, ids=lambda wrong: wrong.name)
def test_a_wrong_setting_is_one_line_that_names_it_and_a_way_out(
    wrong: Wrong, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(monkeypatch, wrong.environment, wrong.files)
    code, told = run(monkeypatch, capsys, *wrong.command)
    assert code == wrong.code, told
    assert told.startswith("spaaza: ")
    assert told.count("\n") == 1, told
    assert wrong.typed in told
    assert wrong.hint in told.partition(wrong.typed)[2], told
    assert "Traceback" not in told
    assert "canary" not in told


@pytest.mark.parametrize("right", RIGHT, ids=str)
def test_what_dlt_reads_and_what_is_not_ours_is_no_error(
    right: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(monkeypatch, right.get("environment", {}), right.get("files", {}))
    assert spaaza_source().resources


@pytest.mark.parametrize("source", [spaaza_source, spaaza_bulk_users])
def test_a_script_is_told_the_same(source: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__SPAAZA__PRIVCY", "pseudonymise")
    with pytest.raises(SettingsError, match=r"PRIVCY .*Did you mean SOURCES__SPAAZA__PRIVACY\?"):
        source()


@pytest.mark.parametrize("command", ["check", "load", "plan", "submit", "collect", "jobs", "demo"])
def test_every_command_that_makes_a_source_says_so(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SOURCES__SPAAZA__PRIVCY", "pseudonymise")
    code, told = run(monkeypatch, capsys, command)
    assert code == 2
    assert "PRIVCY" in told
    assert not list(Path().glob("*.duckdb"))


def test_all_wrong_keys_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PRIVCY", "LAGG", "WINDOWW", "SEGMENT", "OBJECTS"):
        monkeypatch.setenv(f"SOURCES__SPAAZA__{name}", "x")
    with pytest.raises(SpaazaSourceError, match=r"PRIVCY .*, .*and 2 more"):
        spaaza_source()
