"""The model: its views and their columns, with settled names and types, the same for all vendors.

A view's columns keep their names, types and order; new ones come at the end.
"""

from __future__ import annotations

from typing import Literal

Kind = Literal["text", "instant", "date", "decimal", "count", "flag"]

#: By kind: the type in SQL.
TYPES: dict[Kind, str] = {
    "text": "TEXT",
    "instant": "TIMESTAMP WITH TIME ZONE",
    "date": "DATE",
    # Money in major units; points are decimals too, but never in a column of money.
    "decimal": "DECIMAL(38, 4)",
    "count": "BIGINT",
    "flag": "BOOLEAN",
}


def kind_named(text: str) -> Kind:
    """The kind of that name; without a name it is text."""
    return next((kind for kind in TYPES if kind == text), "text")


def _columns(text: str) -> dict[str, Kind]:
    """Columns in their order, each as `name:kind`."""
    named = (part.partition(":") for part in text.split())
    return {name: kind_named(kind) for name, _, kind in named}


#: By view: the kind of each column. A view is made after those that stand before it.
VIEWS: dict[str, dict[str, Kind]] = {
    "members": _columns(
        """
        member_id member_number email first_name last_name country language birthday:date
        created_at:instant modified_at:instant last_purchase_at:instant last_login_at:instant
        opted_in:flag level balance:decimal points_balance:decimal purchases:count
        """
    ),
    "vouchers": _columns(
        """
        voucher_id code member_id campaign_id campaign type status
        created_at:instant redeemed_at:instant expires_at:instant modified_at:instant
        amount:decimal amount_redeemed:decimal discount_ratio:decimal currency basket_id
        redemption_limit:count redemptions:count balance:decimal points_balance:decimal
        """
    ),
    "baskets": _columns(
        """
        basket_id code member_id happened_at:instant channel store status currency
        total:decimal quantity:decimal
        """
    ),
    "voucher_events": _columns(
        """
        voucher_id code member_id campaign_id campaign event happened_at:instant
        amount:decimal currency basket_id
        """
    ),
    "wallet_entries": _columns(
        """
        entry_id wallet_id member_id campaign_id campaign happened_at:instant event unit
        amount:decimal points:decimal currency kind reason basket_id
        expires_at:instant wallet_expires_at:instant
        """
    ),
}
