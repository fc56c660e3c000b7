"""The `spaaza` command's loads: of all that can be loaded, though some exports fail.

What was loaded, and how, is shown by `console`; the words for what failed are `explain`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dlt
from dlt.common.destination import TDestinationReferenceArg
from dlt.extract import DltSource
from dlt.pipeline.exceptions import PipelineStepFailed
from rich.console import Console

from spaaza_source.console import ExportLines, show_loaded
from spaaza_source.explain import failed_export
from spaaza_source.exports.kept import kept_loads, tables_of
from spaaza_source.target import Target


class ExportsFailedError(Exception):
    """Some exports of a load failed; the others are loaded.

    Args:
        failures: What dlt raised for each.
    """

    def __init__(self, failures: Sequence[Exception]) -> None:
        super().__init__(f"{len(failures)} exports failed")
        self.failures = failures


def pipeline_to(
    name: str, destination: TDestinationReferenceArg, dataset: str, console: Console
) -> dlt.Pipeline:
    """A command's pipeline, which tells of its exports on the console."""
    return dlt.pipeline(
        name, destination=destination, dataset_name=dataset, progress=ExportLines(console)
    )


def load_and_show(
    pipeline: dlt.Pipeline,
    source: DltSource,
    console: Console,
    *,
    full_refresh: bool = False,
) -> None:
    """Run the pipeline, then show what it loaded.

    An export that fails stops the whole extraction. The others are then loaded without it: what
    they have asked for is taken up, so nothing is exported twice.
    """
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
            _show_loads(pipeline, loaded.loads_ids, console)
            break
    if failures:
        raise ExportsFailedError(list(failures.values()))


def load_kept(target: Target, folder: Path, console: Console, **more: Any) -> None:
    """Load what earlier loads have kept, in the order in which they were made."""
    pipeline = pipeline_to("spaaza", target.destination, target.dataset, console)
    for load in kept_loads(folder):
        tables = [table for table in target.tables if table in tables_of(load)]
        if tables:
            source = target.source(from_files=str(load), **more).with_resources(*tables)
            load_and_show(pipeline, source, console)


def _show_loads(pipeline: dlt.Pipeline, loads: Sequence[str], console: Console) -> None:
    jobs = pipeline.dataset()["export_jobs"].where("_dlt_load_id", "in", list(loads))
    table = jobs.arrow()
    show_loaded(console, [] if table is None else table.to_pylist())
