"""Times the notebooks as apps: from `marimo run` to the first chart that a browser has drawn.

    python -m tests.benchmarks.notebooks

Each round has a new server and a new browser, which has cached nothing; the browser is started
beforehand. The bound is for a machine with two cores and nothing else to do.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.notebooks import apps

NAMES = ("first_look", "loyalty")


def main() -> int:
    """Print the seconds of each round; exit with 1 if no round was within the bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000, help="rows of each table of the demo")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bound", type=float, default=5.0, help="seconds for the first chart")
    parser.add_argument("--db", type=Path, help="another database than the demo")
    given = parser.parse_args()
    if apps.browser() is None:
        sys.stdout.write("Neither Chromium with its driver, nor Chrome with it, is here.\n")
        return 1
    late = False
    with tempfile.TemporaryDirectory() as folder:
        database = given.db or Path(folder) / "demo.duckdb"
        if given.db is None:
            demo = [sys.executable, "-m", "spaaza_source.cli", "demo", "--db", str(database)]
            subprocess.run([*demo, "--rows", str(given.rows)], check=True, capture_output=True)
        for name in NAMES:
            rounds = [_round(name, database, Path(folder)) for _ in range(given.rounds)]
            told = ", ".join(f"{seconds:.2f}" for seconds in rounds)
            best = min(rounds)
            sys.stdout.write(f"{name}: first chart after {told} s; the best is {best:.2f} s\n")
            late = late or best > given.bound
    return int(late)


def _round(name: str, database: Path, folder: Path) -> float:
    """Seconds to the first chart."""
    with apps.chromium(watched=False) as driver:
        driver.get("about:blank")
        started = time.perf_counter()
        with apps.served(name, database.absolute(), folder) as address:
            driver.get(address)
            apps.until(lambda: apps.charts(driver), "the first chart")
            return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
