"""Drift: compares a new file with what is remembered of its table, and tells each difference."""

from spaaza_source.drift.header_changes import column_change_rows, header_notices, missing_columns
from spaaza_source.drift.misfits import MisfitCounter, rejected_notices
from spaaza_source.drift.notices import MISSING, DriftSettings, Notice, notices_text, tell_notices

__all__ = [
    "MISSING",
    "DriftSettings",
    "MisfitCounter",
    "Notice",
    "column_change_rows",
    "header_notices",
    "missing_columns",
    "notices_text",
    "rejected_notices",
    "tell_notices",
]
