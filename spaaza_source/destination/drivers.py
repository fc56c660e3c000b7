"""Checks that tables can be kept current in a destination, before anything is asked."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from spaaza_source.destination.capabilities import is_files, preferred_table_format
from spaaza_source.destination.delta import DELTA, DeltaClient
from spaaza_source.errors import SettingsError

#: By format of tables in files: the package that writes it, and the extra that installs it. dlt
#: imports it only once a load package is there to be loaded.
DRIVERS = {DELTA: ("deltalake", "spaaza-source[delta]")}
#: Databases that have no type of a time, by sqlglot's name for their SQL.
WITHOUT_TIMES = ("sqlite",)


def check_times(client: Any) -> None:
    """Check that a database has times of a type: as texts, no range of rows is found again.

    Args:
        client: dlt's SQL client, or one for Delta tables, which have times.

    Raises:
        SettingsError: It has none.
    """
    if isinstance(client, DeltaClient):
        return
    dialect = client.capabilities.sqlglot_dialect
    if dialect in WITHOUT_TIMES:
        raise SettingsError(
            f"{dialect} has no type of a time, so that a range of a table's rows could be neither"
            " replaced nor counted",
            where="destination",
            hint="Load into DuckDB, which is one file as well, or into another database.",
        )


def check_table_format(pipeline: Any, table: str, table_format: Any) -> None:
    """Check that tables of that format can be written, counted and replaced.

    A database knows its own formats. Of those in files, dlt merges rows of Iceberg tables by a key,
    and deletes none: neither a range nor a full export could replace what a table has.

    Args:
        pipeline: Its destination.
        table: The resource's name.
        table_format: What the user has set for it; None for what the destination prefers.

    Raises:
        SettingsError: They cannot, or a package is not installed.
    """
    if not is_files(pipeline.destination):
        return
    asked = table_format or preferred_table_format(pipeline)
    if asked and (asked != DELTA or not table_format):
        of = "the destination's" if not table_format else "a computed" if callable(asked) else "the"
        name = "" if callable(asked) else f" {asked}"
        raise SettingsError(
            f"{of} table format{name} cannot be kept current in files",
            where=f"table_format of {table}",
            hint='Set table_format="delta" for each resource, by apply_hints; or load into a'
            " database.",
        )
    if asked:
        _check_driver(asked)


def _check_driver(table_format: str) -> None:
    package, extra = DRIVERS[table_format]
    try:
        is_missing = find_spec(package) is None
    except ValueError:
        # It is kept from being imported.
        is_missing = True
    if is_missing:
        raise SettingsError(
            f"{table_format} tables need the package {package}, which is not installed",
            where="destination",
            hint=f"Install it: pip install '{extra}'.",
        )
