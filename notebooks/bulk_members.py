"""The bulk users export in the loyalty notebook: scores, balances and status, and their panels.

A measure that finds none of its columns raises `loaded_data.MissingError`; what is missing beside
those that it finds, `gaps` says. Times are UTC.
"""

from __future__ import annotations

from typing import TypeAlias

import loyalty_charts as charts
import marimo as mo
import pandas as pd
import panels
from loaded_data import MissingError
from loyalty_model import Model
from loyalty_tables import SUBJECTS

#: The scores and balances by their roles, in the order in which they are shown.
SCORES = {
    "overall": "Overall",
    "recency": "Recency",
    "frequency": "Frequency",
    "monetary": "Monetary",
}
BALANCES = {"points": "Points", "cashback": "Cashback"}
#: Days from the newest load in which a review counts as due.
DAYS = 30
#: Why a column may be missing, or hold nothing that can be read.
BY_POLICY = "A privacy policy may have dropped or hashed what is missing."
# More values than this are counted in steps.
_STEPS = 30

Found: TypeAlias = pd.DataFrame | mo.Html


def scores(data: Model) -> pd.DataFrame:
    """Members by each score that there is: `score, low, high, members, share`, low included.

    A step is one, unless the score has more than 30 of them; shares are of those who have it.
    """
    parts = [
        f"""
        SELECT {place} AS place, '{SCORES[role]}' AS score,
               first + floor(({role} - first) / width) * width AS low, low + width AS high,
               count(*) AS members, count(*) / sum(count(*)) OVER () AS share
        FROM bulk, (SELECT floor(min({role})) AS first,
                           greatest(1, ceil((floor(max({role})) - first + 1) / {_STEPS})) AS width
                    FROM bulk)
        WHERE {role} IS NOT NULL GROUP BY ALL
        """
        for place, role in enumerate(_readable(data, *SCORES))
    ]
    united = " UNION ALL ".join(f"({part})" for part in parts)
    return data.frame(f"SELECT * EXCLUDE place FROM ({united}) ORDER BY place, low")


def balances(data: Model) -> pd.DataFrame:
    """Each balance that there is, by itself: points are no money.

    Returns:
        `balance, total, mean, with_a_balance, negative, unknown`; the last three are members.
    """
    parts = [
        f"""
        SELECT {place} AS place, '{BALANCES[role]}' AS balance, sum({role}) AS total,
               avg({role}) AS mean, count(*) FILTER ({role} > 0) AS with_a_balance,
               count(*) FILTER ({role} < 0) AS negative,
               count(*) FILTER ({role} IS NULL) AS unknown
        FROM bulk
        """
        for place, role in enumerate(_readable(data, *BALANCES))
    ]
    united = " UNION ALL ".join(parts)
    return data.frame(f"SELECT * EXCLUDE place FROM ({united}) ORDER BY place")


def levels(data: Model) -> pd.DataFrame:
    """Members by the level of their loyalty status, the 15 largest: `level, members, share`."""
    _readable(data, "level")
    return data.frame(
        "SELECT coalesce(level, '(none)') AS level, count(*) AS members,"
        " count(*) / sum(count(*)) OVER () AS share"
        " FROM bulk GROUP BY ALL ORDER BY members DESC, level LIMIT 15"
    )


def hashed_levels(data: Model) -> bool:
    """Whether the levels look like the hashes that a privacy policy puts in their place."""
    hashed = "regexp_full_match(level, '[0-9a-f]{64}')"
    ((found,),) = data.rows(f"SELECT coalesce(bool_and({hashed}), false) FROM bulk")
    return bool(found)


def reviews(data: Model) -> pd.DataFrame:
    """Members by their next review: `review, members, since, until`.

    Days are counted from the end of the newest load, whatever the clock says; `until` is not in.
    """
    _readable(data, "review")
    data.need("loads", "ended")
    ((at,),) = data.rows("SELECT max(ended) FROM loads WHERE coalesce(status, 0) = 0")
    if at is None:
        raise MissingError("No load in `_dlt_loads` is complete: the days are counted from one.")
    at = pd.Timestamp(at)
    since, until = (
        f"TIMESTAMP '{moment.isoformat(sep=' ')}'" for moment in (at, at + pd.Timedelta(days=DAYS))
    )
    return data.frame(
        f"""
        WITH counted AS (
            SELECT count(*) FILTER (review >= {since} AND review < {until}) AS due,
                   count(*) FILTER (review >= {until}) AS later,
                   count(*) FILTER (review < {since}) AS past,
                   count(*) FILTER (review IS NULL) AS never
            FROM bulk
        )
        SELECT unnest(['due in the next {DAYS} days', 'due later', 'past already', 'no date'])
                   AS review,
               unnest([due, later, past, never]) AS members,
               unnest([{since}, {until}, NULL, NULL]) AS since,
               unnest([{until}, NULL, {since}, NULL]) AS until
        FROM counted
        """
    )


def gaps(data: Model, *roles: str) -> str:
    """What these columns lack, in sentences: those that are not there, and members without."""
    told = _lacking(data, *roles)
    if told:
        told.append(BY_POLICY)
    meanings = {role.name: role.meaning for role in SUBJECTS["bulk"].roles}
    for role in roles:
        ((members, unknown, known),) = data.rows(
            f"SELECT count(*), count(*) - count({role}), count({role}) FROM bulk"
        )
        if known and unknown:
            meaning = meanings[role].capitalize()
            told.append(f"{meaning} is not known of {unknown:,} of {members:,} members.")
    return " ".join(told)


def _readable(data: Model, *roles: str) -> list[str]:
    """The columns that hold something; MissingError says what is missing, if none does."""
    data.need("bulk")
    found = []
    for role in roles:
        try:
            data.need("bulk", role)
        except MissingError:
            continue
        found.append(role)
    if not found:
        raise MissingError(" ".join([*_lacking(data, *roles), BY_POLICY]))
    return found


def _lacking(data: Model, *roles: str) -> list[str]:
    """Why some columns cannot be read: those that are not there in one sentence."""
    absent = [role for role in roles if role not in data.has["bulk"]]
    asked = [absent] if absent else []
    asked += [[role] for role in roles if role not in absent]
    reasons = []
    for each in asked:
        try:
            data.need("bulk", *each)
        except MissingError as missing:
            reasons.append(str(missing))
    return list(dict.fromkeys(reasons))


def section(
    data: Model, scores: Found, balances: Found, levels: Found, reviews: Found
) -> mo.Html | None:
    """The panels of what was found; None where there is no bulk users export."""
    if "bulk" not in data.has:
        return None
    status = gaps(data, "level")
    if hashed_levels(data):
        status += " The levels are hashed, as by a privacy policy: members are counted by hash."
    parts = [
        panels.panel(
            "Scores",
            scores,
            draw_scores,
            "Members by each score that the platform gives them. The RFM segments above are not"
            " these: they are counted from baskets.",
        ),
        *_note(scores, gaps(data, *SCORES)),
        panels.panel(
            "Balances",
            balances,
            _draw_balances,
            "Points and money, each by itself. With a balance are those above zero; the mean is of"
            " all members whose balance is known. The export does not name cashback's currency.",
        ),
        *_note(balances, gaps(data, *BALANCES)),
        panels.panel(
            "Loyalty status",
            levels,
            charts.levels,
            "Members by the level of their loyalty status; the 15 levels with the most members.",
        ),
        *_note(levels, status),
        panels.panel(
            "Reviews of the loyalty status",
            reviews,
            _draw_reviews,
            "Members by the date of their next review. Days are counted from the end of the newest"
            " load, in UTC.",
        ),
    ]
    head = "## Members in the bulk users export"
    when = "As they were when it was exported, whatever days are chosen above."
    return mo.vstack([mo.md(f"{head}\n\n<small>{when}</small>"), *parts])


def _note(found: Found, text: str) -> list[mo.Html]:
    """What a panel lacks, below what it shows; a grey panel says that itself."""
    return [mo.md(f"<small>{text}</small>")] if text and isinstance(found, pd.DataFrame) else []


def draw_scores(frame: pd.DataFrame) -> mo.Html:
    """A chart of each score, side by side."""
    each = [charts.scores(rows) for _, rows in frame.groupby("score", sort=False)]
    return mo.hstack(each, widths="equal", gap=1)


def _draw_balances(frame: pd.DataFrame) -> mo.Html:
    members = dict.fromkeys(("with_a_balance", "negative", "unknown"), "{:,.0f}")
    forms = {"total": "{:,.2f}", "mean": "{:,.2f}", **members}
    return mo.as_html(panels.table(frame, numbers=forms))


def _draw_reviews(frame: pd.DataFrame) -> mo.Html:
    forms = {**panels.times("since", "until"), "members": "{:,}"}
    return mo.as_html(panels.table(frame, numbers=forms))
