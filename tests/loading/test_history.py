"""What a load stands on, from one load to the next: the destination's ledger, owner and intent.

Each test is a change between two loads that a remembered cursor would not see.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from signal import SIGKILL
from typing import Any

import dlt
import pytest
from dlt.common import logger

from spaaza_source import spaaza_source, voucherify_source
from spaaza_source.errors import SettingsError, SpaazaSourceError
from spaaza_source.loading import exports_of
from tests.faults.cut_short import load
from tests.processes import exit_codes
from tests.vendors.server import Answer, Seen
from tests.vendors.spaaza_files import FileVendor
from tests.vendors.voucherify_files import KEYS, VoucherifyVendor
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.slow

TOKEN = {"access_token_id": "a", "access_token_secret": "b"}
QUICK: dict[str, Any] = {"poll_interval": 0.01, "start_margin": 0, "stagger": 0, "max_age": 0}
DAYS = [f"{day},2026-05-{day:02}T10:00:00Z,x{day}@y.nl" for day in range(1, 29)]
TRANSACTIONS = "\n".join(["id,timestamp,email", *DAYS, ""]).encode()
SEGMENT = [{"field_name": "total_value", "operator": "greater_than", "value": 10}]


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    files = dict.fromkeys(("users", "products", "vouchers"), b"id,name\n1,a\n2,b\n3,c\n")
    with FileVendor(transactions=TRANSACTIONS, **files) as served:
        yield served


def source(vendor: FileVendor, *tables: str, chain: int = 1743, **given: Any) -> Any:
    tables = tables or ("transactions",)
    return spaaza_source(vendor.base_url, chain, TOKEN, **{**QUICK, **given}).with_resources(
        *tables
    )


def ours(raised: pytest.ExceptionInfo[BaseException]) -> SpaazaSourceError:
    found: BaseException | None = raised.value
    while not isinstance(found, SpaazaSourceError):
        assert found is not None
        found = found.__cause__ or found.__context__
    return found


def rows(folder: Path, table: str = "transactions") -> int:
    return int(query(folder, f"SELECT count(*) FROM {table}")[0][0])


def refuses(vendor: FileVendor, pipeline: dlt.Pipeline, loaded: Any, *words: str) -> None:
    """The load stops before anything is asked of the vendor, and says why."""
    asked = len(vendor.tasks)
    with pytest.raises(Exception, match=r".") as raised:
        pipeline.run(loaded)
    error = ours(raised)
    assert isinstance(error, SettingsError), error
    for word in words:
        assert word in str(error)
    assert len(vendor.tasks) == asked


def machine(folder: Path, name: str) -> dlt.Pipeline:
    """The pipeline on a machine of its own."""
    return dlt.pipeline(
        "spaaza",
        pipelines_dir=str(folder / name),
        destination=dlt.destinations.duckdb(str(folder / "warehouse.duckdb")),
        dataset_name="loyalty",
    )


# Owner


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("transactions", "spaaza"),
        pytest.param("users", "another", marks=pytest.mark.thorough),
        pytest.param("transactions", "another", marks=pytest.mark.thorough),
        pytest.param("users", "spaaza", marks=pytest.mark.thorough),
        pytest.param("vouchers", "spaaza", marks=pytest.mark.thorough),
        pytest.param("vouchers", "another", marks=pytest.mark.thorough),
    ],
)
def test_a_second_chain_is_refused(
    table: str, name: str, vendor: FileVendor, tmp_path: Path
) -> None:
    pipeline_into(tmp_path).run(source(vendor, table))
    before = rows(tmp_path, table)
    second = pipeline_into(tmp_path, name)
    refuses(vendor, second, source(vendor, table, chain=1744), "1743", "1744", table, "dataset")
    assert rows(tmp_path, table) == before


def test_vouchers_of_two_vendors_are_refused(vendor: FileVendor, tmp_path: Path) -> None:
    pipeline = pipeline_into(tmp_path)
    with VoucherifyVendor(vouchers="ID,Code\nv_1,a\n") as other:
        vouchers = voucherify_source(
            other.base_url, KEYS, objects=["vouchers"], fields={"vouchers": ["id", "code"]}
        )
        with pytest.raises(Exception, match=r".") as raised:
            pipeline.run([source(vendor, "vouchers"), vouchers])
        assert "vouchers" in str(ours(raised))
        pipeline.drop_pending_packages()
        pipeline.run(source(vendor, "vouchers"))
        with pytest.raises(Exception, match=r".") as raised:
            pipeline.run(vouchers)
        assert "spaaza" in str(ours(raised))
        assert other.bodies == []
    assert rows(tmp_path, "vouchers") == 3


# Intent; test_settings_matrix has every setting


@pytest.mark.parametrize(
    "change",
    [
        ("transactions", {"segments": {"transactions": SEGMENT}}, {}, "filter"),
        ("users", {}, {"privacy": {"users": {"name": "drop"}}}, "privacy"),
    ],
)
def test_a_setting_that_shapes_rows_is_refused_until_the_table_is_loaded_anew(
    change: tuple[str, dict[str, Any], dict[str, Any], str], vendor: FileVendor, tmp_path: Path
) -> None:
    table, before, after, told = change
    pipeline = pipeline_into(tmp_path)
    pipeline.run(source(vendor, table, **before))
    changed = source(vendor, table, **after)
    refuses(vendor, pipeline, changed, told, table, "--full-refresh")
    # Loaded anew, it has the new settings alone.
    pipeline.run(source(vendor, table, **after), refresh="drop_resources")
    refuses(vendor, pipeline, source(vendor, table, **before), told, table, "--full-refresh")
    pipeline.run(source(vendor, table, **after))


@pytest.mark.thorough
def test_no_table_is_asked_for_where_another_is_refused(vendor: FileVendor, tmp_path: Path) -> None:
    tables = ("transactions", "users", "products")
    pipeline_into(tmp_path).run(source(vendor, *tables))
    changed = source(vendor, *tables, privacy={"products": {"name": "drop"}})
    refuses(vendor, pipeline_into(tmp_path), changed, "privacy", "products")


@pytest.mark.thorough
def test_a_start_moved_back_is_asked_for(vendor: FileVendor, tmp_path: Path) -> None:
    pipeline = pipeline_into(tmp_path)
    for start, found in (("2026-05-10", 19), ("2026-05-10", 19), ("2026-05-04", 25), (None, 28)):
        pipeline.run(source(vendor, start_date=start))
        assert rows(tmp_path) == found
    assert vendor.tasks[-1]["trigger"].get("segment") is None
    # Moved forward, nothing is deleted, and nothing asked for again.
    pipeline.run(source(vendor, start_date="2026-05-20"))
    assert rows(tmp_path) == 28


@pytest.mark.parametrize(
    "disposition",
    [
        {"disposition": "merge", "strategy": "scd2"},
        pytest.param("append", marks=pytest.mark.thorough),
    ],
)
@pytest.mark.thorough
def test_a_disposition_with_rows_of_its_own_is_refused_both_ways(
    disposition: Any, vendor: FileVendor, tmp_path: Path
) -> None:
    def users(hint: Any) -> Any:
        loaded = source(vendor, "users")
        if hint is not None:
            loaded.users.apply_hints(write_disposition=hint)
        return loaded

    pipeline = pipeline_into(tmp_path)
    for before, after in ((None, disposition), (disposition, None)):
        pipeline.run(users(before), refresh="drop_resources")
        refuses(vendor, pipeline, users(after), "write_disposition", "--full-refresh")
        pipeline.run(users(before))


# What the destination holds


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        ("transactions", "DROP TABLE"),
        pytest.param("vouchers", "DELETE FROM", marks=pytest.mark.thorough),
        pytest.param("transactions", "DELETE FROM", marks=pytest.mark.thorough),
        pytest.param("vouchers", "DROP TABLE", marks=pytest.mark.thorough),
    ],
)
def test_a_table_that_was_emptied_by_hand_is_loaded_whole(
    statement: str, table: str, vendor: FileVendor, tmp_path: Path
) -> None:
    pipeline = pipeline_into(tmp_path)
    pipeline.run(source(vendor, table))
    before = rows(tmp_path, table)
    query(tmp_path, f"{statement} {table}")
    pipeline.run(source(vendor, table))
    assert rows(tmp_path, table) == before
    # And the next goes on from there.
    pipeline.run(source(vendor, table))
    assert vendor.tasks[-1]["trigger"]["segment"]


@pytest.mark.thorough
def test_a_table_without_a_row_so_far_goes_on_all_the_same(
    vendor: FileVendor, tmp_path: Path
) -> None:
    vendor.files["transactions"] = b"id,timestamp\n"
    pipeline = pipeline_into(tmp_path)
    for _ in range(4):
        pipeline.run(source(vendor, start_date="2026-01-01"))
    months = len(vendor.tasks) - 3
    assert months > 10
    now = datetime.now(timezone.utc).isoformat()
    vendor.files["transactions"] = f"id,timestamp\n1,{now}\n".encode()
    pipeline.run(source(vendor, start_date="2026-01-01"))
    assert len(vendor.tasks) == months + 4


def test_an_older_copy_of_the_file_is_brought_up_to_date(
    vendor: FileVendor, tmp_path: Path
) -> None:
    pipeline = pipeline_into(tmp_path)
    file, copy = tmp_path / "warehouse.duckdb", tmp_path / "copy.duckdb"
    vendor.files["transactions"] = "\n".join(["id,timestamp,email", *DAYS[:10], ""]).encode()
    pipeline.run(source(vendor, start_date="2026-05-01", end_date="2026-05-11"))
    shutil.copy(file, copy)
    vendor.files["transactions"] = TRANSACTIONS
    pipeline.run(source(vendor, start_date="2026-05-01"))
    assert rows(tmp_path) == 28
    shutil.copy(copy, file)
    pipeline.run(source(vendor, start_date="2026-05-01"))
    assert rows(tmp_path) == 28


@pytest.mark.thorough
def test_a_file_that_was_removed_is_loaded_whole(vendor: FileVendor, tmp_path: Path) -> None:
    pipeline = pipeline_into(tmp_path)
    pipeline.run(source(vendor))
    pipeline.run(source(vendor))
    (tmp_path / "warehouse.duckdb").unlink()
    pipeline.run(source(vendor))
    assert rows(tmp_path) == 28


@pytest.mark.thorough
def test_another_pipeline_goes_on_with_cursor_types_and_guard(
    vendor: FileVendor, tmp_path: Path
) -> None:
    header = "id,timestamp,price\n"
    days = [f"{day},2026-05-{day:02}T10:00:00Z,{day}.50\n" for day in range(1, 11)]
    vendor.files["transactions"] = "".join([header, *days]).encode()
    pipeline_into(tmp_path).run(source(vendor))
    # Whole numbers alone would make it another type.
    now = datetime.now(timezone.utc) - timedelta(hours=1)
    vendor.files["transactions"] = f"{header}11,{now.isoformat()},3\n".encode()
    pipeline_into(tmp_path, "another").run(source(vendor))
    assert vendor.tasks[-1]["trigger"]["segment"]
    found = query(tmp_path, "SELECT count(*), sum(price) FROM transactions")
    assert found == [(11, Decimal("63.0"))]
    # So does one that takes nothing from its destination, on a machine of its own.
    vendor.files["users"] = b"id,name\n1,a\n"
    pipeline_into(tmp_path).run(source(vendor, "users", accept_deletes=True))
    vendor.files["users"] = b"id,name\n"
    stateless = pipeline_into(tmp_path, "third")
    stateless.config.restore_from_destination = False
    with pytest.raises(Exception, match="1 of the 1 rows"):
        stateless.run(source(vendor, "users"))


@pytest.mark.thorough
def test_archived_increments_do_not_stand_for_the_history_before_them(
    vendor: FileVendor, tmp_path: Path
) -> None:
    archive = str(tmp_path / "kept")
    first, second = tmp_path / "first", tmp_path / "second"
    for _ in range(2):
        pipeline_into(first).run(source(vendor, keep_files=archive))
    increment = max((tmp_path / "kept").iterdir())
    pipeline = pipeline_into(second)
    pipeline.run(source(vendor, from_files=str(increment)))
    pipeline.run(source(vendor))
    assert rows(second) == 28


# Hints and jobs that would lose rows


def test_a_scope_that_dlt_would_cut_is_refused(vendor: FileVendor, tmp_path: Path) -> None:
    hint = {
        "disposition": "merge",
        "strategy": "delete-insert",
        "destination_scope": "{table}.name <> 'a;b'",
    }
    users = source(vendor, "users")
    users.users.apply_hints(write_disposition=hint)
    refuses(vendor, pipeline_into(tmp_path), users, "destination_scope", "semicolon")


@pytest.mark.parametrize(
    "scope", ["name = 'a", "name = 1) OR (1 = 1", "name = 1 -- not", "DROP TABLE users", "a b c"]
)
def test_a_scope_that_is_no_condition_is_refused(
    scope: str, vendor: FileVendor, tmp_path: Path
) -> None:
    users = source(vendor, "users")
    hint = {"disposition": "merge", "strategy": "delete-insert", "destination_scope": scope}
    users.users.apply_hints(write_disposition=hint)
    refuses(vendor, pipeline_into(tmp_path), users, "destination_scope", "no condition of SQL")


@pytest.mark.thorough
def test_a_disposition_that_loads_nothing_is_refused(vendor: FileVendor, tmp_path: Path) -> None:
    users = source(vendor, "users")
    users.users.apply_hints(write_disposition="skip")
    refuses(vendor, pipeline_into(tmp_path), users, "skip")


def test_dlts_own_incremental_is_refused(vendor: FileVendor, tmp_path: Path) -> None:
    loaded = source(vendor)
    loaded.transactions.apply_hints(incremental=dlt.sources.incremental("timestamp"))
    refuses(vendor, pipeline_into(tmp_path), loaded, "incremental", "lag")


@pytest.mark.thorough
def test_appended_rows_are_not_looked_back_for(vendor: FileVendor, tmp_path: Path) -> None:
    now = datetime.now(timezone.utc)
    pipeline = pipeline_into(tmp_path)
    for hours in ((30, 20, 10), (30, 20, 10), (30, 20, 10)):
        lines = [f"{hour},{(now - timedelta(hours=hour)).isoformat()}" for hour in hours]
        vendor.files["transactions"] = "\n".join(["id,timestamp", *lines, ""]).encode()
        loaded = source(vendor)
        loaded.transactions.apply_hints(write_disposition="append")
        pipeline.run(loaded)
    assert rows(tmp_path) == 3


@pytest.mark.thorough
def test_a_vendors_clock_that_was_ahead_once_loses_no_row(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Ahead(FileVendor):
        ahead = timedelta(days=30)

        def _answer(self, seen: Seen) -> Answer:
            answer = super()._answer(seen)
            now = datetime.now(timezone.utc) + self.ahead
            answer.headers["Date"] = format_datetime(now, usegmt=True)
            return answer

    def file(*hours: int) -> bytes:
        now = datetime.now(timezone.utc)
        lines = [f"{hour},{(now - timedelta(hours=hour)).isoformat()}" for hour in hours]
        return "\n".join(["id,timestamp", *lines, ""]).encode()

    pipeline = pipeline_into(tmp_path)
    with Ahead(transactions=file(50)) as wrong, caplog.at_level(logging.WARNING, "dlt"):
        pipeline.run(source(wrong, start_date="2026-01-01"))
        wrong.ahead = timedelta(0)
        wrong.files["transactions"] = file(50, 3)
        pipeline.run(source(wrong, start_date="2026-01-01"))
    assert rows(tmp_path) == 2
    assert "clock" in caplog.text


@pytest.mark.parametrize(
    "changed",
    [
        {"target": {"action": "export", "export_index": "products", "export_format": "csv"}},
        pytest.param(
            {"trigger": {"segment": {"join": "all", "rules": SEGMENT}}}, marks=pytest.mark.thorough
        ),
    ],
)
def test_a_task_that_carries_our_description_with_another_filter_is_left_alone(
    changed: dict[str, Any], tmp_path: Path
) -> None:
    class Console(FileVendor):
        """Shows tasks as they are: the first one was changed in the Console."""

        def _task(self, number: int, code: str) -> dict[str, Any]:
            task = super()._task(number, code)
            posted = self.tasks[number - 1]
            shown = {name: posted[name] for name in ("target", "trigger")}
            return {**task, **shown, **(changed if number == 1 else {})}

    with Console(users=b"id,name\n1,a\n") as vendor:
        submitter = exports_of(source(vendor, "users")).run.submitter
        load = exports_of(source(vendor, "users")).loads["users"]
        submitter.submit([load.sync], timedelta(0))
        pipeline_into(tmp_path).run(source(vendor, "users", max_age=3600))
        assert len(vendor.tasks) == 2
        vendor.tasks.clear()
        submitter.submit([load.sync], timedelta(0))
        submitter.submit([load.sync], timedelta(0))
        assert len(vendor.tasks) == 2


@pytest.mark.parametrize(
    "refused",
    [b"id,name\n1,a,too much\n2\n", pytest.param(b"<html>", marks=pytest.mark.thorough)],
)
def test_a_refused_file_is_asked_for_anew(refused: bytes, tmp_path: Path) -> None:
    """However young the job is whose file was refused."""
    pipeline = pipeline_into(tmp_path)

    class Frozen(FileVendor):
        """A file is made when its export is asked for, and stays as it was."""

        def __init__(self) -> None:
            super().__init__(users=refused)
            self.made: list[bytes] = []

        def _answer(self, seen: Seen) -> Answer:
            if seen.method == "POST":
                self.made.append(self.files["users"])
            return super()._answer(seen)

        def file(self, number: int) -> bytes:
            return self.made[number - 1]

    with Frozen() as shop:
        with pytest.raises(Exception, match=r"."):
            pipeline.run(source(shop, "users", max_age=3600))
        # It is asked for once more in each run, and no oftener.
        with pytest.raises(Exception, match=r"."):
            pipeline.run(source(shop, "users", max_age=3600))
        assert len(shop.made) == 2
        shop.files["users"] = b"id,name\n1,a\n2,b\n"
        pipeline.run(source(shop, "users", max_age=3600))
        assert len(shop.made) == 3
    assert rows(tmp_path, "users") == 2


@pytest.mark.parametrize(
    "table",
    [
        "users",
        pytest.param("transactions", marks=pytest.mark.thorough),
        pytest.param("vouchers", marks=pytest.mark.thorough),
    ],
)
def test_a_table_by_another_name_is_remembered_by_that(
    table: str, vendor: FileVendor, tmp_path: Path
) -> None:
    ten = "".join(f"{day},2026-05-{day:02}T10:00:00Z,{day}.50\n" for day in range(10, 20))
    vendor.files[table] = f"id,timestamp,price\n{ten}".encode()
    pipeline = pipeline_into(tmp_path)

    def renamed() -> Any:
        loaded = source(vendor, table)
        loaded.resources[table].apply_hints(table_name="Shop_Rows")
        return loaded

    pipeline.run(renamed())
    vendor.files[table] = b"id,timestamp,price\n10,2026-05-10T10:00:00Z,3\n"
    if table == "users":
        with pytest.raises(Exception, match="9 of the 10 rows"):
            pipeline.run(renamed())
    else:
        pipeline.run(renamed())
        assert vendor.tasks[-1]["trigger"]["segment"]
    assert rows(tmp_path, "shop_rows") == 10
    assert query(tmp_path, "SELECT DISTINCT table_name FROM export_jobs") == [("shop_rows",)]
    price = query(tmp_path, "SELECT price FROM shop_rows WHERE id = 10")
    assert price == [(Decimal("3" if table == "vouchers" else "10.5"),)]


@pytest.mark.thorough
def test_a_package_that_others_have_overtaken_is_given_up(
    vendor: FileVendor,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = machine(tmp_path, "first"), machine(tmp_path, "second")
    first.run(source(vendor, "users"))
    vendor.files["users"] = b"id,name\n1,old\n2,b\n3,c\n"
    # It dies before its load.
    first.extract(source(vendor, "users"))
    first.normalize()
    first.deactivate()
    # Killed while it writes a file, dlt leaves one of another name.
    (tmp_path / "first" / "spaaza" / "load" / "normalized" / "a97edbac360d4d1d").touch()
    vendor.files["users"] = b"id,name\n1,new\n2,b\n3,c\n4,d\n"
    second.run(source(vendor, "users"))
    second.deactivate()
    first = machine(tmp_path, "first")
    monkeypatch.setattr(logger.LOGGER, "propagate", True)
    with caplog.at_level(logging.WARNING, "dlt"):
        first.run(source(vendor, "users"))
    assert "given up" in caplog.text
    assert query(tmp_path, "SELECT name FROM users ORDER BY id")[0] == ("new",)
    assert rows(tmp_path, "users") == 4


@pytest.mark.parametrize("table", ["users", "export_jobs"])
@pytest.mark.thorough
def test_a_merge_that_was_cut_short_is_not_gone_on_with_from_another_machines_rows(
    table: str, vendor: FileVendor, tmp_path: Path
) -> None:
    """Both merge through the same staging tables."""
    pipeline_into(tmp_path).run(source(vendor, "users"))
    vendor.files["users"] = b"id,name\n1,new\n2,b\n3,c\n4,d\n"
    killed = partial(
        load, tmp_path, base_url=vendor.base_url, table="users", max_age=0, killed_after=table
    )
    assert exit_codes(partial(killed, killed_by="sql")) == [-SIGKILL]
    second = machine(tmp_path, "second")
    second.run(source(vendor, "products"))
    second.deactivate()
    pipeline_into(tmp_path).run()
    assert query(tmp_path, "SELECT name FROM users ORDER BY id")[0] == ("new",)
    jobs = query(tmp_path, "SELECT job_id, table_name, proven FROM export_jobs ORDER BY job_id")
    assert jobs == [("1", "users", True), ("2", "users", True), ("3", "products", True)]
