"""Reads CSV files: proves their structure, finds each column's type, yields Arrow tables."""

from spaaza_source.tabular.csv_reader.file import CsvFile, open_csv
from spaaza_source.tabular.csv_reader.in_threads import SharedThreads

__all__ = ["CsvFile", "SharedThreads", "open_csv"]
