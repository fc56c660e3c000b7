"""The bulk users export by the command: each of its commands, and those that have no meaning."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.command import settings_for, spaaza
from tests.hints.loads import check_advice

pytestmark = pytest.mark.slow
ROWS = 40
Run = Callable[..., str]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(rows=ROWS, run_seconds=0.1)) as served:
        yield served


@pytest.fixture
def run(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    no_token = dict.fromkeys(("ACCESS_TOKEN_ID", "ACCESS_TOKEN_SECRET"), "")
    session = {f"CREDENTIALS__{name.upper()}": key for name, key in sandbox.session.items()}
    settings = settings_for(
        sandbox, **{f"CREDENTIALS__{name}": key for name, key in no_token.items()}, **session
    )

    def run_it(*arguments: str, code: int = 0) -> str:
        done = spaaza(*arguments, **settings)
        assert done.returncode == code, done.stdout + done.stderr
        return str(done.stdout + done.stderr)

    return run_it


def rows(table: str = "bulk_users") -> int:
    with duckdb.connect("spaaza.duckdb", read_only=True) as warehouse:
        ((count,),) = warehouse.sql(f"SELECT count(*) FROM spaaza_data.{table}").fetchall()
    return int(count)


def test_it_is_checked_planned_loaded_and_compared(run: Run) -> None:
    assert "begins, with 68 columns" in run("check", "bulk_users")
    assert "none: streamed by one call" in run("plan", "users", "bulk_users")
    assert "1 exports, 0 to be created" in run("plan", "bulk_users")
    run("load", "users", "bulk_users", "--end-date", "2020-01-01")
    assert (rows(), rows("users")) == (ROWS, ROWS)
    assert f"bulk_users: equal, {ROWS} rows" in run("check", "--deep", "bulk_users")


@pytest.mark.thorough
def test_its_file_is_kept_and_loaded_again_and_another_one_too(run: Run) -> None:
    run("load", "bulk_users", "--keep-files", "kept")
    (kept,) = Path("kept").rglob("*.csv")
    shutil.copy(kept, "own.csv")
    Path("spaaza.duckdb").unlink()
    run("load", "--from-files", "kept")
    assert rows() == ROWS
    Path("spaaza.duckdb").unlink()
    run("load", "bulk_users", "--file", "own.csv")
    assert rows() == ROWS


@pytest.mark.thorough
def test_what_needs_a_job_is_refused(run: Run) -> None:
    for command in ("submit", "collect", "jobs"):
        told = run(command, "users", "bulk_users", code=2)
        check_advice("loading/resources.py", "Load it: spaaza load", told)
    assert "and bulk_users" in run("load", "bulk_user", code=2)


@pytest.mark.thorough
def test_a_token_is_refused_before_anything_is_asked(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in ("check", "load"):
        done = spaaza(command, "bulk_users", **settings_for(sandbox))
        assert done.returncode == 2
        assert "an access token does not export bulk users" in done.stdout + done.stderr


@pytest.mark.thorough
def test_of_several_chains_each_has_its_own(run: Run, sandbox: Sandbox) -> None:
    chain = str(sandbox.chain_id)
    run("check", "bulk_users", "--chain", chain)
    run("load", "bulk_users", "--chain", chain)
    with duckdb.connect("spaaza.duckdb", read_only=True) as warehouse:
        found = warehouse.sql(f"SELECT count(*) FROM spaaza_data_{chain}.bulk_users").fetchall()
    assert found == [(ROWS,)]


@pytest.mark.thorough
def test_the_demo_can_load_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = spaaza("demo", "--db", "demo.duckdb", "--rows", "30", "--bulk-users")
    assert done.returncode == 0, done.stdout + done.stderr
    with duckdb.connect("demo.duckdb", read_only=True) as warehouse:
        found = warehouse.sql("SELECT count(*) FROM spaaza_data.bulk_users").fetchall()
    assert found == [(30,)]
    done = spaaza("demo", "--vendor", "voucherify", "--bulk-users")
    assert done.returncode == 2
    check_advice("cli/sandbox_commands.py", "Leave it out.", done.stdout + done.stderr)
