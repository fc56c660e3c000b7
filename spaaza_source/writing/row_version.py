"""Row hash for dlt's `scd2`.

Neither the order of the columns nor an empty column changes it: no row seems changed when the
vendor moves a column, or appends one that it does not fill.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import pyarrow as pa

from spaaza_source.destination import open_session, quote_name

#: Column hint: whether a changed cell of the column makes a new version of the row.
VERSIONED = "x-versioned"


def unversioned_columns(
    columns: Mapping[str, Any], volatile: Collection[str], normalized: Callable[[str], str] = str
) -> set[str]:
    """The columns whose changes make no new version of a row, as dlt names them.

    Args:
        columns: Column hints by name; `x-versioned` decides.
        volatile: Columns whose cells change as time passes.
        normalized: Names a column as dlt does.
    """
    hinted = {
        normalized(name): bool(hint[VERSIONED])
        for name, hint in columns.items()
        if VERSIONED in hint
    }
    versioned = dict.fromkeys(map(normalized, volatile), False) | hinted
    return {name for name, counts in versioned.items() if not counts}


def row_versions(rows: pa.Table, without: Collection[str] = ()) -> pa.Array:
    """The MD5 of each row's filled cells, `without` some columns."""
    names = sorted(
        field.name
        for field in rows.schema
        if field.name not in without and not pa.types.is_null(field.type)
    )
    # With its length before it, no cell's text can pass for two cells, or for another column's.
    cells = [
        part
        for name in names
        for part in (
            f"{_text(name)} || ':' || strlen({quote_name(name)}::VARCHAR)",
            f"':' || {quote_name(name)}::VARCHAR",
        )
    ]
    version = f"md5(concat('', {', '.join(cells)}))" if cells else "md5('')"
    with open_session() as memory:
        memory.register("rows", rows)
        found = memory.sql(f"SELECT {version} FROM rows")  # noqa: S608
        versions = found.to_arrow_table().column(0)
    return versions.combine_chunks().cast(pa.string())


def _text(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"
