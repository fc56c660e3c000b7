"""The first look at a destination: what it holds as a load begins, asked once for all its tables.

Each table is judged before anything is requested for any. So those of one source are judged one
right after the other, and need not open the destination each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import dlt
from dlt.destinations.exceptions import DatabaseException, DatabaseUndefinedRelation
from dlt.extract import DltResource

from spaaza_source.audit import Ledger, complete_tables, known_columns, read_ledger
from spaaza_source.destination import ask, check_times, current_pipeline
from spaaza_source.tombstones import Tombstones, read_tombstones


@dataclass(frozen=True)
class TableLook:
    """What a destination has by the name of a table.

    Attributes:
        exists: Whether there is such a table, whoever made it.
        has_rows: Whether it has rows.
    """

    exists: bool
    has_rows: bool


@dataclass
class FirstLook:
    """What was seen of a destination as one load of one pipeline began.

    Attributes:
        load: The load's id, and the pipeline's name.
        ledger: What was loaded there.
        complete_audit: The audit tables that it has, with all their columns; None before the first
            look.
        tables: What there is of tables, until these go on.
        tombstones: Those that it has.
    """

    load: tuple[str, str] = ("", "")
    ledger: Ledger = field(default_factory=dict)
    complete_audit: frozenset[str] | None = None
    tables: dict[str, TableLook] = field(default_factory=dict)
    tombstones: Tombstones = field(default_factory=Tombstones)


_SEEN = FirstLook()


def look_first(table: str) -> tuple[FirstLook, TableLook]:
    """What was seen as the load began, and what there is of a table now.

    The table is looked at together with the others of its source, unless one of these has gone on
    since: what was seen before that may be hours old.
    """
    global _SEEN  # noqa: PLW0603 - one load is extracted at a time
    load = (str(dlt.current.load_package_state()["load_id"]), current_pipeline().pipeline_name)
    if _SEEN.load != load:
        _SEEN = FirstLook(load)
    seen = _SEEN
    look = seen.tables.get(table)
    if look is None:
        others = set(_tables_of_source()) - {table}
        audit = known_columns(dlt.current.source_schema())
        look = ask(lambda client: _look(client, seen, table, others, audit))
    return seen, look


def forget_first_look() -> None:
    """Look anew at each table from now on: the load goes on to what takes its time."""
    _SEEN.tables.clear()


def look_at(client: Any, table: str) -> TableLook:
    """What the client's destination has by the name of a table."""
    name = client.make_qualified_table_name(table)
    try:
        rows = client.execute_sql(f"SELECT 1 FROM {name} LIMIT 1")  # noqa: S608 - our own name
    except DatabaseUndefinedRelation:
        return TableLook(exists=False, has_rows=False)
    return TableLook(exists=True, has_rows=bool(rows))


def name_in_destination(hint: str) -> str:
    """The name that a table has in the destination, of the one that its resource has for it."""
    return dlt.current.source_schema().naming.normalize_tables_path(hint)


def _look(
    client: Any,
    seen: FirstLook,
    table: str,
    others: set[str],
    audit: Mapping[str, frozenset[str]],
) -> TableLook:
    if seen.complete_audit is None:
        check_times(client)
        seen.ledger = read_ledger(client)
        seen.tombstones = read_tombstones(client)
        seen.complete_audit = complete_tables(client, audit)
    look = seen.tables[table] = look_at(client, table)
    for other in sorted(others):
        # What fails is told when it is that table's own turn.
        with suppress(DatabaseException):
            seen.tables[other] = look_at(client, other)
    return look


def _tables_of_source() -> Iterator[str]:
    """The tables that the resource's source loads, with itself, as the destination names them."""
    own = dlt.current.resource().table_format
    selected: Mapping[str, DltResource] = dlt.current.source().resources.selected
    for resource in selected.values():
        # A client is for tables of one format.
        if isinstance(resource.table_name, str) and resource.table_format == own:
            yield name_in_destination(resource.table_name)
