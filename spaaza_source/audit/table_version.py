"""Tells whether a table is still the one that a load package was made for.

A package that leaves out rows which the table has completes that table alone: into one that another
load has changed since, or that was emptied by hand, it would bring too little.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dlt.common.storages import LoadStorage
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from spaaza_source.audit.ledger import Ledger, read_ledger
from spaaza_source.audit.manifest import TableManifest, TableVersion, read_manifests
from spaaza_source.destination import fetch_number, open_client
from spaaza_source.errors import UnavailableError


def read_version(client: Any, ledger: Ledger, table: str) -> TableVersion:
    """The version of a table that there is.

    Args:
        client: As `open_client` returns it.
        ledger: What was loaded there.
        table: Its name.

    Raises:
        DatabaseUndefinedRelation: There is none.
    """
    loads = [export.load for export in ledger.get(table, [])]
    name = client.make_qualified_table_name(table)
    rows = fetch_number(client, f"SELECT count(*) FROM {name}")  # noqa: S608 - our own name
    return TableVersion(loads[-1] if loads else "", rows)


def is_made_for(client: Any, ledger: Ledger, load: str, manifest: TableManifest) -> bool:
    """Whether the rows of the package of a load are right for a table as it is now."""
    if manifest.made_for is None:
        return True
    try:
        version = read_version(client, ledger, manifest.table)
    except DatabaseUndefinedRelation:
        return False
    # A run that was killed may have merged them already, and even noted that.
    after = [TableVersion(each, manifest.loaded) for each in (manifest.made_for.load, load)]
    return version in (manifest.made_for, *after)


def check_versions(pipeline: Any, load: str) -> None:
    """Check that the rows of a package that is to be loaded are right for their tables.

    Raises:
        UnavailableError: A table has changed since the load has read it.
    """
    folder = Path(pipeline.working_dir) / "load" / LoadStorage.NORMALIZED_FOLDER
    schema, manifests = read_manifests(folder / load)
    made_for = [each for each in manifests if each.made_for is not None]
    if not made_for:
        return
    with open_client(pipeline, schema) as client:
        ledger = read_ledger(client)
        changed = [each.table for each in made_for if not is_made_for(client, ledger, load, each)]
    if changed:
        raise UnavailableError(
            "the table has changed since this load has read it",
            where=", ".join(changed),
            hint="Run again: what is missing is asked for again.",
        )
