"""Hints about files of the user's own and their dialects."""

from __future__ import annotations

import ast
import gzip
import re
from pathlib import Path
from typing import Any

import pytest

from spaaza_source.loading import exports_of
from tests.command import spaaza
from tests.hints.loads import Shop, advises, check_advice

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

MAY: dict[str, Any] = {"start_date": "2026-05-01", "end_date": "2026-06-01"}
USERS = b"id,name\n1,a\n2,b\n"
SALES = b"id,timestamp\n1,2026-05-04T00:00:00Z\n2,2026-06-04T00:00:00Z\n"


@pytest.fixture(autouse=True)
def own_files(shop: Shop) -> None:
    del shop  # it is in a folder of its own
    for name in ("users.csv", "users.json", "sales.csv"):
        Path(name).write_bytes(SALES if name == "sales.csv" else USERS)
    Path("users.json").write_text('[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]')


def test_files_that_are_not_there(shop: Shop) -> None:
    with advises("exports/at_hand/given_files.py", "Name each file."):
        shop.load("users", files={"users": "."})
    with advises("exports/at_hand/given_files.py", 'Write files={"users": ["users.csv"]}.'):
        shop.load("users", files={"users": []})
    shop.load("users", files={"users": ["users.csv"]})
    assert shop.rows("users") == 2


def test_files_that_contradict_each_other(shop: Shop) -> None:
    with advises("exports/at_hand/given_files.py", "Load files of one format at a time."):
        shop.load("users", files={"users": ["users.csv", "users.json"]})
    with advises("exports/at_hand/given_files.py", "Give each file once."):
        shop.load("users", files={"users": ["users.csv", "users.csv"]})
    with advises("exports/at_hand/given_files.py", "Leave it out: JSON has no dialects."):
        shop.load("users", files={"users": "users.json"}, dialect="delimiter=;")
    with advises("loading/resources.py", "Leave out one of them."):
        shop.load("users", files={"users": "users.json"}, from_files="kept")
    shop.load("users", files={"users": "users.json"})
    assert shop.rows("users") == 2


def test_dates_of_files(shop: Shop) -> None:
    with advises("exports/at_hand/given_files.py", "Leave out start_date and end_date."):
        shop.load("users", files={"users": "users.csv"}, **MAY)
    shop.load("users", files={"users": "users.csv"})
    assert shop.rows("users") == 2
    with advises("exports/at_hand/given_files.py", "Give end_date too"):
        shop.load("transactions", files={"transactions": "sales.csv"}, start_date="2026-05-01")
    with advises("exports/at_hand/given_files.py", "Give start_date too"):
        shop.load("transactions", files={"transactions": "sales.csv"}, end_date="2026-06-01")
    with advises("exports/at_hand/given_files.py", "Give the end of the range that was exported"):
        future = {**MAY, "end_date": "2999-01-01"}
        shop.load("transactions", files={"transactions": "sales.csv"}, **future)
    shop.load("transactions", files={"transactions": "sales.csv"}, **MAY)
    assert shop.rows("transactions") == 1
    [(notices,)] = shop.query("SELECT notices FROM export_jobs WHERE table_name = 'transactions'")
    check_advice("loading/files/file_notes.py", "Give a wider range", notices)
    shop.load(
        "transactions", files={"transactions": "sales.csv"}, **{**MAY, "end_date": "2026-07-01"}
    )
    assert shop.rows("transactions") == 2


def test_files_that_share_rows(shop: Shop) -> None:
    Path("more.csv").write_bytes(USERS + b"3,c\n")
    with advises("writing/keys/broken_key.py", "Give files that have no rows in common."):
        shop.load("users", files={"users": ["users.csv", "more.csv"]})
    shop.load("users", files={"users": ["more.csv"]})
    assert shop.rows("users") == 3


def test_files_are_no_exports(shop: Shop) -> None:
    with advises("loading/resources.py", "Leave it out."):
        exports_of(shop.source("users", files={"users": "users.csv"}))
    assert exports_of(shop.source("users")).loads


@pytest.mark.parametrize(
    "data",
    [
        b"id;name\n1;a\n2;b\n",
        b"id\tname\n1\ta\n2\tb\n",
        b"'id','name'\n'1','a'\n'2','b'\n",
        b"sep=,\nid,name\n1,a\n2,b\n",
        "id,name\n1,\xe9\n2,b\n".encode("cp1252"),
        "id,name\n1,a\n2,b\n".encode("utf-16"),
    ],
)
def test_a_dialect_that_was_not_declared(shop: Shop, data: bytes) -> None:
    Path("own.csv").write_bytes(data)
    with advises("tabular/dialects/dialect.py", "Declare it:") as told:
        shop.load("users", files={"users": "own.csv"})
    found = re.search(r"dialect=(\{.*?\})", told[0])
    assert found is not None
    shop.load("users", files={"users": "own.csv"}, dialect=ast.literal_eval(found[1]))
    assert shop.query("SELECT id, name FROM users ORDER BY id")[1] == ("2", "b")


def test_a_dialect_that_is_not_the_file_s(shop: Shop) -> None:
    own = {"users": "users.csv"}
    with advises("tabular/csv_reader/layout.py", "Lower skip_leading of the dialect."):
        shop.load("users", files=own, dialect="skip_leading=9")
    with advises("exports/at_hand/given_files.py", "Lower skip_trailing of the dialect."):
        shop.load("users", files=own, dialect="skip_trailing=9")
    with advises("reading/given_rows.py", "Lower skip_trailing of the dialect; load files"):
        shop.load("users", files=own, dialect="skip_trailing=1")
    shop.load("users", files=own, dialect="skip_leading=0 skip_trailing=0")
    assert shop.rows("users") == 2
    Path("users.csv").write_bytes("id,name\n1,é\n2,b\n".encode())
    with advises("exports/at_hand/given_files.py", "Declare the encoding that it is in"):
        shop.load("users", files=own, dialect="encoding=ascii")
    with advises(
        "exports/at_hand/given_files.py", "Declare {name} as the encoding of the dialect."
    ):
        Path("utf16.csv").write_bytes(b"\xff\xfei\x00")
        shop.load("users", files={"users": "utf16.csv"}, dialect="encoding=utf-16-be")
    with advises("exports/at_hand/given_files.py", "Leave encoding out of the dialect."):
        Path("utf8.csv").write_bytes(b"\xef\xbb\xbfid")
        shop.load("users", files={"users": "utf8.csv"}, dialect="encoding=cp1252")
    shop.load("users", files=own, dialect="encoding=utf-8")
    assert shop.rows("users") == 2


def test_rows_that_are_broken(shop: Shop) -> None:
    Path("own.csv").write_bytes(b"id,name\n1,a,x\n2,b,x\n3,c\n")
    with pytest.raises(Exception, match=r"Ask for a sound file\."):
        shop.load("users", files={"users": "own.csv"})
    Path("own.csv").write_bytes(b"id,name\n1,a\n2,b\n3,c\n")
    shop.load("users", files={"users": "own.csv"})
    assert shop.rows("users") == 3


def test_a_row_of_totals(shop: Shop) -> None:
    Path("own.csv").write_bytes(b"id,name,paid\n1,a,2\n2,b,3\nTotal,,5\n")
    with advises("reading/given_rows.py", "{leave_out} If it is a row"):
        shop.load("users", files={"users": "own.csv"})
    shop.load("users", files={"users": "own.csv"}, dialect={"skip_trailing": 1})
    assert shop.rows("users") == 2


def test_a_file_that_was_cut_short(shop: Shop) -> None:
    Path("users.csv.gz").write_bytes(gzip.compress(USERS)[:-4])
    with pytest.raises(Exception, match="Fetch the file again"):
        shop.load("users", files={"users": "users.csv.gz"})
    Path("users.csv").write_bytes(USERS.rstrip())
    with pytest.raises(Exception, match="Fetch it again; if it is whole, end its last line"):
        shop.load("users", files={"users": "users.csv"})
    with Path("users.csv").open("ab") as file:
        file.write(b"\n")
    shop.load("users", files={"users": "users.csv"})
    assert shop.rows("users") == 2


def test_the_options_of_the_command() -> None:
    def says(*more: str, code: int = 2) -> str:
        done = spaaza("load", *more, SOURCES__SPAAZA__CHAIN_ID="1743")
        assert done.returncode == code, done.stderr
        return done.stderr

    own = ("--file", "users.csv")
    check_advice("cli/target.py", "Name one table and its files", says(*own))
    check_advice(
        "cli/target.py", "Name one table and its files", says("users", "--dialect", "quote='")
    )
    check_advice("cli/commands.py", "Leave it out.", says("users", *own, "--max-exports", "3"))
    two = ("--chain", "1", "--chain", "2")
    check_advice("cli/commands.py", "Name it: --chain 1743.", says("users", *own, *two))
    says("users", *own, "--chain", "1743", code=0)
