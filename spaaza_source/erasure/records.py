"""Writes tombstones and receipts, in the dataset that they are about."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from spaaza_source.destination import type_in_sql
from spaaza_source.tombstones import ERASURE_TABLES, FORGOTTEN, RECEIPTS, Tombstone

#: Rows that one statement inserts.
TOGETHER = 200


def create_tables(pipeline: Any, client: Any) -> None:
    """Create the tables of tombstones and receipts where they are not there yet."""
    for table, columns in ERASURE_TABLES.items():
        typed = [
            f"{client.escape_column_name(name)}"
            f" {type_in_sql(pipeline, {'name': name, 'data_type': kind})}"  # type: ignore[typeddict-item]
            for name, kind in columns.items()
        ]
        name = client.make_qualified_table_name(table)
        client.execute_sql(f"CREATE TABLE IF NOT EXISTS {name} ({', '.join(typed)})")


def add_tombstones(client: Any, tombstones: Iterable[Tombstone]) -> None:
    """Add some tombstones."""
    now = datetime.now(UTC)
    rows = [
        (each.identifier, each.digest, each.salt, each.secret or None, each.links or None, now)
        for each in sorted(tombstones, key=lambda each: (each.identifier, each.digest))
    ]
    for first in range(0, len(rows), TOGETHER):
        _insert(client, FORGOTTEN, rows[first : first + TOGETHER])


def begin_receipt(client: Any, receipt: Mapping[str, Any]) -> None:
    """Write the receipt of an erasure whose rows are removed in the same transaction."""
    row = [
        json.dumps(value) if isinstance(value := receipt.get(name), (dict, list)) else value
        for name in ERASURE_TABLES[RECEIPTS]
    ]
    _insert(client, RECEIPTS, [row])


def finish_receipt(client: Any, erasure_id: str, cells: Mapping[str, Any]) -> None:
    """Complete the receipt of an erasure with what was done outside of the dataset."""
    name = client.make_qualified_table_name(RECEIPTS)
    changed = ", ".join(f"{client.escape_column_name(column)} = %s" for column in cells)
    sql = f"UPDATE {name} SET {changed} WHERE erasure_id = %s"  # noqa: S608 - our own names
    values = [json.dumps(v) if isinstance(v, (dict, list)) else v for v in cells.values()]
    client.execute_sql(sql, *values, erasure_id)


def _insert(client: Any, table: str, rows: list[Any]) -> None:
    name = client.make_qualified_table_name(table)
    columns = [client.escape_column_name(column) for column in ERASURE_TABLES[table]]
    one = f"({', '.join(['%s'] * len(columns))})"
    sql = f"INSERT INTO {name} ({', '.join(columns)}) VALUES {', '.join([one] * len(rows))}"  # noqa: S608
    client.execute_sql(sql, *(cell for row in rows for cell in row))
