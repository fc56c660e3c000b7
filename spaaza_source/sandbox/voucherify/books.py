"""What vouchers and customers of a project have at a moment, added up from what happened."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spaaza_source.sandbox.voucherify.cards import CardEntries, card_entries
from spaaza_source.sandbox.voucherify.identities import ProjectWorld
from spaaza_source.sandbox.voucherify.redemptions import Uses, uses_of
from spaaza_source.sandbox.world import Rows


@dataclass(frozen=True)
class VoucherTotals:
    """Of each voucher how often it was redeemed, what a card holds, and when either changed.

    -1 stands for never.
    """

    uses: Rows
    held: Rows
    touched: Rows


@dataclass(frozen=True)
class CustomerTotals:
    """Of each customer what redemptions, orders and loyalty cards add up to, and when they changed.

    Amounts are in hundredths; `last_orders` has rows; -1 stands for none and for never.
    """

    succeeded: Rows
    failed: Rows
    orders: Rows
    paid: Rows
    last_orders: Rows
    points: Rows
    touched: Rows


class Books:
    """The books of a project: its card transactions and redemptions, gone through once."""

    def __init__(self, world: ProjectWorld) -> None:
        self._world = world
        self._vouchers: tuple[int | None, VoucherTotals] | None = None
        self._customers: tuple[int | None, CustomerTotals] | None = None

    @cached_property
    def entries(self) -> CardEntries:
        """All transactions of cards, also those that are still to come."""
        return card_entries(self._world)

    @cached_property
    def uses(self) -> Uses:
        """All redemptions, also those that are still to come."""
        return uses_of(self._world, self.entries)

    def vouchers(self, until: int | None) -> VoucherTotals:
        """What vouchers have at a moment in microseconds; of all there is, if it is None."""
        if self._vouchers is None or self._vouchers[0] != until:
            self._vouchers = until, self._add_up_vouchers(until)
        return self._vouchers[1]

    def customers(self, until: int | None) -> CustomerTotals:
        """What customers have at a moment, as `vouchers`."""
        if self._customers is None or self._customers[0] != until:
            self._customers = until, self._add_up_customers(until)
        return self._customers[1]

    def _add_up_vouchers(self, until: int | None) -> VoucherTotals:
        world = self._world
        held = world.voucher_values(world.every("vouchers"))
        uses, touched = np.zeros_like(held), np.full_like(held, -1)
        entries = self._until(self.entries.moments, until)
        np.add.at(held, self.entries.cards[entries], self.entries.changes[entries])
        np.maximum.at(touched, self.entries.cards[entries], self.entries.moments[entries])
        used = self._until(self.uses.moments, until)
        used = used[self.uses.succeeded[used]]
        np.add.at(uses, self.uses.vouchers[used], 1)
        np.maximum.at(touched, self.uses.vouchers[used], self.uses.moments[used])
        return VoucherTotals(uses, held, touched)

    def _add_up_customers(self, until: int | None) -> CustomerTotals:
        world, vouchers = self._world, self.vouchers(until)
        empty = np.zeros(len(world.every("users")), np.int64)
        succeeded, failed, orders, paid, points = (empty.copy() for _ in range(5))
        last_orders, touched = np.full_like(empty, -1), np.full_like(empty, -1)

        rows = self._until(self.uses.moments, until)
        moments, did = self.uses.moments[rows], self.uses.succeeded[rows]
        customers, known = world.redeemers(rows, moments)
        np.add.at(succeeded, customers[known & did], 1)
        np.add.at(failed, customers[known & ~did], 1)
        np.maximum.at(touched, customers[known], moments[known])

        rows = np.arange(world.sizes["transactions"])
        moments = world.order_moments(rows)
        rows = rows[world.has_buyer(rows) & (moments <= (until or world.end))]
        buyers = world.buyers(rows)
        np.add.at(orders, buyers, 1)
        np.add.at(paid, buyers, world.order_totals(rows))
        np.maximum.at(last_orders, buyers, rows)
        np.maximum.at(touched, buyers, world.order_moments(rows))

        rows = np.arange(world.sizes["vouchers"])
        moments = world.voucher_moments(rows)
        there = world.is_loyalty(rows) & (moments <= (until or world.end))
        rows, moments = rows[there], moments[there]
        holders, given = world.holders(rows, moments)
        rows, moments, holders = rows[given], moments[given], holders[given]
        np.add.at(points, holders, vouchers.held[rows])
        np.maximum.at(touched, holders, np.maximum(moments, vouchers.touched[rows]))
        return CustomerTotals(succeeded, failed, orders, paid, last_orders, points, touched)

    @staticmethod
    def _until(moments: Rows, until: int | None) -> Rows:
        return np.arange(len(moments)) if until is None else np.flatnonzero(moments <= until)
