"""Generates the vouchers and wallet-ledger tables; `shop` tells where headers come from."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.sandbox import words
from spaaza_source.sandbox.columns import choose, code, constant, decimals, only, pick, text, times
from spaaza_source.sandbox.instants import MICROSECONDS_A_DAY
from spaaza_source.sandbox.live import shown_moments
from spaaza_source.sandbox.settings import CHAIN_ID
from spaaza_source.sandbox.spaaza.sales import basket_codes
from spaaza_source.sandbox.spaaza.wallets import Entries
from spaaza_source.sandbox.world import Rows, World, transaction_ids, user_ids

_VALID_DAYS = 60
# By this date the vendor says that a voucher does not expire: 2050-01-01.
_NEVER_EXPIRES = 29_220 * MICROSECONDS_A_DAY
_TITLES = tuple(title for title, _ in words.CAMPAIGNS)
_KINDS = tuple(kind for _, kind in words.CAMPAIGNS)


def vouchers(world: World, rows: Rows, until: int | None = None) -> pa.Table:
    """The vouchers with these row numbers; a redeemed one went with a basket of its user.

    Of a moment in microseconds, a voucher is only redeemed if its basket is there by then.
    """
    created = world.voucher_moments(rows)
    day = created // MICROSECONDS_A_DAY + _VALID_DAYS
    expires = (day + 1) * MICROSECONDS_A_DAY - 1_000_000
    expires = np.where(world.likely("endless", rows, 0.05), _NEVER_EXPIRES, expires)
    wanted = created + world.below("used after", rows, _VALID_DAYS * MICROSECONDS_A_DAY)
    baskets = world.rows_made_at("transactions", wanted)
    used = world.transaction_moments(baskets)
    has_use = (
        world.likely("redeemed", rows, 0.4)
        & world.has_buyer(baskets)
        & (wanted < world.end)
        & (used >= created)
        & (used <= expires)
        & (world.sizes["transactions"] > 0)
    )
    owners = np.where(has_use, world.buyers(baskets), world.users_by_then("owner", rows, created))
    redeemed = has_use
    if until is not None:
        redeemed = has_use & (shown_moments(world, "transactions", baskets) <= until)
    # Who uses it later has it by now.
    claimed = has_use | world.likely("claimed", rows, 0.5)
    status = pc.if_else(redeemed, "redeemed", pc.if_else(claimed, "claimed", "generated"))
    campaign = world.below("campaign", rows, len(words.CAMPAIGNS))
    amount = 250 + world.below("amount", rows, 40) * 50
    modified = np.where(redeemed, used, created) // 1_000_000 * 1_000_000
    owned = world.sizes["users"] > 0
    return pa.table(
        {
            "id": 7_000_000 + rows,
            "chain_id": constant(CHAIN_ID, rows),
            # The secret a till scans, of twenty digits.
            "voucher_key": text(code(world.below("key", rows, 10**10), 10), code(rows, 10)),
            "status": status,
            "type": pick(words.VOUCHER_TYPES, world.chance("type", rows)),
            "campaign_id": 4_100 + campaign,
            "campaign_title": choose(_TITLES, campaign),
            "campaign_campaign_type": choose(_KINDS, campaign),
            "user_id": only(owned, user_ids(owners)),
            "currency_code": constant("EUR", rows),
            "amount": decimals(amount),
            "amount_redeemed": decimals(np.where(redeemed, amount, 0)),
            "date_time_creation": times(created, "s"),
            "date_time_redeemed": only(redeemed, times(used, "s")),
            "date_time_expiry": times(expires, "s"),
            "redeeming_basket_id": only(redeemed, transaction_ids(baskets)),
            "locking_locked": ~has_use & world.likely("locked", rows, 0.02),
            "notes": pick(words.VOUCHER_NOTES, world.chance("notes", rows)),
            "last_modified_date": times(modified, "s"),
        }
    )


def wallet_ledger(world: World, rows: Rows, entries: Entries) -> pa.Table:
    """The wallet entries with these row numbers: what a basket earned, or what was spent on it."""
    baskets = world.wallet_baskets(rows)
    owned = world.sizes["users"] > 0
    by_hand = world.likely("by hand", rows, 0.25)
    from_basket = world.has_buyer(baskets) & ~by_hand & (world.sizes["transactions"] > 0)
    changes, points = entries.changes[rows], entries.are_points[rows]
    campaign = world.below("campaign", rows, len(words.CAMPAIGNS))
    return pa.table(
        {
            "timestamp": times(world.wallet_moments(rows), "us"),
            "chain_id": constant(CHAIN_ID, rows),
            "user_id": only(owned, user_ids(entries.users[rows].astype(np.int64))),
            "amount": decimals(changes),
            "earn_or_spend": pc.if_else(changes < 0, "spend", "earn"),
            "currency_symbol": pc.if_else(points, "PTN", "€"),
            "wallet_type": pc.if_else(points, "points_wallet", "wallet"),
            "kind": pc.if_else(from_basket, "campaignContribution", "manual"),
            "receipt_id": only(from_basket, transaction_ids(baskets)),
            "retailer_basket_code": only(from_basket, basket_codes(baskets)),
            "contributing_campaign_id": 4_100 + campaign,
            "contributing_campaign_title": choose(_TITLES, campaign),
            "mutator_name": only(~from_basket, constant("Klantenservice, NL", rows)),
        }
    )
