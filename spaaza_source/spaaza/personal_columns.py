"""Which columns of Spaaza's exports hold personal data, and what the preset does with each.

How a column is hashed or dropped is `tabular.privacy`'s. Only the bulk users export has documented
headers; for the six indexes these are the names of the platform's user, basket, voucher and wallet
documents, flattened and nested, old spellings and new. Names that a file does not have do no harm.

How the groups were decided:

* Identifiers that one joins or counts by are hashed: ids of users, member numbers (the bulk `ID`
  is probably one), e-mail addresses and usernames, phone numbers, ids at social networks, the
  identifiers of authentication points, channels, devices and push subscriptions, referral codes.
  So are ids and codes of employees and of those who book by hand.
* What only tells who somebody is, or where, is dropped: names, the day of birth, the address down
  to its town and postal code, and free text (notes), in which anything may stand.
* The rest stays, for it is what a loyalty programme is studied by: gender, language, region and
  country, dates, opt-ins, scores, balances, status, stores, channels, platforms. So do the codes
  of vouchers, baskets and products: they lead to a person only inside the vendor's system. Rare
  combinations of these can still single somebody out: pseudonymous is not anonymous.
* Where a whole document may stand in one column, or be nested in a JSON export (`user`,
  `entity_code`, `address`), all of it is taken, save for parts that have a line of their own.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal, TypeAlias

from spaaza_source.tabular import Policies

Hidden: TypeAlias = dict[str, Literal["hash", "drop"]]

_VARIABLE = "SOURCES__SPAAZA__PRIVACY_SECRET"


def _hashed(names: str) -> Hidden:
    return dict.fromkeys(names.split(), "hash")


def _dropped(names: str) -> Hidden:
    return dict.fromkeys(names.split(), "drop")


def _under(prefix: str, columns: Hidden) -> Hidden:
    return {f"{prefix}_{name}": action for name, action in columns.items()}


_ADDRESS_PARTS: Hidden = {
    **_dropped("street street_name house_number housenumber house_number_extension postal_code"),
    **_dropped("housenumber_extension postcode zip zip_code towncity town_city town city location"),
    **_hashed("phone phone_number"),
}
_ADDRESS: Hidden = {
    **_ADDRESS_PARTS,
    **_dropped("address address_1 address_2 address_3"),
    **_under("address", {**_ADDRESS_PARTS, **_dropped("line_1 line_2 line_3")}),
}

#: Wherever these stand they are a person's.
_OF_A_PERSON: Hidden = {
    **_hashed("user_id spaaza_user_id customer_id shopper_id"),
    **_hashed("username email email_username email_address other_email"),
    **_hashed("facebook_id facebook_email google_id apple_id instagram_id twitter_id"),
    **_hashed("entity_code entity_code_code member_number membership_number member_id"),
    **_hashed("card_number loyalty_card_number auxiliary_identifier"),
    **_hashed("authentication_point authentication_point_id authentication_point_identifier"),
    **_hashed("mobile mobile_number mobile_phone_number telephone telephone_number"),
    **_hashed("referral referral_code referral_referral_code user_referral_code referrer_id"),
    **_hashed("referring_user_id referring_user_referral_code"),
    **_hashed("referral_referring_user_id referral_referring_user_referral_code"),
    **_hashed("user_channels user_channel_identifier channel_identifier device_id device_token"),
    **_hashed("push_token push_notification_token push_notification_subscription"),
    **_hashed("push_notification_subscription_subscriptions ip_address"),
    **_dropped("first_name firstname middle_name last_name lastname full_name fullname initials"),
    **_dropped("birthday birthdate birth_date date_of_birth"),
    **_ADDRESS,
}
#: These only in a document that is a person's.
_USER: Hidden = {**_OF_A_PERSON, **_hashed("id identifier"), **_dropped("name notes")}


def _person_as(*prefixes: str) -> Hidden:
    """A person's columns under each prefix, and the column where the whole document may stand."""
    columns: Hidden = {}
    for prefix in prefixes:
        columns |= _hashed(prefix) | _under(prefix, _USER)
    return columns


PERSONAL: dict[str, Hidden] = {
    "transactions": {
        **_OF_A_PERSON,
        **_person_as("user", "shopper", "customer"),
        **_hashed("employee employee_id employee_code"),
        **_dropped("employee_name notes"),
    },
    "users": _USER,
    "vouchers": {
        **_OF_A_PERSON,
        **_person_as("user", "creating_user", "customer", "redeeming_basket_user"),
        **_hashed("assignments"),
        **_dropped("notes voucher_notes"),
    },
    "wallet_ledger": {
        **_OF_A_PERSON,
        **_person_as("user", "customer", "mutator"),
        **_dropped("notes comment reason"),
    },
    "products": {},
    "product_variants": {},
    "bulk_users": _USER,
}


def policies(privacy: Any, secret: Any, tables: Collection[str]) -> Policies:
    """The policies that a user of a Spaaza source has set.

    Args:
        privacy: The setting `privacy`, as `tabular.privacy` describes it.
        secret: The setting `privacy_secret`.
        tables: The source's own tables.

    Raises:
        SettingsError: A setting is missing or wrong.
    """
    return Policies.of(privacy, secret, tables=tables, personal=PERSONAL, secret_variable=_VARIABLE)
