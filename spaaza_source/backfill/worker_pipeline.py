"""Opens the pipeline of a backfill, which may be one of many that load at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from uuid import uuid4

import dlt
from dlt.common.destination import TDestinationReferenceArg
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.extract import DltSource

from spaaza_source.backfill.schema_union import merge_stored_schemas
from spaaza_source.destination import check_connection, drop_own_staging, with_own_staging
from spaaza_source.errors import SettingsError
from spaaza_source.exports import private_folder


@contextmanager
def open_pipeline(
    name: str, destination: TDestinationReferenceArg, dataset: str, staging: str | None
) -> Iterator[dlt.Pipeline]:
    """A pipeline with the schemas and state that its destination has.

    Args:
        name: The pipeline's name.
        destination: A database as a dlt destination, or its name.
        dataset: The schema that holds the tables.
        staging: What the name of a staging dataset of its own begins with: then it also has a
            working folder of its own, and both are removed afterwards. None where no other worker
            loads at the same time.

    Raises:
        SettingsError: The destination is no database, or what it is connected with cannot be read.
    """
    with ExitStack() as own:
        given: dict[str, Any] = {"destination": destination}
        if staging is not None:
            given = {
                "destination": with_own_staging(destination, staging + uuid4().hex[:8]),
                "pipelines_dir": str(own.enter_context(private_folder())),
            }
        pipeline = dlt.pipeline(name, dataset_name=dataset, **given)
        _check_database(pipeline)
        check_connection(pipeline)
        # As the first run of any pipeline does, it takes schemas and state from the destination; no
        # later run would: it would take the last schema stored for all there is. It also ends a
        # load that was interrupted.
        pipeline.run()
        merge_stored_schemas(pipeline)
        try:
            yield pipeline
        finally:
            if staging is not None:
                drop_own_staging(pipeline)
            if pipeline.is_active:
                pipeline.deactivate()


def check_repeatable(source: DltSource, table: str) -> None:
    """Refuse a write disposition by which a task repeated on another worker would double rows.

    Raises:
        SettingsError: The table's rows are appended.
    """
    disposition: Any = source.resources[table].write_disposition
    kind = disposition.get("disposition") if isinstance(disposition, dict) else disposition
    if kind == "append":
        raise SettingsError(
            "appended rows would be there twice once a task is repeated on another worker",
            where=f"write_disposition of {table}",
            hint="Load this table on one machine: side_by_side=False.",
        )


def _check_database(pipeline: dlt.Pipeline) -> None:
    if not issubclass(pipeline.destination.client_class, SqlJobClientBase):
        raise SettingsError(
            f"{pipeline.destination.destination_name} is no database, which could be asked what"
            " is loaded",
            where="destination",
            hint="Load this range at once: spaaza load, or start_date and end_date.",
        )
