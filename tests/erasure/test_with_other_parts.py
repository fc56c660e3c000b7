"""What `forget` removes stays away from what else works on tables: soft deletes, rules, staging."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.erasure.bench import Shop
from tests.vendors.spaaza_files import FileVendor

pytestmark = pytest.mark.slow

USERS = (
    b"id,username,referring_user_id,firstname\n"
    b"1,ann@example.com,,Annabel\n"
    b"2,bob@example.com,1,Bobby\n"
    b"3,cyd@example.com,,Cydney\n"
    b"4,dan@example.com,,Daniel\n"
)


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor(users=USERS) as served:
        yield served


@pytest.fixture
def shop(vendor: FileVendor, tmp_path: Path) -> Shop:
    return Shop(vendor, tmp_path)


def without(data: bytes, *keys: bytes) -> bytes:
    return b"".join(line for line in data.splitlines(True) if line.split(b",")[0] not in keys)


def users(shop: Shop, columns: str = "CAST(id AS VARCHAR)") -> list[tuple[Any, ...]]:
    return shop.query(f"SELECT {columns} FROM users ORDER BY id")


@pytest.mark.parametrize("is_marked", [False, True])
def test_nobody_comes_back_as_softly_deleted(
    shop: Shop, vendor: FileVendor, is_marked: bool
) -> None:
    """Neither of those that are there, nor of those that are marked already."""
    soft: dict[str, Any] = {"deletes": "soft"}
    shop.usual |= {**soft, "accept_deletes": True}
    shop.load("users")
    if is_marked:
        vendor.files["users"] = without(USERS, b"1")
        shop.load("users")
        assert len(users(shop)) == 4
    assert shop.forget("1").removed == {"users": 1}
    marked = "CAST(id AS VARCHAR), deleted_at IS NULL, referring_user_id IS NULL"
    for file in (USERS, without(USERS, b"1"), without(USERS, b"1", b"2"), USERS):
        vendor.files["users"] = file
        shop.load("users")
        is_there = b"\n2," in file
        assert users(shop, marked) == [
            ("2", is_there, True),
            ("3", True, True),
            ("4", True, True),
        ]
    assert shop.query("SELECT DISTINCT proven FROM export_jobs") == [(True,)]
    # One who is marked, and is forgotten then.
    vendor.files["users"] = without(USERS, b"3")
    shop.load("users")
    assert shop.forget("3").removed == {"users": 1}
    shop.load("users")
    assert [key for (key,) in users(shop)] == ["2", "4"]


def test_rules_are_judged_without_her_rows(shop: Shop, vendor: FileVendor) -> None:
    """Her rows neither fulfil a rule nor break one, and a notice tells no value."""
    shop.load("users")
    shop.forget("1")
    twice = USERS + b"1,ann@example.com,,Annabel\n"
    vendor.files["users"] = twice
    rules: dict[str, Any] = {"unique_columns": ["username"], "min_rows": 3, "not_null": ["id"]}
    shop.load("users", expectations={"users": rules})
    assert len(users(shop)) == 3
    rules = {"min_rows": 4, "not_null": ["referring_user_id"], "action": "warn"}
    shop.load("users", expectations={"users": rules})
    ((told,),) = shop.query(
        "SELECT notices FROM export_jobs WHERE notices LIKE '%expectation%' ORDER BY loaded_at"
    )
    assert "ann" not in told.casefold()


def test_what_workers_that_were_killed_have_left(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    shop.load("users")
    working = tmp_path / "spaaza_private_0a1b" / "pipelines"
    working.mkdir(parents=True)
    left, others = "loyalty_staging_0a1b2c3d_4e5f6a7b", "loyalty_staging_own"
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        for schema in (left, others, "loyalty_staging"):
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
            connection.execute(f"CREATE TABLE {schema}.left_over AS FROM loyalty.users")
    shop.forget("1")
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        rows = [
            connection.execute(f"SELECT count(*) FROM {schema}.left_over").fetchall()[0][0]
            for schema in (left, "loyalty_staging", others)
        ]
    assert not working.exists()
    # The last is no name of ours.
    assert rows == [0, 0, 4]
