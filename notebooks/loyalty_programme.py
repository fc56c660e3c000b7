"""A loyalty programme's tables: which table and column is what, copied as such for counting.

Only columns with a role are copied, as that role's kind, into a DuckDB database of their own. What
is counted there is `loyalty_measures`'.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import duckdb
import pandas as pd
from loaded_data import (
    Database,
    MissingError,
    Role,
    Tables,
    as_read,
    guess,
    guess_table,
    literal,
    quoted,
    working_connection,
)

#: A first and a last day, both included.
Span: TypeAlias = tuple[dt.date, dt.date]


def inside(moment: str, span: Span | None) -> str:
    """The condition, as SQL, that a moment is on one of these days."""
    if span is None:
        return "true"
    return f"{moment} >= DATE '{span[0]}' AND {moment} < DATE '{span[1]}' + INTERVAL 1 DAY"


@dataclass(frozen=True)
class Subject:
    """What a table is about.

    Attributes:
        meaning: How its table is asked for.
        likely: Names that the table often has.
        roles: Its columns.
    """

    meaning: str
    likely: tuple[str, ...]
    roles: tuple[Role, ...]


_MEMBERS = ("user_id", "member_id", "customer_id", "member", "customer", "spaaza_user_id")
_NOW = ("timestamp", "created_at", "date_time_creation", "created_date", "date", "date_time")
_UNITS = ("currency_code", "currency_currency_code", "currency", "currency_symbol")

SUBJECTS: dict[str, Subject] = {
    "purchases": Subject(
        "Baskets",
        ("transactions", "orders", "baskets", "receipts"),
        (
            Role("moment", "when it was bought", _NOW, "time", alone=True),
            Role("member", "the member who bought", _MEMBERS),
            Role(
                "value",
                "what was paid",
                ("total_value", "total_amount", "total", "basket_total", "amount", "value"),
                "number",
            ),
            Role("basket", "the basket's id", ("id", "basket_id", "order_id", "receipt_id")),
            Role(
                "items", "its items, a JSON list or a number", ("line_items", "items", "quantity")
            ),
            Role("channel", "where it was bought", ("type", "channel", "store_name", "store")),
            Role("status", "its state; what was cancelled does not count", ("status", "state")),
            Role("currency", "the currency", _UNITS),
        ),
    ),
    "vouchers": Subject(
        "Vouchers",
        ("vouchers",),
        (
            Role("created", "when it was issued", _NOW, "time", alone=True),
            Role(
                "redeemed",
                "when it was redeemed",
                ("date_time_redeemed", "redeemed_at", "redeemed_date", "redeemed"),
                "time",
            ),
            Role(
                "expires",
                "when it expires",
                ("date_time_expiry", "expiration_date", "expires_at", "expiry_date", "expiry"),
                "time",
            ),
            Role("status", "its state, as generated, claimed, redeemed", ("status", "state")),
            Role("uses", "how often it was redeemed", ("redemption_count", "uses"), "number"),
            Role("amount", "its value", ("amount", "value"), "number"),
            Role("unit", "the unit of its value", (*_UNITS, "discount_type")),
            Role("campaign", "its campaign", ("campaign_title", "campaign_name", "campaign")),
            Role("kind", "its kind", ("voucher_type", "type")),
            Role("code", "the code that redemptions name", ("code", "voucher_code", "voucher_key")),
        ),
    ),
    "redemptions": Subject(
        "Redemptions",
        ("redemptions",),
        (
            Role("moment", "when it was redeemed", ("date", *_NOW), "time", alone=True),
            Role("code", "the voucher's code", ("voucher_code", "code")),
            Role("result", "whether it succeeded", ("result", "status")),
        ),
    ),
    "wallet": Subject(
        "Wallet entries",
        ("wallet_ledger", "voucher_transactions", "wallet_entries", "point_transactions"),
        (
            Role("moment", "when it was booked", _NOW, "time", alone=True),
            Role("amount", "how much", ("amount", "points", "value"), "number"),
            Role("direction", "earned or spent", ("earn_or_spend", "direction")),
            Role(
                "unit",
                "points or a currency",
                ("currency_symbol", "currency_code", "currency", "wallet_type", "unit", "type"),
            ),
            Role("member", "whose wallet", (*_MEMBERS, "voucher_id", "wallet_id")),
            Role(
                "expires",
                "when it expires",
                ("expires_at", "expiry_date", "date_time_expiry", "expiration_date", "expiry"),
                "time",
            ),
        ),
    ),
    "expirations": Subject(
        "Points that expire",
        ("points_expirations",),
        (
            Role("expires", "when they expire", ("expires_at", "expiry_date"), "time", alone=True),
            Role("amount", "how many", ("points", "amount"), "number"),
            Role("status", "whether they still count", ("status", "state")),
        ),
    ),
    "bulk": Subject(
        "Members in the bulk users export",
        ("bulk_users",),
        (
            Role("overall", "the overall score", ("overall",), "number"),
            Role("recency", "the recency score", ("recency",), "number"),
            Role("frequency", "the frequency score", ("frequency",), "number"),
            Role("monetary", "the monetary score", ("monetary",), "number"),
            Role("points", "the points balance", ("points_balance",), "number"),
            Role("cashback", "the cashback balance", ("cashback_balance",), "number"),
            Role("level", "the loyalty status level", ("loyalty_status_level",)),
            Role(
                "review",
                "the next review of the loyalty status",
                ("next_review_date_of_loyalty_status",),
                "time",
            ),
        ),
    ),
    "loads": Subject(
        "Loads",
        ("_dlt_loads",),
        (
            Role("ended", "when it ended", ("inserted_at",), "time"),
            Role("status", "its status, 0 if it is complete", ("status",), "number"),
        ),
    ),
}


@dataclass(frozen=True)
class Choice:
    """The table of a subject, and the column of each role; None where there is none."""

    table: str | None
    columns: Mapping[str, str | None]

    @classmethod
    def guessed(cls, subject: Subject, tables: Tables, table: str | None = None) -> Choice:
        """What the names suggest; in that table, if one is named."""
        table = table or guess_table(subject.likely, tables)
        columns = tables.get(table, {}) if table else {}
        return cls(table, {role.name: guess(role, columns) for role in subject.roles})


@dataclass(frozen=True)
class Programme:
    """A loyalty programme's tables by subject and role, copied for counting.

    Attributes:
        connection: Has a table for each subject, with a column for each role.
        has: By subject, the roles that a column was found for.
        choices: Where they came from.
        currency: The only currency whose baskets count, if there are several.
        span: The first and the last day that count; None for all of them.
    """

    connection: duckdb.DuckDBPyConnection
    has: Mapping[str, frozenset[str]]
    choices: Mapping[str, Choice]
    currency: str | None = None
    span: Span | None = None

    def need(self, subject: str, *roles: str) -> None:
        """Raises MissingError unless there is a table with these columns, and a row in it."""
        about = SUBJECTS[subject]
        if subject not in self.has:
            likely = " or ".join(f"`{name}`" for name in about.likely[:2])
            raise MissingError(f"It needs a table of {about.meaning.lower()}, as {likely}.")
        meanings = {role.name: role.meaning for role in about.roles}
        table = self.choices[subject].table
        missing = [meanings[role] for role in roles if role not in self.has[subject]]
        if missing:
            raise MissingError(
                f"It needs a column in `{table}` for {'; for '.join(missing)}."
                " If there is one, choose it above."
            )
        readable = " AND ".join([f"{quoted(role)} IS NOT NULL" for role in roles] or ["true"])
        (row,) = self.rows(f"SELECT count(*), count(*) FILTER ({readable}) FROM {subject}")
        if not row[0]:
            raise MissingError(f"`{table}` is empty.")
        if not row[1]:
            named = [f"`{self.choices[subject].columns[role]}`" for role in roles]
            raise MissingError(f"No row of `{table}` can be read by {' and '.join(named)}.")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self.connection.execute(sql).fetchall()

    def frame(self, sql: str) -> pd.DataFrame:
        """The rows of a query, as a DataFrame."""
        return self.connection.execute(sql).df()

    def of_currency(self, currency: str | None) -> Programme:
        """The same, with only this currency's baskets; with all of them, if there is none."""
        return replace(self, currency=currency)

    def within(self, span: Span | None) -> Programme:
        """The same, with these days alone."""
        return replace(self, span=span)

    @property
    def ever(self) -> str:
        """The purchases that count, of any day, as SQL."""
        if self.currency is None:
            return "purchases"
        return f"(FROM purchases WHERE currency = {literal(self.currency)})"

    @property
    def baskets(self) -> str:
        """The purchases that count, of the days that count, as SQL."""
        return f"(FROM {self.ever} WHERE {self.inside('moment')})" if self.span else self.ever

    def inside(self, moment: str) -> str:
        """The condition that a moment is within the days that count."""
        return inside(moment, self.span)

    def by_end(self, moment: str) -> str:
        """The condition that a moment, if it is known, is not after the days that count."""
        if self.span is None:
            return "true"
        return f"coalesce({moment} < DATE '{self.span[1]}' + INTERVAL 1 DAY, true)"


def programme(
    database: Database, schema: str, choices: Mapping[str, Choice], *, hundredths: bool = False
) -> Programme:
    """Copy the chosen columns of each subject's table, each read as its role's kind.

    Args:
        database: What to read.
        schema: The schema of its tables.
        choices: By subject, its table and columns.
        hundredths: Whether what was paid counts hundredths of a unit, as Voucherify's orders do.
    """
    connection = working_connection()
    tables = database.tables(schema)
    has = {}
    with database.reading(connection, schema) as relation:
        for subject, about in SUBJECTS.items():
            choice = choices[subject]
            if choice.table is None or choice.table not in tables:
                continue
            # In a bucket each load is a file, and nothing else counts from them.
            if subject == "loads" and "bulk" not in has:
                continue
            columns = tables[choice.table]
            chosen = {
                role.name: name
                for role in about.roles
                if (name := choice.columns.get(role.name)) is not None and name in columns
            }
            connection.execute(
                f"CREATE TABLE {subject} AS "
                + _selection(subject, columns, chosen, partial(relation, choice.table))
            )
            has[subject] = frozenset(chosen)
    if "purchases" in has:
        _gather_baskets(connection, has["purchases"], divisor=100 if hundredths else 1)
    return Programme(connection, has, choices)


def _selection(
    subject: str,
    columns: Mapping[str, str],
    chosen: Mapping[str, str],
    relation: Callable[[Sequence[str]], str],
) -> str:
    empty = {"time": "TIMESTAMP", "number": "DOUBLE", "text": "VARCHAR"}
    read = [
        f"{as_read(role, chosen[role.name], columns[chosen[role.name]])} AS {quoted(role.name)}"
        if role.name in chosen
        else f"NULL::{empty[role.kind]} AS {quoted(role.name)}"
        for role in SUBJECTS[subject].roles
    ]
    # Of a table with history (dlt's scd2) the rows that are valid now.
    ends = ["_dlt_valid_to"] if "_dlt_valid_to" in columns else []
    wanted = [*dict.fromkeys(chosen.values()), *ends] or [next(iter(columns))]
    where = "".join(f" WHERE {quoted(end)} IS NULL" for end in ends)
    return f"SELECT {', '.join(read)} FROM {relation(wanted)}{where}"


def _gather_baskets(
    connection: duckdb.DuckDBPyConnection, has: frozenset[str], divisor: int
) -> None:
    """Make one row of each basket: no document says whether a row is a basket or an item."""
    items = (
        "CASE WHEN json_valid(items) AND json_type(items) = 'ARRAY' THEN json_array_length(items)"
        " ELSE TRY_CAST(items AS DOUBLE) END"
    )
    connection.execute(
        f"CREATE OR REPLACE TABLE purchases AS SELECT * REPLACE ({items} AS items,"
        f" value / {divisor} AS value) FROM purchases"
        " WHERE coalesce(status, '') NOT ILIKE 'cancel%'"
    )
    if "basket" not in has:
        return
    repeated = "SELECT count(basket) > count(DISTINCT basket) FROM purchases"
    if connection.execute(repeated).fetchall()[0][0]:
        connection.execute(
            "CREATE OR REPLACE TABLE purchases AS SELECT min(moment) AS moment,"
            " any_value(member) AS member, sum(value) AS value, basket, sum(items) AS items,"
            " any_value(channel) AS channel, any_value(status) AS status,"
            " any_value(currency) AS currency"
            " FROM purchases WHERE basket IS NOT NULL GROUP BY basket"
            " UNION ALL FROM purchases WHERE basket IS NULL"
        )


def in_hundredths(choice: Choice) -> bool:
    """Whether what was paid counts cents: amounts of Voucherify's orders do, as in the model."""
    return choice.table == "orders" and choice.columns.get("value") in ("total_amount", "amount")


def currencies(data: Programme) -> list[str]:
    """The currencies of the baskets, the commonest first."""
    if "currency" not in data.has.get("purchases", ()):
        return []
    counted = (
        "SELECT currency FROM purchases WHERE currency IS NOT NULL"
        " GROUP BY ALL ORDER BY count(*) DESC, currency LIMIT 20"
    )
    return [name for (name,) in data.rows(counted)]


def newest(data: Programme) -> dt.date | None:
    """The day of the newest thing that happened, by any table; what lies ahead does not count."""
    return max(_days(data, "max"), default=None)


def oldest(data: Programme) -> dt.date | None:
    """The day of the oldest thing that happened, by any table."""
    return min(_days(data, "min"), default=None)


def _days(data: Programme, which: str) -> list[dt.date]:
    happened = {
        "purchases": "moment",
        "vouchers": "created",
        "redemptions": "moment",
        "wallet": "moment",
    }
    days = [
        data.rows(
            f"SELECT CAST({which}({role}) AS DATE) FROM {subject}"
            f" WHERE {role} <= now() AT TIME ZONE 'UTC'"
        )[0][0]
        for subject, role in happened.items()
        if subject in data.has
    ]
    return [day for day in days if day]
