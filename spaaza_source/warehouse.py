"""Where a command loads to: a dlt destination, set up for loads like these.

Scripts and notebooks name their destination to dlt themselves.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import dlt
import duckdb
from dlt.common.destination import TDestinationReferenceArg
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

from spaaza_source.errors import SettingsError, UnavailableError

#: The schema that holds the tables; never the name of a database, which DuckDB would confuse.
DATASET = "spaaza_data"
#: What one core needs to copy and merge at full speed; with all of its usual four fifths of the
#: memory, DuckDB keeps more and is no faster.
MEMORY_OF_A_CORE = 192


def duckdb_file(path: Path | None) -> TDestinationReferenceArg:
    """A DuckDB file; without a path, the one that dlt's configuration names.

    Raises:
        SettingsError: The file cannot be a DuckDB database.
        UnavailableError: Another process holds it.
    """
    if path is not None:
        _check(path)
    return dlt.destinations.duckdb(
        # Without a path, dlt's configuration fills it in.
        credentials=DuckDbCredentials(
            # Absolute: dlt takes others from where the pipeline was first run.
            str(path.absolute()) if path else None,  # type: ignore[arg-type]
            global_config=duckdb_settings(),
        ),
        # DuckDB spreads one copy over all cores; several at once only add up their buffers
        # (with six tables of a million rows on two cores: 1 GB more, and no sooner done).
        loader_parallelism_strategy="sequential",
    )


def duckdb_settings() -> dict[str, Any]:
    """Settings of DuckDB that suit these loads."""
    return {
        # The order of rows in a table means nothing, and keeping it doubles the time of a load.
        "preserve_insertion_order": False,
        "memory_limit": f"{MEMORY_OF_A_CORE * max(2, os.cpu_count() or 2)}MB",
    }


def _check(path: Path) -> None:
    if not path.absolute().parent.is_dir():
        raise SettingsError(
            f"the folder of {str(path)!r} does not exist", where="db", way_out="Create it first."
        )
    if not path.exists():
        return
    try:
        duckdb.connect(str(path)).close()
    except duckdb.IOException as failure:
        # "lock" alone is in "block" too, and so in the words for a damaged file.
        if "set lock" in str(failure):
            raise UnavailableError(
                f"{str(path)!r} is open in another process",
                where="db",
                way_out="Close it there, then run again.",
            ) from None
        raise SettingsError(
            f"{str(path)!r} is not a DuckDB database, is damaged, or cannot be written",
            where="db",
            way_out="Name another file.",
        ) from None
