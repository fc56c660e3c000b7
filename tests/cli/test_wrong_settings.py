"""No wrong setting is passed over: each is one line, with the word typed and a way out."""

from __future__ import annotations

import runpy
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
from spaaza_source.spaaza.segments import all_of, any_of, date
from tests.cli.wrong_settings import ACCOUNT, OPTIONS, RIGHT, ROWS, VALUES, Wrong

#: A wide terminal: what a line is, the message decides.
WIDE = "1000"
BACKFILL = Path(__file__).parents[2] / "pipelines" / "backfill.py"


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


@pytest.mark.parametrize("wrong", VALUES, ids=lambda wrong: "=".join(wrong[:2]))
def test_a_wrong_value_is_repeated_with_what_it_may_be(
    wrong: tuple[str, str, str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    setting, value, words, hint = wrong
    monkeypatch.setenv(f"SOURCES__SPAAZA__{setting.upper()}", value)
    with pytest.raises(SettingsError) as refused:
        spaaza_source()
    code, told = run(monkeypatch, capsys, "load")
    assert (code, told) == (2, f"spaaza: {refused.value}\n")
    assert words in told
    assert hint in told.partition(words)[2] or hint in str(refused.value.hint), told


@pytest.mark.parametrize(("options", "typed", "hint"), OPTIONS, ids=str)
def test_a_wrong_option_is_repeated_with_what_it_may_be(
    options: tuple[str, ...],
    typed: str,
    hint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, told = run(monkeypatch, capsys, "load", *options)
    assert (code, told.count("\n")) == (2, 1), told
    assert typed in told
    assert hint in told.partition(typed)[2], told


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"max_deleted_share": True}, "max_deleted_share: 'True' is not a number from 0 to 1"),
        ({"max_rejected_share": True}, "max_rejected_share: 'True' is not a number from 0 to 1"),
        ({"max_deleted_share": "0.2"}, "max_deleted_share: '0.2' is not a number from 0 to 1"),
        ({"poll_interval": "15"}, "poll_interval: '15' is not a number"),
        ({"max_concurrent_exports": 2.5}, "'2.5' is not a whole number"),
        ({"accept_deletes": "no"}, "accept_deletes: 'no' is not true or false. Write True"),
        ({"only_finished": 1}, "only_finished: '1' is not true or false"),
        ({"allow_external_schedulers": "no"}, "'no' is not true or false"),
        ({"window": "year"}, "window: 'year' is not among month, week, day"),
        ({"from_files": ""}, "from_files: is empty"),
    ],
)
def test_a_wrong_argument_of_a_script_is_told_too(given: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words) as refused:
        spaaza_source(**given)
    assert refused.value.hint


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: all_of("vuchers"), "there is no index 'vuchers'"),
        (lambda: any_of("users", {"feild_name": "a"}), "'feild_name' is not among field_name"),
        (lambda: date("a").within(7, "days"), "'days' is not among .*Did you mean 'day'"),
        (lambda: date("a").within(0.5), "'0.5' is not a whole number"),  # type: ignore[arg-type]
        (lambda: date("a").within(-1), "'-1' is not a whole number"),
    ],
)
def test_a_rule_that_is_built_wrong_is_told(make: Any, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as refused:
        make()
    assert refused.value.hint


def test_an_index_may_be_called_as_its_table() -> None:
    segments = {"wallet_ledger": all_of("wallet_ledger", date("timestamp").within(1))}
    assert spaaza_source(segments=segments).resources


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            ("2026-02-01", "2026-01-01"),
            "from 2026-02-01T00:00:00Z to 2026-01-01T00:00:00Z holds no",
        ),
        (("soon",), "start_date: 'soon' is not a date"),
        (("2026-01-01", "2026-02-01", "--tables", "user"), "no table user"),
    ],
)
def test_the_backfill_script_says_so_in_one_line_too(
    given: tuple[str, ...],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["backfill.py", *given])
    with pytest.raises(SystemExit) as left:
        runpy.run_path(str(BACKFILL), run_name="__main__")
    told = capsys.readouterr().err
    assert left.value.code == 2
    assert words in told.splitlines()[-1]
    assert "Traceback" not in told
