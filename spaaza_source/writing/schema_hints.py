"""What dlt's schema remembers of a table's columns between loads, and what a new file changes.

Types and headers are kept in the schema, not beside it: so they travel to the destination and back
with it, move with the load package, and obey dlt's contracts and refresh modes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TColumnSchema, TTableSchema
from dlt.extract.hints import TResourceHints, make_hints

from spaaza_source.errors import HeaderError, SettingsError
from spaaza_source.tabular import TEXT, Column, ColumnType, column_changes

#: Table hint: the names of the last header, in its order.
HEADER = "x-header"
#: Table hint: the format of the exports it is loaded from.
FORMAT = "x-export-format"
#: Table hint: no file has brought a row yet.
ROWLESS = "x-rowless"
#: Table hint: the columns that told all of its rows apart when they last came all at once.
KEY = "x-proven-key"
#: Column hint: text only because no value has shown its type yet.
UNDECIDED = "x-undecided"


class Columns(Protocol):
    """What is asked of a file here."""

    @property
    def columns(self) -> Sequence[Column]:
        """Its columns, in its order."""

    @property
    def rows(self) -> int:
        """Its good rows."""


def known_types(table: str) -> dict[str, ColumnType]:
    """The types that a user's hints, or earlier loads, have settled, by column name.

    Hints win. A column that no value has decided yet has no type here.
    """
    schema = dlt.current.source_schema()
    settled: dict[str, Any] = {}
    if table in schema.tables:
        settled.update(
            {
                name: column
                for name, column in schema.get_table_columns(table).items()
                if not column.get(UNDECIDED)
            }
        )
    settled.update(
        {
            schema.naming.normalize_identifier(name): hint
            for name, hint in _hinted().items()
            if not hint.get(UNDECIDED)
        }
    )
    return {name: _type_of(hint) for name, hint in settled.items() if hint.get("data_type")}


def nested_types(table: str, place: tuple[str, ...]) -> dict[str, ColumnType]:
    """The same for the table that dlt makes of the lists at a path of names."""
    schema = dlt.current.source_schema()
    nested = schema.tables.get(schema.naming.shorten_fragments(table, *place), {})
    columns: Any = nested.get("columns", {})
    return {name: _type_of(hint) for name, hint in columns.items() if hint.get("data_type")}


def is_rowless(table: str, file: Columns) -> bool:
    """Whether the table has no row yet, and gets none from this file."""
    before = dlt.current.source_schema().tables.get(table)
    return file.rows == 0 and (before is None or bool(before.get(ROWLESS, False)))


def has_rows(table: str) -> bool:
    """Whether an earlier load has brought the table rows, and this one does not begin anew."""
    package: Any = dlt.current.load_package_state()["state"]
    emptied = {each["name"] for each in package.get("truncated_tables", [])}
    return schema_has_rows(dlt.current.source_schema(), table) and table not in emptied


def schema_has_rows(schema: dlt.Schema, table: str) -> bool:
    """Whether loads have brought the table rows, as a schema has it."""
    told = schema.tables.get(table, {})
    return FORMAT in told and not told.get(ROWLESS, False)


def proven_key(table: str) -> tuple[str, ...]:
    """The columns that tell the rows apart that the table holds; none where nothing does."""
    key: Any = dlt.current.source_schema().tables.get(table, {}).get(KEY)
    return tuple(key or ())


def check_format(table: str, export_format: str) -> None:
    """Refuse to mix formats in one table: only records have the keys of dlt's nested tables.

    Raises:
        SettingsError: The table was loaded from the other format.
    """
    before = dlt.current.source_schema().tables.get(table, {}).get(FORMAT, export_format)
    if before != export_format:
        raise SettingsError(
            f"the table was loaded from {before} exports",
            where="export_format",
            hint=f"Load {export_format} exports into another dataset.",
        )


def table_hints(
    table: str,
    file: Columns,
    columns: Iterable[Any],
    *,
    export_format: str = "csv",
    nested: Mapping[Any, Any] | None = None,
) -> TResourceHints:
    """What the schema shall say of the table from this file on.

    Args:
        table: Its name.
        file: The file.
        columns: Hints of its columns.
        export_format: The file's format.
        nested: Hints of nested tables, as dlt's `nested_hints`.
    """
    before = dlt.current.source_schema().tables.get(table)
    rowless = is_rowless(table, file)
    if before is not None and before.get(ROWLESS) and file.rows:
        _begin_anew(before)
    remembered: dict[str, Any] = {
        HEADER: [column.name for column in file.columns],
        FORMAT: export_format,
    }
    if rowless or (before is not None and ROWLESS in before):
        remembered[ROWLESS] = rowless
    return make_hints(
        columns=list(columns), additional_table_hints=remembered, nested_hints=dict(nested or {})
    )


def column_hints(file: Columns, *, without: Collection[str], rowless: bool) -> list[Any]:
    """Hints of a CSV file's columns, but for those that the table is to be `without`.

    Every column keeps the vendor's header as its description; a variant column is marked as one,
    so that dlt's `data_type` contract rules over it. A file without a row in a table that never
    had one makes its undecided columns text, so that they exist; the first row begins them anew.
    """
    columns: list[Any] = []
    for column in file.columns:
        if column.name in without:
            continue
        hint: dict[str, Any] = {"name": column.name, "description": column.header}
        if column.type is None:
            if not rowless:
                continue
            hint |= {"data_type": "text", UNDECIDED: True}
        elif _hinted().get(column.name, {}).get(UNDECIDED):
            # An earlier run of this very source object put the hint there.
            hint |= {"data_type": column.type.data_type, UNDECIDED: False}
        columns.append(hint)
        if column.has_variant:
            columns.append({"name": column.variant, "variant": True})
    return columns


def settle_undecided(table: pa.Table, file: Columns, *, rowless: bool) -> pa.Table:
    """The table without its undecided columns; with them as text where it is to have no rows.

    dlt would leave them out too, and warn of each at every load.
    """
    undecided = [column.name for column in file.columns if column.type is None]
    for name in undecided if rowless else ():
        place = table.schema.get_field_index(name)
        empty = pa.nulls(table.num_rows, pa.string())
        table = table.set_column(place, pa.field(name, pa.string()), empty)
    return table if rowless else table.drop_columns(undecided)


def check_header(table: str, file: Columns) -> None:
    """Refuse a file that has no column of the table's last header.

    Some servers answer with an error in plain words, which is a table of one column for all that
    the file itself can tell.

    Raises:
        HeaderError: It has none.
    """
    before = dlt.current.source_schema().tables.get(table, {}).get(HEADER)
    if not isinstance(before, list) or not before or not file.columns:
        return
    if not {column.name for column in file.columns} & set(before):
        raise HeaderError(
            f"the file has none of the {len(before)} columns that the table's last file had",
            hint="Ask the vendor what this file is; load another kind into another dataset.",
        )


def change_entries(table: str, file: Columns) -> list[dict[str, Any]]:
    """Rows for `column_changes`: how this header differs from the last; none for the first."""
    before = dlt.current.source_schema().tables.get(table, {}).get(HEADER)
    if not isinstance(before, list):
        return []
    headers = {column.name: column.header for column in file.columns}
    return [
        {
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


def _begin_anew(before: TTableSchema) -> None:
    """Let dlt drop a table that never had a row, and create it with the types that rows show."""
    package: Any = dlt.current.load_package_state()["state"]
    package.setdefault("dropped_tables", []).append({**before, "columns": dict(before["columns"])})
    for name, column in list(before["columns"].items()):
        if column.get(UNDECIDED):
            del before["columns"][name]


def _hinted() -> Mapping[str, Any]:
    """The column hints of the resource that is being extracted."""
    hints = dlt.current.resource().columns
    return hints if isinstance(hints, Mapping) else {}


def _type_of(hint: TColumnSchema) -> ColumnType:
    try:
        return ColumnType.of_dlt(str(hint["data_type"]), hint.get("precision"), hint.get("scale"))
    except SettingsError:
        # A type that a file has no form for (json, binary, …) arrives as text, for the destination.
        return TEXT
