"""The rows of a destination's table that an export is to equal, as its loads have left them.

They are read, nothing is changed; the comparing is left to `comparison`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
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
    """A table as it stands in the destination.

    Attributes:
        table: Its name.
        columns: Those that come from files, and are as the last of these had them.
        outdated: Those that are as the file had them which made the row's version.
        key: What tells its rows apart, as far as its loads have proven or a user has said.
        scope: The rows that the last load stands for, as SQL about `{table}`; None for all.
        naming: How dlt names columns.
        table_format: Such as `delta`; None for what the destination prefers.
    """

    table: str
    columns: list[str]
    outdated: Collection[str]
    key: list[str]
    scope: str | None
    naming: NamingConvention
    table_format: str | None = None

    @classmethod
    def of(
        cls,
        pipeline: dlt.Pipeline,
        table: str,
        told: Mapping[str, Any],
        naming: NamingConvention,
        passing: Collection[str] = (),
    ) -> DestinationTable:
        """From what dlt's schema tells of the table.

        Args:
            pipeline: Whose destination it is in.
            table: Its name.
            told: What the schema tells.
            naming: How dlt names columns.
            passing: Columns that make no version of a row: a history has them as they were.
        """
        schema: Any = told
        until = get_first_column_name_with_prop(schema, "x-valid-to")
        version = get_first_column_name_with_prop(schema, "x-row-version")
        since = get_first_column_name_with_prop(schema, "x-valid-from")
        unsure = unversioned_columns(told["columns"], passing) if until is not None else set()
        columns = [
            name
            for name, column in told["columns"].items()
            if not name.startswith("_dlt_")
            and name not in (until, version, since, *unsure)
            and column.get("data_type")
        ]
        key = get_columns_names_with_prop(schema, "primary_key") or list(told.get(KEY) or ())
        scope = None
        if until is not None:
            scope = valid_rows(pipeline, until)
        elif LOAD_ID in str(told.get("x-merge-destination-scope") or ""):
            scope = f"{{table}}.{LOAD_ID} = (SELECT max({LOAD_ID}) FROM {{table}})"
        return cls(
            table,
            columns,
            unsure,
            [name for name in key if name in columns],
            scope,
            naming,
            told.get("table_format"),
        )

    def column(self, header: str | None) -> str | None:
        """The column of that header; None where there is none."""
        name = None if header is None else self.naming.normalize_identifier(header)
        return name if name in self.columns else None

    def rows(
        self, pipeline: dlt.Pipeline, schema: str, times: tuple[str, Window] | None
    ) -> Iterator[pa.Table]:
        """Its rows.

        Args:
            pipeline: Whose destination it is in.
            schema: The name of dlt's schema.
            times: The column of times, and the span that the rows are of; None for all.
        """
        with open_client(pipeline, schema, self.table_format) as client:
            name = client.make_qualified_table_name(self.table)
            columns = ", ".join(client.escape_column_name(column) for column in self.columns)
            conditions = [self.scope.format(table=name)] if self.scope else []
            if times is not None:
                conditions.append(window_condition(client.escape_column_name(times[0]), times[1]))
            where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
            yield from fetch_chunks(client, f"SELECT {columns} FROM {name}{where}")
