"""Ids, codes, kinds and moments that several objects share, from row numbers alone."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.sandbox.columns import choose, code, only, pick, text
from spaaza_source.sandbox.instants import MICROSECONDS_A_DAY
from spaaza_source.sandbox.words import CAMPAIGNS, FIRST_NAMES, LAST_NAMES
from spaaza_source.sandbox.world import Flags, Rows, World

_CAMPAIGNS = tuple(title for title, _ in CAMPAIGNS)
_CODE_PREFIXES = ("SPAAR", "ÉTÉ", "JARIG", "WELKOM")
_MILLISECOND = 1_000
_SECOND = 1_000_000
#: How often a discount can be redeemed, and for how many days.
USES, VALID_DAYS = 3, 60
# Of four vouchers in a row two are discounts, then a gift card, then a loyalty card.
_KINDS = 4
_GIFT, _LOYALTY = 2, 3


class ProjectWorld(World):
    """A world of Voucherify's objects: its users are customers, its baskets are orders."""

    @property
    def has_cards(self) -> bool:
        """Whether one of the vouchers is a card."""
        return self.sizes["vouchers"] > _GIFT

    def every(self, name: str) -> Rows:
        """The numbers of all rows, of at least one."""
        return np.arange(max(self.sizes[name], 1))

    def ids(self, prefix: str, rows: Rows) -> pa.Array:
        """Ids such as `v_530212984410000000000017`: unique, and unlike their neighbours'."""
        mixed = code(self.below(f"{prefix} id", rows, 10**12), 12)
        return text(prefix, mixed, code(rows, 12))

    def campaigns(self, vouchers: Rows) -> Rows:
        """The campaign that each voucher is of."""
        return self.below("campaign of voucher", vouchers, len(_CAMPAIGNS))

    def campaign_ids(self, vouchers: Rows) -> pa.Array:
        """The id of the campaign of each voucher."""
        return self.ids("camp_", self.campaigns(vouchers))

    def campaign_names(self, vouchers: Rows) -> pa.Array:
        """The name of the campaign of each voucher, with commas, quotes and signs outside ASCII."""
        return choose(_CAMPAIGNS, self.campaigns(vouchers))

    @staticmethod
    def voucher_codes(vouchers: Rows) -> pa.Array:
        """The codes of vouchers: cards have only digits, with leading zeros."""
        digits = code(41_007 + vouchers * 13, 12)
        worded = text(choose(_CODE_PREFIXES, vouchers), "-", code(vouchers, 7))
        return pc.if_else(vouchers % _KINDS >= _GIFT, digits, worded)

    @staticmethod
    def is_gift(vouchers: Rows) -> Flags:
        """Which vouchers are gift cards."""
        gift: Flags = vouchers % _KINDS == _GIFT
        return gift

    @staticmethod
    def is_loyalty(vouchers: Rows) -> Flags:
        """Which vouchers are loyalty cards."""
        loyalty: Flags = vouchers % _KINDS == _LOYALTY
        return loyalty

    def voucher_values(self, vouchers: Rows) -> Rows:
        """What vouchers are worth when they are made: hundredths, or points of loyalty cards."""
        amounts = 250 + self.below("amount", vouchers, 40) * 50
        points = self.below("points", vouchers, 5_000)
        return np.where(self.is_loyalty(vouchers), points, amounts)

    def holders(self, vouchers: Rows, created: Rows) -> tuple[Rows, Flags]:
        """The customers who got vouchers when they were made, and which were given at all."""
        customers = self.users_by_then("holder", vouchers, created)
        return customers, self.likely("published", vouchers, 0.7)

    def redeemers(self, redemptions: Rows, moments: Rows) -> tuple[Rows, Flags]:
        """The customers who redeem, and which of them are known."""
        customers = self.users_by_then("redeemer", redemptions, moments)
        return customers, ~self.likely("anonymous", redemptions, 0.1)

    def voucher_moments(self, vouchers: Rows) -> Rows:
        """When vouchers were made."""
        return self.with_milliseconds(super().voucher_moments(vouchers), vouchers)

    def user_moments(self, customers: Rows) -> Rows:
        """When customers were made."""
        return self.with_milliseconds(super().user_moments(customers), customers)

    def order_moments(self, orders: Rows) -> Rows:
        """When orders were made."""
        return self.with_milliseconds(self.transaction_moments(orders), orders)

    def with_milliseconds(self, moments: Rows, rows: Rows) -> Rows:
        """Moments whose fraction of a second is replaced by milliseconds."""
        return moments // _SECOND * _SECOND + self.below("ms", rows, 1_000) * _MILLISECOND

    def vouchers_by_then(self, what: str, rows: Rows, moments: Rows) -> Rows:
        """A voucher for each row, made before its moment, except for the very first rows."""
        last = self.rows_made_at("vouchers", moments - MICROSECONDS_A_DAY) - 1
        return self.below(what, rows, np.maximum(last, 1))

    def cards_by_then(self, what: str, rows: Rows, moments: Rows) -> Rows:
        """As `vouchers_by_then`, but a gift card or a loyalty card if there are any."""
        before = self.vouchers_by_then(what, rows, moments) // _KINDS * _KINDS
        gifts = self.below(f"{what} kind", rows, 2)
        # The cards of the previous four, which are older.
        cards = np.where(before > 0, before - _KINDS, 0) + _GIFT + gifts
        return np.clip(cards, 0, max(self.sizes["vouchers"] - 1, 0))

    def discounts_by_then(self, what: str, rows: Rows, moments: Rows) -> Rows:
        """As `vouchers_by_then`, but a discount, and most of them valid at their moment."""
        first, last = (
            self.rows_made_at("vouchers", moments - days * MICROSECONDS_A_DAY)
            for days in (VALID_DAYS - 1, 1)
        )
        some = first + self.below(what, rows, np.maximum(last - first, 1))
        return some // _KINDS * _KINDS + some % _GIFT

    def updated_moments(
        self, rows: Rows, created: Rows, share: float = 0.7, until: int | None = None
    ) -> tuple[Rows, Flags]:
        """When rows were last updated until a moment, and which were updated at all."""
        since = (self.chance("updated at", rows) * (self.end - created)).astype(np.int64)
        updated = np.maximum(created, (created + since) // _MILLISECOND * _MILLISECOND)
        return updated, self.likely("updated", rows, share) & (updated <= (until or self.end))

    def customer_columns(self, customers: Rows, known: Flags | bool) -> dict[str, pa.Array]:
        """The two columns that name the customer in other objects."""
        known = known & (self.sizes["users"] > 0)
        return {
            "customer_id": only(known, self.ids("cust_", customers)),
            "customer_source_id": only(known, self.source_ids(customers)),
        }

    def order_amounts(self, orders: Rows) -> Rows:
        """The sum of the items of orders, in hundredths."""
        return 1_000 + self.below("amount", orders, 20_000)

    def order_discounts(self, orders: Rows) -> tuple[Rows, Rows]:
        """What is taken off orders, and off their items, in hundredths."""
        most = self.order_amounts(orders) // 4
        return self.below("discount 0", orders, most), self.below("discount 1", orders, most)

    def order_totals(self, orders: Rows) -> Rows:
        """What was paid for orders, in hundredths."""
        discount, on_items = self.order_discounts(orders)
        return self.order_amounts(orders) - discount - on_items

    @staticmethod
    def source_ids(customers: Rows) -> pa.Array:
        """The shop's own numbers of its customers, with leading zeros."""
        return code(404_097 + customers, 9)

    def names(self, customers: Rows) -> pa.Array:
        """First and last names; some have a comma or quotes."""
        first = pick(FIRST_NAMES, self.chance("first name", customers))
        last = pick(LAST_NAMES, self.chance("last name", customers))
        return text(first, " ", last)
