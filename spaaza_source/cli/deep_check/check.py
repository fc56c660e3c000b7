"""Compares fresh exports with the tables they were loaded into: `spaaza check --deep`.

Nothing is loaded and nothing remembered: exports are read outside of any pipeline, into a temporary
folder. The comparing itself is `exports.comparison`'s, the words are `listing`'s.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

import dlt
import duckdb
import pyarrow as pa
from dlt.extract import DltSource

from spaaza_source.cli.deep_check.diff import Comparison, Differences
from spaaza_source.cli.deep_check.table_rows import DestinationTable
from spaaza_source.cli.vendors import VendorTable
from spaaza_source.errors import SettingsError
from spaaza_source.loading.checkpoint import read_state
from spaaza_source.loading.extract import export_tables
from spaaza_source.warehouse import duckdb_settings
from spaaza_source.windows import Window, iso

#: Records of a JSON export that are taken at one time.
RECORDS = 10_000


@dataclass(frozen=True)
class TableDiff:
    """One table of a deep check.

    Attributes:
        table: Its name.
        window: The span of time that was compared; None for all rows.
        differences: What was found; None where no load has made the table yet.
    """

    table: str
    window: Window | None
    differences: Differences | None


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
        pipeline: Whose destination holds the tables.
        sources: What the exports are asked for by; their settings narrow them.
        known: What is known of the tables, by name.
        most: How many keys of each kind of difference are given.
        exists: Whether there is a destination to look into; looking must not create it.

    Raises:
        SpaazaSourceError: An export failed, or a range has not been loaded yet.
    """
    if exists:
        pipeline.sync_destination()
    state = pipeline.state
    # Without an active pipeline a source has no memory: it asks for all rows, or for its range.
    pipeline.deactivate()
    for source in sources:
        loaded = exists and source.name in pipeline.schema_names
        schema = pipeline.schemas[source.name] if loaded else None
        compared: dict[str, _Compared] = {}
        with (
            tempfile.TemporaryDirectory(prefix="spaaza_check_") as folder,
            duckdb.connect(f"{folder}/check.duckdb", config=duckdb_settings()) as database,
        ):
            for table, resource in source.selected_resources.items():
                told = schema.tables.get(table) if schema else None
                if schema is None or told is None or not told.get("columns"):
                    yield TableDiff(table, None, None)
                    continue
                given = resource.explicit_args
                until = read_state(state, source.name, table)["loaded_until"]
                held = DestinationTable.of(table, told, schema.naming, known[table].passing)
                compared[table] = _Compared(database, held, known[table], given, until)
            if compared and schema:
                yield from _compare(pipeline, source, schema, compared, most)


def _compare(
    pipeline: dlt.Pipeline,
    source: DltSource,
    schema: dlt.Schema,
    compared: Mapping[str, _Compared],
    most: int,
) -> Iterator[TableDiff]:
    for table, each in compared.items():
        for rows in each.held.rows(pipeline, schema.name, each.times):
            each.comparison.add_destination_rows(rows)
        _take_afresh(source, table)
    # What the loads have settled of types holds for this reading too.
    source.schema = schema.clone()
    pending: dict[str, list[Any]] = {}
    for table, item in source.with_resources(*compared):
        if isinstance(item, pa.Table):
            compared[table].comparison.add_export_rows(item)
        else:
            pending.setdefault(table, []).append(_root(schema, table, item))
            if len(pending[table]) >= RECORDS:
                compared[table].comparison.add_export_rows(_texts(pending.pop(table)))
    for table, records in pending.items():
        compared[table].comparison.add_export_rows(_texts(records))
    for table, each in compared.items():
        found = each.comparison.differences(each.held.key, most)
        yield TableDiff(table, each.times[1] if each.times else None, found)


class _Compared:
    """A table that is compared.

    Args:
        database: Where both sides are put.
        held: The table.
        known: What is known of it.
        given: What its resource was made with.
        until: All rows of before are loaded; None where no load goes on from another.
    """

    def __init__(
        self,
        database: duckdb.DuckDBPyConnection,
        held: DestinationTable,
        known: VendorTable,
        given: Mapping[str, Any],
        until: datetime | None,
    ) -> None:
        self.held = held
        wanted = given["wanted"]
        # Windows of rows that changed are taken by no column, yet each has its time.
        column = held.column(given.get("time_column") or known.time_field)
        reach = wanted.range_at(datetime.now(timezone.utc))
        end = until
        if reach is not None:
            end = reach.end if until is None else min(until, reach.end)
        #: The column of times and the span compared. What came since the last load is left out.
        self.times: tuple[str, Window] | None = None
        if column is not None and end is not None:
            # Rows that changed in a span may be of any time before it.
            start = reach.start if reach and known.is_final else None
            if start is not None and start >= end:
                raise SettingsError(
                    f"of that range nothing was loaded: the last load ended at {iso(end)}",
                    where=held.table,
                    hint="Give an earlier start_date, or load first.",
                )
            self.times = (column, Window(start, end))
        self.comparison = Comparison(
            database, held.table, held.columns, self.times, ignored=held.outdated
        )


def _take_afresh(source: DltSource, table: str) -> None:
    """Let a resource ask for an export of its own, and tell each item's table."""
    given = dict(source.resources[table].explicit_args)
    given["wanted"] = replace(given["wanted"], afresh=True)
    resource = dlt.resource(export_tables, name=table)(**given)
    source.resources[table] = resource.add_map(lambda item: (table, item))


def _root(schema: dlt.Schema, table: str, record: Any) -> dict[str, Any]:
    """A record as dlt makes it a row; what it nests in lists are rows of other tables."""
    _, row = next(schema.normalize_data_item(record, "", table))
    return {name: cell for name, cell in row.items() if not name.startswith("_dlt_")}


def _texts(records: Sequence[Mapping[str, Any]]) -> pa.Table:
    names = list(dict.fromkeys(name for record in records for name in record))
    return pa.table(
        {
            name: pa.array(
                [None if (cell := each.get(name)) is None else str(cell) for each in records],
                pa.string(),
            )
            for name in names
        }
    )
