"""Of a person in either vendor's sandbox `forget` leaves nothing, and no load brings it back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.command import settings_for, spaaza
from tests.erasure.traces import IsTheirs, every_row, left_in, only_theirs

pytestmark = pytest.mark.slow
ROWS = 80
#: All tables in one load.
TABLES = ("transactions", "users", "vouchers", "wallet_ledger", "products", "bulk_users")
#: What a load, and the search, are about: beside the database there is all that dlt keeps.
KEPT = "kept"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(rows=ROWS, run_seconds=0.05)) as served:
        yield served


def spaaza_settings(sandbox: Sandbox, **changed: str) -> dict[str, str]:
    token = dict.fromkeys(("CREDENTIALS__ACCESS_TOKEN_ID", "CREDENTIALS__ACCESS_TOKEN_SECRET"), "")
    session = {f"CREDENTIALS__{name.upper()}": key for name, key in sandbox.session.items()}
    return settings_for(sandbox, **token, **session, KEEP_FILES=KEPT, **changed)


def voucherify_settings(sandbox: Sandbox) -> dict[str, str]:
    keys = {f"CREDENTIALS__{n.upper()}": key for n, key in sandbox.voucherify_credentials.items()}
    given = {"BASE_URL": sandbox.base_url, "POLL_INTERVAL": "0.02", "KEEP_FILES": KEPT, **keys}
    return {f"SOURCES__VOUCHERIFY__{name}": value for name, value in given.items()}


def run(*arguments: str, settings: Mapping[str, str], code: int = 0) -> str:
    done = spaaza(*arguments, **settings)
    said = f"{done.stdout}{done.stderr}"
    assert done.returncode == code, said
    with Path("work.log").open("a", encoding="utf-8") as log:
        log.write(said)
    return said


def of_user(key: str, code: str) -> IsTheirs:
    def is_theirs(table: str, row: Mapping[str, Any]) -> bool:
        of_id = (table == "users" and row["id"] == key) or row.get("user_id") == key
        of_bulk = table == "bulk_users" and row["spaaza_user_id"] == key
        return of_id or of_bulk or (row.get("user_entity_code_code") == code)

    return is_theirs


@pytest.mark.parametrize("export_format", ["csv", pytest.param("json", marks=pytest.mark.thorough)])
def test_nothing_is_left_of_a_user_and_three_loads_bring_nothing_back(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, export_format: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    settings = spaaza_settings(sandbox, EXPORT_FORMAT=export_format)
    run("load", *TABLES, settings=settings)
    database = tmp_path / "spaaza.duckdb"
    rows = every_row(database, "spaaza_data")
    users = [row for table, row in rows if table == "users"]
    counts = [row.get("user_id") for table, row in rows if table in ("vouchers", "wallet_ledger")]
    person = max(users, key=lambda row: counts.count(row["id"]))
    is_theirs = of_user(person["id"], person["entity_code_code"])
    theirs = only_theirs(rows, is_theirs)
    assert len(theirs) > 10
    assert {name.partition("/")[0] for name in left_in(tmp_path, theirs)} == {
        "dlt",
        KEPT,
        "spaaza.duckdb",
    }

    said = run("forget", "users", "--key", person["id"], "--yes", settings=settings)
    assert "1 of 1 found in users" in said
    assert not left_in(tmp_path, theirs)
    kept = every_row(database, "spaaza_data")
    assert not [row for table, row in kept if is_theirs(table, row)]
    # Nobody else's row is gone.
    of_others = [
        row for table, row in rows if not table.startswith("_dlt") and not is_theirs(table, row)
    ]
    left = [
        row
        for table, row in kept
        if table not in ("forgotten", "erasures") and not table.startswith("_dlt")
    ]
    assert len(left) == len(of_others)

    for _ in range(3):
        run("load", *TABLES, settings=settings)
        assert not left_in(tmp_path, theirs)
    now = every_row(database, "spaaza_data")
    assert not [row for table, row in now if is_theirs(table, row)]
    assert len([row for table, row in now if table == "users"]) == ROWS - 1
    jobs = [row for table, row in now if table == "export_jobs"]
    assert all(row["proven"] for row in jobs)
    assert any("forgotten" in (row["notices"] or "") for row in jobs)
    assert "equal" in run(
        "check", "--deep", "users", "transactions", "bulk_users", settings=settings
    )


def test_nothing_is_left_of_a_customer_nor_of_what_names_a_card_alone(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    settings = voucherify_settings(sandbox)
    vendor = ("--vendor", "voucherify")
    run("load", *vendor, settings=settings)
    database = tmp_path / "voucherify.duckdb"
    rows = every_row(database, "voucherify_data")
    cards = {row["voucher_id"] for table, row in rows if table == "points_expirations"}
    card = next(
        row
        for table, row in rows
        if table == "vouchers" and row["id"] in cards and row["customer_id"]
    )
    key = card["customer_id"]
    vouchers = {
        row["id"] for table, row in rows if table == "vouchers" and row["customer_id"] == key
    }

    def is_theirs(table: str, row: Mapping[str, Any]) -> bool:
        of_card = (
            table in ("voucher_transactions", "points_expirations")
            and row["voucher_id"] in vouchers
        )
        return (
            row.get("customer_id") == key or of_card or (table == "customers" and row["id"] == key)
        )

    theirs = only_theirs(rows, is_theirs)
    assert len(theirs) > 10
    run("forget", "customers", "--key", key, "--yes", *vendor, settings=settings)
    for load in range(4):
        if load:
            run("load", *vendor, settings=settings)
        assert not left_in(tmp_path, theirs), load
        now = every_row(database, "voucherify_data")
        assert not [(table, row) for table, row in now if is_theirs(table, row)]
        assert not [row for table, row in now if table == "orders" and row["referrer_id"] == key]
    run("check", "--deep", *vendor, settings=settings)
