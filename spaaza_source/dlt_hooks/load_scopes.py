"""Has dlt replace the rows that the load package says, which the table's schema does not."""

from __future__ import annotations

from functools import cache, wraps
from pathlib import Path
from typing import Any

from dlt.common.destination.client import JobClientBase
from dlt.common.schema import Schema
from dlt.common.storages import FileStorage, NormalizeStorage, PackageStorage
from dlt.common.storages.exceptions import CurrentLoadPackageStateNotAvailable
from dlt.common.storages.load_package import load_package_state

from spaaza_source.audit import SCOPE_HINTS, SCOPES, fill_in_scope
from spaaza_source.writing import FORMAT


@cache
def fill_in_scopes() -> None:
    """Have dlt load each table by the conditions of its load, from now on in this process.

    dlt asks for a table in this form wherever it loads one, whatever the destination.
    """
    prepare = JobClientBase.prepare_load_table

    @wraps(prepare)
    def prepare_load_table(self: JobClientBase, table_name: str) -> Any:
        table: Any = prepare(self, table_name)
        try:
            state: Any = load_package_state()["state"]
        except CurrentLoadPackageStateNotAvailable:
            # Nothing is loaded: a table is only asked about.
            return table
        fill_in_scope(table, state)
        return table

    JobClientBase.prepare_load_table = prepare_load_table  # type: ignore[method-assign]


def keep_literal_scopes(pipeline: Any) -> None:
    """Keep with each extracted package the conditions that its schema has.

    Those of version 0.1 have them there. dlt normalizes all packages by the schema of the last.
    """
    folder = Path(pipeline.working_dir) / "normalize" / NormalizeStorage.EXTRACTED_FOLDER
    packages = PackageStorage(FileStorage(str(folder)), "extracted")
    for load in packages.list_packages() if folder.is_dir() else ():
        state: Any = packages.get_load_package_state(load)
        literal = _literal_scopes(packages.load_schema(load))
        if SCOPES not in state and literal:
            state[SCOPES] = literal
            packages.save_load_package_state(load, state)


def _literal_scopes(schema: Schema) -> dict[str, dict[str, str]]:
    """By resource, the conditions of a load that its schema has."""
    tables: Any = schema.tables
    own = {
        table["resource"]: {name: table[name] for name in SCOPE_HINTS if name in table}
        for table in tables.values()
        if FORMAT in table
    }
    return {resource: hints for resource, hints in own.items() if hints}
