"""The pipeline of a command's loads: opened for one destination, and locked while it loads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import dlt
from dlt.common.configuration.exceptions import ConfigurationValueError
from dlt.common.pipeline import get_dlt_pipelines_dir
from dlt.common.runtime.collector import NULL_COLLECTOR
from dlt.common.runtime.collector_base import Collector

from spaaza_source.cli.target import Target
from spaaza_source.dlt_hooks import hold_run_lock
from spaaza_source.errors import SettingsError

#: Key of the pipeline's local state: where it loads to.
LOCATION = "spaaza_place"


@contextmanager
def locked_pipeline(target: Target, progress: Collector) -> Iterator[dlt.Pipeline]:
    """The target's pipeline, to load with: no other process loads by one of its name meanwhile."""
    with hold_run_lock(_folder(target)):
        yield open_pipeline(target, progress)


def open_pipeline(target: Target, progress: Collector = NULL_COLLECTOR) -> dlt.Pipeline:
    """The target's pipeline.

    A pipeline's state belongs to one destination. If the last command loaded into another one, the
    state is dropped here and restored from the destination itself, once no load is running.

    Raises:
        SettingsError: A load into the other destination is not finished.
    """
    folder = _folder(target)
    is_new = not (folder / dlt.Pipeline.STATE_FILE).exists()
    with hold_run_lock(folder) if is_new else nullcontext():
        pipeline = dlt.pipeline(
            target.pipeline,
            destination=target.destination,
            dataset_name=target.dataset,
            progress=progress,
        )
        location = _location(pipeline, target.dataset)
        stored = _stored_location(pipeline)
        if stored is None:
            pipeline.set_local_state_val(LOCATION, location)
    if stored in (None, location):
        return pipeline
    with hold_run_lock(folder):
        if pipeline.has_pending_data:
            raise SettingsError(
                "a load into another destination is not finished",
                where=f"pipeline {target.pipeline!r}",
                hint="Run the same command with the previous destination first.",
            )
        pipeline = pipeline.drop()
        pipeline.set_local_state_val(LOCATION, location)
    return pipeline


def _folder(target: Target) -> Path:
    return Path(get_dlt_pipelines_dir(), target.pipeline)


def _stored_location(pipeline: dlt.Pipeline) -> Any:
    try:
        return pipeline.get_local_state_val(LOCATION)
    except KeyError:
        return None


def _location(pipeline: dlt.Pipeline, dataset: str) -> str:
    """A text that differs for each destination, without a secret in it."""
    config: Any = pipeline.destination_client().config
    location = f"{config.destination_type} {config.fingerprint()}"
    if "duckdb" in config.destination_type:
        return f"{location} {config.credentials.database} {dataset}"
    # One server has many databases, one bucket many folders.
    with suppress(ConfigurationValueError):
        location += f" {config.data_location()}"
    folder = str(getattr(config, "bucket_url", ""))
    return f"{location} {sha256(folder.encode()).hexdigest()} {dataset}"
