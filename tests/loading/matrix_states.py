"""The values of settings, what the vendor gives under each, and what a table keeps of two loads."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from spaaza_source.windows import iso
from tests.loading.matrix_bench import State
from tests.loading.matrix_shops import FIRST, NOW, Kind, Row, TableRow, rows_after, without_note

SECRETS = ("0123456789abcdef", "fedcba9876543210")


def only(tier: str) -> Callable[[Kind, Row], bool]:
    """The rows of a tier."""
    return lambda _kind, row: row.tier == tier


def between(start: datetime, end: datetime | None = None) -> Callable[[Kind, Row], bool]:
    """The rows made, or changed, in a range; a snapshot has no times."""

    def keeps(kind: Kind, row: Row) -> bool:
        times = [row.made, *([row.changed] if row.changed and kind == "merged" else [])]
        return kind == "snapshot" or any(start <= at < (end or NOW) for at in times)

    return keeps


def in_time(lag: timedelta) -> Callable[[Kind, Row], bool]:
    """The rows but for those that came too late for a lookback."""
    return lambda kind, row: kind == "snapshot" or not row.late or row.made >= FIRST - lag


def hashed(secret: str) -> Callable[[TableRow], TableRow]:
    """The cells with the address hashed."""

    def cells(row: TableRow) -> TableRow:
        digest = hmac.new(secret.encode(), row["email"].encode(), hashlib.sha256).hexdigest()
        return {**without_note(row), "email": digest}

    return cells


def lacking(*names: str) -> Callable[[TableRow], TableRow]:
    """The cells but for some."""
    return lambda row: {cell: value for cell, value in row.items() if cell not in names}


def priced(as_type: Callable[[Any], Any]) -> Callable[[TableRow], TableRow]:
    """The cells with the price in another type."""
    return lambda row: {**without_note(row), "price": as_type(row["price"])}


def as_text(row: TableRow) -> TableRow:
    """The cells as the vendor wrote them."""
    return {
        name: iso(cell) if isinstance(cell, datetime) else None if cell is None else str(cell)
        for name, cell in without_note(row).items()
    }


def keeping(kind: Kind, before: list[TableRow], after: list[TableRow]) -> list[TableRow]:
    """Rows of ranges that are not asked for stay; a snapshot is always whole."""
    return after if kind == "snapshot" else merging(kind, before, after)


def merging(_kind: Kind, before: list[TableRow], after: list[TableRow]) -> list[TableRow]:
    """No row is deleted."""
    codes = {row["code"] for row in after}
    return [*(row for row in before if row["code"] not in codes), *after]


def broken_rows(kind: Kind) -> list[Row]:
    """With a line that cannot be read among the new ones."""
    return [replace(row, broken=row.id == 6) for row in rows_after(kind)]


def late_rows(kind: Kind) -> list[Row]:
    """With a row that came very late."""
    return [*rows_after(kind), Row(8, FIRST - timedelta(hours=60), "gold", late=True)]


def hidden_changes(kind: Kind) -> list[Row]:
    """With a change that no filter shows."""
    return [replace(row, price="7.77") if row.id == 3 else row for row in rows_after(kind)]


def dates(start: datetime, end: datetime | None = None) -> dict[str, Any]:
    return {"start_date": iso(start), **({"end_date": iso(end)} if end else {})}


def days(number: int) -> datetime:
    """So many days ago."""
    return NOW - timedelta(days=number)


def since(number: int, to: int | None = None) -> State:
    """Rows since so many days ago, up to so many."""
    end = None if to is None else days(to)
    return State(dates(days(number), end), keeps=between(days(number), end))


def interval(start: int, end: int) -> State:
    return State(
        {"allow_external_schedulers": True},
        environment={
            "DLT_INTERVAL_START": iso(days(start)),
            "DLT_INTERVAL_END": iso(days(end)),
        },
        keeps=between(days(start), days(end)),
    )


def privacy(
    action: str,
    secret: str = SECRETS[0],
    cells: Callable[[TableRow], TableRow] = without_note,
    **others: str,
) -> State:
    """The address is treated so, and other cells as told."""
    given = {"privacy": {"email": action, **others}, "privacy_secret": secret}
    return State(given, cells=cells)


def disposition(name: str) -> State:
    """A write disposition, with a key where it needs one."""
    if name in ("replace", "append"):
        return State(hints={"write_disposition": name})
    key = {} if name == "scd2" else {"primary_key": ["code"]}
    return State(hints={"write_disposition": {"disposition": "merge", "strategy": name}, **key})
