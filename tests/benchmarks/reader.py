"""How fast a CSV file is read, beside DuckDB's own reader on the same file and machine.

    python -m tests.benchmarks.reader [--rows N] [--repeat N]

Every way runs in a process of its own, in turns; the best of its runs counts. Both DuckDB and
`convert_csv` write typed Parquet; DuckDB is told the types, `convert_csv` finds them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from spaaza_source.tabular import convert_csv, open_csv
from spaaza_source.tabular.scan import Scan
from tests.benchmarks.users_csv import write_users_csv

DUCKDB_TYPES = {
    "text": "VARCHAR",
    "bool": "BOOLEAN",
    "bigint": "BIGINT",
    "decimal": "DECIMAL(38, 9)",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
}


def by_duckdb(path: Path, casts: str) -> None:
    target = path.with_suffix(".duckdb.parquet")
    duckdb.execute(
        f"COPY (SELECT {casts} FROM read_csv('{path}', all_varchar = true)) "
        f"TO '{target}' (FORMAT parquet)"
    )


def by_convert_csv(path: Path, _: str) -> None:
    convert_csv(path, path.with_suffix(".parquet"))


def checks_alone(path: Path, _: str) -> None:
    """Structure, widths, encoding, header: what the reader adds to any parser."""
    with path.open("rb") as file:
        for _chunk in Scan(file, reject=True, max_rejected_share=0.01).chunks():
            pass


def checks_and_types(path: Path, _: str) -> None:
    open_csv(path)


def checks_types_and_tables(path: Path, _: str) -> None:
    """All that the dlt resources ask of the reader; dlt writes the tables itself."""
    for _table in open_csv(path).tables():
        pass


WAYS: dict[str, Callable[[Path, str], None]] = {
    "DuckDB COPY": by_duckdb,
    "convert_csv": by_convert_csv,
    "checks": checks_alone,
    "checks, types": checks_and_types,
    "checks, types, tables": checks_types_and_tables,
}


def casts_of(path: Path) -> str:
    """The SELECT list that gives DuckDB the types which the reader finds."""
    return ", ".join(
        f'CAST("{column.header}" AS {DUCKDB_TYPES[column.type.data_type]}) AS "{column.name}"'
        if column.type
        else f'"{column.header}" AS "{column.name}"'
        for column in open_csv(path).columns
    )


def measured(way: str, path: Path, casts: str) -> dict[str, float]:
    """Seconds, processor seconds and peak MiB of one way, in a new process."""
    answer = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.reader", "--way", way, "--file", str(path)],
        input=casts,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(answer.stdout)
    return found


def measure_here(way: str, path: Path, casts: str) -> None:
    began, worked = time.perf_counter(), time.process_time()
    WAYS[way](path, casts)
    seconds, worked = time.perf_counter() - began, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    json.dump({"seconds": seconds, "worked": worked, "peak": peak}, sys.stdout)


def compare(rows: int, repeat: int) -> None:
    with tempfile.TemporaryDirectory(prefix="reader-benchmark-") as folder:
        path = Path(folder, "users.csv")
        write_users_csv(path, rows)
        megabytes = path.stat().st_size / 1e6
        casts = casts_of(path)
        runs = [{way: measured(way, path, casts) for way in WAYS} for _ in range(repeat)]
    best = {way: min((run[way] for run in runs), key=lambda run: run["seconds"]) for way in WAYS}
    duckdb_seconds = best["DuckDB COPY"]["seconds"]
    say(f"{rows:,} rows, 68 columns, {megabytes:,.0f} MB, {os.cpu_count()} processors")
    say(f"{'':24}{'seconds':>9}{'rows/s':>12}{'MB/s':>8}{'ratio':>8}{'CPU s':>8}{'peak MiB':>10}")
    for way, run in best.items():
        say(
            f"{way:24}{run['seconds']:9.2f}{rows / run['seconds']:12,.0f}"
            f"{megabytes / run['seconds']:8.0f}{run['seconds'] / duckdb_seconds:8.2f}"
            f"{run['worked']:8.2f}{run['peak']:10.0f}"
        )
    say("\nWhere the time of convert_csv goes:")
    stages = ["checks", "checks, types", "checks, types, tables", "convert_csv"]
    names = ["checks", "types", "values", "writing Parquet"]
    before = 0.0
    for stage, name in zip(stages, names, strict=True):
        seconds = best[stage]["seconds"]
        say(f"  {name:20}{seconds - before:6.2f} s")
        before = seconds


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.way:
        measure_here(chosen.way, chosen.file, sys.stdin.read())
    else:
        compare(chosen.rows, chosen.repeat)


if __name__ == "__main__":
    main()
