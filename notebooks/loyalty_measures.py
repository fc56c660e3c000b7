"""Measures of a loyalty programme: from the model's views to small DataFrames, by SQL.

A measure whose column is missing raises `loaded_data.MissingError`. Days and periods are UTC.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Literal

import pandas as pd
from loaded_data import MissingError, literal, quoted
from loyalty_model import Model

Every = Literal["week", "month", "quarter"]


def active_members(data: Model, every: Every = "month") -> pd.DataFrame:
    """Members who bought something: `period, kind (new or returning), members, baskets`.

    New is who bought for the first time in these data. A return of goods is no purchase.
    """
    data.need("baskets", "happened_at", "member_id")
    return data.frame(
        f"""
        WITH purchase AS (
            SELECT member_id, happened_at, date_trunc('{every}', happened_at) AS period,
                   min(happened_at) OVER (PARTITION BY member_id) AS first
            FROM {data.bought}
            WHERE happened_at IS NOT NULL AND member_id IS NOT NULL AND coalesce(total, 0) >= 0
        )
        SELECT period, if(date_trunc('{every}', first) = period, 'new', 'returning') AS kind,
               count(DISTINCT member_id) AS members, count(*) AS baskets
        FROM purchase WHERE {data.inside("happened_at")} GROUP BY ALL ORDER BY period, kind
        """
    )


#: The segments, by recency and by the mean of frequency and money, each of five scores.
SEGMENTS = ("Champions", "Loyal", "Promising", "Needs attention", "At risk", "Hibernating")
_SEGMENT = """CASE
    WHEN r >= 4 AND fm >= 4 THEN 'Champions'
    WHEN r >= 3 AND fm >= 3 THEN 'Loyal'
    WHEN r >= 4 THEN 'Promising'
    WHEN r = 3 THEN 'Needs attention'
    WHEN fm >= 3 THEN 'At risk'
    ELSE 'Hibernating' END"""


def _scored(data: Model, as_of: dt.date) -> str:
    data.need("baskets", "happened_at", "member_id", "total")
    # Equal members get equal scores, so the fifths may differ in size.
    fifth = "least(5, 1 + CAST(floor(5 * percent_rank() OVER (ORDER BY {})) AS INTEGER))"
    return f"""
        WITH each AS (
            SELECT member_id AS member, max(happened_at) FILTER (total >= 0) AS last_purchase,
                   count(*) FILTER (total >= 0) AS purchases, sum(total)::DOUBLE AS value
            FROM {data.baskets}
            WHERE member_id IS NOT NULL AND total IS NOT NULL
              AND happened_at < DATE '{as_of}' + INTERVAL 1 DAY
            GROUP BY member_id HAVING purchases > 0
        ), scored AS (
            SELECT *, date_diff('day', CAST(last_purchase AS DATE), DATE '{as_of}') AS days_since,
                   {fifth.format("CAST(last_purchase AS DATE)")} AS r,
                   {fifth.format("purchases")} AS f, {fifth.format("value")} AS m,
                   CAST(ceil((f + m) / 2) AS INTEGER) AS fm
            FROM each
        )
        SELECT member, {_SEGMENT} AS segment, days_since, purchases, value, r, f, m, fm,
               last_purchase
        FROM scored
    """


def rfm_grid(data: Model, as_of: dt.date) -> pd.DataFrame:
    """Members by score: `segment, r, fm, members, value`, r of recency, fm of the rest."""
    return data.frame(
        "SELECT segment, r, fm, count(*) AS members, sum(value) AS value"
        f" FROM ({_scored(data, as_of)}) GROUP BY ALL ORDER BY r, fm"
    )


def rfm_segments(data: Model, as_of: dt.date) -> pd.DataFrame:
    """`segment, members, share, value, purchases, days_since`; the last two are medians."""
    return data.frame(
        "SELECT segment, count(*) AS members, count(*) / sum(count(*)) OVER () AS share,"
        " sum(value) AS value, median(purchases) AS purchases, median(days_since) AS days_since"
        f" FROM ({_scored(data, as_of)}) GROUP BY segment ORDER BY members DESC"
    )


def rfm_members(data: Model, as_of: dt.date, segments: Sequence[str] | None = None) -> pd.DataFrame:
    """The members of some segments, or of all, the most valuable first.

    Returns:
        `member, segment, days_since, purchases, value, r, f, m, last_purchase`.
    """
    chosen = ", ".join(literal(each) for each in segments or SEGMENTS)
    return data.frame(
        f"SELECT * EXCLUDE fm FROM ({_scored(data, as_of)}) WHERE segment IN ({chosen})"
        " ORDER BY value DESC, member"
    )


def _vouchers(data: Model, as_of: dt.date) -> str:
    """Each voucher that was issued on the days that count, with `redeemed` and `state`."""
    data.need("vouchers")
    ways = ("redeemed_at", "redemptions", "status")
    tells = [way for way in ways if data.knows("vouchers", way)]
    # Where a voucher does not tell when it was redeemed, a table of redemptions may.
    by_events = "redeemed_at" not in tells and data.made_of.get("voucher_events") == "redemptions"
    if not tells and not by_events:
        data.need("vouchers", "redeemed_at")
    first = "v.redeemed_at"
    uses = "SELECT NULL::VARCHAR AS its_id, NULL::TIMESTAMP AS first"
    if by_events:
        first = "u.first"
        uses = (
            "SELECT voucher_id AS its_id, min(happened_at) FILTER (event = 'redeemed') AS first"
            " FROM voucher_events WHERE event IN ('redeemed', 'corrected') GROUP BY voucher_id"
            # One that was rolled back was not used.
            " HAVING count(*) FILTER (event = 'redeemed') > count(*) FILTER (event = 'corrected')"
        )
    among = data.inside("v.created_at") if data.knows("vouchers", "created_at") else "true"
    return f"""
        SELECT v.*, {first} AS redeemed, CASE
            WHEN {first} IS NOT NULL OR coalesce(v.redemptions > 0, false)
              OR coalesce(lower(v.status) = 'redeemed', false) THEN 'redeemed'
            WHEN v.expires_at < DATE '{as_of}' + INTERVAL 1 DAY OR lower(v.status) = 'expired'
            THEN 'expired' ELSE 'open' END AS state
        FROM vouchers v LEFT JOIN ({uses}) u ON u.its_id = v.voucher_id
        WHERE {among}
    """


def voucher_funnel(
    data: Model, as_of: dt.date, by: str | None = None, only: Sequence[str] = ()
) -> pd.DataFrame:
    """What became of the vouchers: `stage, vouchers, share` of those issued.

    Args:
        data: The programme.
        as_of: The day by whose end a voucher has expired.
        by: The column that `only` lists values of: `campaign` or `type`.
        only: The values; all, if there are none.
    """
    among = f"({_vouchers(data, as_of)})"
    if by and only:
        data.need("vouchers", by)
        values = ", ".join(literal(each) for each in only)
        among = f"(FROM {among} WHERE coalesce({quoted(by)}, '(none)') IN ({values}))"
    stages = data.frame(
        f"""
        WITH counted AS (
            SELECT count(*) AS issued,
                   count(*) FILTER (state = 'redeemed' OR lower(status) = 'claimed') AS claimed,
                   count(*) FILTER (state = 'redeemed') AS redeemed,
                   count(*) FILTER (state = 'expired') AS expired,
                   count(*) FILTER (state = 'open') AS open,
                   count(*) FILTER (lower(status) = 'claimed') > 0 AS can_claim
            FROM {among}
        )
        SELECT stage, vouchers, vouchers / nullif(issued, 0) AS share FROM (
            SELECT issued, unnest(['Issued', 'Claimed', 'Redeemed', 'Expired unused', 'Still open'])
                   AS stage, unnest([issued, if(can_claim, claimed, NULL), redeemed, expired, open])
                   AS vouchers FROM counted)
        WHERE vouchers IS NOT NULL
        """
    )
    if not stages["vouchers"].any():
        raise MissingError("No voucher was issued on these days.")
    return stages


def vouchers_by(data: Model, as_of: dt.date, by: str) -> pd.DataFrame:
    """By `campaign` or `type`, the 15 largest: `name, issued, redeemed, expired, open, rate`."""
    data.need("vouchers", by)
    return data.frame(
        f"""
        SELECT coalesce({quoted(by)}, '(none)') AS name, count(*) AS issued,
               count(*) FILTER (state = 'redeemed') AS redeemed,
               count(*) FILTER (state = 'expired') AS expired,
               count(*) FILTER (state = 'open') AS open,
               count(*) FILTER (state = 'redeemed') / count(*) AS rate
        FROM ({_vouchers(data, as_of)}) GROUP BY name ORDER BY issued DESC, name LIMIT 15
        """
    )


def time_to_redemption(data: Model, as_of: dt.date) -> pd.DataFrame:
    """Redeemed vouchers by whole days since they were issued: `days, vouchers, share` so far.

    One redeemed before it was issued is left out: its times are wrong.
    """
    data.need("vouchers", "created_at")
    days = data.frame(
        f"""
        SELECT days, count(*) AS vouchers, sum(vouchers) OVER (ORDER BY days)
               / sum(vouchers) OVER () AS share
        FROM (SELECT date_diff('second', created_at, redeemed) // 86400 AS days
              FROM ({_vouchers(data, as_of)}) WHERE redeemed >= created_at)
        GROUP BY days ORDER BY days
        """
    )
    if days.empty:
        raise MissingError("No voucher has a time of issue and one of redemption.")
    return days


def half(days: pd.DataFrame) -> int:
    """The day by which half of the vouchers of `time_to_redemption` were redeemed."""
    return int(days.loc[days["share"] >= 0.5, "days"].iloc[0])  # noqa: PLR2004


def _entries(data: Model, *columns: str) -> str:
    """Each wallet entry with `unit` and `change`, above zero where the wallet grew.

    As in the book, what is left on a card when it expires is taken from it.
    """
    data.need("wallet_entries", "unit", *columns)
    told = "SELECT 1 FROM wallet_entries WHERE coalesce(amount, points) IS NOT NULL LIMIT 1"
    if not data.rows(told):
        raise MissingError(f"No row of `{data.made_of['wallet_entries']}` tells how much.")
    return """
        SELECT happened_at, coalesce(wallet_id, member_id) AS wallet,
               coalesce(expires_at, wallet_expires_at) AS expires, unit = 'points' AS is_points,
               CASE unit WHEN 'money' THEN coalesce(currency, 'money') ELSE unit END AS unit,
               coalesce(amount, points)::DOUBLE AS change
        FROM (
            SELECT wallet_id, member_id, happened_at, unit, currency, amount, points, expires_at,
                   wallet_expires_at FROM wallet_entries
            UNION ALL
            SELECT wallet_id, NULL, wallet_expires_at, unit, max(currency), -sum(amount),
                   -sum(points), NULL, wallet_expires_at FROM wallet_entries
            WHERE wallet_expires_at <= (SELECT max(happened_at) FROM wallet_entries)
            GROUP BY wallet_id, unit, wallet_expires_at
        ) WHERE coalesce(amount, points) IS NOT NULL
    """


def wallet_units(data: Model) -> list[str]:
    """What wallets hold, as points or a currency, the commonest first."""
    counted = "GROUP BY unit ORDER BY count(*) DESC, unit LIMIT 20"
    return [unit for (unit,) in data.rows(f"SELECT unit FROM ({_entries(data)}) {counted}")]


def liability(data: Model, unit: str, every: Every = "month") -> pd.DataFrame:
    """What members hold at the end of each period: `period, added, taken, balance`.

    A ledger is added up from its first entry; a balance from before that is not in it.
    """
    entries = _entries(data, "happened_at")
    shown = "true"
    if data.span is not None:
        shown = f"period >= date_trunc('{every}', DATE '{data.span[0]}')"
    return data.frame(
        f"""
        SELECT *, sum(added + taken) OVER (ORDER BY period) AS balance FROM (
            SELECT date_trunc('{every}', happened_at) AS period,
                   sum(greatest(change, 0)) AS added, sum(least(change, 0)) AS taken
            FROM ({entries})
            WHERE unit = {literal(unit)} AND happened_at IS NOT NULL
              AND {data.by_end("happened_at")}
            GROUP BY period)
        QUALIFY {shown} ORDER BY period
        """
    )


def liability_by_expiry(data: Model, as_of: dt.date) -> pd.DataFrame:
    """What is still held, by the month in which it expires: `period, of, amount`.

    Vouchers that still owe an amount; points that are listed as expiring; and wallet entries that
    tell when they expire, of which what expires first is taken to be spent first. An empty period
    stands for what never expires.
    """
    parts, reasons = [], []
    for part in (_expiring_points, _expiring_entries, _expiring_vouchers):
        try:
            parts.append(part(data, as_of))
        except MissingError as missing:
            reasons.append(str(missing))
    if not parts:
        raise MissingError(" ".join(dict.fromkeys(reasons)))
    return data.frame(
        "SELECT date_trunc('month', expires) AS period, what AS \"of\", sum(amount) AS amount"
        f" FROM ({' UNION ALL '.join(parts)}) WHERE amount > 0 GROUP BY ALL ORDER BY ALL"
    )


def _expiring_points(data: Model, as_of: dt.date) -> str:
    data.need("expirations", "expires", "amount")
    return (
        "SELECT expires, 'points' AS what, amount FROM expirations"
        f" WHERE expires >= DATE '{as_of}' AND coalesce(status, '') NOT ILIKE 'expired'"
    )


def _expiring_entries(data: Model, as_of: dt.date) -> str:
    entries = _entries(data)
    if not data.rows(f"SELECT 1 FROM ({entries}) WHERE expires IS NOT NULL LIMIT 1"):
        raise MissingError(f"No row of `{data.made_of['wallet_entries']}` tells when it expires.")
    # Points that are listed by when they expire are not counted twice.
    only = "NOT is_points" if "expirations" in data.has else "true"
    return f"""
        SELECT expires, unit AS what, least(change, greatest(0, so_far - spent)) AS amount FROM (
            SELECT *, sum(greatest(change, 0)) OVER (
                       PARTITION BY wallet, unit ORDER BY expires NULLS LAST, happened_at
                       ROWS UNBOUNDED PRECEDING) AS so_far,
                   -sum(least(change, 0)) OVER (PARTITION BY wallet, unit) AS spent
            FROM ({entries}) WHERE {only} AND {data.by_end("happened_at")})
        WHERE change > 0 AND (expires IS NULL OR expires >= DATE '{as_of}')
    """


def _expiring_vouchers(data: Model, as_of: dt.date) -> str:
    data.need("vouchers", "expires_at")
    # What a card holds is in its entries.
    data.need("voucher_events", "amount")
    return f"""
        SELECT expires_at AS expires, concat_ws(' ', 'vouchers', owed.currency) AS what, amount
        FROM vouchers JOIN (
            SELECT voucher_id, any_value(currency) AS currency, sum(amount)::DOUBLE AS amount
            FROM voucher_events WHERE event <> 'expired' AND {data.by_end("happened_at")}
            GROUP BY voucher_id) AS owed USING (voucher_id)
        WHERE balance IS NULL AND points_balance IS NULL
          AND (expires_at IS NULL OR expires_at >= DATE '{as_of}' + INTERVAL 1 DAY)
    """


def basket_sizes(data: Model, bins: int = 40) -> pd.DataFrame:
    """Baskets by what was paid: `low, high, baskets`; without returns and the top hundredth."""
    data.need("baskets", "total")
    return data.frame(
        f"""
        WITH paid AS (SELECT total::DOUBLE AS value FROM {data.baskets} WHERE total > 0),
             range AS (SELECT quantile_cont(value, 0.99) AS top FROM paid),
             step AS (SELECT CASE WHEN raw <= 1 THEN 1 WHEN raw <= 2 THEN 2 WHEN raw <= 5 THEN 5
                                  WHEN raw <= 10 THEN 10 ELSE ceil(raw / 10) * 10 END AS width
                      FROM (SELECT top / {bins} AS raw FROM range))
        SELECT floor(value / width) * width AS low, low + width AS high, count(*) AS baskets
        FROM paid, range, step WHERE value <= top GROUP BY ALL ORDER BY low
        """
    )


def baskets_over_time(data: Model, every: Every = "month") -> pd.DataFrame:
    """`period, baskets, revenue, median, quantity`: the middle value, and the mean quantity."""
    data.need("baskets", "happened_at", "total")
    return data.frame(
        f"""
        SELECT date_trunc('{every}', happened_at) AS period,
               count(*) FILTER (total >= 0) AS baskets, sum(total)::DOUBLE AS revenue,
               (median(total) FILTER (total >= 0))::DOUBLE AS median,
               (avg(quantity) FILTER (total >= 0))::DOUBLE AS quantity
        FROM {data.baskets} WHERE happened_at IS NOT NULL AND total IS NOT NULL
        GROUP BY period ORDER BY period
        """
    )


def baskets_by_channel(data: Model) -> pd.DataFrame:
    """The ten largest channels: `channel, baskets, median, quantity`."""
    data.need("baskets", "channel", "total")
    return data.frame(
        "SELECT coalesce(channel, '(none)') AS channel, count(*) AS baskets,"
        " median(total)::DOUBLE AS median, avg(quantity)::DOUBLE AS quantity"
        f" FROM {data.baskets}"
        " WHERE total >= 0 GROUP BY ALL ORDER BY baskets DESC, channel LIMIT 10"
    )
