"""A DuckDB file to load into, and short ways to read it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlt
import duckdb


def pipeline_into(folder: Path, name: str = "spaaza") -> dlt.Pipeline:
    return dlt.pipeline(
        name,
        pipelines_dir=str(folder / "pipelines"),
        destination=dlt.destinations.duckdb(str(folder / "warehouse.duckdb")),
        dataset_name="loyalty",
    )


def query(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute("SET search_path = 'loyalty'; SET TimeZone = 'UTC'")
        return connection.execute(sql).fetchall()


def column_types(folder: Path, table: str) -> dict[str, str]:
    return {row[0]: row[1] for row in query(folder, f"DESCRIBE {table}")}


@contextmanager
def held_elsewhere(database: Path, *, read_only: bool = False) -> Iterator[None]:
    """Another process has the file open."""
    code = (
        "import sys, duckdb; held = duckdb.connect(sys.argv[1], read_only=bool(sys.argv[2]));"
        " print(1, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(database), "yes" if read_only else ""],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "1\n"
        yield
        holder.communicate("\n")
