"""Whatever way later rows come, those of a forgotten person do not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.command import PREFIX, QUICK, spaaza
from tests.erasure.bench import Shop
from tests.erasure.traces import left_in
from tests.vendors.spaaza_files import FileVendor

pytestmark = pytest.mark.slow

USERS = b"id,username,firstname\n1,ann@example.com,Annabel\n2,bob@example.com,Bobby\n"
THEIRS = {"ann@example.com", "Annabel"}


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor(users=USERS) as served:
        yield served


def users(shop: Shop) -> list[tuple[Any, ...]]:
    return shop.query("SELECT username FROM users ORDER BY ALL")


def test_files_and_archives_that_nobody_has_rewritten(vendor: FileVendor, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    shop = Shop(vendor, tmp_path)
    old, kept = tmp_path / "mine" / "old", tmp_path / "kept"
    shop.load("users", keep_files=str(old))
    shop.forget("1")
    file = tmp_path / "mine" / "console.csv"
    text = "id;username;firstname\n1;ann@example.com;Annabel\n2;bob@example.com;B\n"
    file.write_bytes(text.encode("utf-16"))
    own = {"files": {"users": [str(file)]}, "dialect": {"delimiter": ";", "encoding": "utf-16"}}
    (archive,) = old.iterdir()
    roads: list[dict[str, Any]] = [
        own,
        {"from_files": str(archive)},
        {"keep_files": str(kept)},
        {**own, "keep_files": str(kept)},
    ]
    for given in roads:
        shop.load("users", accept_deletes=True, **given)
        assert users(shop) == [("bob@example.com",)]
        here = left_in(tmp_path, THEIRS)
        assert {name.split("/")[0] for name in here} == {"mine"}
    assert list(kept.iterdir())


def settings_of(vendor: FileVendor) -> dict[str, str]:
    given = {
        "BASE_URL": vendor.base_url,
        "CHAIN_ID": "1743",
        "CREDENTIALS__ACCESS_TOKEN_ID": "a",
        "CREDENTIALS__ACCESS_TOKEN_SECRET": "b",
        "MAX_AGE": "0",
    }
    return {**QUICK, **{PREFIX + name: value for name, value in given.items()}}


def test_files_of_bulk_users_and_of_voucherify(
    vendor: FileVendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    Path("mine").mkdir()
    bulk, customers = Path("mine", "bulk.csv"), Path("mine", "customers.csv")
    bulk.write_bytes(b"spaaza_user_id,id,email\n1,0001,ann@example.com\n2,0002,bob@example.com\n")
    customers.write_bytes(
        b"id,source_id,email,name\ncust_1,s1,ann@example.com,Annabel\ncust_2,s2,bob@example.com,B\n"
    )
    for name, key, file, options in (
        ("bulk_users", "1", bulk, ()),
        ("customers", "cust_1", customers, ("--vendor", "voucherify")),
    ):
        keys = {"APP_ID": "a", "APP_TOKEN": "b"}
        settings = settings_of(vendor) | {
            f"SOURCES__VOUCHERIFY__{name}": value
            for name, value in {
                "BASE_URL": vendor.base_url,
                **{f"CREDENTIALS__{part}": text for part, text in keys.items()},
            }.items()
        }
        load = ("load", name, "--file", str(file), *options)
        done = spaaza(*load, **settings)
        assert done.returncode == 0, done.stderr
        done = spaaza("forget", name, "--key", key, "--yes", *options, **settings)
        assert done.returncode == 0, done.stderr
        assert "1 of 1 found" in done.stdout
        for _ in range(2):
            done = spaaza(*load, "--accept-deletes", **settings)
            assert done.returncode == 0, done.stderr
            here = left_in(tmp_path, {"ann@example.com", "Annabel"})
            assert {each.split("/")[0] for each in here} == {"mine"}


def test_a_key_in_a_column_of_numbers_is_the_text_of_the_number(
    vendor: FileVendor, tmp_path: Path
) -> None:
    """By another spelling of it later loads would not know the person."""
    shop = Shop(vendor, tmp_path, column_types={"users": {"id": "bigint"}})
    shop.load("users")
    assert shop.forget("001", "+1", "1.0").removed == {}
    assert shop.forget("1").removed == {"users": 1}
    shop.load("users")
    assert shop.query("SELECT id FROM users") == [(2,)]


@pytest.mark.parametrize("link", [(), ("members.made_by",)])
def test_a_table_by_another_name(vendor: FileVendor, tmp_path: Path, link: tuple[str, ...]) -> None:
    """What its `id` is, the vendor's name of the table tells; links are named as in the dataset."""
    vendor.files["users"] = (
        b"id,username,firstname,made_by\n"
        b"1,ann@example.com,Annabel,\n2,bob@example.com,Bobby,\n3,cyd@example.com,C,1\n"
    )
    vendor.files["transactions"] = (
        b"id,timestamp,username\nb1,2026-05-01T10:00:00Z,ann@example.com\n"
    )
    shop = Shop(vendor, tmp_path)
    hints, kept = {"table_name": "members"}, tmp_path / "kept"
    shop.load("users", hints=hints, keep_files=str(kept))
    shop.load("transactions")
    assert shop.erasure("1", link=link).plan().found == 1
    receipt = shop.forget("1", link=link, kept_files=[kept])
    assert receipt.removed == {"transactions": 1, "members": 1 + len(link)}
    assert receipt.files == 1
    assert left_in(tmp_path, THEIRS) == {}
    left = [("bob@example.com",), ("cyd@example.com",)][: 2 - len(link)]
    for given in ({}, {"from_files": str(next(kept.iterdir()))}):
        shop.load("users", hints=hints, accept_deletes=True, **given)
        assert shop.query("SELECT username FROM members ORDER BY ALL") == left
