"""Reading JSON exports to the records that dlt would get, beside an earlier build.

    python -m tests.benchmarks.json_reader [--rows N] [--rounds N] [--earlier PYTHON]

Flat records shaped like the users export, and some with nested lists. Each reading is a process of
its own, in turns with that of `--earlier`, the interpreter of an environment that has an earlier
build. Printed are the medians of the rounds, without what it takes to import the package, and those
of this build's share of what each takes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from spaaza_source.tabular import open_csv
from tests.benchmarks.side_by_side import say
from tests.benchmarks.users_csv import write_users_csv
from tests.benchmarks.users_json import write_users_json

READ = """
import json, sys, time
from spaaza_source.tabular import open_json
wall, cpu = time.perf_counter(), time.process_time()
file = open_json(sys.argv[1])
opened = time.process_time() - cpu
rows = sum(map(len, file.records()))
print(json.dumps({
    "rows": rows, "open": opened, "cpu": time.process_time() - cpu,
    "wall": time.perf_counter() - wall,
}))
"""
Run = dict[str, float]


def _read(python: str, path: Path) -> Run:
    answer = subprocess.run(
        [python, "-c", READ, str(path)],
        cwd=path.parent,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: Run = json.loads(answer.stdout)
    return found


def _compare(path: Path, builds: dict[str, str], rounds: int) -> None:
    runs = [{build: _read(python, path) for build, python in builds.items()} for _ in range(rounds)]
    megabytes = path.stat().st_size / 1e6
    say(f"\n{path.stem}: {runs[0]['this build']['rows']:,.0f} rows, {megabytes:,.0f} MB")
    say(f"{'':12}{'seconds':>9}{'CPU s':>8}{'opening':>9}{'ratio':>8}{'CPU ratio':>11}")
    for build in builds:
        middle = {
            name: statistics.median(run[build][name] for run in runs)
            for name in ("wall", "cpu", "open")
        }
        ratios = [
            statistics.median(run["this build"][name] / run[build][name] for run in runs)
            for name in ("wall", "cpu")
        ]
        say(
            f"{build:12}{middle['wall']:9.2f}{middle['cpu']:8.2f}{middle['open']:9.2f}"
            f"{ratios[0]:8.2f}{ratios[1]:11.2f}"
        )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=110_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--earlier", metavar="PYTHON", help="of an earlier build")
    chosen = parser.parse_args()
    builds = {"this build": sys.executable}
    if chosen.earlier:
        builds["earlier"] = chosen.earlier
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        csv = Path(folder, "users.csv")
        write_users_csv(csv, chosen.rows, quoted=True)
        columns = open_csv(csv).columns
        for kind in ("flat", "nested"):
            path = Path(folder, f"{kind}.json")
            write_users_json(path, csv, columns, nested=kind == "nested")
            _compare(path, builds, chosen.rounds)


if __name__ == "__main__":
    main()
