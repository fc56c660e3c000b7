"""Fault 65: another run holds the turn for too long; whoever waits says for whom, and gives up."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import SpaazaSourceError, spaaza_source
from spaaza_source.cli.output.error_messages import exit_report
from spaaza_source.dlt_hooks import run_lock
from spaaza_source.errors import UnavailableError
from tests.command import runner
from tests.faults.hosts import QUICK, TOKEN, ours
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.wing("dlt_hooks", "destination")

USERS = b"user_id\n1\n2\n"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Another run holds the turn of the pipeline with that working folder."""
    lock = run_lock._acquire(folder)
    try:
        yield
    finally:
        run_lock._release(lock)


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor(users=USERS) as served:
        yield served


@pytest.fixture(autouse=True)
def _without_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPAAZA_SOURCE__TURN_TIMEOUT", "0")


def source(vendor: FileVendor) -> Any:
    made = spaaza_source(vendor.base_url, vendor.chain, TOKEN, **QUICK)
    return made.with_resources("users")


STEPS: dict[str, Callable[[Any, Any], Any]] = {
    "run": lambda pipeline, given: pipeline.run(given),
    "extract": lambda pipeline, given: pipeline.extract(given),
}


@pytest.mark.follows("destination/turn.py", "Run again when it has ended")
@pytest.mark.parametrize("step", ["run", pytest.param("extract", marks=pytest.mark.thorough)])
def test_a_script_gives_up_its_turn_and_has_it_later(
    vendor: FileVendor, tmp_path: Path, step: str
) -> None:
    pipeline = pipeline_into(tmp_path)
    with held(tmp_path / "pipelines" / "spaaza"):
        with pytest.raises(Exception, match="another run") as raised:
            STEPS[step](pipeline, source(vendor))
        error = ours(raised.value)
        assert isinstance(error, UnavailableError)
        assert f"process {os.getpid()} on {socket.gethostname()}, since 20" in str(error)
        assert "SPAAZA_SOURCE__TURN_TIMEOUT" in str(error)
    assert vendor.tasks == []
    # Its hint: run again when the other one has ended.
    pipeline.run(source(vendor))
    assert query(tmp_path, "SELECT count(*) FROM users") == [(2,)]


@pytest.fixture
def run(
    vendor: FileVendor, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, list[str]]]:
    account = {f"credentials__{name}".upper(): value for name, value in TOKEN.items()}
    quick = {name.upper(): str(value) for name, value in QUICK.items()}
    place = {"BASE_URL": vendor.base_url, "CHAIN_ID": str(vendor.chain)}
    return runner(monkeypatch, **place, **account, **quick)


def folder(pipeline: str = "spaaza") -> Path:
    return Path(os.environ["DLT_DATA_DIR"], "pipelines", pipeline)


def left(run: Callable[..., tuple[int, list[str]]], *arguments: str) -> tuple[int, str]:
    """The exit code of a command, and all that it says."""
    try:
        code, lines = run(*arguments)
    except SpaazaSourceError as failure:
        lines, code = exit_report(failure)
    return code, " ".join(lines)


def test_a_command_gives_up_its_turn(
    run: Callable[..., tuple[int, list[str]]], vendor: FileVendor
) -> None:
    named = ("users", "--db", "w.duckdb", "--pipeline", "spaaza")
    for look in ("plan", "jobs"):
        with held(folder()):
            assert left(run, look, *named)[0] == 0
    for command in ("load", "collect"):
        with held(folder()):
            code, message = left(run, command, *named)
        assert code == 1
        assert "pipeline 'spaaza': another run (" in message
        assert f"process {os.getpid()} on" in message
    assert vendor.tasks == []


@pytest.mark.parametrize("value", ["soon", "-1"])
def test_a_wrong_wait_is_a_wrong_setting(
    run: Callable[..., tuple[int, list[str]]], monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("SPAAZA_SOURCE__TURN_TIMEOUT", value)
    with held(folder()):
        code, message = left(run, "load", "users", "--pipeline", "spaaza")
    assert code == 2
    assert f"spaaza_source.turn_timeout: '{value}' is not a number" in message


def test_who_holds_the_turn_is_noted_while_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "spaaza.lock.holder"
    for arguments, program in (
        (["/usr/bin/spaaza", "load", "--db", "x"], "spaaza load"),
        (["/opt/nightly.py", "a-secret"], "nightly.py"),
    ):
        monkeypatch.setattr(sys, "argv", arguments)
        with held(tmp_path / "spaaza"):
            noted = json.loads(file.read_text(encoding="utf-8"))
        assert (noted["program"], noted["pid"]) == (program, os.getpid())
        assert not file.exists()


@pytest.mark.parametrize("left", ["", "{}", "[]", "no json"])
def test_where_nobody_noted_who_holds_it_the_message_does_without(
    tmp_path: Path, left: str
) -> None:
    with held(tmp_path / "spaaza"):
        (tmp_path / "spaaza.lock.holder").write_text(left)
        with pytest.raises(UnavailableError, match=r"'spaaza': another run is still in progress"):
            run_lock._acquire(tmp_path / "spaaza")
