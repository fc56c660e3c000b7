"""What each wallet entry changes, and what each user has of entries and baskets at a moment."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spaaza_source.sandbox.balances import settle
from spaaza_source.sandbox.live import rows_there
from spaaza_source.sandbox.spaaza.sales import basket_totals
from spaaza_source.sandbox.world import Flags, Rows, World, row_blocks


@dataclass(frozen=True)
class Entries:
    """Of each wallet entry whose it is, whether it is of points, and what it changes.

    Points are whole, and counted in hundredths like money.
    """

    users: Rows
    are_points: Flags
    changes: Rows


@dataclass(frozen=True)
class Accounts:
    """Of each user what the entries and baskets add up to, money in cents.

    `last_baskets` has the row of the last basket; -1 stands for none. A return is none.
    """

    money: Rows
    points: Rows
    baskets: Rows
    paid: Rows
    last_baskets: Rows


class Wallets:
    """The wallets of a shop's users."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._accounts: tuple[int | None, Accounts] | None = None

    @cached_property
    def entries(self) -> Entries:
        """All entries, also those that are still to come."""
        blocks = [self._wanted(rows) for rows in row_blocks(self._world.sizes["wallet-ledger"])]
        users, are_points, wanted = (np.concatenate(each) for each in zip(*blocks, strict=True))
        changes, _ = settle(2 * users.astype(np.int64) + are_points, wanted.astype(np.int64))
        return Entries(users, are_points, changes.astype(np.int32))

    def accounts(self, until: int | None) -> Accounts:
        """What users have at a moment in microseconds; of all there is, if it is None."""
        if self._accounts is None or self._accounts[0] != until:
            self._accounts = until, self._add_up(until)
        return self._accounts[1]

    def _wanted(self, rows: Rows) -> tuple[Rows, Flags, Rows]:
        world = self._world
        baskets = world.wallet_baskets(rows)
        known = world.has_buyer(baskets)
        booked = world.wallet_moments(rows)
        others = world.users_by_then("wallet owner", rows, booked)
        users = np.where(known, world.buyers(baskets), others)
        are_points = world.likely("wallet", rows, 0.5)
        spent = world.likely("spent", rows, 0.25)
        amount = 50 + world.below("points", rows, 4_000)
        amount = np.where(are_points, amount * 100, amount)
        # Half the width: there may be millions.
        return users.astype(np.int32), are_points, np.where(spent, -amount, amount).astype(np.int32)

    def _add_up(self, until: int | None) -> Accounts:
        world, entries = self._world, self.entries
        sums = [np.zeros(max(world.sizes["users"], 1), np.int64) for _ in range(4)]
        money, points, counts, paid = sums
        last = np.full_like(counts, -1)
        for rows in self._shown("wallet-ledger", until):
            of_points = entries.are_points[rows]
            for held, which in ((points, rows[of_points]), (money, rows[~of_points])):
                np.add.at(held, entries.users[which], entries.changes[which].astype(np.int64))
        for rows in self._shown("transactions", until):
            totals = basket_totals(world, rows)
            bought = world.has_buyer(rows) & (totals > 0)
            baskets = rows[bought]
            buyers = world.buyers(baskets)
            np.add.at(counts, buyers, 1)
            np.add.at(paid, buyers, totals[bought])
            np.maximum.at(last, buyers, baskets)
        return Accounts(money, points, counts, paid, last)

    def _shown(self, index: str, until: int | None) -> list[Rows]:
        blocks = row_blocks(self._world.sizes[index])
        return [
            rows if until is None else rows_there(self._world, index, rows, until)
            for rows in blocks
        ]
