"""What quotes cost: the same users' file with few of them, with one around each cell, and more.

    python -m tests.benchmarks.quotes [--rows N] [--rounds N]

Each file is read to typed tables, and converted to Parquet, in processes of their own, in turns.
Printed are medians, and medians of the ratios to the file of few quotes in each round. DuckDB's
`COPY` of the file in which a sixth of the streets and stores hold quotes is beside `convert_csv`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import duckdb

from spaaza_source.tabular import open_csv
from tests.benchmarks.measure import Figures, measure
from tests.benchmarks.side_by_side import casts_of, say
from tests.benchmarks.users_csv import write_users_csv

#: Texts that all cells of a tenth of the columns end with.
HOLDING = {
    "First name": ' "x"',
    "Last name": ", y",
    "Town/City": "\\nz",
    "Street Name": ' "x", "y"',
    "Home Store Name": ",",
    "Phone Number": "\\r\\n",
    "User Referral Code": '""',
}
TABLES = """
import sys
from pathlib import Path
from spaaza_source.tabular import open_csv
for table in open_csv(Path(sys.argv[1])).tables():
    pass
"""
PARQUET = """
import sys
from pathlib import Path
from spaaza_source.tabular import convert_csv
convert_csv(Path(sys.argv[1]), Path(sys.argv[1]).with_suffix(".parquet"))
"""
DUCKDB = """
import sys, duckdb
duckdb.execute(f"COPY (SELECT {sys.argv[2]} FROM read_csv('{sys.argv[1]}', all_varchar = true)) TO"
               f" '{sys.argv[1]}.parquet' (FORMAT parquet)")
"""


def write_files(folder: Path, rows: int) -> dict[str, Path]:
    """The files by what is quoted in them; the one with few quotes first."""
    names = ("few", "a sixth of streets and stores", "all cells", "a tenth holds quotes and more")
    few, some, every, tenth = (folder / f"{number}.csv" for number in range(len(names)))
    write_users_csv(few, rows)
    write_users_csv(some, rows, quoted=True)
    held = ", ".join(f'"{name}" || e\'{more}\' AS "{name}"' for name, more in HOLDING.items())
    read = f"read_csv('{few}', all_varchar = true)"
    with duckdb.connect() as memory:
        memory.execute(f"COPY (FROM {read}) TO '{every}' (HEADER, FORCE_QUOTE *)")
        memory.execute(f"COPY (SELECT * REPLACE ({held}) FROM {read}) TO '{tenth}' (HEADER)")
    return dict(zip(names, (few, some, every, tenth), strict=True))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        files = write_files(folder, chosen.rows)
        some = list(files.values())[1]
        roads = {
            (about, what): [str(path)]
            for what in ("tables", "Parquet")
            for about, path in files.items()
        }
        roads["DuckDB", "Parquet"] = [str(some), casts_of(open_csv(some).columns)]
        taken: dict[tuple[str, str], list[Figures]] = {road: [] for road in roads}
        for _ in range(chosen.rounds):
            for road, given in roads.items():
                program = {"tables": TABLES, "Parquet": PARQUET}[road[1]]
                program = DUCKDB if road[0] == "DuckDB" else program
                taken[road].append(measure([sys.executable, "-c", program, *given], {}, folder))
    _show(taken, chosen.rows)


def _show(taken: dict[tuple[str, str], list[Figures]], rows: int) -> None:
    say(f"{rows:,} rows; whole processes")
    say(f"{'':10}{'':32}{'seconds':>9}{'CPU s':>8}{'ratio':>8}{'CPU ratio':>11}")
    for (about, what), runs in taken.items():
        few = taken["few", what]
        pairs = list(zip(runs, few, strict=True))
        say(
            f"{what:10}{about:32}"
            f"{statistics.median(run.wall for run in runs):9.2f}"
            f"{statistics.median(run.cpu for run in runs):8.2f}"
            f"{statistics.median(run.wall / other.wall for run, other in pairs):8.2f}"
            f"{statistics.median(run.cpu / other.cpu for run, other in pairs):11.2f}"
        )


if __name__ == "__main__":
    main()
