"""Shops whose rows are known, and the vendors that export them: by filter, fields and account.

A row of a shop is told once, in words of the shop. A face tells what a vendor calls each of its
cells, so that the table to expect is computed from the shop alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any, Literal

from spaaza_source.windows import iso
from tests.vendors.server import Answer, Seen
from tests.vendors.spaaza_files import FileVendor
from tests.vendors.voucherify_files import VoucherifyVendor

TableRow = dict[str, Any]
Kind = Literal["window", "merged", "snapshot"]
#: How a table is loaded: a range of it is replaced; changed rows are merged by a key; all of it.
KINDS: tuple[Kind, ...] = ("window", "merged", "snapshot")

NOW = datetime.now(UTC).replace(microsecond=0)
#: When the first load of a cell runs, by the vendor's clock; the second runs now.
FIRST = NOW - timedelta(days=2)
#: When there is one between them: what came right after the first is beyond its lookback then.
MIDDLE = NOW - timedelta(hours=20)
#: The rows after this one have a cell in a column that the vendor had not in the beginning.
LAST_OF_OLD = 4
#: Whose rows they are unless a cell says otherwise; and somebody else's.
OWN, OTHER = "own", "other"


@dataclass(frozen=True)
class Row:
    """A row of the shop.

    Attributes:
        id: Its number.
        made: Its time.
        tier: What filters choose by.
        price: A cell that changes.
        changed: When a filter shows that it changed; None for never.
        account: Whose it is.
        broken: Whether its line has a cell too many.
        late: Whether it came to the vendor after the first load, though its time is before that.
    """

    id: int
    made: datetime
    tier: str
    price: str = "1.50"
    changed: datetime | None = None
    account: str = OWN
    broken: bool = False
    late: bool = False

    def cells(self) -> dict[str, Any]:
        """Its cells as a table has them: of documented types, or of those that they show."""
        return {
            "id": str(self.id),
            "code": f"c{self.id}",
            "made": self.made,
            "sold": self.made + timedelta(days=20),
            "changed": self.changed,
            "tier": self.tier,
            "price": Decimal(self.price),
            "email": f"x{self.id}@y.nl",
            "note": f"n{self.id}" if self.id > LAST_OF_OLD else None,
        }


def without_note(row: TableRow) -> TableRow:
    """The cells that the vendor gives unless it is asked for more."""
    return {name: cell for name, cell in row.items() if name != "note"}


@dataclass(frozen=True)
class Face:
    """What a vendor calls a shop's tables and cells.

    Attributes:
        vendor: The name of its source.
        tables: The table of each kind.
        columns: Of each kind: the vendor's name of each cell.
    """

    vendor: str
    tables: Mapping[Kind, str]
    columns: Mapping[Kind, Mapping[str, str]]

    def column(self, kind: Kind, cell: str) -> str:
        """The column of a cell, as the table has it."""
        return self.columns[kind][cell].replace(".", "_")

    def kind_of(self, table: str) -> Kind:
        """The kind of the table of that name."""
        return next(kind for kind, name in self.tables.items() if name == table)


_SPAAZA = {"id": "id", "tier": "tier", "price": "price", "email": "email", "note": "note"}
SPAAZA = Face(
    "spaaza",
    {"window": "transactions", "merged": "vouchers", "snapshot": "users"},
    {
        "window": {**_SPAAZA, "code": "code", "made": "timestamp"},
        "merged": {
            **_SPAAZA,
            "code": "code",
            "made": "date_time_creation",
            "changed": "date_time_redeemed",
        },
        "snapshot": {**_SPAAZA, "code": "code"},
    },
)
#: The same with another name for a row's time than the filter has, and a second time.
SPAAZA_RENAMED = replace(
    SPAAZA,
    columns={
        **SPAAZA.columns,
        "window": {**_SPAAZA, "code": "code", "made": "created", "sold": "sold"},
    },
)
_METADATA = {name: f"metadata.{name}" for name in ("tier", "price", "email", "note")}
VOUCHERIFY = Face(
    "voucherify",
    {"window": "publications", "merged": "vouchers", "snapshot": "points_expirations"},
    {
        "window": {**_METADATA, "code": "voucher_code", "made": "date"},
        "merged": {
            **_METADATA,
            "id": "id",
            "code": "code",
            "made": "created_at",
            "changed": "updated_at",
        },
        "snapshot": {**_METADATA, "id": "id", "code": "voucher_id"},
    },
)


def rows_before(kind: Kind) -> list[Row]:
    """What the shop has of a table when the first load runs."""
    return [
        Row(1, NOW - timedelta(days=70), "gold"),
        Row(2, NOW - timedelta(days=40), "silver"),
        Row(
            3,
            NOW - timedelta(days=10),
            "gold",
            changed=NOW - timedelta(days=9) if kind == "merged" else None,
        ),
        Row(4, FIRST - timedelta(hours=2), "silver"),
        *(
            Row(
                each + 100,
                NOW - timedelta(days=30),
                "gold",
                changed=NOW - timedelta(days=9),
                account=OTHER,
            )
            for each in (1, 2)
        ),
    ]


def rows_after(kind: Kind) -> list[Row]:
    """What it has when the second load runs: new rows, late ones, a changed and a deleted one."""
    rows = {row.id: row for row in rows_before(kind)}
    new = [
        Row(5, NOW - timedelta(hours=2), "gold"),
        Row(6, NOW - timedelta(hours=1), "silver"),
        Row(7, FIRST - timedelta(hours=3), "gold", late=True),
        Row(103, NOW - timedelta(hours=1), "gold", account=OTHER),
    ]
    if kind != "window":
        rows[2] = Row(2, rows[2].made, "silver", "9.99", changed=NOW - timedelta(hours=3))
    if kind == "snapshot":
        del rows[3]
    return [*rows.values(), *new]


def rows_between(kind: Kind) -> list[Row]:
    """What it has when a load between these runs: a row more, and a change."""
    rows = [_changed_early(row) if kind != "window" else row for row in rows_before(kind)]
    return [*rows, EARLY]


def rows_after_both(kind: Kind) -> list[Row]:
    """What it has after two loads, if that row and that change are what came."""
    rows = [_changed_early(row) if kind != "window" else row for row in rows_after(kind)]
    return [*(row for row in rows if not row.late), EARLY]


#: A row that came right after the first load.
EARLY = Row(9, FIRST + timedelta(hours=1), "gold")


def _changed_early(row: Row) -> Row:
    if row.id != 2:
        return row
    return replace(row, price="9.99", changed=FIRST + timedelta(hours=1))


@dataclass
class Shop:
    """What a vendor has at the moment.

    Attributes:
        face: What it calls it.
        rows: Of each kind.
        clock: The vendor's.
        has_note: Whether its files have that column, without being asked for it.
    """

    face: Face
    rows: dict[Kind, list[Row]] = field(default_factory=dict)
    clock: datetime = FIRST
    has_note: bool = False

    def records(
        self, kind: Kind, account: str, columns: Sequence[str], keeps: Callable[[Row], bool]
    ) -> list[tuple[Row, list[str]]]:
        """The rows that an export brings, each with its cells as text."""
        return [
            (row, [_text(row.cells()[column]) for column in columns])
            for row in self.rows[kind]
            if row.account == account and keeps(row)
        ]


class SpaazaShop(FileVendor):
    """A Tasks API that exports a shop's rows, as CSV or JSON."""

    CHAINS: Mapping[int, str] = {1743: OWN, 1744: OTHER}
    #: A segment that is saved at the vendor has the tier in its id.
    SAVED = "saved-"

    def __init__(self) -> None:
        self.shop = Shop(SPAAZA)
        self._created: list[datetime] = []
        super().__init__()

    @property
    def requested(self) -> int:
        """How many exports were asked for."""
        return len(self.tasks)

    def _answer(self, seen: Seen) -> Answer:
        if seen.method == "POST":
            self._created.append(self.shop.clock)
        answer = super()._answer(seen)
        answer.headers["Date"] = format_datetime(self.shop.clock, usegmt=True)
        return answer

    def _task(self, number: int, code: str) -> dict[str, Any]:
        task = super()._task(number, code)
        task["chain"] = self.tasks[number - 1]["chain"]
        task["state"]["created_date"] = iso(self._created[number - 1])
        return task

    def file(self, number: int) -> bytes:
        task = self.tasks[number - 1]
        target, trigger = task["target"], task["trigger"]
        kind = self.shop.face.kind_of(target["export_index"])
        names = dict(self.shop.face.columns[kind])
        if not self.shop.has_note:
            del names["note"]

        def keeps(row: Row) -> bool:
            if "segment_id" in trigger:
                return bool(row.tier == trigger["segment_id"].removeprefix(self.SAVED))
            segment = trigger.get("segment")
            if not segment:
                return True
            join = {"all": all, "any": any}[segment["join"]]
            cells = {name: row.cells()[cell] for cell, name in names.items()}
            # The filter's name of a row's time, whatever the file's is.
            cells.setdefault("timestamp", row.made)
            return bool(join(_meets(rule, cells) for rule in segment["rules"]))

        records = self.shop.records(kind, self.CHAINS[task["chain"]], list(names), keeps)
        if target["export_format"] == "json":
            return json.dumps(
                [dict(zip(names.values(), cells, strict=True)) for _, cells in records]
            ).encode()
        return _csv(list(names.values()), records).encode()


class VoucherifyShop(VoucherifyVendor):
    """A Voucherify that exports a shop's rows."""

    def __init__(self) -> None:
        self.shop = Shop(VOUCHERIFY)
        self._accounts: list[str] = []
        super().__init__()
        self.clock = lambda: self.shop.clock

    @property
    def requested(self) -> int:
        """How many exports were asked for."""
        return len(self.bodies)

    def _answer(self, seen: Seen) -> Answer:
        if seen.method == "POST":
            is_other = seen.headers["X-App-Id"].endswith(OTHER)
            self._accounts.append(OTHER if is_other else OWN)
        return super()._answer(seen)

    def _parts(self, number: int) -> list[str]:
        body, account = self.bodies[number - 1], self._accounts[number - 1]
        parameters = body["parameters"]
        kind = VOUCHERIFY.kind_of(
            {"voucher": "vouchers", "publication": "publications"}.get(
                body["exported_object"], "points_expirations"
            )
        )
        cell_of = {name: cell for cell, name in VOUCHERIFY.columns[kind].items()}
        filters = dict(parameters.get("filters") or {})
        join = {"and": all, "or": any}[filters.pop("junction", "and").lower()]
        campaign = parameters.get("campaign_id")

        def keeps(row: Row) -> bool:
            cells = {name: row.cells()[cell] for name, cell in cell_of.items()}
            # Its filter of a publication's `date` has another name.
            cells.setdefault("created_at", row.made)
            # The conditions of one field stand together.
            met = [
                all(
                    _fulfils(operator, values, cells[name])
                    for operator, values in condition["conditions"].items()
                )
                for name, condition in filters.items()
            ]
            return (not met or join(met)) and campaign in (None, row.tier)

        fields = parameters["fields"]
        records = self.shop.records(kind, account, [cell_of[name] for name in fields], keeps)
        return [_csv(fields, records)]


def _csv(header: Sequence[str], records: Sequence[tuple[Row, list[str]]]) -> str:
    lines = [[*cells, "too much"] if row.broken else cells for row, cells in records]
    return "".join(",".join(line) + "\n" for line in [header, *lines])


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    return iso(cell) if isinstance(cell, datetime) else str(cell)


def _meets(rule: Mapping[str, Any], cells: Mapping[str, Any]) -> bool:
    """Whether a row meets a rule of a segment."""
    cell = cells[rule["field_name"]]
    match rule["operator"]:
        case "is":
            return bool(cell == rule["value"])
        case "is_between_date":
            start, end = _instant(rule["start_date"]), _instant(rule["end_date"])
            return cell is not None and start <= cell <= end
        case "is_before_date":
            return cell is not None and cell < _instant(rule["end_date"])
    raise NotImplementedError(rule["operator"])


def _fulfils(operator: str, values: Sequence[str], cell: Any) -> bool:
    """Whether a cell fulfils a condition of a filter."""
    (value,) = values
    if operator == "$is":
        return bool(cell == value)
    bound = _instant(value)
    return cell is not None and (cell > bound if operator == "$after" else cell < bound)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
