"""Private staging datasets: of a backfill's loads side by side, and where no lock parts loads.

dlt merges through a staging dataset that all loads into a dataset share: two at a time would empty
each other's tables, or merge each other's rows. PostgreSQL has a lock that loads wait for, and a
DuckDB file is open to one process at a time. Elsewhere each pipeline has a staging dataset of its
own. Its name is kept in the working folder: a load that goes on after a kill finds what was staged,
and the next one that ends drops what killed ones have left.
"""

from __future__ import annotations

import copy
import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import dlt
from dlt.common import logger
from dlt.common.destination import Destination, TDestinationReferenceArg
from dlt.common.destination.client import WithStagingDataset
from dlt.common.destination.exceptions import DestinationException
from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.job_client_impl import SqlJobClientWithStagingDataset

from spaaza_source.destination.load_lock import TRY_LOCK
from spaaza_source.destination.resolved_once import DUCKDB, resolved_once
from spaaza_source.errors import SettingsError
from spaaza_source.settings import OF_ALL_RUNS, OWN_STAGING, require_flag

#: The setting of dlt's destinations that names their staging dataset.
LAYOUT = "staging_dataset_name_layout"
#: What ends the name of a private one: the name of a backfill, and that of a load of it; or of a
#: working folder's place, and that of its pipeline.
_OWN = "[0-9a-f]{8}_[0-9a-f]{8}"
#: Key in dlt's configuration (`SPAAZA_SOURCE__OWN_STAGING`): whether there are such datasets.
SETTING = f"{OF_ALL_RUNS}.{OWN_STAGING}"
#: In a pipeline's working folder: what the name of its staging dataset ends with.
NAME_FILE = "own_staging"


def with_own_staging(destination: TDestinationReferenceArg, name: str) -> Any:
    """A copy of the destination with a staging dataset of its own, `…_staging_{name}`."""
    return _with_layout(destination, f"%s_staging_{name}")


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
    """The private staging datasets of a dataset that there are: of loads in progress, or left.

    Args:
        client: dlt's SQL client of the dataset.
    """
    shared = client.staging_dataset_name
    # That of all loads; where its name is one for all datasets, with the dataset's behind it.
    stems = {f"{client.dataset_name}_staging", shared, f"{shared}_{client.dataset_name}"}
    own = re.compile(f"({'|'.join(map(re.escape, sorted(stems)))})_{_OWN}", re.IGNORECASE)
    datasets = client.execute_sql(
        "SELECT schema_name FROM INFORMATION_SCHEMA.SCHEMATA"
        " WHERE catalog_name = current_database()"
    )
    return [str(dataset) for (dataset,) in datasets or () if own.fullmatch(str(dataset))]


def wants_own_staging() -> bool:
    """Whether the user lets loads make staging datasets of their own, where they need them.

    Raises:
        SettingsError: The setting is neither true nor false.
    """
    value: Any = dlt.config.get(SETTING)
    if isinstance(value, str):
        # From the environment it is text.
        with suppress(ValueError):
            value = json.loads(value.lower())
    return value is None or bool(require_flag(SETTING, value))


@contextmanager
def pipeline_staging(pipeline: Any) -> Iterator[bool]:
    """Give a pipeline a staging dataset of its own inside the `with` block; whether it has one.

    Others that were given the same destination keep theirs.

    Raises:
        SettingsError: The setting is neither true nor false.
    """
    shared = pipeline.destination
    layout = _own_layout(pipeline) if wants_own_staging() and _needs_own(shared) else None
    if layout is None:
        yield False
        return
    own = _with_layout(shared, layout)
    pipeline.destination = own
    try:
        with resolved_once(own):
            yield True
    finally:
        # `load` may have been given another one.
        if pipeline.destination is own:
            pipeline.destination = shared


def create_staging(pipeline: Any) -> None:
    """Create the staging datasets of a pipeline that merges, before dlt does.

    Raises:
        SettingsError: The destination refuses to.
    """
    for name in pipeline.schema_names:
        with pipeline.destination_client(name) as client:
            tables = client.schema.data_table_names()
            if not any(map(client.should_load_data_to_staging_dataset, tables)):
                continue
            dataset = client.sql_client.staging_dataset_name
            with client.with_staging_dataset():
                try:
                    if not client.is_storage_initialized():
                        client.initialize_storage()
                except DestinationException as refused:
                    raise SettingsError(
                        "the destination does not let this load create a staging dataset of its"
                        f" own ({type(refused).__name__})",
                        where=f"dataset {dataset!r}",
                        hint="Let its user create datasets. Or set SPAAZA_SOURCE__OWN_STAGING=false"
                        " to use the one that all loads share, and run one load at a time.",
                    ) from refused


def _with_layout(destination: TDestinationReferenceArg, layout: str) -> Any:
    """A copy of the destination whose staging datasets are named by that layout of dlt's."""
    own = copy.copy(Destination.from_reference(destination))
    if own is not None and LAYOUT in own.spec.get_resolvable_fields():
        own.config_params = {**own.config_params, LAYOUT: layout}
    return own


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


def _needs_own(destination: Any) -> bool:
    """Whether loads into a destination share staging tables, and nothing keeps them apart."""
    kind = destination.destination_type
    return (
        kind != DUCKDB
        and kind not in TRY_LOCK
        and issubclass(destination.client_class, SqlJobClientWithStagingDataset)
        and LAYOUT in destination.spec.get_resolvable_fields()
    )


def _own_layout(pipeline: Any) -> str | None:
    """The layout of the staging dataset's name; None where it is a load's own already."""
    layout = str(getattr(pipeline.destination_client().config, LAYOUT))
    if re.search(f"_{_OWN}$", layout):
        return None
    # A user's layout may be one name for all datasets.
    stem = layout if "%s" in layout else f"{layout}_%s"
    return f"{stem}_{_own_name(Path(pipeline.working_dir))}"


def _own_name(folder: Path) -> str:
    """The name that is kept in a working folder; a copy of the folder gets another one."""
    place = sha256(f"{socket.gethostname()} {folder.resolve()}".encode()).hexdigest()[:8]
    file = folder / NAME_FILE
    with suppress(OSError):
        kept = file.read_text(encoding="utf-8")
        if re.fullmatch(_OWN, kept) and kept.startswith(place):
            return kept
    name = f"{place}_{uuid4().hex[:8]}"
    partial = file.with_name(f"{NAME_FILE}.{uuid4().hex[:8]}")
    partial.write_text(name, encoding="utf-8")
    partial.replace(file)
    return name
