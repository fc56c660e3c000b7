"""Generates vouchers, their publications, and the points that expire on loyalty cards."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.sandbox import words
from spaaza_source.sandbox.columns import (
    choose,
    constant,
    decimals,
    flags,
    milliseconds,
    numbers,
    only,
    pick,
    text,
)
from spaaza_source.sandbox.instants import MICROSECONDS_A_DAY
from spaaza_source.sandbox.voucherify.identities import (
    campaign_ids,
    campaign_names,
    campaigns,
    cards_by_then,
    customer_columns,
    ids,
    is_gift,
    is_loyalty,
    updated_moments,
    voucher_codes,
    voucher_moments,
    vouchers_by_then,
    with_milliseconds,
)
from spaaza_source.sandbox.world import Rows, World

_PUBLISHED_SHARE = 0.7
_VALID_DAYS = 60
_DISCOUNTS = ("AMOUNT", "PERCENT", "UNIT")
_UNIT = 2
_FORMULAS = (None,) * 9 + ('IF(ORDER_AMOUNT > 100; 5; "0")',)
_CHANNELS = ("voucherify-website", "API", "Nieuwsbrief, week 12")
_INTERVALS = (None,) * 9 + ("P2D",)
_WEEKDAYS = (None,) * 6 + ("1,2,3,4,5", "0,6")
_INFO = (None,) * 8 + ("eenmalig\nniet stapelbaar", 'zie "voorwaarden", p. 2')


def vouchers(world: World, rows: Rows) -> pa.Table:
    """The vouchers with these row numbers."""
    gift, loyalty = is_gift(rows), is_loyalty(rows)
    discount = ~gift & ~loyalty
    created = voucher_moments(world, rows)
    updated, was_updated = updated_moments(world, rows, created)
    expires = created + _VALID_DAYS * MICROSECONDS_A_DAY
    campaign = campaigns(world, rows)
    kind = world.below("discount", rows, len(_DISCOUNTS))
    unit = discount & (kind == _UNIT)
    amount = 250 + world.below("amount", rows, 40) * 50
    left = world.below("left", rows, amount)
    points = world.below("points", rows, 5_000)
    redeemed = np.where(was_updated, world.below("redeemed", rows, 3), 0)
    voucher_id = ids(world, "v_", rows)
    published = world.chance("published", rows) < _PUBLISHED_SHARE
    interval = pick(_INTERVALS, world.chance("interval", rows))
    value = pc.if_else(flags(loyalty), text(numbers(points)), text(decimals(amount)))
    return pa.table(
        {
            "id": voucher_id,
            "code": voucher_codes(rows),
            "voucher_type": pc.if_else(
                flags(gift),
                "GIFT_VOUCHER",
                pc.if_else(flags(loyalty), "LOYALTY_CARD", "DISCOUNT_VOUCHER"),
            ),
            "value": value,
            "formula": only(discount, pick(_FORMULAS, world.chance("formula", rows))),
            "discount_type": only(discount, choose(_DISCOUNTS, kind)),
            "campaign": campaign_names(campaign),
            "campaign_id": campaign_ids(world, campaign),
            "category": pick(words.CATEGORIES, world.chance("category", rows)),
            "start_date": only(world.chance("start", rows) < 1 / 2, milliseconds(created)),
            "expiration_date": only(discount, milliseconds(expires)),
            "gift_balance": only(gift, decimals(left)),
            "loyalty_balance": only(loyalty, numbers(points)),
            "redemption_quantity": only(discount, constant(3, rows)),
            "redemption_count": numbers(redeemed),
            "active": flags(world.chance("inactive", rows) >= 1 / 20),
            "qr_code": text("https://dl.example.com/qr/", voucher_id, "?size=1,5"),
            "bar_code": text("https://dl.example.com/bar/", voucher_id),
            "is_referral_code": flags(world.chance("referral", rows) < 1 / 20),
            "created_at": milliseconds(created),
            "updated_at": only(was_updated, milliseconds(updated)),
            "validity_timeframe_interval": interval,
            "validity_timeframe_duration": pc.if_else(pc.is_valid(interval), "PT1H", None),
            "validity_day_of_week": pick(_WEEKDAYS, world.chance("weekdays", rows)),
            "discount_amount_limit": only(discount & (kind == 1), numbers(amount)),
            "additional_info": pick(_INFO, world.chance("info", rows)),
            **customer_columns(world, world.users_by_then("holder", rows, created), published),
            "discount_effect": only(discount, constant("APPLY_TO_ORDER", rows)),
            "discount_unit_type": only(unit, constant("prod_5h1pp1ng", rows)),
            "discount_unit_effect": only(unit, constant("ADD_MISSING_ITEMS", rows)),
            "validation_rules_id": only(discount, ids(world, "val_", campaign)),
            "metadata.channel": pick((*_CHANNELS, None), world.chance("channel", rows)),
            "metadata.store": pick((*words.BRANCHES, None), world.chance("store", rows)),
        }
    )


def publications(world: World, rows: Rows) -> pa.Table:
    """The publications with these row numbers; they have no id."""
    moments = with_milliseconds(world, world.moments("publication", rows), rows)
    voucher = vouchers_by_then(world, "published voucher", rows, moments)
    moments = np.maximum(moments, voucher_moments(world, voucher))
    known = np.full(len(rows), fill_value=True)
    there = np.full(len(rows), world.sizes["vouchers"] > 0)
    return pa.table(
        {
            "voucher_code": only(there, voucher_codes(voucher)),
            **customer_columns(world, world.users_by_then("receiver", rows, moments), known),
            "date": milliseconds(moments),
            "channel": pick(_CHANNELS, world.chance("channel", rows)),
            "campaign": only(there, campaign_names(campaigns(world, voucher))),
            "is_winner": pick(("true", "false", None, None), world.chance("winner", rows)),
            "metadata.source": pick(("till", "app, iOS", None), world.chance("source", rows)),
        }
    )


def points_expirations(world: World, rows: Rows) -> pa.Table:
    """The buckets of points with these row numbers; `expires_at` is a day without a time."""
    earned = world.moments("points_expiration", rows)
    card = cards_by_then(world, "card", rows, earned)
    day = earned // MICROSECONDS_A_DAY + 365
    expired = day * MICROSECONDS_A_DAY < world.end
    there = np.full(len(rows), world.sizes["vouchers"] > 0)
    return pa.table(
        {
            "id": ids(world, "lopb_", rows),
            "campaign_id": only(there, campaign_ids(world, campaigns(world, card))),
            "voucher_id": only(there, ids(world, "v_", card)),
            "points": numbers(10 + world.below("points", rows, 990)),
            "status": pc.if_else(flags(expired), "EXPIRED", "ACTIVE"),
            "expires_at": pc.cast(pa.array(day.astype(np.int32)), pa.date32()),
        }
    )
