"""What tells a customer in Voucherify's exports, and which columns hold it.

A voucher with a customer is that customer's, and so are the transactions and expirations of such a
card, which name it alone.
"""

from __future__ import annotations

from spaaza_source.tombstones import Identifier, People, words

PEOPLE = People(
    ("customers",),
    (
        Identifier(
            "customer id",
            rows=words("customer_id holder_id"),
            # Somebody else's order names who has referred.
            cells=words("referrer_id"),
            own={"customers": words("id")},
            taken_from=("customers",),
        ),
        Identifier(
            "source id",
            rows=words("customer_source_id"),
            own={"customers": words("source_id")},
            taken_from=("customers", "vouchers"),
        ),
        Identifier(
            "e-mail address",
            rows=words("customer_email"),
            own={"customers": words("email")},
            taken_from=("customers",),
        ),
        Identifier("tracking id", rows=words("tracking_id"), taken_from=("redemptions",)),
        Identifier(
            "voucher id",
            own={
                "vouchers": words("id"),
                "voucher_transactions": words("voucher_id"),
                "points_expirations": words("voucher_id"),
            },
            taken_from=("vouchers",),
        ),
    ),
)
