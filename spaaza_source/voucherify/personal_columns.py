"""The personal columns of Voucherify's exports, each hashed or dropped by the privacy preset.

Ids that one joins or counts by are hashed; what only tells who somebody is, or where, is dropped.
Voucher codes are kept: they lead to a person only inside the vendor's system. Metadata may hold
anything and is not in the preset: name its columns in `privacy` to hash or drop them.
"""

from __future__ import annotations

from functools import partial
from typing import Literal, TypeAlias

from spaaza_source.tabular import Policies
from spaaza_source.voucherify.objects import OBJECTS

ColumnActions: TypeAlias = dict[str, Literal["hash", "drop"]]

_OF_A_CUSTOMER: ColumnActions = {
    "customer_id": "hash",
    "customer_source_id": "hash",
    "customer_name": "drop",
    "tracking_id": "hash",
}

PERSONAL: dict[str, ColumnActions] = {
    "vouchers": _OF_A_CUSTOMER,
    "redemptions": _OF_A_CUSTOMER,
    "publications": _OF_A_CUSTOMER,
    "customers": {
        **dict.fromkeys(("id", "source_id", "email", "phone"), "hash"),
        **dict.fromkeys(("name", "description", "birthday", "birthdate"), "drop"),
        **dict.fromkeys(
            (f"address_{part}" for part in ("city", "line_1", "line_2", "postal_code")), "drop"
        ),
    },
    "points_expirations": {},
    "orders": {**_OF_A_CUSTOMER, "referrer_id": "hash"},
    "voucher_transactions": {"details": "drop"},
}

#: Known not to be a person's: the documented fields that the preset leaves as they are.
KEPT: dict[str, frozenset[str]] = {
    table: frozenset(one.fields)
    | {"formula", "discount_effect", "validation_rules_id", "order_id", "metadata"}
    for table, one in OBJECTS.items()
}

#: Makes the policies that the settings `privacy` and `privacy_secret` describe for some tables.
make_policies = partial(
    Policies.of, personal=PERSONAL, variable="SOURCES__VOUCHERIFY__PRIVACY_SECRET", kept=KEPT
)
