"""Generates customers and their orders; amounts are in hundredths, as at the vendor."""

import numpy as np
import pyarrow as pa

from spaaza_source.sandbox import words
from spaaza_source.sandbox.columns import choose, code, only, pick, text, times
from spaaza_source.sandbox.voucherify.identities import ProjectWorld
from spaaza_source.sandbox.world import Rows

_STATUSES = ("CREATED", "PAID", "PAID", "FULFILLED", "FULFILLED", "CANCELED")
_DESCRIPTIONS = (None,) * 7 + ('Vraagt om "VIP", dringend', "Belt liever\nniet", "Étudiante")


def customers(world: ProjectWorld, rows: Rows) -> pa.Table:
    """The customers with these row numbers."""
    created = world.user_moments(rows)
    updated, was_updated = world.updated_moments(rows, created)
    orders = np.where(world.likely("ordered", rows, 0.8), 1 + world.below("orders", rows, 12), 0)
    average = 1_500 + world.below("average", rows, 9_000)
    redeemed = world.below("redeemed", rows, 9)
    failed = world.below("failed", rows, redeemed + 1)
    rolled_back = world.below("rolled back", rows, 2)
    town = world.below("town", rows, len(words.TOWNS))
    housed = world.likely("housed", rows, 3 / 4)
    birthday = only(world.likely("birthdate", rows, 3 / 4), world.birthdays("born", rows))
    street = text(choose(words.STREETS, town), " ", 1 + world.below("no", rows, 300))
    return pa.table(
        {
            "name": world.names(rows),
            "id": world.ids("cust_", rows),
            "description": pick(_DESCRIPTIONS, world.chance("description", rows)),
            "email": text("klant", rows, "@example.com"),
            "source_id": world.source_ids(rows),
            "created_at": times(created, "ms"),
            "updated_at": only(was_updated, times(updated, "ms")),
            "address_city": only(housed, choose(words.TOWNS, town)),
            "address_state": only(housed, choose(words.REGIONS, town)),
            "address_line_1": only(housed, street),
            "address_line_2": pick(words.ADDRESS_LINES, world.chance("line 2", rows)),
            "address_country": only(housed, pick(words.COUNTRIES, world.chance("country", rows))),
            "address_postal_code": only(housed, choose(words.POSTAL_CODES, town)),
            "redemptions_total_redeemed": redeemed,
            "redemptions_total_failed": failed,
            "redemptions_total_succeeded": redeemed - failed,
            "redemptions_total_rolled_back": rolled_back,
            "redemptions_total_rollback_failed": rolled_back * 0,
            "redemptions_total_rollback_succeeded": rolled_back,
            "orders_total_amount": orders * average,
            "orders_total_count": orders,
            "orders_average_amount": only(orders > 0, average),
            "orders_last_order_amount": only(orders > 0, average),
            "orders_last_order_date": only(orders > 0, times(updated, "ms")),
            "loyalty_points": world.below("points", rows, 5_000),
            "loyalty_referred_customers": world.below("referred", rows, 2),
            "phone": only(
                world.likely("phone", rows, 1 / 2),
                text("+316", code(world.below("number", rows, 10**8), 8)),
            ),
            "birthday": birthday,
            "birthdate": birthday,
            "metadata.tier": pick(words.LEVELS, world.chance("tier", rows)),
            "metadata.note, internal": pick(words.BASKET_NOTES, world.chance("note", rows)),
            "metadata.home_store": pick((*words.BRANCHES, None), world.chance("store", rows)),
        }
    )


def orders(world: ProjectWorld, rows: Rows) -> pa.Table:
    """The orders with these row numbers."""
    created = world.with_milliseconds(world.transaction_moments(rows), rows)
    updated, was_updated = world.updated_moments(rows, created)
    amount = world.order_amounts(rows)
    discount, on_items = (world.below(f"discount {n}", rows, amount // 4) for n in range(2))
    known = world.has_buyer(rows)
    referred = world.likely("referred", rows, 1 / 20) & (world.sizes["users"] > 0)
    referrer = world.users_by_then("referrer", rows, created)
    return pa.table(
        {
            "id": world.ids("ord_", rows),
            "source_id": code(8_638 + rows * 10, 12),
            "created_at": times(created, "ms"),
            "updated_at": only(was_updated, times(updated, "ms")),
            "status": pick(_STATUSES, world.chance("status", rows)),
            "amount": amount,
            "discount_amount": discount,
            "items_discount_amount": on_items,
            "total_discount_amount": discount + on_items,
            "total_amount": amount - discount - on_items,
            "customer_id": only(known, world.ids("cust_", world.buyers(rows))),
            "referrer_id": only(referred, world.ids("cust_", referrer)),
            "metadata.till": only(known, code(world.below("till", rows, 40), 4)),
            "metadata.note": pick(words.BASKET_NOTES, world.chance("note", rows)),
        }
    )
