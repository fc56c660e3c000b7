"""What tells a person in Spaaza's exports, and which columns hold it.

Only the bulk users export has documented headers; the others are the names of `personal_columns`.
An employee's id is not followed: nobody documents whether it is a user's.
"""

from __future__ import annotations

from spaaza_source.tombstones import Identifier, People, words

PEOPLE_TABLES = ("users", "bulk_users")

PEOPLE = People(
    PEOPLE_TABLES,
    (
        Identifier(
            "user id",
            rows=words(
                "user_id spaaza_user_id customer_id shopper_id user_user_id user_spaaza_user_id"
                " shopper_user_id customer_user_id"
            ),
            # Another user's row, or another's voucher, names who has referred or redeemed.
            cells=words(
                "referring_user_id referral_referring_user_id referrer_id creating_user_id"
                " creating_user_user_id redeeming_basket_user_id redeeming_basket_user_user_id"
            ),
            own={"users": words("id")},
            taken_from=PEOPLE_TABLES,
        ),
        Identifier(
            "member code",
            rows=words(
                "entity_code entity_code_code user_entity_code user_entity_code_code member_number"
                " membership_number member_id user_member_number card_number loyalty_card_number"
                " authentication_point authentication_point_id authentication_point_identifier"
                " auxiliary_identifier user_auxiliary_identifier"
            ),
            own={"bulk_users": words("id")},
            taken_from=PEOPLE_TABLES,
        ),
        Identifier(
            "e-mail address",
            rows=words(
                "email email_username email_address username user_email user_username"
                " customer_email shopper_email"
            ),
            # Somebody of the same household may have given it too.
            cells=words("other_email facebook_email"),
            taken_from=PEOPLE_TABLES,
        ),
        Identifier(
            "referral code",
            cells=words(
                "referring_user_referral_code referral_referring_user_referral_code"
                " user_referring_user_referral_code"
            ),
            own={
                table: words("referral_code referral_referral_code user_referral_code")
                for table in PEOPLE_TABLES
            },
            taken_from=PEOPLE_TABLES,
        ),
    ),
)
