"""`spaaza check --deep`: compares tables with fresh exports, and loads nothing.

Exports are read outside of any pipeline, into a private folder, so that no state changes. What is
compared is what the privacy policy leaves of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import dlt
import duckdb
import pyarrow as pa
from dlt.extract import DltSource

from spaaza_source.cli.deep_check.diff import Comparison, Differences
from spaaza_source.cli.deep_check.table_rows import DestinationTable
from spaaza_source.destination import is_files, open_client
from spaaza_source.errors import SettingsError
from spaaza_source.exports import private_folder
from spaaza_source.loading import (
    TableLoad,
    exports_of,
    last_instants,
    loads_of,
    restore_from_destination,
    with_new_export,
)
from spaaza_source.retention import Age, age_of
from spaaza_source.tombstones import Tombstones, read_tombstones
from spaaza_source.warehouse import duckdb_settings
from spaaza_source.windows import Window, iso

#: Records of a JSON export that are compared at one time.
RECORDS = 10_000


class VendorTable(Protocol):
    """What a vendor's package knows of a table."""

    @property
    def table(self) -> str:
        """Its name."""

    @property
    def time_field(self) -> str | None:
        """The column that holds a row's time; None where none is known."""

    @property
    def is_final(self) -> bool:
        """Whether a row never changes once its time has passed; rows may still arrive late."""

    @property
    def volatile(self) -> Collection[str]:
        """Columns whose cells change by themselves as time passes."""


class TableDiff(NamedTuple):
    """One table of a deep check."""

    table: str
    #: The times that were compared; None for all rows.
    window: Window | None
    #: None where no load has created the table yet.
    differences: Differences | None
    #: What of it an export has and is not compared, as a message names it.
    uncompared: Sequence[str] = ()


class _Told(NamedTuple):
    """What is told of differences.

    Attributes:
        most: How many sample keys, at most.
        tombstones: Whose rows are none.
        moment: When, by the vendor's clock: what is too old to be kept then is none either.
    """

    most: int
    tombstones: Tombstones
    moment: datetime


def deep_check(
    pipeline: dlt.Pipeline,
    sources: Sequence[DltSource],
    known: Mapping[str, VendorTable],
    most: int,
    *,
    exists: bool,
) -> Iterator[TableDiff]:
    """Compare each selected table of the sources with a fresh export.

    Args:
        pipeline: The pipeline whose destination has the tables.
        sources: The sources that request the exports; their settings narrow them.
        known: What is known of the tables, by name.
        most: How many sample keys to give for each kind of difference.
        exists: Whether there is a destination to read; reading must not create it.

    Raises:
        SpaazaSourceError: An export failed, or a range has not been loaded yet.
    """
    if exists:
        for source in sources:
            restore_from_destination(pipeline, source.name)
    # Without an active pipeline a source has no state: it requests all rows, or its range.
    pipeline.deactivate()
    for source in sources:
        loaded = exists and source.name in pipeline.schema_names
        schema = pipeline.schemas[source.name] if loaded else None
        loads = loads_of(source)
        moment = _moment(source, loads)
        loaded_until = last_instants(loads, pipeline, source.name) if schema else {}
        comparisons: dict[str, tuple[DestinationTable, Comparison]] = {}
        with (
            private_folder() as folder,
            duckdb.connect(f"{folder}/check.duckdb", config=duckdb_settings()) as database,
        ):
            for name, load in loads.items():
                if schema is None or not schema.tables.get(name, {}).get("columns"):
                    yield TableDiff(name, None, None)
                    continue
                table = DestinationTable(pipeline, schema, name, known[name].volatile)
                times = _times(table, known[name], load, loaded_until[name], moment)
                age = _age(schema, table, load, moment)
                comparisons[name] = (
                    table,
                    Comparison(
                        database, name, table.columns, times, ignored=table.unversioned, age=age
                    ),
                )
            if comparisons and schema:
                told = _Told(most, _read_tombstones(pipeline, schema), moment)
                yield from _compare(source, loads, schema, comparisons, told)


def _read_tombstones(pipeline: dlt.Pipeline, schema: dlt.Schema) -> Tombstones:
    """The tombstones of a destination; in files nobody can be forgotten."""
    if is_files(pipeline.destination):
        return Tombstones()
    with open_client(pipeline, schema.name) as client:
        return read_tombstones(client)


def _compare(
    source: DltSource,
    loads: Mapping[str, TableLoad],
    schema: dlt.Schema,
    comparisons: Mapping[str, tuple[DestinationTable, Comparison]],
    told: _Told,
) -> Iterator[TableDiff]:
    unread: dict[str, list[int]] = {name: [] for name in comparisons}
    for name, (table, comparison) in comparisons.items():
        for rows in table.rows(comparison.times, comparison.age):
            comparison.add_destination_rows(rows)
        _force_new_export(source, name, unread[name].append, told)
    # The new exports are read with the types that the loads have chosen.
    source.schema = schema.clone()
    pending: dict[str, list[Any]] = {}
    for name, item in source.with_resources(*comparisons):
        if isinstance(item, pa.Table):
            comparisons[name][1].add_export_rows(item)
        else:
            pending.setdefault(name, []).append(_flatten(schema, name, item))
            if len(pending[name]) >= RECORDS:
                comparisons[name][1].add_export_rows(_as_text(pending.pop(name)))
    for name, records in pending.items():
        comparisons[name][1].add_export_rows(_as_text(records))
    for name, (table, comparison) in comparisons.items():
        window = comparison.times[1] if comparison.times else None
        shares_rows = bool(table.key) and loads[name].sync.merges_changes
        differences = comparison.differences(table.key, told.most, windows_share_rows=shares_rows)
        if loads[name].sync.keeps_others:
            differences = differences.without_extra()
        uncompared = list(table.uncompared)
        if bad := sum(unread[name]):
            uncompared.insert(0, f"rows of the export that cannot be read ({bad:,})")
        yield TableDiff(name, window, differences, uncompared)


def _moment(source: DltSource, loads: Mapping[str, TableLoad]) -> datetime:
    """Now; by the vendor's clock, where that tells which rows are too old to be kept."""
    if all(load.sync.policy is None or load.sync.policy.keep is None for load in loads.values()):
        return datetime.now(UTC)
    submitter = exports_of(source).run.submitter
    # The vendor's list is what shows its clock.
    submitter.plan([])
    return submitter.now()


def _age(
    schema: dlt.Schema, table: DestinationTable, load: TableLoad, moment: datetime
) -> Age | None:
    """Which rows of a table are too old to be kept."""
    policy, naming = load.sync.policy, schema.naming
    times = [naming.normalize_identifier(name) for name in load.times]
    kept_since = None if policy is None else policy.kept_since(moment)
    return age_of(times, schema.tables[table.name]["columns"], kept_since)


def _times(
    table: DestinationTable,
    known: VendorTable,
    load: TableLoad,
    until: datetime | None,
    moment: datetime,
) -> tuple[str, Window] | None:
    """The column of times and the window to compare, without what came since the last load.

    All rows before `until` are loaded; it is None where loads are not incremental.

    Raises:
        SettingsError: No part of the range has been loaded yet.
    """
    # Windows of changed rows are not taken by a column of the table, but its rows have a time.
    column = table.column(load.time_column or known.time_field)
    load.sync.check_kept(moment)
    window = load.sync.range_at(moment)
    ends = [end for end in (until, window.end if window else None) if end is not None]
    if column is None or not ends:
        return None
    end = min(ends)
    # Rows that changed in a window may be of any time before it.
    start = window.start if window and known.is_final else None
    if start is not None and start >= end:
        raise SettingsError(
            f"nothing of that range is loaded: the last load ended at {iso(end)}",
            where=table.name,
            hint="Give an earlier start_date (--start-date), or load first.",
        )
    return column, Window(start, end)


def _force_new_export(
    source: DltSource, table: str, on_rejected: Callable[[int], None], told: _Told
) -> None:
    """Make a resource request an export of its own, and yield each item with its table."""
    resource = with_new_export(source, table, on_rejected, told.tombstones, told.moment)
    source.resources[table] = resource.add_map(lambda item: (table, item))


def _flatten(schema: dlt.Schema, table: str, record: Any) -> dict[str, Any]:
    """The row that dlt makes of a record; its nested lists become rows of other tables."""
    _, row = next(schema.normalize_data_item(record, "", table))
    return {name: cell for name, cell in row.items() if not name.startswith("_dlt_")}


def _as_text(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    names = dict.fromkeys(name for row in rows for name in row)
    texts = [
        {name: None if cell is None else str(cell) for name, cell in row.items()} for row in rows
    ]
    return pa.Table.from_pylist(texts, pa.schema([(name, pa.string()) for name in names]))
