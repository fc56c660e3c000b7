"""Generates redemptions, and the transactions of gift and loyalty cards."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.sandbox.columns import choose, code, constant, only, pick, text, times
from spaaza_source.sandbox.voucherify.identities import ProjectWorld
from spaaza_source.sandbox.world import Rows

_FAILURES = (
    ("voucher_expired", "Voucher expired, on 01-03"),
    ("quantity_exceeded", 'Limit "3 times" reached'),
    ("invalid_customer", "Customer must be a holder of a loyalty card."),
)
_GIFT_TYPES = ("CREDITS_REDEMPTION", "CREDITS_REMOVAL", "CREDITS_ADDITION", "CREDITS_REFUND")
_POINTS_TYPES = (
    "POINTS_REDEMPTION", "POINTS_REMOVAL", "POINTS_EXPIRATION", "POINTS_TRANSFER_OUT",
    "POINTS_ACCRUAL", "POINTS_REFUND", "POINTS_ADDITION", "POINTS_TRANSFER_IN",
)  # fmt: skip
_REASONS = (None,) * 6 + ("Klantenservice, NL", 'Actie "Lente"', "Vergoeding\nvoor café")
_SOURCES = ("API", "voucherify-web-ui", "Automation")


def redemptions(world: ProjectWorld, rows: Rows) -> pa.Table:
    """The redemptions with these row numbers, failed ones among them."""
    moments = world.with_milliseconds(world.moments("redemption", rows), rows)
    voucher = world.vouchers_by_then("redeemed voucher", rows, moments)
    moments = np.maximum(moments, world.voucher_moments(voucher))
    failed = world.likely("failed", rows, 0.08)
    failure = world.below("failure", rows, len(_FAILURES))
    customer = world.users_by_then("redeemer", rows, moments)
    known = ~world.likely("anonymous", rows, 0.1)
    ordered = ~failed & (world.sizes["transactions"] > 0)
    order = world.rows_made_at("transactions", moments)
    amount = world.order_amounts(order)
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
            "order_amount": only(ordered, amount),
            "gift_amount": only(~failed & world.is_gift(voucher), amount // 2),
            "loyalty_points": only(~failed & world.is_loyalty(voucher), amount // 100),
            "result": pc.if_else(failed, "FAILURE", "SUCCESS"),
            "failure_code": only(failed, choose([each for each, _ in _FAILURES], failure)),
            "failure_message": only(failed, choose([each for _, each in _FAILURES], failure)),
            "metadata.till": only(known, code(world.below("till", rows, 40), 4)),
        }
    )


def voucher_transactions(world: ProjectWorld, rows: Rows) -> pa.Table:
    """The transactions with these row numbers; `details` is JSON."""
    moments = world.with_milliseconds(world.moments("voucher_transactions", rows), rows)
    card = world.cards_by_then("card", rows, moments)
    moments = np.maximum(moments, world.voucher_moments(card))
    points = world.is_loyalty(card)
    kind = world.below("type", rows, np.where(points, len(_POINTS_TYPES), len(_GIFT_TYPES)))
    spent = kind < np.where(points, len(_POINTS_TYPES), len(_GIFT_TYPES)) // 2
    amount = 50 + world.below("amount", rows, 2_000)
    balance = world.below("balance", rows, 9_000)
    transfer = points & (kind % 4 == 3)  # noqa: PLR2004 - the last of each half
    there = world.sizes["vouchers"] > 0
    kinds = pc.if_else(points, choose(_POINTS_TYPES, kind), choose(_GIFT_TYPES, kind))
    return pa.table(
        {
            "id": world.ids("vtx_", rows),
            "campaign_id": only(there, world.campaign_ids(card)),
            "voucher_id": only(there, world.ids("v_", card)),
            "type": kinds,
            "source_id": only(world.likely("source id", rows, 1 / 2), code(rows * 7, 8)),
            "reason": pick(_REASONS, world.chance("reason", rows)),
            "source": pick(_SOURCES, world.chance("source", rows)),
            "balance": balance,
            "amount": np.where(spent, -amount, amount),
            "related_transaction_id": only(transfer, world.ids("vtx_", rows ^ 1)),
            "created_at": times(moments, "ms"),
            "details": text(
                '{"balance":{"type":"loyalty_card","total":',
                balance,
                ',"object":"balance"},"note":"café, \\"Noord\\""}',
            ),
        }
    )
