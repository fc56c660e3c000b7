"""A staging dataset of one's own, for a load that is not the only one at its time.

dlt merges through a staging dataset that all loads into a dataset share: two at a time would empty
each other's tables.
"""

from __future__ import annotations

import copy
from typing import Any

import dlt
from dlt.common import logger
from dlt.common.destination import Destination, TDestinationReferenceArg
from dlt.common.destination.client import WithStagingDataset
from dlt.destinations.exceptions import DatabaseException

#: The setting of dlt's destinations that names their staging dataset.
LAYOUT = "staging_dataset_name_layout"


def with_own_staging(destination: TDestinationReferenceArg, name: str) -> Any:
    """The same destination, whose staging dataset has a name of its own.

    Args:
        destination: A destination, or its name.
        name: What stands in the dataset's name behind `…_staging_`.
    """
    own = copy.copy(Destination.from_reference(destination))
    if own is not None and LAYOUT in own.spec.get_resolvable_fields():
        own.config_params = {**own.config_params, LAYOUT: f"%s_staging_{name}"}
    return own


def drop_own_staging(pipeline: dlt.Pipeline) -> None:
    """Drop the staging dataset of a pipeline whose destination has one of its own.

    A load that has ended needs none, so a failure to drop it is no failure of the load.
    """
    for schema in pipeline.schema_names:
        with pipeline.destination_client(schema) as client:
            if isinstance(client, WithStagingDataset):
                sql: Any = client
                _drop(sql.sql_client, sql.sql_client.staging_dataset_name)


def drop_leftover_staging(pipeline: dlt.Pipeline, name: str) -> None:
    """Drop the staging datasets that killed loads have left.

    Args:
        pipeline: Whose destination.
        name: What their names begin with behind `…_staging_`; nobody else's may begin so.
    """
    prefix = f"_staging_{name}".casefold()
    for schema in pipeline.schema_names:
        with pipeline.destination_client(schema) as client:
            if not isinstance(client, WithStagingDataset):
                continue
            own: Any = client
            sql = own.sql_client
            begin = f"{sql.dataset_name}{prefix}".casefold()
            try:
                found = sql.execute_sql("SELECT schema_name FROM INFORMATION_SCHEMA.SCHEMATA")
            except DatabaseException:
                logger.warning(
                    "this destination does not list its datasets: drop those yourself whose names"
                    f" begin with {begin!r}"
                )
                return
            for (dataset,) in found or ():
                if str(dataset).casefold().startswith(begin):
                    _drop(sql, str(dataset))


def _drop(client: Any, dataset: str) -> None:
    try:
        with client.with_alternative_dataset_name(dataset):
            if client.has_dataset():
                client.drop_dataset()
    except DatabaseException as failure:
        logger.warning(f"the staging dataset {dataset!r} was not dropped: {type(failure).__name__}")
