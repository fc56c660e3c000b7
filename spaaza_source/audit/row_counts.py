"""Counts the rows of a load in the destination, for reconciliation with its manifest.

Each query reads one column of the rows that it counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dlt.destinations.exceptions import DatabaseUndefinedRelation

from spaaza_source.audit.manifest import TableManifest
from spaaza_source.destination import fetch_number, window_condition

#: Windows that are counted in one query; jobs that are noted in one statement.
TOGETHER = 40


@dataclass(frozen=True)
class CountResult:
    """The rows of a load in the destination.

    Attributes:
        manifest: What there should be.
        counted: Which rows were counted, for `export_jobs`.
        expected: How many there should be.
        found: How many there are.
        by_job: How many there are of each export, where they can be told from each other.
        right: Whether the destination has what it should.
    """

    manifest: TableManifest
    counted: str
    expected: int
    found: int
    by_job: dict[str, int]
    right: bool


def count_rows(client: Any, manifest: TableManifest) -> CountResult:
    """Count a load's rows in the destination; of its manifest the rows written are known."""
    if manifest.count_scope.key:
        return _count_by_key(client, manifest)
    expected = manifest.rows_written or 0
    try:
        total, by_job = _count_by_window(client, manifest)
    except DatabaseUndefinedRelation:
        # A table that never had a row need not be there.
        total, by_job = 0, {}
    right = total == expected
    if expected == manifest.loaded:
        # The user's own steps have left the number of rows alone.
        right = right and all(
            by_job.get(job.job_id, job.loaded) == job.loaded for job in manifest.jobs
        )
    if len(manifest.jobs) == 1:
        by_job = {manifest.jobs[0].job_id: total}
    return CountResult(manifest, manifest.count_scope.counted, expected, total, by_job, right)


def _count_by_window(client: Any, manifest: TableManifest) -> tuple[int, dict[str, int]]:
    """Rows of the load, and of each of its windows; each query reads one column of them."""
    name = client.make_qualified_table_name(manifest.table)
    windows: list[tuple[str, str]] = []
    if manifest.time_column is not None:
        column = f"{name}.{client.escape_column_name(manifest.time_column)}"
        windows = [
            (job.job_id, window_condition(column, job.window))
            for job in manifest.jobs
            if job.window is not None
        ]
    total = 0
    by_job: dict[str, int] = {}
    for first in range(0, max(1, len(windows)), TOGETHER):
        part = windows[first : first + TOGETHER]
        counted = ["count(*)", *(f"count(CASE WHEN {inside} THEN 1 END)" for _, inside in part)]
        query = f"SELECT {', '.join(counted)} FROM {name} WHERE {manifest.count_scope.where(name)}"
        total, *numbers = client.execute_sql(query)[0]
        by_job |= {job: int(rows) for (job, _), rows in zip(part, numbers, strict=True)}
    return int(total), by_job


def _count_by_key(client: Any, manifest: TableManifest) -> CountResult:
    """Rows with a key that the load's staging table has; there dlt leaves the rows of the load."""
    rows = manifest.count_scope
    name = client.make_qualified_table_name(manifest.table)
    with client.with_staging_dataset():
        staged = client.make_qualified_table_name(manifest.table)
    key = [client.escape_column_name(column) for column in rows.key]
    keys = f"SELECT DISTINCT {', '.join(key)} FROM {staged}"
    where = rows.where(name)
    written = manifest.rows_written or 0
    try:
        arrived = fetch_number(client, f"SELECT count(*) FROM {staged}")
    except DatabaseUndefinedRelation:
        arrived = 0
    if written and not arrived:
        # Emptied after the load, by dlt's `truncate_staging_dataset`.
        found = fetch_number(client, f"SELECT count(*) FROM {name} WHERE {where}")
        return CountResult(manifest, "at least", written, found, {}, found >= written)
    if not written:
        by_job = {job.job_id: 0 for job in manifest.jobs}
        return CountResult(manifest, rows.counted, 0, 0, by_job, right=True)
    expected = fetch_number(client, f"SELECT count(*) FROM ({keys}) AS staged")
    if rows.counted == "version":
        versions = f"SELECT DISTINCT {', '.join(key)} FROM {name} WHERE {where}"
        found = fetch_number(client, f"SELECT count(*) FROM ({versions}) AS versions")
    else:
        same = " AND ".join(f"staged.{column} = {name}.{column}" for column in key)
        found = fetch_number(
            client,
            f"SELECT count(*) FROM {name} WHERE {where} AND EXISTS"
            f" (SELECT 1 FROM {staged} AS staged WHERE {same})",
        )
    right = found == expected and arrived == written
    by_job = {manifest.jobs[0].job_id: found} if len(manifest.jobs) == 1 else {}
    return CountResult(manifest, rows.counted, expected, found, by_job, right)
