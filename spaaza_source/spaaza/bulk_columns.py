"""The documented columns of the bulk users export, with the types their samples show.

Vendor document: "Exporting users (bulk)", the header and its five sample rows; types are inferred
from these and from the platform's user documents. The header of the file decides which columns
there are; these hints describe those that it has.
"""

from __future__ import annotations

from dlt.common.data_types import TDataType
from dlt.common.schema.typing import TColumnSchema

#: Codes and numbers that nobody adds up stay text: a leading zero or a plus sign can matter.
TYPES: dict[str, TDataType] = {
    "id": "text",
    "first_name": "text",
    "last_name": "text",
    "email_username": "text",
    "facebook_email": "text",
    "other_email": "text",
    "facebook_id": "text",
    "gender": "text",
    "birthday": "date",
    "overall": "bigint",
    "recency": "bigint",
    "frequency": "bigint",
    "monetary": "bigint",
    "created_date": "timestamp",
    "last_login_date": "timestamp",
    "last_purchase_date": "timestamp",
    "last_loyalty_activity_date": "timestamp",
    "cashback_balance": "decimal",
    "brands_purchased": "text",
    "stores": "text",
    "opted_in": "bool",
    "country": "text",
    "sign_up_store": "text",
    "postal_code": "text",
    "town_city": "text",
    "points_balance": "decimal",
    "authentication_point_id": "text",
    "mailing_list_subscriber": "bool",
    "print_mailing_list_subscriber": "bool",
    "loyalty_status_level": "text",
    "average_spend_value": "decimal",
    "days_since_last_purchase": "bigint",
    "number_of_purchases": "bigint",
    "offline_shopper": "bool",
    "online_shopper": "bool",
    "region_state": "text",
    "house_number": "text",
    "house_number_extension": "text",
    "address_line_2": "text",
    "address_line_3": "text",
    "phone_number": "text",
    "street_name": "text",
    "signup_channel": "text",
    "spaaza_join_date": "timestamp",
    "spaaza_user_id": "bigint",
    "auxiliary_identifier": "text",
    "opt_in_secondary": "bool",
    "registered": "bool",
    "language": "text",
    "points_to_proceed_to_next_status_level": "decimal",
    "points_to_remain_at_current_status_level": "decimal",
    "last_review_date_of_loyalty_status": "timestamp",
    "next_review_date_of_loyalty_status": "timestamp",
    "date_loyalty_status_level_reached": "timestamp",
    "subscribed_to_push_notifications": "bool",
    "home_store_name": "text",
    "home_store_owner_code": "text",
    "referred": "bool",
    "referring_user_id": "bigint",
    "referring_user_referral_code": "text",
    "user_referral_code": "text",
    "employee": "bool",
    "last_modified_date": "timestamp",
    "user_channel_identifier": "text",
    "user_channel_version": "text",
    "push_notification_platform": "text",
    "signup_store_code": "text",
    "influencer": "bool",
}


def documented_columns() -> list[TColumnSchema]:
    """The columns as dlt column hints."""
    return [{"name": name, "data_type": kind} for name, kind in TYPES.items()]
