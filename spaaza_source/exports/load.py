"""From a request to what dlt loads: the file's tables, and the entries that account for them.

Asking and waiting are `run`'s, the file's insides `tabular`'s, the entries' shape `ledger`'s.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
from dlt.common import logger
from dlt.common.runtime.collector_base import Collector
from dlt.extract.hints import TResourceHints

from spaaza_source.errors import SpaazaSourceError
from spaaza_source.exports.columns import change_entries, check_format
from spaaza_source.exports.content import Content, Reading, open_content
from spaaza_source.exports.ledger import entries, in_a_load
from spaaza_source.exports.request import ExportRequest
from spaaza_source.exports.run import Export, ExportRun, Phase
from spaaza_source.tabular.privacy import Policy

#: Labels of the counters that a pipeline's `progress` sees, beside dlt's own count of rows.
EXPORTING = "export"
DOWNLOADING = "download"


#: Where dlt's source state keeps the ids of loaded jobs, by table.
LOADED_JOBS = "loaded_jobs"
#: Older ones are past any `max_age` that makes sense.
JOBS_REMEMBERED = 200


def export_tables(
    run: ExportRun,
    request: ExportRequest,
    reading: Reading,
    policy: Policy,
    time_column: str | None = None,
) -> Iterator[Any]:
    """What a resource yields for one export: typed tables, then the entries for the ledger.

    While the vendor works it yields None, dlt's way to give the other resources their turn.

    Args:
        run: The exports of this load.
        request: What to ask for.
        reading: How to read the file.
        policy: What happens to its personal columns.
        time_column: The column that the request's window is taken by, as the header has it.

    Raises:
        SpaazaSourceError: The export, its download or its file failed; nothing of it is loaded.
    """
    export = run.begin(request, _loaded_jobs(request.table))
    progress = Progress(export)
    try:
        while not export.settled:
            progress.report()
            yield None
        progress.report()
        export.file()
        # One file after the other: each is read on all cores, and memory holds one at a time.
        while not run.reading.acquire(blocking=False):
            yield None
        try:
            yield from load_file(export, reading, policy, time_column)
        finally:
            run.reading.release()
    finally:
        run.drop(export)
        if export.phase is Phase.EXPORTING and export.job is not None:
            # Left early, by Ctrl-C or because another resource failed.
            logger.warning(
                f"{request}: the vendor's job {export.job.job_id} is still"
                f" {export.job.vendor_state}; the next run takes it up"
            )


def load_file(
    export: Export, reading: Reading, policy: Policy, time_column: str | None = None
) -> Iterator[Any]:
    """The tables of an export's file, then its entries for the ledger.

    Args:
        export: One that has arrived.
        reading: How to read the file.
        policy: What happens to its personal columns.
        time_column: The column that the request's window is taken by, as the header has it.

    Raises:
        FileError: The file must not be loaded.
        SettingsError: It has no column to take the window by, or none that the policy names.
    """
    request = export.request
    spent = -time.monotonic()
    try:
        check_format(request.table, request.export_format)
        file = open_content(export.file().path, request, reading, policy, time_column)
    except SpaazaSourceError as error:
        # The reader knows lines and columns, not whose file it is.
        job = export.job.job_id if export.job else "none"
        error.where = f"{request}, job {job}" + (f", {error.where}" if error.where else "")
        raise
    loaded = 0
    changes = change_entries(request.table, file)
    hints: TResourceHints | None = file.hints() if in_a_load() else None
    for item, rows in file.items():
        loaded += rows
        spent += time.monotonic()
        # The first item carries what the schema shall know; dlt keeps it for the rest.
        yield dlt.mark.with_hints(item, hints) if hints else item
        hints = None
        spent -= time.monotonic()
    spent += time.monotonic()
    # Arrow keeps what it has freed; the next file, and the load that follows, need the room.
    pa.default_memory_pool().release_unused()
    yield entries("export_jobs", [_job_entry(export, file, loaded, spent, policy)])
    yield entries("rejected_rows", _rejected_entries(export, file, policy))
    job_id = export.job.job_id if export.job else None
    if job_id is not None:
        _remember_loaded(request.table, job_id)
    yield entries("column_changes", [{"job_id": job_id, **change} for change in changes])


def working_folder() -> Path:
    """Where downloads are put: the pipeline's own folder, or a temporary one without a pipeline."""
    if in_a_load():
        return Path(dlt.current.pipeline().working_dir) / "exports"
    return Path(tempfile.gettempdir()) / "spaaza_source"


def _loaded_jobs(table: str) -> list[str]:
    """Ids of the jobs whose rows this pipeline has loaded into the table, the newest last."""
    jobs: list[str] = dlt.current.source_state().get(LOADED_JOBS, {}).get(table, [])
    return list(jobs)


def _remember_loaded(table: str, job_id: str) -> None:
    """Note it in dlt's state, which moves with the load package: as loaded as the rows are."""
    jobs = dlt.current.source_state().setdefault(LOADED_JOBS, {})
    jobs[table] = [*jobs.get(table, []), job_id][-JOBS_REMEMBERED:]


class Progress:
    """Tells the pipeline's `progress` of one export: its state, then the bytes that arrive.

    It is told from the thread that extracts, whenever that thread looks.
    """

    def __init__(self, export: Export) -> None:
        self._export = export
        self._collector: Collector | None = (
            dlt.current.pipeline().collector if in_a_load() else None
        )
        self._state = ""
        self._received = 0

    def report(self) -> None:
        """Tell what has changed since the last call."""
        export = self._export
        if self._collector is None:
            return
        if export.state != self._state:
            self._state = export.state
            self._collector.update(
                export.request.table, inc=0, message=self._state, label=EXPORTING
            )
        arrived = export.received - self._received
        if arrived and export.phase in (Phase.DOWNLOADING, Phase.ARRIVED):
            self._received += arrived
            # dlt's own type forgets that a total may be unknown.
            total: Any = export.total
            self._collector.update(
                export.request.table, inc=arrived, total=total, label=DOWNLOADING
            )


def _job_entry(
    export: Export, file: Content, loaded: int, seconds: float, policy: Policy
) -> dict[str, Any]:
    # The value of a rule may be a person's address.
    shown = export.request.selection and not policy.hides_raw
    request, job, fetched = export.request, export.job, export.file()
    return {
        "job_id": job.job_id if job else None,
        "table_name": request.table,
        "subject": request.subject,
        "account": request.account,
        "export_format": request.export_format,
        "window_start": request.window.start if request.window else None,
        "window_end": request.window.end if request.window else None,
        "selection": json.dumps(request.selection) if shown else None,
        "fingerprint": request.fingerprint,
        "state": job.vendor_state if job else None,
        "adopted": export.adopted,
        "created_at": (job.created_at if job else None) or export.begun_at,
        "finished_at": job.finished_at if job else None,
        "loaded_at": datetime.now(timezone.utc),
        "wait_seconds": export.wait_seconds,
        "download_seconds": export.download_seconds,
        "convert_seconds": seconds,
        "polls": export.polls,
        "bytes_received": fetched.received,
        "bytes": fetched.size,
        "sha256": fetched.sha256,
        "rows": file.rows,
        "rejected": len(file.rejected),
        "loaded": loaded,
    }


def _rejected_entries(export: Export, file: Content, policy: Policy) -> list[dict[str, Any]]:
    return [
        {
            "job_id": export.job.job_id if export.job else None,
            "table_name": export.request.table,
            "line_number": row.line,
            "byte_offset": row.offset,
            "reason": row.reason,
            # In a row that does not fit, nobody can tell a personal cell from another.
            "raw": None if policy.hides_raw else row.raw,
        }
        for row in file.rejected
    ]
