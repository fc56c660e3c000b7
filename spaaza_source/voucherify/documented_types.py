"""The types that the vendor's documents give the fields of the seven objects.

Vendor documents: the export guide and the OpenAPI description. Identifiers and codes are text;
money, points and balances are decimals; metadata has no documented type.
"""

from __future__ import annotations

from collections.abc import Mapping

from spaaza_source.tabular import ColumnType, DocumentedTypes

_BY_TABLE: Mapping[str, Mapping[str, str]] = {
    "vouchers": {
        "text": "id code voucher_type formula discount_type campaign campaign_id category qr_code"
        " bar_code validity_timeframe_interval validity_timeframe_duration validity_day_of_week"
        " discount_effect discount_unit_type discount_unit_effect additional_info customer_id"
        " customer_source_id validation_rules_id",
        "decimal": "value gift_balance loyalty_balance discount_amount_limit",
        "bigint": "redemption_quantity redemption_count",
        "bool": "active is_referral_code",
        "timestamp": "start_date expiration_date created_at updated_at",
    },
    "redemptions": {
        "text": "id object voucher_code campaign promotion_tier_id customer_id customer_source_id"
        " customer_name tracking_id order_id result failure_code failure_message",
        "decimal": "order_amount gift_amount loyalty_points",
        "timestamp": "date",
    },
    "publications": {
        "text": "voucher_code customer_id customer_source_id channel campaign",
        "bool": "is_winner",
        "timestamp": "date",
    },
    "customers": {
        "text": "id source_id name description email phone address_city address_state"
        " address_line_1 address_line_2 address_country address_postal_code",
        "date": "birthdate birthday",
        "timestamp": "created_at updated_at orders_last_order_date",
        "bigint": "redemptions_total_redeemed redemptions_total_failed redemptions_total_succeeded"
        " redemptions_total_rolled_back redemptions_total_rollback_failed"
        " redemptions_total_rollback_succeeded orders_total_count loyalty_referred_customers",
        "decimal": "orders_total_amount orders_average_amount orders_last_order_amount"
        " loyalty_points",
    },
    "points_expirations": {
        "text": "id campaign_id voucher_id status",
        "decimal": "points",
        # The one documented example is a plain date.
        "date": "expires_at",
    },
    "orders": {
        "text": "id source_id status customer_id referrer_id",
        "timestamp": "created_at updated_at",
        "decimal": "amount discount_amount items_discount_amount total_discount_amount"
        " total_amount",
    },
    "voucher_transactions": {
        "text": "id campaign_id voucher_id type source_id reason source related_transaction_id"
        " details",
        "decimal": "balance amount",
        "timestamp": "created_at",
    },
}

#: By table.
DOCUMENTED: dict[str, DocumentedTypes] = {
    table: DocumentedTypes(
        {name: ColumnType(kind) for kind, names in fields.items() for name in names.split()}
    )
    for table, fields in _BY_TABLE.items()
}
