"""Refuses hints of a user's about columns that the file does not have, before anything is loaded.

dlt would find that out once the load package is made, which then could never be loaded.
"""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

import dlt
from dlt.extract.exceptions import DataItemRequiredForDynamicTableHints
from dlt.extract.items_transform import MapItem, YieldMapItem

from spaaza_source.errors import SettingsError

#: Hints by which dlt needs a column in every row.
NEEDED = ("primary_key", "merge_key", "dedup_sort", "hard_delete")


def check_hinted_columns(table: str, columns: Collection[str]) -> None:
    """Check that a file has the columns that the user's hints need.

    Where the user has added steps to the resource, a column may be theirs.

    Args:
        table: Its name.
        columns: Those of the file, as dlt names them.

    Raises:
        SettingsError: A column that must be there is not.
    """
    resource = dlt.current.resource()
    steps = resource._pipe.steps  # noqa: SLF001 - dlt names a pipe nowhere else
    if any(isinstance(step, MapItem | YieldMapItem) for step in steps):
        return
    try:
        hinted = resource.compute_table_schema().get("columns", {})
    except DataItemRequiredForDynamicTableHints:
        return
    naming = dlt.current.source_schema().naming
    for name, column in hinted.items():
        needed = [hint for hint in NEEDED if column.get(hint)]
        if column.get("nullable") is False:
            needed.append("nullable=False")
        # dlt itself hints columns that it adds to a history.
        is_dlts = name.startswith("_dlt") or any(hint.startswith("x-") for hint in column)
        if not needed or is_dlts or naming.normalize_path(name) in columns:
            continue
        near = get_close_matches(name, columns, n=1)
        raise SettingsError(
            f"the file has no column {name!r}",
            where=f"{needed[0]} of {table}",
            hint=f"Name one that it has{f': {near[0]}' if near else ''}.",
        )
