"""Counts the rows of a load in the destination, each query over one column of the rows it is of.

Whose rows they are is `claims`'; what follows from a count, `proof`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dlt.destinations.exceptions import DatabaseUndefinedRelation

from spaaza_source.audit.manifest import TableManifest
from spaaza_source.destination import fetch_number, window_condition

#: Windows that are counted in one query.
TOGETHER = 40


@dataclass(frozen=True)
class CountResult:
    """What the destination holds of a claim.

    Attributes:
        claim: The claim.
        counted: Which rows were counted, for `export_jobs`.
        expected: How many there should be.
        found: How many there are.
        by_job: The same of each export, where they can be told from each other.
        right: Whether it is as it should be.
    """

    manifest: TableManifest
    counted: str
    expected: int
    found: int
    by_job: dict[str, int]
    right: bool


def count_rows(client: Any, claim: TableManifest) -> CountResult:
    """What the destination holds of a claim.

    Args:
        client: dlt's SQL client.
        claim: The claim; dlt has counted what it passed on.
    """
    if claim.scope.key:
        return _found_by_key(client, claim)
    expected = claim.rows_written or 0
    try:
        total, by_job = _counts(client, claim)
    except DatabaseUndefinedRelation:
        # A table that never had a row need not be there.
        total, by_job = 0, {}
    right = total == expected
    if expected == claim.loaded:
        # The user's own steps have left the number of rows alone.
        right = right and all(
            by_job.get(job.job_id, job.loaded) == job.loaded for job in claim.jobs
        )
    if len(claim.jobs) == 1:
        by_job = {claim.jobs[0].job_id: total}
    return CountResult(claim, claim.scope.counted, expected, total, by_job, right)


def _counts(client: Any, claim: TableManifest) -> tuple[int, dict[str, int]]:
    """Rows of the load, and of each of its windows; each query reads one column of them."""
    name = client.make_qualified_table_name(claim.table)
    windows = [
        (
            job.job_id,
            window_condition(f"{name}.{client.escape_column_name(claim.time_column)}", job.window),
        )
        for job in claim.jobs
        if job.window is not None and claim.time_column is not None
    ]
    total = 0
    by_job: dict[str, int] = {}
    for first in range(0, max(1, len(windows)), TOGETHER):
        part = windows[first : first + TOGETHER]
        counted = ["count(*)"] + [
            f"count(CASE WHEN {inside_it} THEN 1 END)" for _, inside_it in part
        ]
        where = f" WHERE {claim.scope.scope.format(table=name)}" if claim.scope.scope else ""
        total, *numbers = client.execute_sql(f"SELECT {', '.join(counted)} FROM {name}{where}")[0]
        by_job |= {job: int(rows) for (job, _), rows in zip(part, numbers, strict=True)}
    return int(total), by_job


def _found_by_key(client: Any, claim: TableManifest) -> CountResult:
    """Rows with a key that the load's staging table has; there dlt leaves the rows of the load."""
    way = claim.scope
    name = client.make_qualified_table_name(claim.table)
    with client.with_staging_dataset():
        staged = client.make_qualified_table_name(claim.table)
    key = [client.escape_column_name(column) for column in way.key]
    keys = f"SELECT DISTINCT {', '.join(key)} FROM {staged}"
    scope = f" AND {way.scope.format(table=name)}" if way.scope else ""
    passed_on = claim.rows_written or 0
    try:
        arrived = fetch_number(client, f"SELECT count(*) FROM {staged}")
    except DatabaseUndefinedRelation:
        arrived = 0
    if passed_on and not arrived:
        # Emptied after the load, by dlt's `truncate_staging_dataset`.
        found = fetch_number(client, f"SELECT count(*) FROM {name} WHERE 1 = 1{scope}")
        return CountResult(claim, "at least", passed_on, found, {}, found >= passed_on)
    if not passed_on:
        by_job = {job.job_id: 0 for job in claim.jobs}
        return CountResult(claim, way.counted, 0, 0, by_job, right=True)
    expected = fetch_number(client, f"SELECT count(*) FROM ({keys}) AS staged")
    if way.counted == "version":
        held = f"SELECT DISTINCT {', '.join(key)} FROM {name} WHERE 1 = 1{scope}"
        found = fetch_number(client, f"SELECT count(*) FROM ({held}) AS held")
    else:
        same = " AND ".join(f"staged.{column} = {name}.{column}" for column in key)
        found = fetch_number(
            client,
            f"SELECT count(*) FROM {name} WHERE EXISTS"
            f" (SELECT 1 FROM {staged} AS staged WHERE {same}){scope}",
        )
    right = found == expected and arrived == passed_on
    by_job = {claim.jobs[0].job_id: found} if len(claim.jobs) == 1 else {}
    return CountResult(claim, way.counted, expected, found, by_job, right)
