"""Measures of a loyalty programme: from its copied tables to small DataFrames, by SQL.

A measure whose column is missing raises `loaded_data.MissingError`. Days and periods are UTC.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Literal

import pandas as pd
from loaded_data import MissingError, literal, quoted
from loyalty_programme import Programme

Every = Literal["week", "month", "quarter"]


def active_members(data: Programme, every: Every = "month") -> pd.DataFrame:
    """Members who bought something: `period, kind (new or returning), members, baskets`.

    New is who bought for the first time in these data. A return of goods is no purchase.
    """
    data.need("purchases", "moment", "member")
    return data.frame(
        f"""
        WITH bought AS (
            SELECT member, moment, date_trunc('{every}', moment) AS period,
                   min(moment) OVER (PARTITION BY member) AS first
            FROM {data.ever}
            WHERE moment IS NOT NULL AND member IS NOT NULL AND coalesce(value, 0) >= 0
        )
        SELECT period, if(date_trunc('{every}', first) = period, 'new', 'returning') AS kind,
               count(DISTINCT member) AS members, count(*) AS baskets
        FROM bought WHERE {data.inside("moment")} GROUP BY ALL ORDER BY period, kind
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


def _scored(data: Programme, as_of: dt.date) -> str:
    data.need("purchases", "moment", "member", "value")
    # Equal members get equal scores, so the fifths may differ in size.
    fifth = "least(5, 1 + CAST(floor(5 * percent_rank() OVER (ORDER BY {})) AS INTEGER))"
    return f"""
        WITH each AS (
            SELECT member, max(moment) FILTER (value >= 0) AS last_purchase,
                   count(*) FILTER (value >= 0) AS purchases, sum(value) AS value
            FROM {data.baskets}
            WHERE member IS NOT NULL AND value IS NOT NULL
              AND moment < DATE '{as_of}' + INTERVAL 1 DAY
            GROUP BY member HAVING purchases > 0
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


def rfm_grid(data: Programme, as_of: dt.date) -> pd.DataFrame:
    """Members by score: `segment, r, fm, members, value`, r of recency, fm of the rest."""
    return data.frame(
        "SELECT segment, r, fm, count(*) AS members, sum(value) AS value"
        f" FROM ({_scored(data, as_of)}) GROUP BY ALL ORDER BY r, fm"
    )


def rfm_segments(data: Programme, as_of: dt.date) -> pd.DataFrame:
    """`segment, members, share, value, purchases, days_since`; the last two are medians."""
    return data.frame(
        "SELECT segment, count(*) AS members, count(*) / sum(count(*)) OVER () AS share,"
        " sum(value) AS value, median(purchases) AS purchases, median(days_since) AS days_since"
        f" FROM ({_scored(data, as_of)}) GROUP BY segment ORDER BY members DESC"
    )


def rfm_members(
    data: Programme, as_of: dt.date, segments: Sequence[str] | None = None
) -> pd.DataFrame:
    """The members of some segments, or of all, the most valuable first.

    Returns:
        `member, segment, days_since, purchases, value, r, f, m, last_purchase`.
    """
    chosen = ", ".join(literal(each) for each in segments or SEGMENTS)
    return data.frame(
        f"SELECT * EXCLUDE fm FROM ({_scored(data, as_of)}) WHERE segment IN ({chosen})"
        " ORDER BY value DESC, member"
    )


def _vouchers(data: Programme, as_of: dt.date, *, issued_before: bool = False) -> str:
    """Each voucher with `redeemed_at` and `state`: issued on the days that count, or before."""
    data.need("vouchers")
    among = data.by_end("v.created") if issued_before else data.inside("v.created")
    has, how = data.has["vouchers"], []
    by_code = "code" in has and {"code", "moment"} <= data.has.get("redemptions", frozenset())
    if "redeemed" in has:
        how.append("v.redeemed IS NOT NULL")
    if "uses" in has:
        how.append("v.uses > 0")
    if "status" in has:
        how.append("lower(v.status) = 'redeemed'")
    if by_code:
        how.append("r.first IS NOT NULL")
    if not how:
        data.need("vouchers", "redeemed")
    return f"""
        SELECT v.*, coalesce(v.redeemed, r.first) AS redeemed_at, CASE
            WHEN {" OR ".join(f"coalesce({each}, false)" for each in how)} THEN 'redeemed'
            WHEN v.expires < DATE '{as_of}' + INTERVAL 1 DAY OR lower(v.status) = 'expired'
            THEN 'expired' ELSE 'open' END AS state
        FROM vouchers v LEFT JOIN ({_first_redemptions(by_code=by_code)}) r ON r.code = v.code
        WHERE {among if "created" in has else "true"}
    """


def _first_redemptions(*, by_code: bool) -> str:
    if not by_code:
        return "SELECT NULL::VARCHAR AS code, NULL::TIMESTAMP AS first"
    return (
        "SELECT code, min(moment) AS first FROM redemptions"
        " WHERE code IS NOT NULL AND coalesce(result, '') NOT ILIKE 'fail%' GROUP BY code"
    )


def voucher_funnel(
    data: Programme, as_of: dt.date, by: str | None = None, only: Sequence[str] = ()
) -> pd.DataFrame:
    """What became of the vouchers: `stage, vouchers, share` of those issued.

    Args:
        data: The programme.
        as_of: The day by whose end a voucher has expired.
        by: The role that `only` lists values of: `campaign` or `kind`.
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


def vouchers_by(data: Programme, as_of: dt.date, by: str) -> pd.DataFrame:
    """By `campaign` or `kind`, the 15 largest: `name, issued, redeemed, expired, open, rate`."""
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


def time_to_redemption(data: Programme, as_of: dt.date) -> pd.DataFrame:
    """Redeemed vouchers by whole days since they were issued: `days, vouchers, share` so far.

    One redeemed before it was issued is left out: its times are wrong.
    """
    data.need("vouchers", "created")
    days = data.frame(
        f"""
        SELECT days, count(*) AS vouchers, sum(vouchers) OVER (ORDER BY days)
               / sum(vouchers) OVER () AS share
        FROM (SELECT date_diff('second', created, redeemed_at) // 86400 AS days
              FROM ({_vouchers(data, as_of)}) WHERE redeemed_at >= created)
        GROUP BY days ORDER BY days
        """
    )
    if days.empty:
        raise MissingError("No voucher has a time of issue and one of redemption.")
    return days


def half(days: pd.DataFrame) -> int:
    """The day by which half of the vouchers of `time_to_redemption` were redeemed."""
    return int(days.loc[days["share"] >= 0.5, "days"].iloc[0])  # noqa: PLR2004


def _entries(data: Programme, *roles: str) -> str:
    """Each wallet entry with `unit` and `change`, above zero where the wallet grew."""
    data.need("wallet", "amount", *roles)
    # Spending is negative in some ledgers, a word beside a positive amount in others.
    spent = "coalesce(direction ILIKE 'spen%' OR direction ILIKE 'debit%', false)"
    (row,) = data.rows(f"SELECT coalesce(bool_or(amount < 0), false) FROM wallet WHERE {spent}")
    change = "amount" if row[0] else f"if({spent}, -amount, amount)"
    # Voucherify tells points from credits by the first word of an entry's type.
    kind = "nullif(regexp_extract(unit, '^(CREDITS|POINTS)_', 1), '')"
    return (
        f"SELECT moment, member, expires, coalesce(lower({kind}), unit, 'all') AS unit,"
        f" {change} AS change FROM wallet WHERE amount IS NOT NULL"
    )


def wallet_units(data: Programme) -> list[str]:
    """What wallets hold, as points or a currency, the commonest first."""
    counted = "GROUP BY unit ORDER BY count(*) DESC, unit LIMIT 20"
    return [unit for (unit,) in data.rows(f"SELECT unit FROM ({_entries(data)}) {counted}")]


def liability(data: Programme, unit: str, every: Every = "month") -> pd.DataFrame:
    """What members hold at the end of each period: `period, added, taken, balance`.

    The ledger is added up from its first entry; a balance from before that is not in it.
    """
    shown = "true"
    if data.span is not None:
        shown = f"period >= date_trunc('{every}', DATE '{data.span[0]}')"
    return data.frame(
        f"""
        SELECT *, sum(added + taken) OVER (ORDER BY period) AS balance FROM (
            SELECT date_trunc('{every}', moment) AS period, sum(greatest(change, 0)) AS added,
                   sum(least(change, 0)) AS taken
            FROM ({_entries(data, "moment")})
            WHERE unit = {literal(unit)} AND moment IS NOT NULL AND {data.by_end("moment")}
            GROUP BY period)
        QUALIFY {shown} ORDER BY period
        """
    )


def liability_by_expiry(data: Programme, as_of: dt.date) -> pd.DataFrame:
    """What is still held, by the month in which it expires: `period, of, amount`.

    Open vouchers with a value; points that are listed as expiring; and wallet entries that tell
    when they expire, of which what expires first is taken to be spent first. An empty period
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


def _expiring_points(data: Programme, as_of: dt.date) -> str:
    data.need("expirations", "expires", "amount")
    return (
        "SELECT expires, 'points' AS what, amount FROM expirations"
        f" WHERE expires >= DATE '{as_of}' AND coalesce(status, '') NOT ILIKE 'expired'"
    )


def _expiring_entries(data: Programme, as_of: dt.date) -> str:
    entries = _entries(data, "expires", "member")
    return f"""
        SELECT expires, unit AS what, least(change, greatest(0, so_far - spent)) AS amount FROM (
            SELECT *, sum(greatest(change, 0)) OVER (
                       PARTITION BY member, unit ORDER BY expires NULLS LAST, moment
                       ROWS UNBOUNDED PRECEDING) AS so_far,
                   -sum(least(change, 0)) OVER (PARTITION BY member, unit) AS spent
            FROM ({entries}) WHERE {data.by_end("moment")})
        WHERE change > 0 AND (expires IS NULL OR expires >= DATE '{as_of}')
    """


def _expiring_vouchers(data: Programme, as_of: dt.date) -> str:
    data.need("vouchers", "expires", "amount")
    return (
        "SELECT expires, concat_ws(' ', 'vouchers', unit) AS what, amount"
        f" FROM ({_vouchers(data, as_of, issued_before=True)}) WHERE state = 'open'"
        # A percentage or a free item is no amount; gift and loyalty cards are wallets.
        " AND NOT regexp_matches(concat_ws(' ', kind, unit), 'pct|percent|unit|gift|loyalty', 'i')"
    )


def basket_sizes(data: Programme, bins: int = 40) -> pd.DataFrame:
    """Baskets by what was paid: `low, high, baskets`; without returns and the top hundredth."""
    data.need("purchases", "value")
    return data.frame(
        f"""
        WITH bought AS (SELECT value FROM {data.baskets} WHERE value > 0),
             range AS (SELECT quantile_cont(value, 0.99) AS top FROM bought),
             step AS (SELECT CASE WHEN raw <= 1 THEN 1 WHEN raw <= 2 THEN 2 WHEN raw <= 5 THEN 5
                                  WHEN raw <= 10 THEN 10 ELSE ceil(raw / 10) * 10 END AS width
                      FROM (SELECT top / {bins} AS raw FROM range))
        SELECT floor(value / width) * width AS low, low + width AS high, count(*) AS baskets
        FROM bought, range, step WHERE value <= top GROUP BY ALL ORDER BY low
        """
    )


def baskets_over_time(data: Programme, every: Every = "month") -> pd.DataFrame:
    """`period, baskets, revenue, median, items`: the middle basket's value, the mean of items."""
    data.need("purchases", "moment", "value")
    return data.frame(
        f"""
        SELECT date_trunc('{every}', moment) AS period, count(*) FILTER (value >= 0) AS baskets,
               sum(value) AS revenue, median(value) FILTER (value >= 0) AS median,
               avg(items) FILTER (value >= 0) AS items
        FROM {data.baskets} WHERE moment IS NOT NULL AND value IS NOT NULL
        GROUP BY period ORDER BY period
        """
    )


def baskets_by_channel(data: Programme) -> pd.DataFrame:
    """The ten largest channels: `channel, baskets, median, items`."""
    data.need("purchases", "channel", "value")
    return data.frame(
        "SELECT coalesce(channel, '(none)') AS channel, count(*) AS baskets,"
        f" median(value) AS median, avg(items) AS items FROM {data.baskets}"
        " WHERE value >= 0 GROUP BY ALL ORDER BY baskets DESC, channel LIMIT 10"
    )
