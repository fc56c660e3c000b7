"""The tables of one run, the thread that works on them, and the limit that it has a share in."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from spaaza_source.exports.shared_limit import SharedLimit
from spaaza_source.exports.table_exports import TableExports
from spaaza_source.exports.table_sync import TableSync
from spaaza_source.transport import Clock


class RunTables(ABC):
    """What a run works on, in a thread that ends when no table is left.

    Args:
        clock: What time it is.
        most: How many exports may be under way at one time.
    """

    def __init__(self, clock: Clock, most: int) -> None:
        self._clock = clock
        #: How many exports may be under way at one time.
        self.most = most
        #: Whether it shares a limit, and nothing has begun yet.
        self.is_awaited = False
        #: Before each warning: whose it is.
        self._prefix = ""
        self._limit = SharedLimit()
        self._limit.join(self)
        self._lock = threading.Lock()
        self._tables: list[TableExports] = []
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()

    def share(self, limit: SharedLimit, name: str) -> None:
        """Share a limit with the runs that have joined it; before anything is begun.

        Args:
            limit: The limit.
            name: What tells its warnings from those of the others.
        """
        self._prefix = f"{name}: "
        self.is_awaited = True
        self._limit = limit
        limit.join(self)

    def leave(self) -> None:
        """Leave the limit that is shared: nothing is begun any more."""
        self._limit.leave(self)

    def live(self) -> list[TableExports]:
        """The tables that somebody waits for, and that can still arrive."""
        return [each for each in self._tables if each.error is None and not each.stop.is_set()]

    def is_asking(self) -> bool:
        """Whether there is something to ask for now, or nobody knows yet."""
        now = self._clock.monotonic()
        return self.is_awaited or any(
            not table.planned or table.has_request(now) for table in self.live()
        )

    def look_again(self) -> None:
        """Look again whether there is room for one more export."""
        self._wake.set()

    def _follow(self, *tables: TableExports) -> None:
        """Ask and poll for tables, in a thread that ends when no table is left."""
        with self._lock:
            self._tables += [table for table in tables if table not in self._tables]
            self.is_awaited = False
            if self._thread is None:
                # A daemon: a main thread that ends must not wait for a vendor.
                self._thread = threading.Thread(target=self._work, name="exports", daemon=True)
                self._thread.start()
        self._wake.set()

    def _begin_round(self) -> list[TableExports]:
        """The tables that are not settled; without any, the thread ends."""
        self._wake.clear()
        with self._lock:
            for table in self._tables:
                table.check_complete()
            self._tables = [
                table for table in self._tables if not table.settled and not table.stop.is_set()
            ]
            if not self._tables:
                self._thread = None
            return list(self._tables)

    @abstractmethod
    def _work(self) -> None:
        """Work on the tables, round by round, until a round has none."""


@dataclass
class TablesAhead:
    """What one run has begun ahead, and no load has taken over."""

    clock: Clock
    _tables: dict[str, TableExports] = field(default_factory=dict)
    _since: float | None = None

    def add(self, syncs: Sequence[TableSync]) -> list[TableExports]:
        """Tables to begin ahead."""
        self._since = self.clock.monotonic()
        tables = [TableExports(sync, is_ahead=True) for sync in syncs]
        self._tables = {table.sync.table: table for table in tables}
        return tables

    def take(self, table: str) -> TableExports | None:
        """Take out what was begun of a table, or all that is left of it; None where nothing was."""
        return self._tables.pop(table, None)

    def take_all(self) -> list[TableExports]:
        """Take out all that is left."""
        tables, self._tables = list(self._tables.values()), {}
        return tables

    @property
    def passed(self) -> timedelta:
        """The time since the run has begun something; none where it has not."""
        if self._since is None:
            return timedelta(0)
        return timedelta(seconds=self.clock.monotonic() - self._since)
