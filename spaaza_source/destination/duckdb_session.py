"""Sessions of DuckDB, which computes in SQL over Arrow data and Delta tables."""

from __future__ import annotations

import duckdb

# DuckDB, and what merges Delta tables, quote names like PostgreSQL.
from dlt.common.data_writers.escape import escape_postgres_identifier as quote_name

__all__ = ["open_session", "quote_name"]


def open_session(database: duckdb.DuckDBPyConnection | None = None) -> duckdb.DuckDBPyConnection:
    """A session in UTC, without a progress bar.

    Args:
        database: The connection whose database it works in; None for a new one in memory.
    """
    session = duckdb.connect() if database is None else database.cursor()
    session.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
    return session
