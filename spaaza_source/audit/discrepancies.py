"""What `export_jobs` tells of counts: written after a load, looked at before the next one.

The counting is `counting`'s, its judgement `proof`'s.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import dlt
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from spaaza_source.audit.row_counts import CountResult
from spaaza_source.destination import ask, can_count, update_rows
from spaaza_source.errors import WrongCountError
from spaaza_source.windows import Window, iso

LEDGER = "export_jobs"
#: Jobs that are noted in one statement.
TOGETHER = 40


def record_result(client: Any, finding: CountResult, load: str) -> None:
    """Write what was found into `export_jobs`; where all is right, earlier faults are settled."""
    claim = finding.manifest
    now = datetime.now(timezone.utc)
    for first in range(0, len(claim.jobs), TOGETHER):
        jobs = claim.jobs[first : first + TOGETHER]
        numbers = [(job.job_id, finding.by_job.get(job.job_id)) for job in jobs]
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
                finding.counted,
                finding.right,
                now,
                claim.ledger,
                *(job.job_id for job in jobs),
            ],
        )
    if finding.right:
        within, bounds = _within(claim.covered)
        update_rows(
            client,
            LEDGER,
            {"settled_by": "%s"},
            f"table_name = %s AND proven = %s AND settled_by IS NULL{within}",
            [load, claim.ledger, False, *bounds],
        )


def _within(reach: Window | None) -> tuple[str, list[datetime]]:
    """Jobs whose rows a load has brought again, as SQL and its parameters."""
    if reach is None:
        return "", []
    bounds = [reach.end]
    after = ""
    if reach.start is not None:
        after = " AND window_start >= %s"
        bounds.append(reach.start)
    return f" AND window_end <= %s{after}", bounds


def resolves_earlier(table: str, reach: Window | None, *, goes_on: bool = True) -> int | None:
    """Which rows that an earlier load has lost or doubled this one brings again, if any.

    One that would go on past them is stopped.

    Args:
        table: The resource that is extracted.
        reach: The span of time that it is about to bring; None for all rows.
        goes_on: Whether later loads go on from it, rather than its being one of an exact range.

    Returns:
        How many of the rows that it takes the place of are too many; None where it mends nothing.

    Raises:
        WrongCountError: There are such rows, and this load does not bring them again.
    """
    ledger: Any = dlt.current.source_schema().tables.get(LEDGER, {})
    pipeline = dlt.current.pipeline()
    counts = can_count(pipeline, ledger.get("table_format"))
    if "proven" not in ledger.get("columns", {}) or not counts:
        return None
    unsettled = (
        "SELECT job_id, window_start, window_end, found, loaded FROM {ledger}"
        " WHERE table_name = %s AND proven = %s AND settled_by IS NULL ORDER BY job_id"
    )
    try:
        rows = ask(
            pipeline,
            lambda client: client.execute_sql(
                unsettled.format(ledger=client.make_qualified_table_name(LEDGER)), table, False
            ),
        )
    except DatabaseUndefinedRelation:
        return None
    surplus = []
    for job, start, end, found, loaded in rows or []:
        if _covers(reach, start, end):
            surplus.append(max(0, (found or 0) - (loaded or 0)))
        elif goes_on:
            raise WrongCountError(
                "an earlier load brought rows that the destination does not hold, or holds twice,"
                " and this one would not bring them again",
                where=f"{table}, job {job}",
                hint=reload_hint(start, end),
            )
    return sum(surplus) if surplus else None


def _covers(reach: Window | None, start: datetime | None, end: datetime | None) -> bool:
    if reach is None:
        return True
    if end is None or reach.end < end:
        return False
    return reach.start is None or (start is not None and reach.start <= start)


def reload_hint(start: datetime | None, end: datetime | None) -> str:
    """How the rows of a span, or all of a table, are brought again."""
    anew = 'begin the table anew: refresh="drop_resources" (spaaza load --full-refresh)'
    if start is None or end is None:
        return f"{anew[0].upper()}{anew[1:]}."
    return (
        f'Load that range again with start_date="{iso(start)}", end_date="{iso(end)}", or {anew}.'
    )
