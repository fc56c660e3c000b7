"""A day's rows into a table of years: how long a load takes that goes on from the last one.

    python -m tests.benchmarks.increment [--rows N] [--day N] [--repeat N]

The table lies in a DuckDB file. Timed is the whole dlt pipeline from where the CSV file of the day
has arrived, beside what DuckDB alone takes to delete that day's range and insert the file.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dlt
import duckdb

from spaaza_source.exports.jobs import Job, JobState
from spaaza_source.exports.request import ExportRequest
from spaaza_source.exports.table_exports import Export, Phase, TableExports
from spaaza_source.exports.table_sync import SyncPolicy, TableSync
from spaaza_source.loading.checkpoint import Cursor
from spaaza_source.loading.extract import load_files
from spaaza_source.loading.scope import resolve_scope
from spaaza_source.loading.table_load import TableLoad
from spaaza_source.reading.reader import ReadSettings
from spaaza_source.tabular.privacy import Policy
from spaaza_source.transport.download import FetchedFile
from spaaza_source.warehouse import duckdb_file
from spaaza_source.windows import Window
from spaaza_source.writing.table_write import WriteSettings
from spaaza_source.writing.write_disposition import REPLACE, Disposition
from tests.benchmarks.side_by_side import say

END = datetime(2026, 5, 26, tzinfo=timezone.utc)
YEARS = timedelta(days=3 * 365)
DAY = timedelta(days=1)
TABLE = "transactions"


def write(path: Path, rows: int, window: Window, first: int) -> Path:
    """So many baskets, evenly spread over a window."""
    length = window.length.total_seconds()
    with duckdb.connect() as memory:
        memory.execute(
            f"""COPY (SELECT {first} + i AS id, strftime(TIMESTAMP '{window.begin:%Y-%m-%d}'
            + to_microseconds((i * {length * 1e6 / rows})::BIGINT), '%Y-%m-%dT%H:%M:%S.%fZ')
            AS timestamp, '0000' || hash(i) AS retailer_basket_code, 'in_store' AS type,
            (hash(i) % 100000) / 100 AS total_value, hash(i) % 1000000 AS user_id,
            md5(i::VARCHAR) AS receipt FROM range({rows}) t(i)) TO '{path}' (HEADER)"""
        )
    return path


def load(folder: Path, path: Path, reach: Window | None) -> float:
    """Load a file, of all rows or of a window; seconds."""
    pipeline = dlt.pipeline(
        "increment",
        pipelines_dir=str(folder / "pipelines"),
        destination=duckdb_file(folder / "increment.duckdb"),
        dataset_name="loyalty",
    )
    began = time.perf_counter()
    pipeline.run(dlt.resource(_rows, name=TABLE, write_disposition=REPLACE)(path, reach))
    return time.perf_counter() - began


def by_duckdb(folder: Path, path: Path, day: Window) -> float:
    """The same by DuckDB alone, in a copy of the file."""
    copy = folder / "copy.duckdb"
    shutil.copy(folder / "increment.duckdb", copy)
    began = time.perf_counter()
    with duckdb.connect(str(copy)) as database:
        database.execute(
            f"""BEGIN; DELETE FROM loyalty.{TABLE} WHERE timestamp >= '{day.begin}'
            AND timestamp < '{day.end}'; INSERT INTO loyalty.{TABLE} BY NAME
            SELECT * FROM read_csv('{path}', types = {{'retailer_basket_code': 'VARCHAR'}});
            COMMIT"""
        )
    seconds = time.perf_counter() - began
    copy.unlink()
    return seconds


def _rows(path: Path, reach: Window | None) -> Iterator[Any]:
    size = path.stat().st_size
    export = Export(
        ExportRequest(TABLE, TABLE, "1743", window=reach),
        Job(path.stem, JobState.DONE, "DONE", END),
        END,
        phase=Phase.ARRIVED,
        arrived=FetchedFile(path, size, size, "", end_verified=True),
    )
    wanted = TableSync(TABLE, lambda _: export.request, SyncPolicy())
    load = TableLoad(
        wanted, ReadSettings(), Policy(), "timestamp", WriteSettings(Disposition(REPLACE))
    )
    scope = resolve_scope(load, Cursor(TABLE))
    exports = TableExports(wanted, covered=reach, exports=[export])
    yield from load_files(load, exports, load.reader(), scope)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--day", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    history, day = Window(END - YEARS, END), Window(END - DAY, END + DAY)
    with tempfile.TemporaryDirectory(prefix="increment-") as name:
        folder = Path(name)
        load(folder, write(folder / "history.csv", given.rows, history, 0), None)
        file = write(folder / "day.csv", given.day, day, given.rows)
        alone = min(by_duckdb(folder, file, day) for _ in range(given.repeat))
        ours = min(load(folder, file, day) for _ in range(given.repeat))
    say(f"{given.day:,} rows into {given.rows:,}: {ours:.2f} s; DuckDB alone {alone:.2f} s")


if __name__ == "__main__":
    main()
