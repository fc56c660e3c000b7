"""Generates redemptions: of a card with its transaction, else of a discount that is still valid."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.sandbox.balances import places
from spaaza_source.sandbox.columns import choose, code, constant, only, times
from spaaza_source.sandbox.instants import MICROSECONDS_A_DAY
from spaaza_source.sandbox.voucherify.cards import CardEntries, redemptions_of
from spaaza_source.sandbox.voucherify.identities import USES, VALID_DAYS, ProjectWorld
from spaaza_source.sandbox.world import Flags, Rows

_FAILURES = (
    (None, None),
    ("voucher_expired", "Voucher expired, on 01-03"),
    ("quantity_exceeded", 'Limit "3 times" reached'),
    ("invalid_customer", "Customer must be a holder of a loyalty card."),
)
_EXPIRED, _EXCEEDED, _INVALID = 1, 2, 3


@dataclass(frozen=True)
class Uses:
    """Of each redemption its voucher, when it was, why it failed (0: it did not), what it took.

    Only of a card it takes something: credits in hundredths, or points.
    """

    vouchers: Rows
    moments: Rows
    failures: Rows
    taken: Rows

    @property
    def succeeded(self) -> Flags:
        """Which of them did not fail."""
        did: Flags = self.failures == 0
        return did


def uses_of(world: ProjectWorld, entries: CardEntries) -> Uses:
    """All redemptions, failed ones among them."""
    rows = np.arange(world.sizes["redemption"])
    moments = world.with_milliseconds(world.moments("redemption", rows), rows)
    vouchers = world.discounts_by_then("redeemed voucher", rows, moments)
    made = world.voucher_moments(vouchers)
    moments = np.maximum(moments, made)
    taken = np.zeros_like(moments)
    failures = np.where(world.likely("failed", rows, 0.08), _INVALID, 0)
    failures[moments > made + VALID_DAYS * MICROSECONDS_A_DAY] = _EXPIRED

    booked = np.flatnonzero(entries.are_redemptions)
    of_card = redemptions_of(world, booked)
    vouchers[of_card], moments[of_card] = entries.cards[booked], entries.moments[booked]
    taken[of_card], failures[of_card] = -entries.changes[booked], 0

    # In the order in which they were; a discount can be redeemed so many times.
    valid = np.lexsort((rows, moments))
    valid = valid[(failures[valid] == 0) & (taken[valid] == 0)]
    failures[valid[places(vouchers[valid]) >= USES]] = _EXCEEDED
    return Uses(vouchers, moments, failures, taken)


def redemptions(world: ProjectWorld, rows: Rows, uses: Uses) -> pa.Table:
    """The redemptions with these row numbers."""
    voucher, moments, taken = uses.vouchers[rows], uses.moments[rows], uses.taken[rows]
    failure = uses.failures[rows]
    customer, known = world.redeemers(rows, moments)
    ordered = (failure == 0) & (world.sizes["transactions"] > 0)
    order = world.rows_made_at("transactions", moments)
    there = world.sizes["vouchers"] > 0
    return pa.table(
        {
            "id": world.ids("r_", rows),
            "object": constant("redemption", rows),
            "date": times(moments, "ms"),
            "voucher_code": only(there, world.voucher_codes(voucher)),
            "campaign": only(there, world.campaign_names(voucher)),
            "promotion_tier_id": only(
                world.likely("tier", rows, 1 / 20), world.ids("promo_", rows)
            ),
            **world.customer_columns(customer, known),
            "customer_name": only(known & (world.sizes["users"] > 0), world.names(customer)),
            "tracking_id": only(known, world.ids("track_", customer)),
            "order_id": only(ordered, world.ids("ord_", order)),
            "order_amount": only(ordered, world.order_amounts(order)),
            "gift_amount": only((taken > 0) & world.is_gift(voucher), taken),
            "loyalty_points": only((taken > 0) & world.is_loyalty(voucher), taken),
            "result": pc.if_else(failure > 0, "FAILURE", "SUCCESS"),
            "failure_code": choose([each for each, _ in _FAILURES], failure),
            "failure_message": choose([each for _, each in _FAILURES], failure),
            "metadata.till": only(known, code(world.below("till", rows, 40), 4)),
        }
    )
