"""`spaaza_source.backfill`: what is planned, loaded, skipped, loaded again, and resumed from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from dlt.extract import DltSource
from dlt.pipeline.exceptions import PipelineStepFailed

from spaaza_source import spaaza_source, voucherify_source
from spaaza_source.backfill.backfill import Backfill
from spaaza_source.backfill.parts import BackfillPart
from spaaza_source.errors import SettingsError
from spaaza_source.sandbox import Sandbox, SandboxSettings
from spaaza_source.warehouse import duckdb_file
from spaaza_source.windows import parse_window
from tests.backfill.stage import Stage
from tests.clocks import Calendar
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import query

pytestmark = pytest.mark.slow

ROWS = 300
MONTHS = ["2026-03-10", "2026-05-01"]
MONTH = ["2026-04-01", "2026-05-01"]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    calendar = Calendar()
    settings = SandboxSettings(
        rows=ROWS, history_days=120, data_end=calendar.now, run_seconds=0.02, clock=calendar
    )
    with Sandbox(settings) as sandbox:
        yield Stage(tmp_path, sandbox, calendar)


def load_all(backfill: Backfill, parts: list[BackfillPart]) -> list[str]:
    """What was loaded."""
    return [window for part in backfill.begin(parts) for window in backfill.load(part)]


def test_a_plan_has_a_part_for_each_window_or_one_for_a_key_or_a_whole_table(stage: Stage) -> None:
    parts = stage.backfill().plan(*MONTHS, tables=["transactions", "vouchers", "users"])
    assert [part["name"] for part in parts] == [
        "transactions [2026-03-10T00:00:00Z, 2026-04-01T00:00:00Z)",
        "transactions [2026-04-01T00:00:00Z, 2026-05-01T00:00:00Z)",
        "users",
        "vouchers in 2 windows",
    ]
    assert json.loads(json.dumps(parts)) == parts
    assert stage.asked() == []


def test_a_plan_without_an_end_ends_now_by_the_vendors_clock(stage: Stage) -> None:
    *_, last = stage.backfill().plan("2026-05-01", tables=["transactions"])
    (window,) = (parse_window(text) for text in last["windows"])
    assert window is not None
    assert timedelta(0) <= window.end - stage.calendar.now < timedelta(minutes=2)


def test_a_start_long_ago_is_asked_for_first(stage: Stage) -> None:
    with pytest.raises(SettingsError, match="would request 258 exports") as refused:
        stage.backfill().plan("1970-01-01", tables=["transactions"])
    assert "max_exports = 258" in str(refused.value)
    allowed = stage.backfill(lambda **given: stage.source(max_exports=258, **given))
    first, *_ = parts = allowed.plan("1970-01-01", tables=["transactions"])
    assert len(parts) == 258
    assert first["windows"] == ["[1970-01-01T00:00:00Z, 2005-01-01T00:00:00Z)"]


def test_a_table_that_there_is_not_is_refused(stage: Stage) -> None:
    with pytest.raises(SettingsError, match="has no table receipts") as refused:
        stage.backfill().plan(*MONTHS, tables=["receipts"])
    assert "wallet_ledger" in str(refused.value)


@pytest.mark.thorough
def test_a_backfill_ends_in_the_table_of_one_load_and_the_next_goes_on(stage: Stage) -> None:
    tables = ["transactions", "vouchers"]
    backfill = stage.backfill()
    parts = backfill.plan("2026-04-10", tables=tables)
    load_all(backfill, parts)
    assert backfill.left(parts) == []
    assert backfill.reconcile(parts) == []
    asked = stage.asked()
    one = stage.pipeline("other")
    one.run(stage.source(start_date="2026-04-10").with_resources(*tables))
    for table in tables:
        assert stage.rows(table)
        assert stage.rows(table) == stage.rows(table, "other")

    stage.calendar.now += timedelta(days=3)
    before = len(stage.asked())
    stage.pipeline().run(stage.source(start_date="2026-04-10").with_resources(*tables))
    for window in (parse_window(text.split(" ", 1)[1]) for text in stage.asked()[before:]):
        assert window is not None
        assert window.length < timedelta(days=5)
    # Each window once, and one more of each table that goes on.
    assert len(asked) == len(set(asked)) == 2 + 2 + 2


def test_a_second_run_asks_for_nothing_that_is_loaded(stage: Stage) -> None:
    backfill = stage.backfill()
    parts = backfill.plan(*MONTH, tables=["transactions", "users"])
    load_all(backfill, parts)
    asked = stage.asked()
    assert backfill.left(parts) == []
    assert backfill.load(parts[0]) == []
    # Another day's plan: what comes whole has become older than an export is good for.
    stage.calendar.now += timedelta(days=1)
    again = backfill.plan(*MONTH, tables=["transactions", "users"])
    assert [part["name"] for part in backfill.left(again)] == ["users"]
    assert stage.asked() == asked

    # Exports by another filter do not count.
    def narrowed(**given: Any) -> DltSource:
        rule = {"field_name": "currency_code", "operator": "equals", "value": "EUR"}
        return stage.source(segments={"transactions": [rule]}, **given)

    other = stage.backfill(narrowed)
    parts = other.plan(*MONTH, tables=["transactions"])
    assert other.left(parts) == parts


@pytest.mark.thorough
def test_what_was_exported_before_an_instant_is_loaded_anew(stage: Stage) -> None:
    backfill = stage.backfill()
    load_all(backfill, backfill.plan(*MONTH, tables=["transactions"]))
    stage.calendar.now += timedelta(minutes=10)
    since = stage.calendar.now
    anew = backfill.plan(*MONTH, tables=["transactions"], again_since=since)
    for part in anew:
        backfill.load(part)
    assert len(stage.asked()) == 2
    # Once they are, a plan since the same instant has nothing left.
    assert backfill.left(backfill.plan(*MONTH, tables=["transactions"], again_since=since)) == []
    assert len(stage.rows("transactions")) == len(set(stage.rows("transactions")))


@pytest.mark.thorough
def test_a_window_in_which_rows_can_still_come_late_is_loaded_again(stage: Stage) -> None:
    backfill = stage.backfill()
    load_all(backfill, backfill.plan("2026-04-01", tables=["transactions"]))
    end = (stage.calendar.now + timedelta(minutes=1)).isoformat()
    stage.calendar.now += timedelta(hours=12)
    later = backfill.plan("2026-04-01", end, tables=["transactions"])
    # That of May was asked for before the lag was over, and an hour is long past.
    assert [part["windows"][0][:12] for part in backfill.left(later)] == ["[2026-05-01T"]


@pytest.mark.thorough
def test_windows_that_ordinary_loads_have_loaded_are_not_left(stage: Stage) -> None:
    stage.pipeline().run(stage.source().with_resources("transactions"))
    stage.calendar.now += timedelta(days=2)
    backfill = stage.backfill()
    assert backfill.left(backfill.plan(*MONTHS, tables=["transactions"])) == []


def test_a_load_that_was_killed_before_its_end_is_made_up_for_from_its_export(stage: Stage) -> None:
    backfill = stage.backfill()
    parts = backfill.plan(*MONTH, tables=["transactions"])
    load_all(backfill, parts)
    rows, asked = stage.rows("transactions"), stage.asked()
    with duckdb.connect(str(stage.folder / "warehouse.duckdb")) as connection:
        # All of it is committed, but for dlt's own note.
        loads = "loyalty._dlt_loads"
        connection.execute(
            f"DELETE FROM {loads} WHERE load_id = (SELECT max(load_id) FROM {loads})"
        )
    (part,) = backfill.left(parts)
    backfill.load(part)
    assert backfill.left(parts) == []
    assert (stage.rows("transactions"), stage.asked()) == (rows, asked)
    # Nor is a staging dataset or a file left behind.
    with duckdb.connect(str(stage.folder / "warehouse.duckdb")) as connection:
        # As a load leaves it that is killed; and another backfill's, which may still be used.
        connection.execute(f"CREATE SCHEMA loyalty_staging_{parts[0]['backfill']}_0a")
        connection.execute("CREATE SCHEMA loyalty_staging_other_0a")
    backfill.reconcile(parts)
    schemas = query(stage.folder, "SELECT schema_name FROM information_schema.schemata")
    assert {name for (name,) in schemas if name.startswith("loyalty")} == {
        "loyalty",
        "loyalty_staging_other_0a",
    }
    assert list(Path().iterdir()) == []


@pytest.mark.thorough
def test_rows_that_are_lost_or_double_are_found_and_mended(stage: Stage) -> None:
    backfill = stage.backfill()
    parts = backfill.plan(*MONTHS, tables=["transactions"])
    load_all(backfill, parts)
    rows = stage.rows("transactions")
    with duckdb.connect(str(stage.folder / "warehouse.duckdb")) as connection:
        table = "loyalty.transactions"
        connection.execute(f"DELETE FROM {table} WHERE timestamp < '2026-03-20'")
        doubled = f"SELECT * FROM {table} WHERE timestamp >= '2026-04-01'"
        connection.execute(f"INSERT INTO {table} {doubled}")
    assert backfill.left(parts) == []
    assert backfill.reconcile(parts) == [part["name"] for part in parts]
    assert stage.rows("transactions", where="timestamp < '2026-05-01'") == rows
    # A table that is gone has nothing of what was loaded once.
    query(stage.folder, "DROP TABLE transactions")
    assert backfill.left(parts) == parts


@pytest.mark.thorough
def test_parts_side_by_side_begin_once_a_window_had_rows(stage: Stage) -> None:
    backfill = stage.backfill()
    # The shop opened on 26 January.
    parts = backfill.plan("2025-12-01", "2026-03-01", tables=["transactions"])[:2]
    assert backfill.begin(parts) == parts[:1]
    parts = backfill.plan("2025-11-01", "2026-01-01", tables=["wallet_ledger"])
    # One alone has nobody beside it.
    assert backfill.begin(parts) == parts[:1]
    assert len(stage.asked()) == 2


def test_an_append_is_refused_where_a_task_may_be_repeated_elsewhere(stage: Stage) -> None:
    def appending(**given: Any) -> DltSource:
        source = stage.source(**given)
        source.transactions.apply_hints(write_disposition="append")
        return source

    backfill = stage.backfill(appending)
    (part, *_) = backfill.plan(*MONTHS, tables=["transactions"])
    with pytest.raises(SettingsError, match="would be there twice"):
        backfill.load(part)
    assert stage.asked() == []


@pytest.mark.thorough
def test_voucherifys_objects_come_by_window_by_key_and_whole(stage: Stage) -> None:
    tables = ["publications", "orders"]

    def source(**given: Any) -> DltSource:
        keys = stage.sandbox.voucherify_credentials
        return voucherify_source(stage.sandbox.base_url, keys, poll_interval=0.02, **given)

    file = duckdb_file(stage.folder / "warehouse.duckdb")
    backfill = Backfill(source, "voucherify", file, "loyalty", side_by_side=True)
    parts = backfill.plan("2026-04-10", tables=tables)
    assert [part["name"][:20] for part in parts] == [
        "publications [2026-0",
        "publications [2026-0",
        "orders in 2 windows",
    ]
    load_all(backfill, parts)
    assert backfill.reconcile(parts) == []
    other = dlt.pipeline(
        "other",
        pipelines_dir=str(stage.folder),
        destination=duckdb_file(stage.folder / "other.duckdb"),
        dataset_name="loyalty",
    )
    other.run(source(start_date="2026-04-10").with_resources(*tables))
    for table in tables:
        assert stage.rows(table)
        assert stage.rows(table) == stage.rows(table, "other")


class Workers:
    """Two workers, both of which begin before either has loaded, and a vendor of one table."""

    def __init__(self, vendor: FileVendor, folder: Path) -> None:
        self.vendor, self.folder = vendor, folder
        file = duckdb_file(folder / "warehouse.duckdb")
        self.backfill = Backfill(self.source, "spaaza", file, "loyalty", side_by_side=True)
        self.parts = self.backfill.plan("2026-03-01", "2026-05-03", tables=["transactions"])

    def source(self, **given: Any) -> DltSource:
        token = {"access_token_id": "id", "access_token_secret": "secret"}
        waits: dict[str, Any] = {
            "poll_interval": 0.01,
            "start_margin": 0,
            "stagger": 0,
            "max_age": 0,
        }
        return spaaza_source(self.vendor.base_url, 1743, token, **waits, **given)

    def bring(self, columns: str, *rows: str) -> None:
        """What the next exports are: rows of any month, of which each window takes its own."""
        lines = [f"id,timestamp{columns}", *rows, ""]
        self.vendor.files["transactions"] = "\r\n".join(lines).encode()

    def both(self, april: Callable[[], None], may: Callable[[], None]) -> None:
        """Load April and May at one time."""
        _, second, third = self.parts
        with (
            self.backfill._open([second]) as one,
            self.backfill._open([third]) as other,
        ):
            for pipeline, part, bring in ((one, second, april), (other, third, may)):
                bring()
                self.backfill._loader(pipeline).load_window(part, parse_window(part["windows"][0]))


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    with FileVendor() as vendor:
        made = Workers(vendor, tmp_path)
        made.bring("", "1,2026-03-02T10:00:00Z")
        made.backfill.load(made.parts[0])
        yield made


@pytest.mark.thorough
def test_what_two_workers_add_at_one_time_is_known_to_the_next(workers: Workers) -> None:
    workers.both(
        lambda: workers.bring(",colour", "2,2026-04-02T10:00:00Z,red"),
        lambda: workers.bring(",size", "3,2026-05-02T10:00:00Z,42"),
    )
    assert workers.backfill.left(workers.parts) == []
    workers.bring(",colour,size", "4,2026-05-02T11:00:00Z,red,XL")
    workers.backfill.reconcile(workers.parts)
    daily = dlt.pipeline(
        "spaaza",
        pipelines_dir=str(workers.folder),
        destination=duckdb_file(workers.folder / "warehouse.duckdb"),
        dataset_name="loyalty",
    )
    daily.sync_destination()
    columns = daily.default_schema.tables["transactions"]["columns"]
    assert {"colour", "size", "size__v_text"} <= set(columns)
    assert columns["size"]["data_type"] == "bigint"


@pytest.mark.parametrize("cell", ["007", pytest.param("many", marks=pytest.mark.thorough)])
@pytest.mark.thorough
def test_two_workers_may_take_a_new_column_for_different_types(workers: Workers, cell: str) -> None:
    def april() -> None:
        workers.bring(",number", "2,2026-04-02T10:00:00Z,5")

    def may() -> None:
        workers.bring(",number", f"3,2026-05-02T10:00:00Z,{cell}")

    if cell == "many":
        with pytest.raises(PipelineStepFailed):
            workers.both(april, may)
    else:
        # DuckDB would make it the number 7.
        workers.both(april, may)
    (left,) = workers.backfill.left(workers.parts)
    assert left == workers.parts[-1]
    workers.backfill.load(left)
    assert workers.backfill.left(workers.parts) == []
    rows = "SELECT id, number, number__v_text FROM transactions ORDER BY id"
    assert query(workers.folder, rows) == [("1", None, None), ("2", 5, None), ("3", None, cell)]
