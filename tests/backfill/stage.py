"""A sandbox, a DuckDB file, and backfills from one into the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dlt
import duckdb
from dlt.extract import DltSource

from spaaza_source import spaaza_source
from spaaza_source.backfill.backfill import Backfill
from spaaza_source.sandbox import Sandbox
from spaaza_source.spaaza.export_service import DESCRIPTION
from spaaza_source.warehouse import duckdb_file
from tests.clocks import Calendar

Row = tuple[Any, ...]


@dataclass
class Stage:
    """A sandbox, a DuckDB file, and backfills from one into the other."""

    folder: Path
    sandbox: Sandbox
    calendar: Calendar

    def source(self, **given: Any) -> DltSource:
        settings = {"poll_interval": 0.02, "start_margin": 0, "stagger": 0, **given}
        return spaaza_source(
            self.sandbox.base_url, self.sandbox.chain_id, self.sandbox.credentials, **settings
        )

    def backfill(self, source: Callable[..., DltSource] | None = None) -> Backfill:
        file = duckdb_file(self.folder / "warehouse.duckdb")
        return Backfill(source or self.source, "spaaza", file, "loyalty", side_by_side=True)

    def pipeline(self, file: str = "warehouse") -> dlt.Pipeline:
        """As the daily load has it."""
        return dlt.pipeline(
            "spaaza",
            pipelines_dir=str(self.folder / f"daily {file}"),
            destination=duckdb_file(self.folder / f"{file}.duckdb"),
            dataset_name="loyalty",
        )

    def asked(self) -> list[str]:
        """The exports so far: the index, and the window if there is one."""
        found = [DESCRIPTION.search(task["desc"]) for task in self.sandbox.tasks[::-1]]
        return [f"{own['subject']} {own['window'] or ''}".strip() for own in found if own]

    def rows(self, table: str, file: str = "warehouse", where: str = "1 = 1") -> list[Row]:
        """The table's rows, without dlt's columns."""
        with duckdb.connect(str(self.folder / f"{file}.duckdb")) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            names = [
                row[0]
                for row in connection.execute(f"DESCRIBE loyalty.{table}").fetchall()
                if not row[0].startswith("_dlt_")
            ]
            columns = ", ".join(f'"{name}"' for name in sorted(names))
            return connection.execute(
                f"SELECT {columns} FROM loyalty.{table} WHERE {where} ORDER BY ALL"
            ).fetchall()
