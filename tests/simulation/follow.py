"""Follows a shop's life day by day with a load that crashes, and compares the tables each day."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb

from spaaza_source.spaaza.indexes import INDEXES
from tests.simulation.clock import FastClock
from tests.simulation.life import DAY, Habits, Life
from tests.simulation.load import TABLES, End, Job
from tests.simulation.promise import Export, Promise
from tests.simulation.vendor import TROUBLES, Vendor

FIRST_DAY = datetime(2026, 1, 5, tzinfo=timezone.utc)
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


class WrongDayError(Exception):
    """A table is not what it must be."""


@dataclass
class Tally:
    """What has been done so far."""

    days: int = 0
    crashes: int = 0
    troubles: int = 0
    exports: int = 0
    rows: int = 0
    outdated: int = 0

    def __str__(self) -> str:
        return (
            f"{self.days} days compared, {self.crashes} crashes, {self.troubles} troubles of the"
            f" vendor, {self.exports} exports loaded, {self.rows:,} rows in the tables,"
            f" {self.outdated} of them outdated as documented"
        )


@dataclass
class Follower:
    """A warehouse that follows a shop.

    Args:
        folder: An empty one, for the pipeline and the warehouse.
        days: How long.
        seed: What the life, the crashes and the troubles are drawn from.
        crashes: The chance that a load is killed.
        troubles: The chance that something goes wrong at the vendor on a day.
        habits: What kind of life the shop has.
        say: Told of each week.
    """

    folder: Path
    days: int
    seed: int
    crashes: float = 0.2
    troubles: float = 0.1
    habits: Habits = field(default_factory=Habits)
    say: Callable[[str], None] = lambda _line: None
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        # Not of the life's own chance: it is the same life however many crashes there are.
        self._random = random.Random(f"load {self.seed}")  # noqa: S311 - a game, no secret
        self._seen: set[str] = set()
        loads = [
            FIRST_DAY + day * DAY + self._random.uniform(2, 7) * timedelta(hours=1)
            for day in range(self.days)
        ]
        self.life = Life(loads, self.seed, self.habits)
        self.clock = FastClock(loads[0])
        self.promises = {
            name: Promise(table, lag=self.habits.lag) for name, table in self.life.tables.items()
        }

    def follow(self) -> Tally:
        """Live all days.

        Raises:
            WrongDayError: On the first day on which a table is not what it must be.
        """
        with Vendor(self.life, self.clock) as vendor:
            for day, moment in enumerate(self.life.loads):
                self.clock.move_to(moment)
                begun = self.clock()
                self._load(vendor, first=day == 0)
                self._compare(vendor, begun, day)
                self.tally.days += 1
                if self.tally.days % 7 == 0:
                    self.say(f"week {self.tally.days // 7}: {self.tally}")
            self._make_exact(vendor)
        return self.tally

    def _load(self, vendor: Vendor, *, first: bool) -> None:
        """The load of a day, again and again until one comes to its end."""
        draw = self._random
        for tried in range(1, TRIES + 1):
            # The first load is asked for whole, and history is not in question here.
            if not first and draw.random() < self.troubles:
                vendor.expect(draw.choice(TROUBLES))
                self.tally.troubles += 1
            if draw.random() < FRESH:
                shutil.rmtree(self.folder / "pipelines", ignore_errors=True)
            job = self._job(vendor)
            if tried == TRIES or draw.random() >= self.crashes:
                # Held open meanwhile: a load connects a dozen times, and each opens the file anew.
                with duckdb.connect(str(self.folder / "warehouse.duckdb")):
                    job.run()
                return
            if not job.run_until(self._end()):
                return
            self.tally.crashes += 1
            self.clock.move_to(self.clock() + draw.choice(AGAIN))

    def _end(self) -> End:
        draw = self._random
        match draw.choice(("step", "step", "committed", "seconds")):
            case "committed":
                return End(committed=draw.choice((*TABLES, "export_jobs", "_dlt_pipeline_state")))
            case "seconds":
                return End(seconds=draw.uniform(0.2, SECONDS))
            case _:
                return End(step=draw.randint(1, STEPS))

    def _make_exact(self, vendor: Vendor) -> None:
        """What a user does who must have everything as it is, also what came later than the lag.

        The whole range of what is loaded by time is loaded again, and the rest comes whole, the
        vouchers too. Then no difference is excused.
        """
        begun = self.clock()
        history = {"start_date": FIRST_DAY - 365 * DAY, "end_date": begun + DAY}
        by_time = [name for name in TABLES if INDEXES[name].is_final]
        whole = [name for name in TABLES if name not in by_time]
        self._job(vendor, *by_time, **history).run()
        self._job(vendor, *whole, snapshot_every=0, max_age=0).run()
        with self._warehouse() as warehouse:
            self._take_in(warehouse, vendor, begun, "at the end")
            for name, promise in self.promises.items():
                if lacking := promise.differing():
                    raise WrongDayError(f"{name} still lacks {lacking} rows of the truth")
            self._compare_rows(warehouse, "at the end")

    def _job(self, vendor: Vendor, *tables: str, **settings: Any) -> Job:
        lag = self.habits.lag.total_seconds()
        given = {"lag": lag, **settings}
        return Job(self.folder, vendor.base_url, vendor.credentials, tables or TABLES, given)

    def _compare(self, vendor: Vendor, begun: datetime, day: int) -> None:
        when = f"on day {day + 1}"
        with self._warehouse() as warehouse:
            self._take_in(warehouse, vendor, begun, when)
            self._compare_rows(warehouse, when)
        self.tally.rows = self.tally.outdated = 0
        for name, promise in self.promises.items():
            for number, change in promise.missing().items():
                row = promise.table.rows[number]
                raise WrongDayError(
                    f"{name} {when}: {dict(row.changes[0].cells or {})} lacks {change},"
                    f" after {promise.last}"
                )
            self.tally.rows += len(promise.held)
            self.tally.outdated += promise.differing()

    def _take_in(
        self, warehouse: duckdb.DuckDBPyConnection, vendor: Vendor, begun: datetime, when: str
    ) -> None:
        """What has been loaded since the last look, by the load's own account of it."""
        found = _query(
            warehouse,
            "SELECT _dlt_load_id, table_name, subject, job_id FROM export_jobs"
            " WHERE loaded_at IS NOT NULL"
            " ORDER BY _dlt_load_id, table_name, window_start NULLS FIRST",
        )
        tasks = {str(task["id"]): task for task in vendor.tasks}
        jobs = [entry["job_id"] for entry in found]
        twice = [job for job, times in Counter(jobs).items() if times > 1]
        if twice:
            raise WrongDayError(f"the jobs {twice} have been loaded twice {when}")
        new = [entry for entry in found if entry["job_id"] not in self._seen]
        self._seen.update(jobs)
        self.tally.exports = len(jobs)
        if lacking := self.promises.keys() - {entry["subject"] for entry in new}:
            raise WrongDayError(f"nothing was loaded of {sorted(lacking)} {when}")
        for (_, name), load in groupby(
            new, key=lambda each: (each["_dlt_load_id"], each["subject"])
        ):
            exports = [Export.of(tasks[entry["job_id"]]) for entry in load]
            if wrong := self.promises[name].load(exports, begun):
                raise WrongDayError(f"{name} {when}: {wrong}")

    def _compare_rows(self, warehouse: duckdb.DuckDBPyConnection, when: str) -> None:
        for name, promise in self.promises.items():
            columns = list(promise.table.types)
            expected = Counter(_told(row, columns) for row in promise.rows())
            loaded = Counter(
                _told(_whole(row), columns)
                for row in _query(warehouse, f"SELECT * FROM {name.replace('-', '_')}")
            )
            if expected == loaded:
                continue
            lacks, has = expected - loaded, loaded - expected
            raise WrongDayError(
                f"{name} {when} has {loaded.total()} rows for {expected.total()},"
                f" {lacks.total()} of which it lacks: {_some(lacks, columns)}\n"
                f" and {has.total()} which it should not have: {_some(has, columns)}"
            )

    def _warehouse(self) -> duckdb.DuckDBPyConnection:
        warehouse = duckdb.connect(str(self.folder / "warehouse.duckdb"))
        warehouse.execute("SET search_path = 'loyalty'; SET TimeZone = 'UTC'")
        return warehouse


def _query(warehouse: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    cursor = warehouse.execute(sql)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _whole(row: Mapping[str, Any]) -> dict[str, Any]:
    """With what did not fit into its column's type, and so stands beside it."""
    beside = "__v_text"
    whole = {name: cell for name, cell in row.items() if not name.endswith(beside)}
    for name, cell in row.items():
        if name.endswith(beside) and cell is not None:
            whole[name.removesuffix(beside)] = cell
    return whole


def _told(row: Mapping[str, Any], columns: list[str]) -> tuple[Any, ...]:
    """A row's cells in an order of ours; a column that is not there yet is empty."""
    cells = (row.get(name) for name in columns)
    # A house number is a number in one and a text in the other.
    return tuple(str(cell) if isinstance(cell, int) else cell for cell in cells)


def _some(rows: Counter[tuple[Any, ...]], columns: list[str]) -> str:
    shown = [dict(zip(columns, row, strict=True)) for row in list(rows)[:3]]
    return "\n  ".join(["", *(str({k: str(v) for k, v in row.items()}) for row in shown)])
