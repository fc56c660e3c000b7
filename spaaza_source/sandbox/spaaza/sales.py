"""Generates the transactions table, a row per basket; `shop` tells where headers come from."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.sandbox.columns import choose, code, constant, decimals, only, pick, text, times
from spaaza_source.sandbox.settings import CHAIN_ID
from spaaza_source.sandbox.spaaza.catalogue import barcodes, product_prices, variant_products
from spaaza_source.sandbox.words import (
    BASKET_NOTES,
    BRANCH_NAMES,
    BRANCHES,
    COUNTRIES,
    EMPLOYEES,
    PAYMENT_METHODS,
)
from spaaza_source.sandbox.world import (
    Flags,
    Rows,
    World,
    member_numbers,
    product_ids,
    transaction_ids,
    user_ids,
)


def transactions(world: World, rows: Rows) -> pa.Table:
    """The baskets with these row numbers; a return is a basket with negative amounts."""
    lines = _lines(world, rows)
    two, online = _has_two(world, rows), _is_online(world, rows)
    subtotal, shipping = _amounts(world, rows, lines)
    total = subtotal + shipping
    buyers, known = world.buyers(rows), world.has_buyer(rows)
    branch = world.below("branch", rows, len(BRANCHES))
    currency = constant("EUR", rows)
    return pa.table(
        {
            "id": transaction_ids(rows),
            "chain_id": constant(CHAIN_ID, rows),
            "retailer_basket_code": basket_codes(rows),
            "timestamp": times(world.transaction_moments(rows), "us"),
            "type": pc.if_else(online, "online", "in_store"),
            "quantity": decimals(lines[0].grams + 1000 * two, digits=3),
            "country_code": pick(COUNTRIES[:-1], world.chance("country", rows)),
            "currency_currency_code": currency,
            "currency_currency_symbol": constant("€", rows),
            "subtotal": decimals(subtotal),
            "total_value": decimals(total),
            "shipping_charge": decimals(shipping),
            "tax_total": decimals(total * 21 // 121),
            "chain_business_branch_code": choose(BRANCHES, branch),
            "chain_business_name": choose(BRANCH_NAMES, branch),
            "employee_code": pick(EMPLOYEES, world.chance("employee", rows)),
            "notes": pick(BASKET_NOTES, world.chance("notes", rows)),
            "payment_method": pick(PAYMENT_METHODS, world.chance("paid", rows)),
            "user_id": only(known, user_ids(buyers)),
            "user_entity_code_code": only(known, code(member_numbers(buyers), 9)),
            "line_items": _line_items(lines, two),
        }
    )


def basket_totals(world: World, rows: Rows) -> Rows:
    """What was paid for each basket, in cents; below zero for a return."""
    subtotal, shipping = _amounts(world, rows, _lines(world, rows))
    return subtotal + shipping


def basket_codes(rows: Rows) -> pa.Array:
    """The till's code of each basket, of nineteen digits and with leading zeros."""
    return code(100_117_000_000_000 + rows * 10, 19)


class _Line:
    """One product on each basket: what, how much of it, and for how many cents."""

    def __init__(self, world: World, rows: Rows, name: str) -> None:
        self.variants = world.below(f"{name} item", rows, max(world.sizes["product-variants"], 1))
        self.products = variant_products(world, self.variants)
        # Some products are sold by weight, such as 1.055 kg.
        weighed = world.likely(f"{name} weighed", rows, 0.1)
        weight = 200 + world.below(f"{name} weight", rows, 2_000)
        self.grams: Rows = np.where(weighed & (name == "first"), weight, 1000)
        self.cents: Rows = product_prices(world, self.products) * self.grams // 1000

    def json(self) -> pa.Array:
        """The item as JSON."""
        return text(
            '{"product_id":',
            product_ids(self.products),
            ',"barcode":"',
            barcodes(self.variants),
            '","quantity":',
            decimals(self.grams, digits=3),
            ',"sale_price":',
            decimals(self.cents),
            "}",
        )


def _lines(world: World, rows: Rows) -> list[_Line]:
    return [_Line(world, rows, name) for name in ("first", "second")]


def _has_two(world: World, rows: Rows) -> Flags:
    return world.likely("lines", rows, 0.4)


def _is_online(world: World, rows: Rows) -> Flags:
    return world.likely("online", rows, 0.3)


def _amounts(world: World, rows: Rows, lines: list[_Line]) -> tuple[Rows, Rows]:
    """The subtotal and the shipping of each basket."""
    returned = world.likely("returned", rows, 0.04)
    subtotal = lines[0].cents + np.where(_has_two(world, rows), lines[1].cents, 0)
    shipping = np.where(_is_online(world, rows) & ~returned, 495, 0)
    return np.where(returned, -subtotal, subtotal), shipping


def _line_items(lines: list[_Line], two: Flags) -> pa.Array:
    second = pc.if_else(two, text(",", lines[1].json()), "")
    return text("[", lines[0].json(), second, "]")
