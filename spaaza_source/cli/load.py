"""The `spaaza` command's loads: of all that can be loaded, though some exports fail.

What was loaded, and how, is told by a `report`; the words for what failed are `explain`'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import dlt
from dlt.common.configuration.exceptions import ConfigurationValueError
from dlt.common.destination import TDestinationReferenceArg
from dlt.common.pipeline import get_dlt_pipelines_dir
from dlt.common.runtime.collector import NULL_COLLECTOR
from dlt.common.runtime.collector_base import Collector
from dlt.extract import DltSource
from dlt.pipeline.exceptions import PipelineStepFailed

from spaaza_source.chat import tell_chat
from spaaza_source.cli.error_messages import ExportsFailedError, failed_export
from spaaza_source.cli.report import Report
from spaaza_source.cli.target import Target
from spaaza_source.destination import read_table
from spaaza_source.dlt_hooks import hold_run_lock
from spaaza_source.errors import SettingsError
from spaaza_source.exports import archived_loads, archived_tables

#: Key of the pipeline's local state: where it loads to.
PLACE = "spaaza_place"


def pipeline_of(target: Target) -> dlt.Pipeline:
    """The pipeline of a command's loads, to look at: see `pipeline_to`."""
    return pipeline_to(target.vendor.name, target.destination, target.dataset)


def turn_of(target: Target, progress: Collector) -> AbstractContextManager[dlt.Pipeline]:
    """The pipeline of a command's loads, to load with: see `turn_to`."""
    return turn_to(target.vendor.name, target.destination, target.dataset, progress)


@contextmanager
def turn_to(
    name: str, destination: TDestinationReferenceArg, dataset: str, progress: Collector
) -> Iterator[dlt.Pipeline]:
    """As `pipeline_to`, and nothing else loads by a pipeline of that name until this is left."""
    with hold_run_lock(_folder(name)):
        yield pipeline_to(name, destination, dataset, progress)


def pipeline_to(
    name: str,
    destination: TDestinationReferenceArg,
    dataset: str,
    progress: Collector | None = None,
) -> dlt.Pipeline:
    """A command's pipeline, which tells of its exports by `progress`.

    What a pipeline remembers is of one destination. Where the last command of that name loaded
    into another, it is forgotten here, and comes from the destination itself. That waits until no
    load is under way.

    Raises:
        SettingsError: A load into the other destination is not finished.
    """
    folder = _folder(name)
    is_new = not (folder / dlt.Pipeline.STATE_FILE).exists()
    with hold_run_lock(folder) if is_new else nullcontext():
        pipeline = dlt.pipeline(
            name,
            destination=destination,
            dataset_name=dataset,
            progress=progress or NULL_COLLECTOR,
        )
        place = _place(pipeline, dataset)
        before = _place_before(pipeline)
        if before is None:
            pipeline.set_local_state_val(PLACE, place)
    if before in (None, place):
        return pipeline
    with hold_run_lock(folder):
        if pipeline.has_pending_data:
            raise SettingsError(
                "a load into another destination is not finished",
                where=f"pipeline {name!r}",
                hint="Run the same command with the destination of before, then this one.",
            )
        pipeline = pipeline.drop()
        pipeline.set_local_state_val(PLACE, place)
    return pipeline


def _folder(name: str) -> Path:
    return Path(get_dlt_pipelines_dir(), name)


def _place_before(pipeline: dlt.Pipeline) -> Any:
    try:
        return pipeline.get_local_state_val(PLACE)
    except KeyError:
        return None


def _place(pipeline: dlt.Pipeline, dataset: str) -> str:
    """What tells one destination from another, without a secret in it."""
    config: Any = pipeline.destination_client().config
    place = f"{config.destination_type} {config.fingerprint()}"
    if "duckdb" in config.destination_type:
        return f"{place} {config.credentials.database} {dataset}"
    # One server has many databases, one bucket many folders.
    with suppress(ConfigurationValueError):
        place += f" {config.data_location()}"
    folder = str(getattr(config, "bucket_url", ""))
    return f"{place} {sha256(folder.encode()).hexdigest()} {dataset}"


def load_and_tell(
    pipeline: dlt.Pipeline,
    source: DltSource,
    report: Report,
    *,
    full_refresh: bool = False,
) -> None:
    """Run the pipeline, then tell what it loaded.

    An export that fails stops the whole extraction. The others are then loaded without it: what
    they have asked for is taken up, so nothing is exported twice.
    """
    if full_refresh and pipeline.has_pending_data:
        # dlt would end an interrupted load, and no more.
        pipeline.run()
    failures: dict[str, Exception] = {}
    while tables := [name for name in source.selected_resources if name not in failures]:
        try:
            chosen = source.with_resources(*tables)
            if full_refresh:
                loaded = pipeline.run(chosen, refresh="drop_resources")
            else:
                loaded = pipeline.run(chosen)
        except PipelineStepFailed as failure:
            table = failed_export(failure)
            if table not in tables:
                raise
            failures[table] = failure
        else:
            _tell_loads(pipeline, loaded.loads_ids, report)
            break
    if failures:
        raise ExportsFailedError(list(failures.values()))


def load_kept(target: Target, folder: Path, report: Report, **more: Any) -> None:
    """Load what earlier loads have kept, in the order in which they were made."""
    with turn_of(target, report.progress) as pipeline:
        for load in archived_loads(folder):
            tables = [table for table in target.tables if table in archived_tables(load)]
            if tables:
                source = target.source(from_files=str(load), **more).with_resources(*tables)
                load_and_tell(pipeline, source, report)


def _tell_loads(pipeline: dlt.Pipeline, loads: Sequence[str], report: Report) -> None:
    jobs = [job for job in read_table(pipeline, "export_jobs") if job["_dlt_load_id"] in loads]
    report.loaded(jobs)
    tell_chat(_summary(pipeline, jobs))


def _summary(pipeline: dlt.Pipeline, jobs: Iterable[Mapping[str, Any]]) -> str:
    """A load in a sentence or two."""
    loaded: Counter[str] = Counter()
    rejected: Counter[str] = Counter()
    for job in jobs:
        loaded[job["table_name"]] += job["loaded"] or 0
        rejected[job["table_name"]] += job["rejected"] or 0
    told = ", ".join(f"{rows:,} rows of {table}" for table, rows in sorted(loaded.items()))
    bad = f" {rejected.total():,} rows were rejected." if rejected.total() else ""
    return f"{pipeline.pipeline_name} loaded {told or 'nothing'} into {pipeline.dataset_name}.{bad}"
