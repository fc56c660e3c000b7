"""Opens a warehouse for reading, no longer than it takes to copy some columns.

A DuckDB file, the dataset of any dlt pipeline, or pandas DataFrames in the place of tables. Which
column means what is guessed here by role; what is counted is the notebooks' and their measures'.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import duckdb
import pandas as pd

#: By table: each column's name and type.
Tables = Mapping[str, Mapping[str, str]]
#: From a table and the columns wanted of it to what stands behind FROM.
Relation = Callable[[str, Sequence[str]], str]
#: What is read is kept in memory up to this, beyond it in a temporary folder.
MEMORY = "1GB"
#: Files that the `spaaza` command makes, in the order in which they are looked for.
USUAL_FILES = ("spaaza.duckdb", "voucherify.duckdb", "demo.duckdb")
#: Seconds to wait while a load writes to the file: DuckDB lets in one writer or many readers.
PATIENCE = 3.0


class CannotReadError(Exception):
    """What was named cannot be read; the message says why and what to do, and holds no data."""


class MissingError(Exception):
    """A measure needs a column, or rows, that are not there; the message says which."""


@dataclass(frozen=True)
class Role:
    """What a column is for, in a table of some subject.

    Attributes:
        name: How the measures call it.
        meaning: How it is asked for.
        likely: Names that it often has, the likeliest first, in snake case.
        kind: What its values are read as.
        alone: Whether a table's only column of time is it, whatever it is called.
    """

    name: str
    meaning: str
    likely: tuple[str, ...]
    kind: Literal["text", "time", "number"] = "text"
    alone: bool = False


@dataclass(frozen=True)
class Database:
    """What can be read.

    Attributes:
        name: What the user called it.
        schemas: Its tables by schema, those of dlt's datasets first.
        frames: DataFrames that take the place of the tables of their names, in any schema.
    """

    name: str
    schemas: Mapping[str, Tables]
    frames: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def tables(self, schema: str) -> Tables:
        """The tables of a schema and the frames beside them."""
        if not self.frames:
            return self.schemas.get(schema, {})
        with working_connection() as connection:
            given = {}
            for name, frame in self.frames.items():
                rows = connection.from_df(frame)
                given[name] = dict(zip(rows.columns, map(str, rows.types), strict=True))
        return {**self.schemas.get(schema, {}), **given}

    @contextmanager
    def reading(self, connection: duckdb.DuckDBPyConnection, schema: str) -> Iterator[Relation]:
        """Let `connection` read the tables of a schema; afterwards nothing is left open.

        Raises:
            CannotReadError: Another process writes to the file.
        """
        registered: list[str] = []

        def relation(table: str, columns: Sequence[str]) -> str:
            if table not in self.frames:
                return self._relation(connection, schema, table, columns)
            registered.append(f"frame {table}")
            connection.register(registered[-1], self.frames[table])
            return quoted(registered[-1])

        try:
            with self._attached(connection):
                yield relation
        finally:
            for name in registered:
                connection.unregister(name)

    @contextmanager
    def _attached(self, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:  # noqa: ARG002
        yield

    def _relation(
        self, connection: duckdb.DuckDBPyConnection, schema: str, table: str, columns: Sequence[str]
    ) -> str:
        raise NotImplementedError


@dataclass(frozen=True)
class DuckDbFile(Database):
    """A DuckDB file, attached read-only."""

    @contextmanager
    def _attached(self, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        _attach(connection, Path(self.name))
        try:
            yield
        finally:
            connection.execute("DETACH loaded")

    def _relation(
        self, connection: duckdb.DuckDBPyConnection, schema: str, table: str, columns: Sequence[str]
    ) -> str:
        del connection, columns
        return f"loaded.{quoted(schema)}.{quoted(table)}"


@dataclass(frozen=True)
class PipelineDataset(Database):
    """The dataset of a dlt pipeline, in any destination that dlt reads SQL from."""

    dataset: Any = None
    pipeline: Any = None

    def modelled(self, table: str, sql: str) -> list[tuple[Any, ...]] | None:
        """The rows of a query of a table that `spaaza model` has made, named by `{}`; or None."""
        from spaaza_source.model import can_model, open_dataset  # noqa: PLC0415 - as dlt

        if not can_model(self.pipeline):
            return None
        with _told_of(self.name), open_dataset(self.pipeline) as dataset:
            return dataset.rows(sql.format(dataset.modelled(table))) if dataset.has(table) else None

    def _relation(
        self, connection: duckdb.DuckDBPyConnection, schema: str, table: str, columns: Sequence[str]
    ) -> str:
        del schema
        # Imported late, as dlt: most users have a file.
        import pyarrow as pa  # noqa: PLC0415

        from spaaza_source.destination import fetch_chunks  # noqa: PLC0415

        # Its rows pass once, so they are made a table.
        name = quoted(f"dataset {table}")
        its_schema = next(each for each in self.dataset.schemas if table in each.tables)
        # dlt's dataset reads no rows with the newest sqlglot: docs/versions.md.
        with _told_of(self.name), self.pipeline.sql_client(its_schema.name) as client:
            names = ", ".join(map(client.escape_column_name, columns))
            source = client.make_qualified_table_name(table)
            batches = fetch_chunks(client, f"SELECT {names} FROM {source}")
            first = next(batches, None)
            if first is None:
                first = pa.table({column: pa.array([], pa.string()) for column in columns})
            stream = pa.RecordBatchReader.from_batches(first.schema, _batches(first, batches))
            connection.register("stream", stream)
            connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM stream")
            connection.unregister("stream")
        return name


class NoDatabase(Database):
    """Nothing but frames."""


def _batches(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield from first.to_batches()
    for table in rest:
        yield from table.cast(first.schema).to_batches()


def open_database(name: str, frames: Mapping[str, pd.DataFrame] | None = None) -> Database:
    """What a user named: a DuckDB file's path, or a dlt pipeline's name.

    Raises:
        CannotReadError: It is neither, or cannot be read just now.
    """
    frames = frames or {}
    path = Path(name.strip()).expanduser()
    if name.strip() and path.is_file():
        with working_connection() as connection:
            _attach(connection, path)
            rows = connection.execute(
                "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns()"
                " WHERE database_name = 'loaded' AND NOT internal"
                " AND NOT ends_with(schema_name, '_staging')"
                # Of soft deletes, a view has rows of its table once more.
                " AND (schema_name, table_name) NOT IN (SELECT (schema_name, view_name)"
                " FROM duckdb_views() WHERE database_name = 'loaded'"
                " AND comment LIKE '%Made by spaaza_source%')"
                " ORDER BY schema_name, table_name, column_index"
            ).fetchall()
        schemas: dict[str, dict[str, dict[str, str]]] = {}
        for schema, table, column, kind in rows:
            schemas.setdefault(schema, {}).setdefault(table, {})[column] = kind
        by_dlt = sorted(schemas, key=lambda each: "_dlt_loads" not in schemas[each])
        if not schemas:
            raise CannotReadError(f"`{path}` holds no tables yet. Load something into it first.")
        return DuckDbFile(str(path), {each: schemas[each] for each in by_dlt}, frames)
    if re.fullmatch(r"[\w-]+", name.strip()):
        return _pipeline(name.strip(), frames)
    if frames:
        return NoDatabase("DataFrames", {"frames": {}}, frames)
    if not name.strip():
        raise CannotReadError(
            "No database is named, and none lies in this folder. `spaaza demo` makes one."
        )
    raise CannotReadError(f"There is no file `{path}`. Name a DuckDB file or a dlt pipeline.")


def _pipeline(name: str, frames: Mapping[str, pd.DataFrame]) -> Database:
    # Most users have a file, and dlt takes a second to import.
    import dlt  # noqa: PLC0415
    from dlt.common.pipeline import get_dlt_pipelines_dir  # noqa: PLC0415

    # dlt would make a pipeline of a name that was only mistyped.
    if not (Path(get_dlt_pipelines_dir()) / name).is_dir():
        raise CannotReadError(
            f"There is no file `{name}`, and no dlt pipeline of that name on this machine."
        )
    with _told_of(name):
        pipeline = dlt.attach(pipeline_name=name)
        dataset = pipeline.dataset()
    tables = {
        table: {
            column: str(kind.get("data_type", "text"))
            for column, kind in dataset.schema.tables[table]["columns"].items()
        }
        for table in dataset.tables
    }
    return PipelineDataset(name, {dataset.dataset_name: tables}, frames, dataset, pipeline)


@contextmanager
def _told_of(pipeline: str) -> Iterator[None]:
    from dlt.common.exceptions import DltException  # noqa: PLC0415

    try:
        yield
    except DltException as failure:
        # Its message may name a secret.
        raise CannotReadError(
            f"dlt cannot read the dataset of `{pipeline}` ({type(failure).__name__}). Start the"
            " notebook where dlt finds the destination's settings: beside the pipeline's `.dlt`."
        ) from None


def working_connection() -> duckdb.DuckDBPyConnection:
    """A DuckDB database of its own to count in, in UTC and bounded memory."""
    spill = _spill_folder() / uuid4().hex
    connection = duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": str(spill)})
    connection.execute("SET TimeZone = 'UTC'")
    return connection


@cache
def _spill_folder() -> Path:
    """A folder that only this user can read, there until the process ends."""
    folder = tempfile.mkdtemp(prefix="notebook-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _attach(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute(f"ATTACH {literal(str(path))} AS loaded (READ_ONLY)")
        except duckdb.Error as failure:
            # The second is what DuckDB says where this very process writes to it.
            if not any(words in str(failure) for words in ("set lock", "file handle conflict")):
                raise CannotReadError(
                    f"`{path}` is not a DuckDB database, or is damaged. Name another file."
                ) from None
            if time.monotonic() > until:
                raise CannotReadError(
                    f"A load writes to `{path}` just now. Read it again when it has ended."
                ) from None
            time.sleep(0.1)
        else:
            return


def quoted(identifier: str) -> str:
    """A name as SQL takes it, whatever it holds."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL takes it."""
    return "'" + text.replace("'", "''") + "'"


def first_choice(argument: object, folder: Path | None = None) -> str:
    """The database to begin with.

    Args:
        argument: What the command line named, or None; then the environment's SPAAZA_DB counts,
            then a file in the folder: one that the `spaaza` command makes, or the newest.
        folder: Where to look; the working directory by default.
    """
    if named := argument or os.environ.get("SPAAZA_DB"):
        return str(named)
    here = folder or Path.cwd()
    usual = [name for name in USUAL_FILES if (here / name).is_file()]
    others = sorted(here.glob("*.duckdb"), key=lambda path: -path.stat().st_mtime)
    return next(iter([*usual, *(path.name for path in others)]), "")


def guess(role: Role, columns: Mapping[str, str]) -> str | None:
    """The column that likely has a role: by its name, or as the only one of time.

    Args:
        role: The role.
        columns: The table's columns, with their types.
    """
    fit: dict[str, str] = {}
    for name, kind in columns.items():
        if _fits(role, kind):
            fit.setdefault(_key(name), name)
    for likely in role.likely:
        if likely in fit:
            return fit[likely]
    for likely in role.likely:
        # Short ends, such as that of `user_id`, say nothing.
        ends = [key for key in fit if "_" in likely and key.endswith(f"_{likely}")]
        if ends:
            return fit[min(ends, key=len)]
    times = [
        name for name, kind in columns.items() if is_time(kind) and not name.startswith("_dlt")
    ]
    return times[0] if role.alone and len(times) == 1 else None


def is_time(kind: str) -> bool:
    """Whether a column of this type holds dates or times; DuckDB's types and dlt's."""
    return kind.upper().startswith(("TIMESTAMP", "DATE"))


def is_number(kind: str) -> bool:
    """Whether a column of this type holds numbers; DuckDB's types and dlt's."""
    return bool(
        re.match(r"U?(TINY|SMALL|BIG|HUGE)?INT|DOUBLE|FLOAT|REAL|DECIMAL|WEI", kind.upper())
    )


def as_read(role: Role, column: str, kind: str) -> str:
    """SQL that reads a column as its role's kind; what cannot be read so is NULL.

    Times are UTC, without a zone. The vendors' words for "never", the years 1 and 2050, are NULL.
    """
    name = quoted(column)
    plain = f"CAST({name} AS VARCHAR)"
    if role.kind == "time":
        moment = f"TRY_CAST({name if is_time(kind) else plain} AS TIMESTAMPTZ) AT TIME ZONE 'UTC'"
        return f"CASE WHEN year({moment}) BETWEEN 1900 AND 2049 THEN {moment} END"
    if role.kind == "number":
        number = f"TRY_CAST({name if is_number(kind) else plain} AS DOUBLE)"
        return f"CASE WHEN isfinite({number}) THEN {number} END"
    return f"nullif({plain}, '')"


def _fits(role: Role, kind: str) -> bool:
    if role.kind == "time":
        return is_time(kind) or kind.upper() in ("VARCHAR", "TEXT")
    if role.kind == "number":
        return not is_time(kind) and not kind.upper().startswith("BOOL")
    return True


def _key(name: str) -> str:
    plain = unicodedata.normalize("NFKC", name).casefold()
    return re.sub(r"[\W_]+", "_", plain).strip("_")
