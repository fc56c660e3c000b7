"""A sandbox that changes: its clock can be set forward, and its rows come and go with it.

All rows are generated as in a sandbox that stands still, up to `LIVE_DAYS` after the day on which
it is started; what has not happened by the clock is not shown. So loads from day to day bring new
baskets, some of them hours late, vouchers that are redeemed, users that are erased.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.sandbox.instants import MICROSECONDS_A_DAY, microseconds
from spaaza_source.sandbox.settings import SandboxSettings, real_clock
from spaaza_source.sandbox.world import Flags, Rows, World

#: How long it goes on changing.
LIVE_DAYS = 90
#: The share of rows that come late, and the most by which they do: less than the usual lookback.
_LATE, _LATE_DAYS = 0.1, 0.75
#: The share of users who have themselves erased, all while the sandbox lives.
_ERASED = 0.02
#: Indexes whose rows have a time, and those whose rows may come late.
_DATED = ("transactions", "users", "vouchers", "wallet-ledger")
_MAY_BE_LATE = ("transactions", "wallet-ledger")


class LiveClock:
    """A clock that can be set forward."""

    def __init__(self, clock: Callable[[], datetime] = real_clock) -> None:
        self._clock = clock
        self._ahead = timedelta(0)
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        """Return its time now."""
        return self._clock() + self._ahead

    def move(self, by: timedelta) -> None:
        """Set it forward."""
        with self._lock:
            self._ahead += by


def live_settings(settings: SandboxSettings) -> SandboxSettings:
    """The settings of a sandbox that changes from now on, by the clock of `settings`."""
    return replace(
        settings,
        is_live=True,
        clock=LiveClock(settings.clock),
        data_end=settings.today + timedelta(days=LIVE_DAYS),
        history_days=settings.history_days + LIVE_DAYS,
    )


def rows_there(world: World, index: str, rows: Rows, now: int) -> Rows:
    """Those rows of an index of Spaaza's that its exports have at a moment in microseconds."""
    if index not in _DATED:
        return rows
    there: Flags = shown_moments(world, index, rows) <= now
    if index == "users":
        before_end = world.chance("erased at", rows) * LIVE_DAYS * MICROSECONDS_A_DAY
        there &= ~(world.likely("erased", rows, _ERASED) & (world.end - before_end <= now))
    return rows[there]


def shown_moments(world: World, index: str, rows: Rows) -> Rows:
    """When exports first have the rows of an index that has times; some come late."""
    make_moments: Mapping[str, Callable[[Rows], Rows]] = {
        "transactions": world.transaction_moments,
        "users": world.user_moments,
        "vouchers": world.voucher_moments,
        "wallet-ledger": world.wallet_moments,
    }
    moments = make_moments[index](rows)
    if index in _MAY_BE_LATE:
        late = world.likely(f"late {index}", rows, _LATE)
        by = world.chance(f"late by {index}", rows) * _LATE_DAYS * MICROSECONDS_A_DAY
        moments += np.where(late, by, 0).astype(np.int64)
    return moments


def spaaza_as_of(table: pa.Table, at: datetime) -> pa.Table:
    """Rows of an index of Spaaza's, without what happens to them after a moment."""
    if {"created_date", "last_modified_date"}.issubset(table.column_names):
        table = _set(
            table,
            "last_modified_date",
            pc.if_else(
                _is_later(table, "last_modified_date", at),
                table["created_date"],
                table["last_modified_date"],
            ),
        )
    if "last_login_date" in table.column_names:
        later = _is_later(table, "last_login_date", at)
        table = _set(table, "last_login_date", _unless(later, table["last_login_date"]))
    return table


def voucherify_as_of(table: pa.Table, at: datetime) -> pa.Table:
    """The rows of an object of Voucherify's that exist at a moment, as they are then."""
    made = next((name for name in ("created_at", "date") if name in table.column_names), None)
    if made is None:
        return table
    table = table.filter(pc.invert(_is_later(table, made, at)))
    if "updated_at" in table.column_names:
        later = _is_later(table, "updated_at", at)
        table = _set(table, "updated_at", _unless(later, table["updated_at"]))
    return table


def _is_later(table: pa.Table, name: str, at: datetime) -> pa.ChunkedArray:
    later = pc.greater(_as_microseconds(table, name), microseconds(at))
    return pc.fill_null(later, False)


def _as_microseconds(table: pa.Table, name: str) -> pa.ChunkedArray:
    return table[name].cast(pa.timestamp("us", "UTC")).cast(pa.int64())


def _unless(hidden: pa.ChunkedArray, values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(hidden, pa.scalar(None, values.type), values)


def _set(table: pa.Table, name: str, values: pa.ChunkedArray) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, values)
