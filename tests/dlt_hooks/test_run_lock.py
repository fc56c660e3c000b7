"""Commands at one time: one waits for another's end before it touches what that one works with."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.command import COMMAND, settings_for, spaaza
from tests.processes import started

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(rows=20)) as served:
        yield served


def folder() -> Path:
    return Path(os.environ["DLT_DATA_DIR"], "pipelines", "spaaza")


@pytest.fixture
def turn() -> FileLock:
    """The turn of another load."""
    folder().parent.mkdir(parents=True)
    return FileLock(f"{folder()}.lock")


def begun(*arguments: str, **settings: str) -> subprocess.Popen[str]:
    return started([*COMMAND, *arguments], settings, stderr=subprocess.STDOUT)


def await_word(command: subprocess.Popen[str], word: str) -> None:
    assert command.stdout is not None
    for line in command.stdout:
        if word in line:
            return
    pytest.fail(f"it did not say {word!r}")


@pytest.mark.thorough
def test_the_first_load_waits_before_it_makes_the_pipeline(
    sandbox: Sandbox, turn: FileLock
) -> None:
    with turn:
        load = begun("load", "products", "--pipeline=spaaza", **settings_for(sandbox))
        await_word(load, "Another run of the pipeline 'spaaza'")
        assert not folder().exists()
    load.communicate(timeout=60)
    assert load.returncode == 0
    assert folder().exists()


@pytest.mark.thorough
def test_another_destination_waits_before_what_is_known_is_forgotten(
    sandbox: Sandbox, turn: FileLock
) -> None:
    settings = settings_for(sandbox)
    named = "--pipeline=spaaza"
    assert spaaza("load", "products", named, **settings).returncode == 0
    state = folder() / "state.json"
    known = json.loads(state.read_text(encoding="utf-8"))
    with turn:
        other = begun("load", "products", "--db", "other.duckdb", named, **settings)
        await_word(other, "Another run of the pipeline 'spaaza'")
        assert json.loads(state.read_text(encoding="utf-8")) == known
        # To look at what is loaded here needs no turn.
        assert spaaza("jobs", named, **settings).returncode == 0
    other.communicate(timeout=60)
    assert other.returncode == 0
    now = json.loads(state.read_text(encoding="utf-8"))["_local"]
    assert "other.duckdb" in now["spaaza_place_name"]
    assert now["spaaza_place"] != known["_local"]["spaaza_place"]
