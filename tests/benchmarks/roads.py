"""The roads that `whole` compares: what is loaded, where to, and by which command lines."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from spaaza_source.sandbox.settings import CREDENTIALS
from tests.benchmarks.bench import TRANSACTIONS, Bench, Place, table_of
from tests.benchmarks.measure import Figures, measure
from tests.benchmarks.references import (
    COPY,
    COPY_MERGE,
    CREATE,
    CREATE_JSON,
    DELTA,
    FIRST,
    INCREMENT,
    LAKE,
    MERGE,
    SIX_TABLES,
)
from tests.benchmarks.side_by_side import casts_of

POSTGRES_TYPES = {
    "text": "text",
    "bool": "boolean",
    "bigint": "bigint",
    "decimal": "numeric(38,9)",
    "date": "date",
    "timestamp": "timestamptz",
}
LOAD = "from spaaza_source.cli import main; main()"


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
        return bench.create_place(folder, self.destination, before)

    def command(
        self, bench: Bench, place: Place, python: str | None
    ) -> tuple[list[str], Mapping[str, str]]:
        """The command line, and its environment."""
        if self.file is None:
            program = self.reference if python is None else LOAD
            return [python or sys.executable, "-c", program, "--help"], {}
        if python is not None:
            return self._spaaza(bench, place, python)
        assert self.file is not None
        program = (
            FIRST.get(self.reference, self.reference) if self.before is None else self.reference
        )
        database = str(place.folder / self._file)
        columns = bench.columns.get(table_of(self.file), ())
        types = casts_of(columns)
        if place.database is not None:
            assert bench.postgres is not None
            database = bench.postgres.url(place.database)
        if self.destination == "postgres":
            types = ", ".join(
                f"{column.name} {POSTGRES_TYPES[column.type.data_type if column.type else 'text']}"
                for column in columns
            )
        link = f"{bench.vendor.base_url}/file.csv"
        given = [link, str(place.folder / "file.csv"), database, types]
        environment = {"DLT_DATA_DIR": str(place.folder / "dlt"), **place.lake}
        return [sys.executable, "-c", program, *given], environment

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
            environment |= {"DESTINATION__POSTGRES__CREDENTIALS": url, **place.lake}
        where = ["--destination", self.destination]
        if self.destination == "duckdb":
            where = ["--db", str(place.folder / self._file)]
        what = []
        if self.file is not None and not sandbox:
            what.append(table_of(self.file))
        if self.file in TRANSACTIONS:
            _, begin, end = TRANSACTIONS[self.file]
            what += ["--start-date", begin, "--end-date", end]
        return [python, "-c", LOAD, "load", *what, "--pipeline", "whole", *where], environment


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
    "ducklake": Road("DuckLake, first load, beside INSERT", "first", None, LAKE, "ducklake"),
    "increment": Road(
        "a day of a hundredth into ten times the rows, beside DELETE and INSERT",
        "day",
        "history",
        INCREMENT,
    ),
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
        (folder / "file.csv").unlink(missing_ok=True)
    return bench.loaded[name]
