"""Asks a vendor for exports, or what there would be to ask for, and waits for none of them.

That is enough for who comes back later. Waiting and downloading are left to `run`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from spaaza_source.exports.job_registry import JobRegistry
from spaaza_source.exports.jobs import ExportService, Job, KnownJob
from spaaza_source.exports.plan import Plan, TableSync, halve_failed, plan_for, youngest
from spaaza_source.exports.polling import PollSettings
from spaaza_source.exports.request import ExportRequest, Repeat
from spaaza_source.exports.table_exports import TableExports
from spaaza_source.transport import Clock, Deadline


class ExportSubmitter:
    """What one load asks of a vendor.

    Args:
        service: The vendor.
        patience: How long finished exports are good, and how many may run at one time.
        clock: The time to wait by.
    """

    def __init__(self, service: ExportService, patience: PollSettings, clock: Clock) -> None:
        self._service = service
        self._patience = patience
        self._clock = clock
        #: By the vendor's clock, since when finished exports of earlier runs are good; None for as
        #: long as the settings say. A backfill sets it, whose runs all go by one instant.
        self.taken_since: datetime | None = None

    @property
    def max_age(self) -> timedelta:
        """How long a finished export of an earlier run is good for, as the settings have it."""
        return timedelta(seconds=self._patience.max_age)

    def now(self) -> datetime:
        """The vendor's time in whole seconds, as its own guides write bounds.

        By our own clock, as long as the vendor has not been asked for anything.
        """
        return self._service.http.now().replace(microsecond=0)

    def plans(self, wanted: Iterable[TableSync]) -> list[Plan]:
        """What would be done for each table if it were begun now; nothing is asked for.

        Raises:
            SpaazaSourceError: The vendor could not be asked for its list, or refused.
        """
        wanted = list(wanted)
        adoption = self._adoption(wanted)
        with self._service.http.within(self._deadline()):
            own = adoption.jobs()
        return [plan_for(each, own, self.now(), self._max_age()) for each in wanted]

    def known_jobs(self) -> list[KnownJob]:
        """Every job that the vendor has of ours, however old.

        Raises:
            SpaazaSourceError: The vendor could not be asked, or refused.
        """
        with self._service.http.within(self._deadline()):
            return self._adoption([], all_jobs=True).jobs()

    def submit(
        self, wanted: Sequence[TableSync], apart: timedelta, repeat: Repeat | None = None
    ) -> list[tuple[ExportRequest, Job, bool]]:
        """Ask for all that is missing, and do not wait.

        As many as may run at one time are scheduled together, the next so much later.

        Args:
            wanted: The tables.
            apart: The time from one batch to the next.
            repeat: How often the vendor is to make each export again; None for once. What
                repeats brings all rows of a table.

        Returns:
            Each request, its job, and whether the job was there already.

        Raises:
            SpaazaSourceError: The vendor could not be asked, or refused. What was asked for
                before that is taken up by the next call.
        """
        adoption = self._adoption(wanted, all_jobs=repeat is not None)
        submitted = []
        asked = 0
        for each in wanted:
            with self._service.http.within(self._deadline()):
                adopted, missing = self._to_submit(each, adoption, repeat)
            submitted += [(request, adoption.claim(job), True) for request, job in adopted]
            for request in missing:
                later = asked // self._patience.max_concurrent * apart
                deadline = self._deadline()
                with self._service.http.within(deadline):
                    job = adoption.create(request, each, deadline, later)
                submitted.append((request, job, False))
                asked += 1
        return submitted

    def _to_submit(
        self, wanted: TableSync, adoption: JobRegistry, repeat: Repeat | None
    ) -> tuple[Sequence[tuple[ExportRequest, Job]], list[ExportRequest]]:
        """What is there already, and what is still to be asked for."""
        own = adoption.jobs()
        if repeat is None:
            plan = plan_for(wanted, own, self.now(), self._max_age())
            return plan.adopted, [wanted.make_request(window) for window in halve_failed(plan)]
        request = replace(wanted.make_request(None), repeat=repeat)
        there = youngest(job for job in own if job.fingerprint == request.fingerprint)
        return ([(request, there.job)], []) if there else ([], [request])

    def _adoption(self, wanted: Iterable[TableSync], *, all_jobs: bool = False) -> JobRegistry:
        all_jobs = all_jobs or any(each.collect_only for each in wanted)
        return JobRegistry(self._service, self._max_age(), self._clock, all_jobs=all_jobs)

    def _max_age(self) -> timedelta:
        """How long ago an export may have been finished to be taken up."""
        if self.taken_since is None:
            return self.max_age
        return max(timedelta(0), self.now() - self.taken_since)

    def _deadline(self, table: TableExports | None = None, waited: float = 0) -> Deadline:
        """Until when a vendor is waited for on behalf of an export, or of what comes before it."""
        seconds = self._patience.export_timeout - waited
        return Deadline(self._clock, seconds, None if table is None else table.stop)
