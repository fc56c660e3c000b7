"""Ids, codes, kinds and moments that several objects share, from row numbers alone."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.sandbox import words
from spaaza_source.sandbox.columns import choose, code, flags, only, text
from spaaza_source.sandbox.instants import MICROSECONDS_A_DAY
from spaaza_source.sandbox.world import Flags, Rows, World

_CAMPAIGNS = tuple(title for title, _ in words.CAMPAIGNS)
_CODE_PREFIXES = ("SPAAR", "ÉTÉ", "JARIG", "WELKOM")
_MILLISECOND = 1_000
_SECOND = 1_000_000
_UPDATED_SHARE = 0.7
# Of four vouchers in a row two are discounts, then a gift card, then a loyalty card.
_KINDS = 4
_GIFT, _LOYALTY = 2, 3


def ids(world: World, prefix: str, rows: Rows) -> pa.Array:
    """Ids such as `v_530212984410000000000017`: unique, and unlike their neighbours'."""
    mixed = code(world.below(f"{prefix} id", rows, 10**12), 12)
    return text(prefix, mixed, code(rows, 12))


def campaign_ids(world: World, campaigns: Rows) -> pa.Array:
    """The ids of campaigns."""
    return ids(world, "camp_", campaigns)


def campaigns(world: World, vouchers: Rows) -> Rows:
    """The campaign that each voucher is of."""
    return world.below("campaign of voucher", vouchers, len(_CAMPAIGNS))


def campaign_names(campaign: Rows) -> pa.Array:
    """The names of campaigns, with commas, quotes and signs outside ASCII."""
    return choose(_CAMPAIGNS, campaign)


def voucher_codes(vouchers: Rows) -> pa.Array:
    """The codes of vouchers: cards have only digits, with leading zeros."""
    digits = code(41_007 + vouchers * 13, 12)
    worded = text(choose(_CODE_PREFIXES, vouchers), "-", code(vouchers, 7))
    return pc.if_else(flags(vouchers % _KINDS >= _GIFT), digits, worded)


def is_gift(vouchers: Rows) -> Flags:
    """Which vouchers are gift cards."""
    gift: Flags = vouchers % _KINDS == _GIFT
    return gift


def is_loyalty(vouchers: Rows) -> Flags:
    """Which vouchers are loyalty cards."""
    loyalty: Flags = vouchers % _KINDS == _LOYALTY
    return loyalty


def voucher_moments(world: World, vouchers: Rows) -> Rows:
    """When vouchers were made."""
    return with_milliseconds(world, world.voucher_moments(vouchers), vouchers)


def customer_moments(world: World, customers: Rows) -> Rows:
    """When customers were made."""
    return with_milliseconds(world, world.user_moments(customers), customers)


def with_milliseconds(world: World, moments: Rows, rows: Rows) -> Rows:
    """Moments whose fraction of a second is replaced by milliseconds."""
    return moments // _SECOND * _SECOND + world.below("ms", rows, 1_000) * _MILLISECOND


def vouchers_by_then(world: World, what: str, rows: Rows, moments: Rows) -> Rows:
    """A voucher for each row, made before its moment, except for the very first rows."""
    last = world.rows_made_at("vouchers", moments - MICROSECONDS_A_DAY) - 1
    return world.below(what, rows, np.maximum(last, 1))


def cards_by_then(world: World, what: str, rows: Rows, moments: Rows) -> Rows:
    """As `vouchers_by_then`, but a gift card or a loyalty card if there are any."""
    before = vouchers_by_then(world, what, rows, moments) // _KINDS * _KINDS
    gifts = world.below(f"{what} kind", rows, 2)
    # The cards of the previous four, which are older.
    cards = np.where(before > 0, before - _KINDS, 0) + _GIFT + gifts
    return np.clip(cards, 0, max(world.sizes["vouchers"] - 1, 0))


def updated_moments(world: World, rows: Rows, created: Rows) -> tuple[Rows, Flags]:
    """When rows were last updated, and which were updated at all."""
    since = (world.chance("updated at", rows) * (world.end - created)).astype(np.int64)
    updated = np.maximum(created, (created + since) // _MILLISECOND * _MILLISECOND)
    return updated, world.chance("updated", rows) < _UPDATED_SHARE


def customer_columns(world: World, customers: Rows, known: Flags) -> dict[str, pa.Array]:
    """The two columns that name the customer in other objects."""
    known = known & (world.sizes["users"] > 0)
    return {
        "customer_id": only(known, ids(world, "cust_", customers)),
        "customer_source_id": only(known, source_ids(customers)),
    }


def order_amounts(world: World, orders: Rows) -> Rows:
    """The sum of the items of orders, in hundredths."""
    return 1_000 + world.below("amount", orders, 20_000)


def source_ids(customers: Rows) -> pa.Array:
    """The shop's own numbers of its customers, with leading zeros."""
    return code(404_097 + customers, 9)


def names(world: World, customers: Rows) -> pa.Array:
    """First and last names; some have a comma or quotes."""
    first = choose(words.FIRST_NAMES, world.below("first name", customers, len(words.FIRST_NAMES)))
    last = choose(words.LAST_NAMES, world.below("last name", customers, len(words.LAST_NAMES)))
    return text(first, " ", last)
