"""Faults 15 to 20 and 37 through the `spaaza` command, at each vendor in its turn.

Nothing of a bad file is loaded, all of the others is, and the exit code is 1.

The cursor stays where it was, so the next sound file brings every row.
"""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.faults.hosts import (
    BadDownloads,
    BadHost,
    Host,
    cut,
    leave_second,
    rest_of,
    spaaza,
    until_closed,
)
from tests.vendors.server import Answer

pytestmark = [pytest.mark.slow, pytest.mark.wing("loading", "cli")]

NOW = datetime.now(UTC)
THOROUGH = pytest.mark.thorough


def rows(header: str, *hours: int) -> bytes:
    """A row for each time, in hours ago."""
    lines = [f"{hour},{NOW - timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}" for hour in hours]
    return ("\n".join([header, *lines]) + "\n").encode()


@dataclass(frozen=True)
class Tables:
    """Two tables of a vendor: one that is loaded by time, whose files go bad, and another.

    Attributes:
        vendor: Its name.
        by_time: The table, and how the vendor calls it.
        row_id: Its column that tells rows apart.
        header: Of its file.
        other: The other table.
        bad: Makes the vendor whose files of a name are bad.
        files: Of the other table.
    """

    vendor: str
    by_time: tuple[str, str]
    row_id: str
    header: str
    other: str
    bad: Callable[..., BadHost | BadDownloads]
    files: dict[str, bytes]


TABLES = {
    "spaaza": Tables(
        "spaaza",
        ("transactions", "transactions"),
        "id",
        "id,timestamp",
        "products",
        BadHost,
        {"products": b"id,title\n1,a\n2,b\n"},
    ),
    "voucherify": Tables(
        "voucherify",
        ("publications", "publication"),
        "voucher_code",
        "Voucher Code,Date",
        "points_expirations",
        BadDownloads,
        {"points_expiration": b"ID,Points\npe_1,10\npe_2,20\n"},
    ),
}
FIELDS = {"publications": ["voucher_code", "date"], "points_expirations": ["id", "points"]}


FAULTS: dict[str, tuple[Host, str]] = {
    "15 link expired": (lambda _seen, _whole: Answer(403), "refused the link"),
    "16 body too short": (lambda seen, whole: cut(rest_of(whole, seen, ""), 30), "broke"),
    "17 cut": (lambda _seen, whole: until_closed(whole[:-4]), "no record end"),
    "18 carried on elsewhere": (
        lambda _seen, whole: Answer(206, whole, {"Content-Range": "bytes 7-9/10"}),
        "did not resume",
    ),
    "19 gzip cut": (lambda _seen, whole: Answer(200, gzip.compress(whole)[:-4]), "checksum"),
    "20 an error in words": (
        lambda _seen, _whole: Answer(200, b"Access Denied: canary"),
        "which column is which requested field",
    ),
}


class Shop:
    """A warehouse into which two tables have been loaded once, and the vendor they are of."""

    def __init__(self, folder: Path, tables: Tables) -> None:
        self.folder = folder
        self.tables = tables
        self.vendor = tables.bad(tables.by_time[1], **tables.files)
        self.give(3, 2)

    def give(self, *hours: int) -> None:
        """The rows of the next export."""
        self.vendor.give(**{self.tables.by_time[1]: rows(self.tables.header, *hours)})

    def load(self, monkeypatch: pytest.MonkeyPatch) -> int:
        monkeypatch.setenv("DLT_DATA_DIR", str(self.folder))
        monkeypatch.setenv("SOURCES__VOUCHERIFY__FIELDS", json.dumps(FIELDS))
        names = (self.tables.by_time[0], self.tables.other)
        db = str(self.folder / "w.duckdb")
        return spaaza(self.vendor, "load", "--vendor", self.tables.vendor, *names, "--db", db)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.folder / "w.duckdb")) as warehouse:
            return warehouse.execute(f"USE {self.tables.vendor}_data; {sql}").fetchall()

    def rows(self) -> list[tuple[Any, ...]]:
        """What the table holds whose files go bad."""
        return self.query(f"SELECT {self.tables.row_id} FROM {self.tables.by_time[0]} ORDER BY 1")

    def loads_of_the_other(self) -> int:
        """How often the other one was loaded."""
        loads = "SELECT count(*) FROM export_jobs WHERE table_name ="
        return int(self.query(f"{loads} '{self.tables.other}'")[0][0])


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Shop]]:
    made = {name: Shop(tmp_path_factory.mktemp("shop"), TABLES[name]) for name in TABLES}
    with ExitStack() as vendors, pytest.MonkeyPatch.context() as patch:
        for shop in made.values():
            vendors.enter_context(shop.vendor)
            assert shop.load(patch) == 0
            leave_second()
            shop.give(3, 2, 1)
            shop.vendor.host = FAULTS["15 link expired"][0]
            assert shop.load(patch) == 1
        yield made


# Each fault at each vendor, as a run meets it, is tested in the files beside this one.
@pytest.mark.parametrize(
    ("name", "fault"),
    [
        # One fault at each vendor; to a load, the others are the same.
        pytest.param(name, fault, marks=[] if fault[:2] in {"17", "20"} else THOROUGH)
        for name, fault in zip(itertools.cycle(TABLES), FAULTS, strict=False)
    ],
)
def test_a_bad_file_stops_its_export_alone(
    shops: dict[str, Shop],
    name: str,
    fault: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    shop, (host, words) = shops[name], FAULTS[fault]
    before = shop.vendor.asked_from()
    rows_before, loads = shop.rows(), shop.loads_of_the_other()
    shop.vendor.host = host
    assert shop.load(monkeypatch) == 1
    said = capfd.readouterr()
    (told,) = [line for line in said.err.splitlines() if line.startswith("spaaza: ")]
    assert shop.tables.by_time[1] in told
    assert words in told
    assert "canary" not in said.out + said.err
    assert shop.rows() == rows_before
    assert shop.loads_of_the_other() > loads
    assert shop.vendor.asked_from() == before != ""
    (downloads,) = shop.folder.glob(f"pipelines/{shop.tables.vendor}_*/exports")
    assert list(downloads.iterdir()) == []


@pytest.mark.parametrize("name", [pytest.param("spaaza", marks=THOROUGH), "voucherify"])
@pytest.mark.thorough
def test_the_next_sound_file_brings_every_row(
    shops: dict[str, Shop], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = shops[name]
    before = shop.vendor.asked_from()
    shop.vendor.host = None
    assert shop.load(monkeypatch) == 0
    assert shop.vendor.asked_from() == before
    assert shop.rows() == [("1",), ("2",), ("3",)]
    shop.vendor.host = FAULTS["15 link expired"][0]
    # Only now has the cursor moved.
    assert shop.load(monkeypatch) == 1
    assert shop.vendor.asked_from() > before
