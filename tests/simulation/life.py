"""The life of a small shop: everything that ever happens in it, drawn from a seed beforehand.

The shop knows nothing of those who load its exports. Only the moments of the daily loads are given,
so that much happens just then: a load's border is where rows get lost.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from tests.simulation.rows import Change, Row, Table

DAY = timedelta(days=1)
#: The shop is older than its first load.
BEFORE = timedelta(days=10)
_NUMBER, _TEXT, _TIME = pa.int64(), pa.string(), pa.timestamp("us", "UTC")
_MONEY, _FLAG = pa.decimal128(12, 2), pa.bool_()
_ADDED = {"store_code": _TEXT, "score": _NUMBER}

_TYPES: dict[str, dict[str, pa.DataType]] = {
    "transactions": {
        "id": _NUMBER,
        "timestamp": _TIME,
        "basket_code": _TEXT,
        "user_id": _NUMBER,
        "total_value": _MONEY,
    },
    "wallet-ledger": {"timestamp": _TIME, "user_id": _NUMBER, "amount": _MONEY, "reason": _TEXT},
    "vouchers": {
        "id": _NUMBER,
        "user_id": _NUMBER,
        "status": _TEXT,
        "locked": _FLAG,
        "date_time_creation": _TIME,
        "date_time_expiry": _TIME,
        "date_time_redeemed": _TIME,
    },
    "users": {
        "id": _NUMBER,
        "first_name": _TEXT,
        "email": _TEXT,
        "postal_code": _TEXT,
        "house_number": _TEXT,
        "created_date": _TIME,
    },
    "products": {"id": _NUMBER, "owner_code": _TEXT, "name": _TEXT, "price": _MONEY},
    "product-variants": {"id": _NUMBER, "product_id": _NUMBER, "name": _TEXT, "barcode": _TEXT},
}
#: The column that tells when a row is from, where a window is taken by it.
_TIMES = {"transactions": "timestamp", "wallet-ledger": "timestamp"}


@dataclass(frozen=True)
class Habits:
    """What kind of life it is.

    Attributes:
        lag: No later than this after its time a row is known, and changed; but for few.
        late: The share of rows that come late at all.
        too_late: The share of late rows, and of claims, that come later than the lag.
        baskets: Sold on a day, from and to.
    """

    lag: timedelta = DAY
    late: float = 0.3
    too_late: float = 0.05
    baskets: tuple[int, int] = (15, 30)


@dataclass
class Life:
    """All tables of a shop over all their time.

    Attributes:
        loads: The moments at which the daily loads begin.
        seed: What everything is drawn from.
        habits: What kind of life it is.
        tables: By the vendor's name of the index.
    """

    loads: Sequence[datetime]
    seed: int
    habits: Habits = field(default_factory=Habits)
    tables: dict[str, Table] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - a game, no secret
        self._begin = self.loads[0] - BEFORE
        for name, types in _TYPES.items():
            self.tables[name] = Table({**types, **_ADDED}, [(self._begin, list(types))])
        self._people: list[Row] = []
        self._open_shop()
        day = self._begin
        while day < self.loads[-1]:
            self._live(day)
            day += DAY
        for load in self.loads:
            self._crowd(load)
        self._change_columns()

    # What happens once.

    def _open_shop(self) -> None:
        for _ in range(40):
            self._sign_up(self._begin)
        for number in range(30):
            self._add_product(self._begin, number)

    def _change_columns(self) -> None:
        """Two columns come, and in between all of them move: each at a midnight without a load."""
        count = len(self.loads)
        first, moved, second = (
            _midnight(self.loads[max(1, count * part // 9)]) for part in (2, 4, 6)
        )
        for name, table in self.tables.items():
            columns = [*table.headers[0][1], "store_code"]
            shuffled = self._random.sample(columns, len(columns))
            table.headers += [(first, columns), (moved, shuffled), (second, [*shuffled, "score"])]
            for number, row in enumerate(table.rows):
                made = row.changes[0]
                if made.at >= first:
                    # What is older has none.
                    row.change(Change(made.at, {"store_code": f"{number % 7:03}"}, made.shown_by))
                if made.at >= second:
                    row.change(Change(made.at, {"score": number % 5}, made.shown_by))
                elif name not in _TIMES:
                    # What has no time gets it all at once, the oldest too.
                    row.change(Change(second, {"score": number % 5}))

    # What happens each day.

    def _live(self, day: datetime) -> None:
        draw = self._random
        for _ in range(draw.randint(*self.habits.baskets)):
            self._sell(day + draw.random() * DAY)
        for _ in range(draw.randint(2, 5)):
            self._give_voucher(day + draw.random() * DAY)
        for _ in range(draw.randint(1, 3)):
            self._sign_up(day + draw.random() * DAY)
        for _ in range(3):
            self._change_person(day + draw.random() * DAY)
        for _ in range(2):
            self._rename(day + draw.random() * DAY)
        if draw.random() < 0.3:
            products = len(self.tables["products"].rows)
            self._add_product(day + draw.random() * DAY, products)

    def _crowd(self, load: datetime) -> None:
        """Baskets before, at and after the moment of a load, some of them on a whole second."""
        for _ in range(4):
            moment = load + timedelta(seconds=self._random.uniform(-3, 45))
            if self._random.random() < 0.5:
                moment = moment.replace(microsecond=0)
            self._sell(moment)
        self._give_voucher(load + timedelta(seconds=self._random.uniform(-3, 45)))

    def _sell(self, moment: datetime) -> None:
        table, draw = self.tables["transactions"], self._random
        number = len(table.rows)
        buyer = self._somebody() if draw.random() < 0.7 else None
        known = self._known(moment)
        value = _money(draw.randint(100, 20_000))
        cells = {
            "id": 30_500_000 + 2 * number,
            "timestamp": moment,
            "basket_code": f"{number:012}",
            "user_id": buyer,
            "total_value": value,
        }
        row = Row(Change(known, cells, moment))
        table.rows.append(row)
        if buyer is None and draw.random() < 0.5:
            # An anonymous basket gets its buyer, and keeps its time.
            buyer = self._somebody()
            known += self._delay(moment + self.habits.lag - known, days=30)
            row.change(Change(known, {"user_id": buyer}, moment))
        if buyer is not None:
            for _ in range(2 if draw.random() < 0.1 else 1):
                self._book(moment, self._known(moment), buyer, value)

    def _book(self, moment: datetime, known: datetime, user: int, value: Decimal) -> None:
        cells = {
            "timestamp": moment,
            "user_id": user,
            "amount": (value / 20).quantize(Decimal("0.01")),
            "reason": self._random.choice(("purchase", "bonus, birthday", 'gift "A"')),
        }
        self.tables["wallet-ledger"].rows.append(Row(Change(known, cells, moment)))

    def _give_voucher(self, moment: datetime) -> None:
        table, draw = self.tables["vouchers"], self._random
        expiry = moment.replace(microsecond=0) + 60 * DAY
        cells = {
            "id": 700_000 + len(table.rows),
            "user_id": self._somebody(),
            "status": "generated",
            "locked": False,
            "date_time_creation": moment,
            "date_time_expiry": expiry,
        }
        known = self._known(moment)
        row = Row(Change(known, cells, moment))
        table.rows.append(row)
        fate = draw.random()
        if fate < 0.2:
            locked = known + draw.uniform(0.1, 20) * DAY
            row.change(Change(locked, {"locked": True}))
            if draw.random() < 0.5:
                row.change(Change(locked + draw.uniform(0, 3) * DAY, {"locked": False}))
        elif fate < 0.3:
            early = known + draw.uniform(1, 30) * DAY
            row.change(Change(early, {"date_time_expiry": early.replace(microsecond=0)}))
        if draw.random() < 0.45:
            redeemed = known + draw.uniform(0, 40) * DAY
            told = self._known(redeemed)
            cells = {"status": "redeemed", "date_time_redeemed": redeemed}
            row.change(Change(told, cells, redeemed))
        elif draw.random() < 0.15:
            row.change(Change(known + draw.uniform(0, 40) * DAY, None))

    def _sign_up(self, moment: datetime) -> None:
        table, draw = self.tables["users"], self._random
        number = len(table.rows)
        cells = {
            "id": 1_900_000 + 3 * number,
            "first_name": draw.choice(("Ann", "Bob", "NA", "Zoë", "null", 'Cy "C"', "D, E")),
            "email": f"user{number}@example.org",
            "postal_code": f"{draw.randint(0, 99_999):05}",
            "house_number": str(draw.randint(1, 99)),
            "created_date": moment,
        }
        row = Row(Change(moment, cells))
        table.rows.append(row)
        self._people.append(row)

    def _change_person(self, moment: datetime) -> None:
        draw = self._random
        row = draw.choice(self._people)
        if row.changes[-1].at >= moment:
            return
        what = draw.random()
        if what < 0.6:
            # A house number is a number until somebody lives at 12a.
            house = f"{draw.randint(1, 99)}{draw.choice(('', '', 'a', '-II'))}"
            row.change(Change(moment, {"house_number": house}))
        elif what < 0.8:
            row.change(Change(moment, {"first_name": None, "email": None, "postal_code": "00000"}))
        else:
            row.change(Change(moment, None))
            self._people.remove(row)

    def _add_product(self, moment: datetime, number: int) -> None:
        cells: dict[str, Any] = {
            "id": 50_000 + number,
            "owner_code": f"{7 * number:08}",
            "name": f"Article {number}",
            "price": _money(self._random.randint(95, 9_000)),
        }
        self.tables["products"].rows.append(Row(Change(moment, cells)))
        variants = self.tables["product-variants"].rows
        for _ in range(2):
            cells = {
                "id": 810_000 + len(variants),
                "product_id": 50_000 + number,
                "name": f"Article {number}",
                "barcode": f"{435_980_000_000 + len(variants):014}",
            }
            variants.append(Row(Change(moment, cells)))

    def _rename(self, moment: datetime) -> None:
        """A product, and its two variants with it."""
        products = self.tables["products"].rows
        number = self._random.randrange(len(products))
        if products[number].changes[-1].at >= moment:
            return
        name = {"name": f"Article {number}, {moment:%d %b}"}
        for row in (products[number], *self.tables["product-variants"].rows[2 * number :][:2]):
            row.change(Change(moment, name))

    # Chance.

    def _somebody(self) -> int:
        return 1_900_000 + 3 * self._random.randrange(len(self.tables["users"].rows))

    def _known(self, moment: datetime) -> datetime:
        """When the vendor gets to know of what happened at a moment."""
        if self._random.random() >= self.habits.late:
            return moment + timedelta(seconds=self._random.uniform(0, 2))
        return moment + self._delay(self.habits.lag, days=5)

    def _delay(self, most: timedelta, days: float) -> timedelta:
        """Mostly less than what is allowed, often just so; for few up to so many days more."""
        draw = self._random
        if draw.random() < self.habits.too_late:
            return most + draw.random() * days * DAY
        share = 1.0 if draw.random() < 0.2 else draw.random()
        return share * max(most - timedelta(seconds=3), timedelta(0))


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _money(cents: int) -> Decimal:
    return Decimal(cents) / 100
