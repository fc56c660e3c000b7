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
from spaaza_source.model.book_sql import (
    CHANGES,
    KEY,
    MOVED,
    MOVES,
    MOVES_TABLE,
    NET,
    OPEN_ROWS,
    TABLES,
)
from spaaza_source.model.dataset import Dataset
from spaaza_source.model.months import (
    CLOSINGS,
    closed_through,
    kept_since,
    known_until,
    month_after,
    month_to_close,
)
from spaaza_source.model.views import View
from spaaza_source.views import literal

BOOK = "liability_book"
#: By view: the kinds of its rows in the book.
KINDS = {"voucher_events": ("voucher",), "wallet_entries": ("wallet", "points")}


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
    kept = {
        kind: kept_since(dataset, _tables_of(made, name)) for name in kinds for kind in KINDS[name]
    }
    # Of what it is made of, vouchers too.
    tables = {view.table for view in made.values() if view.name in (*KINDS, "vouchers")}
    until = known_until(dataset, sorted(table for table in tables if table))
    last = until.astimezone(ZoneInfo(zone)).date()
    first = None if closed is None else month_after(closed)
    if first is not None and last < first:
        raise SettingsError(
            f"the liability book is closed until {first}, but what is loaded ends on {last}",
            where="spaaza model",
            hint="Load what has happened since, then run again.",
        )
    _require_open_days(dataset, first, kept, zone)
    closes = month_to_close(close_through, last, closed)
    changes = " UNION ALL ".join(
        CHANGES[name].format(**{name: dataset.modelled(name)}) for name in kinds
    )
    moved = MOVED.format(
        key=KEY, zone=literal(zone), changes=changes, until=literal(until.isoformat())
    )
    begin = _date(first) if first else f"(SELECT min(day) FROM {MOVES_TABLE})"
    book, closings = dataset.modelled(BOOK), dataset.modelled(CLOSINGS)
    statements = [sql.format(book=book, closings=closings) for sql in TABLES]
    # Of two such runs at once the second waits here.
    statements += [f"LOCK TABLE {book} IN EXCLUSIVE MODE"] if dataset.is_postgres else []
    statements += [f"CREATE TEMPORARY TABLE {MOVES_TABLE} AS {moved}"]
    statements.append(f"DELETE FROM {book}" + (f" WHERE day >= {_date(first)}" if first else ""))
    statements.append(
        OPEN_ROWS.format(
            book=book,
            moved=MOVES_TABLE,
            first=begin,
            last=_date(last),
            key=KEY,
            net=NET,
            moves=", ".join(MOVES),
            signed=", ".join(f"sum(sign * {move}) AS {move}" for move in MOVES),
            zeros=", ".join(f"coalesce(m.{move}, 0)" for move in MOVES),
            complete=_complete(kept, zone),
        ).strip()
    )
    statements.append(f"DROP TABLE {MOVES_TABLE}")
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
        f"SELECT kind, currency, sum({NET}) FROM {name} GROUP BY kind, currency"
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
            hint="Load them again, then run again.",
        )


def _tables_of(made: dict[str, View], name: str) -> list[str]:
    """The loaded tables that a kind of the book is made of."""
    views = (name, "vouchers") if name == "voucher_events" else (name,)
    return sorted({table for each in views if each in made and (table := made[each].table)})


def _require_open_days(
    dataset: Dataset, first: dt.date | None, kept: dict[str, dt.datetime | None], zone: str
) -> None:
    """Of days that are not closed, all rows are needed: they are booked anew."""
    for kind, since in kept.items():
        if first is not None and since is not None and _whole_day(since, zone) > first:
            raise SettingsError(
                f"the liability book is open since {first}, but rows about {kind} are kept since"
                f" {since:%Y-%m-%d} alone (retain_days)",
                where=dataset.name,
                hint="Run it more often, close months earlier (--close-through), or keep rows for"
                " longer.",
            )


def _complete(kept: dict[str, dt.datetime | None], zone: str) -> str:
    """The months of whose moves the tables have all, in SQL."""
    return (
        " AND ".join(
            f"NOT (kind = {literal(kind)} AND month < {_date(_whole_day(since, zone))})"
            for kind, since in kept.items()
            if since is not None
        )
        or "TRUE"
    )


def _whole_day(moment: dt.datetime, zone: str) -> dt.date:
    """The first day that begins at a moment, or after it."""
    local = moment.astimezone(ZoneInfo(zone))
    return local.date() + dt.timedelta(days=1 if local.time() > dt.time() else 0)


def _booked_kinds(dataset: Dataset) -> str:
    return (
        f"SELECT DISTINCT kind FROM {dataset.modelled(BOOK)} WHERE day <"
        f" (SELECT max(month) + INTERVAL '1 month' FROM {dataset.modelled(CLOSINGS)})"
    )


def _date(day: dt.date) -> str:
    return f"DATE '{day.isoformat()}'"
