"""Runs ways of doing one thing in turns, each in a process of its own, and compares the best."""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from spaaza_source.tabular import Column, open_csv
from tests.benchmarks.users_csv import write_users_csv

#: Takes the CSV file and the SELECT list that gives DuckDB its types; what it returns is shown.
Way = Callable[[Path, str], dict[str, float] | None]
Run = dict[str, float]

DUCKDB_TYPES = {
    "text": "VARCHAR",
    "bool": "BOOLEAN",
    "bigint": "BIGINT",
    "decimal": "DECIMAL(38, 9)",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
}


def casts_of(columns: Iterable[Column]) -> str:
    """The SELECT list that gives DuckDB the types which the reader has found."""
    return ", ".join(
        f'CAST("{column.header}" AS {DUCKDB_TYPES[column.type.data_type]}) AS "{column.name}"'
        if column.type
        else f'"{column.header}" AS "{column.name}"'
        for column in columns
    )


def side_by_side(
    module: str, ways: dict[str, Way], explain: Callable[[dict[str, Run]], None], about: str
) -> None:
    """The command line of a benchmark; the first way is what the others are compared with."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--way", choices=ways, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.way:
        _measure_here(ways[chosen.way], chosen.file, sys.stdin.read())
    else:
        explain(_compare(module, ways, chosen.rows, chosen.repeat))


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _compare(module: str, ways: dict[str, Way], rows: int, repeat: int) -> dict[str, Run]:
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        path = Path(folder, "users.csv")
        write_users_csv(path, rows)
        megabytes = path.stat().st_size / 1e6
        casts = casts_of(open_csv(path).columns)
        runs = [{way: _measured(module, way, path, casts) for way in ways} for _ in range(repeat)]
    best = {way: min((run[way] for run in runs), key=lambda run: run["seconds"]) for way in ways}
    reference = next(iter(best.values()))["seconds"]
    say(f"{rows:,} rows, 68 columns, {megabytes:,.0f} MB, {os.cpu_count()} processors")
    say(f"{'':24}{'seconds':>9}{'rows/s':>12}{'MB/s':>8}{'ratio':>8}{'CPU s':>8}{'peak MiB':>10}")
    for way, run in best.items():
        say(
            f"{way:24}{run['seconds']:9.2f}{rows / run['seconds']:12,.0f}"
            f"{megabytes / run['seconds']:8.0f}{run['seconds'] / reference:8.2f}"
            f"{run['worked']:8.2f}{run['peak']:10.0f}"
        )
    return best


def _measured(module: str, way: str, path: Path, casts: str) -> Run:
    """Seconds, processor seconds and peak MiB of one way, in a new process."""
    answer = subprocess.run(
        [sys.executable, "-m", module, "--way", way, "--file", str(path)],
        input=casts,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: Run = json.loads(answer.stdout.splitlines()[-1])
    return found


def _measure_here(way: Way, path: Path, casts: str) -> None:
    began, worked = time.perf_counter(), time.process_time()
    parts = way(path, casts) or {}
    seconds, worked = time.perf_counter() - began, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    say(json.dumps({"seconds": seconds, "worked": worked, "peak": peak, **parts}))
