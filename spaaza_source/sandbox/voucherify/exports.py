"""Exports of a project: their statuses at a moment of the clock, and their files.

Statuses follow from the clock alone, as those of tasks do. An export's start and end are fixed when
it is created; its file is written at the first request after its start. A large file may not be
ready when the clock says so: the export then stays IN_PROGRESS a little longer.
"""

import hashlib
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from spaaza_source.sandbox.export_files import ExportWriter, Outcome, wait_briefly
from spaaza_source.sandbox.instants import millisecond_text
from spaaza_source.sandbox.settings import SandboxSettings
from spaaza_source.sandbox.slots import Slots
from spaaza_source.sandbox.voucherify.project import Project
from spaaza_source.sandbox.voucherify.refusals import export_not_found
from spaaza_source.sandbox.voucherify.request import SandboxRequest
from spaaza_source.sandbox.voucherify.rows import RowQuery

_ID_LENGTH = 24


@dataclass
class SandboxExport:
    """One export; guarded by the lock of its `ExportBook`."""

    id: str
    request: SandboxRequest
    created: datetime
    start: datetime
    finish: datetime
    written: "Future[Outcome] | None" = None

    def status(self, now: datetime) -> str:
        """SCHEDULED, IN_PROGRESS, DONE or ERROR."""
        if self.written is None:
            return "SCHEDULED"
        if now < self.finish or not self.written.done():
            return "IN_PROGRESS"
        return "ERROR" if self.written.result().file is None else "DONE"

    def file(self, now: datetime) -> Path | None:
        """The file of an export that is DONE."""
        if self.written is None or self.status(now) != "DONE":
            return None
        return self.written.result().file

    def as_json(self, status: str, url: str | None) -> dict[str, Any]:
        """The export object of the API."""
        return {
            "id": self.id,
            "object": "export",
            "created_at": millisecond_text(self.created),
            "status": status,
            "channel": "API",
            "exported_object": self.request.exported_object,
            "parameters": self.request.parameters,
            "result": None if url is None else {"url": url},
            "user_id": None,
        }


class ExportBook:
    """All exports, in the order they were created; thread-safe."""

    def __init__(self, settings: SandboxSettings, project: Project, writer: ExportWriter) -> None:
        self._settings = settings
        self._project = project
        self._writer = writer
        self._lock = threading.Lock()
        self._slots = Slots(settings.side_by_side)
        self._made = 0
        self._exports: dict[str, SandboxExport] = {}

    def create(self, request: SandboxRequest, now: datetime) -> SandboxExport:
        """Create an export."""
        with self._lock:
            self._made += 1
            ready = now + timedelta(seconds=self._settings.queue_seconds)
            start = self._slots.first_free(ready)
            finish = start + timedelta(seconds=self._settings.run_seconds)
            self._slots.occupy(finish)
            export = SandboxExport(self._id(), request, now, start, finish)
            self._exports[export.id] = export
        return export

    def get(self, export_id: str, now: datetime) -> SandboxExport:
        """An export in its present status; raises VoucherifyRefusal where there is none."""
        with self._lock:
            self._advance(now)
            export = self._exports.get(export_id)
        if export is None:
            raise export_not_found(export_id)
        _wait_for_files([export], now)
        return export

    def newest_first(self, now: datetime) -> list[SandboxExport]:
        """Every export in its present status."""
        with self._lock:
            self._advance(now)
            exports = list(self._exports.values())[::-1]
        _wait_for_files(exports, now)
        return exports

    def delete(self, export_id: str) -> None:
        """Delete an export; raises VoucherifyRefusal where there is none."""
        with self._lock:
            if self._exports.pop(export_id, None) is None:
                raise export_not_found(export_id)

    def _advance(self, now: datetime) -> None:
        for export in self._exports.values():
            if export.written is None and export.start <= now:
                rows = RowQuery(self._project, export.request)
                export.written = self._writer.submit("csv", rows.schema, rows.blocks(export.start))

    def _id(self) -> str:
        made = f"{self._settings.seed} {self._made}".encode()
        return f"exp_{hashlib.sha256(made).hexdigest()[:_ID_LENGTH]}"


def _wait_for_files(exports: Iterable[SandboxExport], now: datetime) -> None:
    wait_briefly(each.written for each in exports if each.written and each.finish <= now)
