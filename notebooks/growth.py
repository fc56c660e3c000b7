"""Measures of a programme's growth, from the model's tables: the same for both vendors.

A measure whose table or column is missing raises `loaded_data.MissingError`. Days are UTC's.
"""

from __future__ import annotations

from typing import Literal

import pandas as pd
from loyalty_measures import Every
from loyalty_model import Model

#: What puts a member into a cohort.
Begin = Literal["first basket", "sign-up"]
#: The newest cohorts that are shown, and for how many months after theirs.
COHORTS, MONTHS = 18, 12
#: By kind in the liability book: how a person calls it, and the order in which it is shown.
KINDS = {"wallet": "in wallets", "voucher": "in vouchers", "points": "points"}


def sign_ups(model: Model, every: Every = "month") -> pd.DataFrame:
    """Members by when they signed up: `period, members, total`, the last with all before them.

    A period in which nobody did is there, with none.
    """
    model.need("members", "created_at")
    until = f"created_at::DATE <= DATE '{model.end}'" if model.end else "true"
    return model.frame(
        f"""
        WITH counted AS (
            SELECT date_trunc('{every}', created_at)::DATE AS period,
                   count(*) FILTER ({model.inside("created_at")}) AS members, count(*) AS every_one
            FROM members WHERE created_at IS NOT NULL AND {until} GROUP BY period
        ), filled AS ({_filled("counted", every)})
        SELECT period::TIMESTAMP AS period, coalesce(members, 0) AS members,
               CAST(sum(coalesce(every_one, 0)) OVER (ORDER BY period) AS BIGINT) AS total
        FROM filled LEFT JOIN counted USING (period)
        QUALIFY {_shown(model, "period", every)} ORDER BY period
        """
    )


def sales(model: Model, every: Every = "month") -> pd.DataFrame:
    """What was paid: `period, baskets, sales, average`; returns lower the sales alone.

    The average is of the baskets that are no return. A period without any is there, with none.
    """
    model.need("baskets", "happened_at", "total")
    return model.frame(
        f"""
        WITH counted AS (
            SELECT date_trunc('{every}', happened_at)::DATE AS period,
                   count(*) FILTER (total >= 0) AS baskets, sum(total)::DOUBLE AS sales,
                   (avg(total) FILTER (total >= 0))::DOUBLE AS average
            FROM {model.bought}
            WHERE happened_at IS NOT NULL AND total IS NOT NULL AND {model.inside("happened_at")}
            GROUP BY period
        ), filled AS ({_filled("counted", every)})
        SELECT period::TIMESTAMP AS period, coalesce(baskets, 0) AS baskets,
               coalesce(sales, 0) AS sales, average
        FROM filled LEFT JOIN counted USING (period) ORDER BY period
        """
    )


def retention(model: Model, begin: Begin = "first basket") -> pd.DataFrame:
    """Members by the month in which they began, and who of them bought in each month since.

    A month that is not over by the last day that counts, or by the newest basket, is left out. A
    return of goods is no purchase; what was bought before the sign-up does not count.

    Returns:
        `cohort, months, members, active, share`; the newest 18 cohorts, for 12 months.
    """
    model.need("baskets", "member_id", "happened_at")
    if begin == "sign-up":
        model.need("members", "member_id", "created_at")
        began = (
            "SELECT member_id, min(created_at) AS began FROM members"
            " WHERE member_id IS NOT NULL AND created_at IS NOT NULL GROUP BY member_id"
        )
    else:
        began = "SELECT member_id, min(happened_at) AS began FROM purchase GROUP BY member_id"
    last = f"DATE '{model.end}'" if model.end else "(SELECT max(happened_at)::DATE FROM purchase)"
    return model.frame(
        f"""
        WITH purchase AS (
            SELECT member_id, happened_at FROM {model.bought}
            WHERE member_id IS NOT NULL AND happened_at IS NOT NULL AND coalesce(total, 0) >= 0
        ), member AS (
            SELECT member_id, date_trunc('month', began)::DATE AS cohort
            FROM ({began}) WHERE {model.inside("began")}
        ), cohorts AS (
            SELECT cohort, count(*) AS members FROM member GROUP BY cohort
        ), cell AS (
            SELECT cohort, members, months, (cohort + months * INTERVAL 1 MONTH)::DATE AS month
            FROM cohorts, (SELECT unnest(range({MONTHS} + 1)) AS months)
            WHERE cohort + (months + 1) * INTERVAL 1 MONTH <= {last} + INTERVAL 1 DAY
        ), bought AS (
            SELECT cohort, date_trunc('month', happened_at)::DATE AS month,
                   count(DISTINCT member_id) AS active
            FROM member JOIN purchase USING (member_id) GROUP BY ALL
        )
        SELECT cohort::TIMESTAMP AS cohort, months::BIGINT AS months, members,
               coalesce(active, 0) AS active, coalesce(active, 0) / members AS share
        FROM cell LEFT JOIN bought USING (cohort, month)
        QUALIFY dense_rank() OVER (ORDER BY cohort DESC) <= {COHORTS} ORDER BY cohort, months
        """
    )


def book_over_time(model: Model, every: Every = "month") -> pd.DataFrame:
    """The liability book at the end of each period, by kind: money and points are never added.

    What was owed at the end is all that moved until then, as in the book.

    Returns:
        `period, of, kind, currency, issued, redeemed, expired, corrected, owed`.
    """
    model.need("book", "day")
    until = f"day <= DATE '{model.end}'" if model.end else "true"
    named = " ".join(f"WHEN '{kind}' THEN '{words}'" for kind, words in KINDS.items())
    place = " ".join(f"WHEN '{kind}' THEN {number}" for number, kind in enumerate(KINDS))
    moves = ", ".join(
        f"coalesce({move}, 0)::DOUBLE AS {move}"
        for move in ("issued", "redeemed", "expired", "corrected")
    )
    return model.frame(
        f"""
        WITH counted AS (
            SELECT date_trunc('{every}', day)::DATE AS period, kind, currency,
                   sum(issued) AS issued, sum(redeemed) AS redeemed, sum(expired) AS expired,
                   sum(corrected) AS corrected
            FROM book WHERE {until} GROUP BY ALL
        ), filled AS (
            SELECT * FROM ({_filled("counted", every)}),
                          (SELECT DISTINCT kind, currency FROM counted)
        ), run AS (
            SELECT period, kind, currency, {moves},
                   sum(coalesce(issued - redeemed - expired + corrected, 0)) OVER (
                       PARTITION BY kind, currency ORDER BY period)::DOUBLE AS owed
            FROM filled LEFT JOIN counted USING (period, kind, currency)
        )
        SELECT period::TIMESTAMP AS period,
               CASE WHEN kind = 'points' OR currency = '(none)' THEN '' ELSE currency || ' ' END
                   || CASE kind {named} ELSE kind END AS of, * EXCLUDE period
        FROM run WHERE {_shown(model, "period", every)}
        ORDER BY CASE kind {place} ELSE 9 END, currency, period
        """
    )


def _filled(counted: str, every: str) -> str:
    """SQL of all periods from the first that is counted to the last."""
    step = "INTERVAL 3 MONTH" if every == "quarter" else f"INTERVAL 1 {every}"
    return (
        f"SELECT unnest(generate_series(min(period)::TIMESTAMP, max(period)::TIMESTAMP, {step}))"
        f"::DATE AS period FROM {counted}"
    )


def _shown(model: Model, period: str, every: str) -> str:
    """The condition that a period has a day that counts."""
    if model.span is None:
        return "true"
    first, last = model.span
    return f"{period} BETWEEN date_trunc('{every}', DATE '{first}') AND DATE '{last}'"
