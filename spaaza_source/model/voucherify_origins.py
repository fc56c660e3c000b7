"""Voucherify's tables in the model.

The fields are documented (`spaaza_source.voucherify`). Amounts of orders, of redemptions and of the
credits in transactions are in hundredths; `value` and `gift_balance` of a voucher are in major
units, as far as the one documented file shows (`2000.00`). No field has a currency. Gift cards and
loyalty cards are wallets.
"""

from __future__ import annotations

from spaaza_source.model.origins import Origin, Recipe, roles

_CUSTOMERS = Origin(
    "customers",
    roles(
        """
member_id = id
member_number = source_id
email = email
first_name = name
country = address_country
birthday:date = birthdate birthday
created_at:instant = created_at
modified_at:instant = updated_at
last_purchase_at:instant = orders_last_order_date
points_balance:decimal = loyalty_points
purchases:count = orders_total_count
"""
    ),
)
_VOUCHERS = Origin(
    "vouchers",
    roles(
        """
voucher_id = id
code = code
member_id = customer_id
campaign_id = campaign_id
campaign = campaign
type = voucher_type
discount_type = discount_type
created_at:instant = created_at
expires_at:instant = expiration_date
modified_at:instant = updated_at
amount:decimal = value
redemption_limit:count = redemption_quantity
redemptions:count = redemption_count
balance:decimal = gift_balance
points_balance:decimal = loyalty_balance
"""
    ),
)
_ORDERS = Origin(
    "orders",
    roles(
        """
basket_id = id
code = source_id
member_id = customer_id
happened_at:instant = created_at
status = status
total:decimal/100 = total_amount amount
"""
    ),
)
_REDEMPTIONS = Origin(
    "redemptions",
    roles(
        """
happened_at:instant = date created_at
code = voucher_code
object = object
result = result
basket_id = order_id
"""
    ),
)
_TRANSACTIONS = Origin(
    "voucher_transactions",
    roles(
        """
entry_id = id
wallet_id = voucher_id
campaign_id = campaign_id
happened_at:instant = created_at
kind = type
reason = reason
basket_id = source_id
amount:decimal/100 = amount
points:decimal = amount
money_after:decimal/100 = balance
points_after:decimal = balance
"""
    ),
)

#: Each use of a code takes its value; a code without a limit owes nothing that can be counted.
_EVENTS = """
WITH redemption AS (
    SELECT r.*, lower(coalesce(object, '')) ~ '^.*rollback.*$' AS is_undone FROM ({loaded}) AS r
    WHERE code IS NOT NULL AND lower(coalesce(result, 'success')) ~ '^success.*$'
), uses AS (
    SELECT code AS its_code, sum(CASE WHEN is_undone THEN -1 ELSE 1 END) AS used
    FROM redemption GROUP BY code
), priced AS (
    SELECT v.*, CASE WHEN type IS NULL OR upper(type) NOT IN ('GIFT_VOUCHER', 'LOYALTY_CARD')
                     THEN CASE WHEN redemption_limit IS NOT NULL THEN amount END END AS price,
           greatest(redemption_limit - coalesce(used, 0), 0) AS unused
    FROM {vouchers} AS v LEFT JOIN uses ON its_code = v.code
)
SELECT voucher_id, code, member_id, campaign_id, campaign, 'issued' AS event,
       created_at AS happened_at, price * redemption_limit AS amount, currency, NULL AS basket_id
FROM priced
UNION ALL
SELECT p.voucher_id, r.code, p.member_id, p.campaign_id, p.campaign,
       CASE WHEN r.is_undone THEN 'corrected' ELSE 'redeemed' END, r.happened_at,
       CASE WHEN r.is_undone THEN price ELSE -price END, p.currency, r.basket_id
FROM redemption AS r LEFT JOIN priced AS p ON p.code = r.code
UNION ALL
SELECT voucher_id, code, member_id, campaign_id, campaign, 'expired', expires_at,
       -price * unused, currency, NULL
FROM priced WHERE expires_at IS NOT NULL AND (unused > 0 OR redemption_limit IS NULL)
"""

#: Each change of a card; and one more for what it held before the first of them, from its own row.
_ENTRIES = """
WITH entry AS (
    SELECT t.*, CASE WHEN upper(coalesce(kind, '')) ~ '^POINTS_.*$' THEN 'points'
                     ELSE 'money' END AS unit
    FROM ({loaded}) AS t
), changed AS (
    SELECT entry.*, CASE unit WHEN 'points' THEN points ELSE amount END AS change,
           CASE unit WHEN 'points' THEN points_after ELSE money_after END AS after,
           row_number() OVER (PARTITION BY wallet_id ORDER BY happened_at, entry_id) AS number
    FROM entry
), began AS (
    SELECT wallet_id AS its_id, sum(change) AS sum_of_changes,
           max(CASE WHEN number = 1 THEN after - change END) AS before
    FROM changed GROUP BY wallet_id
), card AS (
    SELECT v.*, CASE WHEN points_balance IS NOT NULL THEN 'points' ELSE 'money' END AS unit,
           CASE WHEN its_id IS NULL THEN coalesce(points_balance, balance)
                ELSE coalesce(before, coalesce(points_balance, balance) - sum_of_changes)
                END AS before
    FROM {vouchers} AS v LEFT JOIN began ON its_id = v.voucher_id
    WHERE points_balance IS NOT NULL OR balance IS NOT NULL
)
SELECT entry_id, wallet_id, v.member_id, coalesce(c.campaign_id, v.campaign_id) AS campaign_id,
       v.campaign, happened_at,
       CASE WHEN upper(coalesce(kind, '')) ~ '^.*EXPIRATION.*$' THEN 'expired'
            WHEN upper(coalesce(kind, '')) ~ '^.*REDEMPTION.*$' THEN 'redeemed'
            WHEN upper(coalesce(kind, '')) ~ '^.*(REMOVAL|REFUND|TRANSFER).*$' THEN 'corrected'
            ELSE 'issued' END AS event,
       unit, CASE WHEN unit = 'money' THEN change END AS amount,
       CASE WHEN unit = 'points' THEN change END AS points,
       CASE WHEN unit = 'money' THEN v.currency END AS currency, kind, reason,
       c.basket_id, NULL AS expires_at, v.expires_at AS wallet_expires_at
FROM changed AS c LEFT JOIN {vouchers} AS v ON v.voucher_id = c.wallet_id
UNION ALL
SELECT NULL, voucher_id, member_id, campaign_id, campaign, created_at, 'issued', unit,
       CASE WHEN unit = 'money' THEN before END, CASE WHEN unit = 'points' THEN before END,
       CASE WHEN unit = 'money' THEN currency END, 'opening', NULL, NULL, NULL, expires_at
FROM card WHERE before <> 0
"""

RECIPES: dict[str, Recipe] = {
    "members": Recipe((_CUSTOMERS,)),
    "vouchers": Recipe(
        (_VOUCHERS,),
        cells={
            "amount": "CASE WHEN upper(coalesce(type, '')) = 'GIFT_VOUCHER'"
            " OR upper(coalesce(discount_type, '')) = 'AMOUNT' THEN amount END",
        },
    ),
    "baskets": Recipe((_ORDERS,)),
    "voucher_events": Recipe((_REDEMPTIONS,), needs=("vouchers",), sql=_EVENTS),
    "wallet_entries": Recipe((_TRANSACTIONS,), needs=("vouchers",), sql=_ENTRIES),
}
