"""Reads the rows of a destination's table that a fresh export must equal."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.schema.utils import get_columns_names_with_prop, get_first_column_name_with_prop

from spaaza_source.destination import (
    fetch_chunks,
    open_client,
    quote_in_scope,
    valid_rows,
    window_condition,
)
from spaaza_source.retention import Age
from spaaza_source.windows import Window
from spaaza_source.writing import KEY, LOAD_ID, SOFT, unversioned_columns


class DestinationTable:
    """A table in the destination, as dlt's schema describes it.

    Args:
        pipeline: The pipeline whose destination has it.
        schema: dlt's schema.
        name: The table's name.
        volatile: Columns whose cells change by themselves as time passes.

    Attributes:
        columns: The columns that come from files, with the values of the last file.
        unversioned: Columns whose changes make no new version of a row in an `scd2` table; they
            keep the value that they had when the version was made.
        key: The columns of its key, proven by its loads or set by a user; none without a key.
        uncompared: What of it is not compared, as a message names it: tables of nested lists, and
            columns that keep an older value.
    """

    def __init__(
        self, pipeline: dlt.Pipeline, schema: dlt.Schema, name: str, volatile: Collection[str]
    ) -> None:
        self._pipeline = pipeline
        self._schema = schema
        self.name = name
        hints = schema.tables[name]
        self._format = hints.get("table_format")
        until = get_first_column_name_with_prop(hints, "x-valid-to")
        version = get_first_column_name_with_prop(hints, "x-row-version")
        since = get_first_column_name_with_prop(hints, "x-valid-from")
        deleted_at: Any = hints.get(SOFT)
        self.unversioned = unversioned_columns(hints["columns"], volatile) if until else set()
        self.columns = [
            column
            for column, hint in hints["columns"].items()
            if not column.startswith("_dlt_")
            and column not in (until, version, since, deleted_at, *self.unversioned)
            and hint.get("data_type")
        ]
        key: Any = get_columns_names_with_prop(hints, "primary_key") or hints.get(KEY) or ()
        self.key = [column for column in key if column in self.columns]
        nested = [table for table in schema.tables if _is_within(schema, table, name)]
        self.uncompared = [
            *(f"the table {table}" for table in nested),
            *(
                f"the column {name}"
                for name in sorted(self.unversioned)
                if name in hints["columns"]
            ),
        ]
        #: The rows that correspond to the last load, as SQL about `{table}`; None for all.
        self._scope: str | None = None
        if until:
            self._scope = valid_rows(pipeline, until)
        elif deleted_at:
            self._scope = f"{{table}}.{quote_in_scope(pipeline, deleted_at)} IS NULL"
        elif LOAD_ID in str(hints.get("x-merge-destination-scope") or ""):
            self._scope = f"{{table}}.{LOAD_ID} = (SELECT max({LOAD_ID}) FROM {{table}})"

    def column(self, header: str | None) -> str | None:
        """The column of that header; None if the table has none."""
        name = None if header is None else self._schema.naming.normalize_identifier(header)
        return name if name in self.columns else None

    def rows(self, times: tuple[str, Window] | None, age: Age | None) -> Iterator[pa.Table]:
        """Its rows: those of a window, by a column of times, or all; without those too old."""
        with open_client(self._pipeline, self._schema.name, self._format) as client:
            name = client.make_qualified_table_name(self.name)
            columns = ", ".join(client.escape_column_name(column) for column in self.columns)
            conditions = [self._scope.format(table=name)] if self._scope else []
            if times is not None:
                conditions.append(window_condition(client.escape_column_name(times[0]), times[1]))
            if age is not None:
                conditions.append(age.recent(client.escape_column_name))
            where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
            yield from fetch_chunks(client, f"SELECT {columns} FROM {name}{where}")


def _is_within(schema: dlt.Schema, table: str, root: str) -> bool:
    """Whether a table has the nested lists of another's rows, at any depth."""
    parent = schema.tables[table].get("parent")
    return parent is not None and (parent == root or _is_within(schema, parent, root))
