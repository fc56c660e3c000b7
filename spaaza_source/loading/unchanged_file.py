"""Passes over a file that is, byte for byte, the one whose rows the whole table is."""

from __future__ import annotations

import json
from typing import Any

from dlt.common import logger
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from spaaza_source.audit import CountScope, audit_rows, job_row, write_manifest
from spaaza_source.destination import ask, fetch_number
from spaaza_source.exports import TableExports
from spaaza_source.loading.intent import narrow_intent
from spaaza_source.loading.scope import LoadScope


def is_unchanged(scope: LoadScope, exports: TableExports) -> bool:
    """Whether the table is the file that has arrived, with as many rows as were counted then."""
    if not scope.has_file(exports):
        return False
    table = scope.sync.table

    def count(client: Any) -> int:
        name = client.make_qualified_table_name(table)
        return fetch_number(client, f"SELECT count(*) FROM {name}")  # noqa: S608 - our own name

    try:
        return ask(count) == _rows(scope)
    except DatabaseUndefinedRelation:
        return False


def note_unchanged(scope: LoadScope, exports: TableExports, *, hide_selection: bool) -> Any:
    """What a resource yields of such a file: its row of `export_jobs`.

    Args:
        scope: What the load covers.
        exports: The one export.
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
    logger.info(f"{export.request}: the file is the very one that was loaded last")
    return audit_rows("export_jobs", [row])


def _rows(scope: LoadScope) -> int:
    return scope.only_file.rows if scope.only_file else 0
