"""Has dlt add the columns that a destination's tables lack, in each load of exports.

dlt looks at tables where a schema is new to the destination, and then at those of that load alone.
A table that another load has changed the schema of (one that was given up, or that an older copy of
the database does not have) would never get its columns.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, wraps
from typing import Any

from dlt.common.schema import Schema
from dlt.destinations.job_client_impl import SqlJobClientBase

from spaaza_source.writing import FORMAT


@cache
def update_tables_always() -> None:
    """Have dlt look at the tables of each load of exports, from now on in this process."""
    update = SqlJobClientBase.update_stored_schema

    @wraps(update)
    def update_stored_schema(
        self: SqlJobClientBase,
        only_tables: Iterable[str] | None = None,
        expected_update: Any = None,
        force: bool = False,
    ) -> Any:
        force = force or is_of_exports(self.schema)
        return update(self, only_tables, expected_update, force)  # type: ignore[arg-type]

    SqlJobClientBase.update_stored_schema = update_stored_schema  # type: ignore[method-assign]


def is_of_exports(schema: Schema) -> bool:
    """Whether a schema has a table that exports are loaded into."""
    return any(FORMAT in table for table in schema.tables.values())
