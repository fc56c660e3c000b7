"""A DuckDB file to load into, and short ways to read it."""

from __future__ import annotations

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
