"""Which rows of a table a load replaces: kept with its load package, not in the table's schema.

A schema with a range of time would be another one with each load, and each a row of dlt's
`_dlt_version`. So the schema has the same condition in all loads, of a column that no table has:
`dlt_hooks` fills in the package's own when the package is loaded. Who loads it without them fails
in the database, and deletes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dlt
from dlt.common.schema.typing import MERGE_DISPOSITION_HINTS

#: The package state's entry: by resource, the hints of dlt's schema that are the load's own.
SCOPES = "spaaza_source_scopes"
#: In the place of the package's condition. PostgreSQL cuts longer names.
UNKNOWN_SCOPE = "{table}.scope_is_in_the_load_package_so_import_spaaza_source = 1"
#: What differs from load to load of a disposition, as dlt's schema calls it.
SCOPE = MERGE_DISPOSITION_HINTS["destination_scope"]
SCOPE_HINTS = (SCOPE, MERGE_DISPOSITION_HINTS["source_filter"])
#: All rows of the table, as SQL.
EVERY_ROW = "1 = 1"
_OWN = dict(zip(("destination_scope", "source_filter"), SCOPE_HINTS, strict=True))


def keep_scope(disposition: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the conditions of a disposition with the package that is extracted.

    Args:
        disposition: One that has a `destination_scope`.

    Returns:
        What is the same in each load, for dlt's schema.
    """
    _keep({_OWN[name]: disposition[name] for name in _OWN if name in disposition})
    lasting = {name: value for name, value in disposition.items() if name not in _OWN}
    return {**lasting, "destination_scope": UNKNOWN_SCOPE}


def keep_all_rows() -> None:
    """Keep with the package that is extracted that it replaces all rows of its table.

    dlt normalizes all packages that wait by the schema of the last, which may replace a range.
    """
    _keep({SCOPE: EVERY_ROW})


def _keep(hints: dict[str, str]) -> None:
    state: Any = dlt.current.load_package_state()["state"]
    state.setdefault(SCOPES, {})[str(dlt.current.resource().name)] = hints


def fill_in_scope(table: dict[str, Any], state: Mapping[str, Any]) -> None:
    """Give a table, as dlt is about to load it, the conditions of its load.

    Args:
        table: dlt's schema of it; it is changed.
        state: That of the load package. Without the table's conditions nothing is changed.
    """
    if table.get(SCOPE) == UNKNOWN_SCOPE:
        table.update(state.get(SCOPES, {}).get(table.get("resource"), {}))
