"""Servers for the tests of destinations, each started once for a worker, when first asked for."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from tests.destination.destinations import (
    Destination,
    delta_destination,
    duckdb_destination,
    ducklake_destination,
    postgres_destination,
    put_extensions,
)
from tests.destination.servers import ObjectStore, Postgres, object_store, postgres_server

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with object_store(tmp_path_factory.mktemp("store")) as server:
        yield server


@pytest.fixture(scope="session")
def extensions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home where DuckDB finds its extensions, put there from their wheels; one for all tests."""
    home = tmp_path_factory.getbasetemp().parent / "home"
    with FileLock(f"{home}.lock"):
        put_extensions(home)
    return home


@pytest.fixture
def make_destination(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Destination]:
    """Makes a destination of a kind, with nothing in it, and configures dlt for it."""

    def made(kind: str) -> Destination:
        name = f"{kind}_{next(_NUMBERS)}"
        match kind:
            case "postgres":
                found = postgres_destination(request.getfixturevalue("postgres"), name)
            case "ducklake":
                home = request.getfixturevalue("extensions")
                server = request.getfixturevalue("postgres")
                found = ducklake_destination(server, name, tmp_path / name, home)
            case "delta":
                found = delta_destination(request.getfixturevalue("store"), name)
            case _:
                found = duckdb_destination(tmp_path / f"{name}.duckdb")
        for key, value in found.settings.items():
            monkeypatch.setenv(key, value)
        return found

    return made
