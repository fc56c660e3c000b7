"""How long an export may take, and the error of one that takes longer."""

from __future__ import annotations

from spaaza_source.errors import ExportTimeoutError
from spaaza_source.exports.export import Export
from spaaza_source.exports.polling import PollSettings


def seconds_left(export: Export, settings: PollSettings, now: float) -> float:
    """Seconds that an export still has, to begin or to be done; negative once it has none.

    Args:
        export: It.
        settings: How long it may take.
        now: The time of the run's monotonic clock.
    """
    if settings.start_timeout is None:
        return export.begun + settings.export_timeout - now
    if export.started is None:
        return export.begun + settings.start_timeout - now
    return export.started + settings.export_timeout - now


def timed_out(export: Export, settings: PollSettings) -> ExportTimeoutError:
    """The error of an export that has no time left."""
    return ExportTimeoutError(
        f"the vendor's job {export.job.job_id} is still {export.job.vendor_state}"
        f" after {export.wait_seconds:.0f} seconds",
        where=str(export.request),
        hint="Run again later, or raise export_timeout."
        if export.started is not None or settings.start_timeout is None
        else "Run again later, or raise start_timeout.",
    )
