"""Reports a table's exports to the pipeline's `progress`."""

from __future__ import annotations

from typing import Any

from dlt.common.runtime.collector_base import Collector

from spaaza_source.destination import current_pipeline
from spaaza_source.exports import TableExports
from spaaza_source.loading.context import is_extracting

#: Labels of the counters that a pipeline's `progress` sees, beside dlt's own count of rows.
EXPORTING = "export"
DOWNLOADING = "download"


class Progress:
    """Reports the state of a table's exports, and the bytes received.

    It is called from the thread that extracts, whenever that thread has its turn.
    """

    def __init__(self, exports: TableExports) -> None:
        self._exports = exports
        self._collector: Collector | None = (
            current_pipeline().collector if is_extracting() else None
        )
        self._state = ""
        self._received = 0

    def report(self) -> None:
        """Report what has changed since the last call."""
        exports = self._exports
        if self._collector is None:
            return
        table, state, received = exports.sync.table, exports.state, exports.received
        if received != self._received:
            # dlt's own type forgets that a total may be unknown.
            total: Any = exports.total
            arrived, self._received = received - self._received, received
            self._collector.update(table, inc=arrived, total=total, label=DOWNLOADING)
        if state != self._state:
            self._state = state
            self._collector.update(table, inc=0, message=state, label=EXPORTING)
