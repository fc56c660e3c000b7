"""The audit tables of every load: `export_jobs`, `rejected_rows`, `column_changes`.

Their rows travel in the load package of the data that they describe: both arrive or neither does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import dlt
from dlt.common.schema.typing import TColumnSchema
from dlt.common.schema.utils import new_table
from dlt.destinations.exceptions import DatabaseException
from dlt.extract import DltResource
from dlt.extract.items import ResolvablePipeItem

from spaaza_source.destination import current_merge_strategies

Row = Mapping[str, Any]

#: How a row replaces one with its key, where the destination can do it.
KEPT: Any = {"disposition": "merge", "strategy": "delete-insert"}


def _columns(**types: str) -> list[TColumnSchema]:
    return [{"name": name, "data_type": kind} for name, kind in types.items()]  # type: ignore[typeddict-item]


#: What is known of an export, loaded or not.
_EXPORT = {
    "job_id": "text",
    "table_name": "text",
    "subject": "text",
    "account": "text",
    "export_format": "text",
    "window_start": "timestamp",
    "window_end": "timestamp",
    "selection": "text",
    "fingerprint": "text",
    "state": "text",
    "adopted": "bool",
    "split_from": "text",
    "created_at": "timestamp",
    "started_at": "timestamp",
    "finished_at": "timestamp",
}

#: Each table's key and columns. A key makes a row that arrives twice one row.
AUDIT_TABLES: dict[str, tuple[list[str], list[TColumnSchema]]] = {
    "export_jobs": (
        ["job_id", "table_name"],
        _columns(
            **_EXPORT,
            loaded_at="timestamp",
            queue_seconds="double",
            run_seconds="double",
            wait_seconds="double",
            download_seconds="double",
            convert_seconds="double",
            polls="bigint",
            bytes_received="bigint",
            bytes="bigint",
            sha256="text",
            rows="bigint",
            rejected="bigint",
            loaded="bigint",
            intent="text",
            replaces_all="bool",
            late_rows="bigint",
            overlap_seconds="double",
            found="bigint",
            counted="text",
            proven="bool",
            checked_at="timestamp",
            settled_by="text",
            notices="text",
            unchanged="bool",
            channel="text",
            user_id="text",
            nulls="text",
            kept_since="timestamp",
            removed="bigint",
        ),
    ),
    "rejected_rows": (
        ["job_id", "line_number"],
        _columns(
            job_id="text",
            table_name="text",
            line_number="bigint",
            byte_offset="bigint",
            reason="text",
            raw="binary",
        ),
    ),
    "column_changes": (
        ["job_id", "column_name", "change"],
        _columns(
            job_id="text",
            table_name="text",
            column_name="text",
            change="text",
            header="text",
            previous_name="text",
            position="bigint",
            previous_position="bigint",
        ),
    ),
}


#: A table beside them: the exports that were not loaded. Its rows have no data to travel with.
FAILED_EXPORTS: tuple[list[str], list[TColumnSchema]] = (
    ["job_id", "table_name"],
    _columns(
        **_EXPORT,
        wait_seconds="double",
        bytes_received="bigint",
        failed_at="timestamp",
        error="text",
        hint="text",
        load_id="text",
    ),
)


def audit_rows(
    table: str, rows: Sequence[Row], complete: Collection[str] = ()
) -> Iterator[ResolvablePipeItem] | None:
    """What a resource yields so that rows go to one of these tables, not to its own.

    They pass through a resource of their own: what a user did to the data's resource (a map, a
    filter, hints, an incremental) must not reach them. dlt redirects items of a forked pipe in the
    same manner. None where there is nothing that dlt could write, or has to: without rows, only the
    table itself is made.

    Args:
        table: One of the audit tables.
        rows: Its rows.
        complete: The audit tables that need not be made, as `complete_tables` found them.
    """
    if not rows and table in complete:
        return None
    resource = _resource(table)
    pipe = resource._pipe  # noqa: SLF001 - dlt names a pipe nowhere else
    if not rows and resource.write_disposition != KEPT:
        # To upsert, dlt makes each row an id of its key, and fails where there is no row.
        return None
    items = list(rows) or dlt.mark.materialize_table_schema()
    return iter([ResolvablePipeItem(items, len(pipe) - 1, pipe, None)])


def audit_schema(table_format: Any = None) -> dlt.Schema:
    """A schema of the audit tables alone, for who reads them without knowing a load's."""
    schema = dlt.Schema("spaaza_audit")
    for name, (_, columns) in {**AUDIT_TABLES, "failed_exports": FAILED_EXPORTS}.items():
        schema.update_table(new_table(name, columns=columns, table_format=table_format))
    return schema


def known_columns(schema: dlt.Schema) -> dict[str, frozenset[str]]:
    """The columns of each audit table that a schema knows as a whole."""
    known = {}
    for table, (_, columns) in AUDIT_TABLES.items():
        names = {each.lower() for each in schema.tables.get(table, {}).get("columns", {})}
        if names.issuperset(str(column["name"]) for column in columns):
            known[table] = frozenset(names)
    return known


def complete_tables(client: Any, known: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Those of the audit tables that a destination has, with all the columns that are known."""
    found = set()
    for table, columns in known.items():
        name = client.make_qualified_table_name(table)
        empty = f"SELECT * FROM {name} WHERE 1 = 0"  # noqa: S608 - our own name
        with suppress(DatabaseException), client.execute_query(empty) as cursor:
            described = getattr(cursor, "description", None) or ()
            if columns <= {str(column[0]).lower() for column in described}:
                found.add(table)
    return frozenset(found)


def _resource(table: str) -> DltResource:
    """The table's resource in the source that is being extracted; put there if need be."""
    source = dlt.current.source()
    if table not in source.resources:
        key, columns = AUDIT_TABLES[table]
        strategies = current_merge_strategies()
        table_format: Any = dlt.current.resource().table_format
        can_keep = not strategies or KEPT["strategy"] in strategies
        kept: Any = KEPT if can_keep else {**KEPT, "strategy": "upsert"}
        source.resources.add(
            dlt.resource(
                [],
                name=table,
                primary_key=key,
                columns=columns,
                # In the format of the rows that they describe.
                table_format=table_format,
                write_disposition=kept,
            )
        )
    return source.resources[table]
