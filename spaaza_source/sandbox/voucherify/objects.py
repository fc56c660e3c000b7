"""Voucherify's exported objects: their fields, orders and filters.

From the fields table of vendor document 004 and the vendor's OpenAPI file of exports. Where that
file names a default field that it does not list as a field, the sandbox leaves it out.
"""

FIELDS: dict[str, tuple[str, ...]] = {
    "voucher": (
        "id", "code", "voucher_type", "value", "formula", "discount_type", "campaign",
        "campaign_id", "category", "start_date", "expiration_date", "gift_balance",
        "loyalty_balance", "redemption_quantity", "redemption_count", "active", "qr_code",
        "bar_code", "is_referral_code", "created_at", "updated_at",
        "validity_timeframe_interval", "validity_timeframe_duration", "validity_day_of_week",
        "discount_amount_limit", "additional_info", "customer_id", "customer_source_id",
        "discount_effect", "discount_unit_type", "discount_unit_effect", "validation_rules_id",
    ),
    "redemption": (
        "id", "object", "date", "voucher_code", "campaign", "promotion_tier_id", "customer_id",
        "customer_source_id", "customer_name", "tracking_id", "order_id", "order_amount",
        "gift_amount", "loyalty_points", "result", "failure_code", "failure_message",
    ),
    "publication": (
        "voucher_code", "customer_id", "customer_source_id", "date", "channel", "campaign",
        "is_winner",
    ),
    "customer": (
        "name", "id", "description", "email", "source_id", "created_at", "updated_at",
        "address_city", "address_state", "address_line_1", "address_line_2", "address_country",
        "address_postal_code", "redemptions_total_redeemed", "redemptions_total_failed",
        "redemptions_total_succeeded", "redemptions_total_rolled_back",
        "redemptions_total_rollback_failed", "redemptions_total_rollback_succeeded",
        "orders_total_amount", "orders_total_count", "orders_average_amount",
        "orders_last_order_amount", "orders_last_order_date", "loyalty_points",
        "loyalty_referred_customers", "phone", "birthday", "birthdate",
    ),
    "order": (
        "id", "source_id", "created_at", "updated_at", "status", "amount", "discount_amount",
        "items_discount_amount", "total_discount_amount", "total_amount", "customer_id",
        "referrer_id",
    ),
    "points_expiration": ("id", "campaign_id", "voucher_id", "points", "status", "expires_at"),
    "voucher_transactions": (
        "id", "campaign_id", "voucher_id", "type", "source_id", "reason", "source", "balance",
        "amount", "related_transaction_id", "created_at", "details",
    ),
}  # fmt: skip

WITH_METADATA = ("voucher", "redemption", "publication", "customer", "order")
METADATA = "metadata"
METADATA_PREFIX = "metadata."

DEFAULT_FIELDS = {
    "voucher": ("code", "voucher_type", "value", "discount_type"),
    "redemption": ("id", "object", "voucher_code", "customer_id", "date", "result"),
    "publication": ("voucher_code", "customer_id", "date", "channel"),
    "customer": ("name", "source_id"),
    "order": ("id", "source_id", "status"),
    "points_expiration": ("id", "campaign_id", "voucher_id", "status", "expires_at", "points"),
    "voucher_transactions": (
        "id", "type", "source_id", "reason", "source", "balance", "amount", "created_at",
    ),
}  # fmt: skip
"""The fields of an export whose request names none."""

ORDERS = {
    "voucher": ("created_at", "updated_at", "code"),
    "redemption": ("id", "voucher_code", "tracking_id", "customer_id", "created_at"),
    "publication": ("id", "voucher_code", "tracking_id", "customer_id", "created_at", "channel"),
    "customer": ("name", "id", "email", "source_id", "created_at", "updated_at"),
    "order": ("created_at", "updated_at", "status"),
    "points_expiration": ("expires_at",),
    "voucher_transactions": ("created_at",),
}
"""Fields to sort by, each also with a `-` before it."""

DATE_FILTERS = {
    name: {"created_at", "updated_at"}.intersection(orders) for name, orders in ORDERS.items()
}
"""The times to sort by are those to filter by, but for the days on which points expire."""

TEXT_FILTERS = {
    "voucher": ("campaign_id", "code"),
    "redemption": ("voucher_code", "customer_id", "result"),
    "publication": ("customer_id",),
    "customer": ("source_id", "email"),
    "order": ("status", "source_id"),
    "points_expiration": ("campaign_id", "voucher_id"),
    "voucher_transactions": ("campaign_id", "voucher_id"),
}
"""A few of the vendor's equality filters."""


def column_of(exported_object: str, name: str) -> str:
    """The field that a filter or an order means: two objects have a `date` for `created_at`."""
    if name == "created_at" and "date" in FIELDS[exported_object]:
        return "date"
    return name


def has_field(exported_object: str, field: str) -> bool:
    """Whether a request may name a field, `metadata.X` included."""
    if field == METADATA or (field.startswith(METADATA_PREFIX) and field != METADATA_PREFIX):
        return exported_object in WITH_METADATA
    return field in FIELDS[exported_object]
