"""The `spaaza` command with other destinations: load, go on, check, plan, jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import dlt
import pytest
from click.testing import CliRunner
from dlt.destinations.impl.ducklake.configuration import DuckLakeCredentials

from spaaza_source.cli.app import cli
from spaaza_source.cli.pipeline import _locate
from spaaza_source.cli.target import Target
from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.command import settings_for
from tests.destination.destinations import Destination
from tests.destination.servers import PASSWORD

ROWS = 60
TABLES = ("transactions", "users")


def said(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(cli, list(arguments), catch_exceptions=False)
    assert done.exit_code == code, done.output
    assert PASSWORD not in done.output
    return str(done.output)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["postgres", pytest.param("delta", marks=pytest.mark.thorough)])
@pytest.mark.thorough
def test_the_commands_work_with_another_destination(
    kind: str,
    make_destination: Callable[[str], Destination],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    destination = make_destination(kind)
    monkeypatch.chdir(tmp_path)
    to = ("--destination", destination.name, "--dataset", "loyalty")
    with Sandbox(SandboxSettings(rows=ROWS)) as served:
        for name, value in settings_for(served).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("SOURCES__SPAAZA__MAX_AGE", "0")
        for tables in (TABLES, TABLES[:1]):
            assert "Reconciled with the destination" in said("load", *tables, *to)
        for table in TABLES:
            assert len(destination.read(table)) == ROWS
        assert "transactions" in said("plan", *to)
        assert "loaded" in said("jobs", *to)
        checked = said("check", "--deep", *TABLES, *to)
        assert checked.count("equal") == len(TABLES), checked
        # Another machine goes on from what the destination knows.
        monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "other"))
        said("load", "users", *to)
        assert len(destination.read("users")) == ROWS
        said("load", "users", *to, "--full-refresh")
    assert len(destination.read("users")) == ROWS
    assert {row["proven"] for row in destination.read("export_jobs")} == {True}


def test_each_destination_is_told_from_the_others() -> None:
    """What a pipeline remembers is of one of them; nothing is connected to here."""
    destinations: list[Any] = [
        dlt.destinations.postgres(f"postgresql://loader:{PASSWORD}@127.0.0.1:{port}/{database}")
        for port, database in ((5432, "one"), (5433, "one"), (5432, "other"))
    ]
    destinations += [
        dlt.destinations.filesystem(f"file:///lake/{folder}") for folder in ("one", "other")
    ]
    destinations += [
        dlt.destinations.ducklake(
            DuckLakeCredentials(
                "lake", catalog=f"postgresql://l:{PASSWORD}@127.0.0.1/{database}", storage="files"
            )
        )
        for database in ("one", "other")
    ]
    target = Target.of(vendor="spaaza", dataset="loyalty")
    places = [_locate(replace(target, destination=each)) for each in destinations]
    for texts in ([each.key for each in places], [each.name for each in places]):
        assert len(set(texts)) == len(destinations), texts
        assert not any(PASSWORD in text for text in texts)
