"""What is expected of a table's rows, before they are loaded: a stop, or a notice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.pipeline.exceptions import PipelineStepFailed

from spaaza_source.errors import ExpectationError
from spaaza_source.expectations import Expectations
from tests.command import runner
from tests.drift.loads import kinds, last_notices, load
from tests.faults.hosts import ours
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import query

pytestmark = pytest.mark.slow

FILE = "id,name,status,points\n1,secretly,open,5\n2,,open,5\n2,c,shut,\n"


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Writes the file of dlt's configuration; the working folder is the test's."""
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> None:
        Path(".dlt").mkdir()
        Path(".dlt", "config.toml").write_text(text, encoding="utf-8")
        Container()[PluggableRunContext].reload_providers()

    yield write
    monkeypatch.undo()
    Container()[PluggableRunContext].reload_providers()


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor() as served:
        yield served


def expecting(table: str = "products", /, **rules: Any) -> dict[str, Any]:
    return {"expectations": {table: rules}}


def refused(vendor: FileVendor, folder: Path, text: str, **given: Any) -> str:
    """What a load that is stopped says; nothing of it is loaded."""
    with pytest.raises(PipelineStepFailed) as failed:
        load(vendor, folder, text, **given)
    error = ours(failed.value)
    assert isinstance(error, ExpectationError), failed.value
    assert "secretly" not in str(failed.value)
    return str(error)


#: A rule, the column and the rows of its notice, and what is told.
UNMET: list[tuple[dict[str, Any], tuple[str | None, int | None], str]] = [
    ({"min_rows": 4}, (None, 3), "min_rows: there are 3, at least 4 are expected"),
    ({"max_rows": 2}, (None, 3), "max_rows: there are 3, at most 2 are expected"),
    ({"required_columns": ["id", "mail"]}, ("mail", None), "required_columns: the file has no"),
    ({"not_null": ["name"]}, ("name", 1), "in 1 row, first in line 3 of "),
    ({"not_null": ["mail"]}, ("mail", None), "not_null: the file has no column 'mail'"),
    (
        {"unique_columns": ["id"]},
        ("id", 1),
        "id repeats in 1 row what an earlier one has, first in line 4",
    ),
    (
        {"unique_columns": ["points"]},
        ("points", 1),
        "points repeats in 1 row what an earlier one has, first in line 3",
    ),
    ({"unique_columns": [["status", "points"]]}, (None, 1), "status, points repeats in 1 row"),
    (
        {"allowed_values": {"status": ["open"]}},
        ("status", 1),
        "'status' has none of the 1 values in 1 row, first in line 4",
    ),
    ({"allowed_values": {"Points ": [6, 7]}}, ("points", 2), "in 2 rows, first in line 2"),
    (
        {"freshest": {"status": "36h"}},
        ("status", None),
        "freshest: the column 'status' does not hold times",
    ),
]


@pytest.mark.parametrize(
    ("rules", "noticed", "text"),
    # The others repeat it: `test_all_that_does_not_hold_is_told_at_once` has them too.
    [
        pytest.param(*case, marks=pytest.mark.thorough if n % 3 else ())
        for n, case in enumerate(UNMET)
    ],
)
def test_what_does_not_hold_stops_the_table_or_is_told(
    vendor: FileVendor, tmp_path: Path, rules: Any, noticed: tuple[Any, Any], text: str
) -> None:
    told = refused(vendor, tmp_path, FILE, **expecting(**rules))
    assert text in told
    assert told.startswith("products: ")
    # As the hint says.
    load(vendor, tmp_path, FILE, **expecting(**rules, action="warn"), on_drift="stop")
    assert kinds(tmp_path) == [("expectation", *noticed)]
    assert "secretly" not in json.dumps(last_notices(tmp_path))
    assert query(tmp_path, "SELECT count(*) FROM products") == [(3,)]


HELD: dict[str, Any] = {
    "min_rows": 3,
    "max_rows": 3,
    "required_columns": ["id", "Name", "STATUS"],
    "not_null": ["id", "status"],
    "unique_columns": ["name", ["id", "name"], ["id", "points"]],
    "allowed_values": {"status": ["open", "shut"], "points": ["5"], "id": [1.0, 2]},
}


def test_what_holds_says_nothing(vendor: FileVendor, tmp_path: Path) -> None:
    rules: Any
    for rules in (HELD, Expectations(**HELD)):
        load(vendor, tmp_path, FILE, expectations={"products": rules, "users": {"min_rows": 9}})
        assert kinds(tmp_path) == []
    load(vendor, tmp_path, FILE, expectations=json.dumps({"products": HELD}))
    assert kinds(tmp_path) == []


def test_all_that_does_not_hold_is_told_at_once(vendor: FileVendor, tmp_path: Path) -> None:
    rules = {key: value for one in UNMET for key, value in one[0].items()}
    rules |= {"not_null": ["name"], "max_rows": None}
    told = refused(vendor, tmp_path, FILE, **expecting(**rules))
    assert [rule for rule, given in rules.items() if given and f"{rule}: " not in told] == []


def test_a_refused_load_leaves_the_table_and_others_load(
    vendor: FileVendor, monkeypatch: pytest.MonkeyPatch, configure: Callable[[str], None]
) -> None:
    configure(
        "[sources.spaaza.expectations.products]\n"
        'min_rows = 2\nunique_columns = ["id", ["name", "points"]]\naction = "stop"\n'
        "[sources.spaaza.expectations.products.allowed_values]\n"
        "points = [5, 7]\n"
    )
    settings = {
        "BASE_URL": vendor.base_url,
        "CHAIN_ID": "1743",
        "CREDENTIALS__ACCESS_TOKEN_ID": "id",
        "CREDENTIALS__ACCESS_TOKEN_SECRET": "secret",
        "POLL_INTERVAL": "0",
        "START_MARGIN": "0",
        "STAGGER": "0",
    }
    run = runner(monkeypatch, **settings)
    vendor.files |= {"products": b"id,name,points\n1,a,5\n2,b,7\n", "users": b"id\n1\n"}
    assert run("load", "products", "users")[0] == 0
    vendor.files |= {"products": b"id,name,points\n1,a,9\n", "users": b"id\n1\n2\n"}
    code, lines = run("load", "products", "users")
    text = " ".join(lines)
    assert code == 1
    assert "min_rows: there are 1, at least 2 are expected" in text
    assert "allowed_values: 'points' has none of the 2 values in 1 row" in text
    with duckdb.connect("spaaza.duckdb", read_only=True) as warehouse:
        found = warehouse.sql("SELECT points FROM spaaza_data.products ORDER BY id").fetchall()
        assert found == [(5,), (7,)]
        assert warehouse.sql("SELECT count(*) FROM spaaza_data.users").fetchall() == [(2,)]


def test_a_value_that_does_not_fit_is_empty_and_not_allowed(
    vendor: FileVendor, tmp_path: Path
) -> None:
    load(vendor, tmp_path, "id,points\n1,5\n2,7\n")
    rules: Any = {"not_null": ["points"], "allowed_values": {"points": [5, 7]}}
    told = refused(vendor, tmp_path, "id,points\n1,5\n2,secretly\n", **expecting(**rules))
    assert (
        "not_null: 'points' is empty, or does not fit its type, in 1 row, first in line 3" in told
    )
    assert "allowed_values: 'points' has none of the 2 values in 1 row, first in line 3" in told
    allowed = expecting(allowed_values={"points": [5, "many"]})
    load(vendor, tmp_path, "id,points\n1,5\n2,many\n", **allowed)
    assert kinds(tmp_path) == [("misfit", "points", 1)]


def test_a_column_that_is_empty_throughout(vendor: FileVendor, tmp_path: Path) -> None:
    text = "id,city\n1,\n2,\n"
    fine: Any = {"required_columns": ["city"], "unique_columns": ["city"]}
    load(vendor, tmp_path, text, **expecting(**fine, allowed_values={"city": ["x"]}))
    told = refused(vendor, tmp_path, text, **expecting(not_null=["city"]))
    assert "in 2 rows, first in line 2" in told


def test_a_file_that_has_not_changed_is_judged_again(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, FILE)
    told = refused(vendor, tmp_path, FILE, **expecting(unique_columns=["id"], min_rows=4))
    assert "first in line 4" in told
    assert "min_rows" in told
    load(vendor, tmp_path, FILE, **expecting(unique_columns=["id"], action="warn"))
    assert kinds(tmp_path) == [("expectation", "id", 1)]
    assert query(tmp_path, "SELECT unchanged FROM export_jobs ORDER BY loaded_at") == [
        (None,),
        (True,),
    ]


def test_a_file_without_rows(vendor: FileVendor, tmp_path: Path) -> None:
    told = refused(
        vendor, tmp_path, "id,name\n", **expecting(min_rows=1, required_columns=["city"])
    )
    assert "min_rows: there are 0" in told
    assert "no column 'city'" in told
    load(vendor, tmp_path, "id,name\n", **expecting(not_null=["id"], unique_columns=["id"]))
    assert kinds(tmp_path) == []


def test_records_of_json_exports(vendor: FileVendor, tmp_path: Path) -> None:
    records = [
        {
            "id": 1,
            "open": True,
            "price": 1.5,
            "shop": {"city": "x"},
            "seen": "2026-05-01T00:00:00Z",
        },
        {"id": 1, "open": False, "price": 2, "shop": {}, "seen": None},
    ]
    rules: dict[str, Any] = {
        "not_null": ["shop__city"],
        "unique_columns": ["id"],
        "allowed_values": {"open": [True], "price": [1.5], "shop__city": ["y"]},
        "freshest": {"seen": "1d"},
    }
    text = json.dumps(records)
    told = refused(vendor, tmp_path, text, **expecting(**rules), export_format="json")
    assert [
        name for name in ("shop__city", "open", "price", "seen", "id repeats") if name not in told
    ] == []
    assert (
        "not_null: 'shop__city' is empty, or does not fit its type, in 1 row, first in record 2"
        in told
    )
    rules = {
        "min_rows": 2,
        "not_null": ["id", "price"],
        "unique_columns": ["price"],
        "allowed_values": {"open": [True, False], "price": [1.5, 2.0], "shop__city": ["x"]},
        "freshest": {"seen": timedelta(days=36_000)},
    }
    load(vendor, tmp_path, text, **expecting(**rules), export_format="json")
    assert kinds(tmp_path) == []


def ago(hours: float) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_the_freshest_row_by_the_time_of_the_window(vendor: FileVendor, tmp_path: Path) -> None:
    def sales(*hours: float) -> str:
        rows = "".join(f"{number},{ago(each)}\n" for number, each in enumerate(hours))
        return f"id,timestamp\n{rows}"

    fresh: Any = {"table": "transactions", **expecting("transactions", freshest="36h")}
    told = refused(vendor, tmp_path, sales(90, 40), **fresh)
    assert (
        "freshest: the newest row by 'timestamp' is 1 day, 16:00:00 older than its export" in told
    )
    assert "at most 1 day, 12:00:00 is expected" in told
    load(vendor, tmp_path, sales(90, 30), **fresh)
    # The range is the last day's: no row of it is needed, while the table has one.
    load(vendor, tmp_path, "id,timestamp\n", **fresh)
    assert kinds(tmp_path) == []


def test_the_table_shows_how_old_its_newest_row_is(vendor: FileVendor, tmp_path: Path) -> None:
    table: Any = {"table": "transactions", "lag": 60}
    load(vendor, tmp_path, f"id,timestamp\n1,{ago(30)}\n", **table)
    empty = "id,timestamp\n"
    load(vendor, tmp_path, empty, **table, **expecting("transactions", freshest="36h"))
    told = refused(vendor, tmp_path, empty, **table, **expecting("transactions", freshest="24h"))
    assert "the newest row by 'timestamp' is 1 day, 6:00:00 older" in told
    told = refused(vendor, tmp_path, empty, **table, **expecting("transactions", freshest="30s"))
    assert "no row of the load has a time in 'timestamp'" in told


def test_a_range_is_judged_by_its_end(vendor: FileVendor, tmp_path: Path) -> None:
    dates: Any = {"table": "transactions", "start_date": "2026-01-01", "end_date": "2026-02-01"}
    rows = "id,timestamp\n1,2026-01-31T12:00:00Z\n2,2026-03-01T00:00:00Z\n"
    load(vendor, tmp_path, rows, **dates, **expecting("transactions", freshest="13h", max_rows=1))
    told = refused(vendor, tmp_path, rows, **dates, **expecting("transactions", freshest="11h"))
    assert "12:00:00 older" in told


def test_rows_that_changed_are_judged_by_both_of_their_times(
    vendor: FileVendor, tmp_path: Path
) -> None:
    header = "id,date_time_creation,date_time_redeemed\n"
    given: Any = {"table": "vouchers", **expecting("vouchers", freshest="24h")}
    load(vendor, tmp_path, f"{header}1,{ago(99)},\n2,{ago(99)},{ago(2)}\n", **given)
    told = refused(vendor, tmp_path, f"{header}1,{ago(99)},\n", snapshot_every=0, **given)
    assert "by 'date_time_creation' or 'date_time_redeemed' is 4 days, 3:00:00 older" in told


def test_a_day_counts_to_its_end(vendor: FileVendor, tmp_path: Path) -> None:
    text = f"id,seen\n1,{ago(48)[:10]}\n"
    load(vendor, tmp_path, text, **expecting(freshest={"seen": "48h"}))
    assert "'seen'" in refused(vendor, tmp_path, text, **expecting(freshest={"seen": "23h"}))


def test_rows_that_several_windows_bring_are_unique(vendor: FileVendor, tmp_path: Path) -> None:
    rows = "id,date_time_creation,date_time_redeemed\n1,2026-01-05T00:00:00Z,2026-02-05T00:00:00Z\n"
    given: Any = {"table": "vouchers", "start_date": "2026-01-01"}
    rules = expecting("vouchers", unique_columns=["id", "date_time_creation"], max_rows=1)
    load(vendor, tmp_path, rows, **given, **rules)
    assert query(tmp_path, "SELECT count(*) FROM vouchers") == [(1,)]
