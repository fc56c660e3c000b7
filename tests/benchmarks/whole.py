"""Whole processes, from the vendor's link to the closed database, each in turn with its reference.

    python -m tests.benchmarks.whole [--rows N] [--rounds N] [--kind] [--earlier PYTHON] [ROAD ...]

The file is shaped like the users export; a sixth of its streets' and stores' names need quotes and
hold some (with `--kind`, few cells need any). The reference downloads the same link, and has DuckDB
(or PostgreSQL) load it, told the types. `--earlier` names the interpreter of an environment that
has an earlier build: it takes the same roads. Printed are the medians of the rounds, and of the
ratios in each.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import duckdb

from tests.benchmarks.side_by_side import casts_of, say
from tests.benchmarks.users_csv import write_users_csv
from tests.vendors.server import Answer, Seen
from tests.vendors.spaaza_files import FileVendor

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
#: Reads the link into a file, as a script would.
DOWNLOAD = """
import sys, duckdb, requests
link, csv, database, casts = sys.argv[1:5]
with requests.get(link, stream=True) as answer, open(csv, "wb") as file:
    for part in answer.iter_content(2**20):
        file.write(part)
rows = f"(SELECT {casts} FROM read_csv('{csv}', all_varchar = true))"
"""
CREATE = (
    DOWNLOAD
    + """
with duckdb.connect(database) as connection:
    connection.execute("SET preserve_insertion_order = false")
    connection.execute(f"CREATE TABLE users AS FROM {rows}")
"""
)
MERGE = (
    DOWNLOAD
    + """
with duckdb.connect(database) as connection:
    connection.execute(
        f"MERGE INTO users USING {rows} AS later ON users.id = later.id"
        " WHEN MATCHED THEN UPDATE WHEN NOT MATCHED THEN INSERT"
    )
"""
)


@dataclass(frozen=True)
class Figures:
    """What a process took: seconds, seconds of its processors, MiB at its peak."""

    wall: float
    cpu: float
    peak: float


@dataclass
class Bench:
    """The files, the vendor that serves one of them, and the databases that roads start from."""

    folder: Path
    rows: int
    quoted: bool
    files: dict[str, Path] = field(default_factory=dict)
    vendor: FileVendor = field(default_factory=FileVendor)
    casts: str = ""

    def prepare(self) -> None:
        first = self.folder / "first.csv"
        write_users_csv(first, self.rows, quoted=self.quoted)
        self.casts = casts_of(first)
        self.files = {"first": first}
        for name, every in (("tenth", 10), ("hundredth", 100)):
            self.files[name] = self._changed(first, name, every)

    def serve(self, name: str) -> None:
        self.vendor.files["users"] = self.files[name].read_bytes()

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
class Road:
    """One thing to do, by this package and by the reference.

    Attributes:
        about: What it is, for the table.
        file: What the vendor has; None where nothing is loaded.
        before: The file that both databases have before; None for new ones.
        reference: The program that does the same without this package.
        arguments: Those of the `spaaza` command.
    """

    about: str
    file: str | None
    before: str | None
    reference: str
    arguments: tuple[str, ...] = ("load", "users")

    ALL: ClassVar[dict[str, Road]]

    def run(self, bench: Bench, python: str | None) -> Figures:
        """What it takes by the interpreter of a build; by the reference for None."""
        folder = Path(tempfile.mkdtemp(dir=bench.folder))
        try:
            if self.before is not None:
                shutil.copytree(_loaded(bench, self.before, python), folder, dirs_exist_ok=True)
            if self.file is not None:
                bench.serve(self.file)
            return _measured(*self._command(bench, folder, python), folder)
        finally:
            shutil.rmtree(folder)

    def _command(
        self, bench: Bench, folder: Path, python: str | None
    ) -> tuple[list[str], Mapping[str, str]]:
        if python is None:
            link = f"{bench.vendor.base_url}/users.csv"
            given = [link, str(folder / "users.csv"), str(folder / "users.duckdb"), bench.casts]
            return [sys.executable, "-c", self.reference, *given], {}
        return _spaaza(bench, folder, python, self.arguments)


Road.ALL = {
    "first": Road("first load, beside CREATE TABLE AS", "first", None, CREATE),
    "tenth": Road("a tenth changed, beside MERGE INTO", "tenth", "first", MERGE),
    "hundredth": Road("one in a hundred changed, beside MERGE INTO", "hundredth", "first", MERGE),
    "same": Road("the very same file, beside MERGE INTO", "first", "first", MERGE),
    "help": Road("--help, beside import dlt", None, None, "import dlt", ("--help",)),
}


def _loaded(bench: Bench, name: str, python: str | None) -> Path:
    """A folder in which that file has been loaded, by the same program; made once."""
    folder = bench.folder / f"loaded-{name}-{(python or 'reference').replace(os.sep, '-')}"
    if not folder.exists():
        folder.mkdir()
        bench.serve(name)
        road = Road("", name, None, CREATE)
        command, environment = road._command(bench, folder, python)
        subprocess.run(
            command, env=os.environ | environment, cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
        (folder / "users.csv").unlink(missing_ok=True)
    return folder


def _spaaza(
    bench: Bench, folder: Path, python: str, arguments: tuple[str, ...]
) -> tuple[list[str], Mapping[str, str]]:
    given = {
        "BASE_URL": bench.vendor.base_url,
        "CHAIN_ID": "1743",
        "CREDENTIALS__ACCESS_TOKEN_ID": "a",
        "CREDENTIALS__ACCESS_TOKEN_SECRET": "b",
        "POLL_INTERVAL": "0.02",
        "START_MARGIN": "0",
        "STAGGER": "0",
        "MAX_AGE": "0",
    }
    environment = {f"SOURCES__SPAAZA__{name}": value for name, value in given.items()}
    environment["DLT_DATA_DIR"] = str(folder / "dlt")
    database = () if arguments == ("--help",) else ("--db", str(folder / "users.duckdb"))
    return [python, "-c", LOAD, *arguments, *database], environment


def _measured(command: list[str], environment: Mapping[str, str], folder: Path) -> Figures:
    """What a process and those that it starts take."""
    with (folder / "output").open("w+") as output:
        # Of the peak, a process has inherited that of the one that has started it: a small one.
        told = subprocess.run(
            [sys.executable, "-S", "-c", MEASURE, *command],
            env=os.environ | environment,
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
    for _ in range(rounds):
        for build, python in builds.items():
            taken[build].append(road.run(bench, python))
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
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, Linked() as vendor:
        bench = Bench(Path(folder), chosen.rows, quoted=not chosen.kind, vendor=vendor)
        bench.prepare()
        size = bench.files["first"].stat().st_size / 1e6
        say(f"{chosen.rows:,} rows, 68 columns, {size:,.0f} MB, {os.cpu_count()} processors")
        for name in chosen.roads or Road.ALL:
            _compare(name, bench, builds, chosen.rounds)


if __name__ == "__main__":
    main()
