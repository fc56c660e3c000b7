"""Reads JSON files: proves their structure, finds each path's type, yields records for dlt."""

from spaaza_source.tabular.json_reader.file import JsonFile, open_json

__all__ = ["JsonFile", "open_json"]
