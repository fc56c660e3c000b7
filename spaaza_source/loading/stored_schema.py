"""Completes what a pipeline's schema knows of a table by what its destination has stored.

dlt takes a schema from the destination at a pipeline's first run, by the pipeline's name. Types,
headers and keys belong to the table, whatever pipeline, or machine, loads it.
"""

from __future__ import annotations

from copy import deepcopy

import dlt
from dlt.common import json
from dlt.common.destination.client import WithStateSync
from dlt.common.schema import Schema

from spaaza_source.destination import current_pipeline, in_own_thread, keep_open
from spaaza_source.errors import SettingsError
from spaaza_source.writing import FORMAT, RECREATED


def remember_table(table: str, *, exists: bool) -> None:
    """Complete what the schema that is extracted with knows of a table.

    Args:
        table: The table.
        exists: Whether the destination has it.

    Raises:
        SettingsError: Another source of the pipeline loads a table of that name.
    """
    _check_other_sources(table)
    schema = dlt.current.source_schema()
    is_known = FORMAT in schema.tables.get(table, {})
    if exists and not is_known:
        pipeline = current_pipeline()
        stored = in_own_thread(lambda: _stored_schema(pipeline, schema.name))
        for name, hints in (stored.tables if stored else {}).items():
            schema.tables.setdefault(name, deepcopy(hints))
    elif is_known and not exists:
        # dlt makes tables where a schema is new to the destination: this makes it another one.
        load = str(dlt.current.load_package_state()["load_id"])
        schema.tables[table][RECREATED] = load  # type: ignore[literal-required]


def restore_from_destination(pipeline: dlt.Pipeline, source: str) -> None:
    """Restore a pipeline's state from its destination, and what that knows of a source's tables.

    Args:
        pipeline: It has loaded them, or another has, by whatever name.
        source: The name of the source, which its schema has too.

    Raises:
        UnavailableError: Another process has its DuckDB file open, and does not close it.
    """
    with keep_open(pipeline):
        pipeline.sync_destination()
        if source in pipeline.schema_names:
            return
        stored = _stored_schema(pipeline, source)
    if stored is not None:
        pipeline._inject_schema(stored)  # noqa: SLF001 - what dlt's own `attach` is made of


def _stored_schema(pipeline: dlt.Pipeline, name: str) -> Schema | None:
    """The schema that the destination has stored last by that name."""
    with pipeline.destination_client() as client:
        if not isinstance(client, WithStateSync):
            return None
        stored = client.get_stored_schema(name)
    return None if stored is None else Schema.from_stored_schema(json.loads(stored.schema))


def _check_other_sources(table: str) -> None:
    """Refuse a table that another source of this pipeline loads into the same dataset."""
    pipeline, own = current_pipeline(), dlt.current.source_schema().name
    if not pipeline.config.use_single_dataset:
        return
    for name in pipeline.schemas.list_schemas():
        if name != own and FORMAT in pipeline.schemas[name].tables.get(table, {}):
            raise SettingsError(
                f"the source {name} loads a table of that name into this dataset",
                where=table,
                hint="Load into another dataset (dataset_name, --dataset).",
            )
