"""Submits export requests to a vendor, plans them or looks at them, without waiting for any."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from spaaza_source.exports.job_registry import JobRegistry
from spaaza_source.exports.jobs import ExportService, Job, KnownJob, youngest
from spaaza_source.exports.planning.outlook import JobList, Outlook
from spaaza_source.exports.planning.plan import Plan, check_size, plan_for
from spaaza_source.exports.polling import PollSettings
from spaaza_source.exports.request import ExportRequest, Repeat
from spaaza_source.exports.table_exports import job_failed
from spaaza_source.exports.table_sync import TableSync
from spaaza_source.transport import Clock, Deadline


class ExportSubmitter:
    """Asks one vendor for the exports of one load."""

    def __init__(self, service: ExportService, settings: PollSettings, clock: Clock) -> None:
        self._service = service
        self._settings = settings
        self._clock = clock
        #: By the vendor's clock, since when finished exports of earlier runs are good; None for as
        #: long as the settings say. A backfill sets it, whose runs all go by one instant.
        self.adopt_since: datetime | None = None
        #: So much longer are finished exports good: since then this run asks ahead of its load, and
        #: some of them may be its own.
        self.since_ahead = timedelta(0)
        #: Tables whose exports may be more than `max_exports`: a person was asked, and agreed.
        self.agreed: set[str] = set()

    def now(self) -> datetime:
        """The vendor's time in whole seconds, as its own guides write bounds.

        By this machine's clock, until the vendor has answered for the first time.
        """
        return self._service.http.now().replace(microsecond=0)

    @property
    def max_age(self) -> timedelta:
        """How long a finished export of an earlier run is good for, by the settings."""
        return timedelta(seconds=self._settings.max_age)

    def plan(self, syncs: Iterable[TableSync]) -> list[Plan]:
        """What a load begun now would do for each table; nothing is asked for.

        The vendor is asked for its list even for no table: its answer shows the vendor's clock.

        Raises:
            SpaazaSourceError: The vendor could not be asked for its list, or refused.
        """
        syncs = list(syncs)
        registry = self.registry(syncs)
        with self._service.http.within(self.deadline()):
            registry.jobs()
        return [self.plan_table(each, registry) for each in syncs]

    def known_jobs(self) -> list[KnownJob]:
        """Every job that the vendor has of ours, however old.

        Raises:
            SpaazaSourceError: The vendor could not be asked, or refused.
        """
        with self._service.http.within(self.deadline()):
            return self.registry([], all_jobs=True).jobs()

    def submit(
        self,
        syncs: Sequence[TableSync],
        apart: timedelta,
        repeat: Repeat | None = None,
        batches: int = 0,
    ) -> list[tuple[ExportRequest, Job, bool]]:
        """Ask for all that is missing.

        As many as may run at one time are scheduled together, the next batch `apart` later.

        Args:
            syncs: The tables.
            apart: The time from one batch to the next.
            repeat: How often the vendor is to run each export again; None for once. What repeats
                brings all rows of a table.
            batches: How many batches were scheduled before these, of another account.

        Returns:
            Each request, its job, and whether the job was there already.

        Raises:
            LargePlanError: These are more exports than `max_exports`.
            SpaazaSourceError: The vendor could not be asked, or refused. What was asked for
                before that is adopted by the next call.
        """
        for sync in syncs if repeat is None else ():
            self.check_size(sync)
        registry = self.registry(syncs, all_jobs=repeat is not None)
        submitted = []
        asked = 0
        for sync in syncs:
            with self._service.http.within(self.deadline()):
                adopted, missing = self._split_known(sync, registry, repeat)
            submitted += [(request, registry.claim(job), True) for request, job in adopted]
            for request in missing:
                later = (batches + asked // self._settings.max_concurrent) * apart
                deadline = self.deadline()
                with self._service.http.within(deadline):
                    job = registry.create(request, sync, deadline, later)
                submitted.append((request, job, False))
                asked += 1
        return submitted

    def count_batches(self, submitted: Iterable[tuple[ExportRequest, Job, bool]]) -> int:
        """How many batches the exports make that `submit` has asked for."""
        asked = sum(not adopted for _, _, adopted in submitted)
        return -(-asked // self._settings.max_concurrent)

    def list_jobs(self) -> JobList:
        """The vendor's list of our jobs, as it is now.

        Raises:
            SpaazaSourceError: The vendor could not be asked, or refused.
        """
        return self._list(self.registry([]))

    def ask(
        self,
        syncs: Iterable[TableSync],
        *,
        most_open: int | None = None,
        waited: Collection[str] = (),
    ) -> list[Outlook]:
        """Ask for what is missing of some tables, and tell how far each is; nothing is waited for.

        Args:
            syncs: The tables, those first that are wanted first.
            most_open: How many jobs may wait or run at the vendor at one time; None for any number.
                What is more than that is still missing.
            waited: Ids of jobs that were waited for. Where one of them has failed, and its window
                cannot be cut, that is an error; else the request is made again.

        Raises:
            ExportFailedError: Such a job has failed.
            SpaazaSourceError: The vendor could not be asked, or refused.
        """
        registry = self.registry([])
        jobs = self._list(registry)
        free = math.inf if most_open is None else max(0, most_open - jobs.open_count)
        asked = 0
        outlooks = []
        for sync in syncs:
            outlook = jobs.outlook(sync)
            for request in outlook.missing:
                failed = jobs.failed(request, waited)
                if failed is not None:
                    raise job_failed(request, failed)
                if asked < free:
                    later = timedelta(seconds=asked * self._settings.stagger)
                    deadline = self.deadline()
                    with self._service.http.within(deadline):
                        job = registry.create(request, sync, deadline, later)
                    asked += 1
                    missing = [each for each in outlook.missing if each != request]
                    outlook = Outlook(sync, [*outlook.jobs, job], missing)
            outlooks.append(outlook)
        return outlooks

    def pause(self, looks: int) -> float:
        """Seconds to the next look at the vendor's list after so many."""
        return max(self._settings.pause(looks), self._service.http.pace())

    def _list(self, registry: JobRegistry) -> JobList:
        with self._service.http.within(self.deadline()):
            # The list comes first: its answer shows the vendor's clock.
            known = registry.jobs()
        return JobList(known, self.now(), self._settings, self._adoption_age())

    def _split_known(
        self, sync: TableSync, registry: JobRegistry, repeat: Repeat | None
    ) -> tuple[Sequence[tuple[ExportRequest, Job]], list[ExportRequest]]:
        """Which requests have a job already, and which are still to be made."""
        if repeat is None:
            plan = self.plan_table(sync, registry)
            return plan.adopted, [sync.make_request(window) for window in plan.to_request]
        request = replace(sync.make_request(None), repeat=repeat)
        known = youngest(job for job in registry.jobs() if job.is_of(request))
        return ([(request, known.job)], []) if known else ([], [request])

    def check_size(self, sync: TableSync) -> None:
        """Check, before anything is asked for, that it is not more than `max_exports`.

        Raises:
            LargePlanError: It is, and nobody has agreed.
        """
        if sync.table not in self.agreed:
            check_size(sync, self.now())

    def plan_table(self, sync: TableSync, registry: JobRegistry) -> Plan:
        """The plan of one table, as of now."""
        # The vendor's list comes first: its answer shows the vendor's clock.
        known = registry.jobs()
        return plan_for(sync, known, self.now(), self._adoption_age())

    def registry(self, syncs: Iterable[TableSync], *, all_jobs: bool = False) -> JobRegistry:
        """The vendor's list of our jobs, for these tables; jobs of any age count if `all_jobs`."""
        all_jobs = all_jobs or any(each.collect_only for each in syncs)
        return JobRegistry(self._service, self._adoption_age(), self._clock, all_jobs=all_jobs)

    def _adoption_age(self) -> timedelta:
        """How long ago an export may have been finished to be adopted."""
        if self.adopt_since is None:
            return self.max_age + self.since_ahead
        return max(timedelta(0), self.now() - self.adopt_since)

    def deadline(self) -> Deadline:
        """How long a vendor is waited for before an export is under way."""
        return Deadline(self._clock, self._settings.export_timeout)
