"""The pipelines of a command: one for each destination and account, locked while it loads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import dlt
from dlt.common.configuration.exceptions import ConfigurationValueError
from dlt.common.pipeline import get_dlt_pipelines_dir
from dlt.common.runtime.collector import NULL_COLLECTOR
from dlt.common.runtime.collector_base import Collector
from dlt.common.schema.typing import PIPELINE_STATE_TABLE_NAME
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from spaaza_source.cli.target import Target
from spaaza_source.destination import (
    check_configuration,
    check_connection,
    keep_attached,
    open_client,
    resolved_once,
)
from spaaza_source.dlt_hooks import abandon_packages, hold_run_lock
from spaaza_source.errors import SettingsError
from spaaza_source.exports import private_folder
from spaaza_source.warehouse import NO_FILES, duckdb_file

#: Keys of the pipeline's local state: where it loads to, as a text to compare and as one to read.
LOCATION = "spaaza_place"
LOCATION_NAME = "spaaza_place_name"


@contextmanager
def locked_pipeline(
    target: Target, progress: Collector, *, abandon: bool = False
) -> Iterator[dlt.Pipeline]:
    """The target's pipeline, to load with: no other process loads by one of its name meanwhile.

    Args:
        target: What is loaded, and where to.
        progress: Told what the pipeline does.
        abandon: Whether a load that is not finished is given up.

    Raises:
        SettingsError: A load into another destination, by a pipeline of that name, is not finished.
    """
    with (
        resolved_once(target.destination),
        keep_attached(target.destination),
        _locked(target, progress, abandon=abandon) as pipeline,
    ):
        yield pipeline


@contextmanager
def reserved_pipeline(target: Target) -> Iterator[None]:
    """Let no other process load by the target's pipeline inside the `with` block.

    Raises:
        UnavailableError: One does.
    """
    folder = Path(get_dlt_pipelines_dir(), _pipeline_name(target, _locate(target)))
    with hold_run_lock(folder, waits=False):
        yield


@contextmanager
def _locked(target: Target, progress: Collector, *, abandon: bool) -> Iterator[dlt.Pipeline]:
    location = _locate(target)
    pipeline_name = _pipeline_name(target, location)
    folder = Path(get_dlt_pipelines_dir(), pipeline_name)
    with hold_run_lock(folder):
        pipeline = dlt.pipeline(
            pipeline_name,
            destination=target.destination,
            dataset_name=target.dataset,
            progress=progress,
        )
        if abandon:
            abandon_packages(pipeline)
        pipeline = _enter_location(pipeline, location)
        yield pipeline


@contextmanager
def reading_pipeline(target: Target) -> Iterator[dlt.Pipeline]:
    """A pipeline to look at the target's destination with; nothing is loaded by it.

    It has a folder of its own, so it needs no lock, and is not concerned by loads that are not
    finished. A DuckDB file is opened to read alone, whoever names it, and never created.
    """
    location = _locate(target)
    name = _pipeline_name(target, location)
    with private_folder() as folder:
        if location.file is not None:
            there = location.file.exists()
            file = duckdb_file(location.file if there else folder / "none.duckdb", read_only=there)
            target = replace(target, destination=file)
        yield _temporary_pipeline(target, name, folder)


@contextmanager
def upkeep_pipeline(target: Target, *, read_only: bool = False) -> Iterator[dlt.Pipeline]:
    """A pipeline to work on a dataset by SQL that has been loaded; it needs no vendor's settings.

    As `reading_pipeline`, it has a folder of its own. A DuckDB file may be written, unless it is to
    be read only.
    """
    if read_only and target.db is not None:
        target = replace(target, destination=duckdb_file(target.db, read_only=True))
    with private_folder() as folder:
        yield _temporary_pipeline(target, target.pipeline or target.vendor.name, folder)


def _temporary_pipeline(target: Target, name: str, folder: Path) -> dlt.Pipeline:
    """A pipeline to the target's destination that leaves nothing beside its folder."""
    return dlt.pipeline(
        name,
        pipelines_dir=str(folder),
        destination=target.destination,
        dataset_name=target.dataset,
        progress=NULL_COLLECTOR,
    )


def require_own_tables(pipeline: dlt.Pipeline) -> None:
    """Check that no other pipeline has loaded into the dataset, as its tables will be dropped.

    Raises:
        SettingsError: One has.
    """
    others: set[str] = set()
    with open_client(pipeline) as client, suppress(DatabaseUndefinedRelation):
        states = client.make_qualified_table_name(PIPELINE_STATE_TABLE_NAME)
        found = client.execute_sql(f"SELECT DISTINCT pipeline_name FROM {states}")  # noqa: S608
        others = {str(name) for (name,) in found} - {pipeline.pipeline_name}
    if others:
        raise SettingsError(
            f"the dataset {pipeline.dataset_name} has tables of the pipeline {min(others)}",
            where="--db",
            hint="Name another file.",
        )


def _enter_location(pipeline: dlt.Pipeline, location: _Location) -> dlt.Pipeline:
    """The pipeline, for that destination: what it knows of another one is dropped.

    Only one that the user named can have loaded into another.
    """
    stored = _local_value(pipeline, LOCATION)
    if stored not in (None, location.key):
        if pipeline.has_pending_data:
            before = _local_value(pipeline, LOCATION_NAME) or "another destination"
            raise SettingsError(
                f"a load into {before} is not finished",
                where=f"pipeline {pipeline.pipeline_name!r}",
                hint="Run the same command for that destination, name another --pipeline, or give"
                " that load up: load --abandon.",
            )
        pipeline = pipeline.drop()
    if stored != location.key:
        pipeline.set_local_state_val(LOCATION, location.key)
        pipeline.set_local_state_val(LOCATION_NAME, location.name)
    return pipeline


def _local_value(pipeline: dlt.Pipeline, key: str) -> Any:
    try:
        return pipeline.get_local_state_val(key)
    except KeyError:
        return None


def _pipeline_name(target: Target, location: _Location) -> str:
    """The name that the user gave, or one for each destination and account."""
    if target.pipeline is not None:
        return target.pipeline
    digest = sha256(f"{location.key} {target.account}".encode()).hexdigest()
    return f"{target.vendor.name}_{digest[:8]}"


@dataclass(frozen=True)
class _Location:
    """Where a target is loaded to; no secret is in it.

    Attributes:
        key: A text that differs for each place.
        name: One to read.
        file: The DuckDB file; None for another destination, or a database in memory.
    """

    key: str
    name: str
    file: Path | None = None


def _locate(target: Target) -> _Location:
    config = _resolve(target)
    kind = str(config.destination_type).rpartition(".")[2]
    location = f"{config.destination_type} {config.fingerprint()}"
    if "duckdb" in config.destination_type:
        database = str(config.credentials.database)
        return _Location(
            f"{location} {database} {target.dataset}",
            f"{database}, dataset {target.dataset}",
            None if database in NO_FILES else Path(database),
        )
    # One server has many databases, one bucket many folders.
    with suppress(ConfigurationValueError):
        location += f" {config.data_location()}"
    bucket = str(getattr(config, "bucket_url", ""))
    text = f"{location} {sha256(bucket.encode()).hexdigest()} {target.dataset}"
    return _Location(text, f"{kind} ({config}), dataset {target.dataset}")


def _resolve(target: Target) -> Any:
    """What dlt's configuration says of the target's destination."""
    if target.db is not None:
        # A pipeline, which others are resolved for, takes ten times as long.
        file: Any = target.destination
        named = file.spec()._bind_dataset_name(target.dataset)  # noqa: SLF001 - as pipelines do
        return check_configuration(file, lambda: file.configuration(named))
    with private_folder() as folder:
        return check_connection(_temporary_pipeline(target, target.vendor.name, folder))
