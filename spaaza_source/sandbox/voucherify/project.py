"""Source of Voucherify's exported rows: the protocol of a project, and one generated from a seed.

The fields are the vendor's (see `objects`); the values are invented. The tables are made in
`vouchers`, `redemptions`, `cards` and `customers`; what they add up to is kept in `books`.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Protocol

import numpy as np
import pyarrow as pa

from spaaza_source.sandbox.instants import microseconds
from spaaza_source.sandbox.live import voucherify_as_of
from spaaza_source.sandbox.settings import OBJECTS, SandboxSettings
from spaaza_source.sandbox.voucherify import cards, customers, redemptions, vouchers
from spaaza_source.sandbox.voucherify.books import Books
from spaaza_source.sandbox.voucherify.identities import ProjectWorld
from spaaza_source.sandbox.world import Rows, row_blocks


class Project(Protocol):
    """Where the rows of an export come from; called once for every export."""

    def schema(self, exported_object: str) -> pa.Schema:
        """The columns of an object: fields of the vendor, and `metadata.X` for each property X.

        Times are timestamps in UTC with milliseconds. A field without a column is always empty.
        """

    def blocks(self, exported_object: str, at: datetime) -> Iterator[pa.Table]:
        """The rows of an object as of a moment, a block at a time, at least one."""


class GeneratedProject:
    """A project whose every row follows from the seed, the row counts and the row's number.

    But for balances and counts: these are added up from transactions, redemptions and orders.
    It does not change over time, unless the settings say `is_live`: otherwise `at` is ignored, and
    its history ends at `data_end`, or at the start of the day in which it was made, whichever is
    earlier, so that no row was created or updated in the future of the clock.
    """

    def __init__(self, settings: SandboxSettings) -> None:
        self._is_live = settings.is_live
        past = settings if settings.is_live else settings.until_today
        sizes = {name: settings.rows_of(name) for name in OBJECTS}
        self._world = ProjectWorld(
            seed=settings.seed,
            # The world's names for the buyers, the purchases and the vouchers.
            sizes={
                **sizes,
                "users": sizes["customer"],
                "transactions": sizes["order"],
                "vouchers": sizes["voucher"],
            },
            end=microseconds(past.data_end),
            history_days=settings.history_days,
        )
        self._books = Books(self._world)

    def schema(self, exported_object: str) -> pa.Schema:
        """The columns of an object."""
        return self._make(exported_object, np.arange(0), None).schema

    def blocks(
        self,
        exported_object: str,
        at: datetime,
    ) -> Iterator[pa.Table]:
        """The rows of an object."""
        until = microseconds(at) if self._is_live else None
        for rows in row_blocks(self._world.sizes[exported_object]):
            table = self._make(exported_object, rows, until)
            yield voucherify_as_of(table, at) if self._is_live else table

    def _make(self, exported_object: str, rows: Rows, until: int | None) -> pa.Table:
        """Rows of an object, as of a moment; None is the end."""
        world, books = self._world, self._books
        makers: dict[str, Callable[[], pa.Table]] = {
            "voucher": lambda: vouchers.vouchers(world, rows, books.vouchers(until), until),
            "redemption": lambda: redemptions.redemptions(world, rows, books.uses),
            "publication": lambda: vouchers.publications(world, rows),
            "customer": lambda: customers.customers(world, rows, books.customers(until), until),
            "order": lambda: customers.orders(world, rows),
            "points_expiration": lambda: vouchers.points_expirations(world, rows, until),
            "voucher_transactions": lambda: cards.voucher_transactions(world, rows, books.entries),
        }
        return makers[exported_object]()
