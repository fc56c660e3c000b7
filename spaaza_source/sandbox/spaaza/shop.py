"""Source of Spaaza's exported rows: the protocol of a shop, and one generated from a seed.

Which headers are documented, and which are a guess:

* `bulk_users`: documented. The 68 headers are those of vendor document 003, word for word.
* The six task exports: no header list is public, so all of theirs are a guess. They follow the
  vendor's other documents, in snake_case, nested fields flattened with an underscore.
  - `transactions`: names of the receipt document (C2); documented as a filter: `timestamp`. One
    row a basket, its items as JSON in `line_items`: both the grain and the JSON are a guess.
  - `users`: names of the user document (C5); documented as a filter: `created_date`.
  - `vouchers`: names of the 2021 voucher webhook (C1); documented as filters:
    `date_time_creation`, `date_time_redeemed`, `date_time_expiry`.
  - `wallet-ledger`: names of the ledger entry (C3), without any id, as there; documented as a
    filter: `timestamp`.
  - `products`, `product-variants`: names of the product API (C4); documented as a filter:
    `category` of products.

The tables are made in `people`, `sales`, `rewards` and `catalogue`; what users have is added up in
`wallets`.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Protocol

import numpy as np
import pyarrow as pa

from spaaza_source.sandbox.instants import TimeSpan, microseconds
from spaaza_source.sandbox.live import rows_there, spaaza_as_of
from spaaza_source.sandbox.settings import INDEXES, SandboxSettings
from spaaza_source.sandbox.spaaza import catalogue, people, rewards, sales
from spaaza_source.sandbox.spaaza.wallets import Wallets
from spaaza_source.sandbox.world import Rows, World, row_blocks


class Shop(Protocol):
    """Where the rows of an export come from; called once for every export."""

    def schema(self, index: str) -> pa.Schema:
        """The columns of one of the six indexes, in the order of the export."""

    def blocks(self, index: str, at: datetime, near: Mapping[str, TimeSpan]) -> Iterator[pa.Table]:
        """The rows of an index as of a moment, a block at a time, at least one.

        `near` names date columns and the span the rows are filtered to: a shop may leave out rows
        outside it, and need not.
        """

    def bulk_users(self, at: datetime) -> Iterator[pa.Table]:
        """The users under the 68 headers of vendor document 003; at least one block."""


#: The column that the rows of an index are in the order of, and its values.
_ORDERS: dict[str, tuple[str, Callable[[World, Rows], Rows]]] = {
    "transactions": ("timestamp", World.transaction_moments),
    "users": ("created_date", World.user_moments),
    "vouchers": ("date_time_creation", World.voucher_moments),
    "wallet-ledger": ("timestamp", World.wallet_moments),
}


class GeneratedShop:
    """A shop whose every row follows from the seed, the row counts and the row's number alone.

    But for what users have: that is added up from their wallet entries and baskets.
    It does not change over time, unless the settings say `is_live`: otherwise `at` is ignored.
    """

    def __init__(self, settings: SandboxSettings) -> None:
        self._is_live = settings.is_live
        self._world = World(
            seed=settings.seed,
            sizes={index: settings.rows_of(index) for index in INDEXES},
            end=microseconds(settings.data_end),
            history_days=settings.history_days,
        )
        self._wallets = Wallets(self._world)

    def schema(self, index: str) -> pa.Schema:
        """The columns of an index."""
        return self._make(index, np.arange(0), None).schema

    def blocks(
        self,
        index: str,
        at: datetime,
        near: Mapping[str, TimeSpan],
    ) -> Iterator[pa.Table]:
        """The rows of an index; blocks outside the span of their ordering column are skipped."""
        column, moments = _ORDERS.get(index, ("", None))
        span = near.get(column, TimeSpan())
        for rows in row_blocks(self._world.sizes[index]):
            if moments is not None and len(rows):
                first, last = moments(self._world, rows[[0, -1]]).tolist()
                if last < span.low or first > span.high:
                    continue
            yield self._table(index, rows, at)

    def bulk_users(self, at: datetime) -> Iterator[pa.Table]:
        """The same users as the index has, under the documented headers."""
        for rows in row_blocks(self._world.sizes["users"]):
            yield people.under_bulk_headers(self._table("users", rows, at))

    def _table(self, index: str, rows: Rows, at: datetime) -> pa.Table:
        if not self._is_live:
            return self._make(index, rows, None)
        now = microseconds(at)
        return spaaza_as_of(self._make(index, rows_there(self._world, index, rows, now), now), at)

    def _make(self, index: str, rows: Rows, until: int | None) -> pa.Table:
        """Rows of an index, as of a moment; None is the end."""
        world, wallets = self._world, self._wallets
        end = world.end if until is None else until
        makers: dict[str, Callable[[], pa.Table]] = {
            "transactions": lambda: sales.transactions(world, rows),
            "users": lambda: people.users(world, rows, wallets.accounts(until), end),
            "vouchers": lambda: rewards.vouchers(world, rows, until),
            "wallet-ledger": lambda: rewards.wallet_ledger(world, rows, wallets.entries),
            "products": lambda: catalogue.products(world, rows),
            "product-variants": lambda: catalogue.product_variants(world, rows),
        }
        return makers[index]()
