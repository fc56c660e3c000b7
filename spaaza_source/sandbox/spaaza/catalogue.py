"""Generates the products and product-variants tables; `shop` tells where headers come from."""

import pyarrow as pa

from spaaza_source.sandbox.columns import choose, code, constant, decimals, only, pick, text, times
from spaaza_source.sandbox.instants import MICROSECONDS_A_DAY
from spaaza_source.sandbox.settings import CHAIN_ID
from spaaza_source.sandbox.words import (
    BRANDS,
    CATEGORIES,
    COLOURS,
    DESCRIPTIONS,
    PRODUCT_NAMES,
    SEASONS,
    SIZES,
    UNITS,
)
from spaaza_source.sandbox.world import Rows, World, product_ids

_SITE = "https://shop.example"


def products(world: World, rows: Rows) -> pa.Table:
    """The products with these row numbers."""
    price = product_prices(world, rows)
    added = world.start + world.below("added", rows, world.history_days) * MICROSECONDS_A_DAY
    owner_code = product_codes(rows)
    return pa.table(
        {
            "id": product_ids(rows),
            "chain_id": constant(CHAIN_ID, rows),
            "owner_code": owner_code,
            "name": text(choose(PRODUCT_NAMES, rows), " ", rows),
            "description": pick(DESCRIPTIONS, world.chance("description", rows)),
            "brand": pick(BRANDS, world.chance("brand", rows)),
            "season": pick(SEASONS, world.chance("season", rows)),
            "category": pick(CATEGORIES, world.chance("category", rows)),
            # Since April 2026 a product may have no price.
            "price": only(~world.likely("priced", rows, 0.05), decimals(price)),
            "cost_price": decimals(price * 55 // 100),
            "web_url": text(_SITE, "/p/", owner_code),
            "image_url": text(_SITE, "/img/", owner_code, ".jpg"),
            "is_promotional": world.likely("promotional", rows, 0.1),
            "unit": pick(UNITS, world.chance("unit", rows)),
            "created_date": times(added, "s"),
            "last_modified_date": times(world.end - (world.end - added) // 3, "s"),
        }
    )


def product_variants(world: World, rows: Rows) -> pa.Table:
    """The product variants with these row numbers, each of a product that exists."""
    parents = variant_products(world, rows)
    exists = world.sizes["products"] > 0
    price = product_prices(world, parents)
    owner_code = text(product_codes(parents), "-", code(rows % 1000, 3))
    return pa.table(
        {
            "id": 810_000 + rows,
            "chain_id": constant(CHAIN_ID, rows),
            "product_id": only(exists, product_ids(parents)),
            "product_owner_code": only(exists, product_codes(parents)),
            "owner_code": owner_code,
            "name": text(choose(PRODUCT_NAMES, parents), " ", parents),
            "barcode": barcodes(rows),
            "colour": pick(COLOURS, world.chance("colour", rows)),
            "size": pick(SIZES, world.chance("size", rows)),
            "condition": constant("new", rows),
            "price": decimals(price),
            "cost_price": decimals(price * 55 // 100),
            "image_url": text(_SITE, "/img/", owner_code, ".jpg"),
            "web_url": text(_SITE, "/v/", owner_code),
            "is_promotional": world.likely("promotional", parents, 0.1),
        }
    )


def variant_products(world: World, rows: Rows) -> Rows:
    """The product row of each variant row."""
    return rows * max(world.sizes["products"], 1) // max(world.sizes["product-variants"], 1)


def product_prices(world: World, rows: Rows) -> Rows:
    """Prices in cents, most of them low."""
    return 95 + (world.chance("price", rows) ** 3 * 25_000).astype("int64") // 5 * 5


def product_codes(rows: Rows) -> pa.Array:
    """The owner's code of each product."""
    return code(rows * 7 + 13, 8)


def barcodes(rows: Rows) -> pa.Array:
    """The barcode of each variant, of fourteen digits and with leading zeros."""
    return code(435_980_000_000 + rows * 11, 14)
