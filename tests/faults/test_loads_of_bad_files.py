"""Faults 15 to 20 through the `spaaza` command: nothing of a bad file, all of the others, exit 1.

The cursor stays where it was, so the next sound file brings every row.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.faults.hosts import BadHost, Host, cut, rest_of, spaaza, until_closed
from tests.vendors import Answer

NOW = datetime.now(timezone.utc)
ROWS = "SELECT id FROM transactions ORDER BY id"
LOADS = "SELECT count(*) FROM export_jobs WHERE table_name = 'products'"
PRODUCTS = b"id,title\n1,a\n2,b\n"


def baskets(*hours: int) -> bytes:
    """A row for each time, in hours ago."""
    rows = [f"{hour},{NOW - timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}" for hour in hours]
    return ("\n".join(["id,timestamp", *rows]) + "\n").encode()


FAULTS: dict[str, tuple[Host, str]] = {
    "15 link expired": (lambda _seen, _whole: Answer(403), "refused the link"),
    "16 body too short": (lambda seen, whole: cut(rest_of(whole, seen, ""), 30), "broke"),
    "17 cut": (lambda _seen, whole: until_closed(whole[:-4]), "no record end"),
    "18 carried on elsewhere": (
        lambda _seen, whole: Answer(206, whole, {"Content-Range": "bytes 7-9/10"}),
        "did not carry on",
    ),
    "19 gzip cut": (lambda _seen, whole: Answer(200, gzip.compress(whole)[:-4]), "checksum"),
    "20 an error in words": (
        lambda _seen, _whole: Answer(200, b"Access Denied: canary"),
        "columns",
    ),
}


class Shop:
    """A warehouse into which transactions have been loaded once, and the vendor they are of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.vendor = BadHost("transactions", transactions=baskets(3, 2), products=PRODUCTS)

    def load(self, monkeypatch: pytest.MonkeyPatch) -> int:
        monkeypatch.setenv("DLT_DATA_DIR", str(self.folder))
        db = str(self.folder / "w.duckdb")
        return spaaza(self.vendor, "load", "transactions", "products", "--db", db)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.folder / "w.duckdb")) as warehouse:
            return warehouse.execute(f"USE spaaza_data; {sql}").fetchall()

    def asked_from(self) -> str:
        """Where the window begins that was asked for last."""
        tasks = [task["desc"] for task in self.vendor.tasks if "transactions" in task["desc"]]
        return str(tasks[-1]).partition("[")[2].partition(",")[0]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    with shop.vendor, pytest.MonkeyPatch.context() as patch:
        assert shop.load(patch) == 0
        shop.vendor.files["transactions"] = baskets(3, 2, 1)
        shop.vendor.host = FAULTS["15 link expired"][0]
        assert shop.load(patch) == 1
        yield shop


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_file_stops_its_export_alone(
    shop: Shop, fault: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    host, words = FAULTS[fault]
    before = shop.asked_from()
    rows, loads = shop.query(ROWS), shop.query(LOADS)
    shop.vendor.host = host
    assert shop.load(monkeypatch) == 1
    said = capfd.readouterr()
    (told,) = [line for line in said.err.splitlines() if line.startswith("spaaza: ")]
    assert "transactions" in told
    assert words in told
    assert "canary" not in said.out + said.err
    assert shop.query(ROWS) == rows
    assert shop.query(LOADS) > loads
    assert shop.asked_from() == before != ""
    assert list((shop.folder / "pipelines" / "spaaza" / "exports").iterdir()) == []


def test_the_next_sound_file_brings_every_row(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    before = shop.asked_from()
    shop.vendor.host = None
    assert shop.load(monkeypatch) == 0
    assert shop.asked_from() == before
    assert shop.query(ROWS) == [(1,), (2,), (3,)]
    shop.vendor.host = FAULTS["15 link expired"][0]
    # Only now has the cursor moved.
    assert shop.load(monkeypatch) == 1
    assert shop.asked_from() > before
