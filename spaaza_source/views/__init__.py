"""Views in a destination: the SQL for them, and the one of what is there now of soft deletes."""

from spaaza_source.views.catalog import MADE_BY
from spaaza_source.views.current_rows import update_current_rows
from spaaza_source.views.databases import (
    can_have_views,
    function_sql,
    is_postgres,
    literal,
    quote,
)

__all__ = [
    "MADE_BY",
    "can_have_views",
    "function_sql",
    "is_postgres",
    "literal",
    "quote",
    "update_current_rows",
]
