"""Jobs that the vendor repeats, and those that somebody else made: which run is to be loaded.

Each run has the job's id and the time that it began at. The vendor keeps the last one's file alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from spaaza_source.errors import (
    ExportFailedError,
    SettingsError,
    SpaazaSourceError,
    UnexpectedAnswerError,
)
from spaaza_source.exports.jobs import RUN_MARK, Job, JobState, KnownJob, created_key, youngest
from spaaza_source.exports.request import PERIODS, REPEATS, ExportRequest
from spaaza_source.exports.table_sync import TableSync
from spaaza_source.windows import iso, parse_vendor_instant


@dataclass(frozen=True)
class LastRun:
    """The last run of a job that repeats, or that somebody else made, which is not to be loaded.

    Attributes:
        job: The job as it is now.
        table: The table.
        is_adopted: Whether somebody else made it.
        is_loaded: Whether its rows are loaded.
        is_past: Whether a later load has brought them.
    """

    job: Job
    table: str
    is_adopted: bool
    is_loaded: bool
    is_past: bool

    @property
    def has_failed(self) -> bool:
        """Whether it is to be told as a failure of its table."""
        is_new = not (self.is_loaded or self.is_past)
        return is_new and (self.job.state is JobState.FAILED or self._is_undated)

    @property
    def _is_undated(self) -> bool:
        """Whether nothing tells it from the runs before it."""
        return self.job.repeats and self.job.state is JobState.DONE and not self.job.started_at

    @property
    def reason(self) -> str:
        """Why it is not loaded."""
        job, task = self.job, task_of(self.job.job_id)
        if self.is_loaded and not job.repeats:
            return f"task {task} is loaded, and does not repeat"
        if self.is_loaded and job.started_at is not None:
            return f"no run of task {task} after {iso(job.started_at)} is done"
        if self.is_past:
            return f"the last run of task {task} is from before the table's last load"
        return self._state

    @property
    def _state(self) -> str:
        """Why a run that is new is not loaded."""
        job, task = self.job, task_of(self.job.job_id)
        if job.state is JobState.WAITING and job.repeats:
            return (
                f"task {task} is {job.vendor_state}: it has not run yet, or the vendor does not say"
                " when it did"
            )
        if job.state is JobState.DONE:
            if job.started_at is None:
                return f"task {task} is {job.vendor_state}, but nobody knows since when"
            return f"the last run of task {task}, at {iso(job.started_at)}, is too long ago"
        return f"job {job.job_id} is {job.vendor_state}"

    def error(self, detail: str) -> SpaazaSourceError:
        """Its failure.

        Args:
            detail: What the vendor says of it, redacted.
        """
        task, load = task_of(self.job.job_id), f"spaaza load {self.table}"
        if self._is_undated:
            return UnexpectedAnswerError(
                f"the vendor's task {task} is {self.job.vendor_state}, but its state does not say"
                " when it ran, so one run cannot be told from another",
                where=self.table,
                hint="Ask the vendor." if self.is_adopted else f"Load without it: {load}.",
            )
        hint = f"Wait for its next run, or load without it: {load}."
        if self.is_adopted:
            hint = "Wait for its next run, or ask who made it."
        if not self.job.repeats:
            hint = "It runs once: make another, or ask the vendor."
        words = f" ({detail})" if detail else ""
        return ExportFailedError(
            f"the last run of the vendor's task {task} ended in {self.job.vendor_state}{words}",
            where=self.table,
            hint=hint,
        )


def task_of(job_id: str) -> str:
    """The id of the job that a run is of, without the time of the run."""
    return job_id.partition(RUN_MARK)[0]


def find_adopted(sync: TableSync, known: Sequence[KnownJob]) -> list[KnownJob]:
    """The job that somebody else made for the table, which has to be as the settings say.

    Raises:
        SettingsError: It is not there, or exports something else.
    """
    found = [job for job in known if task_of(job.job.job_id) == sync.adopt_job]
    if not found:
        raise SettingsError(
            f"the vendor has no export task {sync.adopt_job}",
            where=f"adopt_tasks of {sync.table}",
            hint="See the recurring ones of the chain: spaaza jobs.",
        )
    requests = _requests(sync)
    if not any(each.is_of(request) for each in found for request in requests):
        raise SettingsError(
            f"task {sync.adopt_job} exports another index, format or filter than the settings say",
            where=f"adopt_tasks of {sync.table}",
            hint=f"Load it by its own: spaaza collect --task {sync.adopt_job}.",
        )
    return found


def is_named(sync: TableSync, known: KnownJob) -> bool:
    """Whether it is done, and the user has named it: then it may be of any age.

    Of one that repeats a run without its time could not be told from the next.
    """
    job = known.job
    is_known = bool(job.started_at) or not job.repeats
    return sync.adopt_job is not None and job.state is JobState.DONE and is_known


def find_last_run(sync: TableSync, known: Sequence[KnownJob]) -> LastRun | None:
    """The last run of the job that repeats, or is adopted; None without one, and for a range."""
    if sync.policy is not None and sync.policy.is_backfill:
        return None
    requests = _requests(sync)
    ours = [each for each in known if any(map(each.is_of, requests))]
    last = youngest(each for each in ours if each.job.repeats or sync.adopt_job is not None)
    if last is None:
        return None
    created = created_key(last.job)
    later = [created_key(each.job) for each in ours if each.job.job_id in sync.loaded]
    if sync.loaded_until is not None:
        later.append(sync.loaded_until.timestamp())
    return LastRun(
        last.job,
        sync.table,
        is_adopted=sync.adopt_job is not None,
        is_loaded=last.job.job_id in sync.loaded,
        is_past=bool(created) and any(created <= each for each in later),
    )


def missed_run(sync: TableSync, job: Job, request: ExportRequest) -> str | None:
    """What to tell where no run between a recurring job's last one and that before was loaded.

    Where each run has other rows, those of one that was not loaded are in no file any more.

    Args:
        sync: The table's.
        job: The job as it is now; its id has the time of its run.
        request: Its request.
    """
    task, _, run = job.job_id.partition(RUN_MARK)
    runs = [
        parse_vendor_instant(loaded.removeprefix(f"{task}{RUN_MARK}"))
        for loaded in sync.loaded
        if loaded.startswith(f"{task}{RUN_MARK}")
    ]
    before = max((each for each in runs if each is not None), default=None)
    now = parse_vendor_instant(run)
    if not sync.keeps_others or before is None or now is None or request.repeat is None:
        return None
    if now - before <= 1.5 * PERIODS[request.repeat]:
        return None
    start, end = iso(before), iso(now)
    hint = "Collect each run before the next one."
    if sync.takes_range:
        hint = f"Load that range: spaaza load {sync.table} --start-date {start} --end-date {end}"
        hint += " (start_date and end_date)."
    return (
        f"{request}: no run of task {task} between {start} and {end} was loaded, and the rows that"
        f" they alone had are in no file any more. {hint}"
    )


def _requests(sync: TableSync) -> list[ExportRequest]:
    """The requests for all rows: once, and repeated."""
    whole = sync.make_request(None)
    return [whole, *(replace(whole, repeat=repeat) for repeat in REPEATS)]
