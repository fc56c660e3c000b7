"""Faults 36 to 39 through whole loads: keys, failed exports, destinations, and rows that go.

Loads that are killed are test_cut_short's, and every way to keep a table current, with its guard,
tests/writing/test_table_write.py's. That the others of a failed export are loaded is
test_loads_of_bad_files' too; test_voucherify_loads has Voucherify's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dlt.extract import DltSource

from spaaza_source import spaaza_source, voucherify_source
from spaaza_source.errors import BrokenKeyError, TooManyDeletionsError
from spaaza_source.windows import iso
from tests.faults.hosts import QUICK, TOKEN, BadDownloads, BadHost, spaaza
from tests.faults.shops import AT, Shop, VoucherifyShop
from tests.vendors.server import Answer, Seen
from tests.vendors.voucherify_files import KEYS
from tests.warehouses import held_elsewhere, query

pytestmark = [pytest.mark.slow, pytest.mark.wing("writing")]


class Snapshots(Shop):
    """All rows each time, merged by the key that they prove."""

    TABLE = SUBJECT = "users"
    HEADER = "id,changed,name"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.vendor = BadHost(self.SUBJECT)

    def source(self, **given: Any) -> DltSource:
        hints = given.pop("hints", {})
        source = spaaza_source(self.vendor.base_url, 1743, TOKEN, **QUICK, max_age=0, **given)
        source.resources[self.TABLE].apply_hints(**hints)
        return source.with_resources(self.TABLE)

    def check_cursor(self) -> None:
        """It has none."""


class Changes(Shop):
    """Voucherify's rows that changed, merged by their id; `updated_at` tells the newer of two."""

    TABLE, SUBJECT = "customers", "customer"
    HEADER = "ID,Updated At,Name"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.vendor = DatedToo(self.SUBJECT)

    def source(self, **given: Any) -> DltSource:
        hints = given.pop("hints", {})
        fields = {self.TABLE: ["id", "updated_at", "name"]}
        asked: dict[str, Any] = {"objects": [self.TABLE], "fields": fields, "poll_interval": 0}
        source = voucherify_source(self.vendor.base_url, KEYS, **asked, max_age=0, **given)
        source.resources[self.TABLE].apply_hints(**hints)
        return source


def file_of(shop: Shop, *rows: str) -> bytes:
    return "\n".join([shop.HEADER, *rows, ""]).encode()


def names(shop: Shop) -> list[tuple[Any, ...]]:
    return query(shop.folder, f"SELECT id, name FROM {shop.TABLE} ORDER BY ALL")


# 36: keys

KEY: dict[str, Any] = {"primary_key": "id"}
EMPTY, TWICE = f",{AT},c", f"1,{AT},c"


@pytest.mark.thorough
def test_what_is_twice_is_no_key_and_no_row_is_lost(tmp_path: Path) -> None:
    shop = Snapshots(tmp_path)
    with shop.vendor:
        shop.load(file_of(shop, f"1,{AT},a", f"2,{AT},b", TWICE))
        assert sorted(name for _, name in names(shop)) == ["a", "b", "c"]
        # Once they tell rows apart again, the table is loaded whole, without duplicates.
        shop.brings(file_of(shop, f"1,{AT},c", f"2,{AT},b", f"3,{AT},d"))
        assert names(shop) == [("1", "c"), ("2", "b"), ("3", "d")]
        # From now on it is a key, which no file may take back unseen.
        for odd in (EMPTY, TWICE):
            shop.stops(file_of(shop, f"1,{AT},a", odd), BrokenKeyError, "line 3")
        shop.brings(file_of(shop, f"1,{AT},e", f"2,{AT},b", f"3,{AT},d"))
    assert names(shop) == [("1", "e"), ("2", "b"), ("3", "d")]


@pytest.mark.thorough
def test_a_declared_key_that_is_none_stops(tmp_path: Path) -> None:
    shop = Snapshots(tmp_path)
    with shop.vendor:
        shop.load(file_of(shop, f"1,{AT},a", f"2,{AT},b"), hints=KEY)
        for odd in (EMPTY, TWICE):
            bad = file_of(shop, f"1,{AT},a", f"2,{AT},b", odd)
            shop.stops(bad, BrokenKeyError, "line 4", hints=KEY)
        shop.brings(file_of(shop, f"1,{AT},a", f"2,{AT},B"), hints=KEY)
    assert names(shop) == [("1", "a"), ("2", "B")]


@pytest.mark.thorough
def test_what_was_the_key_of_rows_that_changed_stops_where_it_is_none(tmp_path: Path) -> None:
    shop = Changes(tmp_path)
    with shop.vendor:
        shop.load(file_of(shop, f"1,{AT},a", f"2,{AT},b"))
        for odd in (EMPTY, TWICE):
            shop.stops(file_of(shop, f"1,{AT},a", odd), BrokenKeyError, "line 3")
        shop.brings(file_of(shop, f"1,{AT},c"))
    assert names(shop) == [("1", "c"), ("2", "b")]


@pytest.mark.thorough
def test_the_newest_wins_where_a_column_is_said_to_tell_which_it_is(tmp_path: Path) -> None:
    shop = Changes(tmp_path)
    hints = {
        **KEY,
        "write_disposition": {"disposition": "merge", "strategy": "delete-insert"},
        "columns": {"updated_at": {"dedup_sort": "desc"}},
    }
    older, newer = "2020-01-01T00:00:00Z", AT
    rows = (f"1,{newer},new", f"1,{older},old", f"3,{older},old", f"3,{newer},new")
    with shop.vendor:
        shop.load(file_of(shop, f"1,{older},a", f"2,{older},b"), hints=hints)
        shop.brings(file_of(shop, *rows), hints=hints)
        assert names(shop) == [("1", "new"), ("2", "b"), ("3", "new")]
        told = query(shop.folder, "SELECT rows, found, proven FROM export_jobs ORDER BY ALL")
        assert told == [(2, 2, True), (4, 2, True)]
        # An empty key tells nothing, whichever is the newest.
        shop.stops(file_of(shop, f"1,{newer},a", EMPTY), BrokenKeyError, "line 3", hints=hints)


# 37: an export fails among others


@pytest.mark.thorough
def test_the_rows_of_a_failed_export_are_not_loaded_and_those_of_the_others_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path))
    db = str(tmp_path / "w.duckdb")
    good = {"products": b"id,name\n1,a\n2,b\n", "vouchers": b"id\n1\n"}
    users = b"id,name\n" + b"".join(b"%d,x\n" % number for number in range(200_000))
    with BadHost("users", None, users=users, **good) as vendor:
        # It breaks when hundreds of rows have been read.
        vendor.host = lambda _seen, whole: Answer(200, whole + b'200000,"unclosed\n')
        assert spaaza(vendor, "load", "users", "products", "vouchers", "--db", db) == 1
        assert "spaaza: users, job" in capfd.readouterr().err
        with duckdb.connect(db) as warehouse:
            told = "SELECT table_name, loaded FROM spaaza_data.export_jobs ORDER BY 1"
            assert warehouse.sql(told).fetchall() == [("products", 2), ("vouchers", 1)]
            tables = "SELECT table_name FROM duckdb_tables() WHERE table_name = 'users'"
            assert warehouse.sql(tables).fetchall() == []
        vendor.host = None
        assert spaaza(vendor, "load", "users", "products", "vouchers", "--db", db) == 0
    with duckdb.connect(db) as warehouse:
        counted = "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM products)"
        assert warehouse.execute(f"USE spaaza_data; {counted}").fetchall() == [(200_000, 2)]
    (downloads,) = tmp_path.glob("pipelines/spaaza_*/exports")
    assert list(downloads.iterdir()) == []


# 38: destinations


@contextmanager
def moved_away(database: Path) -> Iterator[None]:
    """The folder of the file is gone."""
    away = database.parent.with_name("away")
    database.parent.rename(away)
    yield
    away.rename(database.parent)


class Vouchers(Shop):
    """Spaaza's rows that were created or redeemed lately, merged by their id."""

    TABLE = SUBJECT = "vouchers"
    HEADER = "id,date_time_creation,name"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.vendor = Dated(self.SUBJECT)

    def source(self, **given: Any) -> DltSource:
        raise NotImplementedError


class Dated(BadHost):
    """Tells when a task was done, so that it is known how old its file is."""

    def _task(self, number: int, code: str) -> dict[str, Any]:
        task = super()._task(number, code)
        dates = dict.fromkeys(("created_date", "last_modified"), iso(datetime.now(UTC)))
        return {**task, "state": {**task["state"], **dates}}

    @property
    def settings(self) -> dict[str, Any]:
        """A finished export is good for an hour, as it is where nobody says otherwise."""
        return {**super().settings, "SOURCES__SPAAZA__MAX_AGE": 3600}


class DatedToo(BadDownloads):
    """Voucherify always tells."""

    @property
    def settings(self) -> dict[str, Any]:
        """As above."""
        return {**super().settings, "SOURCES__VOUCHERIFY__MAX_AGE": 3600}


class Command:
    """`spaaza load` of one table of a vendor's, and the trouble that begins while it is fetched."""

    def __init__(self, shop: Shop, patch: pytest.MonkeyPatch) -> None:
        self.shop = shop
        self.vendor = shop.vendor
        self.name = "spaaza" if isinstance(shop, Vouchers) else "voucherify"
        self.db = shop.folder / "there" / "w.duckdb"
        self.db.parent.mkdir()
        patch.setenv("DLT_DATA_DIR", str(shop.folder))
        # A file that another process has open is waited for no longer than this.
        patch.setenv("SPAAZA_SOURCE__TURN_TIMEOUT", "0")
        patch.setenv("SOURCES__VOUCHERIFY__FIELDS", '{"customers": ["id", "updated_at", "name"]}')
        self.fetched = 0

    def load(self, *rows: str) -> int:
        file = file_of(self.shop, *rows)
        self.vendor.host = lambda _seen, _whole: Answer(200, file)
        self.shop.give(file)
        return self._run()

    def load_into(self, trouble: Trouble, *rows: str, times: int) -> None:
        """A load whose destination goes while its file is fetched, and comes again."""
        file = file_of(self.shop, *rows)
        self.shop.give(file)
        with ExitStack() as troubled:
            begun = threading.Event()

            def host(_seen: Seen, _whole: bytes) -> Answer:
                if not begun.is_set():
                    begun.set()
                    troubled.enter_context(trouble(self.db))
                return Answer(200, file)

            self.vendor.host = host
            assert [self._run() > 0 for _ in range(times)] == [True] * times

    def _run(self) -> int:
        more = ["--vendor", self.name, self.shop.TABLE, "--db", str(self.db)]
        return spaaza(self.vendor, "load", *more)

    @property
    def asked(self) -> int:
        """Exports that the vendor was asked for."""
        return len(self.vendor.tasks if isinstance(self.vendor, BadHost) else self.vendor.bodies)

    def held(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.db)) as warehouse:
            return warehouse.execute(f"USE {self.name}_data; {sql}").fetchall()


Trouble = Callable[[Path], AbstractContextManager[None]]


@pytest.fixture
def command(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Command]:
    shop: Shop = request.param(tmp_path)
    with shop.vendor:
        yield Command(shop, monkeypatch)


AT_EITHER = [(Vouchers, held_elsewhere), (Changes, moved_away)]


@pytest.mark.parametrize(
    ("command", "trouble", "times"),
    [(*AT_EITHER[0], 1), pytest.param(*AT_EITHER[1], 2, marks=pytest.mark.thorough)],
    indirect=["command"],
)
@pytest.mark.thorough
def test_the_next_run_ends_the_load_that_a_destination_did_not_take(
    trouble: Trouble, times: int, command: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    assert command.load(f"1,{AT},a", f"2,{AT},b") == 0
    capfd.readouterr()
    command.load_into(trouble, f"2,{AT},B", f"3,{AT},c", times=times)
    told = [line for line in capfd.readouterr().err.splitlines() if line.startswith("spaaza: ")]
    assert len(told) == times
    assert all(str(command.db) in line for line in told)
    asked = command.asked
    # What the vendor would send now is not looked at.
    assert command.load(f"9,{AT},z") == 0
    assert command.asked == asked == 2
    rows = command.held(f"SELECT id, name FROM {command.shop.TABLE} ORDER BY id")
    assert rows == [("1", "a"), ("2", "B"), ("3", "c")]
    assert command.held("SELECT count(*), sum(loaded)::INT FROM export_jobs") == [(2, 4)]
    assert list(command.shop.folder.glob("pipelines/*/exports/*")) == []


@pytest.mark.parametrize(
    ("command", "trouble"),
    [pytest.param(*AT_EITHER[0], marks=pytest.mark.thorough), AT_EITHER[1]],
    indirect=["command"],
)
def test_a_first_load_that_a_destination_did_not_take_is_made_of_the_same_export(
    trouble: Trouble, command: Command
) -> None:
    """dlt drops the load where there is no dataset yet; the vendor still has the file."""
    command.load_into(trouble, f"1,{AT},a", f"2,{AT},b", times=1)
    assert command.load(f"1,{AT},a", f"2,{AT},b") == 0
    assert command.asked == 1
    rows = command.held(f"SELECT id, name FROM {command.shop.TABLE} ORDER BY id")
    assert rows == [("1", "a"), ("2", "b")]
    assert command.held("SELECT count(*), sum(loaded)::INT FROM export_jobs") == [(1, 2)]


# 39: rows that go


@pytest.mark.thorough
def test_a_row_that_is_gone_goes_with_the_next_snapshot(tmp_path: Path) -> None:
    shop = Snapshots(tmp_path)
    with shop.vendor:
        shop.load(file_of(shop, *(f"{number},{AT},a" for number in range(9))))
        shop.brings(file_of(shop, *(f"{number},{AT},a" for number in range(8))))
        assert len(names(shop)) == 8
        # Most of them at once: it stops and asks, and takes them where that is accepted.
        fewer = file_of(shop, f"1,{AT},a", f"2,{AT},a")
        shop.stops(fewer, TooManyDeletionsError, "6 of the 8 rows", "accept_deletes=True")
        shop.brings(fewer, accept_deletes=True)
    assert names(shop) == [("1", "a"), ("2", "a")]


@pytest.mark.thorough
def test_a_row_that_is_gone_goes_when_its_window_is_loaded_again(tmp_path: Path) -> None:
    shop = VoucherifyShop(tmp_path)
    old = "2020-01-01T00:00:00Z"
    rows = [f"1,{old}", *(f"{number},{AT}" for number in range(2, 11))]
    with shop.vendor:
        shop.load(file_of(shop, *rows))
        shop.brings(file_of(shop, *rows[1:9]))
        # What is before the window stays.
        assert len(shop.rows()) == 9
        shop.stops(
            file_of(shop, rows[1]), TooManyDeletionsError, "7 of the 8", "accept_deletes=True"
        )
        assert len(shop.rows()) == 9
        shop.brings(file_of(shop, rows[1]), accept_deletes=True)
        assert len(shop.rows()) == 2
