"""The loads that are killed, from a sandbox into a warehouse, and what must hold after each."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb

from spaaza_source.sandbox import GeneratedProject, Sandbox, SandboxSettings
from spaaza_source.spaaza.export_service import DESCRIPTION
from spaaza_source.voucherify.filters import window_of
from spaaza_source.voucherify.objects import object_named
from spaaza_source.windows import Window, parse_window
from tests.faults.watched import DATABASE, ENDED, PHASES, Order, WatchedLoad
from tests.warehouses import column_types, query

DAY = timedelta(days=1)
#: At night no shop is open: a load that is run again some minutes later finds the same rows.
NIGHT = datetime(2026, 5, 26, 1, tzinfo=UTC)
#: The sandbox's clock runs faster than ours, for exports begin at a whole second.
SPEED = 10

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Scenario:
    """A load that is killed.

    Attributes:
        table: What is loaded.
        start: Where its history begins; None for a snapshot.
        later: The days since an earlier load, which was not killed; None for a first load.
        most: A larger export fails at the vendor, and its window is asked for in parts.
        vendor: Whose table.
    """

    table: str
    start: datetime | None = None
    later: int | None = None
    most: int | None = None
    vendor: str = "spaaza"


JANUARY = datetime(2026, 1, 10, tzinfo=UTC)
SCENARIOS = {
    "months": Scenario("transactions", JANUARY),
    "snapshot": Scenario("users"),
    "more months": Scenario("transactions", JANUARY, later=70),
    "next snapshot": Scenario("users", later=70),
    "split windows": Scenario("transactions", JANUARY, most=25),
    "redemptions": Scenario("redemptions", JANUARY, vendor="voucherify"),
    "more redemptions": Scenario("redemptions", JANUARY, later=70, vendor="voucherify"),
    "changed orders": Scenario("orders", JANUARY, later=3, vendor="voucherify"),
    "split publications": Scenario("publications", JANUARY, most=25, vendor="voucherify"),
    "expirations": Scenario("points_expirations", vendor="voucherify"),
    "next expirations": Scenario("points_expirations", later=70, vendor="voucherify"),
}


@dataclass(frozen=True)
class Holds:
    """A table: its columns' types, and its rows in an order of their own."""

    columns: Mapping[str, str]
    rows: Sequence[Row]


@dataclass
class FastClock:
    """The sandbox's clock."""

    now: datetime = NIGHT
    _set: float = field(default_factory=time.monotonic)

    def __call__(self) -> datetime:
        return self.now + timedelta(seconds=SPEED * (time.monotonic() - self._set))

    def go_on(self, days: int) -> None:
        self.now, self._set = self.now + days * DAY, time.monotonic()


@dataclass(frozen=True)
class Asked:
    """An export that a vendor was asked for.

    Attributes:
        job_id: The vendor's.
        window: Its window; None for all rows.
        failed: Whether it ended in an error.
    """

    job_id: str
    window: Window | None
    failed: bool


@dataclass
class Stage:
    """A sandbox, a warehouse, and all that is loaded from one into the other."""

    scenario: Scenario
    folder: Path
    sandbox: Sandbox
    clock: FastClock
    #: Where the windows of the load that is judged must begin; None for a snapshot.
    start: datetime | None
    #: How many exports were asked for before it.
    before: int = 0

    @classmethod
    @contextlib.contextmanager
    def of(cls, scenario: Scenario, folder: Path) -> Iterator[Stage]:
        """Set up to the point where the load that is killed begins."""
        folder.mkdir()
        clock = FastClock()
        settings = SandboxSettings(
            rows=1_000,
            rows_per_index={"users": 300},
            rows_per_object={"points_expiration": 300},
            run_seconds=1.5,
            clock=clock,
            max_export_rows=scenario.most,
        )
        # It holds what will come by then, too: no window reaches beyond the sandbox's time.
        later = replace(settings, clock=lambda: NIGHT + (scenario.later or 0) * DAY + DAY)
        with Sandbox(settings, project=GeneratedProject(later)) as sandbox:
            stage = cls(scenario, folder, sandbox, clock, scenario.start)
            if scenario.later is not None:
                stage.load_on()
                stage.go_on(scenario.later)
            yield stage

    def begin(self) -> WatchedLoad:
        """A load, under way."""
        scenario = self.scenario
        settings = {"poll_interval": 0.04, **self._access()}
        if scenario.start is not None:
            settings["start_date"] = scenario.start.isoformat()
        order = Order(self.folder, scenario.vendor, scenario.table, settings)
        return WatchedLoad(order, self.sandbox)

    def _access(self) -> dict[str, Any]:
        sandbox = self.sandbox
        if self.scenario.vendor == "voucherify":
            return {"base_url": sandbox.base_url, "credentials": sandbox.voucherify_credentials}
        access = {"chain_id": sandbox.chain_id, "credentials": sandbox.credentials}
        return {"base_url": sandbox.base_url, **access, "start_margin": 0, "stagger": 0}

    def load_on(self) -> dict[str, list[float]]:
        """One load to its end; how long its phases lasted.

        Raises:
            RuntimeError: It failed.
        """
        load = self.begin()
        begun = list(load.phases())
        if load.exit_code() != 0 or begun[-1].phase != ENDED:
            raise RuntimeError(f"a load failed that nobody disturbed: see {self.folder / 'log'}")
        lasts: dict[str, list[float]] = {phase: [] for phase in PHASES}
        for each, following in pairwise(begun):
            lasts[each.phase].append(following.at - each.at)
        # All that comes while it loads is a part of it.
        lasts["load"] = [lasts["load"][0] + sum(lasts["commit"])]
        return lasts

    def go_on(self, days: int) -> None:
        """So much later, the load that is judged is another one."""
        if self.start is not None:
            self.start = max(window.end for window in self._windows() if window) - DAY
        self.clock.go_on(days)
        self.before = len(self._asked())

    def is_torn(self) -> bool:
        """Whether DuckDB itself cannot open its file any more.

        A kill ends a write of a block in its middle, and DuckDB writes blocks in their place.
        """
        copy = self.folder / "copy"
        copy.mkdir()
        for file in self.folder.glob(f"{DATABASE}*"):
            shutil.copy(file, copy)
        try:
            # Opened in a copy: the log is left for the next load to apply.
            duckdb.connect(str(copy / DATABASE)).close()
        except duckdb.IOException:
            return True
        finally:
            shutil.rmtree(copy)
        return False

    def is_loaded(self) -> bool:
        """Whether the load that is judged has come to its end, even if its process has not."""
        earlier = self.scenario.later is not None
        packages = self.folder / "pipelines" / "spaaza" / "load" / "loaded"
        return len(list(packages.glob("*"))) > earlier

    def table(self) -> Holds:
        """What the table holds, but for the load that brought each row."""
        types = column_types(self.folder, self.scenario.table)
        types.pop("_dlt_load_id", None)
        names = ", ".join(f'"{name}"' for name in types)
        sql = f"SELECT {names} FROM {self.scenario.table} ORDER BY ALL"
        return Holds(types, query(self.folder, sql))

    def wrong(self, expected: Holds) -> list[str]:
        """What is not as if nothing had happened."""
        wrong = []
        table = self.table()
        if table.columns != expected.columns:
            odd = set(table.columns.items()) ^ set(expected.columns.items())
            wrong.append(f"the columns are others: {sorted(odd)}")
        elif table.rows != expected.rows:
            there, wanted = Counter(table.rows), Counter(expected.rows)
            missing, more = (wanted - there).total(), (there - wanted).total()
            wrong.append(f"{missing} of {len(expected.rows)} rows are missing, {more} too many")
        return wrong + self._wrong_exports() + self._wrong_ledger()

    def _asked(self) -> list[Asked]:
        """What the vendor was asked for, old to new."""
        if self.scenario.vendor == "spaaza":
            tasks = self.sandbox.tasks[::-1]
            return [
                Asked(
                    str(task["id"]),
                    parse_window(own["window"] or ""),
                    failed=task["state"]["code"] == "ERROR",
                )
                for task in tasks
                if (own := DESCRIPTION.search(task["desc"]))
            ]
        time_filters = object_named(self.scenario.table).time_filters
        return [
            Asked(
                export["id"],
                window_of(export["parameters"].get("filters"), time_filters),
                failed=export["status"] == "ERROR",
            )
            for export in self.sandbox.voucherify_exports[::-1]
        ]

    def _windows(self, *, failed: bool = False) -> list[Window | None]:
        """The windows of the load that is judged."""
        return [each.window for each in self._asked()[self.before :] if failed or not each.failed]

    def _wrong_exports(self) -> list[str]:
        windows = self._windows()
        told = ", ".join(map(str, windows))
        if self.start is None:
            return [] if windows == [None] else [f"not one export, but {told or 'none'}"]
        parts = sorted((each for each in windows if each), key=lambda each: each.begin)
        touch = all(one.end == other.start for one, other in pairwise(parts))
        if len(parts) != len(windows) or not parts or parts[0].start != self.start or not touch:
            return [f"the windows do not make one span from {self.start}: {told}"]
        asked = Counter(self._windows(failed=True))
        return [f"{window} was asked for {n} times" for window, n in asked.items() if n > 1]

    def _wrong_ledger(self) -> list[str]:
        there = query(
            self.folder,
            "SELECT job_id FROM export_jobs WHERE loaded IS NOT NULL ORDER BY job_id",
        )
        exports = sorted(each.job_id for each in self._asked() if not each.failed)
        loaded = [row[0] for row in there]
        return [] if loaded == exports else [f"export_jobs has {loaded} for the exports {exports}"]


@dataclass(frozen=True)
class Undisturbed:
    """A scenario without a kill.

    Attributes:
        lasts: For each phase, the seconds from each time that it began to what began next.
        after: The table after the load, and after the next.
    """

    lasts: Mapping[str, Sequence[float]]
    after: Sequence[Holds]


def undisturbed(scenario: Scenario, folder: Path) -> Undisturbed:
    """How the scenario goes when nobody kills it."""
    with Stage.of(scenario, folder) as stage:
        lasts = stage.load_on()
        first = stage.table()
        stage.go_on(1)
        stage.load_on()
        return Undisturbed(lasts, [first, stage.table()])
