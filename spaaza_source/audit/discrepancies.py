"""Records reconciliation results in `export_jobs`, and finds open discrepancies before a load."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import dlt
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from spaaza_source.audit.row_counts import CountResult
from spaaza_source.destination import ask, can_count, current_pipeline, update_rows
from spaaza_source.errors import WrongCountError
from spaaza_source.windows import Window, iso

LEDGER = "export_jobs"
#: Jobs that are noted in one statement.
TOGETHER = 40


def record_result(client: Any, result: CountResult, load: str) -> None:
    """Write a count into `export_jobs`; where it is right, earlier discrepancies are resolved."""
    manifest = result.manifest
    now = datetime.now(timezone.utc)
    for first in range(0, len(manifest.jobs), TOGETHER):
        jobs = manifest.jobs[first : first + TOGETHER]
        numbers = [(job.job_id, result.by_job.get(job.job_id)) for job in jobs]
        known = [(job, rows) for job, rows in numbers if rows is not None]
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
                manifest.resource,
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
            [load, manifest.resource, False, *bounds],
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


def resolves_earlier(table: str, covered: Window | None, *, exact_range: bool) -> int | None:
    """Count the duplicates that this load will replace; refuse it if it leaves a discrepancy open.

    Args:
        table: The resource that is extracted.
        covered: The range that the load is about to bring; None for all rows.
        exact_range: Whether the load is one of exactly that range and leaves the cursor alone: it
            may ignore discrepancies elsewhere.

    Returns:
        How many duplicates are among the rows that it replaces; None where it resolves nothing.

    Raises:
        WrongCountError: There is an open discrepancy, and this load does not cover its window.
    """
    ledger: Any = dlt.current.source_schema().tables.get(LEDGER, {})
    is_counted = can_count(current_pipeline(), ledger.get("table_format"))
    if "proven" not in ledger.get("columns", {}) or not is_counted:
        return None
    open_discrepancies = (
        "SELECT job_id, window_start, window_end, found, loaded FROM {ledger}"
        " WHERE table_name = %s AND proven = %s AND settled_by IS NULL ORDER BY job_id"
    )
    try:
        rows = ask(
            lambda client: client.execute_sql(
                open_discrepancies.format(ledger=client.make_qualified_table_name(LEDGER)),
                table,
                False,
            )
        )
    except DatabaseUndefinedRelation:
        return None
    duplicates = []
    for job, start, end, found, loaded in rows or []:
        if _covers(covered, start, end):
            duplicates.append(max(0, (found or 0) - (loaded or 0)))
        elif not exact_range:
            raise WrongCountError(
                "open discrepancy from an earlier load; this load does not cover its window",
                where=f"{table}, job {job}",
                hint=reload_hint(start, end),
            )
    return sum(duplicates) if duplicates else None


def _covers(covered: Window | None, start: datetime | None, end: datetime | None) -> bool:
    if covered is None:
        return True
    if end is None or covered.end < end:
        return False
    return covered.start is None or (start is not None and covered.start <= start)


def reload_hint(start: datetime | None, end: datetime | None) -> str:
    """How the rows of a range, or all of a table, are loaded again."""
    whole = 'load the whole table again: refresh="drop_resources" (spaaza load --full-refresh)'
    if start is None or end is None:
        return f"{whole[0].upper()}{whole[1:]}."
    return (
        f'Load that range again with start_date="{iso(start)}", end_date="{iso(end)}", or {whole}.'
    )
