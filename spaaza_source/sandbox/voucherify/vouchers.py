"""Generates vouchers, their publications, and the points that expire on loyalty cards."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.sandbox import words
from spaaza_source.sandbox.columns import choose, constant, decimals, only, pick, text, times
from spaaza_source.sandbox.instants import MICROSECONDS_A_DAY
from spaaza_source.sandbox.voucherify.books import VoucherTotals
from spaaza_source.sandbox.voucherify.identities import USES, VALID_DAYS, ProjectWorld
from spaaza_source.sandbox.world import Rows

_DISCOUNTS = ("AMOUNT", "PERCENT", "UNIT")
_UNIT = 2
_FORMULAS = (None,) * 9 + ('IF(ORDER_AMOUNT > 100; 5; "0")',)
_CHANNELS = ("voucherify-website", "API", "Nieuwsbrief, week 12")
_INTERVALS = (None,) * 9 + ("P2D",)
_WEEKDAYS = (None,) * 6 + ("1,2,3,4,5", "0,6")
_INFO = (None,) * 8 + ("eenmalig\nniet stapelbaar", 'zie "voorwaarden", p. 2')


def vouchers(
    world: ProjectWorld, rows: Rows, totals: VoucherTotals, until: int | None = None
) -> pa.Table:
    """The vouchers with these row numbers, with what they have at a moment in microseconds."""
    gift, loyalty = world.is_gift(rows), world.is_loyalty(rows)
    discount = ~gift & ~loyalty
    created = world.voucher_moments(rows)
    updated, was_updated = world.updated_moments(rows, created, 0.3, until)
    touched = totals.touched[rows]
    updated = np.maximum(np.where(was_updated, updated, -1), touched)
    expires = created + VALID_DAYS * MICROSECONDS_A_DAY
    kind = world.below("discount", rows, len(_DISCOUNTS))
    unit = discount & (kind == _UNIT)
    amount, held = world.voucher_values(rows), totals.held[rows]
    holders, published = world.holders(rows, created)
    voucher_id = world.ids("v_", rows)
    interval = pick(_INTERVALS, world.chance("interval", rows))
    value = pc.if_else(loyalty, text(amount), text(decimals(amount)))
    return pa.table(
        {
            "id": voucher_id,
            "code": world.voucher_codes(rows),
            "voucher_type": pc.if_else(
                gift,
                "GIFT_VOUCHER",
                pc.if_else(loyalty, "LOYALTY_CARD", "DISCOUNT_VOUCHER"),
            ),
            "value": value,
            "formula": only(discount, pick(_FORMULAS, world.chance("formula", rows))),
            "discount_type": only(discount, choose(_DISCOUNTS, kind)),
            "campaign": world.campaign_names(rows),
            "campaign_id": world.campaign_ids(rows),
            "category": pick(words.CATEGORIES, world.chance("category", rows)),
            "start_date": only(world.likely("start", rows, 1 / 2), times(created, "ms")),
            "expiration_date": only(discount, times(expires, "ms")),
            "gift_balance": only(gift, decimals(held)),
            "loyalty_balance": only(loyalty, held),
            "redemption_quantity": only(discount, constant(USES, rows)),
            "redemption_count": totals.uses[rows],
            "active": ~world.likely("inactive", rows, 1 / 20),
            "qr_code": text("https://dl.example.com/qr/", voucher_id, "?size=1,5"),
            "bar_code": text("https://dl.example.com/bar/", voucher_id),
            "is_referral_code": world.likely("referral", rows, 1 / 20),
            "created_at": times(created, "ms"),
            "updated_at": only(was_updated | (touched >= 0), times(updated, "ms")),
            "validity_timeframe_interval": interval,
            "validity_timeframe_duration": pc.if_else(pc.is_valid(interval), "PT1H", None),
            "validity_day_of_week": pick(_WEEKDAYS, world.chance("weekdays", rows)),
            "discount_amount_limit": only(discount & (kind == 1), amount),
            "additional_info": pick(_INFO, world.chance("info", rows)),
            **world.customer_columns(holders, published),
            "discount_effect": only(discount, constant("APPLY_TO_ORDER", rows)),
            "discount_unit_type": only(unit, constant("prod_5h1pp1ng", rows)),
            "discount_unit_effect": only(unit, constant("ADD_MISSING_ITEMS", rows)),
            "validation_rules_id": only(discount, world.ids("val_", world.campaigns(rows))),
            "metadata.channel": pick((*_CHANNELS, None), world.chance("channel", rows)),
            "metadata.store": pick((*words.BRANCHES, None), world.chance("store", rows)),
        }
    )


def publications(world: ProjectWorld, rows: Rows) -> pa.Table:
    """The publications with these row numbers; they have no id."""
    moments = world.with_milliseconds(world.moments("publication", rows), rows)
    voucher = world.vouchers_by_then("published voucher", rows, moments)
    moments = np.maximum(moments, world.voucher_moments(voucher))
    receiver = world.users_by_then("receiver", rows, moments)
    there = world.sizes["vouchers"] > 0
    return pa.table(
        {
            "voucher_code": only(there, world.voucher_codes(voucher)),
            **world.customer_columns(receiver, known=True),
            "date": times(moments, "ms"),
            "channel": pick(_CHANNELS, world.chance("channel", rows)),
            "campaign": only(there, world.campaign_names(voucher)),
            "is_winner": pick(("true", "false", None, None), world.chance("winner", rows)),
            "metadata.source": pick(("till", "app, iOS", None), world.chance("source", rows)),
        }
    )


def points_expirations(world: ProjectWorld, rows: Rows, until: int | None = None) -> pa.Table:
    """The buckets of points with these row numbers; `expires_at` is a day without a time."""
    earned = world.moments("points_expiration", rows)
    card = world.cards_by_then("card", rows, earned)
    day = earned // MICROSECONDS_A_DAY + 365
    expired = day * MICROSECONDS_A_DAY < (until or world.end)
    there = world.has_cards
    return pa.table(
        {
            "id": world.ids("lopb_", rows),
            "campaign_id": only(there, world.campaign_ids(card)),
            "voucher_id": only(there, world.ids("v_", card)),
            "points": 10 + world.below("points", rows, 990),
            "status": pc.if_else(expired, "EXPIRED", "ACTIVE"),
            "expires_at": day.astype("datetime64[D]"),
        }
    )
