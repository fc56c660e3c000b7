"""Notes in a load package which rows go once it is loaded, maybe by another process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import dlt
from dlt.common.storages import FileStorage, PackageStorage

from spaaza_source.windows import iso, parse_instant

#: The package state's entry: what goes, by table.
REMOVALS = "spaaza_source_retention"


@dataclass(frozen=True)
class Removal:
    """What goes of a table once a load has ended well.

    Attributes:
        table: Its name in the destination.
        times: The columns with a row's times, as dlt names them, the one that each row has first.
        kept_since: The instant from which on rows stay.
        job_id: The export whose row of `export_jobs` tells of it.
        merged: How many such rows the load itself takes out, as it brings all others.
    """

    table: str
    times: tuple[str, ...]
    kept_since: datetime
    job_id: str
    merged: int = 0


def note_removal(removal: Removal) -> None:
    """Note in the package that is extracted what goes of a table."""
    state: Any = dlt.current.load_package_state()["state"]
    state.setdefault(REMOVALS, {})[removal.table] = {
        "times": list(removal.times),
        "kept_since": iso(removal.kept_since),
        "job_id": removal.job_id,
        "merged": removal.merged,
    }


def read_removals(package: Path) -> tuple[str, list[Removal]]:
    """The name of the schema of the load package in a folder, and what goes once it is loaded."""
    # What a package's status is called does not matter here.
    packages = PackageStorage(FileStorage(str(package.parent)), "normalized")
    state: Any = packages.get_load_package_state(package.name)
    removals = list(_read(state.get(REMOVALS, {}).items()))
    return (packages.schema_name(package.name) if removals else "", removals)


def _read(noted: Iterable[tuple[str, Any]]) -> Iterable[Removal]:
    for table, each in noted:
        yield Removal(
            table,
            tuple(each["times"]),
            parse_instant(each["kept_since"], "kept_since"),
            each["job_id"],
            each["merged"],
        )
