"""`spaaza forget`: what it shows and asks, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from spaaza_source.errors import SettingsError
from tests.command import runner
from tests.hints.loads import advises
from tests.vendors.spaaza_files import FileVendor

Spaaza = Callable[..., tuple[int, list[str]]]
USERS = b"id,username\n1,ann@example.com\n2,bob@example.com\n3,cyd@example.com\n"
BASKETS = b"id,timestamp,user_id\nb1,2026-05-01T10:00:00Z,1\nb2,2026-05-02T10:00:00Z,2\n"


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor(users=USERS, transactions=BASKETS) as served:
        yield served


@pytest.fixture
def spaaza(vendor: FileVendor, monkeypatch: pytest.MonkeyPatch) -> Spaaza:
    run = runner(
        monkeypatch,
        BASE_URL=vendor.base_url,
        CHAIN_ID="1743",
        CREDENTIALS__ACCESS_TOKEN_ID="a",
        CREDENTIALS__ACCESS_TOKEN_SECRET="b",
        POLL_INTERVAL="0.01",
        START_MARGIN="0",
        STAGGER="0",
        MAX_AGE="0",
    )
    assert run("load", "users", "transactions")[0] == 0
    return run


def users() -> list[int]:
    with duckdb.connect("spaaza.duckdb") as warehouse:
        rows = warehouse.sql("SELECT id FROM spaaza_data.users ORDER BY id").fetchall()
        return [int(row[0]) for row in rows]


@pytest.mark.slow
def test_the_links_are_shown_first_and_nothing_goes_unasked(spaaza: Spaaza) -> None:
    with advises("cli/upkeep/forget.py", "Read what would be removed"):
        spaaza("forget", "users", "--key", "1")
    assert users() == [1, 2, 3]
    code, lines = spaaza("forget", "users", "--key", "1", "--yes")
    assert code == 0
    told = [" ".join(line.split()) for line in lines]
    assert told[0] == "1 of 1 found in users; in the dataset the key has:"
    assert "transactions user_id user id 1 rows are deleted" in told
    assert "users id user id 1 rows are deleted" in told
    assert "transactions: 1 rows deleted" in told
    assert "1 load packages removed" in told
    assert not any("ann@example.com" in line for line in lines)
    assert users() == [2, 3]


@pytest.mark.slow
def test_keys_come_from_a_file_too(spaaza: Spaaza) -> None:
    Path("keys.txt").write_text("1\n\n 3 \n", encoding="utf-8")
    assert spaaza("forget", "users", "--keys", "keys.txt", "--key", "77", "--yes")[0] == 0
    assert users() == [2]
    spaaza("load", "users", "--accept-deletes")
    assert users() == [2]


@pytest.mark.slow
def test_what_cannot_be_is_refused_with_what_can(spaaza: Spaaza) -> None:
    with advises("cli/upkeep/forget.py", "Give the key of a person"):
        spaaza("forget", "users", "--yes")
    with advises("cli/upkeep/forget.py", "Name a table of people"):
        spaaza("forget", "transactions", "--key", "b1", "--yes")
    with advises("cli/upkeep/forget.py", "Name the file with"):
        spaaza("forget", "users", "--key", "1", "--yes", "--db", "other.duckdb")
    with advises("erasure/wanted.py", "Write --link"):
        spaaza("forget", "users", "--key", "1", "--yes", "--link", "users.id=no such")
    with advises("erasure/forget.py", "Name the dataset with"):
        spaaza("forget", "users", "--key", "1", "--yes", "--dataset", "other")
    with pytest.raises(SettingsError, match="there is no index"):
        spaaza("forget", "no_such", "--key", "1", "--yes")
    assert users() == [1, 2, 3]
    assert spaaza("forget", "users", "--key", "1", "--yes")[0] == 0
    assert spaaza("load", "users")[0] == 0
    assert users() == [2, 3]


@pytest.mark.slow
def test_an_archive_that_cannot_be_read_is_told_and_is_no_success(spaaza: Spaaza) -> None:
    folder = Path("kept/1700000000.0/users")
    folder.mkdir(parents=True)
    (folder / "kept.json").write_text("{}", encoding="utf-8")
    code, lines = spaaza("forget", "users", "--key", "1", "--yes", "--kept-files", "kept")
    assert code == 1
    assert any(line.startswith("FAILED: kept/1700000000.0/users") for line in lines)
    assert users() == [2, 3]
    with duckdb.connect("spaaza.duckdb") as warehouse:
        ((finished, left),) = warehouse.sql(
            "SELECT finished_at, left_to_you FROM spaaza_data.erasures"
        ).fetchall()
    assert finished is None
    assert "kept/1700000000.0/users" in left


@pytest.mark.slow
def test_a_file_without_keys_and_an_empty_key_are_refused(spaaza: Spaaza) -> None:
    """Nobody is to be thought forgotten because a variable was not set."""
    for data in (b"", b"\xef\xbb\xbf\r\n  \r\n\t\n"):
        Path("keys").write_bytes(data)
        with pytest.raises(SettingsError, match="no key is given"):
            spaaza("forget", "users", "--keys", "keys", "--yes")
    for data in ("1\n".encode("utf-16"), "J\xf6s\n".encode("latin-1")):
        Path("keys").write_bytes(data)
        with pytest.raises(SettingsError, match=r"keys is not in UTF-8\. Save it as UTF-8\.$"):
            spaaza("forget", "users", "--keys", "keys", "--yes")
    for keys in (["1", ""], [" "]):
        with advises("cli/upkeep/forget.py", "Name each person by a --key"):
            spaaza("forget", "users", *(f"--key={key}" for key in keys), "--yes")
    assert users() == [1, 2, 3]
    assert spaaza("forget", "users", "--key", "1", "--key", "2", "--yes")[0] == 0
    assert users() == [3]


@pytest.mark.slow
def test_a_key_is_the_whole_text_of_a_cell(spaaza: Spaaza, vendor: FileVendor) -> None:
    odd = ["7", "007", "70", "O'Neil", "50%", "50", "a\u2028b", "%s"]
    vendor.files["users"] = "\n".join(["id,name", *(f"{key},n" for key in odd), ""]).encode()
    Path("keys").write_bytes("\ufeff7\r\n\r\n  O'Neil \r\n50%\ra\u2028b\n%s".encode())
    at_another = ("--db", "odd.duckdb")
    assert spaaza("load", "users", *at_another)[0] == 0
    _, lines = spaaza("forget", "users", "--keys", "keys", "--yes", *at_another)
    assert lines[0].startswith("5 of 5 found")
    for load in range(2):
        if load:
            assert spaaza("load", "users", *at_another)[0] == 0
        with duckdb.connect("odd.duckdb") as warehouse:
            left = warehouse.sql("SELECT id FROM spaaza_data.users ORDER BY id").fetchall()
        assert left == [("007",), ("50",), ("70",)]
