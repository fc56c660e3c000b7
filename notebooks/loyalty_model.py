"""The model of a dataset, made in memory: the views of `spaaza model`, from the same SQL.

So nobody need have run that command, and the database is only read. The liability book is a table
that the command alone writes; it is read where it is there. What is counted is `growth`'s and
`loyalty_measures`'.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeAlias

import duckdb
import pandas as pd
from loaded_data import (
    CannotReadError,
    Database,
    MissingError,
    PipelineDataset,
    literal,
    quoted,
    working_connection,
)
from loyalty_tables import SUBJECTS, copy_tables, need

if TYPE_CHECKING:
    from spaaza_source.model import View

#: A first and a last day, both included.
Span: TypeAlias = tuple[dt.date, dt.date]
#: By vendor: tables that no other vendor has.
VENDORS = {
    "spaaza": ("users", "bulk_users", "transactions", "wallet_ledger"),
    "voucherify": ("customers", "orders", "redemptions", "voucher_transactions"),
}
#: By view: how the tables that it is made of are called.
NEEDED = {
    "members": "`users` or `customers`",
    "vouchers": "`vouchers`",
    "baskets": "`transactions` or `orders`",
    "voucher_events": "`vouchers`, and of Voucherify `redemptions`",
    "wallet_entries": "`wallet_ledger`, or `voucher_transactions` and `vouchers`",
}
#: By view: the columns that are counted. Times are read as those of UTC, without a zone.
COUNTED = {
    "members": ("member_id", "created_at"),
    "vouchers": (
        *("voucher_id", "campaign", "type", "status", "created_at", "redeemed_at", "expires_at"),
        *("redemptions", "balance", "points_balance"),
    ),
    "baskets": (
        *("basket_id", "member_id", "happened_at", "channel", "status", "currency", "total"),
        "quantity",
    ),
    "voucher_events": ("voucher_id", "event", "happened_at", "amount", "currency"),
    "wallet_entries": (
        *("wallet_id", "member_id", "happened_at", "unit", "amount", "points", "currency"),
        *("expires_at", "wallet_expires_at"),
    ),
}
#: By view: when something of it happened, as SQL. That time has passed is nothing that happened.
MOMENTS = {
    "members": "created_at",
    "vouchers": "created_at",
    "baskets": "happened_at",
    "voucher_events": "CASE WHEN event <> 'expired' THEN happened_at END",
    "wallet_entries": "happened_at",
}
BOOK = "liability_book"
_MOVES = ("issued", "redeemed", "expired", "corrected")
_LOADED = "loaded_rows"


def inside(moment: str, span: Span | None) -> str:
    """The condition, as SQL, that a moment is on one of these days."""
    if span is None:
        return "true"
    return f"{moment} >= DATE '{span[0]}' AND {moment} < DATE '{span[1]}' + INTERVAL 1 DAY"


@dataclass(frozen=True)
class Model:
    """The settled tables, copied for counting.

    Attributes:
        connection: Has each view that can be made, `book` where it is there, and the tables of
            `loyalty_tables` that are.
        made_of: By view that is there: the loaded table that it is made of.
        why: By one that is not there: what it needs, in sentences.
        has: By view or subject of `loyalty_tables`: the columns that something is known of.
        currency: The only currency whose baskets count; None for all of them.
        span: The first and the last day that count; None for all of them.
    """

    connection: duckdb.DuckDBPyConnection
    made_of: Mapping[str, str]
    why: Mapping[str, str]
    has: Mapping[str, frozenset[str]]
    currency: str | None = None
    span: Span | None = None

    def need(self, name: str, *columns: str) -> None:
        """Raises MissingError unless a row of the view or table has all of these columns."""
        if name in SUBJECTS:
            need(self.has, self.rows, name, *columns)
            return
        if name not in self.made_of:
            raise MissingError(self.why[name])
        readable = " AND ".join([f"{column} IS NOT NULL" for column in columns] or ["true"])
        if not self.rows(f"SELECT 1 FROM {name} WHERE {readable} LIMIT 1")[:1]:
            raise MissingError(
                f"No row of `{self.made_of[name]}` has {' and '.join(columns) or 'anything'},"
                f" as the model reads it. `[model]` in `.dlt/config.toml` names other columns."
            )

    def knows(self, view: str, column: str) -> bool:
        """Whether a column of a view has a source."""
        return column in self.has.get(view, ())

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self.connection.execute(sql).fetchall()

    def frame(self, sql: str) -> pd.DataFrame:
        """The rows of a query, as a DataFrame."""
        return self.connection.execute(sql).df()

    def of_currency(self, currency: str | None) -> Model:
        """The same, with this currency's baskets alone, if any basket has it."""
        if currency is None or "baskets" not in self.made_of:
            return replace(self, currency=None)
        known = self.rows(f"SELECT 1 FROM baskets WHERE currency = {literal(currency)} LIMIT 1")
        return replace(self, currency=currency if known else None)

    def within(self, span: Span | None) -> Model:
        """The same, with these days alone."""
        return replace(self, span=span)

    @property
    def bought(self) -> str:
        """The baskets that count, of any day, as SQL: a return of goods is below zero."""
        only = f" WHERE currency = {literal(self.currency)}" if self.currency else ""
        return f"(FROM baskets{only})"

    def inside(self, moment: str) -> str:
        """The condition that a moment is within the days that count."""
        return inside(moment, self.span)

    @property
    def baskets(self) -> str:
        """The baskets that count, of the days that count, as SQL."""
        return f"(FROM {self.bought} WHERE {self.inside('happened_at')})"

    def by_end(self, moment: str) -> str:
        """The condition that a moment, if it is known, is not after the days that count."""
        if self.span is None:
            return "true"
        return f"coalesce({moment} < DATE '{self.span[1]}' + INTERVAL 1 DAY, true)"

    @property
    def end(self) -> dt.date | None:
        """The last day that counts."""
        return self.span[1] if self.span else None

    def days(self) -> tuple[dt.date | None, dt.date | None]:
        """The first and the last day on which anything happened; what lies ahead does not count."""
        days = [
            self.rows(
                f"SELECT CAST(min({moment}) AS DATE), CAST(max({moment}) AS DATE) FROM {view}"
                f" WHERE {moment} <= now() AT TIME ZONE 'UTC'"
            )[0]
            for view, moment in MOMENTS.items()
            if view in self.made_of
        ]
        known = [day for both in days for day in both if day]
        return min(known, default=None), max(known, default=None)

    def currencies(self) -> list[str]:
        """The currencies of the baskets, the commonest first."""
        if "baskets" not in self.made_of:
            return []
        counted = (
            "SELECT currency FROM baskets WHERE currency IS NOT NULL"
            " GROUP BY ALL ORDER BY count(*) DESC, currency LIMIT 20"
        )
        return [name for (name,) in self.rows(counted)]


def read_model(database: Database, schema: str) -> Model:
    """Make the views of a dataset, and copy what is counted of them.

    Args:
        database: What to read.
        schema: The schema of the loaded tables.

    Raises:
        CannotReadError: The settings of `[model]` do not fit the dataset; or a load writes to it.
    """
    # dlt takes a second to import, which the first look need not wait for.
    from spaaza_source.errors import SettingsError  # noqa: PLC0415
    from spaaza_source.model import Dataset, plan_views, statements  # noqa: PLC0415

    named = SimpleNamespace(dataset_name=_LOADED)
    tables = {name: dict(columns) for name, columns in database.tables(schema).items()}
    vendor = max(VENDORS, key=lambda each: len(tables.keys() & set(VENDORS[each])))
    connection = working_connection()
    try:
        planned = plan_views(Dataset(named, tables, is_postgres=False), vendor)
        views = {view.name: view for view in planned if view.name in COUNTED}
        with database.reading(connection, schema) as relation:
            typed = _see_tables(connection, tables, list(views.values()), relation)
            dataset = Dataset(named, typed, is_postgres=False)
            plan = [view for view in plan_views(dataset, vendor) if view.name in COUNTED]
            for sql in statements(dataset, plan):
                connection.execute(sql)
            for view in plan:
                if view.sql:
                    _copy(connection, view.name, dataset.modelled(view.name))
    except SettingsError as error:
        raise CannotReadError(f"The model cannot be made: {error}") from None
    except duckdb.Error as failure:
        # Its message may quote a cell.
        kind = type(failure).__name__
        raise CannotReadError(f"DuckDB cannot make the model of `{schema}` ({kind}).") from None
    connection.execute(f"DROP SCHEMA {_LOADED}_model CASCADE; DROP SCHEMA {_LOADED} CASCADE")
    # What a vendor's vouchers tell in their own rows is made of no table but theirs.
    made_of = {name: view.table or "vouchers" for name, view in views.items() if view.sql}
    has = copy_tables(connection, database, schema) | {
        name: frozenset(COUNTED[name]) - frozenset(views[name].without_source) for name in made_of
    }
    why = {
        name: f"It needs the loaded table {tables_of}."
        for name, tables_of in NEEDED.items()
        if name not in made_of
    }
    model_schema = Dataset(SimpleNamespace(dataset_name=schema), {}, is_postgres=False).model_name
    if _copy_book(connection, database, model_schema):
        made_of["book"] = BOOK
    else:
        why["book"] = (
            f"It needs the table `{model_schema}.{BOOK}`, which `spaaza model` writes. Run it with"
            " the settings of `spaaza load`, then read again."
        )
    return Model(connection, made_of, why, has)


def _see_tables(
    connection: duckdb.DuckDBPyConnection,
    tables: Mapping[str, Mapping[str, str]],
    views: Sequence[View],
    relation: Callable[[str, Sequence[str]], str],
) -> dict[str, dict[str, str]]:
    """Show the tables, with the columns that the views read; their types as DuckDB has them."""
    connection.execute(f"CREATE SCHEMA {_LOADED}")
    typed: dict[str, dict[str, str]] = {}
    for view in views:
        if not view.sql or not view.table:
            continue
        columns = tables[view.table]
        read = [name for name in columns if quoted(name) in view.sql] or [next(iter(columns))]
        its = f"{_LOADED}.{quoted(view.table)}"
        listed = ", ".join(quoted(name) for name in read)
        connection.execute(
            f"CREATE VIEW {its} AS SELECT {listed} FROM {relation(view.table, read)}"
        )
        described = connection.execute(f"DESCRIBE {its}").fetchall()
        typed[view.table] = {str(row[0]): str(row[1]) for row in described}
    return typed


def _copy(connection: duckdb.DuckDBPyConnection, name: str, view: str) -> None:
    cells = ", ".join(
        f"{column} AT TIME ZONE 'UTC' AS {column}" if column.endswith("_at") else column
        for column in COUNTED[name]
    )
    connection.execute(f"CREATE TABLE {name} AS SELECT {cells} FROM {view}")
    if name != "baskets":
        return
    # No document says whether a row is a basket or an item; what was cancelled does not count.
    connection.execute(
        "CREATE OR REPLACE TABLE baskets AS SELECT any_value(member_id) AS member_id,"
        " min(happened_at) AS happened_at, any_value(channel) AS channel,"
        " any_value(currency) AS currency, sum(total) AS total, sum(quantity) AS quantity"
        " FROM (SELECT *, coalesce(basket_id, 'row ' || row_number() OVER ()) AS its_id"
        " FROM baskets WHERE coalesce(status, '') NOT ILIKE 'cancel%') GROUP BY its_id"
    )


def _copy_book(connection: duckdb.DuckDBPyConnection, database: Database, schema: str) -> bool:
    """Copy what moved on each day, of all campaigns together; False where there is no book."""
    wanted = ["day", "kind", "currency", *_MOVES]
    sums = ", ".join(f"sum({move}) AS {move}" for move in _MOVES)
    summed = f"SELECT CAST(day AS DATE) AS day, kind, currency, {sums} FROM {{}} GROUP BY 1, 2, 3"
    if set(wanted) <= set(database.tables(schema).get(BOOK, {})):
        with database.reading(connection, schema) as relation:
            connection.execute(f"CREATE TABLE book AS {summed.format(relation(BOOK, wanted))}")
        return True
    if not isinstance(database, PipelineDataset):
        return False
    # It is no table of dlt's, whose dataset does not know of it.
    rows = database.modelled(BOOK, summed)
    if rows is None:
        return False
    connection.register("rows", pd.DataFrame(rows, columns=wanted))
    moves = ", ".join(f"CAST({move} AS DECIMAL(38, 4)) AS {move}" for move in _MOVES)
    connection.execute(
        "CREATE TABLE book AS SELECT CAST(day AS DATE) AS day, CAST(kind AS VARCHAR) AS kind,"
        f" CAST(currency AS VARCHAR) AS currency, {moves} FROM rows"
    )
    connection.unregister("rows")
    return True
