"""Reads vendors' CSV and JSON files into typed columns, and hashes or drops personal ones.

A file's structure is proven, its bad rows are rejected, and no value is repaired or guessed.
"""

from spaaza_source.tabular.column_types import TEXT, TIMESTAMP, Column, ColumnType
from spaaza_source.tabular.convert import Conversion, convert_csv
from spaaza_source.tabular.csv_reader.file import CsvFile, open_csv
from spaaza_source.tabular.csv_reader.in_threads import SharedThreads
from spaaza_source.tabular.csv_reader.rewrite import copy_without
from spaaza_source.tabular.dialects.dialect import RFC_4180, Declared, Dialect, ask_to_declare
from spaaza_source.tabular.distinct import texts_differ
from spaaza_source.tabular.drift import ColumnChange, column_changes
from spaaza_source.tabular.header import (
    OTHER_NAMING,
    VARIANT_SUFFIX,
    is_unspelled,
    make_speller,
    printable_name,
    remove_invisible,
)
from spaaza_source.tabular.instants import NO_INSTANT
from spaaza_source.tabular.json_reader.file import JsonFile, open_json
from spaaza_source.tabular.looks import find_rows_among, find_total_row, find_undeclared
from spaaza_source.tabular.privacy.keyed_hash import KeyedHash
from spaaza_source.tabular.privacy.policy import Policy, path_keys
from spaaza_source.tabular.privacy.settings import Policies
from spaaza_source.tabular.rejected import RejectedRow
from spaaza_source.tabular.source_file import check_settings
from spaaza_source.tabular.table_types import (
    ALL_TEXT,
    DocumentedTypes,
    TableTypes,
    read_column_types,
    read_table_types,
)

__all__ = [
    "ALL_TEXT",
    "NO_INSTANT",
    "OTHER_NAMING",
    "RFC_4180",
    "TEXT",
    "TIMESTAMP",
    "VARIANT_SUFFIX",
    "Column",
    "ColumnChange",
    "ColumnType",
    "Conversion",
    "CsvFile",
    "Declared",
    "Dialect",
    "DocumentedTypes",
    "JsonFile",
    "KeyedHash",
    "Policies",
    "Policy",
    "RejectedRow",
    "SharedThreads",
    "TableTypes",
    "ask_to_declare",
    "check_settings",
    "column_changes",
    "convert_csv",
    "copy_without",
    "find_rows_among",
    "find_total_row",
    "find_undeclared",
    "is_unspelled",
    "make_speller",
    "open_csv",
    "open_json",
    "path_keys",
    "printable_name",
    "read_column_types",
    "read_table_types",
    "remove_invisible",
    "texts_differ",
]
