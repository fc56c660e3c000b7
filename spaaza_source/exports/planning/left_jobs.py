"""Finds jobs of ours at the vendor that failed while no run was there to note it."""

from __future__ import annotations

from collections.abc import Iterable

from spaaza_source.errors import ExportFailedError
from spaaza_source.exports.export import Export
from spaaza_source.exports.jobs import JobState, KnownJob
from spaaza_source.exports.table_sync import TableSync


def find_left(sync: TableSync, known: Iterable[KnownJob]) -> list[Export]:
    """The jobs of a table that failed, of runs that were killed, or on machines that are gone.

    Those without a time of their own are left out: nobody knows how old they are.

    Args:
        sync: The table's.
        known: The jobs that the vendor has of ours.
    """
    if sync.collect_only or sync.adopt_job is not None:
        # Then its list has jobs of any age.
        return []
    takes_windows = sync.policy is not None or sync.in_parts is not None
    left = []
    for each in known:
        job = each.job
        if job.state is not JobState.FAILED or job.created_at is None:
            continue
        if each.window is not None and not takes_windows:
            # It was asked for by other settings: these cannot ask for a window.
            continue
        request = sync.make_request(each.window)
        if each.is_of(request):
            left.append(Export(request, job, job.created_at, adopted=True))
            failure = ExportFailedError(
                f"the vendor's job {job.job_id} ended in {job.vendor_state}",
                where=str(request),
                hint="Later exports bring its rows.",
            )
            left[-1].note_failure(failure, job.finished_at or job.created_at)
    return left
