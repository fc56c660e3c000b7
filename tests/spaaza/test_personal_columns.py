from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from spaaza_source import spaaza_bulk_users, spaaza_source
from spaaza_source.errors import SettingsError
from spaaza_source.sandbox.settings import INDEXES as SANDBOX_INDEXES
from spaaza_source.sandbox.settings import SandboxSettings
from spaaza_source.sandbox.spaaza.shop import GeneratedShop
from spaaza_source.spaaza.columns.bulk_columns import TYPES
from spaaza_source.spaaza.columns.documented_types import DOCUMENTED
from spaaza_source.spaaza.columns.personal_columns import PERSONAL, make_policies
from spaaza_source.spaaza.indexes import INDEXES
from spaaza_source.tabular.header import make_speller
from spaaza_source.tabular.privacy.personal_data import NameRules
from spaaza_source.voucherify import documented_types as of_voucherify
from spaaza_source.voucherify.objects import OBJECTS
from spaaza_source.voucherify.personal_columns import make_policies as make_voucherify_policies

SECRET = "a secret of many characters"
TABLES = [*INDEXES, "bulk_users"]

HARMLESS = {
    "bulk_users": """
        gender overall recency frequency monetary created_date last_login_date last_purchase_date
        last_loyalty_activity_date cashback_balance brands_purchased stores opted_in country
        sign_up_store points_balance mailing_list_subscriber print_mailing_list_subscriber
        loyalty_status_level average_spend_value days_since_last_purchase number_of_purchases
        offline_shopper online_shopper region_state signup_channel spaaza_join_date
        opt_in_secondary registered language points_to_proceed_to_next_status_level
        points_to_remain_at_current_status_level last_review_date_of_loyalty_status
        next_review_date_of_loyalty_status date_loyalty_status_level_reached
        subscribed_to_push_notifications home_store_name home_store_owner_code referred employee
        last_modified_date user_channel_version push_notification_platform signup_store_code
        influencer
    """,
    "transactions": """
        id chain_id retailer_basket_code timestamp type quantity country_code
        currency_currency_code currency_currency_symbol subtotal total_value shipping_charge
        tax_total chain_business_branch_code chain_business_name payment_method line_items
    """,
    "users": """
        chain_id entity_code_type address_address_regionstate country_code language gender
        created_date last_modified_date last_login_date last_purchase_date
        last_loyalty_activity_date spaaza_join_date spaaza_opted_in opt_in_secondary registered
        is_employee is_influencer overall recency frequency monetary average_spend_value
        number_of_purchases days_since_last_purchase online_shopper offline_shopper
        home_store_name home_store_owner_code signup_store_owner_code signup_channel
        total_cashback_balance points_wallet_balance loyalty_status_level
        loyalty_status_points_to_proceed_next_level mailing_list_subscribed
        printed_mailing_list_subscribed push_notification_subscription_subscribed
        push_notification_platform referral_referred
    """,
    "vouchers": """
        id chain_id voucher_key status type campaign_id campaign_title campaign_campaign_type
        currency_code amount amount_redeemed date_time_creation date_time_redeemed
        date_time_expiry redeeming_basket_id locking_locked last_modified_date
    """,
    "wallet_ledger": """
        timestamp chain_id amount earn_or_spend currency_symbol wallet_type kind receipt_id
        retailer_basket_code contributing_campaign_id contributing_campaign_title
    """,
    "products": """
        id chain_id owner_code name description brand season category price cost_price web_url
        image_url is_promotional unit created_date last_modified_date
    """,
    "product_variants": """
        id chain_id product_id product_owner_code owner_code name barcode colour size condition
        price cost_price image_url web_url is_promotional
    """,
}


def headers() -> dict[str, list[str]]:
    """The columns of every table: the documented ones, and those of the sandbox."""
    shop = GeneratedShop(SandboxSettings())
    exported = {index.replace("-", "_"): shop.schema(index).names for index in SANDBOX_INDEXES}
    return {**exported, "bulk_users": list(TYPES)}


@pytest.mark.parametrize("table", TABLES)
def test_every_column_was_considered(table: str) -> None:
    policy = make_policies({table: "pseudonymise"}, SECRET, TABLES)[table]
    names = headers()[table]
    assert len(names) == len(set(names)) > 10
    hidden = {name for name in names if policy.action(name)}
    # Both ways: a new column must be decided, and a list may not name what is gone.
    assert set(names) - hidden == set(HARMLESS[table].split())


def test_the_lists_are_of_the_tables_that_there_are() -> None:
    assert HARMLESS.keys() == PERSONAL.keys() == headers().keys() == set(TABLES)
    assert len(TYPES) == 68


@pytest.mark.parametrize(
    ("vendor", "table"),
    [*(("spaaza", table) for table in TABLES), *(("voucherify", table) for table in OBJECTS)],
)
def test_no_documented_column_stops_a_load_under_the_preset(vendor: str, table: str) -> None:
    """The preset or the kept list knows each whose name reads personal."""
    if vendor == "spaaza":
        policy = make_policies({table: "pseudonymise"}, SECRET, TABLES)[table]
        names = {*DOCUMENTED[table].by_name, *(TYPES if table == "bulk_users" else ())}
    else:
        policy = make_voucherify_policies({table: "pseudonymise"}, SECRET, list(OBJECTS))[table]
        names = {*of_voucherify.DOCUMENTED[table].by_name, *OBJECTS[table].fields}
    assert policy.is_guarded
    kind_of = NameRules(names, "name" in policy.personal).kind
    assert [name for name in sorted(names) if policy.is_unknown(name) and kind_of(name)] == []


def test_personal_names_are_spelled_as_columns_are() -> None:
    spelled = make_speller()
    for columns in PERSONAL.values():
        assert [name for name in columns if spelled(name) != name] == []


@pytest.mark.parametrize(
    ("table", "name", "action"),
    [
        ("bulk_users", "id", "hash"),
        ("bulk_users", "spaaza_user_id", "hash"),
        ("bulk_users", "email_username", "hash"),
        ("bulk_users", "facebook_id", "hash"),
        ("bulk_users", "user_referral_code", "hash"),
        ("bulk_users", "user_channel_identifier", "hash"),
        ("bulk_users", "phone_number", "hash"),
        ("bulk_users", "birthday", "drop"),
        ("bulk_users", "postal_code", "drop"),
        ("bulk_users", "last_name", "drop"),
        ("users", "id", "hash"),
        ("users", "First name", "drop"),
        ("users", "firstname", "drop"),
        ("users", "member_number", "hash"),
        ("users", "entity_code__code", "hash"),
        ("users", "address__towncity", "drop"),
        ("users", "address__location__lat", "drop"),
        ("users", "address_location_lat", "drop"),
        ("transactions", "user_address_address_1", "drop"),
        ("transactions", "user_loyalty_status_name", None),
        ("transactions", "chain_business_address_street", None),
        ("users", "address__phone_number", "hash"),
        ("users", "address_phone_number", "hash"),
        ("users", "user_channels__channel_identifier", "hash"),
        ("users", "push_notification_subscription__subscriptions__token", "hash"),
        ("users", "home_store__name", None),
        ("transactions", "user_id", "hash"),
        ("transactions", "user__id", "hash"),
        ("transactions", "user__firstname", "drop"),
        ("transactions", "shopper_email", "hash"),
        ("transactions", "shopper__address__street_name", "drop"),
        ("transactions", "user", "hash"),
        ("transactions", "employee__name", "drop"),
        ("transactions", "employee_code", "hash"),
        ("transactions", "notes", "drop"),
        ("transactions", "chain__business__name", None),
        ("transactions", "line_items__name", None),
        ("vouchers", "creating_user__full_name", "drop"),
        ("vouchers", "creating_user_user_id", "hash"),
        ("vouchers", "redeeming_basket__user__id", "hash"),
        ("vouchers", "id", None),
        ("wallet_ledger", "user_username", "hash"),
        ("wallet_ledger", "mutator_name", "drop"),
        ("wallet_ledger", "mutator_id", "hash"),
        ("products", "name", None),
    ],
)
def test_the_preset_hashes_what_one_joins_by_and_drops_what_describes(
    table: str, name: str, action: str | None
) -> None:
    assert make_policies("pseudonymise", SECRET, TABLES)[table].action(name) == action


def test_users_join_their_transactions_after_the_preset() -> None:
    chosen = make_policies("pseudonymise", SECRET, TABLES)
    user = chosen["users"].apply_to_record({"id": 7})
    basket = chosen["transactions"].apply_to_record({"user": {"id": "7"}})
    assert user["id"] == basket["user"]["id"] != "7"


@pytest.mark.parametrize("secret", [None, "short"])
def test_the_message_names_where_the_secret_is_set(secret: Any) -> None:
    with pytest.raises(SettingsError, match="Set SOURCES__SPAAZA__PRIVACY_SECRET"):
        make_policies("pseudonymise", secret, TABLES)


def test_the_vendors_spelling_of_a_table_serves() -> None:
    chosen = make_policies({"wallet-ledger": {"user_id": "drop"}}, None, TABLES)
    assert chosen["wallet_ledger"].action("user_id") == "drop"


def test_a_policy_for_the_other_export_of_users_is_not_taken_for_this_one() -> None:
    with pytest.raises(SettingsError, match="no table of this source is named"):
        make_policies({"users": "pseudonymise"}, SECRET, ["bulk_users"])
    both = make_policies({"users": "pseudonymise", "bulk_users": {}}, SECRET, ["bulk_users"])
    assert not both["bulk_users"].hides_raw


SHARED = ["SOURCES__PRIVACY", "SOURCES__SPAAZA__PRIVACY"]
GIVEN: dict[str, Any] = {
    "base_url": "https://api.example.com",
    "chain_id": 1743,
    "credentials": {"session_user_id": "a", "session_key": "b"},
}


@pytest.mark.parametrize("variable", SHARED)
@pytest.mark.parametrize(
    ("source", "other"), [(spaaza_source, "bulk_users"), (spaaza_bulk_users, "users")]
)
def test_a_setting_that_both_sources_share_may_name_tables_of_the_other_alone(
    source: Any,
    other: str,
    variable: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # dlt sets its log up with the first source.
    assert source(**GIVEN).resources
    monkeypatch.setattr(logging.getLogger("dlt"), "propagate", True)
    monkeypatch.setenv(variable, json.dumps({other: {"phone_number": "drop"}}))
    assert source(**GIVEN).resources
    assert "privacy names no table of this source" in caplog.text
    # What is given to one source alone is meant for its tables.
    with pytest.raises(SettingsError, match="no table of this source is named"):
        source(**GIVEN, privacy={other: {"phone_number": "drop"}})
    monkeypatch.setenv(variable, json.dumps({f"{other}s": {}}))
    with pytest.raises(SettingsError, match=f"no table '{other}s'. Did you mean {other}"):
        source(**GIVEN)


@pytest.mark.parametrize("source", [spaaza_source, spaaza_bulk_users])
def test_so_may_the_other_shared_settings(source: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for table in ("users", "bulk_users"):
        monkeypatch.setenv("SOURCES__SPAAZA__COLUMN_TYPES", json.dumps({table: "text"}))
        monkeypatch.setenv("SOURCES__SPAAZA__ON_DRIFT", json.dumps({table: "stop"}))
        assert source(**GIVEN).resources
