"""Removes rows that are older than their table keeps, once a load has ended well.

In one transaction the rows go and `export_jobs` says how many. A run that is killed before that
leaves it to the next load, which removes what is older by its own moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import dlt
from dlt.common import logger
from dlt.common.storages import LoadStorage
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from spaaza_source.destination import open_client
from spaaza_source.drift import Notice, notices_text
from spaaza_source.errors import SettingsError
from spaaza_source.retention import Age, Removal, age_of, read_removals
from spaaza_source.windows import iso

#: A row of a nested table names its parent, and what it is itself, by these columns of dlt.
PARENT, ROW = "_dlt_parent_id", "_dlt_id"
#: The exports all of whose rows are older than that: none is of a later time than its file.
OLD_EXPORTS = (
    "SELECT job_id FROM {jobs} WHERE table_name = %s"
    " AND coalesce(window_end, created_at, loaded_at) <= %s"
)


def remove_old_rows(pipeline: Any, load: str) -> None:
    """Remove what a loaded package says is too old, and tell it in `export_jobs` and in dlt's log.

    Raises:
        SettingsError: The table has no column that tells how old a row is.
    """
    folder = Path(pipeline.working_dir) / "load" / LoadStorage.LOADED_FOLDER
    name, removals = read_removals(folder / load)
    if not removals:
        return
    schema = pipeline.schemas[name]
    without_times = []
    with open_client(pipeline, name) as client:
        for removal in removals:
            columns: Any = schema.tables.get(removal.table, {}).get("columns", {})
            age = age_of(removal.times, columns, removal.kept_since)
            if columns and age is None:
                without_times.append(removal)
                continue
            with _transaction(client):
                rows = 0 if age is None else _delete(client, schema, removal.table, age)
                rejected = _delete_rejected(client, removal)
                notice = _tell(removal, rows + removal.merged, rejected)
                _note(client, removal, load, rows + removal.merged, notice)
            if notice is not None:
                logger.warning(str(notice))
    if without_times:
        raise SettingsError(
            f"no row could be removed: the table has no times in {without_times[0].times[0]!r}",
            where=f"retain_days of {', '.join(each.table for each in without_times)}",
            hint="Leave this table out of retain_days, or ask the vendor for the column.",
        )


def _transaction(client: Any) -> AbstractContextManager[Any]:
    """A transaction, where the destination has such."""
    has_any = client.capabilities.supports_transactions
    return nullcontext() if has_any is False else client.begin_transaction()


def _delete(client: Any, schema: dlt.Schema, table: str, age: Age) -> int:
    """Delete a table's old rows, and those of its nested tables that belong to them."""
    name = client.make_qualified_table_name(table)
    where = age.older(client.escape_column_name)
    try:
        (rows,) = client.execute_sql(f"SELECT count(*) FROM {name} WHERE {where}")[0]
    except DatabaseUndefinedRelation:
        # A table that never had a row need not be there.
        return 0
    if rows:
        for nested, belonging in _nested(client, schema, table, where):
            client.execute_sql(f"DELETE FROM {nested} WHERE {belonging}")
        client.execute_sql(f"DELETE FROM {name} WHERE {where}")
    return int(rows)


def _nested(client: Any, schema: dlt.Schema, table: str, where: str) -> Iterator[tuple[str, str]]:
    """The nested tables of some rows, innermost first, each with the rows that belong to these."""
    name = client.make_qualified_table_name(table)
    row, parent = map(client.escape_column_name, (ROW, PARENT))
    belonging = f"{parent} IN (SELECT {row} FROM {name} WHERE {where})"
    for child, hints in schema.tables.items():
        # One that no list has filled yet is not there.
        if hints.get("parent") == table and hints.get("columns"):
            yield from _nested(client, schema, child, belonging)
            yield client.make_qualified_table_name(child), belonging


def _delete_rejected(client: Any, removal: Removal) -> int:
    """Delete rows that could not be read, of exports that have none but old ones."""
    jobs, rejected = map(client.make_qualified_table_name, ("export_jobs", "rejected_rows"))
    old = OLD_EXPORTS.format(jobs=jobs)
    where = f"table_name = %s AND job_id IN ({old})"
    values = (removal.table, removal.table, removal.kept_since)
    try:
        count = f"SELECT count(*) FROM {rejected} WHERE {where}"
        rows = int(client.execute_sql(count, *values)[0][0])
    except DatabaseUndefinedRelation:
        return 0
    if rows:
        client.execute_sql(f"DELETE FROM {rejected} WHERE {where}", *values)
    return rows


def _tell(removal: Removal, rows: int, rejected: int) -> Notice | None:
    """What to tell of the rows that went; None where none did."""
    if not rows and not rejected:
        return None
    bad = f", and {rejected:,} that could not be read" if rejected else ""
    since = iso(removal.kept_since.replace(microsecond=0))
    return Notice(
        "removed",
        removal.table,
        f"{rows:,} rows from before {since} were removed (retain_days){bad}",
        rows=rows,
    )


def _note(client: Any, removal: Removal, load: str, rows: int, notice: Notice | None) -> None:
    """Note in `export_jobs` how many rows went, and that what was wrong of such rows is over."""
    jobs = client.make_qualified_table_name("export_jobs")
    own = "table_name = %s AND job_id = %s"
    query = f"SELECT notices FROM {jobs} WHERE {own}"
    told = client.execute_sql(query, removal.table, removal.job_id)
    client.execute_sql(
        f"UPDATE {jobs} SET removed = %s, notices = %s WHERE {own}",
        rows,
        notices_text([notice] if notice else [], told[0][0] if told else None),
        removal.table,
        removal.job_id,
    )
    client.execute_sql(
        f"UPDATE {jobs} SET settled_by = %s WHERE table_name = %s AND proven = %s"
        " AND settled_by IS NULL AND window_end <= %s",
        load,
        removal.table,
        False,
        removal.kept_since,
    )
