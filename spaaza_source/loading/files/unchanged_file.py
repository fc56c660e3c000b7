"""Passes over a file that is, byte for byte, the one whose rows the whole table is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import dlt
from dlt.common import logger
from dlt.common.schema import Schema
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from spaaza_source.audit import (
    CountScope,
    audit_rows,
    job_row,
    present_exports,
    read_ledger,
    write_manifest,
)
from spaaza_source.destination import ask, fetch_chunks, fetch_number
from spaaza_source.drift import Notice, notices_text, tell_notices
from spaaza_source.expectations import ExpectationCheck
from spaaza_source.exports import FileRead, TableExports
from spaaza_source.loading.intent import narrow_intent
from spaaza_source.loading.scope import LoadScope
from spaaza_source.loading.table_load import TableLoad
from spaaza_source.reading import FileReader
from spaaza_source.writing import KeyCandidates


def is_unchanged(scope: LoadScope, exports: TableExports) -> bool:
    """Whether the table is the file that has arrived, with as many rows as were counted then."""
    if not scope.has_file(exports):
        return False
    schema = dlt.current.source_schema()
    try:
        return ask(lambda client: _is_whole(client, scope, schema))
    except DatabaseUndefinedRelation:
        return False


def _is_whole(client: Any, scope: LoadScope, schema: Schema) -> bool:
    """Whether the table still is what that export has left there: its rows, and its columns."""
    table, rows = scope.sync.table, _rows(scope)
    # Another pipeline may have loaded it since this load began, which may be hours ago.
    if present_exports(read_ledger(client).get(table, [])) != [scope.only_file]:
        return False
    name = client.make_qualified_table_name(table)
    if fetch_number(client, f"SELECT count(*) FROM {name}") != rows:  # noqa: S608 - our own name
        return False
    first = fetch_chunks(client, f"SELECT * FROM {name} LIMIT 1")  # noqa: S608
    has = {column.lower() for row in first for column in row.column_names}
    return not rows or {column.lower() for column in schema.get_table_columns(table)} <= has


def judge_unchanged(load: TableLoad, exports: TableExports, reader: FileReader) -> list[Notice]:
    """What of such a file is not as expected: other things may be by now, and it has grown older.

    Raises:
        ExpectationError: Something, and that is to stop the load.
    """
    notices: list[Notice] = []
    check = ExpectationCheck(exports.sync.table, load.expectations, load.times)
    keys = KeyCandidates((), watched=check.watched)
    for export, file in reader.files(exports.require_current()):
        check.begin(export, file.columns, file.locate)
        for item in file.items():
            check.add(item)
            keys.add(item)
        find = partial(keys.violation, may_be_empty=True)
        notices += check.judge(exports, file.rows, find, file.locate, has_rows=False)
    tell_notices(notices, stop=False)
    return notices


def note_unchanged(
    scope: LoadScope, exports: TableExports, told: Sequence[Notice], *, hide_selection: bool
) -> Any:
    """What a resource yields of such a file: its row of `export_jobs`.

    Args:
        scope: What the load covers.
        exports: The one export.
        told: What was told of it.
        hide_selection: As for `job_row`.
    """
    [export] = exports.current
    rows = _rows(scope)
    write_manifest(CountScope("table"), None, exports, [rows], is_there=True)
    row = job_row(
        export, hide_selection=hide_selection, rows=rows, rejected=0, loaded=rows, seconds=0.0
    )
    intent = narrow_intent(scope.intent, has_window=False)
    row |= {"intent": json.dumps(intent), "replaces_all": True, "unchanged": True}
    row["notices"] = notices_text(told)
    export.read = FileRead(rows, 0, rows, 0.0, datetime.now(UTC), is_unchanged=True)
    if scope.only_file and scope.only_file.nulls is not None:
        row["nulls"] = json.dumps(dict(scope.only_file.nulls))
    logger.info(f"{export.request}: the file is the very one that was loaded last")
    return audit_rows("export_jobs", [row])


def _rows(scope: LoadScope) -> int:
    return scope.only_file.rows if scope.only_file else 0
