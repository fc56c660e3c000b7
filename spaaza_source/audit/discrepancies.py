"""Records reconciliation results in `export_jobs`, and finds open discrepancies before a load."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from spaaza_source.audit.ledger import LEDGER, LoadedExport
from spaaza_source.audit.row_counts import TOGETHER, CountResult
from spaaza_source.destination import update_rows
from spaaza_source.errors import WrongCountError
from spaaza_source.exports import RELOAD
from spaaza_source.windows import Window, iso


def record_result(client: Any, result: CountResult, load: str) -> None:
    """Write a count into `export_jobs`; where it is right, earlier discrepancies are resolved."""
    manifest = result.manifest
    now = datetime.now(UTC)
    for first in range(0, len(manifest.jobs), TOGETHER):
        jobs = manifest.jobs[first : first + TOGETHER]
        known = [
            (job.job_id, result.by_job[job.job_id]) for job in jobs if job.job_id in result.by_job
        ]
        found = "NULL"
        if known:
            found = f"CASE job_id{' WHEN %s THEN %s' * len(known)} END"
        update_rows(
            client,
            LEDGER,
            {"found": found, "counted": "%s", "proven": "%s", "checked_at": "%s"},
            f"table_name = %s AND job_id IN ({', '.join(['%s'] * len(jobs))})",
            [
                *(part for pair in known for part in pair),
                result.counted,
                result.right,
                now,
                manifest.table,
                *(job.job_id for job in jobs),
            ],
        )
    if result.right:
        within, bounds = _within(manifest.covered)
        update_rows(
            client,
            LEDGER,
            {"settled_by": "%s"},
            f"table_name = %s AND proven = %s AND settled_by IS NULL{within}",
            [load, manifest.table, False, *bounds],
        )


def _within(covered: Window | None) -> tuple[str, list[datetime]]:
    """The jobs whose rows a load has loaded again, as SQL and its parameters."""
    if covered is None:
        return "", []
    bounds = [covered.end]
    after = ""
    if covered.start is not None:
        after = " AND window_start >= %s"
        bounds.append(covered.start)
    return f" AND window_end <= %s{after}", bounds


def resolves_earlier(
    table: str,
    ledger: Sequence[LoadedExport],
    covered: Window | None,
    *,
    exact_range: bool,
    keeps_others: bool = False,
) -> int | None:
    """Count the duplicates that a load will replace; refuse it if it leaves a discrepancy open.

    Args:
        table: The table.
        ledger: All its loaded exports.
        covered: The range that the load is about to bring; None for all rows.
        exact_range: Whether the load is one of exactly that range and leaves the cursor alone: it
            may ignore discrepancies elsewhere.
        keeps_others: Whether rows that the load does not bring stay in the table.

    Returns:
        None where it resolves nothing.

    Raises:
        WrongCountError: There is an open discrepancy, and this load does not cover its window.
    """
    duplicates = []
    for export in ledger:
        if not export.open_discrepancy:
            continue
        if export.is_gone:
            # Its rows are not kept any more, whatever their number was.
            continue
        is_within = covered is None or (export.window and covered.covers(export.window))
        if is_within and not keeps_others:
            duplicates.append(export.duplicates)
        elif not exact_range:
            raise WrongCountError(
                "open discrepancy from an earlier load; this load does not cover its window",
                where=f"{table}, job {export.job_id}",
                hint=reload_hint(export.window),
            )
    return sum(duplicates) if duplicates else None


def reload_hint(window: Window | None) -> str:
    """How the rows of a window, or all of a table, are loaded again."""
    if window is None or window.start is None:
        return f"{RELOAD[0].upper()}{RELOAD[1:]}."
    start, end = iso(window.start), iso(window.end)
    return f'Load that range again with start_date="{start}", end_date="{end}", or {RELOAD}.'
