"""Queries a pipeline's destination in SQL, whether a database or Delta tables.

The SQL of conditions that several wings use is made here too. Where it is about `{table}`, the
table's qualified name is still to be filled in.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import Any, Generic, TypeVar, cast
from weakref import WeakKeyDictionary, WeakSet

import dlt
import duckdb
import pyarrow as pa
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from duckdb import DuckDBPyConnection

from spaaza_source.destination.capabilities import (
    current_pipeline,
    in_own_thread,
    is_delta,
    quote_column,
)
from spaaza_source.destination.delta import DeltaClient
from spaaza_source.destination.held_file import enter_when_free
from spaaza_source.destination.refused_rows import values_hidden
from spaaza_source.destination.resolved_once import DUCKDB, made_once
from spaaza_source.windows import Window, iso

_T = TypeVar("_T")

#: Resources may be extracted side by side, and DuckDB opens a file for one thread at a time.
_ONE_AT_A_TIME = threading.Lock()

#: By pipeline: questions that are to be asked with the next one.
_WAITING: WeakKeyDictionary[Any, WeakSet[AskLater[Any]]] = WeakKeyDictionary()

#: Rows that are fetched at one time.
CHUNK = 100_000
#: DuckDB 2 keeps all rows of a cursor in memory, and warns of it; DuckDB 1 all those of a relation
#: that is given parameters.
_COPIES_ROWS_OF_CURSORS = int(duckdb.__version__.split(".")[0]) > 1


@contextmanager
def open_client(
    pipeline: Any,
    schema: str | dlt.Schema | None = None,
    table_format: Any = None,
    make_client: Callable[[], Any] | None = None,
) -> Iterator[Any]:
    """A client for queries: dlt's SQL client, or for Delta tables one with the same methods.

    Args:
        pipeline: Whose destination.
        schema: The name of dlt's schema; None for the pipeline's own. Or a schema that tells the
            tables of files; a database knows its own.
        table_format: Of the tables, such as `delta`; None for what the destination prefers.
        make_client: Makes dlt's SQL client; None for a new one of the pipeline.

    Raises:
        SqlClientNotAvailable: The destination has no SQL.
        UnavailableError: Another process has its DuckDB file open, and does not close it.
    """
    if not is_delta(pipeline, table_format):
        with values_hidden(), ExitStack() as held:
            with values_hidden(has_rows=False):
                name = None if isinstance(schema, dlt.Schema) else schema
                make = make_client or partial(pipeline.sql_client, name)
                client = enter_when_free(held, make)
            yield client
        return
    with values_hidden(), ExitStack() as held:
        with values_hidden(has_rows=False):
            if isinstance(schema, dlt.Schema):
                made, _ = pipeline._get_destination_clients(schema)  # noqa: SLF001 - not by its name
            else:
                made = pipeline.destination_client(schema)
            files = held.enter_context(made)
        yield held.enter_context(closing(DeltaClient(files)))


def can_hash(pipeline: Any) -> bool:
    """Whether the hashes of a table's rows are those that this process makes of the same rows.

    A DuckDB file is worked on by this process, and by no other one meanwhile.
    """
    return bool(pipeline.destination.destination_type == DUCKDB)


@contextmanager
def keep_open(pipeline: Any) -> Iterator[None]:
    """Keep a DuckDB file open inside the `with` block; any other destination is left alone.

    Each of dlt's jobs opens the file and closes it again, which takes longer than many a job.
    """
    if pipeline.destination.destination_type != DUCKDB:
        yield
        return
    # Not for others: to import it takes time.
    from spaaza_source.warehouse import fit_memory  # noqa: PLC0415

    with open_client(pipeline) as client:
        tables = (
            table for name in pipeline.schemas for table in pipeline.schemas[name].tables.values()
        )
        fit_memory(client, max((len(table["columns"]) for table in tables), default=0))
        yield


def ask(question: Callable[[Any], _T]) -> _T:
    """The result of queries that a resource makes while it is extracted.

    They are made in a thread of their own, where `dlt.current` knows no resource. Before them come
    those that could wait for others.

    Raises:
        SqlClientNotAvailable: The destination has no SQL.
    """
    pipeline, table_format = current_pipeline(), dlt.current.resource().table_format
    key = (ask, pipeline.pipeline_name, pipeline.dataset_name, pipeline.default_schema_name)

    def work() -> _T:
        # It is opened and closed each time, and making it takes longer than that.
        make = partial(made_once, pipeline.destination, key, pipeline.sql_client)
        with _ONE_AT_A_TIME, open_client(pipeline, None, table_format, make) as client:
            for later in list(_WAITING.get(pipeline, ())):
                if later.table_format == table_format:
                    _WAITING[pipeline].discard(later)
                    later.answer(client)
            return question(client)

    return in_own_thread(work)


class AskLater(Generic[_T]):
    """Queries of a resource that is extracted, which can wait for others or for their result's use.

    To open a DuckDB file takes longer than a query of a small table.
    """

    def __init__(self, question: Callable[[Any], _T]) -> None:
        self._question = question
        self._answer: _T | None = None
        self._failure: Exception | None = None
        self._is_answered = False
        self.table_format = dlt.current.resource().table_format
        with _ONE_AT_A_TIME:
            _WAITING.setdefault(current_pipeline(), WeakSet()).add(self)

    def answer(self, client: Any) -> None:
        """Make the queries; what fails is raised where the result is used."""
        try:
            with values_hidden():
                self._answer = self._question(client)
        except Exception as failure:  # noqa: BLE001 - it is raised by `result`
            self._failure = failure
        self._is_answered = True

    def result(self) -> _T:
        """The result; within the resource.

        Raises:
            SqlClientNotAvailable: The destination has no SQL.
        """
        if not self._is_answered:
            ask(lambda _: None)
        if self._failure is not None:
            raise self._failure
        return cast("_T", self._answer)


def fetch_number(client: Any, sql: str) -> int:
    """The one number that a query answers."""
    return int(client.execute_sql(sql)[0][0])


def fetch_chunks(client: Any, sql: str, *parameters: Any) -> Iterator[pa.Table]:
    """The rows that a query answers, chunk by chunk; parameters are the values of its `%s`."""
    if not (_COPIES_ROWS_OF_CURSORS and isinstance(client.native_connection, DuckDBPyConnection)):
        with client.execute_query(sql, *parameters) as cursor:
            yield from cursor.iter_arrow(chunk_size=CHUNK)
        return
    # dlt's client makes the views of files that it reads, and tells what fails, as ever.
    empty = f"SELECT * FROM ({sql}) LIMIT 0"  # noqa: S608 - put together by the callers
    with client.execute_query(empty, *parameters):
        query = sql.replace("%s", "?") if parameters else sql
        answer = client.native_connection.sql(query, params=list(parameters) or None)
        for batch in answer.to_arrow_reader(CHUNK):
            yield pa.Table.from_batches([batch])


def completed_loads(client: Any) -> str | None:
    """The name in SQL of dlt's table of completed loads; None where it is no table: at Delta."""
    if isinstance(client, DeltaClient):
        return None
    return str(client.make_qualified_table_name("_dlt_loads"))


def update_rows(
    client: Any, table: str, cells: Mapping[str, str], where: str, parameters: Sequence[Any]
) -> None:
    """Change rows of a table.

    Args:
        client: As `open_client` returns it.
        table: Its name.
        cells: New cells by column, in SQL.
        where: The rows, in SQL.
        parameters: The value of each `%s`, in `cells` and then in `where`.
    """
    if isinstance(client, DeltaClient):
        client.update(table, cells, where, parameters)
        return
    assignments = ", ".join(f"{column} = {cell}" for column, cell in cells.items())
    name = client.make_qualified_table_name(table)
    sql = f"UPDATE {name} SET {assignments} WHERE {where}"  # noqa: S608 - our own names
    client.execute_sql(sql, *parameters)


def read_table(pipeline: dlt.Pipeline, table: str) -> list[dict[str, Any]]:
    """All rows of one of the pipeline's tables; none where there is no such table."""
    if not pipeline.default_schema_name:
        return []
    schema = pipeline.default_schema
    table_format = schema.tables.get(table, {}).get("table_format")
    try:
        with open_client(pipeline, schema.name, table_format) as client:
            name = client.make_qualified_table_name(table)
            chunks = fetch_chunks(client, f"SELECT * FROM {name}")  # noqa: S608 - its own
            return [row for rows in chunks for row in rows.to_pylist()]
    except (DatabaseUndefinedRelation, ValueError, KeyError):
        return []


def window_condition(column: str, window: Window) -> str:
    """The rows of a window, in SQL; the column of times is quoted for the database."""
    after = f"{column} >= '{iso(window.start)}' AND " if window.start else ""
    return f"{after}{column} < '{iso(window.end)}'"


def window_scope(pipeline: Any, covered: Window | None, column: str | None) -> str | None:
    """The rows of a window, as SQL about `{table}`; None for all rows.

    Args:
        pipeline: Its destination's SQL.
        covered: The window; None, or one without a start, for all rows.
        column: The column that windows are taken by, as dlt names it; None where none is.
    """
    if covered is None or covered.start is None or column is None:
        return None
    return window_condition(f"{{table}}.{quote_in_scope(pipeline, column)}", covered)


def valid_rows(pipeline: Any, valid_to: str) -> str:
    """The rows of an `scd2` table that have not been retired, as SQL about `{table}`.

    `valid_to` is the column with the end of a row's validity, as dlt names it: it is NULL, or in
    the future if the user has set an `active_record_timestamp`.
    """
    column = f"{{table}}.{quote_in_scope(pipeline, valid_to)}"
    return f"({column} IS NULL OR {column} > CURRENT_TIMESTAMP)"


def quote_in_scope(pipeline: Any, column: str) -> str:
    """A column's name, as dlt has it, in SQL that is formatted once more."""
    return quote_column(pipeline, column).replace("{", "{{").replace("}", "}}")
