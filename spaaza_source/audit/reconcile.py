"""Reconciles row counts in the destination with a load's manifest; raises on a mismatch.

Each result is written into `export_jobs`. A mismatch fails the load, and each further load of the
table until one brings those rows again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dlt.common import logger
from dlt.common.storages import LoadStorage

from spaaza_source.audit.discrepancies import record_result, reload_hint
from spaaza_source.audit.ledger import LEDGER
from spaaza_source.audit.manifest import read_manifests
from spaaza_source.audit.row_counts import CountResult, count_rows
from spaaza_source.destination import can_count, open_client
from spaaza_source.errors import WrongCountError


def reconcile_load(pipeline: Any, load: str) -> None:
    """Count a loaded package's rows in the destination.

    Raises:
        WrongCountError: There are more rows, or fewer, than its manifests say.
    """
    folder = Path(pipeline.working_dir) / "load" / LoadStorage.LOADED_FOLDER
    schema, manifests = read_manifests(folder / load)
    if not manifests:
        return
    table_format = pipeline.schemas[schema].tables[LEDGER].get("table_format")
    if not can_count(pipeline, table_format):
        logger.warning(
            f"{pipeline.destination.destination_name}: this destination cannot tell how many rows"
            " it has, so loads into it are not counted"
        )
        return
    with open_client(pipeline, schema, table_format) as client:
        results = [
            count_rows(client, manifest)
            for manifest in manifests
            if manifest.rows_written is not None
        ]
        for result in results:
            record_result(client, result, load)
    wrong = [result for result in results if not result.right]
    if wrong:
        raise _mismatch(wrong)


def _mismatch(wrong: Sequence[CountResult]) -> WrongCountError:
    counts = []
    for result in wrong:
        manifest = result.manifest
        jobs = [
            job.job_id
            for job in manifest.jobs
            if result.by_job.get(job.job_id, job.loaded) != job.loaded
        ]
        of_jobs = f" (job {', '.join(jobs)})" if jobs else ""
        counts.append(
            f"{manifest.table} has {result.found:,} rows, expected {result.expected:,}{of_jobs}"
        )
    return WrongCountError(
        f"row count mismatch after the load: {'; '.join(counts)}",
        where=", ".join(result.manifest.table for result in wrong),
        hint=reload_hint(wrong[0].manifest.covered)
        + " Further loads that do not bring these rows again stop.",
    )
