"""The model, its liability book and `spaaza health` after people were erased."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.command import settings_for, spaaza
from tests.erasure.traces import every_row, left_in, only_theirs

pytestmark = pytest.mark.slow
TABLES = ("transactions", "users", "vouchers", "wallet_ledger")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(rows=200, run_seconds=0.05)) as served:
        yield served


def run(*arguments: str, **settings: str) -> str:
    done = spaaza(*arguments, **settings)
    said = f"{done.stdout}{done.stderr}"
    assert done.returncode == 0, said
    return said


def query(sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect("spaaza.duckdb") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(sql).fetchall()


def broken_rules() -> list[str]:
    """What `spaaza health` says is broken, without numbers."""
    told = spaaza("health").stdout
    assert "0 of" in told
    found = re.findall(r"^ *(\S+) +(\S+) +broken +([a-z_]*)", told, re.MULTILINE)
    return [" ".join(each) for each in found]


def test_the_book_is_adjusted_and_nothing_is_found_to_be_wrong(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    settings = settings_for(sandbox, MAX_AGE="0")
    for _ in range(4):
        run("load", *TABLES, **settings)
    run("model")
    closed = query("SELECT max(month) FROM spaaza_data_model.liability_closings")
    assert closed[0][0] is not None
    before = query("SELECT * FROM spaaza_data_model.liability_book WHERE adjusts IS NULL")
    assert broken_rules() == []
    rows = every_row(Path("spaaza.duckdb"), "spaaza_data")
    holders = [row["user_id"] for table, row in rows if table == "wallet_ledger"]
    person = max(set(holders), key=holders.count)
    theirs = only_theirs(
        rows,
        lambda table, row: person in (row.get("user_id"), row["id"] if table == "users" else None),
    )
    said = run("forget", "users", "--key", person, "--yes", **settings)
    assert "FAILED" not in said
    assert left_in(tmp_path, theirs) == {}
    # The views are there, and of what is left.
    assert query("SELECT count(*) FROM spaaza_data_model.members") == [(199,)]
    assert query(f"FROM spaaza_data_model.wallet_entries WHERE member_id = '{person}'") == []
    assert before == query("SELECT * FROM spaaza_data_model.liability_book WHERE adjusts IS NULL")

    assert broken_rules() == []
    run("load", *TABLES, **settings)
    run("model")
    adjusted = query("SELECT * FROM spaaza_data_model.liability_book WHERE adjusts IS NOT NULL")
    assert adjusted
    assert left_in(tmp_path, theirs) == {}
    assert broken_rules() == []
    run("check", "--deep", *TABLES, **settings)
