"""One chain that a warehouse follows: its shop, its vendor, and what its tables must hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb

from spaaza_source.spaaza.indexes import INDEXES
from spaaza_source.spaaza.segments import keyword
from tests.simulation.life import Life
from tests.simulation.load import TABLES, WAREHOUSE, Job
from tests.simulation.promise import Export, Promise
from tests.simulation.vendor import Vendor

FIRST = 1743
#: The table whose filter is changed, the column it is about, and what that contains.
FILTERED, COLUMN, CONTAINED = "transactions", "basket_code", "3"


class WrongDayError(Exception):
    """A table is not what it must be."""


@dataclass
class ChainState:
    """What is to be known of a chain's tables as they are at some moment.

    Attributes:
        promises: By the vendor's name of the index.
        seen: The jobs that were loaded, as far as they have been looked at.
        is_filtered: Whether the filter was set by which they were loaded; None before any load.
    """

    promises: dict[str, Promise]
    seen: set[str] = field(default_factory=set)
    is_filtered: bool | None = None

    def copy(self) -> ChainState:
        """The same, apart from what comes."""
        promises = {name: promise.copy() for name, promise in self.promises.items()}
        return ChainState(promises, set(self.seen), self.is_filtered)


class Chain:
    """A chain that is followed.

    Args:
        number: Its id.
        life: Its shop's.
        vendor: Its vendor.
        tables: Which of its tables are loaded.
    """

    def __init__(
        self, number: int, life: Life, vendor: Vendor, tables: Sequence[str] = TABLES
    ) -> None:
        self.number = number
        self.vendor = vendor
        self.tables = tables
        self.dataset = "loyalty" if number == FIRST else f"loyalty_{number}"
        #: Whether the filter is set.
        self.is_filtered = False
        self._life = life
        self.state = ChainState({})
        self.forget_all()

    def forget_all(self) -> None:
        """Nothing of it is loaded."""
        promises = {INDEXES[name].export_index: self._promise(name) for name in self.tables}
        self.state = ChainState(promises)

    def forget(self, table: str) -> None:
        """Nothing of a table is loaded any more."""
        self.state.promises[INDEXES[table].export_index] = self._promise(table)

    def _promise(self, name: str) -> Promise:
        table = self._life.tables[INDEXES[name].export_index]
        if name == FILTERED and self.is_filtered:
            # What it is chosen by never changes.
            rows = [row for row in table.rows if CONTAINED in (row.cells(1) or {})[COLUMN]]
            table = replace(table, rows=rows)
        return Promise(table, lag=self._life.habits.lag)

    def job(self, folder: Path, machine: str, *tables: str, **settings: Any) -> Job:
        """A load of it.

        Args:
            folder: Of the machines and the warehouse.
            machine: Which loads.
            tables: Which to load; all unless some are named.
            settings: Of the source, beside those that all loads have.
        """
        given: dict[str, Any] = {"lag": self._life.habits.lag.total_seconds(), **settings}
        if self.is_filtered:
            given["segments"] = {FILTERED: [keyword(COLUMN).contains(CONTAINED)]}
        return Job(
            folder,
            self.vendor.base_url,
            self.number,
            self.vendor.credentials,
            self.dataset,
            "spaaza" if self.number == FIRST else f"spaaza_{self.number}",
            machine,
            tables or self.tables,
            given,
        )

    def take_in(self, folder: Path, begun: datetime, when: str, *, is_whole: bool = True) -> int:
        """Take in what was loaded since the last look, by the loads' own account; how many exports.

        Args:
            folder: Of the machines and the warehouse.
            begun: When the loads were begun.
            when: The same in words.
            is_whole: Whether all tables must have been loaded, by the settings of now.

        Raises:
            WrongDayError: It is not what was to be loaded, or was loaded twice.
        """
        with self._warehouse(folder) as warehouse:
            found = _query(
                warehouse,
                "SELECT _dlt_load_id, table_name, subject, job_id FROM export_jobs"
                " WHERE loaded_at IS NOT NULL"
                " ORDER BY _dlt_load_id, table_name, window_start NULLS FIRST",
            )
        state, when = self.state, f"{when} of chain {self.number}"
        tasks = {str(task["id"]): task for task in self.vendor.tasks}
        jobs = [entry["job_id"] for entry in found]
        twice = [job for job, times in Counter(jobs).items() if times > 1]
        if twice:
            raise WrongDayError(f"the jobs {twice} have been loaded twice {when}")
        new = [entry for entry in found if entry["job_id"] not in state.seen]
        state.seen.update(jobs)
        lacking = state.promises.keys() - {entry["subject"] for entry in new}
        if is_whole and lacking:
            raise WrongDayError(f"nothing was loaded of {sorted(lacking)} {when}")
        if is_whole:
            state.is_filtered = self.is_filtered
        for (_, name), load in groupby(
            new, key=lambda each: (each["_dlt_load_id"], each["subject"])
        ):
            exports = [Export.of(tasks[entry["job_id"]]) for entry in load]
            if wrong := state.promises[name].load(exports, begun):
                raise WrongDayError(f"{name} {when}: {wrong}")
        return len(new)

    def compare(self, folder: Path, when: str) -> None:
        """Compare its tables with what they must hold.

        Raises:
            WrongDayError: One holds something else, or lacks what is not excused.
        """
        when = f"{when} of chain {self.number}"
        with self._warehouse(folder) as warehouse:
            for name, promise in self.state.promises.items():
                _compare_rows(warehouse, name, promise, when)
        for name, promise in self.state.promises.items():
            for number, change in promise.missing().items():
                row = promise.table.rows[number]
                raise WrongDayError(
                    f"{name} {when}: {dict(row.changes[0].cells or {})} lacks {change},"
                    f" after {promise.last}"
                )

    def _warehouse(self, folder: Path) -> duckdb.DuckDBPyConnection:
        warehouse = duckdb.connect(str(folder / WAREHOUSE))
        warehouse.execute(f"SET search_path = '{self.dataset}'; SET TimeZone = 'UTC'")
        return warehouse


def _compare_rows(
    warehouse: duckdb.DuckDBPyConnection, name: str, promise: Promise, when: str
) -> None:
    columns = list(promise.table.types)
    expected = Counter(_told(row, columns) for row in promise.rows())
    loaded = Counter(
        _told(_whole(row), columns)
        for row in _query(warehouse, f"SELECT * FROM {name.replace('-', '_')}")
    )
    if expected == loaded:
        return
    lacks, has = expected - loaded, loaded - expected
    raise WrongDayError(
        f"{name} {when} has {loaded.total()} rows for {expected.total()},"
        f" {lacks.total()} of which it lacks: {_some(lacks, columns)}\n"
        f" and {has.total()} which it should not have: {_some(has, columns)}"
    )


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
