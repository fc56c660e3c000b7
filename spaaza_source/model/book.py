"""The liability book: by day, kind, campaign and currency what vouchers and wallets owed.

A real table, since a closed month must not change. Each run makes the rows of the open months anew,
in one transaction. What has changed of a closed month since is a row of its own on the first open
day, which names that month in `adjusts`. So on each day the first row opens with what the day
before closed with, each next one with what the one before it closed with, and the last one closes
with what the loaded tables say.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from spaaza_source.errors import SettingsError
from spaaza_source.model.dataset import Dataset, literal
from spaaza_source.model.months import (
    CLOSINGS,
    closed_through,
    known_until,
    month_after,
    month_to_close,
)
from spaaza_source.model.views import View

BOOK = "liability_book"
#: By view: the kinds of its rows in the book.
KINDS = {"voucher_events": ("voucher",), "wallet_entries": ("wallet", "points")}
_KEY = "kind, campaign, currency"
_MOVES = ("issued", "redeemed", "expired", "corrected")
#: What has moved on each day, in a table of its own: the queries of it are planned once.
_MOVES_TABLE = "spaaza_liability_moves"
_NET = "issued - redeemed - expired + corrected"
_SUMS = ", ".join(f"sum({move}) AS {move}" for move in _MOVES)

_TABLES = (
    "CREATE TABLE IF NOT EXISTS {book} (day DATE, kind TEXT, campaign TEXT, currency TEXT,"
    " opening DECIMAL(38, 4), issued DECIMAL(38, 4), redeemed DECIMAL(38, 4),"
    " expired DECIMAL(38, 4), corrected DECIMAL(38, 4), closing DECIMAL(38, 4), adjusts DATE)",
    "CREATE TABLE IF NOT EXISTS {closings}"
    " (month DATE, closed_at TIMESTAMP WITH TIME ZONE, time_zone TEXT)",
)
#: What changes what is owed: above zero if more is owed by it.
_CHANGES = {
    "voucher_events": "SELECT 'voucher' AS kind, coalesce(campaign_id, campaign, '(none)')"
    " AS campaign, coalesce(currency, '(none)') AS currency, event, happened_at, amount"
    " FROM {voucher_events} WHERE amount IS NOT NULL",
    # What is left on a card when it expires was not spent.
    "wallet_entries": "SELECT CASE unit WHEN 'money' THEN 'wallet' ELSE 'points' END AS kind,"
    " coalesce(campaign_id, campaign, '(none)') AS campaign,"
    " CASE unit WHEN 'money' THEN coalesce(currency, '(none)') ELSE 'points' END AS currency,"
    " e.event, e.happened_at, e.amount FROM (SELECT unit, campaign_id, campaign, currency, event,"
    " happened_at, coalesce(amount, points) AS amount FROM {wallet_entries} UNION ALL"
    " SELECT unit, max(campaign_id), max(campaign), max(currency), 'expired', wallet_expires_at,"
    " -sum(coalesce(amount, points)) FROM {wallet_entries}"
    " WHERE wallet_expires_at IS NOT NULL AND happened_at IS NOT NULL GROUP BY wallet_id, unit, wallet_expires_at) AS e"
    " WHERE unit IN ('money', 'points')",
}
_MOVED = (
    "SELECT {key}, CAST(happened_at AT TIME ZONE {zone} AS DATE) AS day,"
    " sum(CASE event WHEN 'issued' THEN amount ELSE 0 END) AS issued,"
    " sum(CASE event WHEN 'redeemed' THEN -amount ELSE 0 END) AS redeemed,"
    " sum(CASE event WHEN 'expired' THEN -amount ELSE 0 END) AS expired,"
    " sum(CASE event WHEN 'corrected' THEN amount ELSE 0 END) AS corrected"
    " FROM ({changes}) AS change"
    " WHERE happened_at <= CAST({until} AS TIMESTAMP WITH TIME ZONE) GROUP BY {key}, day"
)
_OPEN_ROWS = """
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
    SELECT {key}, month, {signed} FROM told GROUP BY {key}, month
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


@dataclass(frozen=True)
class Owed:
    """What is owed at the end of the book: of a kind and a currency."""

    kind: str
    currency: str
    amount: Decimal


@dataclass(frozen=True)
class Book:
    """A book that was written.

    Attributes:
        through: Its last day.
        closed: The first day of its last closed month; None for none.
        rows: How many it has.
        adjustments: How many of them are about closed months.
        owed: What is owed at its end.
    """

    through: dt.date
    closed: dt.date | None
    rows: int
    adjustments: int
    owed: list[Owed]


@dataclass(frozen=True)
class Plan:
    """What is to be written.

    Attributes:
        first: The first open day; None where the book has no closed month.
        last: Its last day.
        statements: The SQL, in order.
        closes: The first day of the month that is to be closed after that; None for none.
        closed: The same of the last closed month, after that.
    """

    first: dt.date | None
    last: dt.date
    statements: list[str]
    closes: dt.date | None
    closed: dt.date | None


def plan_book(
    dataset: Dataset, views: list[View], zone: str = "UTC", close_through: str | None = None
) -> Plan | None:
    """How the book is to be written; None where neither vouchers nor wallets are loaded.

    Args:
        dataset: The dataset.
        views: Of its model, which has been made.
        zone: The time zone of the days.
        close_through: The month to close, as `2026-05`; `none` for none; None for each month that
            ended `GRACE_DAYS` ago.

    Raises:
        SettingsError: That month is not over; or the book cannot go on from its closed months.
    """
    made = {view.name: view for view in views if view.sql}
    kinds = [name for name in KINDS if name in made]
    closed = closed_through(dataset, zone)
    _require_kinds(dataset, kinds)
    if not kinds:
        return None
    # Of what it is made of, vouchers too.
    tables = {view.table for view in made.values() if view.name in (*KINDS, "vouchers")}
    until = known_until(dataset, sorted(table for table in tables if table))
    last = until.astimezone(ZoneInfo(zone)).date()
    first = None if closed is None else month_after(closed)
    if first is not None and last < first:
        raise SettingsError(
            f"the liability book is closed until {first}, but what is loaded ends on {last}",
            where="spaaza model",
            hint="Load what has happened since: spaaza load.",
        )
    closes = month_to_close(close_through, last, closed)
    changes = " UNION ALL ".join(
        _CHANGES[name].format(**{name: dataset.modelled(name)}) for name in kinds
    )
    moved = _MOVED.format(
        key=_KEY, zone=literal(zone), changes=changes, until=literal(until.isoformat())
    )
    begin = _date(first) if first else f"(SELECT min(day) FROM {_MOVES_TABLE})"
    book, closings = dataset.modelled(BOOK), dataset.modelled(CLOSINGS)
    statements = [sql.format(book=book, closings=closings) for sql in _TABLES]
    # Of two such runs at once the second waits here.
    statements += [f"LOCK TABLE {book} IN EXCLUSIVE MODE"] if dataset.is_postgres else []
    statements += [f"CREATE TEMPORARY TABLE {_MOVES_TABLE} AS {moved}"]
    statements.append(f"DELETE FROM {book}" + (f" WHERE day >= {_date(first)}" if first else ""))
    statements.append(
        _OPEN_ROWS.format(
            book=book,
            moved=_MOVES_TABLE,
            first=begin,
            last=_date(last),
            key=_KEY,
            net=_NET,
            moves=", ".join(_MOVES),
            signed=", ".join(f"sum(sign * {move}) AS {move}" for move in _MOVES),
            zeros=", ".join(f"coalesce(m.{move}, 0)" for move in _MOVES),
        ).strip()
    )
    statements.append(f"DROP TABLE {_MOVES_TABLE}")
    if closes is not None:
        statements.append(
            f"INSERT INTO {closings} VALUES ({_date(closes)}, CURRENT_TIMESTAMP, {literal(zone)})"
        )
    return Plan(first, last, statements, closes, closes or closed)


def write_book(dataset: Dataset, plan: Plan) -> Book:
    """Write the book, all or nothing of it."""
    with dataset.client.begin_transaction():
        for sql in plan.statements:
            dataset.client.execute_sql(sql)
    name = dataset.modelled(BOOK)
    ((rows, adjustments),) = dataset.rows(f"SELECT count(*), count(adjusts) FROM {name}")
    owed = dataset.rows(
        f"SELECT kind, currency, sum({_NET}) FROM {name} GROUP BY kind, currency"
        " ORDER BY kind DESC, currency"
    )
    return Book(plan.last, plan.closed, int(rows), int(adjustments), [Owed(*each) for each in owed])


def _require_kinds(dataset: Dataset, views: list[str]) -> None:
    """A kind whose tables are gone is still owed: it would be reversed."""
    if not dataset.has(BOOK):
        return
    kinds = {kind for name in views for kind in KINDS[name]}
    booked = {str(kind) for (kind,) in dataset.rows(_booked_kinds(dataset))}
    if gone := sorted(booked - kinds):
        raise SettingsError(
            f"closed months of the liability book are about {' and '.join(gone)}, but the tables"
            " with them are gone",
            where=dataset.name,
            hint="Load them again: spaaza load.",
        )


def _booked_kinds(dataset: Dataset) -> str:
    return (
        f"SELECT DISTINCT kind FROM {dataset.modelled(BOOK)} WHERE day <"
        f" (SELECT max(month) + INTERVAL '1 month' FROM {dataset.modelled(CLOSINGS)})"
    )


def _date(day: dt.date) -> str:
    return f"DATE '{day.isoformat()}'"
