"""The columns of Spaaza's exports that are known not to be a person's, flattened and nested.

From the vendor's documents of baskets, vouchers, wallets, products and users. Under a privacy
policy they are loaded as they are; a column that neither stands here nor is personal is looked at.
"""

from __future__ import annotations

from spaaza_source.spaaza.columns.bulk_columns import TYPES


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _under(prefix: str, names: frozenset[str]) -> frozenset[str]:
    return frozenset({prefix}) | {f"{prefix}_{name}" for name in names}


_ADDRESS = _names(
    "address address_1 address_2 address_3 address_towncity address_postal_code"
    " address_country_code address_region address_location address_location_lat"
    " address_location_lon address_google_place_id address_address_1 address_address_2"
    " address_address_3 address_street address_street_name address_house_number"
    " address_housenumber address_house_number_extension address_line_2 address_line_3"
    " address_phone_number"
)
#: The chain and its branch: a shop's name, telephone and address.
_BUSINESS = (
    _names("id name code branch_code owner_code phone_number email website_url review_url")
    | _ADDRESS
)
_CHAIN = _names(
    "id name email logo_url website_url currency currency_code currency_symbol"
    " receipts_service_active"
) | _under("business", _BUSINESS)
_CURRENCY = _names(
    "currency currency_id currency_code currency_symbol currency_currency_id currency_currency_code"
    " currency_currency_symbol currency_currency_name_en"
)
_CAMPAIGN = _names(
    "campaign campaign_id campaign_type campaign_title campaign_campaign_type"
    " campaign_title_localised campaign_image_filename campaign_image_url campaign_image_link"
    " description title text type"
    " status kind image_url image_link image_file_name"
)
_PRODUCT = _names(
    "id chain_id product_id product_owner_code owner_code name description brand season category"
    " price cost_price web_url webshop_url image_url is_promotional unit created_date"
    " last_modified_date barcode barcodes colour color size condition entity entity_type entity_id"
    " entity_name sku product_variants"
)
_LINE_ITEM = _names(
    "product_id barcode sku retailer_product_code name description basket_item_subtotal cost_price"
    " original_price sale_price quantity quantity_unit metadata metadata_brand metadata_color"
    " metadata_size metadata_image_url metadata_category metadata_webshop_url"
) | _under("product", _PRODUCT | _under("product_variant", _PRODUCT))
_ANY = _CURRENCY | _CAMPAIGN | _under("chain", _CHAIN) | _names("id chain_id country_code")

KEPT: dict[str, frozenset[str]] = {
    "transactions": _ANY
    | _names(
        "retailer_basket_code original_retailer_basket_code timestamp quantity subtotal total_value"
        " shipping_charge tax_total tax_lines payment_method payment_methods branch_code"
        " branch_business_owner_code basket_timezone_name supplementary_basket_code basket_vouchers"
        " honour_vouchers monetary_wallet points_wallet"
        # The level's name, not the person's; so below.
        " user_loyalty_status_name shopper_loyalty_status_name"
    )
    | _under("line_items", _LINE_ITEM),
    "users": _names(
        "chain_id country_code address_address_regionstate language gender created_date"
        " last_modified_date last_login_date last_purchase_date last_loyalty_activity_date"
        " spaaza_join_date stores brands signup_channel loyalty_status_level entity_code_type"
        " loyalty_status_name loyalty_status_description push_notification_platform"
        " push_notification_subscription_subscribed referral_referred mailing_list_subscribed"
        " printed_mailing_list_subscribed"
    )
    | frozenset(
        f"{store}_{name}"
        for store in ("favorite_store", "home_store", "signup_store")
        for name in ("id", "name", "owner_code")
    ),
    "vouchers": _ANY
    | _names(
        "voucher_id voucher_key key voucher_type voucher_status voucher_title voucher_text"
        " voucher_description voucher_honour_code voucher_image_url voucher_currency_code"
        " voucher_currency_symbol date_time_creation date_time_expiry date_time_redeemed"
        " created_date last_modified_date voucher_created_datetime voucher_expiry_datetime_utc"
        " voucher_redeemed_datetime locking_voucher_locking_code product_id product_skus"
        " redeemable_channels redeeming_basket redeeming_basket_id third_party_pos_promotion_id"
        " user_loyalty_status_name creating_user_loyalty_status_name"
        " redeeming_basket_user_loyalty_status_name"
    ),
    "wallet_ledger": _ANY
    | _names(
        "timestamp date created_date timestamp_microsecond wallet_type earn_or_spend receipt_id"
        " retailer_basket_code return_transaction_receipt_id branch_business_id"
        " return_transaction_retailer_basket_code contributing_campaign_id"
        " contributing_campaign_type contributing_campaign_title wallet_campaign_id"
        " wallet_campaign_type wallet_campaign_title basket basket_retailer_basket_code"
        " user_loyalty_status_name"
    ),
    "products": _PRODUCT,
    "product_variants": _PRODUCT,
    "bulk_users": frozenset(TYPES),
}
