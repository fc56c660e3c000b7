"""What the ledger tells of one export: the rows of `export_jobs` and `rejected_rows`.

The tables themselves are `ledger`'s; an export's fate is kept by `export`, its rows by `content`.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from spaaza_source.exports.table_exports import Export
from spaaza_source.loading.reader import LoadableFile
from spaaza_source.tabular import Policy
from spaaza_source.writing.late_rows import Late


def job_row(
    export: Export,
    policy: Policy,
    content: LoadableFile | None = None,
    loaded: int | None = None,
    seconds: float | None = None,
) -> dict[str, Any]:
    """Its row for `export_jobs`.

    Args:
        export: The export.
        policy: What happens to personal columns.
        content: Its file; None for an export that failed.
        loaded: Rows of it that are loaded.
        seconds: What reading it took.
    """
    # The value of a rule may be a person's address.
    shown = export.request.selection and not policy.hides_raw
    request, job, fetched = export.request, export.job, export.arrived
    return {
        "job_id": job.job_id,
        "table_name": request.table,
        "subject": request.subject,
        "account": request.account,
        "export_format": request.export_format,
        "window_start": request.window.start if request.window else None,
        "window_end": request.window.end if request.window else None,
        "selection": json.dumps(request.selection) if shown else None,
        "fingerprint": request.fingerprint,
        "state": job.vendor_state,
        "adopted": export.adopted,
        "split_from": export.split_from,
        "created_at": job.created_at or export.begun_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "loaded_at": None if content is None else datetime.now(timezone.utc),
        "queue_seconds": _seconds(job.created_at, job.started_at),
        "run_seconds": _seconds(job.started_at, job.finished_at),
        "wait_seconds": export.wait_seconds,
        "download_seconds": export.download_seconds if fetched else None,
        "convert_seconds": seconds,
        "polls": export.polls,
        "bytes_received": fetched.received if fetched else None,
        "bytes": fetched.size if fetched else None,
        "sha256": fetched.sha256 if fetched else None,
        "rows": content.rows if content else None,
        "rejected": len(content.rejected) if content else None,
        "loaded": loaded,
    }


def late_entry(late: Late) -> dict[str, Any]:
    """What its row for `export_jobs` tells of rows that came late."""
    return {
        "late_rows": late.rows,
        "latest_seconds": late.seconds,
        "overlap_seconds": late.overlap,
    }


def _seconds(begin: datetime | None, end: datetime | None) -> float | None:
    return None if begin is None or end is None else max(0.0, (end - begin).total_seconds())


def rejected_rows(export: Export, file: LoadableFile, policy: Policy) -> list[dict[str, Any]]:
    """Its rows for `rejected_rows`."""
    return [
        {
            "job_id": export.job.job_id,
            "table_name": export.request.table,
            "line_number": row.line,
            "byte_offset": row.offset,
            "reason": row.reason,
            # In a row that does not fit, nobody can tell a personal cell from another.
            "raw": None if policy.hides_raw else row.raw,
        }
        for row in file.rejected
    ]
