"""Counts the cells without a value, by column: what `spaaza health` compares from load to load."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pyarrow as pa


class NullCounter:
    """The NULL cells of one file; of records, as JSON has them, none are counted."""

    def __init__(self) -> None:
        self._nulls: Counter[str] = Counter()
        self._is_counted = False

    def add(self, rows: Any) -> None:
        """Take note of rows, an Arrow table or records."""
        if isinstance(rows, pa.Table):
            self._is_counted = True
            for name, cells in zip(rows.column_names, rows.columns, strict=True):
                self._nulls[name] += cells.null_count

    def as_text(self) -> str | None:
        """As JSON for `export_jobs`, by column; None where nothing was counted."""
        return json.dumps(self._nulls) if self._is_counted else None
