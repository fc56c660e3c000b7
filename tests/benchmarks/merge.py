"""A snapshot of which a tenth has changed, merged into a table that holds it, beside DuckDB alone.

    python -m tests.benchmarks.merge [--rows N] [--repeat N]

Both find the table loaded, in a database of their own, and are timed from the CSV file on disk to
the closed database. DuckDB is told types and key; the pipeline finds the types, proves the key,
checks everything, counts what would be deleted, and writes its ledger and state.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dlt
import duckdb

from spaaza_source.warehouse import duckdb_file
from spaaza_source.writing.write_disposition import REPLACE
from tests.benchmarks.pipeline import arrived_users
from tests.benchmarks.side_by_side import Run, Way, say, side_by_side

#: The column that a tenth of the rows has changed.
CHANGED = "Points Balance"


def changed(path: Path) -> Path:
    """The same export, later."""
    later = path.with_suffix(".later.csv")
    if not later.exists():
        with duckdb.connect() as memory:
            memory.execute(
                f"""COPY (SELECT * REPLACE (CASE WHEN hash("ID") % 10 = 0
                THEN '77' || "{CHANGED}" ELSE "{CHANGED}" END AS "{CHANGED}")
                FROM read_csv('{path}', all_varchar = true)) TO '{later}' (HEADER)"""
            )
    return later


def by_duckdb(path: Path, casts: str) -> Run:
    later = changed(path)
    with emptied(path) as folder:
        database = folder / "reference.duckdb"
        elsewhere(
            "import duckdb, sys; duckdb.connect(sys.argv[1]).execute(sys.argv[2])",
            str(database),
            "SET preserve_insertion_order = false; CREATE TABLE users AS"
            f" SELECT {casts} FROM read_csv('{path}', all_varchar = true)",
        )
        began, worked = time.perf_counter(), time.process_time()
        with duckdb.connect(str(database)) as connection:
            connection.execute(
                f"""MERGE INTO users USING (
                SELECT {casts} FROM read_csv('{later}', all_varchar = true)) AS later
                ON users.id = later.id
                WHEN MATCHED THEN UPDATE WHEN NOT MATCHED THEN INSERT"""
            )
        return spent(began, worked)


def by_pipeline(path: Path, _: str) -> Run:
    later = changed(path)
    with emptied(path) as folder:
        elsewhere(
            "import sys; from pathlib import Path;"
            " from tests.benchmarks.merge import load; load(*map(Path, sys.argv[1:]))",
            str(folder),
            str(path),
        )
        began, worked = time.perf_counter(), time.process_time()
        load(folder, later)
        found = spent(began, worked)
        with duckdb.connect(str(folder / "pipeline.duckdb")) as database:
            sql = "SELECT count(*) FROM loyalty.users WHERE points_balance::VARCHAR LIKE '77%'"
            ((count,),) = database.execute(sql).fetchall()
        if not count:
            sys.exit("nothing was merged")
        return found


def load(folder: Path, path: Path) -> None:
    pipeline = dlt.pipeline(
        "benchmark",
        pipelines_dir=str(folder),
        destination=duckdb_file(folder / "pipeline.duckdb"),
        dataset_name="loyalty",
    )
    pipeline.run(dlt.resource(arrived_users, name="users", write_disposition=REPLACE)(path))


@contextmanager
def emptied(path: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir=path.parent))
    yield folder
    shutil.rmtree(folder)


def elsewhere(script: str, *arguments: str) -> None:
    """In a process of its own: its memory and time are no part of what is measured."""
    subprocess.run([sys.executable, "-c", script, *arguments], check=True)


def spent(began: float, worked: float) -> Run:
    return {
        "seconds": time.perf_counter() - began,
        "worked": time.process_time() - worked,
    }


WAYS: dict[str, Way] = {"DuckDB MERGE INTO": by_duckdb, "dlt pipeline": by_pipeline}


if __name__ == "__main__":
    side_by_side("tests.benchmarks.merge", WAYS, lambda _best: say(""), __doc__ or "")
