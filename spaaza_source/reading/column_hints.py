"""Column and table hints of one file for dlt's schema, and what a new header changes.

Types are settled by a user's hints, by the setting `column_types`, by earlier loads, by the
vendor's documents, or by the first values; in that order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import dlt
import pyarrow as pa
from dlt.common import logger
from dlt.common.schema.typing import TTableSchema
from dlt.extract.exceptions import DataItemRequiredForDynamicTableHints
from dlt.extract.hints import TResourceHints, make_hints

from spaaza_source.audit import reload_hint
from spaaza_source.destination import current_pipeline, find_record_format
from spaaza_source.drift import MISSING, TEXTS, missing_columns, remembered_headers
from spaaza_source.errors import HeaderError, SettingsError
from spaaza_source.tabular import TEXT, Column, ColumnType, TableTypes, make_speller
from spaaza_source.writing import FORMAT, HEADER, ROWLESS, UNDECIDED, table_memory

PERSONAL = "x-annotation-pii"
"""dlt's spelling of an annotation that a column holds personal data."""


def known_types(table: str, types: TableTypes) -> dict[str, ColumnType]:
    """The types that a user's hints and settings, or earlier loads, have settled, by column name.

    Hints win, then settings. A column that no value has decided yet has no type here.
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
    settled.update({normalize_name(name): describe(kind) for name, kind in types.by_column.items()})
    settled.update(
        {
            schema.naming.normalize_identifier(name): hint
            for name, hint in _hinted().items()
            if not hint.get(UNDECIDED)
        }
    )
    return {name: _type_of(hint) for name, hint in settled.items() if hint.get("data_type")}


def hinted_types() -> set[str]:
    """The columns of the resource that is extracted whose type a user has set by a hint."""
    return {
        normalize_name(name)
        for name, hint in _hinted().items()
        if hint.get("data_type") and not hint.get(UNDECIDED)
    }


def normalize_name(column: str) -> str:
    """A column as a user writes it, as dlt names it; `user__id` is one that JSON nests."""
    naming = dlt.current.source_schema().naming
    return str(make_speller(naming.normalize_path)(column))


def nested_types() -> dict[str, dict[str, ColumnType]]:
    """The types that earlier loads have settled, of each table and by column name."""
    tables = dlt.current.source_schema().tables
    return {
        name: {
            column: _type_of(hint)
            for column, hint in table.get("columns", {}).items()
            if hint.get("data_type")
        }
        for name, table in tables.items()
    }


def is_rowless(table: str, rows: int) -> bool:
    """Whether the table has no row yet, and gets none from a file of so many rows."""
    memory = table_memory(table)
    return rows == 0 and (not memory or bool(memory.get(ROWLESS, False)))


def table_hints(
    table: str,
    header: Sequence[Column],
    rows: int,
    columns: Iterable[Any],
    *,
    export_format: str = "csv",
    nested: Mapping[Any, Any] | None = None,
) -> TResourceHints:
    """The hints that a file brings for its table.

    Args:
        table: Its name.
        header: The file's columns, in its order.
        rows: The file's good rows.
        columns: Hints of its columns.
        export_format: The file's format.
        nested: Hints of nested tables, as dlt's `nested_hints`.
    """
    before = dlt.current.source_schema().tables.get(table)
    rowless = is_rowless(table, rows)
    if before is not None and before.get(ROWLESS) and rows:
        _recreate(before)
    names = [column.name for column in header]
    remembered: dict[str, Any] = {FORMAT: export_format}
    # A JSON list without records does not show which columns there are.
    if names or rows:
        remembered[HEADER] = names
        texts = {each.name: each.header for each in header}
        remembered[TEXTS] = {**remembered_headers(table), **texts}
        missing = missing_columns(table, names)
        if missing or (before is not None and MISSING in before):
            remembered[MISSING] = missing
    if rowless or (before is not None and ROWLESS in before):
        remembered[ROWLESS] = rowless
    return make_hints(
        columns=list(columns),
        file_format=_find_file_format() if export_format == "json" else None,
        additional_table_hints=remembered,
        nested_hints=dict(nested or {}),
    )


def _find_file_format() -> Any:
    """The form of the package's files of records, unless the user or dlt has chosen one."""
    try:
        chosen = dlt.current.resource().compute_table_schema().get("file_format")
    except DataItemRequiredForDynamicTableHints:
        return None
    return chosen or find_record_format(current_pipeline())


def column_hints(
    columns: Iterable[Column], *, without: Collection[str], rowless: bool
) -> list[Any]:
    """Hints of a CSV file's columns, but for those that the table is to be `without`.

    Every column keeps the vendor's header as its description; a variant column is marked as one,
    so that dlt's `data_type` contract rules over it. In a table that never had a row, undecided
    columns are text, or have their documented type, so that they exist; the first rows decide.
    """
    hints: list[Any] = []
    for column in columns:
        if column.name in without:
            continue
        hint: dict[str, Any] = {"name": column.name, "description": column.header}
        if column.type is None:
            if not rowless:
                continue
            hint |= {"data_type": "text", UNDECIDED: True}
        elif rowless and not column.is_filled:
            hint |= {**describe(column.type), UNDECIDED: True}
        elif _hinted().get(column.name, {}).get(UNDECIDED):
            # An earlier run of this very source object put the hint there.
            hint |= {**describe(column.type), UNDECIDED: False}
        hints.append(hint)
        if column.has_variant:
            hints.append({"name": column.variant, "variant": True})
    return hints


def mark_personal(hints: Iterable[Any], is_personal: Callable[[str], bool]) -> list[Any]:
    """The hints, with dlt's annotation on personal columns, so that a catalogue sees them.

    A hint of the user's with that annotation is left to say what it says.
    """
    hinted = _hinted()
    return [
        {**hint, PERSONAL: True}
        if is_personal(hint["name"]) and PERSONAL not in hinted.get(hint["name"], {})
        else hint
        for hint in hints
    ]


def settle_undecided(table: pa.Table, columns: Iterable[Column], *, rowless: bool) -> pa.Table:
    """Drop undecided columns; or make them text, where the table is to have no rows.

    dlt would leave them out too, and warn of each at every load.
    """
    undecided = [column.name for column in columns if column.type is None]
    for name in undecided if rowless else ():
        place = table.schema.get_field_index(name)
        empty = pa.nulls(table.num_rows, pa.string())
        table = table.set_column(place, pa.field(name, pa.string()), empty)
    return table if rowless else table.drop_columns(undecided)


def check_chosen_types(table: str, types: TableTypes) -> None:
    """Refuse a type of the user's for a column that the table has with another one.

    No column of a database changes its type by a load: the values would be converted into it.

    Raises:
        SettingsError: There is such a column.
    """
    naming = dlt.current.source_schema().naming
    hinted = {naming.normalize_identifier(name): hint for name, hint in _hinted().items()}
    chosen = {normalize_name(name): describe(kind) for name, kind in types.by_column.items()}
    _check_types(table, hinted, "its hint says", where=f"columns of {table}", given="the hint")
    _check_types(
        table,
        {name: hint for name, hint in chosen.items() if "data_type" not in hinted.get(name, {})},
        "column_types says",
        where=f"column_types of {table}",
        given="the setting",
    )


def _check_types(
    table: str, hints: Mapping[str, Any], saying: str, *, where: str, given: str
) -> None:
    memory = table_memory(table)
    for name, hint in hints.items():
        column = memory.get("columns", {}).get(name, {})
        undecided = memory.get(ROWLESS) or column.get(UNDECIDED) or hint.get(UNDECIDED)
        if not undecided and _differs(hint, column):
            raise SettingsError(
                f"the table has the column {name!r} as {_named(column)}, and {saying}"
                f" {_named(hint)}",
                where=where,
                hint=f"{reload_hint(None)} Or remove {given}, or load into another dataset.",
            )


def describe(column_type: ColumnType) -> dict[str, Any]:
    """A type as dlt's column hint."""
    hint: dict[str, Any] = {"data_type": column_type.data_type}
    if column_type.data_type == "decimal":
        hint |= {"precision": column_type.precision, "scale": column_type.scale}
    return hint


def _named(hint: Mapping[str, Any]) -> str:
    return str(_type_of(hint)) if hint.get("precision") is not None else str(hint["data_type"])


def check_header(table: str, columns: Sequence[Column], types: TableTypes) -> None:
    """Refuse a file that has no column of the table's last header; warn of an unknown first one.

    Some servers answer with an error in plain words, which is a table of one column for all that
    the file itself can tell.

    Args:
        table: The table.
        columns: The file's.
        types: What is documented of the table's columns.

    Raises:
        HeaderError: It has none.
    """
    before = table_memory(table).get(HEADER)
    if not isinstance(before, list) or not before or not columns:
        known = types.documented.by_name
        if known and columns and not any(types.documented.find(each.name) for each in columns):
            # The names are not shown: they may be a customer's cells.
            logger.warning(
                f"{table}: no column of its first file has a name that the vendor's documents use;"
                " if these names are values, the file has no header row"
            )
        return
    if not {column.name for column in columns} & set(before):
        raise HeaderError(
            f"the file has none of the {len(before)} columns that the table's last file had",
            hint="Ask the vendor what this file is; load another kind into another dataset.",
        )


def _recreate(before: TTableSchema) -> None:
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


def _differs(hint: Mapping[str, Any], column: Mapping[str, Any]) -> bool:
    """Whether a hint names another type than a column has."""
    named, own = hint.get("data_type"), column.get("data_type")
    if named is None or own is None or named != own:
        return named is not None and own is not None
    precise = named == "decimal" and hint.get("precision") is not None
    return precise and ColumnType.of_dlt(
        named, hint["precision"], hint.get("scale")
    ) != ColumnType.of_dlt(own, column.get("precision"), column.get("scale"))


def _type_of(hint: Mapping[str, Any]) -> ColumnType:
    try:
        return ColumnType.of_dlt(str(hint["data_type"]), hint.get("precision"), hint.get("scale"))
    except SettingsError:
        # A type that a file has no form for (json, binary, …) arrives as text, for the destination.
        return TEXT
