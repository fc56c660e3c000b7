"""Table memory in dlt's schema, from load to load: header, format, key, whether it has rows.

It is kept in the schema so that it travels to the destination and back with it, moves with the load
package, and obeys dlt's contracts and refresh modes.
"""

from __future__ import annotations

from typing import Any

import dlt
from dlt.common.normalizers.json.relational import DataItemNormalizer
from dlt.common.schema import Schema
from dlt.common.schema.utils import get_nested_tables, has_column_with_prop

from spaaza_source.audit import reload_hint
from spaaza_source.errors import SettingsError

#: Table hint: the names of the last header, in its order.
HEADER = "x-header"
#: Table hint: the format of the exports it is loaded from.
FORMAT = "x-export-format"
#: Table hint: no file has had a row yet.
ROWLESS = "x-rowless"
#: Table hint: the columns that told all of its rows apart in the last load of all rows.
KEY = "x-proven-key"
#: Table hint: the load that made the table anew, after it was dropped by hand.
RECREATED = "x-recreated"
#: Column hint: text only because no value has shown its type yet.
UNDECIDED = "x-undecided"


def table_memory(table: str) -> dict[str, Any]:
    """What the schema that is extracted with says of a table; empty before its first load."""
    schema: dict[str, Any] = dict(dlt.current.source_schema().tables.get(table, {}))
    return schema


def has_rows(table: str) -> bool:
    """Whether the table has rows of earlier loads, and this load does not empty it first."""
    return schema_has_rows(dlt.current.source_schema(), table) and not empties_first(table)


def empties_first(table: str) -> bool:
    """Whether this load drops the table, or empties it, before it brings rows: a refresh."""
    package: Any = dlt.current.load_package_state()["state"]
    emptied = [*package.get("dropped_tables", []), *package.get("truncated_tables", [])]
    return any(each["name"] == table for each in emptied)


def schema_has_rows(schema: dlt.Schema, table: str) -> bool:
    """Whether a schema says that the table has rows."""
    memory = schema.tables.get(table, {})
    return FORMAT in memory and not memory.get(ROWLESS, False)


def proven_key(schema: dlt.Schema, table: str) -> tuple[str, ...]:
    """The columns that tell the table's rows apart; none where nothing does."""
    memory: Any = schema.tables.get(table, {})
    return tuple(memory.get(KEY) or ())


def contract_modes() -> dict[str, str]:
    """What dlt's contract says of the table that is extracted, by entity: `evolve` and so on.

    One that is computed from each row says nothing.
    """
    given: Any = dlt.current.resource().schema_contract
    if given is None:
        given = dlt.current.source_schema().settings.get("schema_contract", {})
    modes = Schema.expand_schema_contract_settings({} if callable(given) else given)
    return {entity: str(mode) for entity, mode in modes.items()}


def keep_root_keys(table: str, *, merges: bool) -> None:
    """Let dlt note in each row of a table's nested lists which of its rows it is of.

    dlt needs that to merge, and cannot add it to nested tables that it has made without.

    Args:
        table: The table.
        merges: Whether this load's rows are merged into others.

    Raises:
        SettingsError: They are merged, and the nested tables have been made without.
    """
    schema = dlt.current.source_schema()
    nested = get_nested_tables(schema.tables, table)[1:] if table in schema.tables else []
    without = [each["name"] for each in nested if not has_column_with_prop(each, "root_key")]
    if without and not empties_first(table):
        if merges:
            raise SettingsError(
                f"the rows of {without[0]} do not tell whose they are, as an earlier version loaded"
                " them, so they cannot be merged",
                where=table,
                hint=reload_hint(None),
            )
        return
    normalizer: Any = schema.data_item_normalizer
    roots = {table: {normalizer.c_dlt_id: normalizer.c_dlt_root_id}}
    DataItemNormalizer.update_normalizer_config(schema, {"propagation": {"tables": roots}})


def check_format(table: str, export_format: str) -> None:
    """Refuse to mix formats in one table: only records have the keys of dlt's nested tables.

    Raises:
        SettingsError: The table was loaded from the other format.
    """
    before = table_memory(table).get(FORMAT, export_format)
    if before != export_format:
        raise SettingsError(
            f"the table was loaded from {before} exports",
            where="export_format",
            hint=f"Load {export_format} exports into another dataset.",
        )
