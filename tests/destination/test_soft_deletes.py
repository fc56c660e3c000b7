"""With soft deletes, rows that the vendor has no more stay, with the time of the load in them."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from spaaza_source.errors import TooManyDeletionsError
from tests.command import runner
from tests.destination.destinations import Destination
from tests.destination.loads import WHOLE_PACKAGE
from tests.destination.soft_deletes import HEADER, Shop
from tests.faults.hosts import ours
from tests.vendors.spaaza_files import FileVendor

pytestmark = pytest.mark.slow

KINDS = pytest.mark.parametrize("kind", ["duckdb", "postgres"])
Make = Callable[[str], Destination]


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor() as served:
        yield served


@KINDS
def test_rows_that_are_gone_stay_and_come_back(
    kind: str, make_destination: Make, vendor: FileVendor, tmp_path: Path
) -> None:
    shop = Shop(vendor, tmp_path, make_destination(kind))
    began = datetime.now(UTC)
    rows = [f"{number},n{number}\n" for number in range(1, 8)]
    shop.load("users", HEADER + "".join(rows))
    assert [each[2] for each in shop.rows()] == [False] * 7
    shop.load("users", HEADER + "".join(["1,changed\n", *rows[1:6]]))
    assert shop.rows()[0] == ("1", "changed", False)
    assert shop.rows()[5:] == [("6", "n6", False), ("7", "n7", True)]
    assert shop.last_job() == (6, 7, 7, True)
    (marked,) = [row["deleted_at"] for row in shop.destination.read("users") if row["deleted_at"]]
    assert began - timedelta(seconds=1) < marked < datetime.now(UTC)
    # The time stays that of the first load without it; the next row that goes has its own.
    shop.load("users", HEADER + "".join(rows[:5]))
    times = {row["id"]: row["deleted_at"] for row in shop.destination.read("users")}
    assert times["7"] == marked < times["6"]
    # One comes back.
    shop.load("users", HEADER + "".join([*rows[:5], "7,back\n"]))
    assert shop.rows()[5:] == [("6", "n6", True), ("7", "back", False)]
    assert [each[2] for each in shop.rows()[:5]] == [False] * 5


@KINDS
def test_the_guard_counts_the_rows_that_are_there(
    kind: str, make_destination: Make, vendor: FileVendor, tmp_path: Path
) -> None:
    shop = Shop(vendor, tmp_path, make_destination(kind))
    rows = [f"{number},n\n" for number in range(1, 11)]
    shop.load("users", HEADER + "".join(rows))
    shop.load("users", HEADER + "".join(rows[:8]))
    # Two are marked: of the eight that are there, two more are too many.
    for left in (6, 0):
        with pytest.raises(Exception, match=r".") as failed:
            shop.load("users", HEADER + "".join(rows[:left]))
        assert isinstance(ours(failed.value), TooManyDeletionsError)
        assert f"{8 - left} of the 8 rows" in str(failed.value)
    shop.load("users", HEADER + "".join(rows[:6]), accept_deletes=True)
    shop.load("users", HEADER, accept_deletes=True)
    assert shop.rows() == [(number, "n", True) for number in sorted(map(str, range(1, 11)))]
    shop.load("users", HEADER + rows[0])
    assert [each for each in shop.rows() if not each[2]] == [("1", "n", False)]


@KINDS
def test_a_range_and_a_key_of_the_users(
    kind: str, make_destination: Make, vendor: FileVendor, tmp_path: Path
) -> None:
    shop = Shop(vendor, tmp_path, make_destination(kind))
    hints = {"primary_key": "id"}
    header = "id,timestamp,name\n"
    rows = [f"{day},2026-05-{day:02d}T10:00:00Z,n\n" for day in range(1, 11)]
    since: Any = {"start_date": "2026-05-01", "end_date": "2026-06-01", "hints": hints}
    shop.load("transactions", header + "".join(rows), **since)
    part: Any = {**since, "end_date": "2026-05-08", "max_deleted_share": 0.5}
    shop.load("transactions", header + "".join(rows[:5]), **part)
    marked = [int(key) for key, _, is_marked in shop.rows("transactions") if is_marked]
    # Those of the range alone.
    assert marked == [6, 7]
    assert shop.last_job()[3] is True
    shop.load("transactions", header + "".join(rows), **since)
    assert not [each for each in shop.rows("transactions") if each[2]]


@KINDS
@pytest.mark.parametrize("at", ["users", pytest.param(WHOLE_PACKAGE, marks=pytest.mark.thorough)])
def test_a_load_that_is_killed_is_finished(
    kind: str, at: str, make_destination: Make, vendor: FileVendor, tmp_path: Path
) -> None:
    shop = Shop(vendor, tmp_path, make_destination(kind))
    shop.load("users", f"{HEADER}1,a\n2,b\n3,c\n")
    again = shop.made("users", f"{HEADER}1,a\n2,bb\n4,d\n")
    assert again.killed(at) == -signal.SIGKILL
    again.run()
    assert shop.rows() == [
        ("1", "a", False),
        ("2", "bb", False),
        ("3", "c", True),
        ("4", "d", False),
    ]
    again.run()
    assert [each[2] for each in shop.rows()] == [False, False, True, False]


def test_a_row_that_cannot_be_read_is_not_gone(
    make_destination: Make, vendor: FileVendor, tmp_path: Path
) -> None:
    shop = Shop(vendor, tmp_path, make_destination("duckdb"))
    header = '"id","name"\n'
    shop.load("users", header + '"1","a"\n"2","b"\n"3","c"\n"4","d"\n"5","e"\n')
    shop.load("users", header + '"1","a"\n"2","b","more"\n"4","d"\n"5","e"\n')
    assert [each[2] for each in shop.rows()] == [False, False, True, False, False]


def test_a_table_that_has_rows_takes_it_up(
    make_destination: Make, vendor: FileVendor, tmp_path: Path
) -> None:
    shop = Shop(vendor, tmp_path, make_destination("duckdb"))
    shop.load("users", f"{HEADER}1,a\n2,b\n3,c\n", deletes="remove")
    shop.load("users", f"{HEADER}1,a\n2,b\n", deletes={"users": "soft"})
    assert shop.rows() == [("1", "a", False), ("2", "b", False), ("3", "c", True)]
    # And gives it up: what is marked goes then.
    shop.load("users", f"{HEADER}1,a\n2,b\n4,d\n", deletes='{"users": "remove"}')
    assert shop.rows() == [("1", "a", False), ("2", "b", False), ("4", "d", False)]


def test_changed_vouchers_are_merged_and_a_load_of_all_marks(
    make_destination: Make, vendor: FileVendor, tmp_path: Path
) -> None:
    shop = Shop(vendor, tmp_path, make_destination("duckdb"))
    header = "id,date_time_creation,date_time_redeemed,name\n"
    made = "2026-05-01T10:00:00Z"
    shop.load("vouchers", f"{header}1,{made},,a\n2,{made},,b\n3,{made},,c\n")
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    shop.load("vouchers", f"{header}1,{made},{now},used\n")
    assert shop.rows("vouchers") == [("1", "used", False), ("2", "b", False), ("3", "c", False)]
    shop.load("vouchers", f"{header}1,{made},{now},used\n2,{made},,b\n", snapshot_every=0)
    assert shop.rows("vouchers") == [("1", "used", False), ("2", "b", False), ("3", "c", True)]


#: A table, its file, what else is set, and why that cannot be.
REFUSED: list[tuple[str, str, dict[str, Any], str]] = [
    ("users", "id,name\n1,a\n", {"hints": {"write_disposition": "append"}}, "written by append"),
    ("users", '[{"id": 1}]', {"export_format": "json"}, "records of JSON exports"),
    ("transactions", "id,timestamp\n", {}, "no column is known to tell its rows apart"),
    ("users", "id,name\n1,a\n1,b\n", {}, "no column tells its rows apart"),
    ("users", "id,deleted_at\n1,\n2,x\n", {}, "a column 'deleted_at' of its own"),
]


@pytest.mark.parametrize("case", REFUSED, ids=[case[-1] for case in REFUSED])
def test_what_cannot_be_is_refused(
    case: Any, make_destination: Make, vendor: FileVendor, tmp_path: Path
) -> None:
    table, file, given, cause = case
    shop = Shop(vendor, tmp_path, make_destination("duckdb"))
    with pytest.raises(Exception, match=r".") as failed:
        shop.load(table, file, **given)
    assert cause in str(ours(failed.value))


def test_a_deep_check_compares_what_is_there(
    vendor: FileVendor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    run = runner(
        monkeypatch,
        BASE_URL=vendor.base_url,
        CHAIN_ID="1743",
        CREDENTIALS__ACCESS_TOKEN_ID="id",
        CREDENTIALS__ACCESS_TOKEN_SECRET="secret",
        POLL_INTERVAL="0",
        START_MARGIN="0",
        STAGGER="0",
        DELETES="soft",
    )
    for text in (f"{HEADER}1,a\n2,b\n3,c\n", f"{HEADER}1,a\n2,b\n"):
        vendor.files["users"] = text.encode()
        assert run("load", "users")[0] == 0
    code, lines = run("check", "--deep", "users")
    assert code == 0, lines
    vendor.files["users"] = f"{HEADER}1,a\n2,other\n3,c\n".encode()
    code, lines = run("check", "--deep", "users")
    assert code == 1
    assert "deleted_at" not in " ".join(lines)
