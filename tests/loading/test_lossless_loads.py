"""What would lose rows between two loads (hints, jobs, clocks): refused, or made good."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from signal import SIGKILL
from typing import Any

import dlt
import pytest
from dlt.common import logger

from spaaza_source.loading import exports_of
from tests.faults.cut_short import load
from tests.loading.between_loads import (
    SEGMENT,
    machine,
    refuses,
    rows,
    shop,
    source,
)
from tests.processes import exit_codes
from tests.vendors.server import Answer, Seen
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.slow


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with shop() as served:
        yield served


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
    now = datetime.now(UTC)
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
            now = datetime.now(UTC) + self.ahead
            answer.headers["Date"] = format_datetime(now, usegmt=True)
            return answer

    def file(*hours: int) -> bytes:
        now = datetime.now(UTC)
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
