"""Checks that the package is installed that writes a format of tables, before anything is asked."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from spaaza_source.destination.capabilities import is_files
from spaaza_source.errors import SettingsError

#: By format of tables in files: the package that writes it, and the extra that installs it. dlt
#: imports it only once a load package is there to be loaded.
DRIVERS = {"delta": ("deltalake", "spaaza-source[delta]"), "iceberg": ("pyiceberg", "pyiceberg")}


def check_drivers(pipeline: Any, table_format: Any) -> None:
    """Check that tables of that format can be written.

    Raises:
        SettingsError: A package is not installed.
    """
    if not is_files(pipeline.destination) or table_format not in DRIVERS:
        return
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
