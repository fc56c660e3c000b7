"""What a load has to bring of one table: which rows by time, and by which requests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from spaaza_source.errors import SettingsError
from spaaza_source.exports.request import ExportRequest
from spaaza_source.windows import Window, WindowSize, iso, parse_instant

#: Windows of a table that a first load asks for, unless the settings allow more: twenty years of
#: months, or eight months of days. Far more is a start that nobody meant.
MAX_EXPORTS = 240

#: What lets a table be loaded as if for the first time: its rows and all that is kept of it go.
RELOAD = 'load the whole table again: refresh="drop_resources" (--full-refresh)'

#: Seconds: no failed window is cut into shorter ones than this, whatever the settings say.
SMALLEST_WINDOW = 60

#: An incremental load asks for this much at least, however recent the last one was.
SHORTEST = timedelta(seconds=1)

#: Functions cannot be compared, but the requests that they make of a window.
_SOME_TIME = Window(*(datetime(2020, month, 1, tzinfo=UTC) for month in (1, 2)))


@dataclass(frozen=True)
class SyncPolicy:
    """Which rows of a table, by time, a load has to bring.

    Attributes:
        start: Where history begins; None for all of it.
        end: The exclusive end of history; None for now. Without a start, loads go up to it and on
            from there; with one, exactly that range is loaded.
        lag: The lookback: how far before the cursor an incremental load begins.
        looks_back: Whether rows that are loaded may come again, as those of the lookback do.
        window_size: The calendar windows that history is asked for in.
        min_window: No shorter window is asked for.
        max_exports: How many windows a first load asks for without being told to.
        incremental: Whether a load begins at the cursor, less the lag; else at `start`.
        full_refresh_every: After how long a load begins at `start` all the same, for changes that
            no window shows; None for never. Set for tables whose windows bring changed rows.
        reload_every: The same for tables whose windows bring all rows of their time, for rows that
            change or come long after it.
        by_scheduler: Whether a scheduler's interval has narrowed it.
        keep: How long rows stay in the table, by their time; None for ever. Older ones are not
            asked for.
    """

    start: datetime | None = None
    end: datetime | None = None
    lag: timedelta = timedelta(days=1)
    looks_back: bool = True
    window_size: WindowSize = "month"
    min_window: timedelta = timedelta(hours=1)
    max_exports: int = MAX_EXPORTS
    incremental: bool = True
    full_refresh_every: timedelta | None = None
    reload_every: timedelta | None = None
    by_scheduler: bool = False
    keep: timedelta | None = None

    @classmethod
    def of(cls, start_date: object, end_date: object) -> SyncPolicy:
        """Read a user's dates: ISO text, `datetime`, `date` or None each.

        Raises:
            SettingsError: A date cannot be read, or no time lies between.
        """
        start = None if start_date is None else parse_instant(start_date, "start_date")
        end = None if end_date is None else parse_instant(end_date, "end_date")
        if start is not None and end is not None:
            Window(start, end)
        return cls(start, end)

    def kept_since(self, moment: datetime) -> datetime | None:
        """From when on rows stay in the table, in a load of that moment; None for all rows."""
        return None if self.keep is None else moment - self.keep

    def start_at(self, moment: datetime) -> datetime | None:
        """Where history begins in a load of that moment: at `start`, or what is kept since."""
        starts = [each for each in (self.start, self.kept_since(moment)) if each is not None]
        return max(starts, default=None)

    def kept_at(self, moment: datetime) -> SyncPolicy:
        """The same with what is kept in a load of that moment as its start."""
        return replace(self, start=self.start_at(moment), keep=None)

    def all_kept(self) -> SyncPolicy | None:
        """For loads that must always bring all rows: those that are kept; None for all."""
        if self.keep is None:
            return None
        always = timedelta(0) if self.merges_changes else None
        return replace(
            self,
            incremental=self.merges_changes and self.incremental,
            full_refresh_every=always,
            reload_every=None,
        )

    @property
    def is_backfill(self) -> bool:
        """Whether both ends are given: such a load neither reads nor moves the cursor."""
        return self.start is not None and self.end is not None

    @property
    def is_given(self) -> bool:
        """Whether history has a start or an end."""
        return self.start is not None or self.end is not None

    @property
    def all_rows_hint(self) -> str:
        """What lets a load of these rows bring all of them, for a hint: no sentence yet."""
        if self.by_scheduler:
            return "set allow_external_schedulers=False"
        if self.keep is not None:
            return "leave out retain_days"
        if self.start is None:
            return RELOAD if self.end is None else "leave out end_date"
        return f"leave out start_date{' and end_date' if self.is_backfill else ''}"

    @property
    def merges_changes(self) -> bool:
        """Whether windows bring rows that changed, which are merged into the table by their key.

        Else a window brings all rows of its time, which replace that range of the table.
        """
        return self.full_refresh_every is not None


@dataclass(frozen=True)
class TableSync:
    """What a load has to bring of one table, and what earlier loads have left to do.

    Attributes:
        table: Its name.
        make_request: Makes the request for a window; for all rows of None.
        policy: Which rows by time; None where the table cannot be asked for by time.
        loaded_until: The table's cursor.
        begun_at: When the table was last loaded from the start of its history.
        loaded: Ids of jobs whose rows are loaded.
        collect_only: Whether nothing may be asked for: only jobs that are done are loaded.
        ignore_existing: Whether every export is asked for, whatever jobs there are.
        keeps_others: Whether rows that its exports do not bring stay in the table: they have left a
            filter that moves with time, or are older than the policy's start.
        has_saved_filter: Whether the vendor keeps the table's filter under an id: what it says, and
            whether it moves with time, nobody knows here.
        dates_refused: Why the settings' dates cannot narrow the table, which has a filter of its
            own; None where they can, or where it has no times.
        is_range: Whether these dates are a range, both ends of which are to hold.
        takes_range: Whether a range of its rows can be asked for.
        in_parts: For a table without a policy: by what times its rows are asked for where an export
            of all of them fails; None where they cannot be.
        narrowed_by: The setting that narrows its rows otherwise than by time, for a hint; None for
            none.
        adopt_job: The id of a job that somebody else made, which alone is loaded; None for ours.
        keeps_for_ever: Why rows stay in the table though the settings say for how many days; None
            where they do not, or where it is as they say.
        other_requests: Make requests for the same rows, as earlier loads may have asked for them.
    """

    table: str
    make_request: Callable[[Window | None], ExportRequest]
    policy: SyncPolicy | None = None
    loaded_until: datetime | None = None
    begun_at: datetime | None = None
    loaded: Collection[str] = ()
    collect_only: bool = False
    ignore_existing: bool = False
    keeps_others: bool = False
    has_saved_filter: bool = False
    dates_refused: SettingsError | None = None
    is_range: bool = False
    takes_range: bool = True
    in_parts: SyncPolicy | None = None
    narrowed_by: str | None = None
    adopt_job: str | None = None
    keeps_for_ever: str | None = None
    other_requests: Sequence[Callable[[Window | None], ExportRequest]] = ()

    def as_parts(self) -> TableSync:
        """The same in parts, which nobody knows to have all rows: others stay in the table."""
        if self.policy is not None or self.in_parts is None:
            return self
        policy = replace(self.in_parts, incremental=False, full_refresh_every=timedelta.max)
        return replace(self, policy=policy, keeps_others=True)

    def brings_same(self, other: TableSync) -> bool:
        """Whether both bring the same rows by the same requests."""
        own, others = (
            replace(
                each, make_request=self.make_request, other_requests=(), loaded=set(each.loaded)
            )
            for each in (self, other)
        )
        windows = (None, _SOME_TIME)
        return own == others and all(
            self.make_request(each) == other.make_request(each) for each in windows
        )

    def check_dates(self) -> str | None:
        """Check that a range that was asked for can be; where dates are left out, say why.

        Raises:
            SettingsError: It cannot.
        """
        if self.dates_refused is None:
            return None
        if self.is_range:
            raise self.dates_refused
        return f"every load brings all rows, for {self.dates_refused.cause}"

    @property
    def is_incremental(self) -> bool:
        """Whether a later load begins where this one ends."""
        policy = self.policy
        return policy is not None and policy.incremental and not policy.is_backfill

    @property
    def merges_changes(self) -> bool:
        """Whether its windows bring rows that changed, to be merged by their key."""
        return self.policy is not None and self.policy.merges_changes

    def range_at(self, now: datetime) -> Window | None:
        """The range that a load covers; None for all rows, whatever their time.

        Args:
            now: The present instant by the vendor's clock.

        Raises:
            SettingsError: The start lies in the future; or rows may not come twice, and all up to
                the end are loaded.
        """
        policy, until, begun_at = self.policy, self.loaded_until, self.begun_at
        if policy is None:
            return None
        start, end = policy.start_at(now), policy.end
        if start is not None and end is not None and start >= end:
            # `check_kept` tells of that, once the vendor's clock is known.
            start = policy.start
        if start is not None and end is not None and policy.is_backfill:
            return Window(start, end)
        has_come = end is not None and end < now
        last = end if end is not None and has_come else now
        # A period of 0 is always due: `now` is cut to whole seconds and may precede `begun_at`.
        every = (
            policy.reload_every if policy.full_refresh_every is None else policy.full_refresh_every
        )
        is_due = every is not None and (not every or begun_at is None or now - begun_at >= every)
        if policy.incremental and not is_due and until is not None:
            if not policy.looks_back:
                begin = min(until, last)
                begin = begin if start is None else max(begin, start)
                if has_come and begin == last:
                    raise SettingsError(
                        "all rows up to end_date are loaded, and none may come twice",
                        where=self.table,
                        hint="Set a later end_date, or leave it out.",
                    )
                return Window(begin, max(last, begin + SHORTEST))
            lookback = min(until - policy.lag, last - max(policy.lag, SHORTEST))
            start = lookback if start is None else max(start, lookback)
        return None if start is None and not has_come else Window(start, last)

    def check_kept(self, now: datetime) -> None:
        """Check that rows of a range, or up to an end, are kept.

        Args:
            now: The present instant by the vendor's clock.

        Raises:
            SettingsError: None of them would stay.
        """
        policy = self.policy
        kept = None if policy is None else policy.kept_since(now)
        if policy is None or kept is None or policy.end is None or policy.end > kept:
            return
        raise SettingsError(
            f"rows from before {iso(kept.replace(microsecond=0))} are not kept (retain_days), so"
            f" none up to {iso(policy.end)} would stay",
            where=self.table,
            hint="Give a later end_date, or leave it out.",
        )
