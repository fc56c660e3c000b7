"""Looks do no harm: commands that look while loads write the same DuckDB file, each a process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.command import COMMAND, settings_for
from tests.processes import started
from tests.warehouses import held_elsewhere

pytestmark = [pytest.mark.slow, pytest.mark.thorough]


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
