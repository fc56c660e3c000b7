"""Looks for what is left of people: in tables, and in the bytes of every file under a folder."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

#: Shorter cells are in every file by chance.
SHORTEST = 4
#: Shorter ones are by chance in other numbers; in a database file cells stand side by side.
SHORTEST_OF_DIGITS = 8

IsTheirs = Callable[[str, Mapping[str, Any]], bool]


def every_row(database: Path, *datasets: str) -> list[tuple[str, dict[str, Any]]]:
    """All rows of some datasets, each with its table."""
    found = []
    with duckdb.connect(str(database)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables ORDER BY ALL"
        ).fetchall()
        for schema, table in tables:
            if schema in datasets:
                rows = connection.execute(f'FROM "{schema}"."{table}"')
                names = [column[0] for column in rows.description or ()]
                found += [(table, dict(zip(names, row, strict=True))) for row in rows.fetchall()]
    return found


def only_theirs(rows: Collection[tuple[str, Mapping[str, Any]]], is_theirs: IsTheirs) -> set[str]:
    """The texts of cells that are in rows of theirs alone, and part of no cell of another row."""
    theirs: set[str] = set()
    others: set[str] = set()
    for table, row in rows:
        cells = {
            text
            for name, cell in row.items()
            if not name.startswith("_dlt_")
            for text in told(cell)
        }
        (theirs if is_theirs(table, row) else others).update(cells)
    every = "\n".join(others)
    return {text for text in theirs if len(text) >= SHORTEST and text not in every}


def told(cell: Any) -> list[str]:
    """A cell as texts that a file may have of it."""
    match cell:
        case None | bool() | int() | float():
            return []
        case bytes():
            return [cell.decode()]
        case str():
            return [cell]
    # A number with its zeros, a time, a date: written otherwise elsewhere.
    return []


def left_in(folder: Path, texts: Collection[str]) -> dict[str, set[str]]:
    """The files under a folder that have one of some texts, each with those."""
    found = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file() and (has := {text for text in texts if _has(file, text)}):
            found[str(file.relative_to(folder))] = has
    return found


def _has(file: Path, text: str) -> bool:
    if not text.isdigit() or len(text) >= SHORTEST_OF_DIGITS:
        return text.encode() in _bytes(file)
    # What is in the tables of a database file is looked at cell by cell.
    alone = re.compile(rf"(?<![\d.]){text}(?![\d.])".encode())
    return file.suffix != ".duckdb" and alone.search(_bytes(file)) is not None


def _bytes(file: Path) -> bytes:
    """A file's bytes; of one that is compressed, what it has in it."""
    data = file.read_bytes()
    if data.startswith(b"\x1f\x8b"):
        return gzip.decompress(data)
    if file.suffix == ".parquet":
        rows = pq.read_table(file).to_pylist()
        return "\n".join(str(cell) for row in rows for cell in row.values()).encode()
    return data
