"""Generates the users table and the bulk users export; only the bulk headers are documented."""

import numpy as np
import pyarrow as pa

from spaaza_source.sandbox import words
from spaaza_source.sandbox.columns import choose, code, constant, decimals, only, pick, text, times
from spaaza_source.sandbox.instants import MICROSECONDS_A_DAY
from spaaza_source.sandbox.settings import CHAIN_ID
from spaaza_source.sandbox.spaaza.wallets import Accounts
from spaaza_source.sandbox.world import Rows, World, member_numbers, user_ids

# The Services API writes Go's zero time where something never happened: 0001-01-01.
_NEVER = -719_162 * MICROSECONDS_A_DAY


def users(world: World, rows: Rows, accounts: Accounts, until: int) -> pa.Table:
    """The users with these row numbers, and what they have at a moment in microseconds."""
    joined = world.user_moments(rows)
    since = world.end - joined
    last, baskets = accounts.last_baskets[rows], accounts.baskets[rows]
    buys = baskets > 0
    purchased = world.transaction_moments(np.maximum(last, 0))
    modified = joined + (world.chance("modified", rows) * since).astype(np.int64)
    logged_in = joined + (world.chance("login", rows) * since).astype(np.int64)
    logged_in = np.where(world.likely("logged in", rows, 0.6), logged_in, _NEVER)
    scores = [np.where(buys, world.below(f"score {n}", rows, 6), 0) for n in range(3)]
    town = world.below("town", rows, len(words.TOWNS))
    store = world.below("store", rows, len(words.BRANCHES))
    has_store = world.likely("has store", rows, 0.7)
    has_address = world.likely("has address", rows, 0.75)
    points = accounts.points[rows] // 100
    cards = code(member_numbers(rows), 9)
    birthday = world.birthdays("birthday", rows)
    phone = text("+316", code(world.below("phone", rows, 10**8), 8))
    return pa.table(
        {
            "id": user_ids(rows),
            "chain_id": constant(CHAIN_ID, rows),
            "username": text("klant", rows, "@example.com"),
            "firstname": pick(words.FIRST_NAMES, world.chance("first name", rows)),
            "lastname": pick(words.LAST_NAMES, world.chance("last name", rows)),
            "entity_code_code": cards,
            "entity_code_type": constant("regular", rows),
            "authentication_point_identifier": only(world.likely("auth point", rows, 0.3), cards),
            "auxiliary_identifier": only(world.likely("auxiliary", rows, 0.1), code(rows * 17, 12)),
            "address_street_name": only(has_address, choose(words.STREETS, town)),
            "address_house_number": only(has_address, 1 + world.below("house number", rows, 300)),
            "address_house_number_extension": only(
                has_address, pick(words.HOUSE_EXTENSIONS, world.chance("extension", rows))
            ),
            "address_line_2": pick(words.ADDRESS_LINES, world.chance("line 2", rows)),
            "address_postal_code": only(has_address, choose(words.POSTAL_CODES, town)),
            "address_towncity": only(has_address, choose(words.TOWNS, town)),
            "address_address_regionstate": only(has_address, choose(words.REGIONS, town)),
            "address_phone_number": only(world.likely("has phone", rows, 0.5), phone),
            "country_code": pick(words.COUNTRIES, world.chance("country", rows)),
            "language": pick(words.LANGUAGES, world.chance("language", rows)),
            "gender": pick(words.GENDERS, world.chance("gender", rows)),
            "birthday": only(world.likely("has birthday", rows, 0.8), birthday),
            "created_date": times(joined, "s"),
            "last_modified_date": times(modified, "s"),
            "last_login_date": times(logged_in, "s"),
            "last_purchase_date": only(buys, times(purchased, "s")),
            "last_loyalty_activity_date": only(buys, times(purchased, "s")),
            "spaaza_join_date": times(joined, "s"),
            "spaaza_opted_in": world.likely("opted in", rows, 0.7),
            "opt_in_secondary": world.likely("opt in secondary", rows, 0.2),
            "registered": world.likely("registered", rows, 0.9),
            "is_employee": world.likely("employee", rows, 0.01),
            "is_influencer": world.likely("influencer", rows, 0.002),
            "overall": scores[0] + scores[1] + scores[2],
            "recency": scores[0],
            "frequency": scores[1],
            "monetary": scores[2],
            "average_spend_value": decimals(accounts.paid[rows] // np.maximum(baskets, 1)),
            "number_of_purchases": baskets,
            "days_since_last_purchase": only(buys, (until - purchased) // MICROSECONDS_A_DAY),
            "online_shopper": buys & world.likely("online", rows, 0.4),
            "offline_shopper": buys & world.likely("offline", rows, 0.8),
            "home_store_name": only(has_store, choose(words.BRANCH_NAMES, store)),
            "home_store_owner_code": only(has_store, choose(words.BRANCHES, store)),
            "signup_store_owner_code": only(has_store, choose(words.BRANCHES, store + 1)),
            "signup_channel": pick(words.SIGNUP_CHANNELS, world.chance("channel", rows)),
            "total_cashback_balance": decimals(accounts.money[rows]),
            "points_wallet_balance": points,
            "loyalty_status_level": pick(words.LEVELS, world.chance("level", rows)),
            "loyalty_status_points_to_proceed_next_level": np.maximum(5_000 - points, 0),
            "mailing_list_subscribed": world.likely("mailing list", rows, 0.5),
            "printed_mailing_list_subscribed": world.likely("print mailing list", rows, 0.1),
            "push_notification_subscription_subscribed": world.likely("push", rows, 0.3),
            "push_notification_platform": pick(
                words.PUSH_PLATFORMS, world.chance("phone os", rows)
            ),
            "referral_referred": world.likely("referred", rows, 0.05),
            "referral_code": code(rows * 31, 6),
        }
    )


def under_bulk_headers(known: pa.Table) -> pa.Table:
    """Some of `users` under the 68 headers of vendor document 003, in its order."""
    columns = [
        known.column(name) if name else pa.nulls(known.num_rows, pa.string())
        for name in BULK_HEADERS.values()
    ]
    return pa.table(columns, names=list(BULK_HEADERS))


BULK_HEADERS = {
    "ID": "entity_code_code",
    "First name": "firstname",
    "Last name": "lastname",
    "email (username)": "username",
    "Facebook email": "",
    "Other email": "",
    "Facebook ID": "",
    "Gender": "gender",
    "Birthday": "birthday",
    "Overall": "overall",
    "Recency": "recency",
    "Frequency": "frequency",
    "Monetary": "monetary",
    "Created date": "created_date",
    "Last login date": "last_login_date",
    "Last purchase date": "last_purchase_date",
    "Last loyalty activity date": "last_loyalty_activity_date",
    "Cashback Balance": "total_cashback_balance",
    "Brands Purchased": "",
    "Stores": "home_store_name",
    "Opted-in": "spaaza_opted_in",
    "Country": "country_code",
    "Sign-up store": "home_store_name",
    "Postal code": "address_postal_code",
    "Town/City": "address_towncity",
    "Points Balance": "points_wallet_balance",
    "Authentication Point ID": "authentication_point_identifier",
    "Mailing List Subscriber": "mailing_list_subscribed",
    "Print Mailing List Subscriber": "printed_mailing_list_subscribed",
    "Loyalty Status Level": "loyalty_status_level",
    "Average Spend Value": "average_spend_value",
    "Days Since Last Purchase": "days_since_last_purchase",
    "Number of Purchases": "number_of_purchases",
    "Offline Shopper": "offline_shopper",
    "Online Shopper": "online_shopper",
    "Region/State": "address_address_regionstate",
    "House Number": "address_house_number",
    "House Number Extension": "address_house_number_extension",
    "Address Line 2": "address_line_2",
    "Address Line 3": "",
    "Phone Number": "address_phone_number",
    "Street Name": "address_street_name",
    "Signup Channel": "signup_channel",
    "Spaaza Join Date": "spaaza_join_date",
    "Spaaza User ID": "id",
    "Auxiliary Identifier": "auxiliary_identifier",
    "Opt in Secondary": "opt_in_secondary",
    "Registered": "registered",
    "Language": "language",
    "Points to Proceed to Next Status Level": "loyalty_status_points_to_proceed_next_level",
    "Points to Remain at Current Status Level": "",
    "Last Review Date of Loyalty Status": "",
    "Next Review Date of Loyalty Status": "",
    "Date Loyalty Status Level Reached": "",
    "Subscribed to Push Notifications": "push_notification_subscription_subscribed",
    "Home Store Name": "home_store_name",
    "Home Store Owner Code": "home_store_owner_code",
    "Referred": "referral_referred",
    "Referring User Id": "",
    "Referring User Referral Code": "",
    "User Referral Code": "referral_code",
    "Employee": "is_employee",
    "Last modified date": "last_modified_date",
    "User channel identifier": "",
    "User channel version": "",
    "Push notification platform": "push_notification_platform",
    "Signup Store Code": "signup_store_owner_code",
    "Influencer": "is_influencer",
}
"""Each documented header, and the column of `users` it shows; "" is always empty."""
