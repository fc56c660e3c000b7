"""What a load asks for: which times, in which windows, and which jobs there are for them already.

Everything here is computed, nothing is sent; the asking is left to `run`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from spaaza_source.errors import SettingsError
from spaaza_source.exports.jobs import Job, JobState, KnownJob
from spaaza_source.exports.request import REPEATS, ExportRequest
from spaaza_source.windows import Window, parse_instant

WindowSize = Literal["month", "week", "day"]

#: The longest window of each size.
LENGTHS: dict[WindowSize, timedelta] = {
    "month": timedelta(days=31),
    "week": timedelta(days=7),
    "day": timedelta(days=1),
}

#: A load that goes on asks for this much at least, however short a while ago the last one was.
SHORTEST = timedelta(seconds=1)

#: How old a finished job may be and still be collected: the vendor repeats one a month at least.
COLLECT_AGE = timedelta(days=35)


@dataclass(frozen=True)
class SyncPolicy:
    """Which times of a table a load has to cover.

    Attributes:
        start: Where history begins; None for all of it.
        end: Where it ends, itself left out; None for now.
        lag: How far before the last load's end the next one begins.
        size: The windows that history is asked for in; None for months that may grow.
        smallest: No shorter window is asked for.
        goes_on: Whether a load goes on where the last one ended; else it begins at `start` again.
        begins_again: After how long a load begins at `start` again all the same, for changes that
            no window shows; None for never.
    """

    start: datetime | None = None
    end: datetime | None = None
    lag: timedelta = timedelta(days=1)
    window_size: WindowSize | None = None
    min_window: timedelta = timedelta(hours=1)
    incremental: bool = True
    full_refresh_every: timedelta | None = None

    @classmethod
    def of(cls, start_date: object, end_date: object) -> SyncPolicy:
        """A user's dates: ISO text, `datetime`, `date` or None each.

        Raises:
            SettingsError: A date cannot be read, the end has no start, or no time lies between.
        """
        if start_date is None and end_date is not None:
            raise SettingsError(
                "end_date is given without start_date",
                where="end_date",
                hint="Give both for a range, or start_date alone for all since then.",
            )
        start = None if start_date is None else parse_instant(start_date, "start_date")
        end = None if end_date is None else parse_instant(end_date, "end_date")
        if end is not None:
            Window(start, end)
        return cls(start, end)

    @property
    def is_backfill(self) -> bool:
        """Whether both ends are given: such a load neither reads nor moves the cursor."""
        return self.end is not None

    def range_at(
        self, loaded_until: datetime | None, begun_at: datetime | None, now: datetime
    ) -> Window | None:
        """What a load covers; None for all rows, whatever their time.

        Args:
            loaded_until: The cursor: where the last load ended.
            begun_at: When a load last began at `start`.
            now: The present instant by the vendor's clock.

        Raises:
            SettingsError: The start lies in the future.
        """
        if self.is_backfill:
            return Window(self.start, self.end or now)
        start = self.start
        # Of whole seconds, `now` may lie before what was begun a moment ago.
        every = self.full_refresh_every
        old = every is not None and (not every or begun_at is None or now - begun_at >= every)
        if self.incremental and not old and loaded_until is not None:
            again = min(loaded_until - self.lag, now - max(self.lag, SHORTEST))
            start = again if start is None else max(start, again)
        return None if start is None else Window(start, now)


@dataclass(frozen=True)
class TableSync:
    """What a load wants of one table.

    Attributes:
        table: Its name.
        ask: Makes the request for a window; for all rows of None.
        span: Which times; None where the table cannot be asked for by time.
        loaded_until: The table's cursor.
        begun_at: When the table was last loaded from the begin of its span.
        loaded: Ids of jobs whose rows have been loaded: they are done with.
        only_finished: Whether nothing is to be asked for: only what is done counts.
        afresh: Whether no job that is there already is new enough.
    """

    table: str
    make_request: Callable[[Window | None], ExportRequest]
    span: SyncPolicy | None = None
    loaded_until: datetime | None = None
    begun_at: datetime | None = None
    loaded: Collection[str] = ()
    collect_only: bool = False
    ignore_existing: bool = False

    def range_at(self, now: datetime) -> Window | None:
        """What a load of it covers now; None for all rows."""
        if self.span is None:
            return None
        return self.span.range_at(self.loaded_until, self.begun_at, now)


@dataclass(frozen=True)
class Plan:
    """What is to be done for one table.

    Attributes:
        reach: The span of time it covers; None for all rows.
        windows: What to ask for, in the order of time; `[None]` stands for all rows.
        adopted: Jobs that there are already, each with its request.
        failed: Windows that have just failed at the vendor, so only parts of them are worth asking.
    """

    covered: Window | None
    windows: Sequence[Window | None]
    adopted: Sequence[tuple[ExportRequest, Job]] = ()
    failed: Sequence[Window] = ()


def plan_for(wanted: TableSync, own: Iterable[KnownJob], now: datetime, max_age: timedelta) -> Plan:
    """The plan for one table.

    Args:
        wanted: What is wanted.
        own: The jobs that the vendor has of ours.
        now: The present instant by the vendor's clock.
        max_age: How old a finished job may be and still be used.
    """
    own = [] if wanted.ignore_existing else list(own)
    if wanted.collect_only:
        max_age = max(max_age, COLLECT_AGE)
    plan = _whole(wanted, own, now, max_age)
    if plan is None:
        reach = wanted.range_at(now)
        new = [job for job in own if job.job.job_id not in wanted.loaded]
        # All rows at once were too many: they are asked for by time.
        plan = _cover(wanted, reach or Window(None, now), new, now, max_age)
    return _finished(plan) if wanted.collect_only else plan


def _whole(
    wanted: TableSync, own: Sequence[KnownJob], now: datetime, max_age: timedelta
) -> Plan | None:
    """The plan where all rows are wanted at once; None where they are wanted by time."""
    if wanted.range_at(now) is not None:
        return None
    whole = wanted.make_request(None)
    fingerprints = {whole.fingerprint: whole}
    if wanted.collect_only:
        repeated = [replace(whole, repeat=repeat) for repeat in REPEATS]
        fingerprints |= {request.fingerprint: request for request in repeated}
    ours = [job for job in own if job.fingerprint in fingerprints]
    # Nothing older may take the place of what is loaded.
    loaded = youngest(job for job in ours if job.job.job_id in wanted.loaded)
    ours = [
        job
        for job in ours
        if job.job.job_id not in wanted.loaded
        and (loaded is None or _age_key(job.job) > _age_key(loaded.job))
    ]
    since = oldest(now, max_age)
    good = usable(ours, since)
    if wanted.collect_only:
        good = [job for job in good if job.job.state is JobState.DONE] or good
    found = youngest(good)
    if found is not None:
        return Plan(None, [], [(fingerprints[found.fingerprint], found.job)])
    if wanted.span is None or not just_failed(ours, since):
        return Plan(None, [None])
    return None


def _finished(plan: Plan) -> Plan:
    """As much of the plan, from its begin, as is done without a gap."""
    done: list[tuple[ExportRequest, Job]] = []
    at = plan.covered.start if plan.covered else None
    for request, job in plan.adopted:
        window = request.window
        if job.state is not JobState.DONE or (window is not None and window.start != at):
            break
        done.append((request, job))
        at = window.end if window else None
    last = done[-1][0].window if done else None
    reach = Window(plan.covered.start, last.end) if plan.covered and last else plan.covered
    return Plan(reach, [], done)


def _cover(
    wanted: TableSync, reach: Window, own: Sequence[KnownJob], now: datetime, max_age: timedelta
) -> Plan:
    """Take what jobs cover of the reach, plan windows for the rest."""
    mine = [
        (job, window)
        for job in own
        if (window := job.window) is not None
        and reach.covers(window)
        and wanted.make_request(window).fingerprint == job.fingerprint
    ]
    since = oldest(now, max_age)
    good = usable([job for job, _ in mine], since)
    taken: list[tuple[Window, Job]] = []
    # What is done is sure; what runs may be a window that was given up for its halves.
    for state in (JobState.DONE, None):
        candidates = [
            (window, job.job)
            for job, window in mine
            if job in good and (job.job.state is JobState.DONE) == (state is JobState.DONE)
        ]
        for window, found in sorted(
            candidates, key=lambda each: (each[0].begin, -each[0].length, -_age_key(each[1]))
        ):
            if all(window.end <= other.begin or other.end <= window.begin for other, _ in taken):
                taken.append((window, found))
    taken.sort(key=lambda each: each[0].begin)
    gaps = _gaps(reach, [window for window, _ in taken])
    span = wanted.span or SyncPolicy()
    if taken and gaps and not span.is_backfill:
        tail = gaps[-1]
        if tail.end == reach.end and tail.start == taken[-1][0].end and tail.length <= max_age:
            # An earlier run's "now" is good enough: the next load goes on from there.
            gaps.pop()
            reach = Window(reach.start, taken[-1][0].end)
    unbounded = reach.start is None and _whole_failed(wanted, own, since)
    failed = [Window(None, reach.end)] if unbounded else []
    failed += [window for job, window in mine if just_failed([job], since) and job not in good]
    size = span.window_size or "month"
    return Plan(
        reach,
        [window for gap in gaps for window in cut_calendar(gap, size, now)],
        [(wanted.make_request(window), job) for window, job in taken],
        [window for window in failed if window.length >= 2 * span.min_window],
    )


def halve_failed(plan: Plan) -> list[Window | None]:
    """The windows of a plan, those in two of which an export has just failed."""
    windows: list[Window | None] = []
    for window in plan.windows:
        if window is not None and any(window.covers(failed) for failed in plan.failed):
            windows += window.halves()
        else:
            windows.append(window)
    return windows


def cut_calendar(window: Window, size: WindowSize, now: datetime) -> list[Window]:
    """A window in calendar months, weeks from Monday, or days, all in UTC.

    One no longer than that stays whole, and so does the time to come.
    """
    if window.start is None or window.length <= LENGTHS[size]:
        return [window]
    parts = []
    start = window.start
    while (bound := _next_bound(start, size)) < min(window.end, now):
        parts.append(Window(start, bound))
        start = bound
    return [*parts, Window(start, window.end)]


def oldest(now: datetime, max_age: timedelta) -> datetime:
    """Since when a job must have been finished to be used; for an age of 0 none ever was."""
    return now - max_age if max_age else datetime.max.replace(tzinfo=now.tzinfo)


def usable(own: Iterable[KnownJob], since: datetime) -> list[KnownJob]:
    """Those that wait, run, or were finished since then (or asked for, if that is all it says)."""

    def is_young(job: Job) -> bool:
        known = job.finished_at or job.created_at
        return known is not None and known >= since

    return [
        each
        for each in own
        if each.job.state is not JobState.FAILED
        and (each.job.state is not JobState.DONE or is_young(each.job))
    ]


def youngest(own: Iterable[KnownJob]) -> KnownJob | None:
    """The one that was created last."""
    return max(own, key=lambda job: _age_key(job.job), default=None)


def just_failed(own: Iterable[KnownJob], since: datetime) -> bool:
    """Whether one of them, created since then, ended in an error."""
    return any(
        job.job.state is JobState.FAILED
        and job.job.created_at is not None
        and job.job.created_at >= since
        for job in own
    )


def _whole_failed(wanted: TableSync, own: Iterable[KnownJob], since: datetime) -> bool:
    whole = wanted.make_request(None).fingerprint
    return just_failed([job for job in own if job.fingerprint == whole], since)


def _age_key(job: Job) -> float:
    return job.created_at.timestamp() if job.created_at else 0.0


def _gaps(reach: Window, taken: Sequence[Window]) -> list[Window]:
    gaps = []
    at, begin = reach.start, reach.begin
    for window in taken:
        if begin < window.begin:
            gaps.append(Window(at, window.begin))
        at = begin = window.end
    if begin < reach.end:
        gaps.append(Window(at, reach.end))
    return gaps


def _next_bound(instant: datetime, size: WindowSize) -> datetime:
    day = instant.replace(hour=0, minute=0, second=0, microsecond=0)
    match size:
        case "day":
            return day + timedelta(days=1)
        case "week":
            return day + timedelta(days=7 - day.weekday())
        case "month":
            return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
