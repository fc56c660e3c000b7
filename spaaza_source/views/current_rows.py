"""The view `<table>_now` of a table with soft deletes: the rows that are there now.

It is made, or made anew, at the end of each load of the schema, if its columns are not those of the
table: so it is also after a run that was killed, and where somebody has dropped it. Nothing of
another's making is replaced, and nothing that fails here fails a load whose rows are right.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import dlt
from dlt.common import logger
from dlt.common.storages import FileStorage, LoadStorage, PackageStorage

from spaaza_source.audit import LEDGER
from spaaza_source.destination import open_client, values_hidden
from spaaza_source.drift import Notice, notices_text, tell_notices
from spaaza_source.views.catalog import MADE_BY, Catalog, Stored
from spaaza_source.views.databases import (
    can_have_views,
    function_sql,
    is_postgres,
    literal,
    quote,
)
from spaaza_source.writing import SOFT

SUFFIX = "_now"
#: Bytes of a view's name in that of its function: PostgreSQL has 63 for it.
_NAME_BYTES = 45
TAKEN_HINT = "To have it made, give the other one another name."


@dataclass(frozen=True)
class CurrentRows:
    """The view of one table.

    Attributes:
        table: The table, as the destination has it.
        deleted_at: Its column with the time of the deletion.
        view: The view's name.
    """

    table: str
    deleted_at: str
    view: str

    @property
    def comment(self) -> str:
        """The view's comment, by which it is known to be ours."""
        return f"The rows of {self.table} that are not deleted. {MADE_BY}."


def update_current_rows(pipeline: Any, load: str) -> None:
    """Make or update the views of a loaded package's schema; what cannot be is told.

    A view whose table has no such rows any more is dropped.
    """
    folder = Path(pipeline.working_dir) / "load" / LoadStorage.LOADED_FOLDER
    schema, views = _read_views(folder, load)
    if not views:
        return
    try:
        with open_client(pipeline, schema.name) as client:
            if not can_have_views(pipeline):
                cause = f"no view is made in {pipeline.destination.destination_name}"
                hint = "Make one yourself, of the rows whose deleted_at is NULL."
                for each in views:
                    _tell_once(client, each, Notice("view", each.table, cause, hint))
                return
            catalog = Catalog(client, is_postgres=is_postgres(pipeline))
            for each in views:
                _update(client, catalog, each, schema, in_postgres=is_postgres(pipeline))
    except Exception as failure:  # noqa: BLE001 - the load's rows are right
        _warn(views[0], failure)


def _read_views(folder: Path, load: str) -> tuple[dlt.Schema, list[CurrentRows]]:
    """The schema of a load package, and the views of its tables, dropped ones too."""
    # What a package's status is called does not matter here.
    packages = PackageStorage(FileStorage(str(folder)), "normalized")
    schema = packages.load_schema(load)
    state: Any = packages.get_load_package_state(load)
    dropped = {each["name"]: each for each in state.get("dropped_tables", ())}
    return schema, [
        CurrentRows(table, hints[SOFT], schema.naming.normalize_table_identifier(table + SUFFIX))
        for table, hints in {**dropped, **schema.tables}.items()
        if SOFT in hints
    ]


def _update(
    client: Any, catalog: Catalog, view: CurrentRows, schema: dlt.Schema, *, in_postgres: bool
) -> None:
    try:
        stored = catalog.view(view.view, view.comment)
        columns = catalog.columns(view.table)
        is_wanted = view.deleted_at in dict(columns)
        is_taken = (stored.is_there and not stored.is_ours) or view.view in schema.tables
        if is_taken and is_wanted:
            cause = f"the view {view.view} is not made: there is a table or view of that name"
            _tell_once(client, view, Notice("view", view.table, cause, TAKEN_HINT))
        if is_taken:
            return
        make = _statements_of_postgres if in_postgres else _statements
        dataset = str(client.dataset_name)
        wanted = list(make(dataset, view, columns if is_wanted else (), stored))
        if wanted:
            with values_hidden(), client.begin_transaction():
                for sql in wanted:
                    client.execute_sql(sql)
    except Exception as failure:  # noqa: BLE001 - the load's rows are right
        _warn(view, failure)


def _statements(
    dataset: str, view: CurrentRows, columns: tuple[tuple[str, str], ...], stored: Stored
) -> Iterator[str]:
    """The SQL that DuckDB's view lacks; none of a view that has its columns."""
    name = f"{quote(dataset)}.{quote(view.view)}"
    if columns and columns != stored.columns:
        yield f"CREATE OR REPLACE VIEW {name} AS {_query(dataset, view, columns)}"
        yield f"COMMENT ON VIEW {name} IS {literal(view.comment)}"
    elif not columns and stored.is_there:
        yield f"DROP VIEW {name}"


def _statements_of_postgres(
    dataset: str, view: CurrentRows, columns: tuple[tuple[str, str], ...], stored: Stored
) -> Iterator[str]:
    """The SQL that PostgreSQL's view lacks.

    A function cannot return other columns than before, so it gets a new name with these. To a view,
    columns are added behind its own: what reads it, and who may, stays. Else it is dropped first.
    """
    name = f"{quote(dataset)}.{quote(view.view)}"
    function = _function_name(view, columns)
    if columns and function == stored.function:
        return
    is_longer = columns[: len(stored.columns)] == stored.columns
    if stored.is_there and not is_longer:
        yield f"DROP VIEW {name}"
    if columns:
        called = f"{quote(dataset)}.{quote(function)}"
        types = {quote(column): kind for column, kind in columns}
        query = f"{_query(dataset, view, columns)} AND {_same_types(columns)}"
        yield function_sql(called, types, query)
        yield f"COMMENT ON FUNCTION {called}() IS {literal(view.comment)}"
        yield f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM {called}()"  # noqa: S608 - our names
        yield f"COMMENT ON VIEW {name} IS {literal(view.comment)}"
    for each in stored.functions:
        if not columns or each != function:
            yield f"DROP FUNCTION {quote(dataset)}.{quote(each)}()"


def _function_name(view: CurrentRows, columns: tuple[tuple[str, str], ...]) -> str:
    digest = sha256(json.dumps([view.view, columns]).encode()).hexdigest()
    beginning = view.view.encode()[:_NAME_BYTES].decode(errors="ignore")
    return f"{beginning}_rows_{digest[:8]}"


def _query(dataset: str, view: CurrentRows, columns: tuple[tuple[str, str], ...]) -> str:
    # Qualified: in a function, a name alone may be that of a column it returns.
    listed = ", ".join(f"t.{quote(column)}" for column, _ in columns)
    table = f"{quote(dataset)}.{quote(view.table)}"
    return f"SELECT {listed} FROM {table} AS t WHERE t.{quote(view.deleted_at)} IS NULL"  # noqa: S608 - our names


def _same_types(columns: tuple[tuple[str, str], ...]) -> str:
    """What PostgreSQL refuses to read once a column has got another type, and does not compute.

    A function that returns the old type would round what is in the wider one, until the end of the
    load. Arrays of two types are never equal, nor comparable; behind `TRUE OR`, none is made.
    """
    same = (f"ARRAY[t.{quote(column)}] = NULL::{kind}[]" for column, kind in columns)
    return f"(TRUE OR {' OR '.join(same)})"


def _tell_once(client: Any, view: CurrentRows, notice: Notice) -> None:
    """Tell why a view is not made, unless `export_jobs` says that it has been told."""
    jobs = client.make_qualified_table_name(LEDGER)
    rows = client.execute_sql(
        f"SELECT job_id, notices FROM {jobs} WHERE table_name = %s ORDER BY loaded_at DESC",  # noqa: S608
        view.table,
    )
    told = [each for _, notices in rows for each in json.loads(notices or "[]")]
    if not rows or any(each["kind"] == notice.kind for each in told):
        return
    tell_notices([notice], stop=False)
    client.execute_sql(
        f"UPDATE {jobs} SET notices = %s WHERE table_name = %s AND job_id = %s",  # noqa: S608
        notices_text([notice], rows[0][1]),
        view.table,
        rows[0][0],
    )


def _warn(view: CurrentRows, failure: Exception) -> None:
    first = str(failure).strip().partition("\n")[0]
    logger.warning(
        f"{view.table}: the view {view.view} could not be made, the rows are loaded"
        f" ({type(failure).__name__}: {first[:200]})"
    )
