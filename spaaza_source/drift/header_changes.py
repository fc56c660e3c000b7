"""Compares a file's header with the table's last one: what to tell of it, and what to remember."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from spaaza_source.drift.header_texts import has_own_name, is_same_text, remembered_headers
from spaaza_source.drift.notices import MISSING, Notice
from spaaza_source.tabular import (
    OTHER_NAMING,
    Column,
    ColumnChange,
    column_changes,
    is_unspelled,
    printable_name,
)
from spaaza_source.windows import iso
from spaaza_source.writing import HEADER, table_memory


def column_change_rows(job_id: str, table: str, columns: Iterable[Column]) -> list[dict[str, Any]]:
    """Rows for `column_changes`: how this header differs from the last; none for the first."""
    before = table_memory(table).get(HEADER)
    if not isinstance(before, list):
        return []
    headers = {column.name: column.header for column in columns}
    return [
        {
            "job_id": job_id,
            "table_name": table,
            "column_name": change.name,
            "change": change.change,
            "header": headers.get(change.name),
            "previous_name": change.previous_name,
            "position": change.position,
            "previous_position": change.previous_position,
        }
        for change in column_changes(before, list(headers))
    ]


def header_notices(table: str, columns: Sequence[Column], rows: int) -> list[Notice]:
    """What to tell of a file's header, compared with the table's last one.

    A column that only moved is nothing to tell: columns are matched by their names.

    Args:
        table: The table.
        columns: The file's columns.
        rows: Its rows.
    """
    memory = table_memory(table)
    before = memory.get(HEADER)
    notices = _unspelled(table, columns, before or (), rows)
    if not isinstance(before, list):
        return notices
    notices += _relabelled(table, columns, rows)
    missing: Mapping[str, str] = memory.get(MISSING) or {}
    headers = {column.name: column.header for column in columns}
    own = {column.name for column in columns if has_own_name(column)}
    for change in column_changes(before, list(headers)):
        if change.change == "removed":
            notices.append(_vanished(table, change.name, rows))
        elif change.change != "moved":
            notice = _new_column(table, change, headers[change.name], missing, own)
            notices.append(replace(notice, rows=rows))
            if change.previous_name and notice.kind != "renamed":
                notices.append(_vanished(table, change.previous_name, rows))
    return notices


def _new_column(
    table: str,
    change: ColumnChange,
    header: str,
    missing: Mapping[str, str],
    own: Collection[str],
) -> Notice:
    """What to tell of a column that the last file did not have.

    Args:
        table: The table.
        change: How the header changed.
        header: The column's text in it.
        missing: The columns that files before lacked, and since when.
        own: Those named by `name_by_text`.
    """
    name, shown = change.name, printable_name(header)
    if name in missing:
        text = f"the column {name!r} is back; the exports since {missing[name]} lacked it"
        hint = "Rows that they loaded keep it NULL until they are exported again."
        return Notice("returned", table, text, hint, name)
    if name in own:
        text = (
            f"the header {shown} is spelled like that of another column and is not it, so it has a"
            f" column of its own: {name!r}"
        )
        return Notice(
            "other_header", table, text, "Ask the vendor whether they are the same.", name
        )
    if change.previous_name is None:
        text = f"the column {name!r} is new (header {shown})"
        return Notice("appeared", table, text, "Rows of earlier exports have it NULL.", name)
    text = (
        f"the column {change.previous_name!r} is not in the file, and {name!r} (header {shown}) is"
        f" new: it may be the same, renamed; the file's rows have {change.previous_name!r} NULL"
    )
    return Notice("renamed", table, text, _VANISHED, name)


def missing_columns(table: str, columns: Iterable[str]) -> dict[str, str]:
    """The table's columns that its last file lacks, with the time since when: ISO 8601, UTC.

    Args:
        table: The table.
        columns: The columns of the file that is loaded now.
    """
    memory = table_memory(table)
    present = set(columns)
    known = dict(memory.get(MISSING) or {})
    since = iso(datetime.now(UTC).replace(microsecond=0))
    gone = {name: since for name in memory.get(HEADER) or () if name not in present}
    return {name: at for name, at in {**gone, **known}.items() if name not in present}


def _vanished(table: str, name: str, rows: int) -> Notice:
    text = f"the column {name!r} is not in the file: its {rows:,} rows have it NULL"
    return Notice("vanished", table, text, _VANISHED, name, rows)


def _relabelled(table: str, columns: Iterable[Column], rows: int) -> list[Notice]:
    """Columns that were named by their place, and have another header than so far there."""
    known = remembered_headers(table)
    return [
        Notice(
            "relabelled",
            table,
            f"the column {column.name!r} has the header {printable_name(column.header)} and was"
            f" {printable_name(known[column.name])}: it is taken for the same by its place",
            "Ask the vendor whether it is.",
            column.name,
            rows,
        )
        for column in columns
        if not is_same_text(known.get(column.name, column.header), column.header)
    ]


def _unspelled(
    table: str, columns: Iterable[Column], before: Iterable[str], rows: int
) -> list[Notice]:
    """Headers of another alphabet, of columns that the table did not have."""
    known = set(before)
    return [
        Notice(
            "unspelled",
            table,
            f"the header {printable_name(column.header)} has no letter that dlt's naming convention"
            f" keeps: its column is {column.name!r}",
            OTHER_NAMING,
            column.name,
            rows,
        )
        for column in columns
        if column.name not in known and is_unspelled(column.header, column.name)
    ]


_VANISHED = (
    "Rows that no export brings again keep their values. Ask the vendor whether it is meant;"
    ' on_drift="stop" keeps such a file out.'
)
