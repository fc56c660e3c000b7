"""Tells in the destination, at a run's end, which exports were asked for and not loaded, and why.

They go to the table `failed_exports`, by dlt's own clients but in no load of the pipeline's: the
run that has asked for them has failed, and the next one may fail too. Where the destination cannot
be reached, the notes wait in the pipeline's working folder for the end of the next run.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import dlt
from dlt.common import logger
from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext
from dlt.common.schema import Schema
from dlt.common.schema.utils import new_table
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.extract.exceptions import ResourceExtractionError

from spaaza_source.audit import (
    FAILED_EXPORTS,
    KEPT,
    STOPPED,
    AskedFor,
    as_failed,
    audit_schema,
    list_asked_for,
    read_asked_for,
)
from spaaza_source.destination import fetch_chunks, open_client, values_hidden
from spaaza_source.dlt_hooks.lasting_failures import causes_of
from spaaza_source.errors import SpaazaSourceError
from spaaza_source.exports import private_folder

TABLE = "failed_exports"
#: The schema of that table alone: a pipeline's own schemas are as its loads have left them.
SCHEMA = "spaaza_failed_exports"
#: Rows that are written by one statement.
TOGETHER = 40

Row = Mapping[str, Any]


class FailedExports:
    """What the runs of pipelines have asked for and not loaded; each has its run lock."""

    def __init__(self) -> None:
        #: By run: the notes that earlier ones have left.
        self._left: dict[str, set[str]] = {}

    def begin(self, run: str, pipeline: Any) -> None:
        """Take note of what earlier runs have left, as a run begins."""
        self._left[run] = {file.name for file in list_asked_for(pipeline)}

    def end(self, run: str, pipeline: Any, *, has_failed: bool) -> None:
        """Write what is to be told as a run ends; keep what the next one may still load.

        Args:
            run: The run.
            pipeline: Its pipeline.
            has_failed: Whether it ends by an error, which is being raised.
        """
        left = self._left.pop(run, None)
        raised = sys.exc_info()[1]
        if left is None or not isinstance(raised, Exception | None):
            # Whoever stops a run does not wait for its destination.
            return
        try:
            if noted := read_asked_for(pipeline):
                _tell(pipeline, noted, left, raised if has_failed else None)
        except Exception as unwritten:  # noqa: BLE001 - how the run itself has ended counts
            logger.warning(
                "The exports that were not loaded could not be told in the destination"
                f" ({type(unwritten).__name__}); the next run does so"
            )


def _tell(
    pipeline: Any, noted: Sequence[AskedFor], left: Collection[str], failure: Exception | None
) -> None:
    """Write the rows of notes that are to be told, and remove the notes that nobody needs."""
    earlier = [each for each in noted if each.file.name in left]
    own = [each for each in noted if each.file.name not in left]
    table_format = noted[-1].table_format
    rows, done = [row for each in noted for row in each.told], list(earlier)
    stopped = [row for each in earlier for row in each.rows]
    if stopped:
        loaded = _keys(pipeline, table_format, "export_jobs", "loaded IS NOT NULL")
        rows += [row for row in stopped if _key(row) not in loaded]
    if absent := [row for each in noted for row in each.left]:
        # What a run has told of them when they failed is more exact.
        known = _keys(pipeline, table_format, TABLE, "1 = 1")
        rows += [row for row in absent if _key(row) not in known]
    for each in own:
        failed = [] if failure is None else list(_failed_rows(each, failure))
        rows += failed
        if failure is None or len(failed) == len(each.rows):
            done.append(each)
    if rows:
        # Of two rows of one export the last counts.
        write_failed(pipeline, list({_key(row): row for row in rows}.values()), table_format)
    for each in done:
        each.file.unlink(missing_ok=True)


def _failed_rows(noted: AskedFor, failure: Exception) -> Iterator[Row]:
    """The rows of those exports of a table that failed; the next run may still load the others."""
    causes = list(causes_of(failure))
    own = next((one for one in causes if isinstance(one, SpaazaSourceError)), None)
    resource = next((one for one in causes if isinstance(one, ResourceExtractionError)), None)
    if getattr(failure, "step", "extract") != "extract":
        # All that was extracted is in the package that failed.
        raised: Any = getattr(failure, "exception", failure)
        yield from as_failed(noted.rows, own or raised)
        return
    failed = [row for row in noted.rows if row["error"] != STOPPED]
    if not failed and resource is not None and resource.pipe_name == noted.resource:
        # What failed are its rows on their way: by a user's own step, or a contract of the schema.
        cause: BaseException = resource.__cause__ or resource
        yield from as_failed(noted.rows, own or cause)
    yield from failed


def write_failed(pipeline: Any, rows: Sequence[Row], table_format: str | None = None) -> None:
    """Write rows of `failed_exports`, in the place of those that there are of the same exports.

    Args:
        pipeline: Whose destination.
        rows: The rows.
        table_format: The format of the tables, such as `delta`; None for what the destination
            prefers.
    """
    if not issubclass(pipeline.destination.client_class, SqlJobClientBase):
        _load_rows(pipeline, rows, table_format)
        return
    schema = Schema(SCHEMA)
    schema.update_table(new_table(TABLE, columns=FAILED_EXPORTS[1]))
    # dlt updates a destination by schemas that were stored.
    schema = Schema.from_stored_schema(schema.to_dict())
    with values_hidden():
        clients = pipeline._get_destination_clients(schema)  # noqa: SLF001 - of a schema not its own
        with clients[0] as client:
            client.initialize_storage()
            client.update_stored_schema()
            for first in range(0, len(rows), TOGETHER):
                _replace_rows(client.sql_client, rows[first : first + TOGETHER])


def _replace_rows(client: Any, rows: Sequence[Row]) -> None:
    """Insert rows; those of the same exports go before."""
    key, columns = FAILED_EXPORTS
    names = [str(column["name"]) for column in columns]
    table = client.make_qualified_table_name(TABLE)
    is_row = f"({' AND '.join(f'{name} = %s' for name in key)})"
    client.execute_sql(
        f"DELETE FROM {table} WHERE {' OR '.join([is_row] * len(rows))}",  # noqa: S608 - our own
        *(row[name] for row in rows for name in key),
    )
    cells = f"({', '.join(['%s'] * len(names))})"
    client.execute_sql(
        f"INSERT INTO {table} ({', '.join(names)})"  # noqa: S608 - our own names
        f" VALUES {', '.join([cells] * len(rows))}",
        *(row[name] for row in rows for name in names),
    )


def _load_rows(pipeline: Any, rows: Sequence[Row], table_format: Any) -> None:
    """Write them where no SQL changes rows, by a pipeline of their own."""
    key, columns = FAILED_EXPORTS
    disposition: Any = {**KEPT, "strategy": "upsert"} if table_format else "append"
    resource: Any = dlt.resource(
        list(rows),
        name=TABLE,
        primary_key=key,
        columns=columns,
        table_format=table_format,
        write_disposition=disposition,
    )
    try:
        with private_folder() as folder:
            other = dlt.pipeline(
                pipeline.pipeline_name,
                pipelines_dir=str(folder),
                destination=pipeline.destination,
                dataset_name=pipeline.dataset_name,
            )
            # The state in the destination is the pipeline's.
            other.config.restore_from_destination = False
            other.run(resource, schema=Schema(SCHEMA))
    finally:
        Container()[PipelineContext].activate(pipeline)


def _keys(
    pipeline: Any, table_format: str | None, table: str, condition: str
) -> set[tuple[str, str]]:
    """The exports that an audit table has under a condition, in SQL."""
    try:
        with open_client(pipeline, audit_schema(table_format), table_format) as client:
            name = client.make_qualified_table_name(table)
            query = f"SELECT job_id, table_name FROM {name} WHERE {condition}"  # noqa: S608
            chunks = list(fetch_chunks(client, query))
    except (DatabaseUndefinedRelation, ValueError, KeyError):
        return set()
    return {_key(row) for rows in chunks for row in rows.to_pylist()}


def _key(row: Row) -> tuple[str, str]:
    return row["job_id"], row["table_name"]
