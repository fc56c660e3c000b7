"""A private staging dataset for a load that runs in parallel with others.

dlt merges through a staging dataset that all loads into a dataset share: two at a time would empty
each other's tables.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any, cast

import dlt
from dlt.common import logger
from dlt.common.destination import Destination, TDestinationReferenceArg
from dlt.common.destination.client import WithStagingDataset
from dlt.destinations.exceptions import DatabaseException

#: The setting of dlt's destinations that names their staging dataset.
LAYOUT = "staging_dataset_name_layout"
#: What ends the name of a private one: the name of a backfill, and that of a load of it.
_OWN = "[0-9a-f]{8}_[0-9a-f]{8}"


def with_own_staging(destination: TDestinationReferenceArg, name: str) -> Any:
    """A copy of the destination with a staging dataset of its own, `…_staging_{name}`."""
    own = copy.copy(Destination.from_reference(destination))
    if own is not None and LAYOUT in own.spec.get_resolvable_fields():
        own.config_params = {**own.config_params, LAYOUT: f"%s_staging_{name}"}
    return own


def drop_own_staging(pipeline: dlt.Pipeline) -> None:
    """Drop the private staging dataset of a pipeline's destination.

    A load that has ended does not need it, so a failure to drop it does not fail the load.
    """
    for client in _sql_clients(pipeline):
        _drop(client, client.staging_dataset_name)


def drop_leftover_staging(pipeline: dlt.Pipeline, name: str) -> None:
    """Drop the private staging datasets that killed loads have left.

    All datasets go whose names start with `…_staging_{name}`.
    """
    for client in _sql_clients(pipeline):
        start = f"{client.dataset_name}_staging_{name}".casefold()
        try:
            datasets = client.execute_sql("SELECT schema_name FROM INFORMATION_SCHEMA.SCHEMATA")
        except DatabaseException:
            logger.warning(
                "this destination does not list its datasets: drop those yourself whose names"
                f" start with {start!r}"
            )
            return
        for (dataset,) in datasets or ():
            if str(dataset).casefold().startswith(start):
                _drop(client, str(dataset))


def list_own_staging(client: Any) -> list[str]:
    """The private staging datasets of a dataset that there are: of backfills' loads, or left.

    Args:
        client: dlt's SQL client of the dataset.
    """
    own = re.compile(f"{re.escape(client.dataset_name)}_staging_{_OWN}", re.IGNORECASE)
    datasets = client.execute_sql(
        "SELECT schema_name FROM INFORMATION_SCHEMA.SCHEMATA"
        " WHERE catalog_name = current_database()"
    )
    return [str(dataset) for (dataset,) in datasets or () if own.fullmatch(str(dataset))]


def _sql_clients(pipeline: dlt.Pipeline) -> Iterator[Any]:
    """For each schema of a pipeline dlt's SQL client, where there are staging datasets."""
    for schema in pipeline.schema_names:
        with pipeline.destination_client(schema) as client:
            if isinstance(client, WithStagingDataset):
                yield cast("Any", client).sql_client


def _drop(client: Any, dataset: str) -> None:
    try:
        with client.with_alternative_dataset_name(dataset):
            if client.has_dataset():
                client.drop_dataset()
    except DatabaseException as failure:
        logger.warning(f"the staging dataset {dataset!r} was not dropped: {type(failure).__name__}")
