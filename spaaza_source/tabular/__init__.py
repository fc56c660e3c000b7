"""A file becomes typed columns: its structure proven, its bad rows kept apart, nothing guessed."""

from spaaza_source.tabular.column_types import TEXT, TIMESTAMP, ColumnType
from spaaza_source.tabular.convert import Conversion, convert_csv
from spaaza_source.tabular.csv_reader.file import Column, CsvFile, open_csv
from spaaza_source.tabular.drift import column_changes
from spaaza_source.tabular.header import show
from spaaza_source.tabular.json_reader.file import JsonFile, NestedTable, open_json
from spaaza_source.tabular.privacy import Policies, Policy
from spaaza_source.tabular.rejected import RejectedRow
from spaaza_source.tabular.spelling import make_speller

__all__ = [
    "TEXT",
    "TIMESTAMP",
    "Column",
    "ColumnType",
    "Conversion",
    "CsvFile",
    "JsonFile",
    "NestedTable",
    "Policies",
    "Policy",
    "RejectedRow",
    "column_changes",
    "convert_csv",
    "make_speller",
    "open_csv",
    "open_json",
    "show",
]
