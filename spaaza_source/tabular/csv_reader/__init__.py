"""Reads CSV files: proves their structure, finds each column's type, yields Arrow tables."""

from spaaza_source.tabular.csv_reader.file import CsvFile, open_csv

__all__ = ["CsvFile", "open_csv"]
