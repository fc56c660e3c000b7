"""Whole processes, from the vendor's link to the closed database, each in turn with its reference.

    python -m tests.benchmarks.whole [--rows N] [--rounds N] [--kind] [--earlier PYTHON] [ROAD ...]

The file is shaped like the users export; a sixth of its streets' and stores' names need quotes and
hold some (with `--kind`, few cells need any). The reference downloads the same link, and has DuckDB
(or PostgreSQL) load it, told the types. `--earlier` names the interpreter of an environment that
has an earlier build: it takes the same roads. Printed are the medians of the rounds, and of the
ratios in each.

The roads `idle` and `daily` are of six small tables that have been loaded: nothing is new, or each
window brings some rows again. The sandbox answers at once, in a process that is not measured.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import ClassVar

import duckdb

from spaaza_source.sandbox import Sandbox, SandboxSettings
from spaaza_source.sandbox.settings import CREDENTIALS
from spaaza_source.tabular import Column, open_csv
from tests.benchmarks.references import (
    COPY,
    COPY_MERGE,
    CREATE,
    CREATE_JSON,
    DELTA,
    MERGE,
    SIX_TABLES,
)
from tests.benchmarks.side_by_side import casts_of, say
from tests.benchmarks.users_csv import write_users_csv
from tests.benchmarks.users_json import write_users_json
from tests.destination.servers import Postgres, postgres_server
from tests.vendors.server import Answer, Seen
from tests.vendors.spaaza_files import FileVendor

POSTGRES_TYPES = {
    "text": "text",
    "bool": "boolean",
    "bigint": "bigint",
    "decimal": "numeric(38,9)",
    "date": "date",
    "timestamp": "timestamptz",
}
#: Files in which one row of so many has changed.
CHANGED = {"tenth": 10, "hundredth": 100}
#: Sandboxes with six tables, by what has come since the load before: how many days ago the last
#: row of a window came.
SANDBOXES = {"nothing": 30, "a window": 0}
LOAD = "from spaaza_source.cli import main; main()"
#: Runs a command, its output to where errors go, and tells what it takes.
MEASURE = """
import os, sys, time
began = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ,
                       file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)])
_, status, used = os.wait4(child, 0)
print(time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
sys.exit(bool(status))
"""


@dataclass(frozen=True)
class Figures:
    """What a process took: seconds, seconds of its processors, MiB at its peak."""

    wall: float
    cpu: float
    peak: float


@dataclass
class Bench:
    """The files, the vendor that serves one of them, and what roads begin with."""

    folder: Path
    rows: int
    quoted: bool
    vendor: FileVendor
    files: dict[str, Path] = field(default_factory=dict)
    columns: Sequence[Column] = ()
    postgres: Postgres | None = None
    sandboxes: dict[str, Sandbox] = field(default_factory=dict)
    loaded: dict[str, Place] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def prepare(self, wanted: Collection[str | None]) -> None:
        """Write the files; those in JSON only if they are wanted."""
        first = self.folder / "first.csv"
        write_users_csv(first, self.rows, quoted=self.quoted)
        self.columns = open_csv(first).columns
        self.files = {"first": first}
        for name, every in CHANGED.items():
            self.files[name] = self._changed(first, name, every)
        for name in {"json", "json-nested"}.intersection(wanted):
            self.files[name] = self.folder / f"{name}.json"
            write_users_json(self.files[name], first, self.columns, nested=name == "json-nested")

    def serve(self, name: str) -> None:
        if name in SANDBOXES:
            return
        self.vendor.files["users"] = self.files[name].read_bytes()

    def create_database(self, like: str | None) -> str:
        """A new database's name, in the server; a copy of another one."""
        assert self.postgres is not None
        name = f"bench_{next(self._numbers)}"
        template = f' TEMPLATE "{like}"' if like else ""
        self.postgres.execute(f'CREATE DATABASE "{name}"{template}')
        return name

    def _changed(self, first: Path, name: str, every: int) -> Path:
        """The same export, later: one row of so many has other points."""
        later = self.folder / f"{name}.csv"
        with duckdb.connect() as memory:
            memory.execute(
                f"""COPY (SELECT * REPLACE (CASE WHEN hash("ID") % {every} = 0
                THEN '77' || "Points Balance" ELSE "Points Balance" END AS "Points Balance")
                FROM read_csv('{first}', all_varchar = true)) TO '{later}' (HEADER)"""
            )
        return later


class Linked(FileVendor):
    """A vendor of which a link to the file is known without asking."""

    def _answer(self, seen: Seen) -> Answer:
        if seen.path == "/users.csv":
            return Answer(200, self.files["users"])
        return super()._answer(seen)


@dataclass(frozen=True)
class Place:
    """Where a road leads: a folder with the databases that are files, and one of PostgreSQL."""

    folder: Path
    database: str | None = None


@dataclass(frozen=True)
class Road:
    """One thing to do, by this package and by the reference.

    Attributes:
        about: What it is, for the table.
        file: What the vendor has; None where nothing is loaded.
        before: The file that was loaded before; None for a new database.
        reference: The program that does the same without this package.
        destination: dlt's name of where it leads.
        export_format: The format of the file.
    """

    about: str
    file: str | None
    before: str | None
    reference: str
    destination: str = "duckdb"
    export_format: str = "csv"

    ALL: ClassVar[dict[str, Road]]

    def run(self, bench: Bench, python: str | None) -> Figures:
        """What it takes by the interpreter of a build; by the reference for None."""
        folder = Path(tempfile.mkdtemp(dir=bench.folder))
        try:
            place = self.begin(bench, python, folder)
            if self.file is not None:
                bench.serve(self.file)
            return measure(*self.command(bench, place, python), folder)
        finally:
            shutil.rmtree(folder)

    def begin(self, bench: Bench, python: str | None, folder: Path) -> Place:
        """A place with what was loaded before, by the same program."""
        before = None
        if self.before is not None:
            before = _loaded(replace(self, file=self.before, before=None), bench, python)
            shutil.copytree(before.folder, folder, dirs_exist_ok=True)
        if self.destination != "postgres":
            return Place(folder)
        return Place(folder, bench.create_database(before.database if before else None))

    def command(
        self, bench: Bench, place: Place, python: str | None
    ) -> tuple[list[str], Mapping[str, str]]:
        """The command line, and its environment."""
        if self.file is None:
            program = self.reference if python is None else LOAD
            return [python or sys.executable, "-c", program, "--help"], {}
        if python is not None:
            return self._spaaza(bench, place, python)
        program = CREATE if self.reference == MERGE and self.before is None else self.reference
        program = COPY if program == COPY_MERGE and self.before is None else program
        link = f"{bench.vendor.base_url}/users.csv"
        database = str(place.folder / self._file)
        types = casts_of(bench.columns)
        if place.database is not None:
            assert bench.postgres is not None
            database = bench.postgres.url(place.database)
            types = ", ".join(
                f"{column.name} {POSTGRES_TYPES[column.type.data_type if column.type else 'text']}"
                for column in bench.columns
            )
        given = [link, str(place.folder / "users.csv"), database, types]
        return [sys.executable, "-c", program, *given], {"DLT_DATA_DIR": str(place.folder / "dlt")}

    @property
    def _file(self) -> str:
        return "lake" if self.destination == "filesystem" else "users.duckdb"

    def _spaaza(
        self, bench: Bench, place: Place, python: str
    ) -> tuple[list[str], Mapping[str, str]]:
        sandbox = bench.sandboxes.get(self.file or "")
        vendor = sandbox or bench.vendor
        given = {
            "BASE_URL": vendor.base_url,
            "CHAIN_ID": "1743",
            "CREDENTIALS__ACCESS_TOKEN_ID": CREDENTIALS["access_token_id"],
            "CREDENTIALS__ACCESS_TOKEN_SECRET": CREDENTIALS["access_token_secret"],
            "POLL_INTERVAL": "0.02",
            "START_MARGIN": "0",
            "STAGGER": "0",
            "MAX_AGE": "0",
        }
        environment = {f"SOURCES__SPAAZA__{name}": value for name, value in given.items()}
        environment["SOURCES__SPAAZA__EXPORT_FORMAT"] = self.export_format
        environment["DLT_DATA_DIR"] = str(place.folder / "dlt")
        environment["DESTINATION__FILESYSTEM__BUCKET_URL"] = str(place.folder / self._file)
        if place.database is not None and bench.postgres is not None:
            url = bench.postgres.url(place.database)
            environment["DESTINATION__POSTGRES__CREDENTIALS"] = url
        where = ["--destination", self.destination]
        if self.destination == "duckdb":
            where = ["--db", str(place.folder / self._file)]
        tables = [] if sandbox else ["users"]
        return [python, "-c", LOAD, "load", *tables, "--pipeline", "whole", *where], environment


Road.ALL = {
    "first": Road("first load, beside CREATE TABLE AS", "first", None, CREATE),
    "tenth": Road("a tenth changed, beside MERGE INTO", "tenth", "first", MERGE),
    "hundredth": Road("one in a hundred changed, beside MERGE INTO", "hundredth", "first", MERGE),
    "same": Road("the very same file, beside MERGE INTO", "first", "first", MERGE),
    "help": Road("--help, beside import dlt", None, None, "import dlt"),
    "postgres": Road("PostgreSQL, first load, beside COPY", "first", None, COPY, "postgres"),
    "postgres-tenth": Road(
        "PostgreSQL, a tenth changed, beside COPY and MERGE",
        "tenth",
        "first",
        COPY_MERGE,
        "postgres",
    ),
    "idle": Road("six tables, nothing new, beside six of dlt", "nothing", "nothing", SIX_TABLES),
    "daily": Road(
        "six tables, a window each, beside six of dlt", "a window", "a window", SIX_TABLES
    ),
    "delta": Road("Delta, first load, beside write_deltalake", "first", None, DELTA, "filesystem"),
    "json": Road(
        "JSON of flat records, first load, beside read_json",
        "json",
        None,
        CREATE_JSON,
        export_format="json",
    ),
    "json-nested": Road(
        "JSON with nested lists, first load, beside read_json",
        "json-nested",
        None,
        CREATE_JSON,
        export_format="json",
    ),
}


def _loaded(road: Road, bench: Bench, python: str | None) -> Place:
    """A place where a file has been loaded; made once."""
    name = f"loaded-{road.file}-{road.destination}-{(python or 'reference').replace(os.sep, '-')}"
    if name not in bench.loaded:
        folder = bench.folder / name
        folder.mkdir()
        place = bench.loaded[name] = road.begin(bench, python, folder)
        assert road.file is not None
        bench.serve(road.file)
        command, environment = road.command(bench, place, python)
        subprocess.run(
            command, env=os.environ | environment, cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
        (folder / "users.csv").unlink(missing_ok=True)
    return bench.loaded[name]


def measure(command: list[str], environment: Mapping[str, str], folder: Path) -> Figures:
    """What a process and those that it starts take."""
    with (folder / "output").open("w+") as output:
        # Of the peak, a process has inherited that of the one that has started it: a small one.
        told = subprocess.run(
            [sys.executable, "-S", "-c", MEASURE, *command],
            # As of an installed package, the compiled modules are kept.
            env=os.environ | environment | {"PYTHONDONTWRITEBYTECODE": ""},
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            check=False,
        )
        if told.returncode:
            output.seek(0)
            sys.exit(f"a process has failed:\n{output.read()}")
    return Figures(*map(float, told.stdout.split()))


def _compare(name: str, bench: Bench, builds: Mapping[str, str | None], rounds: int) -> None:
    road = Road.ALL[name]
    taken: dict[str, list[Figures]] = {build: [] for build in builds}
    for turn in range(rounds + 1):
        for build, python in builds.items():
            run = road.run(bench, python)
            if turn:  # the first one warms up
                taken[build].append(run)
    say(f"\n{road.about}")
    say(f"{'':12}{'seconds':>9}{'CPU s':>8}{'peak MiB':>10}{'ratio':>8}{'CPU ratio':>11}")
    reference = taken["reference"]
    for build, figures in taken.items():
        pairs = list(zip(figures, reference, strict=True))
        say(
            f"{build:12}{_median(figures, lambda run: run.wall):9.2f}"
            f"{_median(figures, lambda run: run.cpu):8.2f}"
            f"{_median(figures, lambda run: run.peak):10.0f}"
            f"{statistics.median(run.wall / other.wall for run, other in pairs):8.2f}"
            f"{statistics.median(run.cpu / other.cpu for run, other in pairs):11.2f}"
        )


def _sandbox(days: int) -> Sandbox:
    """One whose last row came so many days ago."""
    end = datetime.now(timezone.utc) - timedelta(days=days)
    return Sandbox(SandboxSettings(rows=100, data_end=end, history_days=3))


def _median(figures: list[Figures], which: Callable[[Figures], float]) -> float:
    return statistics.median(map(which, figures))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("roads", nargs="*", metavar="ROAD", help=", ".join(Road.ALL))
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kind", action="store_true", help="few cells need quotes")
    parser.add_argument("--earlier", metavar="PYTHON", help="of an earlier build")
    chosen = parser.parse_args()
    builds = {"reference": None, "this build": sys.executable}
    if chosen.earlier:
        builds["earlier"] = chosen.earlier
    names = chosen.roads or list(Road.ALL)
    with contextlib.ExitStack() as open_till_the_end:
        folder = open_till_the_end.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-"))
        vendor = open_till_the_end.enter_context(Linked())
        bench = Bench(Path(folder), chosen.rows, quoted=not chosen.kind, vendor=vendor)
        if any(Road.ALL[name].destination == "postgres" for name in names):
            bench.postgres = open_till_the_end.enter_context(postgres_server())
        bench.sandboxes = {
            name: open_till_the_end.enter_context(_sandbox(days))
            for name, days in SANDBOXES.items()
        }
        wanted = {file for name in names if (file := Road.ALL[name].file) not in (None, *SANDBOXES)}
        if wanted:
            bench.prepare(wanted)
            say(f"{chosen.rows:,} rows, {os.cpu_count()} processors")
        for name in sorted(set(bench.files) & wanted):
            say(f"the file {name}: {bench.files[name].stat().st_size / 1e6:,.0f} MB")
        for name in names:
            _compare(name, bench, builds, chosen.rounds)


if __name__ == "__main__":
    main()
