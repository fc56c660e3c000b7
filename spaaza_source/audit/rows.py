"""The rows that an export has in `export_jobs` and `rejected_rows`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from spaaza_source.exports import Export
from spaaza_source.tabular import RejectedRow


def job_row(
    export: Export,
    *,
    hide_selection: bool,
    rows: int | None = None,
    rejected: int | None = None,
    loaded: int | None = None,
    seconds: float | None = None,
) -> dict[str, Any]:
    """The row of an export in `export_jobs`.

    Args:
        export: The export.
        hide_selection: Whether its filter stays out: the value of a rule may be a person's address.
        rows: Good rows of its file; None, like the next three, for an export that failed.
        rejected: Bad rows of its file.
        loaded: Rows that are loaded.
        seconds: How long reading the file took.
    """
    request, job, fetched = export.request, export.job, export.arrived
    selection = None if hide_selection or not request.selection else json.dumps(request.selection)
    return {
        "job_id": job.job_id,
        "table_name": request.table,
        "subject": request.subject,
        "account": request.account,
        "export_format": request.export_format,
        "window_start": request.window.start if request.window else None,
        "window_end": request.window.end if request.window else None,
        "selection": selection,
        "fingerprint": request.fingerprint,
        "state": job.vendor_state or None,
        "channel": job.channel or None,
        "user_id": job.user_id or None,
        "adopted": export.adopted,
        "split_from": export.split_from,
        # Nobody knows how old an adopted job is where the vendor gives no date.
        "created_at": job.created_at or (None if export.adopted else export.begun_at),
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "loaded_at": None if loaded is None else datetime.now(UTC),
        "queue_seconds": _seconds(job.created_at, job.started_at),
        "run_seconds": _seconds(job.started_at, job.finished_at),
        "wait_seconds": export.wait_seconds,
        "download_seconds": export.download_seconds if fetched else None,
        "convert_seconds": seconds,
        "polls": export.polls,
        "bytes_received": fetched.received if fetched else None,
        "bytes": fetched.size if fetched else None,
        "sha256": fetched.sha256 if fetched else None,
        "rows": rows,
        "rejected": rejected,
        "loaded": loaded,
    }


def rejected_rows(
    export: Export, rows: Iterable[RejectedRow], *, hide_raw: bool
) -> list[dict[str, Any]]:
    """The bad rows of an export's file in `rejected_rows`.

    Where `hide_raw` is set, their bytes stay out: in a row that does not fit, nobody can tell a
    personal cell from another.
    """
    return [
        {
            "job_id": export.job.job_id,
            "table_name": export.request.table,
            "line_number": row.line,
            "byte_offset": row.offset,
            "reason": row.reason,
            "raw": None if hide_raw else row.raw,
        }
        for row in rows
    ]


def _seconds(begin: datetime | None, end: datetime | None) -> float | None:
    return None if begin is None or end is None else max(0.0, (end - begin).total_seconds())
