"""The personal columns of Spaaza's exports, each hashed or dropped by the privacy preset.

Only the bulk users export has documented headers; for the six indexes these are the names of the
platform's user, basket, voucher and wallet documents, flattened and nested, old spellings and new.
Names that a file does not have do no harm.

The rules:

* Identifiers that one joins or counts by are hashed: ids of users, member numbers (the bulk `ID`
  is probably one), e-mail addresses and usernames, phone numbers, ids at social networks, the
  identifiers of authentication points, channels, devices and push subscriptions, referral codes.
  So are ids and codes of employees and of those who book by hand.
* What only tells who somebody is, or where, is dropped: names, the day of birth, the address down
  to its town and postal code, and free text (notes), which may hold anything.
* The rest is kept, for it is what a loyalty programme is analysed by: gender, language, region and
  country, dates, opt-ins, scores, balances, status, stores, channels, platforms. So are the codes
  of vouchers, baskets and products: they lead to a person only inside the vendor's system. Rare
  combinations of these can still single somebody out: pseudonymous is not anonymous.
* Where one column may contain a whole document, or a JSON export nests it (`user`, `entity_code`,
  `address`), all of it is hashed or dropped, but for parts that have a rule of their own.
"""

from __future__ import annotations

from functools import partial
from typing import Literal, TypeAlias

from spaaza_source.spaaza.columns.kept_columns import KEPT
from spaaza_source.tabular import Policies

ColumnActions: TypeAlias = dict[str, Literal["hash", "drop"]]


def _hash(names: str) -> ColumnActions:
    return dict.fromkeys(names.split(), "hash")


def _drop(names: str) -> ColumnActions:
    return dict.fromkeys(names.split(), "drop")


def _under(prefix: str, columns: ColumnActions) -> ColumnActions:
    return {f"{prefix}_{name}": action for name, action in columns.items()}


_ADDRESS_PARTS: ColumnActions = {
    **_drop("street street_name house_number housenumber house_number_extension postal_code"),
    **_drop("housenumber_extension postcode zip zip_code towncity town_city town city location"),
    **_hash("phone phone_number"),
}
_ADDRESS: ColumnActions = {
    **_ADDRESS_PARTS,
    **_drop("address address_1 address_2 address_3"),
    **_under("address", {**_ADDRESS_PARTS, **_drop("line_1 line_2 line_3")}),
    **_under("address", _drop("address_1 address_2 address_3 google_place_id")),
    # A flat file's names; nested ones belong to `address_location`.
    **_under("address", _drop("location_lat location_lon")),
}

#: Personal in every document.
_OF_A_PERSON: ColumnActions = {
    **_hash("user_id spaaza_user_id customer_id shopper_id"),
    **_hash("username email email_username email_address other_email"),
    **_hash("facebook_id facebook_email google_id apple_id instagram_id twitter_id"),
    **_hash("entity_code entity_code_code member_number membership_number member_id"),
    **_hash("card_number loyalty_card_number auxiliary_identifier"),
    **_hash("authentication_point authentication_point_id authentication_point_identifier"),
    **_hash("mobile mobile_number mobile_phone_number telephone telephone_number"),
    **_hash("referral referral_code referral_referral_code user_referral_code referrer_id"),
    **_hash("referring_user_id referring_user_referral_code"),
    **_hash("referral_referring_user_id referral_referring_user_referral_code"),
    **_hash("user_channels user_channel_identifier channel_identifier device_id device_token"),
    **_hash("push_token push_notification_token push_notification_subscription"),
    **_hash("push_notification_subscription_subscriptions ip_address"),
    **_drop("first_name firstname middle_name last_name lastname full_name fullname initials"),
    **_drop("birthday birthdate birth_date date_of_birth"),
    **_ADDRESS,
}
#: Personal only in a document about a person.
_USER: ColumnActions = {**_OF_A_PERSON, **_hash("id identifier"), **_drop("name notes")}


def _person_under(*prefixes: str) -> ColumnActions:
    """A person's columns under each prefix, and the column that may contain the whole document."""
    columns: ColumnActions = {}
    for prefix in prefixes:
        columns |= _hash(prefix) | _under(prefix, _USER)
    return columns


PERSONAL: dict[str, ColumnActions] = {
    "transactions": {
        **_OF_A_PERSON,
        **_person_under("user", "shopper", "customer"),
        **_hash("employee employee_id employee_code"),
        **_drop("employee_name notes"),
    },
    "users": _USER,
    "vouchers": {
        **_OF_A_PERSON,
        **_person_under("user", "creating_user", "customer", "redeeming_basket_user"),
        **_hash("assignments"),
        **_drop("notes voucher_notes"),
    },
    "wallet_ledger": {
        **_OF_A_PERSON,
        **_person_under("user", "customer", "mutator"),
        **_drop("notes comment reason"),
    },
    "products": {},
    "product_variants": {},
    "bulk_users": _USER,
}

#: Makes the policies that the settings `privacy` and `privacy_secret` describe for some tables.
make_policies = partial(
    Policies.of, personal=PERSONAL, variable="SOURCES__SPAAZA__PRIVACY_SECRET", kept=KEPT
)
