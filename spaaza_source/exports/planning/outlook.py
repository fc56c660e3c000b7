"""How far exports are that no run waits for: what is ready, under way, missing or overdue.

Everything here is computed from one list of the vendor's jobs; nothing is sent.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from spaaza_source.errors import ExportTimeoutError
from spaaza_source.exports.jobs import Job, JobState, KnownJob
from spaaza_source.exports.planning.plan import Plan, plan_for
from spaaza_source.exports.polling import PollSettings
from spaaza_source.exports.request import ExportRequest
from spaaza_source.exports.table_sync import TableSync

#: In these states the vendor does nothing more for a job.
ENDED = (JobState.DONE, JobState.FAILED)


@dataclass(frozen=True)
class Outlook:
    """How far the exports are that a load of one table would adopt.

    Attributes:
        sync: What the load would bring.
        jobs: Their jobs.
        missing: What is still to be asked for.
    """

    sync: TableSync
    jobs: Sequence[Job]
    missing: Sequence[ExportRequest]

    @property
    def is_ready(self) -> bool:
        """Whether the load would wait for none of them."""
        return not self.missing and all(job.state is JobState.DONE for job in self.jobs)

    @property
    def job_ids(self) -> list[str]:
        """The ids of the jobs."""
        return [job.job_id for job in self.jobs]

    @property
    def finished_at(self) -> float:
        """When the last of them was finished, in seconds; 0 where the vendor does not say."""
        return max((job.finished_at.timestamp() for job in self.jobs if job.finished_at), default=0)


@dataclass(frozen=True)
class JobList:
    """The vendor's list of our jobs, as it was at one moment.

    Attributes:
        known: The jobs.
        now: That moment, by the vendor's clock.
        settings: How long a job may take.
        max_age: How long ago a finished job may have been finished to be adopted.
    """

    known: Sequence[KnownJob]
    now: datetime
    settings: PollSettings
    max_age: timedelta

    @property
    def open_count(self) -> int:
        """How many jobs are waiting or running at the vendor."""
        return sum(known.job.state not in ENDED for known in self.known)

    def outlook(self, sync: TableSync) -> Outlook:
        """How far a table's exports are.

        A window whose export runs too long is asked for in halves, as a run would.

        Raises:
            ExportTimeoutError: An export takes too long, and shorter ones would not help.
        """
        plan = plan_for(sync, self.known, self.now, self.max_age)
        late = {job.job_id for request, job in plan.adopted if self._is_late(sync, request, job)}
        if late:
            known = [self._as_failed(each, late) for each in self.known]
            plan = plan_for(sync, known, self.now, self.max_age)
        return _outlook_of(sync, plan)

    def failed(self, request: ExportRequest, among: Collection[str]) -> Job | None:
        """The job of a request that has failed, among those with certain ids."""
        jobs = [known.job for known in self.known if known.is_of(request)]
        return next(
            (job for job in jobs if job.job_id in among and job.state is JobState.FAILED), None
        )

    @property
    def job_ids(self) -> set[str]:
        """The ids of all jobs."""
        return {known.job.job_id for known in self.known}

    def is_due(self, groups: Sequence[Sequence[str]], seen: Collection[str] = ()) -> bool:
        """Whether somebody who waits for groups of jobs has something to do.

        All jobs of a group are done; or one has failed, is overdue, or is not there any more.

        Args:
            groups: The ids of the jobs.
            seen: The ids of those that have been there: a new one may be missing for a while.
        """
        jobs = {known.job.job_id: known.job for known in self.known}
        if any(all(_is_done(jobs.get(each)) for each in group) for group in groups):
            return True
        waited = [each for group in groups for each in group]
        return any(
            each in seen if (job := jobs.get(each)) is None else self._needs_care(job)
            for each in waited
        )

    def _needs_care(self, job: Job) -> bool:
        return job.state is JobState.FAILED or self.is_overdue(job)

    def is_overdue(self, job: Job) -> bool:
        """Whether a job takes longer than the settings allow.

        One that waits, or does not tell since when it runs, may be waiting for others of ours: its
        time begins anew whenever the vendor has finished one.
        """
        if job.state in ENDED:
            return False
        settings, waits = self.settings, job.state is JobState.WAITING
        allowed = settings.export_timeout
        if waits and settings.start_timeout is not None:
            allowed = settings.start_timeout
        since = [job.started_at]
        if waits or job.started_at is None:
            ends = [known.job.finished_at for known in self.known if known.job.state in ENDED]
            since = [job.created_at, job.due_at, *ends]
        begun = max((each for each in since if each is not None), default=None)
        return begun is not None and self.now - begun > timedelta(seconds=allowed)

    def _is_late(self, sync: TableSync, request: ExportRequest, job: Job) -> bool:
        """Whether a job is overdue, and its window can be cut.

        Raises:
            ExportTimeoutError: It is overdue, and cannot be.
        """
        if not self.is_overdue(job):
            return False
        policy, window = sync.policy or sync.in_parts, request.window
        can_be_cut = policy is not None and (
            window is None or window.length >= 2 * policy.min_window
        )
        # What the vendor has not even begun would take no less time in parts.
        if can_be_cut and job.state is not JobState.WAITING:
            return True
        begun = job.state is not JobState.WAITING or self.settings.start_timeout is None
        raise ExportTimeoutError(
            f"the vendor's job {job.job_id} is still {job.vendor_state}, longer than is allowed",
            where=str(request),
            hint="Run again later, or raise export_timeout."
            if begun
            else "Run again later, or raise start_timeout.",
        )

    def _as_failed(self, known: KnownJob, late: Collection[str]) -> KnownJob:
        """A late job as one that has just failed, however long ago it was created."""
        if known.job.job_id not in late:
            return known
        return replace(known, job=replace(known.job, state=JobState.FAILED, created_at=self.now))


def _outlook_of(sync: TableSync, plan: Plan) -> Outlook:
    jobs = [job for _, job in plan.adopted]
    return Outlook(sync, jobs, [sync.make_request(window) for window in plan.to_request])


def _is_done(job: Job | None) -> bool:
    return job is not None and job.state is JobState.DONE
