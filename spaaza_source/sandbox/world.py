"""Generated values that follow from a row's number alone: chances, moments, ids, buyers.

Nothing is drawn in sequence. So any block can be made on its own, and two indexes agree on what
they share: a wallet entry has the user, code and time of its basket without reading it.
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spaaza_source.sandbox.instants import MICROSECONDS_A_DAY

Rows: TypeAlias = NDArray[np.int64]
"""The numbers of rows, counted from 0 in each index, or a whole number for each row."""
Chances: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]
Dates: TypeAlias = NDArray[np.datetime64]

BLOCK_ROWS = 50_000
_SECOND = 1_000_000
_OPENS, _CLOSES = 8 / 24, 22 / 24
# The shop grows: fewer baskets in its first year than in its last.
_GROWTH = 0.7
# Users exist for this long before the first basket, so that each basket has one old enough.
_USERS_BEFORE_DAYS = 365
_USER_IS_OLDER_DAYS = 100


@dataclass(frozen=True)
class World:
    """The seed and the sizes that decide every row; moments are microseconds since 1970."""

    seed: int
    sizes: Mapping[str, int]
    end: int
    history_days: int

    @property
    def start(self) -> int:
        """The moment of the first basket."""
        return self.end - self.history_days * MICROSECONDS_A_DAY

    def chance(self, what: str, rows: Rows) -> Chances:
        """A number in [0, 1) for each row, always the same for one `what`."""
        salt = zlib.crc32(what.encode()) + (self.seed << 32)
        mixed = rows.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed += np.uint64(salt * 0xD1342543DE82EF95 % 2**64)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed ^= mixed >> np.uint64(shift)
            mixed *= np.uint64(factor)
        mixed ^= mixed >> np.uint64(31)
        return (mixed >> np.uint64(11)).astype(np.float64) / 2**53

    def likely(self, what: str, rows: Rows, share: float) -> Flags:
        """A flag for each row, set in that share of them."""
        flags: Flags = self.chance(what, rows) < share
        return flags

    def below(self, what: str, rows: Rows, limit: int | Rows) -> Rows:
        """A whole number from 0 up to but not including `limit` for each row."""
        return (self.chance(what, rows) * limit).astype(np.int64)

    def birthdays(self, what: str, rows: Rows) -> Dates:
        """The day on which someone was born for each row."""
        return (self.below(what, rows, 25_000) - 12_000).astype("datetime64[D]")

    def user_moments(self, rows: Rows) -> Rows:
        """When users joined, in whole seconds, ascending by row."""
        span = (self.history_days + _USERS_BEFORE_DAYS) * MICROSECONDS_A_DAY
        share = self._share("users", rows)
        moments = self.end - span + (share * span).astype(np.int64)
        return moments // _SECOND * _SECOND

    def transaction_moments(self, rows: Rows) -> Rows:
        """When baskets were sold, ascending by row."""
        return self.moments("transactions", rows)

    def voucher_moments(self, rows: Rows) -> Rows:
        """When vouchers were made, in whole seconds, ascending by row."""
        return self.moments("vouchers", rows) // _SECOND * _SECOND

    def wallet_moments(self, rows: Rows) -> Rows:
        """When wallet entries were booked: with their basket, so that several share a moment."""
        return self.transaction_moments(self.wallet_baskets(rows))

    def moments(self, index: str, rows: Rows) -> Rows:
        """When the rows of an index that grows with the shop were created, ascending by row."""
        passed = self._share(index, rows) ** _GROWTH * self.history_days
        days = np.floor(passed)
        hours = _OPENS + (passed - days) * (_CLOSES - _OPENS)
        return self.start + ((days + hours) * MICROSECONDS_A_DAY).astype(np.int64)

    def rows_made_at(self, index: str, moments: Rows) -> Rows:
        """The inverse of `moments`, to within a day."""
        share = np.clip((moments - self.start) / (self.end - self.start), 0, 1) ** (1 / _GROWTH)
        last = max(self.sizes[index] - 1, 0)
        return np.minimum((share * self.sizes[index]).astype(np.int64), last)

    def wallet_baskets(self, rows: Rows) -> Rows:
        """Which basket each wallet entry belongs to."""
        return rows * max(self.sizes["transactions"], 1) // max(self.sizes["wallet-ledger"], 1)

    def buyers(self, baskets: Rows) -> Rows:
        """The user who bought each basket; see `has_buyer`."""
        return self.users_by_then("buyer", baskets, self.transaction_moments(baskets))

    def has_buyer(self, baskets: Rows) -> Flags:
        """Whether each basket has a known buyer; one in eight is anonymous."""
        known: Flags = ~self.likely("anonymous", baskets, 1 / 8)
        return known & (self.sizes["users"] > 0)

    def users_by_then(self, what: str, rows: Rows, moments: Rows) -> Rows:
        """A user for each row who joined long before its moment."""
        days = (moments - self.end) / MICROSECONDS_A_DAY + self.history_days + _USERS_BEFORE_DAYS
        share = (days - _USER_IS_OLDER_DAYS) / (self.history_days + _USERS_BEFORE_DAYS)
        # One fewer: the last user counted by the share may have joined after the moment.
        candidates = np.maximum(share * self.sizes["users"] - 1, 0)
        return (self.chance(what, rows) * candidates).astype(np.int64)

    def _share(self, index: str, rows: Rows) -> Chances:
        """The position of each row in its index, from 0 to 1, with jitter that keeps the order."""
        share: Chances = (rows + self.chance(index, rows)) / max(self.sizes[index], 1)
        return share


def row_blocks(size: int) -> Iterator[Rows]:
    """The row numbers of an index of that size, a block at a time; the first is an empty one."""
    yield np.arange(0)
    for start in range(0, size, BLOCK_ROWS):
        yield np.arange(start, min(start + BLOCK_ROWS, size))


def user_ids(rows: Rows) -> Rows:
    """Spaaza's id of each user."""
    return 1_924_688 + rows * 3


def member_numbers(rows: Rows) -> Rows:
    """The number on each user's card, which has leading zeros there."""
    return 404_097 + rows


def transaction_ids(rows: Rows) -> Rows:
    """Spaaza's id of each basket."""
    return 30_500_000 + rows * 2


def product_ids(rows: Rows) -> Rows:
    """Spaaza's id of each product."""
    return 50_000 + rows
