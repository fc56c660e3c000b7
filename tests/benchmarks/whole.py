"""Whole processes, from the vendor's link to the closed database, each in turn with its reference.

    python -m tests.benchmarks.whole [--rows N] [--rounds N] [--kind] [--link MB]
                                   [--earlier PYTHON] [ROAD ...]

The file is shaped like the users export; a sixth of its streets' and stores' names need quotes and
hold some (with `--kind`, few cells need any). The reference downloads the same link, and has DuckDB
(or PostgreSQL) load it, told the types. `--earlier` names the interpreter of an environment that
has an earlier build: it takes the same roads. Printed are the medians of the rounds, and of the
ratios in each.

The road `increment` has ten times the rows, of few columns, and a hundredth of them new.
The roads `idle` and `daily` are of six small tables that have been loaded: nothing is new, or each
window brings some rows again. The sandbox answers at once, in a process that is not measured.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.benchmarks.bench import SANDBOXES, Bench, Linked, make_sandbox
from tests.benchmarks.measure import Figures
from tests.benchmarks.roads import Road
from tests.benchmarks.side_by_side import say
from tests.destination.servers import postgres_server


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


def _median(figures: list[Figures], which: Callable[[Figures], float]) -> float:
    return statistics.median(map(which, figures))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("roads", nargs="*", metavar="ROAD", help=", ".join(Road.ALL))
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kind", action="store_true", help="few cells need quotes")
    parser.add_argument("--link", type=float, metavar="MB", help="that a link brings a second")
    parser.add_argument("--earlier", metavar="PYTHON", help="of an earlier build")
    chosen = parser.parse_args()
    builds = {"reference": None, "this build": sys.executable}
    if chosen.earlier:
        builds["earlier"] = chosen.earlier
    names = chosen.roads or list(Road.ALL)
    with contextlib.ExitStack() as open_till_the_end:
        folder = open_till_the_end.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-"))
        vendor = open_till_the_end.enter_context(Linked(chosen.link and chosen.link * 1e6))
        bench = Bench(Path(folder), chosen.rows, quoted=not chosen.kind, vendor=vendor)
        if {Road.ALL[name].destination for name in names} & {"postgres", "ducklake"}:
            bench.postgres = open_till_the_end.enter_context(postgres_server())
        bench.sandboxes = {
            name: open_till_the_end.enter_context(make_sandbox(days))
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
