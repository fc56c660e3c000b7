"""Plans the exports of one table: which windows to ask for, and which existing jobs to adopt.

Everything here is computed; nothing is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from spaaza_source.errors import LargePlanError
from spaaza_source.exports.jobs import Job, JobState, KnownJob, created_key, youngest
from spaaza_source.exports.planning.recurring import LastRun, find_adopted, find_last_run, is_named
from spaaza_source.exports.request import REPEATS, ExportRequest
from spaaza_source.exports.table_sync import SyncPolicy, TableSync
from spaaza_source.windows import EARLIEST, Window, cut_calendar, iso

#: How old a finished job may be and still be collected: the vendor repeats one a month at least.
COLLECT_AGE = timedelta(days=35)


@dataclass(frozen=True)
class Plan:
    """The exports of one table.

    Attributes:
        covered: The range that they cover together; None for all rows.
        windows: What to ask for, in the order of time; `[None]` stands for all rows.
        adopted: Existing jobs that are used, each with its request.
        failed: Windows whose export has just failed at the vendor; long enough to be halved.
        waiting: Existing jobs that are left out, as the vendor has not begun them.
        last_run: The last run of the job that repeats, or is adopted, where it is not among these;
            None without one.
        moment: That of the load, by the vendor's clock.
    """

    covered: Window | None
    windows: Sequence[Window | None]
    adopted: Sequence[tuple[ExportRequest, Job]] = ()
    failed: Sequence[Window] = ()
    waiting: Sequence[tuple[ExportRequest, Job]] = ()
    last_run: LastRun | None = None
    moment: datetime | None = field(default=None, compare=False)

    @property
    def to_request(self) -> list[Window | None]:
        """The windows to ask for: none of them holds one that has just failed."""
        windows: list[Window | None] = []
        for window in self.windows:
            windows += [None] if window is None else self._without_failed(window)
        return windows

    def _without_failed(self, window: Window) -> list[Window]:
        if not any(window.covers(failed) for failed in self.failed):
            return [window]
        return [part for half in window.halves() for part in self._without_failed(half)]


def plan_for(sync: TableSync, known: Iterable[KnownJob], now: datetime, max_age: timedelta) -> Plan:
    """The plan for one table, by the jobs that the vendor has of ours and by the vendor's clock.

    A job that was finished longer ago than `max_age` is not used.
    """
    sync.check_dates()
    sync.check_kept(now)
    known = [] if sync.ignore_existing else list(known)
    if sync.adopt_job is not None:
        known = find_adopted(sync, known)
    if sync.collect_only:
        max_age = max(max_age, COLLECT_AGE)
    # Since when a job must have been finished to be used; with an age of 0 none is.
    since = now - max_age if max_age else datetime.max.replace(tzinfo=now.tzinfo)
    plan = _plan_whole(sync, known, now, since)
    if plan is None:
        new = [job for job in known if job.job.job_id not in sync.loaded]
        # Where all rows at once were too many, they are asked for by time.
        plan = _plan_windows(sync, sync.range_at(now) or Window(None, now), new, now, since)
    plan = replace(_limit_to_done(plan) if sync.collect_only else plan, moment=now)
    return plan if plan.adopted else replace(plan, last_run=find_last_run(sync, known))


def check_size(sync: TableSync, now: datetime) -> None:
    """Check that a table's first load, or a range, is not cut into more windows than is allowed.

    Later loads are not checked: a table's history is agreed to once.

    Raises:
        LargePlanError: It is.
    """
    policy = sync.policy
    if policy is None or sync.collect_only:
        return
    if sync.loaded_until is not None and not policy.is_backfill:
        return
    covered = sync.range_at(now)
    if covered is not None:
        cut_range(sync.table, policy, covered, now)


def cut_range(table: str, policy: SyncPolicy, covered: Window, now: datetime) -> list[Window]:
    """The windows that a range is asked for in.

    Raises:
        LargePlanError: They are more than is allowed.
    """
    windows = cut_calendar(covered, policy.window_size, now)
    exports = len(windows)
    if exports > policy.max_exports:
        longer = "" if policy.window_size == "month" else " a longer window,"
        error = LargePlanError(
            f"the load would request {exports:,} exports of it, one for each {policy.window_size}"
            f" since {iso(max(covered.begin, EARLIEST))}",
            where=table,
            hint=f"Set a later start_date,{longer} or agree by max_exports = {exports}"
            f" (--max-exports {exports}).",
        )
        error.table, error.exports = table, exports
        error.start, error.end = covered.begin, covered.end
        raise error
    return windows


def _plan_whole(
    sync: TableSync, known: Sequence[KnownJob], now: datetime, since: datetime
) -> Plan | None:
    """The plan of one export of all rows; None where rows are to be asked for by time."""
    whole = sync.make_request(None)
    recurring = [replace(whole, repeat=repeat) for repeat in REPEATS]
    if sync.range_at(now) is not None:
        named = [whole] if sync.adopt_job is not None else []
        return _plan_recurring(sync, known, [*named, *recurring], since)
    requests = [whole, *(recurring if sync.collect_only else ())]
    ours = [job for job in known if any(map(job.is_of, requests))]
    # An older export may not replace what a younger one has loaded.
    loaded = youngest(job for job in ours if job.job.job_id in sync.loaded)
    ours = [
        job
        for job in ours
        if job.job.job_id not in sync.loaded
        and (loaded is None or created_key(job.job) > created_key(loaded.job))
    ]
    good = [job for job in ours if is_named(sync, job) or _is_usable(job.job, since)]
    if sync.collect_only:
        good = [job for job in good if job.job.state is JobState.DONE] or good
    adopted = youngest(good)
    if adopted is not None:
        request = next(request for request in requests if adopted.is_of(request))
        return Plan(None, [], [(request, adopted.job)])
    can_be_cut = sync.policy is not None or sync.in_parts is not None
    if not can_be_cut or not any(_has_just_failed(each.job, since) for each in ours):
        return Plan(None, [None])
    return None


def _plan_recurring(
    sync: TableSync, known: Sequence[KnownJob], requests: Sequence[ExportRequest], since: datetime
) -> Plan | None:
    """The plan of a recurring export's last run for a table that goes on by time; None without one.

    So is that of a job that is adopted, and has run once.

    It has all rows, and is good where no later load has brought what came after it.
    """
    if not sync.collect_only or (sync.policy is not None and sync.policy.is_backfill):
        return None
    done = youngest(
        job
        for job in known
        if any(map(job.is_of, requests))
        and job.job.state is JobState.DONE
        and job.job.job_id not in sync.loaded
        and (is_named(sync, job) or _is_usable(job.job, since))
    )
    until = sync.loaded_until
    if done is None or (until is not None and created_key(done.job) <= until.timestamp()):
        return None
    request = next(request for request in requests if done.is_of(request))
    return Plan(None, [], [(request, done.job)])


def _limit_to_done(plan: Plan) -> Plan:
    """As much of the plan, from its start, as is done without a gap."""
    done: list[tuple[ExportRequest, Job]] = []
    end = plan.covered.start if plan.covered else None
    for request, job in plan.adopted:
        window = request.window
        if job.state is not JobState.DONE or (window is not None and window.start != end):
            break
        done.append((request, job))
        end = window.end if window else None
    last = done[-1][0].window if done else None
    covered = Window(plan.covered.start, last.end) if plan.covered and last else plan.covered
    waiting = [each for each in plan.adopted if each[1].state is JobState.WAITING]
    return Plan(covered, [], done, waiting=waiting)


def _plan_windows(
    sync: TableSync, covered: Window, known: Sequence[KnownJob], now: datetime, since: datetime
) -> Plan:
    """Adopt the jobs whose windows lie in the range, and plan windows for the rest of it."""
    # An earlier run asked for what was kept since its own moment.
    oldest = covered.begin if _begins_with_kept(sync, covered, now) else None
    ours = [
        (window, each.job)
        for each in known
        if (window := each.window) is not None
        and (covered.covers(window) or (oldest and _reaches_in(window, oldest, covered.end)))
        and each.is_of(sync.make_request(window))
    ]
    adopted = _choose_disjoint([each for each in ours if _is_usable(each[1], since)])
    if adopted and adopted[0][0].begin < covered.begin:
        covered = Window(adopted[0][0].start, covered.end)
    gaps = covered.gaps(window for window, _ in adopted)
    policy = sync.policy or sync.in_parts or SyncPolicy()
    if adopted and gaps and not policy.is_backfill:
        tail, last = gaps[-1], adopted[-1][0]
        if tail.end == covered.end and tail.start == last.end and tail.length <= now - since:
            # An earlier run's "now" is good enough: the next load begins there.
            gaps.pop()
            covered = Window(covered.start, last.end)
    failed = [
        window
        for window, job in ours
        if _has_just_failed(job, since) and window.length >= 2 * policy.min_window
    ]
    if covered.start is None:
        whole = sync.make_request(None)
        if any(job.is_of(whole) and _has_just_failed(job.job, since) for job in known):
            failed.append(Window(None, covered.end))
    return Plan(
        covered,
        [window for gap in gaps for window in cut_calendar(gap, policy.window_size, now)],
        [(sync.make_request(window), job) for window, job in adopted],
        failed,
    )


def _begins_with_kept(sync: TableSync, covered: Window, now: datetime) -> bool:
    """Whether a range begins where rows begin to be kept, an instant that moves on."""
    kept = sync.policy and sync.policy.kept_since(now)
    return kept is not None and covered.start == kept


def _reaches_in(window: Window, start: datetime, end: datetime) -> bool:
    """Whether a window begins before a start, and ends after it and no later than an end."""
    return window.begin < start < window.end <= end


def _choose_disjoint(candidates: Iterable[tuple[Window, Job]]) -> list[tuple[Window, Job]]:
    """Jobs whose windows do not overlap, in the order of time.

    Those that are done come first: a running job may belong to a window that has been split since.
    """
    ranked = sorted(
        candidates,
        key=lambda each: (
            each[1].state is not JobState.DONE,
            each[0].begin,
            -each[0].length,
            -created_key(each[1]),
        ),
    )
    chosen: list[tuple[Window, Job]] = []
    for window, job in ranked:
        if not any(window.overlaps(other) for other, _ in chosen):
            chosen.append((window, job))
    return sorted(chosen, key=lambda each: each[0].begin)


def _is_usable(job: Job, since: datetime) -> bool:
    """Whether it waits, runs, or was finished since then (or created, where no end is known)."""
    if job.state is JobState.DONE:
        finished = job.finished_at or job.created_at
        return finished is not None and finished >= since
    return job.state is not JobState.FAILED


def _has_just_failed(job: Job, since: datetime) -> bool:
    """Whether it was created since then, and ended in an error."""
    created = job.created_at
    return job.state is JobState.FAILED and created is not None and created >= since
