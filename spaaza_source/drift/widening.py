"""Widens columns of whole numbers to decimals, when decimals come, instead of emptying them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import dlt
from dlt.common.schema.utils import get_columns_names_with_prop

from spaaza_source.destination import widen_column
from spaaza_source.drift.notices import Notice
from spaaza_source.writing import KEY, UNDECIDED, contract_modes, table_memory


def widen_to_decimals(
    table: str, names: Collection[str], fixed: Collection[str]
) -> dict[str, Notice]:
    """Make decimals of a table's columns of whole numbers, where that can be done.

    The destination's column changes at once; dlt's schema with it, for the load that is extracted.
    That a load then fails does no harm: whole numbers fit a column of decimals.

    Args:
        table: The table that is extracted.
        names: Its columns to which decimals come.
        fixed: Those whose type a user has set.

    Returns:
        What to tell of each column that was widened, by its name.
    """
    memory = table_memory(table)
    columns: Mapping[str, Any] = memory.get("columns", {})
    if not names or not _may_change(memory):
        return {}
    kept = {*fixed, *(memory.get(KEY) or ())}
    for hint in ("primary_key", "merge_key", "unique"):
        kept.update(get_columns_names_with_prop(memory, hint))  # type: ignore[arg-type]
    widened = {}
    for name in sorted(set(names) - kept):
        column = columns.get(name)
        if column is None or column.get("data_type") != "bigint" or column.get(UNDECIDED):
            continue
        wider: Any = {**column, "data_type": "decimal"}
        if widen_column(table, wider):
            dlt.current.source_schema().tables[table]["columns"][name]["data_type"] = "decimal"
            text = f"the column {name!r} held whole numbers and now gets decimals: it is widened"
            widened[name] = Notice("widened", table, text, "", name)
    return widened


def _may_change(memory: Mapping[str, Any]) -> bool:
    """Whether columns of the table may get another type."""
    # With another type each of its rows would have a new version.
    is_versioned = bool(get_columns_names_with_prop(memory, "x-row-version"))  # type: ignore[arg-type]
    return contract_modes().get("data_type", "evolve") == "evolve" and not is_versioned
