"""Begins jobs that the vendor has not begun by itself well after they were due; each one once.

Nobody outside knows whether a task whose time has come is always begun. One that waits on is
executed rather than created anew: two tasks would be two exports.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

from dlt.common import logger

from spaaza_source.errors import SpaazaSourceError
from spaaza_source.exports.export import Export
from spaaza_source.exports.jobs import ExportService, JobState
from spaaza_source.transport import Deadline, without_context


class LateStart:
    """Executes late jobs of one run.

    Args:
        service: Speaks with the vendor.
        after: Seconds after which a waiting job is late; None for never.
    """

    def __init__(self, service: ExportService, after: float | None) -> None:
        self._service = service
        self._after = None if after is None else timedelta(seconds=after)
        self._executed: set[str] = set()

    @property
    def executed(self) -> frozenset[str]:
        """Ids of the jobs that were executed."""
        return frozenset(self._executed)

    def is_due(self, export: Export) -> bool:
        """Whether a job waits that should have begun long ago, and has not been executed."""
        job = export.job
        # An adopted task may have been scheduled for any time; one that is created after its time
        # waits from then on.
        created = job.created_at or (None if export.adopted else export.begun_at)
        due_at = max((each for each in (job.due_at, created) if each is not None), default=None)
        return (
            self._after is not None
            and due_at is not None
            and job.state is JobState.WAITING
            and not job.repeats
            and job.job_id not in self._executed
            and self._service.http.now() - due_at >= self._after
        )

    def execute(
        self, export: Export, deadline: Deadline, wake: Callable[[], None], prefix: str = ""
    ) -> threading.Thread:
        """Execute a job in a thread of its own: the answer may come when it is done.

        Whatever is answered, the polls tell how the job is.

        Args:
            export: The job's.
            deadline: Until when the answer is waited for.
            wake: Called once it is there.
            prefix: What begins each warning.
        """
        self._executed.add(export.job.job_id)
        logger.warning(
            f"{prefix}{export.request}: the vendor's job {export.job.job_id} is still"
            f" {export.job.vendor_state}; it is executed now"
        )
        thread = threading.Thread(
            target=self._execute, args=(export, deadline, wake, prefix), name="execute", daemon=True
        )
        thread.start()
        return thread

    def _execute(
        self, export: Export, deadline: Deadline, wake: Callable[[], None], prefix: str
    ) -> None:
        try:
            with without_context(), self._service.http.within(deadline):
                self._service.execute(export.job.job_id)
        except SpaazaSourceError as failure:
            logger.warning(
                f"{prefix}{export.request}: executing the vendor's job {export.job.job_id} was not"
                f" answered as it should be ({failure.cause}); polling goes on"
            )
        wake()
