"""The model in other databases: the same views and book as in DuckDB, and loads that go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from spaaza_source.cli.app import cli
from spaaza_source.cli.output.error_messages import exit_report
from spaaza_source.model.settled import VIEWS
from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.command import settings_for
from tests.destination.destinations import Destination, plain
from tests.destination.servers import PASSWORD

pytestmark = [pytest.mark.slow, pytest.mark.wing("model")]
ROWS = 200
V = "SOURCES__VOUCHERIFY__"


def said(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, list(arguments))
    told, code = done.output, done.exit_code
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        lines, code = exit_report(done.exception)
        told = "\n".join(lines)
    assert PASSWORD not in told
    return code, str(told)


@pytest.fixture(scope="module")
def sandbox() -> Any:
    with Sandbox(SandboxSettings(rows=ROWS)) as served:
        yield served


@pytest.fixture
def to(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[Destination], tuple[str, ...]]:
    """The options of a destination; the sandbox is set up."""
    monkeypatch.chdir(tmp_path)
    settings = settings_for(sandbox, MAX_AGE="0")
    settings |= {f"{V}BASE_URL": sandbox.base_url, f"{V}POLL_INTERVAL": "0.02"}
    for name, key in sandbox.voucherify_credentials.items():
        settings[f"{V}CREDENTIALS__{name.upper()}"] = key
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return lambda destination: ("--destination", destination.name, "--dataset", "loyalty")


def rows_of(destination: Destination, name: str) -> list[tuple[Any, ...]]:
    connection = destination.connect()
    try:
        # A cursor of DuckDB is a connection of its own, which knows of no lake.
        cursor = connection.cursor() if destination.kind == "postgres" else connection
        cursor.execute(f"SELECT * FROM loyalty_model.{name}")
        return sorted((tuple(map(plain, row)) for row in cursor.fetchall()), key=repr)
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("kind", "vendor"),
    [
        ("postgres", "spaaza"),
        ("postgres", "voucherify"),
        pytest.param("ducklake", "spaaza", marks=pytest.mark.thorough),
        pytest.param("ducklake", "voucherify", marks=pytest.mark.thorough),
    ],
)
def test_views_and_book_are_those_of_duckdb(
    kind: str,
    vendor: str,
    make_destination: Callable[[str], Destination],
    to: Callable[[Destination], tuple[str, ...]],
) -> None:
    other, duckdb = make_destination(kind), make_destination("duckdb")
    for destination in (other, duckdb):
        for command in ("load", "model", "model"):
            code, told = said(command, "--vendor", vendor, *to(destination))
            assert code == 0, told
    for name in (*VIEWS, "liability_book"):
        assert len(rows_of(other, name)) >= ROWS
        assert rows_of(other, name) == rows_of(duckdb, name), name


def test_the_views_hinder_no_load(
    make_destination: Callable[[str], Destination],
    to: Callable[[Destination], tuple[str, ...]],
) -> None:
    """PostgreSQL drops no table, and widens no column, that a plain view reads."""
    destination = make_destination("postgres")
    for command in ("load", "model"):
        assert said(command, *to(destination))[0] == 0
    connection = destination.connect()
    with connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE loyalty.users ALTER COLUMN overall TYPE numeric")
        cursor.execute("CREATE VIEW public.own AS SELECT * FROM loyalty_model.members")
    connection.close()
    code, told = said("load", "users", "--full-refresh", *to(destination))
    assert code == 0, told
    assert len(rows_of(destination, "members")) == ROWS
    # Views of the user's own on the model do not hinder the next one either.
    code, told = said("model", *to(destination))
    assert code == 0, told


def test_the_planner_sees_through_the_views(
    make_destination: Callable[[str], Destination],
    to: Callable[[Destination], tuple[str, ...]],
) -> None:
    destination = make_destination("postgres")
    for command in (("load", "vouchers"), ("model",)):
        assert said(*command, *to(destination))[0] == 0
    connection = destination.connect()
    with connection, connection.cursor() as cursor:
        cursor.execute("EXPLAIN SELECT sum(amount) FROM loyalty_model.voucher_events")
        steps = "\n".join(step for (step,) in cursor.fetchall())
    connection.close()
    assert "Scan on vouchers" in steps
    assert "Function Scan" not in steps


def test_a_destination_that_the_sql_was_not_tried_in_is_refused(
    make_destination: Callable[[str], Destination],
    to: Callable[[Destination], tuple[str, ...]],
) -> None:
    code, told = said("model", *to(make_destination("delta")))
    assert code == 2
    assert "no model is made in filesystem" in told
