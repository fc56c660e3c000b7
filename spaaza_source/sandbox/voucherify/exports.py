"""Exports of a project: their statuses at a moment of the clock, and their files.

An export's start and end are fixed when it is created.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from spaaza_source.sandbox.export_files import ExportWriter
from spaaza_source.sandbox.instants import utc_text
from spaaza_source.sandbox.jobs import Job, JobBook, Run
from spaaza_source.sandbox.settings import SandboxSettings
from spaaza_source.sandbox.voucherify.project import Project
from spaaza_source.sandbox.voucherify.request import SandboxRequest
from spaaza_source.sandbox.voucherify.rows import export_rows

_ID_LENGTH = 24


@dataclass
class SandboxExport(Job):
    """One export."""

    STATES = ("SCHEDULED", "IN_PROGRESS", "DONE", "ERROR")

    id: str
    request: SandboxRequest
    start: datetime
    finish: datetime

    def as_json(self, status: str, url: str | None) -> dict[str, Any]:
        """The export object of the API."""
        return {
            "id": self.id,
            "object": "export",
            "created_at": utc_text(self.created, "milliseconds"),
            "status": status,
            "channel": "API",
            "exported_object": self.request.exported_object,
            "parameters": self.request.parameters,
            "result": None if url is None else {"url": url},
            "user_id": None,
        }


class ExportBook(JobBook[str, SandboxExport]):
    """All exports that are not deleted."""

    def __init__(self, settings: SandboxSettings, project: Project, writer: ExportWriter) -> None:
        super().__init__(settings, writer)
        self._project = project
        self._made = 0

    def create(self, request: SandboxRequest, now: datetime) -> SandboxExport:
        """Create an export."""
        with self._lock:
            self._made += 1
            made = f"{self._settings.seed} {self._made}".encode()
            export_id = f"exp_{hashlib.sha256(made).hexdigest()[:_ID_LENGTH]}"
            start = self._start_of(now)
            export = SandboxExport(now, export_id, request, start, self._occupy_slot(start))
            self._jobs[export_id] = export
        return export

    def delete(self, export_id: str) -> bool:
        """Delete an export; whether there was one."""
        with self._lock:
            return self._jobs.pop(export_id, None) is not None

    def _advance(self, now: datetime) -> None:
        for export in self._jobs.values():
            if not export.runs and export.start <= now:
                rows = export_rows(self._project, export.request, export.start)
                written = self._writer.submit("csv", rows)
                export.runs.append(Run(export.start, export.finish, written))
