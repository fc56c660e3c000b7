"""The SQL of the liability book.

`told` are the moves of closed months as the loaded tables have them, less what the book has of
these; where that is not nothing, it is `late`. Of months whose rows are not kept in the tables
(`retain_days`), the book stays as it is: only the others are `complete`.
"""

from __future__ import annotations

#: What a row of the book is about, beside its day.
KEY = "kind, campaign, currency"
#: What moves what is owed.
MOVES = ("issued", "redeemed", "expired", "corrected")
#: What has moved on each day, in a table of its own: the queries of it are planned once.
MOVES_TABLE = "spaaza_liability_moves"
#: What a row adds to what is owed.
NET = "issued - redeemed - expired + corrected"

TABLES = (
    """CREATE TABLE IF NOT EXISTS {book} (
    day DATE, kind TEXT, campaign TEXT, currency TEXT, opening DECIMAL(38, 4),
    issued DECIMAL(38, 4), redeemed DECIMAL(38, 4), expired DECIMAL(38, 4),
    corrected DECIMAL(38, 4), closing DECIMAL(38, 4), adjusts DATE)""",
    """CREATE TABLE IF NOT EXISTS {closings} (
    month DATE, closed_at TIMESTAMP WITH TIME ZONE, time_zone TEXT)""",
)
#: What changes what is owed, by view: above zero if more is owed by it.
CHANGES = {
    "voucher_events": """
SELECT 'voucher' AS kind, coalesce(campaign_id, campaign, '(none)') AS campaign,
       coalesce(currency, '(none)') AS currency, event, happened_at, amount
FROM {voucher_events} WHERE amount IS NOT NULL""",
    # What is left on a card when it expires was not spent.
    "wallet_entries": """
SELECT CASE unit WHEN 'money' THEN 'wallet' ELSE 'points' END AS kind,
       coalesce(campaign_id, campaign, '(none)') AS campaign,
       CASE unit WHEN 'money' THEN coalesce(currency, '(none)') ELSE 'points' END AS currency,
       event, happened_at, amount
FROM (
    SELECT unit, campaign_id, campaign, currency, event, happened_at,
           coalesce(amount, points) AS amount
    FROM {wallet_entries}
    UNION ALL
    SELECT unit, max(campaign_id), max(campaign), max(currency), 'expired', wallet_expires_at,
           -sum(coalesce(amount, points))
    FROM {wallet_entries}
    WHERE wallet_expires_at IS NOT NULL AND happened_at IS NOT NULL
    GROUP BY wallet_id, unit, wallet_expires_at
) AS entry
WHERE unit IN ('money', 'points') AND amount IS NOT NULL""",
}
MOVED = """
SELECT {key}, CAST(happened_at AT TIME ZONE {zone} AS DATE) AS day,
       sum(CASE event WHEN 'issued' THEN amount ELSE 0 END) AS issued,
       sum(CASE event WHEN 'redeemed' THEN -amount ELSE 0 END) AS redeemed,
       sum(CASE event WHEN 'expired' THEN -amount ELSE 0 END) AS expired,
       sum(CASE event WHEN 'corrected' THEN amount ELSE 0 END) AS corrected
FROM ({changes}) AS change
WHERE happened_at <= CAST({until} AS TIMESTAMP WITH TIME ZONE)
GROUP BY {key}, day
"""
OPEN_ROWS = """
INSERT INTO {book}
WITH moved AS (SELECT * FROM {moved}),
closed AS (SELECT * FROM {book} WHERE day < {first}),
held AS (SELECT {key}, sum({net}) AS held FROM closed GROUP BY {key}),
told AS (
    SELECT {key}, CAST(date_trunc('month', day) AS DATE) AS month, {moves}, 1 AS sign
    FROM moved WHERE day < {first}
    UNION ALL
    SELECT {key}, coalesce(adjusts, CAST(date_trunc('month', day) AS DATE)), {moves}, -1 FROM closed
),
late AS (
    SELECT {key}, month, {signed} FROM told WHERE {complete} GROUP BY {key}, month
),
began AS (
    SELECT {key}, min(day) AS day FROM (
        SELECT {key}, day FROM moved WHERE day >= {first}
        UNION ALL SELECT {key}, {first} FROM late UNION ALL SELECT {key}, {first} FROM held
    ) AS every_day GROUP BY {key}
),
calendar AS (
    SELECT CAST(d AS DATE) AS day
    FROM generate_series(CAST({first} AS TIMESTAMP), CAST({last} AS TIMESTAMP), INTERVAL '1 day')
        AS g(d)
),
listed AS (
    SELECT {first} AS day, {key}, {moves}, month AS adjusts FROM late
    WHERE issued <> 0 OR redeemed <> 0 OR expired <> 0 OR corrected <> 0
    UNION ALL
    SELECT c.day, b.kind, b.campaign, b.currency, {zeros}, CAST(NULL AS DATE)
    FROM began AS b JOIN calendar AS c ON c.day >= b.day
    LEFT JOIN moved AS m ON m.day = c.day AND m.kind = b.kind AND m.campaign = b.campaign
        AND m.currency = b.currency
),
run AS (
    SELECT l.*, coalesce(h.held, 0) + sum({net}) OVER (
        PARTITION BY l.kind, l.campaign, l.currency ORDER BY l.day, l.adjusts NULLS LAST
        ROWS UNBOUNDED PRECEDING) AS closing
    FROM listed AS l
    LEFT JOIN held AS h ON h.kind = l.kind AND h.campaign = l.campaign AND h.currency = l.currency
)
SELECT day, {key}, closing - ({net}), {moves}, closing, adjusts FROM run
WHERE closing <> 0 OR issued <> 0 OR redeemed <> 0 OR expired <> 0 OR corrected <> 0
"""
