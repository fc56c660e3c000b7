"""Drift: compares a new file with what is remembered of its table, and tells each difference."""

from spaaza_source.drift.header_changes import column_change_rows, header_notices, missing_columns
from spaaza_source.drift.header_texts import (
    TEXTS,
    check_headers,
    name_by_text,
    remembered_headers,
)
from spaaza_source.drift.misfits import MisfitCounter, rejected_notices
from spaaza_source.drift.notices import (
    EXPECTATION,
    MISSING,
    DriftSettings,
    Notice,
    notices_text,
    tell_notices,
)
from spaaza_source.drift.null_counts import NullCounter
from spaaza_source.drift.widening import widen_to_decimals

__all__ = [
    "EXPECTATION",
    "MISSING",
    "TEXTS",
    "DriftSettings",
    "MisfitCounter",
    "Notice",
    "NullCounter",
    "check_headers",
    "column_change_rows",
    "header_notices",
    "missing_columns",
    "name_by_text",
    "notices_text",
    "rejected_notices",
    "remembered_headers",
    "tell_notices",
    "widen_to_decimals",
]
