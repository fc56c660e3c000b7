"""Generates customers and their orders; amounts are in hundredths, as at the vendor."""

import numpy as np
import pyarrow as pa

from spaaza_source.sandbox import words
from spaaza_source.sandbox.columns import choose, code, only, pick, text, times
from spaaza_source.sandbox.voucherify.books import CustomerTotals
from spaaza_source.sandbox.voucherify.identities import ProjectWorld
from spaaza_source.sandbox.world import Rows

_STATUSES = ("CREATED", "PAID", "PAID", "FULFILLED", "FULFILLED", "CANCELED")
_DESCRIPTIONS = (None,) * 7 + ('Vraagt om "VIP", dringend', "Belt liever\nniet", "Étudiante")


def customers(
    world: ProjectWorld, rows: Rows, totals: CustomerTotals, until: int | None = None
) -> pa.Table:
    """The customers with these row numbers, with what they have at a moment in microseconds."""
    created = world.user_moments(rows)
    updated, was_updated = world.updated_moments(rows, created, 0.3, until)
    touched = totals.touched[rows]
    updated = np.maximum(np.where(was_updated, updated, -1), touched)
    orders, paid = totals.orders[rows], totals.paid[rows]
    last = np.maximum(totals.last_orders[rows], 0)
    succeeded, failed = totals.succeeded[rows], totals.failed[rows]
    none = np.zeros_like(rows)
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
            "updated_at": only(was_updated | (touched >= 0), times(updated, "ms")),
            "address_city": only(housed, choose(words.TOWNS, town)),
            "address_state": only(housed, choose(words.REGIONS, town)),
            "address_line_1": only(housed, street),
            "address_line_2": pick(words.ADDRESS_LINES, world.chance("line 2", rows)),
            "address_country": only(housed, pick(words.COUNTRIES, world.chance("country", rows))),
            "address_postal_code": only(housed, choose(words.POSTAL_CODES, town)),
            "redemptions_total_redeemed": succeeded + failed,
            "redemptions_total_failed": failed,
            "redemptions_total_succeeded": succeeded,
            # The sandbox has no rollbacks.
            "redemptions_total_rolled_back": none,
            "redemptions_total_rollback_failed": none,
            "redemptions_total_rollback_succeeded": none,
            "orders_total_amount": paid,
            "orders_total_count": orders,
            "orders_average_amount": only(orders > 0, paid // np.maximum(orders, 1)),
            "orders_last_order_amount": only(orders > 0, world.order_totals(last)),
            "orders_last_order_date": only(orders > 0, times(world.order_moments(last), "ms")),
            "loyalty_points": totals.points[rows],
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
    created = world.order_moments(rows)
    updated, was_updated = world.updated_moments(rows, created)
    amount, (discount, on_items) = world.order_amounts(rows), world.order_discounts(rows)
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
