"""The types that the vendor's documents give the columns of the six indexes and of bulk users.

No document lists the headers of the six exports. Named here are the fields of the documents that
describe the same objects (webhooks, receipts, get- calls and resources), in all their dialects, as
dlt's snake case spells them, nested ones flattened. Identifiers, codes and keys are text, whatever
a document calls them: another form of id changes no column then, and all of them join.
"""

from __future__ import annotations

from collections.abc import Mapping

from spaaza_source.spaaza.bulk_columns import TYPES
from spaaza_source.tabular import TEXT, ColumnType, DocumentedTypes

#: Ends of names: what they name is text in every document.
_ENDINGS = (
    "id code key identifier sku barcode name title description text notes url link symbol type"
    " filename file_name email phone phone_number"
)
_EVERYWHERE = {
    "text": (
        "id key code name title description notes type status kind barcode sku email username"
        " firstname lastname first_name last_name full_name brand category season colour color size"
        " condition unit language gender country image_url image_link image_file_name"
        " image_filename web_url webshop_url phone_number postal_code house_number"
        " house_number_extension street_name line_2 line_3 address_1 address_2 address_3 towncity"
        " region address_regionstate metadata_brand metadata_color metadata_size metadata_category"
        " metadata_image_url metadata_webshop_url line_items_metadata_brand"
        " line_items_metadata_color line_items_metadata_size line_items_metadata_category"
        " line_items_metadata_image_url line_items_metadata_webshop_url"
    ),
    "timestamp": "created_date last_modified_date",
    "bigint": "image_dimension_x image_dimension_y",
    "bool": "is_promotional",
}
_BY_TABLE: Mapping[str, Mapping[str, str]] = {
    "vouchers": {
        "text": "voucher_status voucher_honour_code locking_voucher_locking_code"
        " voucher_locking_code voucher_retailer_basket_code_exclusive"
        " locking_voucher_retailer_basket_code_exclusive",
        "decimal": "amount amount_original amount_redeemed discount_ratio voucher_amount"
        " voucher_amount_original voucher_amount_redeemed voucher_discount_ratio",
        "bigint": "voucher_expiry_seconds_remaining campaign_image_dimension_x"
        " campaign_image_dimension_y",
        "timestamp": "date_time_creation date_time_expiry date_time_redeemed date_time_locked_until"
        " locking_date_time_locked_until campaign_created_date campaign_last_modified_date"
        " voucher_created_datetime voucher_expiry_datetime voucher_expiry_datetime_utc"
        " voucher_redeemed_datetime",
        "bool": "locked locking_locked voucher_locked",
    },
    "transactions": {
        "text": "quantity_unit payment_method",
        "decimal": "quantity subtotal total_value shipping_charge fx_rate subtotal_converted"
        " total_converted shipping_charge_converted tax_total tax_value order_value rate"
        " monetary_wallet_total points_wallet_total total amount discount_ratio payment_amount"
        " payment_amount_converted basket_item_subtotal price cost_price original_price"
        " original_price_converted sale_price sale_price_converted sale_discount"
        " purchase_progress_distribution_amount voucher_distribution_amount basket_total_price",
        "timestamp": "timestamp basket_timestamp_iso8601",
        "bool": "item_is_promotional is_identified excluded_from_spaaza return_item"
        " chain_receipts_service_active receipts_service_active",
    },
    "wallet_ledger": {
        "text": "wallet_type earn_or_spend",
        "decimal": "amount basket_total_value total_value",
        "timestamp": "timestamp date basket_created_date",
    },
    "users": {
        "text": "loyalty_status_level entity_code_type member_number stores brands signup_channel",
        "decimal": "average_spend_value average_basket_value total_cashback_balance"
        " points_wallet_balance loyalty_status_points_balance_current"
        " loyalty_status_monetary_balance_current loyalty_status_points_to_proceed_next_level"
        " loyalty_status_points_to_remain_current_level points_balance_current"
        " monetary_balance_current points_to_proceed_next_level points_to_remain_current_level",
        "bigint": "overall recency frequency monetary number_of_purchases days_since_last_purchase",
        "date": "birthday",
        "timestamp": "last_login_date last_purchase_date last_loyalty_activity_date"
        " spaaza_join_date loyalty_status_last_review_date loyalty_status_next_review_date"
        " loyalty_status_date_reached last_review_date next_review_date date_reached",
        "bool": "spaaza_opted_in opt_in_secondary registered deleted obfuscated is_employee"
        " is_influencer online_shopper offline_shopper mailing_list_subscribed"
        " printed_mailing_list_subscribed push_notification_subscription_subscribed subscribed",
    },
    "products": {"decimal": "price cost_price"},
    "product_variants": {"decimal": "price cost_price"},
}


def _types(*fields: Mapping[str, str]) -> dict[str, ColumnType]:
    return {
        name: ColumnType(kind)
        for each in fields
        for kind, names in each.items()
        for name in names.split()
    }


#: By table.
DOCUMENTED: dict[str, DocumentedTypes] = {
    **{
        table: DocumentedTypes(
            _types(_EVERYWHERE, fields), {f"_{end}": TEXT for end in _ENDINGS.split()}
        )
        for table, fields in _BY_TABLE.items()
    },
    "bulk_users": DocumentedTypes({name: ColumnType(kind) for name, kind in TYPES.items()}),
}
