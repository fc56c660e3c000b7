"""A small shop as its two vendors export it at four moments; all of it is made up.

Version 0.1 has loaded it at the first three, see `make`. Nothing here imports the package: the shop
serves both versions.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from tests.vendors.server import Answer, Seen
from tests.vendors.spaaza_files import FileVendor
from tests.vendors.voucherify_files import KEYS, VoucherifyVendor

CHAIN = 1743
TOKEN = {"access_token_id": "a", "access_token_secret": "b"}
QUICK: dict[str, Any] = {"poll_interval": 0.01, "start_margin": 0, "stagger": 0}
#: When the shop was loaded: by version 0.1, the last time by the present one.
LOADS = tuple(datetime(2024, 3, day, 4, tzinfo=UTC) for day in (10, 11, 12, 13))
#: What is given as `start_date` of the transactions; the other tables have none.
START_DATE = "2024-01-01"
#: The tables of a load: those with a start, and those without.
BY_START, WITHOUT_START = ("transactions",), ("users", "vouchers", "wallet_ledger", "products")
FIELDS = {"vouchers": ["id", "code", "created_at"], "redemptions": ["id", "date", "result"]}

_OPENED = datetime(2024, 1, 5, 10, tzinfo=UTC)
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
Row = dict[str, Any]


def rows_at(table: str, at: datetime) -> list[Row]:
    """All rows that a vendor has of a table at a moment."""
    return {
        "transactions": _transactions,
        "wallet_ledger": _wallet_ledger,
        "vouchers": _vouchers,
        "users": _users,
        "products": lambda _: [],
        "redemptions": _redemptions,
        "coupons": _coupons,
    }[table](at)


def _transactions(at: datetime) -> list[Row]:
    rows = []
    for number, moment in enumerate(_moments(at, 13 * _HOUR)):
        # Every fourth becomes known late.
        if number % 4 == 0 and moment + 20 * _HOUR > at:
            continue
        # Lately all prices are whole numbers.
        cents = "" if moment >= LOADS[0] + 20 * _HOUR else ".50"
        rows.append(
            {
                "id": 30_500_000 + 2 * number,
                "timestamp": moment,
                "basket_code": f"{number:06}",
                "user_id": None if number % 3 == 0 else 1_900_000 + number % 40,
                "total_value": f"{number % 50 + 1}{cents}",
            }
        )
    return rows


def _wallet_ledger(at: datetime) -> list[Row]:
    """Without a key: some rows are there twice."""
    return [
        {"timestamp": row["timestamp"], "user_id": row["user_id"], "amount": "0.25"}
        for row in _transactions(at)
        for _ in range(2 if row["id"] % 20 == 0 else 1)
        if row["user_id"]
    ]


def _vouchers(at: datetime) -> list[Row]:
    rows = []
    for number, moment in enumerate(_moments(at, 25 * _HOUR)):
        redeemed = moment + 5 * _DAY if number % 3 == 0 and moment + 5 * _DAY <= at else None
        rows.append(
            {
                "id": 700_000 + number,
                "status": "redeemed" if redeemed else "generated",
                "date_time_creation": moment,
                "date_time_redeemed": redeemed,
            }
        )
    return rows


def _users(at: datetime) -> list[Row]:
    """One comes each day, one leaves, and some change."""
    days = (at - LOADS[0]).days
    return [
        {
            "id": 1_900_000 + number,
            "first_name": ("Ann", "Bob", "NA", "Zoë", 'Cy "C"')[number % 5],
            "postal_code": f"{number:05}",
            "points": number + (days if number % 5 == 0 else 0),
            "created_date": _OPENED + number * _DAY,
        }
        for number in range(days, 40 + days)
    ]


def _coupons(at: datetime) -> list[Row]:
    """Voucherify's vouchers, which have the name of another vendor's table."""
    return [
        {"ID": f"v_{number}", "Code": f"{number:04}", "Creation Date": moment}
        for number, moment in enumerate(_moments(at, 60 * _HOUR))
    ]


def _redemptions(at: datetime) -> list[Row]:
    return [
        {"ID": f"r_{number}", "Date": moment, "Result": "SUCCESS"}
        for number, moment in enumerate(_moments(at, 31 * _HOUR))
    ]


def _moments(until: datetime, apart: timedelta) -> Iterator[datetime]:
    moment = _OPENED
    while moment < until:
        yield moment
        moment += apart


class Shop(FileVendor):
    """Its Tasks API: an export has the rows that its filter lets through, as of its creation."""

    def __init__(self) -> None:
        super().__init__()
        self.now = LOADS[0]
        #: Numbers of the tasks that end in an error.
        self.failed: set[int] = set()
        #: Rows that the next exports bring instead of the shop's, by table.
        self.instead: dict[str, list[Row]] = {}
        self._created: list[tuple[datetime, bytes]] = []

    def remember(self, tasks: Iterable[tuple[datetime, str]]) -> None:
        """Let it have had these tasks, each with its time and description; others follow them."""
        for created, desc in tasks:
            self.tasks.append({"desc": desc})
            self._created.append((created, b""))

    def file(self, number: int) -> bytes:
        return self._created[number - 1][1]

    def _answer(self, seen: Seen) -> Answer:
        answer = super()._answer(seen)
        if seen.method == "POST":
            self._created.append((self.now, self._export(self.tasks[-1])))
        answer.headers["Date"] = format_datetime(self.now, usegmt=True)
        return answer

    def _task(self, number: int, code: str) -> dict[str, Any]:
        created = [*(moment for moment, _ in self._created), self.now][number - 1]
        dates = dict.fromkeys(("created_date", "last_run_date", "last_modified"), _text(created))
        if number in self.failed and code == "DONE":
            code = "ERROR"
        return {**super()._task(number, code), "state": {"code": code, **dates}}

    def _export(self, task: dict[str, Any]) -> bytes:
        table = task["target"]["export_index"].replace("-", "_")
        rules = task["trigger"].get("segment", {}).get("rules", [])
        rows = self.instead.get(table, rows_at(table, self.now))
        # Of the rules of a window of vouchers, one is enough.
        chosen = [row for row in rows if not rules or any(_fits(row, rule) for rule in rules)]
        names = list(rows_at(table, self.now)[0]) if rows_at(table, self.now) else ["id", "name"]
        return _csv(chosen, names)


@contextmanager
def open_shop() -> Iterator[tuple[Shop, VoucherifyVendor]]:
    """Both vendors' APIs; Voucherify's has the time of the other."""
    with Shop() as shop, VoucherifyVendor() as voucherify:
        voucherify.clock = lambda: shop.now
        yield shop, voucherify


def move_to(moment: datetime, shop: Shop, voucherify: VoucherifyVendor) -> None:
    """Let it be that moment at both."""
    shop.now = moment
    for exported, table in (("voucher", "coupons"), ("redemption", "redemptions")):
        rows = rows_at(table, moment)
        voucherify.files[exported] = _csv(rows, list(rows[0])).decode()


def spaaza_settings(shop: Shop, **given: Any) -> dict[str, Any]:
    """The arguments of `spaaza_source`."""
    own = {"base_url": shop.base_url, "chain_id": CHAIN, "credentials": TOKEN}
    return {**QUICK, **own, **given}


def voucherify_settings(voucherify: VoucherifyVendor) -> dict[str, Any]:
    """The arguments of `voucherify_source`."""
    return {
        "base_url": voucherify.base_url,
        "credentials": KEYS,
        "objects": ["vouchers", "redemptions"],
        "fields": FIELDS,
        "poll_interval": 0.01,
    }


def _fits(row: Row, rule: dict[str, Any]) -> bool:
    moment = row[rule["field_name"]]
    if moment is None:
        return False
    start = rule.get("start_date", _text(_OPENED))
    return bool(start <= _text(moment) <= rule["end_date"])


def _csv(rows: list[Row], names: list[str]) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow(
            _text(cell) if isinstance(cell, datetime) else cell for cell in row.values()
        )
    return file.getvalue().encode()


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
