"""Times the notebooks as apps: to the first chart, from the command and from the page's opening.

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
from statistics import median

from tests.notebooks import apps

NAMES = ("first_look", "loyalty")


def main() -> int:
    """Print the seconds of each round; exit with 1 if the median is beyond the bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000, help="rows of each table of the demo")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bound", type=float, default=5.0, help="seconds from the command")
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
            for since, seconds in zip(
                ("command", "opening"), zip(*rounds, strict=True), strict=True
            ):
                told = ", ".join(f"{each:.2f}" for each in seconds)
                sys.stdout.write(f"{name}: first chart {told} s after {since};")
                sys.stdout.write(f" the median is {median(seconds):.2f} s\n")
            late = late or median(started for started, _ in rounds) > given.bound
    return int(late)


def _round(name: str, database: Path, folder: Path) -> tuple[float, float]:
    """Seconds to the first chart: since the command was given, and since the page was opened."""
    with apps.chromium(watched=False) as driver:
        driver.get("about:blank")
        started = time.perf_counter()
        with apps.served(name, database.absolute(), folder) as address:
            opened = time.perf_counter()
            driver.get(address)
            apps.until(lambda: apps.charts(driver), "the first chart")
            drawn = time.perf_counter()
            return drawn - started, drawn - opened


if __name__ == "__main__":
    sys.exit(main())
