"""What a destination can do: count rows, merge by which strategies, and how it quotes names."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import dlt
from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext
from dlt.common.schema.typing import TColumnSchema
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.extract.exceptions import CurrentSourceSchemaNotAvailable

from spaaza_source.destination.delta import DELTA, quote_name

_T = TypeVar("_T")

#: By destination and naming convention. dlt resolves all its configuration to tell them, and keeps
#: a trace of that for good: asked once a file, a process that loads all day would grow.
_CAPABILITIES: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()


def current_pipeline() -> Any:
    """The pipeline whose resource is extracted.

    `dlt.current.pipeline()` is the same one, but resolves all of dlt's settings at each call.
    """
    return Container()[PipelineContext].pipeline()


def is_files(destination: Any) -> bool:
    """Whether a destination is a folder or an object store, which dlt calls `filesystem`."""
    return str(destination.destination_type) == "dlt.destinations.filesystem"


def is_delta(pipeline: Any, table_format: Any) -> bool:
    """Whether tables of that format are Delta tables in a folder or an object store."""
    return bool(table_format == DELTA) and is_files(pipeline.destination)


def can_count(pipeline: Any, table_format: Any) -> bool:
    """Whether rows of the pipeline's destination can be counted, and `export_jobs` updated.

    The table format, such as `delta`, is None for what the destination prefers.
    """
    if is_files(pipeline.destination):
        return is_delta(pipeline, table_format)
    return issubclass(pipeline.destination.client_class, SqlJobClientBase)


def current_merge_strategies() -> list[str]:
    """The merge strategies for the table of the resource that is extracted, its default first."""
    capabilities = _capabilities(current_pipeline())
    strategies = list(capabilities.supported_merge_strategies or [])
    selected = capabilities.merge_strategies_selector
    if selected is None:
        return strategies
    # Files in a folder cannot be merged; the tables that some formats make of them can.
    table_format = dlt.current.resource().table_format
    return list(selected(strategies, table_schema={"table_format": table_format}))


def preferred_table_format(pipeline: Any) -> str | None:
    """The format of tables for which none is set; None for what the destination has anyway."""
    preferred: str | None = _capabilities(pipeline).preferred_table_format
    return preferred


def quote_column(pipeline: Any, column: str) -> str:
    """A column's name, as dlt has it, in the destination's SQL, whatever characters it has."""
    if is_files(pipeline.destination):
        return quote_name(column)
    capabilities = _capabilities(pipeline)
    return str(capabilities.escape_identifier(capabilities.casefold_identifier(column)))


def type_in_sql(pipeline: Any, column: TColumnSchema) -> str:
    """A column's type in the destination's SQL, such as `DECIMAL(38,9)`."""
    mapper = _capabilities(pipeline).get_type_mapper()
    return str(mapper.to_destination_type(column, {"name": "", "columns": {}}))


def in_own_thread(work: Callable[[], _T]) -> _T:
    """The result of work that opens a destination while a load is extracted.

    The threads that extract share dlt's settings. Opening a destination replaces them for a while:
    two tables that did so at one time would mix them up.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="destination") as thread:
        return thread.submit(work).result()


def _capabilities(pipeline: Any) -> Any:
    destination, naming = pipeline.destination, _naming(pipeline)
    known = _CAPABILITIES.setdefault(destination, {})
    name = naming.name()
    if name not in known:
        # A naming convention that keeps case keeps a database from folding it.
        known[name] = in_own_thread(lambda: destination.capabilities(naming=naming))
    return known[name]


def _naming(pipeline: Any) -> Any:
    """The naming convention of the source that is extracted; else of the pipeline's schema."""
    try:
        return dlt.current.source_schema().naming
    except CurrentSourceSchemaNotAvailable:
        return pipeline.naming
