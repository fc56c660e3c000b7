"""Makes `warehouse.sql` again: `python -m tests.version_0_1.make`, in a clone with its history.

The loads are run by version 0.1 itself, as its last commit had it. What they leave in a DuckDB file
is written as SQL, all tables of it.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import dlt
import duckdb

VERSION_0_1 = "d7cf4debfe9e33e6045d279983e6d5b4c441ab4a"
FILE = Path(__file__).with_name("warehouse.sql")


def main() -> None:
    """Load the shop three times by version 0.1, and keep what is in its database then."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _take_version_0_1(folder)
        moments = _load(folder)
        _set_clock(folder / "warehouse.duckdb", moments)
        FILE.write_text("\n".join([*_dump(folder / "warehouse.duckdb"), ""]), encoding="utf-8")


def _take_version_0_1(folder: Path) -> None:
    archive = subprocess.run(
        ["git", "archive", VERSION_0_1, "spaaza_source"],  # noqa: S607 - git is on the path
        check=True,
        capture_output=True,
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    sys.path.insert(0, str(folder))
    # The tests' vendors write times by a function that has moved since.
    sys.modules["spaaza_source.windows"] = import_module("spaaza_source.exports.windows")


def _load(folder: Path) -> Sequence[datetime]:
    """Load the shop; the moments at which that was."""
    # Not before version 0.1 is in its place.
    package, shops = map(import_module, ("spaaza_source", "tests.version_0_1.shop"))

    def pipeline(name: str) -> Any:
        return dlt.pipeline(
            name,
            pipelines_dir=str(folder / "pipelines"),
            destination=dlt.destinations.duckdb(str(folder / "warehouse.duckdb")),
            dataset_name=f"{name}_data",
        )

    with shops.open_shop() as (shop, voucherify):
        # The first window fails once, and comes in halves.
        shop.failed = {1}
        for moment in shops.LOADS[:-1]:
            shops.move_to(moment, shop, voucherify)
            settings = shops.spaaza_settings(shop)
            since = package.spaaza_source(**settings, start_date=shops.START_DATE)
            pipeline("spaaza").run(since.with_resources(*shops.BY_START))
            whole = package.spaaza_source(**settings).with_resources(*shops.WITHOUT_START)
            pipeline("spaaza").run(whole)
            coupons = package.voucherify_source(**shops.voucherify_settings(voucherify))
            pipeline("voucherify").run(coupons)
        moments: Sequence[datetime] = shops.LOADS[:-1]
        return moments


def _set_clock(file: Path, moments: Sequence[datetime]) -> None:
    """Let the loads have been at the vendor's time, as in life, not on the day of the making."""
    with duckdb.connect(str(file)) as warehouse:
        warehouse.execute("SET TimeZone = 'UTC'")
        for schema in ("spaaza_data", "voucherify_data"):
            query = f"SELECT load_id FROM {schema}._dlt_loads ORDER BY load_id DESC"
            loads = [load for (load,) in warehouse.sql(query).fetchall()]
            for number, load in enumerate(loads):
                day = len(moments) - 1 - number * len(moments) // len(loads)
                moment = moments[day].timestamp() + len(loads) - number
                since = f"to_timestamp({load})"
                # Of the newest load first: what is left then is of earlier ones.
                _move(warehouse, f"{schema}._dlt_version", "inserted_at", since, moment)
                _move(warehouse, f"{schema}._dlt_loads", "inserted_at", since, moment)
                _move(warehouse, f"{schema}._dlt_pipeline_state", "created_at", since, moment)
                for column in ("loaded_at", "checked_at"):
                    _move(warehouse, f"{schema}.export_jobs", column, since, moment)
                _rename(warehouse, schema, load, f"{moment:.6f}")


def _move(warehouse: Any, table: str, column: str, since: str, moment: float) -> None:
    """Move a time of since a load began to another moment."""
    warehouse.execute(
        f"UPDATE {table} SET {column} = to_timestamp({moment}) + ({column} - {since})"
        f" WHERE {column} >= {since}"
    )


def _rename(warehouse: Any, schema: str, load: str, name: str) -> None:
    """Give a load another id, in all tables."""
    columns = warehouse.execute(
        "SELECT table_name, column_name FROM duckdb_columns()"
        " WHERE schema_name = ? AND column_name IN ('_dlt_load_id', 'load_id')",
        [schema],
    ).fetchall()
    for table, column in columns:
        warehouse.execute(
            f'UPDATE {schema}."{table}" SET {column} = ? WHERE {column} = ?',
            [name, load],
        )


def _dump(file: Path) -> Iterator[str]:
    with duckdb.connect(str(file)) as warehouse:
        warehouse.execute("SET TimeZone = 'UTC'")
        tables = warehouse.sql(
            "SELECT schema_name, table_name, sql FROM duckdb_tables()"
            " WHERE schema_name NOT LIKE '%staging' ORDER BY ALL"
        ).fetchall()
        for schema in sorted({schema for schema, _, _ in tables}):
            yield f"CREATE SCHEMA {schema};"
        for schema, table, sql in tables:
            yield sql
            name = f'{schema}."{table}"'
            columns = warehouse.table(name).columns
            cells = ", ".join(f'"{column}"::VARCHAR' for column in columns)
            rows = warehouse.sql(f"SELECT {cells} FROM {name} ORDER BY ALL").fetchall()
            if rows:
                lines = ",\n".join(f"({', '.join(map(_literal, row))})" for row in rows)
                yield f"INSERT INTO {name} VALUES\n{lines};"


def _literal(cell: str | None) -> str:
    return "NULL" if cell is None else f"""'{cell.replace("'", "''")}'"""


if __name__ == "__main__":
    main()
