"""How fast a CSV file is read, beside DuckDB's own reader on the same file and machine.

    python -m tests.benchmarks.reader [--rows N] [--repeat N]

Every way runs in a process of its own, in turns; the best of its runs counts. Both DuckDB and
`convert_csv` write typed Parquet; DuckDB is told the types, `convert_csv` finds them.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from spaaza_source.tabular import convert_csv, open_csv
from spaaza_source.tabular.csv_reader.scan import Scan
from spaaza_source.tabular.rejected import RejectedRows
from tests.benchmarks.side_by_side import Run, Way, say, side_by_side


def by_duckdb(path: Path, casts: str) -> None:
    target = path.with_suffix(".duckdb.parquet")
    duckdb.execute(
        f"COPY (SELECT {casts} FROM read_csv('{path}', all_varchar = true)) "
        f"TO '{target}' (FORMAT parquet)"
    )


def by_convert_csv(path: Path, _: str) -> None:
    convert_csv(path, path.with_suffix(".parquet"))


def structure_and_cells(path: Path, _: str) -> None:
    """Structure, widths, encoding, header, cells: on one processor."""
    with path.open("rb") as file:
        scan = Scan(file, RejectedRows(reject=True, max_rows=10, max_share=0.01))
        for piece in scan.pieces():
            scan.add(scan.judge(piece))
        scan.finish()


def one_pass(path: Path, _: str) -> None:
    open_csv(path)


def one_pass_and_tables(path: Path, _: str) -> None:
    """All that the dlt resources ask of the reader; dlt writes the tables itself."""
    for _table in open_csv(path).tables():
        pass


WAYS: dict[str, Way] = {
    "DuckDB COPY": by_duckdb,
    "convert_csv": by_convert_csv,
    "structure, cells": structure_and_cells,
    "one pass": one_pass,
    "one pass, tables": one_pass_and_tables,
}


def where_the_time_goes(best: dict[str, Run]) -> None:
    say("\nWhere the processor time of convert_csv goes:")
    stages = ["structure, cells", "one pass", "one pass, tables", "convert_csv"]
    names = ["structure and cells", "types and values", "tables", "writing Parquet"]
    before = 0.0
    for stage, name in zip(stages, names, strict=True):
        seconds = best[stage]["worked"]
        say(f"  {name:20}{seconds - before:6.2f} s")
        before = seconds


if __name__ == "__main__":
    side_by_side("tests.benchmarks.reader", WAYS, where_the_time_goes, __doc__ or "")
