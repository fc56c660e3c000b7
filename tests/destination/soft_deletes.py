"""Loads of a table whose rows are marked as deleted, and what it has of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.destination.destinations import Destination
from tests.destination.loads import Load
from tests.vendors.spaaza_files import FileVendor

HEADER = "id,name\n"


class Shop:
    """Loads a table into a destination, its rows marked as deleted."""

    def __init__(self, vendor: FileVendor, folder: Path, destination: Destination) -> None:
        self.vendor, self.folder, self.destination = vendor, folder, destination

    def made(
        self, table: str, file: str, hints: Mapping[str, Any] | None = None, **settings: Any
    ) -> Load:
        self.vendor.files[table] = file.encode()
        given = {"deletes": "soft", **settings}
        where = self.vendor.base_url, (table,), self.destination.name
        return Load(self.folder, *where, given, {table: hints or {}}, self.destination.settings)

    def load(self, table: str, file: str, **given: Any) -> None:
        self.made(table, file, **given).run()

    def rows(self, table: str = "users") -> list[tuple[Any, ...]]:
        """Each row, and whether it is marked."""
        found = self.destination.rows(table, "id", "name", "deleted_at")
        return [(key, name, at is not None) for key, name, at in found]

    def last_job(self) -> tuple[Any, ...]:
        jobs = sorted(self.destination.read("export_jobs"), key=lambda job: str(job["loaded_at"]))
        return tuple(jobs[-1][name] for name in ("rows", "loaded", "found", "proven"))
