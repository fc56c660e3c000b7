"""What a database says of the tables and views of a dataset: columns, comments, functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: In the comment of each view that is ours, and of each function of such a view.
MADE_BY = "Made by spaaza_source"

_COLUMNS = (
    "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = current_database()"
    " AND schema_name = %s AND lower(table_name) = lower(%s) ORDER BY column_index"
)
# A name is the same in capitals.
_VIEW = (
    "SELECT comment FROM duckdb_views() WHERE database_name = current_database()"
    " AND schema_name = %s AND lower(view_name) = lower(%s)"
)
_TABLE = (
    "SELECT 1 FROM duckdb_tables() WHERE database_name = current_database()"
    " AND schema_name = %s AND lower(table_name) = lower(%s)"
)
# Functions return types without a length.
_COLUMNS_OF_POSTGRES = (
    "SELECT a.attname, format_type(a.atttypid, NULL) FROM pg_attribute a"
    " JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped"
    " ORDER BY a.attnum"
)
_RELATION_OF_POSTGRES = (
    "SELECT c.relkind = 'v', obj_description(c.oid, 'pg_class'),"
    " CASE WHEN c.relkind = 'v' THEN pg_get_viewdef(c.oid) END"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = %s AND c.relname = %s"
)
_FUNCTIONS_OF_POSTGRES = (
    "SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
    " WHERE n.nspname = %s AND obj_description(p.oid, 'pg_proc') = %s"
)


@dataclass(frozen=True)
class Stored:
    """What a dataset has of the name of a view.

    Attributes:
        is_there: Whether it has anything.
        is_ours: Whether that is a view that this package has made.
        columns: Its columns with their types, in their order.
        function: The function that it reads, in PostgreSQL.
        functions: All that have been made for it there.
    """

    is_there: bool = False
    is_ours: bool = False
    columns: tuple[tuple[str, str], ...] = ()
    function: str | None = None
    functions: tuple[str, ...] = ()


class Catalog:
    """A database's catalogue, by dlt's client of a dataset.

    Args:
        client: As `open_client` returns it.
        is_postgres: Whether it is one of PostgreSQL; else it is DuckDB's.
    """

    def __init__(self, client: Any, *, is_postgres: bool) -> None:
        self._client = client
        self._is_postgres = is_postgres

    def columns(self, table: str) -> tuple[tuple[str, str], ...]:
        """The columns of a table or view with their types, in their order."""
        sql = _COLUMNS_OF_POSTGRES if self._is_postgres else _COLUMNS
        return tuple((str(name), str(kind)) for name, kind in self._rows(sql, table))

    def view(self, name: str, comment: str) -> Stored:
        """What there is of a view's name; `comment` is that of ours."""
        if self._is_postgres:
            return self._view_of_postgres(name, comment)
        views = self._rows(_VIEW, name)
        if not views:
            return Stored(bool(self._rows(_TABLE, name)))
        # Whoever makes a view anew by hand leaves it without the comment.
        ((found,),) = views
        return Stored(True, MADE_BY in (found or ""), self.columns(name))

    def _view_of_postgres(self, name: str, comment: str) -> Stored:
        functions = tuple(str(each) for (each,) in self._rows(_FUNCTIONS_OF_POSTGRES, comment))
        relations = self._rows(_RELATION_OF_POSTGRES, name)
        if not relations:
            return Stored(functions=functions)
        ((is_view, found, definition),) = relations
        read = next((each for each in functions if is_view and each in definition), None)
        # There, the comment stays when a view is made anew by hand.
        is_ours = read is not None and MADE_BY in (found or "")
        return Stored(True, is_ours, self.columns(name), read, functions)

    def _rows(self, sql: str, name: str) -> list[tuple[Any, ...]]:
        rows = self._client.execute_sql(sql, str(self._client.dataset_name), name)
        return [tuple(row) for row in rows or ()]
