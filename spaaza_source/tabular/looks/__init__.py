"""What rows of a user's own file look like, beside what they are read as."""

from spaaza_source.tabular.looks.total_row import TotalRow, find_rows_among, find_total_row
from spaaza_source.tabular.looks.undeclared import LooksLike, find_undeclared

__all__ = ["LooksLike", "TotalRow", "find_rows_among", "find_total_row", "find_undeclared"]
