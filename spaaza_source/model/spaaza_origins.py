"""Spaaza's tables in the model.

The headers of the bulk users export are documented. Those of the six task exports are not: the
names are those of the vendor's other documents, flattened (`spaaza_source.spaaza` has the same).
Money is in major units there. An amount of a voucher that takes a percentage, or gives an item, is
no money, and so no amount here.
"""

from __future__ import annotations

from spaaza_source.model.origins import Origin, Recipe, roles

_MEMBER = """
member_id = {first} user_id member_id
email = username email_username email email_address
first_name = firstname first_name
last_name = lastname last_name
country = country_code country address_country_code
language = language
birthday:date = birthday
created_at:instant = created_date spaaza_join_date
modified_at:instant = last_modified_date
last_purchase_at:instant = last_purchase_date
last_login_at:instant = last_login_date
opted_in:flag = spaaza_opted_in opted_in mailing_list_subscribed
level = loyalty_status_level loyalty_status_name
balance:decimal = total_cashback_balance cashback_balance
points_balance:decimal = points_wallet_balance points_balance
purchases:count = number_of_purchases
"""
_USERS = Origin(
    "users",
    roles(
        _MEMBER.format(first="spaaza_user_id id")
        + "member_number = entity_code_code entity_code member_number"
    ),
)
# There `id` is the number on the card, as far as its samples show.
_BULK_USERS = Origin(
    "bulk_users", roles(_MEMBER.format(first="spaaza_user_id") + "member_number = id")
)

_VOUCHERS = Origin(
    "vouchers",
    roles(
        """
voucher_id = id voucher_id
code = voucher_key key code
member_id = user_id user_user_id user_spaaza_user_id
campaign_id = campaign_id campaign_campaign_id voucher_campaign_id
campaign = campaign_title campaign_campaign_title voucher_campaign_title
type = type voucher_type
status = status voucher_status
created_at:instant = date_time_creation voucher_created_datetime created_date
redeemed_at:instant = date_time_redeemed voucher_redeemed_datetime
expires_at:instant = date_time_expiry voucher_expiry_datetime_utc
modified_at:instant = last_modified_date
amount:decimal = amount_original voucher_amount_original amount voucher_amount
amount_redeemed:decimal = amount_redeemed voucher_amount_redeemed
discount_ratio:decimal = discount_ratio voucher_discount_ratio
currency = currency_code voucher_currency_code currency_symbol voucher_currency_symbol currency
basket_id = redeeming_basket_id redeeming_basket
"""
    ),
)
#: Kinds of vouchers whose amount is no money, also within a longer word: `basket_pct`.
_NO_MONEY = "lower(coalesce(type, '')) ~ '^.*(pct|percent|unit).*$'"

_BASKETS = Origin(
    "transactions",
    roles(
        """
basket_id = id basket_id receipt_id
code = retailer_basket_code basket_code
member_id = user_id user_user_id shopper_id user_spaaza_user_id
happened_at:instant = timestamp basket_timestamp_iso8601 created_date date
channel = type basket_platform_type channel
store = chain_business_name chain_business_branch_code branch_business_owner_code store_name
status = status state
currency = currency_currency_code currency_code currency currency_currency_symbol currency_symbol
total:decimal = total_value basket_total_price total amount
quantity:decimal = quantity
"""
    ),
)

_LEDGER = Origin(
    "wallet_ledger",
    roles(
        """
entry_id = id entry_id
member_id = user_id user_user_id member_id user_spaaza_user_id
campaign_id = contributing_campaign_id campaign_campaign_id campaign_id wallet_campaign_id
campaign = contributing_campaign_title campaign_campaign_title campaign_title wallet_campaign_title
happened_at:instant = timestamp date created_date
number:decimal = amount points value
direction = earn_or_spend direction
money_unit = currency_code currency_symbol currency
wallet = wallet_type wallet_campaign_type
kind = kind type
reason = reason mutator_name
basket_id = receipt_id basket_id
returned = return_transaction_receipt_id return_transaction_retailer_basket_code
expires_at:instant = expires_at date_time_expiry expiry_date
"""
    ),
)

#: An entry of a wallet, with `unit` and `change`. Spending is negative in some ledgers, in others a
#: word beside a positive amount. A draw's entries and progress are neither money nor points.
_ENTRIES = """
WITH entry AS ({loaded}), told AS (
    SELECT entry.*,
           lower(coalesce(direction, '')) ~ '^(spen|debit).*$' AS is_spent,
           CASE WHEN lower(coalesce(wallet, '')) ~ '^point.*$'
                  OR upper(coalesce(money_unit, '')) IN ('PTN', 'PTS', 'POINTS') THEN 'points'
                WHEN lower(coalesce(wallet, '')) ~ '^.*(entries|progress|count).*$'
                THEN lower(wallet) ELSE 'money' END AS unit
    FROM entry
), changed AS (
    SELECT told.*, CASE WHEN is_spent AND NOT EXISTS
        (SELECT 1 FROM told AS other WHERE other.is_spent AND other.number < 0)
        THEN -number ELSE number END AS change
    FROM told
)
SELECT entry_id, NULL AS wallet_id, member_id, campaign_id, campaign, happened_at,
       CASE WHEN lower(coalesce(kind, '')) ~ '^.*expir.*$' THEN 'expired'
            WHEN returned IS NOT NULL THEN 'corrected'
            WHEN lower(coalesce(kind, '')) ~ '^.*(manual|correct|adjust).*$' THEN 'corrected'
            WHEN change < 0 THEN 'redeemed' ELSE 'issued' END AS event,
       unit, CASE WHEN unit = 'money' THEN change END AS amount,
       CASE WHEN unit <> 'money' THEN change END AS points,
       CASE WHEN unit <> 'money' THEN NULL WHEN money_unit = '€' THEN 'EUR'
            WHEN money_unit = '£' THEN 'GBP' ELSE money_unit END AS currency,
       kind, reason, basket_id, expires_at, NULL AS wallet_expires_at
FROM changed
"""

#: What happens to vouchers, from their own rows. One that was redeemed for less than its amount is
#: spent: the vendor makes another voucher of the rest. What expires later is dated later.
_EVENTS = """
WITH told AS (
    SELECT v.*, e.event,
           coalesce(lower(status) = 'redeemed', FALSE) OR redeemed_at IS NOT NULL AS is_redeemed,
           coalesce(redeemed_at, modified_at, created_at) AS ended_at,
           coalesce(amount_redeemed, amount) AS taken
    FROM {vouchers} AS v
    CROSS JOIN (VALUES ('issued'), ('redeemed'), ('corrected'), ('expired')) AS e(event)
)
SELECT voucher_id, code, member_id, campaign_id, campaign, event,
       CASE event WHEN 'issued' THEN created_at WHEN 'expired' THEN expires_at
            ELSE ended_at END AS happened_at,
       CASE event WHEN 'issued' THEN amount WHEN 'redeemed' THEN -taken
            WHEN 'corrected' THEN taken - amount ELSE -amount END AS amount,
       currency, CASE WHEN event IN ('redeemed', 'corrected') THEN basket_id END AS basket_id
FROM told
WHERE event = 'issued' OR (event = 'redeemed' AND is_redeemed)
   OR (event = 'corrected' AND is_redeemed AND taken <> amount)
   OR (event = 'expired' AND NOT is_redeemed AND expires_at IS NOT NULL)
"""

RECIPES: dict[str, Recipe] = {
    "members": Recipe((_USERS, _BULK_USERS)),
    "vouchers": Recipe(
        (_VOUCHERS,),
        cells={
            "amount": f"CASE WHEN NOT {_NO_MONEY} THEN amount END",
            "amount_redeemed": f"CASE WHEN NOT {_NO_MONEY} THEN amount_redeemed END",
            "currency": "CASE currency WHEN '€' THEN 'EUR' WHEN '£' THEN 'GBP' ELSE currency END",
        },
    ),
    "baskets": Recipe((_BASKETS,)),
    "voucher_events": Recipe(needs=("vouchers",), sql=_EVENTS),
    "wallet_entries": Recipe((_LEDGER,), sql=_ENTRIES),
}
