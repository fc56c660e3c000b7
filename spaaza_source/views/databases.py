"""Which databases views are made in, and the SQL for that: those where it has been tried.

PostgreSQL lets no table be dropped, and no column get a wider type, while a view reads it: loads
would fail. So there each view reads a function, whose text is only looked at when it is called; the
planner puts that text in its place, and the view is as fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: dlt's name of PostgreSQL.
POSTGRES = "dlt.destinations.postgres"
_DESTINATIONS = (
    "dlt.destinations.duckdb",
    "dlt.destinations.motherduck",
    "dlt.destinations.ducklake",
    POSTGRES,
)


def can_have_views(pipeline: Any) -> bool:
    """Whether this package makes views in a pipeline's destination."""
    return str(pipeline.destination.destination_type) in _DESTINATIONS


def is_postgres(pipeline: Any) -> bool:
    """Whether a pipeline's destination is PostgreSQL."""
    return str(pipeline.destination.destination_type) == POSTGRES


def function_sql(function: str, columns: Mapping[str, str], query: str) -> str:
    """The SQL that makes the function of PostgreSQL that a view reads, or replaces its text.

    Args:
        function: Its name, as SQL takes it.
        columns: The columns of the query, as SQL takes them, with their types.
        query: What it returns.
    """
    listed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    # The query's own dollars cannot end it.
    return (
        f"CREATE OR REPLACE FUNCTION {function}() RETURNS TABLE ({listed})"
        f" LANGUAGE sql STABLE AS $model${query}$model$"
    )


def quote(name: str) -> str:
    """A name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL takes it."""
    return "'" + text.replace("'", "''") + "'"
