"""Holds the destination, after a load, to the rows that its files brought.

What was found is written into `export_jobs` (`verdicts`). Where it is not what it should be, the
load's end is an error, and so is the begin of each further load of that table, until one brings
those rows again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dlt.common import logger
from dlt.common.pipeline import SupportsPipeline

from spaaza_source.audit.discrepancies import LEDGER, record_result, reload_hint
from spaaza_source.audit.manifest import read_manifests
from spaaza_source.audit.row_counts import CountResult, count_rows
from spaaza_source.destination import can_count, open_client
from spaaza_source.errors import WrongCountError


def reconcile_load(pipeline: SupportsPipeline, load: str) -> None:
    """Hold the destination to what a load package claims to have brought it.

    Raises:
        WrongCountError: It holds more rows, or fewer.
    """
    schema, claims = read_manifests(pipeline, load)
    if not claims:
        return
    sql_pipeline: Any = pipeline
    table_format = sql_pipeline.schemas[schema].tables[LEDGER].get("table_format")
    if not can_count(pipeline, table_format):
        logger.warning(
            f"{pipeline.destination.destination_name}: this destination cannot tell how many rows"
            " it holds, so loads into it are not counted"
        )
        return
    with open_client(pipeline, schema, table_format) as client:
        found = [count_rows(client, claim) for claim in claims if claim.rows_written is not None]
        for finding in found:
            record_result(client, finding, load)
    wrong = [finding for finding in found if not finding.right]
    if wrong:
        raise _error(wrong)


def _error(wrong: Sequence[CountResult]) -> WrongCountError:
    told = []
    for finding in wrong:
        claim = finding.manifest
        jobs = [
            job.job_id
            for job in claim.jobs
            if finding.by_job.get(job.job_id, job.loaded) != job.loaded
        ]
        named = f" (job {', '.join(jobs)})" if jobs else ""
        told.append(
            f"{claim.table} holds {finding.found:,} rows of a load that brought"
            f" {finding.expected:,}{named}"
        )
    first = wrong[0].manifest
    reach = first.covered
    return WrongCountError(
        f"the destination was counted after the load: {'; '.join(told)}",
        where=", ".join(finding.manifest.table for finding in wrong),
        hint=reload_hint(reach.start if reach else None, reach.end if reach else None)
        + " What `export_jobs` notes as not proven stops further loads that do not bring it.",
    )
