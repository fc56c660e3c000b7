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
from tests.benchmarks.side_by_side import Run, Way, say, side_by_side


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


WAYS: dict[str, Way] = {
    "DuckDB COPY": by_duckdb,
    "convert_csv": by_convert_csv,
    "checks": checks_alone,
    "checks, types": checks_and_types,
    "checks, types, tables": checks_types_and_tables,
}


def where_the_time_goes(best: dict[str, Run]) -> None:
    say("\nWhere the time of convert_csv goes:")
    stages = ["checks", "checks, types", "checks, types, tables", "convert_csv"]
    names = ["checks", "types", "values", "writing Parquet"]
    before = 0.0
    for stage, name in zip(stages, names, strict=True):
        seconds = best[stage]["seconds"]
        say(f"  {name:20}{seconds - before:6.2f} s")
        before = seconds


if __name__ == "__main__":
    side_by_side("tests.benchmarks.reader", WAYS, where_the_time_goes, __doc__ or "")
