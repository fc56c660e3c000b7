"""Asks a pipeline's destination.

While a load is extracted, each time in a thread of its own. The threads that extract share dlt's
settings, and while dlt opens a destination it puts others in their place: two tables that did so at
once would mix them up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import dlt
from dlt.common.data_writers.escape import escape_postgres_identifier
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.job_client_impl import SqlJobClientBase

from spaaza_source.destination.delta import DELTA, DeltaClient

_T = TypeVar("_T")

#: Rows that are fetched at one time.
CHUNK = 10_000

#: What destinations can do. dlt resolves their whole configuration to tell, and keeps a trace of
#: that for good: asked once a file, a process that loads all day would grow.
_CAPABILITIES: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()


def ask(pipeline: Any, question: Callable[[Any], _T]) -> _T:
    """What the destination answers, about tables in the format of the one that is extracted.

    Args:
        pipeline: Whose destination.
        question: Is given a client; what belongs to the resource that is extracted
            (`dlt.current`) is out of its reach.
    """
    table_format = dlt.current.resource().table_format

    def put() -> _T:
        with open_client(pipeline, None, table_format) as client:
            return question(client)

    return _in_own_thread(put)


@contextmanager
def open_client(pipeline: Any, schema: str | None, table_format: Any) -> Iterator[Any]:
    """What a destination is asked by: dlt's SQL client, or for Delta tables what is like it.

    Args:
        pipeline: Whose destination.
        schema: The name of dlt's schema; None for the pipeline's own.
        table_format: Of the tables; None for what the destination prefers.
    """
    if table_format != DELTA or not is_files(pipeline.destination):
        with pipeline.sql_client(schema) as client:
            yield client
        return
    with pipeline.destination_client(schema) as files, closing(DeltaClient(files)) as lake:
        yield lake


def read_table(pipeline: dlt.Pipeline, table: str) -> list[dict[str, Any]]:
    """All rows of one of the pipeline's tables; none where there is no such table."""
    if not pipeline.default_schema_name:
        return []
    schema = pipeline.default_schema
    table_format = schema.tables.get(table, {}).get("table_format")
    try:
        if not (table_format == DELTA and is_files(pipeline.destination)):
            found = pipeline.dataset()[table].arrow()
            return [] if found is None else list(found.to_pylist())
        with open_client(pipeline, schema.name, table_format) as client:
            name = client.make_qualified_table_name(table)
            with client.execute_query(f"SELECT * FROM {name}") as answer:  # noqa: S608 - its own
                return [row for rows in answer.iter_arrow(CHUNK) for row in rows.to_pylist()]
    except (DatabaseUndefinedRelation, ValueError, KeyError):
        return []


def can_count(pipeline: Any, table_format: Any) -> bool:
    """Whether a destination can be asked for counts of tables, and told what was found.

    Args:
        pipeline: Whose destination.
        table_format: Of the tables.
    """
    if is_files(pipeline.destination):
        return bool(table_format == DELTA)
    return issubclass(pipeline.destination.client_class, SqlJobClientBase)


def is_files(destination: Any) -> bool:
    """Whether a destination is a folder or an object store, by dlt's word for it."""
    return str(destination.destination_type) == "dlt.destinations.filesystem"


def merge_strategies(pipeline: Any, table_format: str | None = None) -> list[str]:
    """The merge strategies that the destination has, its default first.

    Args:
        pipeline: Whose destination.
        table_format: Of the table, such as `delta`; None for what the destination prefers.
    """
    capabilities = _capabilities(pipeline.destination)
    found = list(capabilities.supported_merge_strategies or [])
    selected = capabilities.merge_strategies_selector
    if selected is None:
        return found
    # Files in a folder cannot be merged; the tables that some formats make of them can.
    return list(selected(found, table_schema={"table_format": table_format}))


def quote_column(pipeline: Any, column: str) -> str:
    """A column's name in the destination's SQL, whatever characters it has.

    Args:
        pipeline: Whose destination.
        column: The name, as dlt has it.
    """
    if is_files(pipeline.destination):
        # So it is for DuckDB as well as for what merges Delta tables.
        return escape_postgres_identifier(column)
    capabilities = _capabilities(pipeline.destination)
    return str(capabilities.escape_identifier(capabilities.casefold_identifier(column)))


def _capabilities(destination: Any) -> Any:
    if destination not in _CAPABILITIES:
        _CAPABILITIES[destination] = _in_own_thread(destination.capabilities)
    return _CAPABILITIES[destination]


def _in_own_thread(work: Callable[[], _T]) -> _T:
    with ThreadPoolExecutor(1, thread_name_prefix="destination") as thread:
        return thread.submit(work).result()
