"""The `spaaza` command with `--vendor voucherify`: the same habit as with Spaaza."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from spaaza_source.cli.app import cli
from spaaza_source.errors import CredentialsError, SettingsError
from spaaza_source.sandbox import Sandbox, SandboxSettings
from spaaza_source.transport.clock import SystemClock
from tests.command import settings_for
from tests.vendors.server import Answer, ScriptedServer

PREFIX = "SOURCES__VOUCHERIFY__"
ROWS = 150
Spaaza = Callable[..., str]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(rows=ROWS, run_seconds=0.1)) as served:
        yield served


def access(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox, **changed: str) -> None:
    keys = sandbox.voucherify_credentials
    given = {
        "BASE_URL": sandbox.base_url,
        "CREDENTIALS__APP_ID": keys["app_id"],
        "CREDENTIALS__APP_TOKEN": keys["app_token"],
        "POLL_INTERVAL": "0.02",
        **changed,
    }
    for name, value in given.items():
        monkeypatch.setenv(PREFIX + name, value)


@pytest.fixture
def spaaza(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Spaaza:
    access(monkeypatch, sandbox)

    def run(command: str, *arguments: str, code: int = 0) -> str:
        ran = CliRunner().invoke(
            cli, [command, "--vendor", "voucherify", *arguments], catch_exceptions=False
        )
        assert ran.exit_code == code, ran.output
        return ran.output

    return run


def count(table: str) -> int:
    with duckdb.connect("voucherify.duckdb") as warehouse:
        (found,) = warehouse.sql(f"SELECT count(*) FROM voucherify_data.{table}").fetchall()[0]
    return int(found)


@pytest.mark.slow
def test_the_place_that_is_shown_is_of_a_table_that_was_loaded(
    spaaza: Spaaza, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}OBJECTS", '["orders"]')
    assert "FROM voucherify_data.orders LIMIT" in spaaza("load")


@pytest.mark.slow
@pytest.mark.thorough
def test_what_is_loaded_is_equal_to_fresh_exports(spaaza: Spaaza) -> None:
    # One that is loaded by changes, by creation, by replaced windows, and whole.
    tables = ("vouchers", "redemptions", "publications", "points_expirations")
    spaaza("load", *tables)
    assert {table: count(table) for table in tables} == dict.fromkeys(tables, ROWS)
    told = spaaza("check", "--deep", *tables)
    assert set(re.findall(r"^(\w+): equal, 150 rows", told, re.MULTILINE)) == set(tables)


@pytest.mark.slow
@pytest.mark.thorough
def test_a_row_that_is_gone_is_found(spaaza: Spaaza) -> None:
    spaaza("load", "redemptions", "publications")
    with duckdb.connect("voucherify.duckdb") as warehouse:
        for table in ("redemptions", "publications"):
            name = f"voucherify_data.{table}"
            warehouse.sql(f"DELETE FROM {name} WHERE rowid IN (SELECT rowid FROM {name} LIMIT 2)")
    told = spaaza("check", "--deep", "redemptions", "publications", code=1)
    assert len(re.findall(r": 2 missing, 0 extra", told)) == 2
    assert re.search(r"missing by id: r_\w+, r_\w+", told)


def test_a_plan_tells_fields_and_operators(spaaza: Spaaza, sandbox: Sandbox) -> None:
    told = spaaza("plan", "orders", "points_expirations", "--start-date", "2026-05-01")
    assert "created_at after before or updated_at after before" in told
    assert "points_expirations  all rows" in told
    assert sandbox.voucherify_exports == []


@pytest.mark.slow
@pytest.mark.thorough
def test_what_is_submitted_is_collected_once(spaaza: Spaaza, sandbox: Sandbox) -> None:
    assert spaaza("submit", "redemptions", "customers").count("created") == 2
    while any(export["status"] != "DONE" for export in sandbox.voucherify_exports):
        time.sleep(0.05)
    assert spaaza("jobs").count("DONE") == 2
    assert "customers" in spaaza("collect", "redemptions", "customers")
    assert (count("redemptions"), count("customers")) == (ROWS, ROWS)
    assert len(sandbox.voucherify_exports) == 2
    assert "no new export is done" in spaaza("collect", "redemptions")


def test_collect_names_a_job_that_is_not_done(
    spaaza: Spaaza, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sandbox(SandboxSettings(rows=10, run_seconds=600)) as slow:
        access(monkeypatch, slow)
        spaaza("submit", "orders")
        assert re.search(
            r"orders: job exp_\w+ is (SCHEDULED|IN_PROGRESS)", spaaza("collect", "orders")
        )


@pytest.mark.slow
@pytest.mark.thorough
def test_both_vendors_fit_into_one_file(
    spaaza: Spaaza, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings_for(sandbox).items():
        monkeypatch.setenv(name, value)
    spaaza("load", "vouchers", "--db", "both.duckdb")
    ran = CliRunner().invoke(cli, ["load", "vouchers", "--db", "both.duckdb"])
    assert ran.exit_code == 0, ran.output
    with duckdb.connect("both.duckdb") as warehouse:
        for schema in ("voucherify_data", "spaaza_data"):
            assert warehouse.sql(f"SELECT count(*) FROM {schema}.vouchers").fetchall() == [(ROWS,)]


def test_check_says_what_works(spaaza: Spaaza) -> None:
    told = spaaza("check")
    assert re.search(r"host: +http\S+ answers .*\ncredentials: accepted\nproject: +no recent", told)


def test_a_wrong_key_may_be_of_another_region(
    spaaza: Spaaza, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    access(monkeypatch, sandbox, CREDENTIALS__APP_TOKEN="wrong-canary")
    with pytest.raises(CredentialsError, match="the project's own region") as error:
        spaaza("check")
    assert "canary" not in str(error.value)


def test_another_web_site_is_not_taken_for_the_vendor(
    spaaza: Spaaza, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SystemClock, "pause", lambda _self, _seconds, wake: wake.is_set())
    with ScriptedServer(lambda _: Answer(200, b"<html></html>")) as site:
        access(monkeypatch, sandbox, BASE_URL=site.base_url)
        assert "base_url" in spaaza("load", "orders", code=2)
    assert not Path("voucherify.duckdb").exists()


def test_what_the_vendor_cannot_is_refused(spaaza: Spaaza) -> None:
    with pytest.raises(SettingsError, match="voucherify cannot repeat exports"):
        spaaza("submit", "orders", "--repeat", "daily")
    with pytest.raises(SettingsError, match="there is no object 'products'"):
        spaaza("plan", "products")
