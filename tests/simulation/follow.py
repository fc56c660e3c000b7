"""Follows a shop's life day by day with a load that crashes, and compares the tables each day."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
from dlt.pipeline.exceptions import PipelineStepFailed

from spaaza_source.errors import SettingsError
from spaaza_source.spaaza.indexes import INDEXES
from tests.simulation.chain import FILTERED, FIRST, Chain, ChainState, WrongDayError
from tests.simulation.clock import FastClock
from tests.simulation.events import MOST_DAYS, Event, draw_events, keep_copy, put_back
from tests.simulation.life import DAY, Habits, Life
from tests.simulation.load import MACHINE, SECOND_MACHINE, TABLES, WAREHOUSE, End, Job
from tests.simulation.vendor import TROUBLES, Vendor

FIRST_DAY = datetime(2026, 1, 5, tzinfo=UTC)
#: Changes to files that a whole load makes.
STEPS = 235
#: Seconds that a whole load takes, or some less.
SECONDS = 2.5
#: How long after a crash the load is run again: within `max_age`, on its border, and beyond it.
AGAIN = (timedelta(0), timedelta(minutes=10), timedelta(minutes=59), timedelta(hours=3))
#: The chance that a load runs on a fresh machine, where nothing is left of those before it, or of
#: the one that was just killed, but the warehouse.
FRESH = 0.1
#: Loads of one day, with all their crashes.
TRIES = 4
#: The second chain, a small shop of which these are loaded.
SECOND, ITS_TABLES = 1744, ("transactions", "vouchers", "users")
ITS_BASKETS = (3, 6)


@dataclass
class Tally:
    """What has been done so far."""

    days: int = 0
    crashes: int = 0
    troubles: int = 0
    exports: int = 0
    rows: int = 0
    outdated: int = 0
    events: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        events = ", ".join(f"{kind} {times}" for kind, times in sorted(self.events.items()))
        return (
            f"{self.days} days compared, {self.crashes} crashes, {self.troubles} troubles of the"
            f" vendor, events ({events or 'none'}), {self.exports} exports loaded,"
            f" {self.rows:,} rows in the tables, {self.outdated} of them outdated as documented"
        )


@dataclass
class Follower:
    """A warehouse that follows a shop, and at times another one.

    Args:
        folder: An empty one, for the machines and the warehouse.
        days: How long.
        seed: What the life, the crashes, the troubles and the events are drawn from.
        crashes: The chance that a load is killed.
        troubles: The chance that something goes wrong at the vendor on a day.
        events: The chance that something befalls the warehouse on a day, beside the one event of
            each kind; with 0 there are none.
        habits: What kind of life the shop has.
        say: Told of each week.
    """

    folder: Path
    days: int
    seed: int
    crashes: float = 0.2
    troubles: float = 0.1
    events: float = 0.1
    habits: Habits = field(default_factory=Habits)
    say: Callable[[str], None] = lambda _line: None
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        # Not of the life's own chance: it is the same life however many crashes there are.
        self._random = random.Random(f"load {self.seed}")  # noqa: S311 - a game, no secret
        self._loads = [
            FIRST_DAY + day * DAY + self._random.uniform(2, 7) * timedelta(hours=1)
            for day in range(self.days)
        ]
        self._events = draw_events(self.days, self.seed, self.events)
        self._copies: dict[int, dict[int, ChainState]] = {}
        self._second_until = 0
        #: When the load of the day was begun, and by machine that of its last crash.
        self._begun = self._loads[0]
        self._crashed: dict[str, datetime] = {}
        self.clock = FastClock(self._loads[0])
        self._vendors = ExitStack()
        self.chains: list[Chain] = []

    def follow(self) -> Tally:
        """Live all days.

        Raises:
            WrongDayError: On the first day on which a table is not what it must be.
        """
        with self._vendors:
            self._open(FIRST, Life(self._loads, self.seed, self.habits), TABLES)
            for day, moment in enumerate(self._loads):
                self.clock.move_to(moment)
                self._begun = self.clock()
                if day in self._events:
                    self._befall(self._events[day], day)
                for chain in self.chains:
                    self._settle_filter(chain, day)
                    self._load(chain, day)
                self._compare(day)
                self.tally.days += 1
                if self.tally.days % 7 == 0:
                    self.say(f"week {self.tally.days // 7}: {self.tally}")
            for chain in self.chains:
                self._make_exact(chain)
        return self.tally

    def _open(self, number: int, life: Life, tables: tuple[str, ...]) -> None:
        vendor = self._vendors.enter_context(Vendor(life, self.clock, number))
        self.chains.append(Chain(number, life, vendor, tables))

    # What befalls the warehouse.

    def _befall(self, event: Event, day: int) -> None:
        self.tally.events[event.kind] += 1
        first = self.chains[0]
        match event.kind:
            case "chain":
                if len(self.chains) == 1:
                    habits = replace(self.habits, baskets=ITS_BASKETS)
                    self._open(SECOND, Life(self._loads, self.seed + 1000, habits), ITS_TABLES)
                second = self.chains[1]
                stray = second.job(self.folder, MACHINE)
                stray = replace(stray, dataset=first.dataset, pipeline="stray")
                self._expect_refusal(stray, second, "another dataset")
            case "drop":
                chain = self._random.choice(self.chains)
                if chain.state.is_filtered is None:
                    chain = first
                table = self._random.choice(chain.tables)
                with duckdb.connect(str(self.folder / WAREHOUSE)) as warehouse:
                    warehouse.execute(f"DROP TABLE {chain.dataset}.{table}")
                chain.forget(table)
            case "filter":
                first.is_filtered = not first.is_filtered
            case "machine":
                shutil.rmtree(self.folder / SECOND_MACHINE, ignore_errors=True)
                self._second_until = day + MOST_DAYS
            case _:
                self._put_back(event)

    def _put_back(self, event: Event) -> None:
        put_back(self.folder, event)
        assert event.copied is not None
        if event.kind == "older file and folder":
            # It may have been left by a crash.
            self._crashed[MACHINE] = self._loads[event.copied]
        states = self._copies[event.copied]
        for chain in self.chains:
            if chain.number in states:
                chain.state = states[chain.number].copy()
            else:
                chain.forget_all()

    def _settle_filter(self, chain: Chain, day: int) -> None:
        """Where the filter is not that of the rows, the load is refused: do what its hint says."""
        if chain.state.is_filtered in {None, chain.is_filtered}:
            return
        machine = self._machine(day)
        self._finish_earlier(chain, machine)
        self._expect_refusal(chain.job(self.folder, machine), chain, "--full-refresh")
        replace(chain.job(self.folder, machine, FILTERED), anew=True).run()
        chain.forget(FILTERED)

    def _expect_refusal(self, job: Job, chain: Chain, hint: str) -> None:
        """A load that is refused before anything is asked for, with a hint that says what to do."""
        asked = len(chain.vendor.tasks)
        try:
            job.run()
        except PipelineStepFailed as failure:
            cause: BaseException | None = failure
            while cause is not None and not isinstance(cause, SettingsError):
                cause = cause.__cause__ or cause.__context__
            if cause is None or hint not in str(cause.hint):
                raise
        else:
            raise WrongDayError(f"a load of chain {job.chain} into {job.dataset} was not refused")
        if len(chain.vendor.tasks) != asked:
            raise WrongDayError(f"a load that was refused has asked for exports: {job.dataset}")

    # The loads.

    def _machine(self, day: int, tried: int = 1) -> str:
        """Which machine's turn it is; while there is a second one, it begins."""
        is_second = day < self._second_until and (day + self._second_until + tried) % 2
        return SECOND_MACHINE if is_second else MACHINE

    def _finish_earlier(self, chain: Chain, machine: str) -> None:
        """Where a load of an earlier day was killed, and the other machine has gone on, end it."""
        begun = self._crashed.get(machine, self._begun)
        if begun < self._begun:
            del self._crashed[machine]
            chain.job(self.folder, machine).finish_earlier()
            chain.take_in(self.folder, begun, "of an earlier day", is_whole=False)

    def _load(self, chain: Chain, day: int) -> None:
        """The load of a day, again and again until one comes to its end."""
        draw, vendor = self._random, chain.vendor
        for tried in range(1, TRIES + 1):
            machine = self._machine(day, tried)
            job = chain.job(self.folder, machine)
            if chain.number != FIRST:
                self._run(job)
                return
            self._finish_earlier(chain, machine)
            # The first load is asked for whole, and history is not in question here.
            if day and draw.random() < self.troubles:
                vendor.expect(draw.choice(TROUBLES))
                self.tally.troubles += 1
            if draw.random() < FRESH:
                shutil.rmtree(self.folder / machine, ignore_errors=True)
            if tried == TRIES or draw.random() >= self.crashes:
                self._run(job)
                return
            if not job.run_until(self._end()):
                return
            self._crashed[machine] = self._begun
            self.tally.crashes += 1
            self.clock.move_to(self.clock() + draw.choice(AGAIN))

    def _run(self, job: Job) -> None:
        # Held open meanwhile: a load connects a dozen times, and each opens the file anew.
        with duckdb.connect(str(self.folder / WAREHOUSE)):
            job.run()

    def _end(self) -> End:
        draw = self._random
        match draw.choice(("step", "step", "committed", "seconds")):
            case "committed":
                return End(committed=draw.choice((*TABLES, "export_jobs", "_dlt_pipeline_state")))
            case "seconds":
                return End(seconds=draw.uniform(0.2, SECONDS))
            case _:
                return End(step=draw.randint(1, STEPS))

    def _make_exact(self, chain: Chain) -> None:
        """What a user does who must have everything as it is, also what came later than the lag.

        The whole range of what is loaded by time is loaded again, and the rest comes whole, the
        vouchers too. Then no difference is excused.
        """
        begun = self.clock()
        history = {"start_date": FIRST_DAY - 365 * DAY, "end_date": begun + DAY}
        by_time = [name for name in chain.tables if INDEXES[name].is_final]
        whole = [name for name in chain.tables if name not in by_time]
        chain.job(self.folder, MACHINE, *by_time, **history).run()
        chain.job(self.folder, MACHINE, *whole, snapshot_every=0, max_age=0).run()
        chain.take_in(self.folder, begun, "at the end")
        for name, promise in chain.state.promises.items():
            if lacking := promise.differing():
                raise WrongDayError(f"{name} still lacks {lacking} rows of the truth")
        chain.compare(self.folder, "at the end")

    def _compare(self, day: int) -> None:
        self.tally.rows = self.tally.outdated = 0
        for chain in self.chains:
            self.tally.exports += chain.take_in(self.folder, self._begun, f"on day {day + 1}")
            chain.compare(self.folder, f"on day {day + 1}")
            for promise in chain.state.promises.values():
                self.tally.rows += len(promise.held)
                self.tally.outdated += promise.differing()
        if any(event.copied == day for event in self._events.values()):
            keep_copy(self.folder, day)
            self._copies[day] = {chain.number: chain.state.copy() for chain in self.chains}
