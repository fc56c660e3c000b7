"""What tells a table's rows apart: proof of a key, and what is told where there is none."""

from spaaza_source.writing.keys.broken_key import (
    shared_by_files,
    shared_rows,
    unmergeable,
)
from spaaza_source.writing.keys.candidates import KeyCandidates, KeyViolation
from spaaza_source.writing.keys.cells import Key, cell_at, count_among, is_in, join_cells
from spaaza_source.writing.keys.check import KeyCheck

__all__ = [
    "Key",
    "KeyCandidates",
    "KeyCheck",
    "KeyViolation",
    "cell_at",
    "count_among",
    "is_in",
    "join_cells",
    "shared_by_files",
    "shared_rows",
    "unmergeable",
]
