"""Rewrites a DuckDB file, so that no byte of deleted rows is left in it.

DuckDB keeps deleted rows in blocks that it uses again some day, and a checkpoint does not overwrite
them. So what is there is copied to a new file, which takes the old one's place once both have the
same tables, types, constraints, indexes, views and rows.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import duckdb

from spaaza_source.views import literal, quote

#: What the two files are compared by; their names are filled in.
_CATALOG = (
    """SELECT schema_name, table_name, column_name, data_type, is_nullable, column_default, comment
    FROM duckdb_columns() WHERE database_name = '{name}' AND NOT internal ORDER BY ALL""",
    """SELECT schema_name, table_name, constraint_type, constraint_text FROM duckdb_constraints()
    WHERE database_name = '{name}' ORDER BY ALL""",
    """SELECT schema_name, table_name, index_name, is_unique FROM duckdb_indexes()
    WHERE database_name = '{name}' ORDER BY ALL""",
    """SELECT schema_name, view_name, comment FROM duckdb_views()
    WHERE database_name = '{name}' AND NOT internal ORDER BY ALL""",
    """SELECT schema_name, sequence_name FROM duckdb_sequences()
    WHERE database_name = '{name}' ORDER BY ALL""",
    """SELECT schema_name, function_name FROM duckdb_functions()
    WHERE database_name = '{name}' AND NOT internal ORDER BY ALL""",
    "SELECT schema_name FROM duckdb_schemas() WHERE database_name = '{name}' ORDER BY ALL",
)
_VERSION = (
    "SELECT rtrim(tags['storage_version'], '+') FROM duckdb_databases()"
    " WHERE database_name = 'before'"
)
_TABLES = (
    "SELECT schema_name, table_name FROM duckdb_tables()"
    " WHERE database_name = '{name}' AND NOT internal ORDER BY ALL"
)


def rewrite_file(path: Path) -> str | None:
    """Rewrite a DuckDB file that this process has closed.

    Args:
        path: The file.

    Returns:
        Why that could not be done, and the file was left; None where it was.
    """
    # The file that a link leads to, so that the link stays.
    path = path.resolve()
    copy = path.with_name(f".{path.name}.erasing")
    _remove(copy)
    try:
        with duckdb.connect(str(path)) as opened:
            opened.execute("FORCE CHECKPOINT")
        if (room := shutil.disk_usage(path.parent).free) < path.stat().st_size:
            return f"{room // 2**20} MiB are free beside {path.name}, which is larger"
        with duckdb.connect() as memory:
            # While it is open to read, nobody writes to it.
            memory.execute(f"ATTACH {literal(str(path))} AS before (READ_ONLY)")
            # Who reads the file is to read the new one: 1.5 reads none that DuckDB 2 makes.
            ((version,),) = memory.execute(_VERSION).fetchall()
            memory.execute(f"ATTACH {literal(str(copy))} AS after (STORAGE_VERSION '{version}')")
            memory.execute("COPY FROM DATABASE before TO after")
            if _contents(memory, "before") != _contents(memory, "after"):
                return f"a copy of {path.name} would not have all that it has"
            memory.execute("DETACH after")
            shutil.copymode(path, copy)
            _flush(copy)
            copy.replace(path)
    except (duckdb.Error, OSError) as failure:
        return f"{path.name} could not be rewritten ({type(failure).__name__})"
    finally:
        _remove(copy)
    return None


def _contents(memory: Any, name: str) -> list[Any]:
    found: list[Any] = [memory.execute(sql.format(name=name)).fetchall() for sql in _CATALOG]
    tables = memory.execute(_TABLES.format(name=name)).fetchall()
    for schema, table in tables:
        qualified = ".".join(quote(part) for part in (name, schema, table))
        found.append(memory.execute(f"SELECT count(*) FROM {qualified}").fetchall())  # noqa: S608
    return found


def _remove(copy: Path) -> None:
    for file in (copy, copy.with_name(f"{copy.name}.wal")):
        file.unlink(missing_ok=True)


def _flush(file: Path) -> None:
    """Have the system write a file to its disk: only then it may take another's place."""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
