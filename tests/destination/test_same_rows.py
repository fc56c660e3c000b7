"""One scenario, four destinations, the same rows: first load, increment, drift, deletion, history.

The second load brings it all at once: rows that are new, changed or gone, a column that is new, one
that is gone, others in another order, a cell that does not fit its column's type, and a bad row.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.destination.destinations import KINDS, Destination, duckdb_destination, plain
from tests.destination.loads import Load
from tests.vendors.spaaza_files import FileVendor

pytestmark = pytest.mark.slow

NOW = datetime.now(UTC).replace(microsecond=0)
#: Longer than the 63 bytes that a name may have in PostgreSQL.
LONG = "A header that is longer by far than what PostgreSQL takes for the name of a column"


def ago(**span: float) -> str:
    return (NOW - timedelta(**span)).isoformat().replace("+00:00", "Z")


def csv(header: str, *rows: str) -> bytes:
    return "\n".join([header, *rows, ""]).encode()


OLD = [
    f"{number},{ago(days=9 * number + 2)},{number}.50,00{number},{number}" for number in range(8)
]
YOUNG = [f"{50 + hours},{ago(hours=hours)},{hours}.25,050," for hours in (3, 5, 7)]
FIRST = {
    "transactions": csv(f"id,timestamp,amount,code,{LONG}", *OLD, *YOUNG),
    "users": csv(
        "user_id,name,points,birthday,member,score",
        "1,Ann,10,1990-01-01,true,0.1",
        '2,"Bob\\, ""B""",20,1991-02-02,false,12345678901234567.25',
        '3,"two\nlines, ü 東",30,1992-03-03,true,',
        "4,NULL,40,,,7",
        *(f"{number},N{number},{number},2000-01-01,true,1" for number in range(5, 12)),
    ),
    "vouchers": csv(
        "id,date_time_creation,date_time_redeemed,status",
        f"1,{ago(days=40)},,OPEN",
        f"2,{ago(days=30)},,OPEN",
        f"3,{ago(days=20)},{ago(days=4)},REDEEMED",
    ),
    "products": csv("id,name,price", "1,Tea,2.50", "2,Pie,4.00", "3,Jam,3.00"),
}
LATER = {
    # 53 is gone, 55 has changed, 60 is new; 1 is past the lag, so its change is not looked for.
    "transactions": csv(
        f"channel,code,id,{LONG},amount,timestamp",
        f"web,1,1,x,9.99,{ago(days=11)}",
        f"app,055,55,five,5.75,{ago(hours=5)}",
        f",057,57,,7.25,{ago(hours=7)}",
        f"web,060,60,six,12x,{ago(hours=1)}",
    ),
    # 11 is gone, 1 has changed, 12 is new; `score` is gone, `city` is new; two rows are too
    # short, of which 10 keeps what the table has of it.
    "users": csv(
        "user_id,city,member,birthday,points,name",
        "1,Ede,false,1990-01-01,11,Ann",
        '2,,false,1991-02-02,20,"Bob\\, ""B"""',
        '3,,true,soon,30,"two\nlines, ü 東"',
        "4,,,,40,NULL",
        *(f"{number},,true,2000-01-01,{number},N{number}" for number in range(5, 10)),
        "too,short",
        "10,too,short",
        "12,Ede,true,2001-01-01,99,Zoë",
    ),
    "vouchers": csv(
        "id,date_time_creation,date_time_redeemed,status",
        f"2,{ago(days=30)},{ago(hours=2)},REDEEMED",
        f"4,{ago(hours=2)},,OPEN",
    ),
    "products": csv("id,price,name", "1,2.75,Tea", "2,4.00,Pie", "4,1.00,Nut"),
}
SETTINGS = {"start_date": ago(days=90), "max_rejected_share": 0.5}
#: Delta's windows are replaced by a key. It holds for all: so their rows are the same.
KEYED = {"transactions": {"primary_key": "id"}}
HISTORY = {"products": {"write_disposition": {"disposition": "merge", "strategy": "scd2"}}}
TABLES = ("transactions", "users", "vouchers")
TOLD = {
    "export_jobs": ("table_name", "rows", "rejected", "loaded", "proven"),
    "rejected_rows": ("table_name", "line_number", "reason", "raw"),
    "column_changes": ("table_name", "header", "change", "position"),
}


def loaded(destination: Destination, folder: Path) -> dict[str, Any]:
    """What a destination holds after both loads, each in a working folder of its own."""
    history = destination.kind != "delta"
    tables = (*TABLES, "products") if history else TABLES
    with FileVendor(**FIRST) as vendor:
        for name, files in (("first", FIRST), ("later", LATER)):
            vendor.files = dict(files)
            load = Load(
                # A fresh machine each time: what it knows comes from the destination.
                folder / f"{destination.kind} {name}",
                vendor.base_url,
                tables,
                destination.name,
                SETTINGS,
                {**KEYED, **HISTORY},
            )
            schema = load.run().default_schema
    held: dict[str, Any] = {table: by_header(destination, schema.tables[table]) for table in tables}
    for table, columns in TOLD.items():
        held[table] = [row for row in destination.rows(table, *columns) if row[0] != "products"]
    if history:
        columns = ("id", "name", "price", "_dlt_valid_to")
        held["products"] = [
            (*row[:-1], row[-1] is None) for row in destination.rows("products", *columns)
        ]
    return held


def by_header(destination: Destination, table: Any) -> list[dict[str, Any]]:
    """A table's rows, by the headers of their columns, for names may be shortened."""
    names = {
        name: column.get("description", name)
        for name, column in table["columns"].items()
        if not name.startswith("_dlt_")
    }
    for name in [name for name in names if name.endswith("__v_text")]:
        # Only one is so long that its variant's name is not that of the column and an ending.
        names[name] = f"{names.get(name.removesuffix('__v_text'), LONG)} as text"
    rows = [
        {header: plain(row.get(name)) for name, header in names.items()}
        for row in destination.read(table["name"])
    ]
    return sorted(rows, key=lambda row: int(row["id"] if "id" in row else row["user_id"]))


@pytest.fixture(scope="module")
def in_duckdb(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What DuckDB holds after both loads."""
    folder = tmp_path_factory.mktemp("duckdb")
    destination = duckdb_destination(folder / "warehouse.duckdb")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in destination.settings.items():
            patch.setenv(name, value)
        return loaded(destination, folder)


@pytest.mark.parametrize(
    "kind",
    [
        kind if kind == "postgres" else pytest.param(kind, marks=pytest.mark.thorough)
        for kind in KINDS
    ],
)
def test_the_same_rows_are_in_each_destination(
    kind: str,
    in_duckdb: dict[str, Any],
    make_destination: Callable[[str], Destination],
    tmp_path: Path,
) -> None:
    held = in_duckdb if kind == "duckdb" else loaded(make_destination(kind), tmp_path)
    transactions = {row["id"]: row for row in held["transactions"]}
    assert list(transactions) == [*"01234567", "55", "57", "60"]
    assert transactions["1"]["amount"] == Decimal("1.5")
    assert transactions["1"][LONG] == 1
    assert transactions["55"][f"{LONG} as text"] == "five"
    assert transactions["55"]["amount"] == Decimal("5.75")
    assert transactions["60"]["amount"] is None
    assert transactions["60"]["amount as text"] == "12x"
    assert transactions["60"]["channel"] == "web"
    assert transactions["7"]["timestamp"] == NOW - timedelta(days=65)
    users = {row["user_id"]: row for row in held["users"]}
    assert list(users) == [*"123456789", "10", "12"]
    assert users["1"] == {
        "user_id": "1",
        "name": "Ann",
        "points": 11,
        "birthday": date(1990, 1, 1),
        "member": False,
        "city": "Ede",
        # A column that is gone keeps its cells where the row is not written again.
        "score": users["1"]["score"],
        "birthday as text": None,
    }
    assert users["2"]["name"] == 'Bob\\, "B"'
    assert users["3"]["name"] == "two\nlines, ü 東"
    assert users["3"]["birthday"] is None
    assert users["3"]["birthday as text"] == "soon"
    assert users["4"]["name"] == "NULL"
    assert [(row["id"], row["status"]) for row in held["vouchers"]] == [
        ("1", "OPEN"),
        ("2", "REDEEMED"),
        ("3", "REDEEMED"),
        ("4", "OPEN"),
    ]
    assert (users["10"]["birthday"], users["10"]["score"]) == (date(2000, 1, 1), Decimal(1))
    assert [(table, line, raw) for table, line, _, raw in held["rejected_rows"]] == [
        ("users", 12, b"too,short"),
        ("users", 13, b"10,too,short"),
    ]
    assert {row[-1] for row in held["export_jobs"]} == {True}
    if kind != "delta":
        assert held["products"] == [
            ("1", "Tea", Decimal("2.5"), False),
            ("1", "Tea", Decimal("2.75"), True),
            ("2", "Pie", Decimal(4), True),
            ("3", "Jam", Decimal(3), False),
            ("4", "Nut", Decimal(1), True),
        ]
    assert held == {table: in_duckdb[table] for table in held}


@pytest.mark.thorough
def test_nested_lists_are_tables_of_delta_too(
    make_destination: Callable[[str], Destination], tmp_path: Path
) -> None:
    destination = make_destination("delta")
    people = [{"user_id": one, "tags": [{"name": "a"}, {"name": str(one)}]} for one in range(3)]
    with FileVendor(users=json.dumps(people).encode()) as vendor:
        load = Load(
            tmp_path, vendor.base_url, ("users",), destination.name, {"export_format": "json"}
        )
        load.run()
        vendor.files["users"] = json.dumps(people[:2]).encode()
        load.run()
    assert destination.rows("users", "user_id") == [("0",), ("1",)]
    assert destination.rows("users__tags", "name") == [("0",), ("1",), ("a",), ("a",)]
    assert destination.rows("export_jobs", "loaded", "proven") == [(2, True), (3, True)]
