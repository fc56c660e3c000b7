"""Reads the rows of a destination's table that a fresh export must equal."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.normalizers.naming import NamingConvention
from dlt.common.schema.utils import get_columns_names_with_prop, get_first_column_name_with_prop

from spaaza_source.destination import fetch_chunks, open_client, valid_rows, window_condition
from spaaza_source.windows import Window
from spaaza_source.writing import KEY, LOAD_ID, unversioned_columns


@dataclass(frozen=True)
class DestinationTable:
    """A table in the destination.

    Attributes:
        table: Its name.
        columns: The columns that come from files, with the values of the last file.
        unversioned: Columns whose changes make no new version of a row in an `scd2` table; they
            keep the value that they had when the version was made.
        key: The columns of its key, proven by its loads or set by a user; none without a key.
        scope: The rows that correspond to the last load, as SQL about `{table}`; None for all.
        naming: How dlt names columns.
        table_format: Such as `delta`; None for the destination's default.
    """

    table: str
    columns: list[str]
    unversioned: Collection[str]
    key: list[str]
    scope: str | None
    naming: NamingConvention
    table_format: str | None = None

    @classmethod
    def of(
        cls,
        pipeline: dlt.Pipeline,
        table: str,
        hints: Any,
        naming: NamingConvention,
        passing: Collection[str] = (),
    ) -> DestinationTable:
        """The table that dlt's schema describes.

        Args:
            pipeline: The pipeline whose destination has it.
            table: Its name.
            hints: Its hints in dlt's schema.
            naming: How dlt names columns.
            passing: Columns whose changes make no new version of a row.
        """
        until = get_first_column_name_with_prop(hints, "x-valid-to")
        version = get_first_column_name_with_prop(hints, "x-row-version")
        since = get_first_column_name_with_prop(hints, "x-valid-from")
        unversioned = unversioned_columns(hints["columns"], passing) if until is not None else set()
        columns = [
            name
            for name, column in hints["columns"].items()
            if not name.startswith("_dlt_")
            and name not in (until, version, since, *unversioned)
            and column.get("data_type")
        ]
        key = get_columns_names_with_prop(hints, "primary_key") or list(hints.get(KEY) or ())
        scope = None
        if until is not None:
            scope = valid_rows(pipeline, until)
        elif LOAD_ID in str(hints.get("x-merge-destination-scope") or ""):
            scope = f"{{table}}.{LOAD_ID} = (SELECT max({LOAD_ID}) FROM {{table}})"
        return cls(
            table,
            columns,
            unversioned,
            [name for name in key if name in columns],
            scope,
            naming,
            hints.get("table_format"),
        )

    def column(self, header: str | None) -> str | None:
        """The column of that header; None if the table has none."""
        name = None if header is None else self.naming.normalize_identifier(header)
        return name if name in self.columns else None

    def rows(
        self, pipeline: dlt.Pipeline, schema: str, times: tuple[str, Window] | None
    ) -> Iterator[pa.Table]:
        """Its rows.

        Args:
            pipeline: The pipeline whose destination has it.
            schema: The name of dlt's schema.
            times: The column of times, and the window to read; None for all rows.
        """
        with open_client(pipeline, schema, self.table_format) as client:
            name = client.make_qualified_table_name(self.table)
            columns = ", ".join(client.escape_column_name(column) for column in self.columns)
            conditions = [self.scope.format(table=name)] if self.scope else []
            if times is not None:
                conditions.append(window_condition(client.escape_column_name(times[0]), times[1]))
            where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
            yield from fetch_chunks(client, f"SELECT {columns} FROM {name}{where}")
