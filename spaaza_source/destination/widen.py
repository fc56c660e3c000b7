"""Gives a column of a live table a wider type, where the destination's SQL can do that.

dlt never changes the type of a column that exists.
"""

from __future__ import annotations

from typing import Any

import dlt
from dlt.common import logger
from dlt.common.destination.client import WithStagingDataset
from dlt.common.schema.typing import TColumnSchema
from dlt.destinations.exceptions import DatabaseException, DatabaseUndefinedRelation
from dlt.destinations.job_client_impl import SqlJobClientBase

from spaaza_source.destination.capabilities import current_pipeline, is_files, type_in_sql
from spaaza_source.destination.query import ask


def widen_column(table: str, column: TColumnSchema) -> bool:
    """Give a column of the table that is extracted its wider type; whether that could be done.

    The staging table, if there is one, gets it first: a value that passed through a narrower one
    would be rounded.

    Args:
        table: The table's name. Where the destination has none, there is nothing to change.
        column: The column, with the type that it is to have.
    """
    pipeline = current_pipeline()
    is_sql = issubclass(pipeline.destination.client_class, SqlJobClientBase)
    if is_files(pipeline.destination) or not is_sql or dlt.current.resource().table_format:
        return False
    kind = type_in_sql(pipeline, column)

    def widen(client: Any) -> None:
        if issubclass(pipeline.destination.client_class, WithStagingDataset):
            with client.with_staging_dataset():
                _alter(client, table, str(column["name"]), kind)
        _alter(client, table, str(column["name"]), kind)

    try:
        ask(widen)
    except DatabaseException as failure:
        logger.info(f"{table}: {column['name']!r} stays as it is ({type(failure).__name__})")
        return False
    return True


def _alter(client: Any, table: str, column: str, kind: str) -> None:
    name = client.make_qualified_table_name(table)
    escaped = client.escape_column_name(column)
    try:
        client.execute_sql(f"ALTER TABLE {name} ALTER COLUMN {escaped} SET DATA TYPE {kind}")
    except DatabaseUndefinedRelation:
        # There is no such table, so dlt makes it with the wider type.
        return
