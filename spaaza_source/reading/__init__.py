"""Opens the files of a table, so that all of them agree about types, as what dlt gets of them."""

from spaaza_source.reading.column_hints import check_chosen_types
from spaaza_source.reading.file_opener import ReadSettings
from spaaza_source.reading.loadable_file import LoadableFile
from spaaza_source.reading.reader import FileReader
from spaaza_source.reading.row_windows import RangeColumns
from spaaza_source.reading.window_edges import WindowEdges

__all__ = [
    "FileReader",
    "LoadableFile",
    "RangeColumns",
    "ReadSettings",
    "WindowEdges",
    "check_chosen_types",
]
