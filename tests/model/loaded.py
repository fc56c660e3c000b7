"""A dataset as loads leave it, made by SQL, and the model made of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import dlt
import duckdb

from spaaza_source.model import (
    Book,
    Dataset,
    View,
    make_views,
    open_dataset,
    plan_book,
    plan_views,
    write_book,
)

DATASET = "loyalty"
MODEL = "loyalty_model"
UTC = dt.UTC
#: The columns of a book's row that stand beside its day, key and what it adjusts.
MOVES = ("issued", "redeemed", "expired", "corrected")
Row = dict[str, Any]


class Loaded:
    """A DuckDB file with loaded tables.

    Args:
        folder: Where the file is.
        vendor: Whose tables.
    """

    def __init__(self, folder: Path, vendor: str = "spaaza") -> None:
        self.file = folder / "warehouse.duckdb"
        self.vendor = vendor
        self._pipeline = dlt.pipeline(
            "loyalty",
            pipelines_dir=str(folder / "pipelines"),
            destination=dlt.destinations.duckdb(str(self.file)),
            dataset_name=DATASET,
        )
        self.run(f"CREATE SCHEMA IF NOT EXISTS {DATASET}")

    def run(self, *statements: str) -> None:
        with duckdb.connect(str(self.file)) as connection:
            connection.execute(f"SET TimeZone = 'UTC'; CREATE SCHEMA IF NOT EXISTS {DATASET}")
            connection.execute(f"SET search_path = '{DATASET}'")
            for sql in statements:
                connection.execute(sql)

    def insert(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        with duckdb.connect(str(self.file)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            if rows:
                marks = ", ".join(f"({', '.join('?' for _ in row)})" for row in rows)
                cells = [cell for row in rows for cell in row]
                connection.execute(f"INSERT INTO {DATASET}.{table} VALUES {marks}", cells)

    def loaded_until(self, until: dt.datetime, *tables: str) -> None:
        """Let the ledger say until when the tables are loaded."""
        self.run(
            "CREATE OR REPLACE TABLE export_jobs (table_name TEXT, window_end TIMESTAMPTZ,"
            " created_at TIMESTAMPTZ, loaded_at TIMESTAMPTZ)"
        )
        self.insert("export_jobs", [(table, until, until, until) for table in tables])

    @contextmanager
    def dataset(self) -> Iterator[Dataset]:
        with open_dataset(self._pipeline) as dataset:
            yield dataset

    def model(self) -> dict[str, View]:
        """Make the views."""
        with self.dataset() as dataset:
            views = plan_views(dataset, self.vendor)
            make_views(dataset, views)
        return {view.name: view for view in views}

    def book(self, close: str | None = "none", zone: str = "UTC") -> Book:
        """Make the views, and write the book."""
        with self.dataset() as dataset:
            views = plan_views(dataset, self.vendor)
            make_views(dataset, views)
            plan = plan_book(dataset, views, zone, close)
            assert plan is not None
            return write_book(dataset, plan)

    def rows(self, table: str) -> list[Row]:
        """The rows of a view or table of the model, in its order of columns."""
        with duckdb.connect(str(self.file)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            found = connection.execute(f"SELECT * FROM {MODEL}.{table}")
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def booked(self) -> list[Row]:
        """The rows of the book: by key, day, and on a day what adjusts earlier months first."""
        last = dt.date.max
        return sorted(
            self.rows("liability_book"),
            key=lambda row: (*key_of(row), row["day"], row["adjusts"] or last),
        )


def key_of(row: Row) -> tuple[str, str, str]:
    return row["kind"], row["campaign"], row["currency"]


def net(row: Row) -> Decimal:
    change: Decimal = row["issued"] - row["redeemed"] - row["expired"] + row["corrected"]
    return change


def check_chain(rows: list[Row]) -> None:
    """Each row closes with what it opens with and what moved; the next one opens with that."""
    held: dict[tuple[str, str, str], Decimal] = {}
    for row in rows:
        assert row["opening"] == held.get(key_of(row), 0), row
        assert row["closing"] == row["opening"] + net(row), row
        held[key_of(row)] = row["closing"]
