"""Looks do no harm: commands that look while loads write the same DuckDB file, each a process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.command import COMMAND, settings_for, spaaza
from tests.processes import started
from tests.warehouses import held_elsewhere

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

KEY = "DESTINATION__DUCKDB__CREDENTIALS"
#: Ways to name a DuckDB file: options, and dlt's configuration. One is relative to this folder.
NAMED: dict[str, tuple[tuple[str, ...], Mapping[str, str]]] = {
    "option": (("--db", "{file}"), {}),
    "path": ((), {KEY: "{file}"}),
    "relative": ((), {KEY: "w.duckdb"}),
    "address": (("--destination", "duckdb"), {KEY: "duckdb:///{file}"}),
    "field": ((), {f"{KEY}__DATABASE": "{file}"}),
    "destination": (
        ("--destination", "own"),
        {"DESTINATION__OWN__DESTINATION_TYPE": "duckdb", "DESTINATION__OWN__CREDENTIALS": "{file}"},
    ),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(rows=2000, run_seconds=0.2)) as served:
        yield served


def test_no_look_and_no_load_fails_beside_another(sandbox: Sandbox) -> None:
    settings = settings_for(sandbox, MAX_AGE="0")
    # Each load has a pipeline of its own: they share the file alone.
    loads = [
        started([*COMMAND, "load", table, f"--pipeline=of_{table}"], settings)
        for table in ("users", "products")
    ]
    looks = [started([*COMMAND, look], settings) for look in ("plan", "jobs") * 3]
    told = [command.communicate(timeout=120) for command in (*loads, *looks)]
    assert [command.returncode for command in (*loads, *looks)] == [0] * 8, told


@pytest.mark.parametrize("command", ["plan", "load"])
def test_a_command_says_whom_it_waits_for(sandbox: Sandbox, command: str) -> None:
    settings = settings_for(sandbox)
    first = started([*COMMAND, "load", "users"], settings)
    first.communicate(timeout=60)
    with held_elsewhere(Path("spaaza.duckdb")):
        waiting = started([*COMMAND, command, "users"], settings)
        assert waiting.stderr is not None
        while "waiting until it is closed there" not in (line := waiting.stderr.readline()):
            assert waiting.poll() is None, line
        assert "is open in process" in line
    waiting.communicate(timeout=60)
    assert waiting.returncode == 0


@pytest.fixture
def named(request: pytest.FixtureRequest) -> tuple[list[str], dict[str, str]]:
    """The options and settings that name the file `w.duckdb` of this folder."""
    options, settings = NAMED[request.param]
    file = str(Path("w.duckdb").absolute())
    return (
        [option.format(file=file) for option in options],
        {"SPAAZA_SOURCE__TURN_TIMEOUT": "0"}
        | {key: value.format(file=file) for key, value in settings.items()},
    )


@pytest.mark.parametrize("named", NAMED, indirect=True)
def test_a_look_opens_the_file_read_only_however_it_is_named(
    sandbox: Sandbox, named: tuple[list[str], dict[str, str]]
) -> None:
    options, settings = named

    def run(*command: str) -> tuple[int, Any]:
        told = spaaza(*command, *options, **settings_for(sandbox), **settings)
        return told.returncode, told.stderr

    # There is nothing yet, and a look makes nothing.
    for look in ("plan", "jobs"):
        assert run(look, "users") == (0, "")
    assert not list(Path().glob("*.duckdb*"))
    assert run("load", "users")[0] == 0
    assert [path.name for path in Path().glob("*.duckdb*")] == ["w.duckdb"]
    # Whoever opens it to write waits for this process; a look does not.
    with held_elsewhere(Path("w.duckdb"), read_only=True):
        for command in (["plan"], ["jobs"], ["check", "--deep"]):
            assert run(*command, "users") == (0, "")
        assert run("load", "users")[0] == 1
