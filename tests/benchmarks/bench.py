"""What the roads of `whole` begin with: the vendor, its files, the databases' servers."""

from __future__ import annotations

import itertools
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from spaaza_source.sandbox import Sandbox, SandboxSettings
from spaaza_source.tabular import Column, open_csv
from tests.benchmarks.users_csv import write_users_csv
from tests.benchmarks.users_json import write_users_json
from tests.destination.destinations import ducklake_destination, put_extensions
from tests.destination.servers import Postgres
from tests.vendors.server import Answer, Seen
from tests.vendors.spaaza_files import FileVendor

#: Files in which one row of so many has changed.
CHANGED = {"tenth": 10, "hundredth": 100}
#: Files of transactions: how many beside the users, and the days that they are of.
TRANSACTIONS = {
    "history": (10, "2026-05-01", "2026-06-01"),
    "day": (0.01, "2026-06-01", "2026-06-02"),
}
#: Sandboxes with six tables, by what has come since the load before: how many days ago the last
#: row of a window came.
SANDBOXES = {"nothing": 30, "a window": 0}
#: Bytes that a slow link brings at once.
PIECE = 1 << 18


class Linked(FileVendor):
    """A vendor of which a link to its one file is known without asking.

    Args:
        rate: The bytes of a file that its link brings in a second; None for as many as can be.
    """

    def __init__(self, rate: float | None = None) -> None:
        super().__init__()
        self._rate = rate

    def _answer(self, seen: Seen) -> Answer:
        if seen.path != "/file.csv":
            return self._slowed(super()._answer(seen))
        (file,) = self.files.values()
        return self._slowed(Answer(200, file))

    def _slowed(self, answer: Answer) -> Answer:
        body = answer.body
        if self._rate is None or len(body) <= PIECE:
            return answer
        headers = {"Content-Length": str(len(body)), **answer.headers}
        return replace(answer, body=b"", headers=headers, pieces=_drip(body, self._rate))


@dataclass(frozen=True)
class Place:
    """Where a road leads.

    Attributes:
        folder: The databases that are files, and what else is written.
        database: That of PostgreSQL, or of a DuckLake's catalogue in it.
        lake: What dlt has to know of a DuckLake.
    """

    folder: Path
    database: str | None = None
    lake: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Bench:
    """The files, the vendor that serves one of them, and what roads begin with."""

    folder: Path
    rows: int
    quoted: bool
    vendor: FileVendor
    files: dict[str, Path] = field(default_factory=dict)
    columns: dict[str, Sequence[Column]] = field(default_factory=dict)
    postgres: Postgres | None = None
    sandboxes: dict[str, Sandbox] = field(default_factory=dict)
    loaded: dict[str, Place] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def prepare(self, wanted: Collection[str | None]) -> None:
        """Write the files that are wanted, and those that they come after."""
        if "day" in wanted:
            for name in TRANSACTIONS:
                self.files[name] = self._transactions(name)
            self.columns["transactions"] = open_csv(self.files["day"]).columns
        if not {"first", "json", "json-nested", *CHANGED}.intersection(wanted):
            return
        first = self.files["first"] = self.folder / "first.csv"
        write_users_csv(first, self.rows, quoted=self.quoted)
        columns = self.columns["users"] = open_csv(first).columns
        for name in CHANGED.keys() & wanted:
            self.files[name] = self._changed(first, name)
        for name in {"json", "json-nested"}.intersection(wanted):
            self.files[name] = self.folder / f"{name}.json"
            write_users_json(self.files[name], first, columns, nested=name == "json-nested")

    def serve(self, name: str) -> None:
        """Let the vendor have that file, and no other one."""
        if name not in SANDBOXES:
            self.vendor.files = {table_of(name): self.files[name].read_bytes()}

    def create_place(self, folder: Path, destination: str, before: Place | None) -> Place:
        """A new place in that folder; `before` is where the same destination has been loaded."""
        if destination not in {"postgres", "ducklake"}:
            return Place(folder)
        assert self.postgres is not None
        name = f"bench_{next(self._numbers)}"
        if destination == "ducklake":
            home = self.folder / "home"
            put_extensions(home)
            lake = ducklake_destination(self.postgres, name, folder / "lake", home)
            return Place(folder, name, lake.settings)
        template = f' TEMPLATE "{before.database}"' if before else ""
        self.postgres.execute(f'CREATE DATABASE "{name}"{template}')
        return Place(folder, name)

    def _changed(self, first: Path, name: str) -> Path:
        """The same export, later: one row of so many has other points."""
        later = self.folder / f"{name}.csv"
        with duckdb.connect() as memory:
            memory.execute(
                f"""COPY (SELECT * REPLACE (CASE WHEN hash("ID") % {CHANGED[name]} = 0
                THEN '77' || "Points Balance" ELSE "Points Balance" END AS "Points Balance")
                FROM read_csv('{first}', all_varchar = true)) TO '{later}' (HEADER)"""
            )
        return later

    def _transactions(self, name: str) -> Path:
        """So many baskets, evenly spread over their days."""
        times, begin, end = TRANSACTIONS[name]
        rows, path = int(self.rows * times), self.folder / f"{name}.csv"
        with duckdb.connect() as memory:
            memory.execute(
                f"""COPY (SELECT hash('{name}' || i) AS id, strftime(TIMESTAMP '{begin}' + i *
                ((TIMESTAMP '{end}' - TIMESTAMP '{begin}') / {rows}), '%Y-%m-%dT%H:%M:%S.%fZ')
                AS timestamp, '0000' || hash(i) AS retailer_basket_code, 'in_store' AS type,
                (hash(i) % 100000) / 100 AS total_value, hash(i) % 1000000 AS user_id,
                md5(i::VARCHAR) AS receipt FROM range({rows}) t(i)) TO '{path}' (HEADER)"""
            )
        return path


def _drip(body: bytes, rate: float) -> Iterator[bytes]:
    begun = time.monotonic()
    for at in range(0, len(body), PIECE):
        time.sleep(max(0.0, begun + at / rate - time.monotonic()))
        yield body[at : at + PIECE]


def table_of(file: str) -> str:
    """The table that a file is of."""
    return "transactions" if file in TRANSACTIONS else "users"


def make_sandbox(days: int) -> Sandbox:
    """One whose last row came so many days ago."""
    end = datetime.now(UTC) - timedelta(days=days)
    return Sandbox(SandboxSettings(rows=100, data_end=end, history_days=3))
