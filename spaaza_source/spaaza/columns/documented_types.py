"""The types that Spaaza's documents give the columns of its exports, by table.

Only the bulk users export has documented headers (`bulk_columns`). For the six indexes these are
the fields of the platform's documents in all of their dialects: the receipt, user, voucher, wallet
and product documents, of the webhooks, the API and the resources API. A nested field has the name
that a flat file would give it: `campaign{id}` is `campaign_id`. Names that a file does not have do
no harm.

The rules:

* Identifiers, codes, keys, barcodes, phone numbers, postal codes, names, titles, free text, links
  and choices are text, though the documents show some ids as numbers: nobody adds them up, a
  leading zero can matter, and ids join and may become UUIDs.
* Money, balances, averages, prices, ratios, rates and quantities (1.055 kg) are decimal.
* Counts, scores, days, seconds and pixels are bigint.
* Times are timestamps, the day of birth is a date, flags are bool.
* A column that no document names is text if its name ends like an identifier or a text
  (`ENDINGS`); otherwise its cells decide. So they do for what customers store themselves
  (`metadata`, but for the documented parts of an item's), and for fields whose kind no document
  shows (`timestamp_microsecond`, `returned_item`).
"""

from __future__ import annotations

from types import MappingProxyType

from spaaza_source.spaaza.columns.bulk_columns import TYPES as BULK_TYPES
from spaaza_source.tabular import ColumnType, DocumentedTypes

Types = dict[str, ColumnType]

#: Ends of names that are text, where no document says otherwise.
ENDINGS = (
    "_id _code _key _sku _barcode _identifier _phone_number _member_number _name _title"
    " _description _notes _url"
)


def _types(**names: str) -> Types:
    """Types of names: by dlt's data type, the names in one text."""
    return {name: ColumnType(kind) for kind, text in names.items() for name in text.split()}


def _under(prefix: str, types: Types) -> Types:
    return {f"{prefix}_{name}": kind for name, kind in types.items()}


_CURRENCY = _types(text="currency currency_id currency_code currency_name_en currency_symbol")
_ADDRESS = _types(
    text=(
        "address_1 address_2 address_3 street street_name house_number housenumber"
        " house_number_extension line_2 line_3 postal_code towncity address_regionstate"
        " regionstate region country_code phone_number google_place_id"
    ),
    decimal="location_lat location_lon",
)
_STORE = _types(text="id name owner_code")
_IMAGE = _types(
    text="image_url image_link image_filename image_file_name",
    bigint="image_dimension_x image_dimension_y",
)
_CAMPAIGN = {
    **_types(
        text=(
            "id chain_id type title title_localised field_localisations campaign_id campaign_type"
            " campaign_title campaign_title_localised description"
        ),
        timestamp="created_date last_modified_date",
    ),
    **_IMAGE,
}
_LOYALTY_STATUS = _types(
    text="campaign_id loyalty_level_id name description",
    decimal=(
        "points_balance_current monetary_balance_current points_to_proceed_next_level"
        " points_to_remain_current_level"
    ),
    timestamp="last_review_date next_review_date date_reached",
)
_REFERRAL = _types(text="referral_code referring_user_id referring_user_referral_code")
_USER: Types = {
    **_types(
        text=(
            "id user_id spaaza_user_id chain_id username email email_address firstname lastname"
            " first_name last_name full_name entity_code entity_code_code entity_code_type"
            " member_number authentication_point_id authentication_point_identifier"
            " auxiliary_identifier phone_number country_code language gender signup_channel stores"
            " brands loyalty_status_level channel_identifier channel_version"
        ),
        date="birthday",
        timestamp=(
            "created_date last_modified_date last_login_date last_purchase_date"
            " last_loyalty_activity_date spaaza_join_date"
        ),
        bool=(
            "spaaza_opted_in opt_in_secondary registered deleted obfuscated is_employee"
            " is_influencer online_shopper offline_shopper mailing_list_subscribed"
            " printed_mailing_list_subscribed push_notification_subscription_subscribed"
        ),
        bigint="overall recency frequency monetary number_of_purchases days_since_last_purchase",
        decimal=(
            "average_spend_value average_basket_value total_cashback_balance points_wallet_balance"
        ),
    ),
    **_under("address", _ADDRESS),
    **_under("user_channels", _types(text="channel_identifier channel_version")),
    **_under("favorite_store", _STORE),
    **_under("home_store", _STORE),
    **_under("signup_store", _STORE),
    **_under("loyalty_status", _LOYALTY_STATUS),
    **_under("referral", _REFERRAL),
}
_VARIANT = _types(
    text=(
        "id product_id product_owner_code product_variant_id variant_id owner_code name barcode"
        " barcode_id barcode_barcode barcodes_barcode colour color size condition image_url web_url"
        " webshop_url"
    ),
    decimal="price cost_price",
    bool="is_promotional",
    timestamp="created_date last_modified_date barcodes_created_date",
)
_PRODUCT: Types = {
    **_types(
        text=(
            "id product_id owner_code entity_type entity_id entity_name name description brand"
            " season category web_url webshop_url image_url unit sku barcode"
        ),
        decimal="price cost_price",
        bool="is_promotional",
        timestamp="created_date last_modified_date",
    ),
    **_under("entity", _types(text="entity_type entity_id entity_name")),
    **_under("product_variant", _VARIANT),
    **_under("product_variants", _VARIANT),
}
_PROGRESS = {
    **_types(
        text=(
            "purchase_progress_campaign_id purchase_progress_campaign_title"
            " purchase_progress_campaign_type"
        ),
        decimal="purchase_progress_distribution_amount",
    ),
    **_under("contributing_campaign", _CAMPAIGN),
}
_DISTRIBUTION = _types(
    text="voucher_id voucher_key voucher_type voucher_campaign_id voucher_campaign_title",
    decimal="voucher_distribution_amount",
)
_ITEM: Types = {
    **_types(
        text=(
            "product_id barcode sku retailer_product_code name description quantity_unit"
            " original_retailer_basket_code original_retailer_item_code"
        ),
        decimal=(
            "basket_item_subtotal cost_price original_price original_price_converted sale_price"
            " sale_price_converted quantity sale_discount"
        ),
        bool="item_is_promotional is_identified excluded_from_spaaza",
    ),
    **_under("metadata", _types(text="brand color size image_url category webshop_url")),
    **_under("product", _PRODUCT),
    **_under("purchase_progress_distribution", _PROGRESS),
    **_under("voucher_distribution", _DISTRIBUTION),
    **_PROGRESS,
    **_DISTRIBUTION,
}
_BASKET_VOUCHER = _types(
    text=(
        "campaign_id campaign_title campaign_title_localised voucher_text task_id type title"
        " description notes image_url"
    ),
    decimal="amount discount_ratio",
)
_WALLET = {
    **_types(text="title", decimal="total"),
    **_under("contributions", _types(text="campaign_title", decimal="amount")),
}
_BUSINESS: Types = {
    **_types(text="id name branch_code owner_code phone_number email website_url review_url"),
    **_under("address", _ADDRESS),
}
_CHAIN: Types = {
    **_types(
        text="id name email logo_url website_url currency currency_code currency_symbol",
        bool="receipts_service_active",
    ),
    **_under("business", _BUSINESS),
}
_TAX = _types(decimal="tax_value order_value rate tax_rate tax_total")
_PAYMENT = _types(text="payment_method", decimal="payment_amount payment_amount_converted")

_TRANSACTION: Types = {
    # One row may be a basket or an item of one.
    **_ITEM,
    **_under("line_items", _ITEM),
    **_PAYMENT,
    **_TAX,
    **_CURRENCY,
    **_types(
        text=(
            "id basket_id chain_id retailer_basket_code type country_code employee_code"
            " employee_name notes basket_platform_type basket_timezone_name"
            " supplementary_basket_code branch_business_owner_code user_id"
        ),
        decimal=(
            "quantity subtotal total_value shipping_charge fx_rate subtotal_converted"
            " total_converted shipping_charge_converted basket_total_price amount discount_ratio"
            " tax_lines_rate"
        ),
        timestamp="timestamp basket_timestamp_iso8601",
    ),
    **_under("currency", _CURRENCY),
    **_under("chain", _CHAIN),
    **_under("monetary_wallet", _WALLET),
    **_under("points_wallet", _WALLET),
    **_under("tax_lines", _TAX),
    **_under("payment_methods", _PAYMENT),
    **_under("basket_vouchers", _BASKET_VOUCHER),
    **_under("honour_vouchers", _BASKET_VOUCHER),
    **_under("user", _USER),
    **_under("shopper", _USER),
}
_BASKET = _types(
    text="id chain_id retailer_basket_code type user_id",
    decimal="total_value amount",
    timestamp="created_date timestamp",
)
_VOUCHER: Types = {
    **_types(
        text=(
            "id chain_id creating_user currency_code currency_symbol currency_id description notes"
            " product_id status third_party_pos_promotion_id user_id title"
            # The API's dialect.
            " voucher_id voucher_key voucher_type voucher_status voucher_title voucher_text"
            " voucher_description voucher_notes voucher_honour_code voucher_image_url type"
            " voucher_currency_code voucher_currency_id voucher_currency_symbol parent_voucher"
            " campaign_id campaign_type campaign_title"
            " locking_voucher_locking_code locking_voucher_retailer_basket_code_exclusive"
            # The resources API's.
            " key"
        ),
        timestamp=(
            "created_date last_modified_date date_time_creation date_time_expiry"
            " date_time_redeemed locking_date_time_locked_until voucher_created_datetime"
            " voucher_expiry_datetime_utc voucher_redeemed_datetime"
        ),
        bool="locking_locked voucher_locked",
        bigint="voucher_expiry_seconds_remaining",
        decimal=(
            "voucher_discount_ratio voucher_amount_original voucher_amount_redeemed voucher_amount"
            " amount amount_original amount_redeemed discount_ratio"
        ),
    ),
    **_IMAGE,
    **_under("campaign", _CAMPAIGN),
    **_under("loyalty_rule", _types(text="loyalty_rule_id loyalty_rule_type id type")),
    **_under("task", _types(text="task_id task_type title id type")),
    **_under("creating_user", _USER),
    **_under("redeeming_basket", _BASKET),
    **_under("user", _USER),
    **_under("redeeming_basket_user", _USER),
}
_LEDGER: Types = {
    **_types(
        text=(
            "currency_id currency_code currency_symbol branch_business_id receipt_id"
            " retailer_basket_code return_transaction_receipt_id"
            " return_transaction_retailer_basket_code kind mutator_id mutator_name earn_or_spend"
            " type user_id"
        ),
        timestamp="date created_date timestamp",
        decimal="amount",
    ),
    **_under("contributing_campaign", _CAMPAIGN),
    **_under("wallet_campaign", _CAMPAIGN),
    **_under("campaign", _CAMPAIGN),
    **_under("campaign_contributing_campaign", _CAMPAIGN),
    **_types(text="campaign_id campaign_title campaign_title_localised campaign_type"),
    **_under("basket", _BASKET),
    **_under("user", _USER),
}
_ENDINGS = MappingProxyType(_types(text=ENDINGS))


def _documented(types: Types) -> DocumentedTypes:
    return DocumentedTypes(MappingProxyType(types), _ENDINGS)


_BULK: Types = {name: ColumnType(kind) for name, kind in BULK_TYPES.items()}

#: What is documented of each table's columns.
DOCUMENTED: dict[str, DocumentedTypes] = {
    "transactions": _documented(_TRANSACTION),
    # Whether the index spells its headers as the bulk export does is not documented.
    "users": _documented({**_BULK, **_USER}),
    "vouchers": _documented(_VOUCHER),
    "wallet_ledger": _documented(_LEDGER),
    "products": _documented(_PRODUCT),
    "product_variants": _documented(_VARIANT),
    "bulk_users": _documented(_BULK),
}
