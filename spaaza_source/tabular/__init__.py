"""A file becomes typed columns: its structure proven, its bad rows kept apart, nothing guessed."""

from spaaza_source.tabular.column_types import ColumnType
from spaaza_source.tabular.convert import Conversion, convert_csv
from spaaza_source.tabular.csv_reader.file import Column, CsvFile, open_csv
from spaaza_source.tabular.json_reader.file import JsonFile, NestedTable, open_json
from spaaza_source.tabular.rejected import RejectedRow

__all__ = [
    "Column",
    "ColumnType",
    "Conversion",
    "CsvFile",
    "JsonFile",
    "NestedTable",
    "RejectedRow",
    "convert_csv",
    "open_csv",
    "open_json",
]
