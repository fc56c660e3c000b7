"""Checks that the destination can have a table of a load, and those of the lists in its records."""

from __future__ import annotations

from typing import Any

import dlt
import pyarrow as pa
from dlt.common.schema.utils import get_nested_tables

from spaaza_source.destination import (
    check_columns,
    check_record_width,
    check_row_width,
    current_pipeline,
)

#: The columns that dlt adds to a table of records, and to one of the elements of their lists.
OF_RECORDS = ("_dlt_id", "_dlt_load_id")
OF_ELEMENTS = ("_dlt_id", "_dlt_list_idx", "_dlt_parent_id", "_dlt_root_id")


def check_rows(table: str, rows: Any) -> None:
    """Check that each of some rows can be stored.

    Args:
        table: The table.
        rows: An Arrow table or records; anything else is none.

    Raises:
        FileError: One is too wide.
    """
    if isinstance(rows, pa.Table):
        check_row_width(current_pipeline(), table, rows)
    elif isinstance(rows, list):
        check_record_width(current_pipeline(), table, rows)


def check_tables(table: str, *, are_records: bool) -> None:
    """Check the columns of a table that is extracted, once dlt's schema has all of them.

    Args:
        table: The table.
        are_records: Whether its rows are records.

    Raises:
        FileError: The destination cannot have it, or one of its lists' tables.
    """
    tables = dlt.current.source_schema().tables
    for each in get_nested_tables(tables, table):
        name = str(each["name"])
        added = OF_RECORDS if name == table else OF_ELEMENTS
        columns = {*each.get("columns", {}), *(added if are_records else ())}
        nested_in = None if name == table else table
        check_columns(current_pipeline(), name, columns, nested_in=nested_in)
