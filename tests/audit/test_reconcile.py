"""After each load the destination's rows are counted against those of the files."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pytest
from click.testing import CliRunner
from dlt.destinations.impl.duckdb.duck import DuckDbClient
from dlt.pipeline.exceptions import PipelineStepFailed

from spaaza_source import spaaza_source
from spaaza_source.cli.app import cli
from spaaza_source.cli.output.error_messages import describe
from spaaza_source.errors import WrongCountError
from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.command import settings_for
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.slow

USERS = "id,name\n1,a\n2,b\n3,c\n4,d\n5,e\n6,f\n"
AT = "id,timestamp\n" + "".join(f"{day},2026-05-{day:02}T10:00:00Z\n" for day in range(1, 31))
MAY: dict[str, Any] = {"start_date": "2026-05-01", "end_date": "2026-06-01", "window": "week"}
NOTED = "SELECT rows, loaded, found, counted, proven, checked_at IS NOT NULL FROM export_jobs"
WHOLE_MAY = {**MAY, "window": "month"}
Breaks = Callable[[str], None]


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor(
        users=USERS.encode(), transactions=AT.encode(), vouchers=USERS.encode()
    ) as served:
        yield served


@pytest.fixture
def broken_by(monkeypatch: pytest.MonkeyPatch) -> Breaks:
    """Makes the destination do something of its own to the rows of the next load."""
    complete = DuckDbClient.complete_load

    def breaks(statement: str) -> None:
        todo = [statement]

        def completed(self: DuckDbClient, load_id: str) -> None:
            if todo:
                self.sql_client.execute_sql(todo.pop())
            complete(self, load_id)

        monkeypatch.setattr(DuckDbClient, "complete_load", completed)

    return breaks


def source(vendor: FileVendor, table: str, **given: Any) -> Any:
    settings = {"poll_interval": 0.01, "start_margin": 0, "stagger": 0, "max_age": 0, **given}
    tokens = {"access_token_id": "a", "access_token_secret": "b"}
    return spaaza_source(vendor.base_url, 1743, tokens, **settings).with_resources(table)


def wrong_count(raised: pytest.ExceptionInfo[PipelineStepFailed]) -> WrongCountError:
    cause: BaseException | None = raised.value
    while cause is not None and not isinstance(cause, WrongCountError):
        cause = cause.__cause__ or cause.__context__
    assert cause is not None
    return cause


def test_a_table_is_counted_after_each_load(vendor: FileVendor, tmp_path: Path) -> None:
    pipeline = pipeline_into(tmp_path)
    pipeline.run(source(vendor, "users"))
    vendor.files["users"] = (USERS.replace("1,a\n", "") + "7,g\n8,h\n").encode()
    pipeline.run(source(vendor, "users"))
    assert query(tmp_path, f"{NOTED} ORDER BY job_id") == [
        (6, 6, 6, "table", True, True),
        (7, 7, 7, "table", True, True),
    ]


def test_each_window_is_counted_for_itself(vendor: FileVendor, tmp_path: Path) -> None:
    pipeline_into(tmp_path).run(source(vendor, "transactions", **MAY))
    assert query(tmp_path, f"{NOTED} ORDER BY window_start") == [
        (30, rows, rows, "time", True, True) for rows in (3, 7, 7, 7, 6)
    ]


@pytest.mark.thorough
def test_what_is_merged_among_others_is_found_by_its_keys(
    vendor: FileVendor, tmp_path: Path
) -> None:
    pipeline = pipeline_into(tmp_path)
    pipeline.run(source(vendor, "vouchers"))
    vendor.files["vouchers"] = b"id,name\n2,b\n3,changed\n9,new\n"
    pipeline.run(source(vendor, "vouchers"))
    vendor.files["vouchers"] = b"id,name\n"
    pipeline.run(source(vendor, "vouchers"))
    assert query(tmp_path, f"{NOTED} ORDER BY job_id") == [
        (6, 6, 6, "table", True, True),
        (3, 3, 3, "key", True, True),
        (0, 0, 0, "key", True, True),
    ]


@pytest.mark.parametrize(
    ("disposition", "counted"),
    [
        ("append", "load"),
        ({"disposition": "merge", "strategy": "scd2"}, "version"),
        # By its keys, and by the whole table, other loads are counted above.
        pytest.param(
            {"disposition": "merge", "strategy": "delete-insert"},
            "key",
            marks=pytest.mark.thorough,
        ),
        pytest.param(
            {"disposition": "merge", "strategy": "cdc"}, "table", marks=pytest.mark.thorough
        ),
    ],
)
@pytest.mark.thorough
def test_the_rows_of_a_users_own_disposition_are_counted_too(
    disposition: Any, counted: str, vendor: FileVendor, tmp_path: Path
) -> None:
    pipeline = pipeline_into(tmp_path)
    for name in ("a", "changed"):
        vendor.files["users"] = USERS.replace("1,a", f"1,{name}").encode()
        users = source(vendor, "users")
        users.users.apply_hints(write_disposition=disposition, primary_key="id")
        pipeline.run(users)
    assert query(tmp_path, NOTED) == [(6, 6, 6, counted, True, True)] * 2


@pytest.mark.thorough
def test_what_a_users_own_steps_leave_out_is_not_missed(
    vendor: FileVendor, tmp_path: Path, broken_by: Breaks
) -> None:
    def odd(rows: pa.Table) -> pa.Table:
        return rows.slice(0, rows.num_rows // 2)

    pipeline = pipeline_into(tmp_path)
    users = source(vendor, "users")
    users.users.add_map(odd)
    pipeline.run(users)
    assert query(tmp_path, NOTED) == [(6, 6, 3, "table", True, True)]
    transactions = source(vendor, "transactions", **MAY)
    transactions.transactions.add_map(odd)
    pipeline.run(transactions)
    found = "SELECT found, proven FROM export_jobs WHERE table_name = 'transactions'"
    assert query(tmp_path, f"{found} ORDER BY window_start") == [
        (rows, True) for rows in (1, 3, 3, 3, 3)
    ]
    broken_by("DELETE FROM transactions WHERE id = '1'")
    transactions = source(vendor, "transactions", **MAY)
    transactions.transactions.add_map(odd)
    with pytest.raises(PipelineStepFailed, match="has 12 rows, expected 13"):
        pipeline.run(transactions)


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("DELETE FROM users WHERE id = '2'", 5),
        pytest.param(
            "INSERT INTO users SELECT * FROM users WHERE id = '2'", 7, marks=pytest.mark.thorough
        ),
    ],
)
@pytest.mark.thorough
def test_a_difference_is_an_error_of_the_run_that_made_it(
    statement: str, found: int, vendor: FileVendor, tmp_path: Path, broken_by: Breaks
) -> None:
    pipeline = pipeline_into(tmp_path)
    broken_by(statement)
    with pytest.raises(PipelineStepFailed) as raised:
        pipeline.run(source(vendor, "users"))
    error = wrong_count(raised)
    assert f"users has {found} rows, expected 6 (job 1)" in str(error)
    assert describe(raised.value) == (str(error), 1)
    assert query(tmp_path, NOTED) == [(6, 6, found, "table", False, True)]
    # All rows come again, which makes it right.
    pipeline.run(source(vendor, "users"))
    settled = "SELECT proven, settled_by IS NOT NULL FROM export_jobs ORDER BY job_id"
    assert query(tmp_path, settled) == [(False, True), (True, False)]


@pytest.mark.thorough
def test_a_range_that_lost_rows_must_be_loaded_again_before_what_follows(
    vendor: FileVendor, tmp_path: Path, broken_by: Breaks
) -> None:
    pipeline = pipeline_into(tmp_path)
    pipeline.run(source(vendor, "transactions"))
    broken_by("DELETE FROM transactions WHERE id = '12'")
    with pytest.raises(PipelineStepFailed) as raised:
        pipeline.run(source(vendor, "transactions", **WHOLE_MAY))
    told = str(wrong_count(raised))
    assert re.search(r"transactions has 29 rows, expected 30 \(job \d\)", told)
    asked = len(vendor.tasks)
    # On a fresh machine too.
    fresh = dlt.pipeline(
        "spaaza",
        pipelines_dir=str(tmp_path / "elsewhere"),
        destination=dlt.destinations.duckdb(str(tmp_path / "warehouse.duckdb")),
        dataset_name="loyalty",
    )
    with pytest.raises(PipelineStepFailed) as raised:
        fresh.run(source(vendor, "transactions"))
    error = wrong_count(raised)
    assert 'start_date="2026-05-' in str(error)
    assert len(vendor.tasks) == asked
    fresh.run(source(vendor, "transactions", **WHOLE_MAY))
    fresh.run(source(vendor, "transactions"))
    assert query(tmp_path, "SELECT count(*) FROM transactions") == [(30,)]


@pytest.mark.thorough
def test_a_key_that_did_not_arrive_is_missed(
    vendor: FileVendor, tmp_path: Path, broken_by: Breaks
) -> None:
    pipeline = pipeline_into(tmp_path)
    pipeline.run(source(vendor, "vouchers"))
    vendor.files["vouchers"] = b"id,name\n2,b\n3,changed\n9,new\n"
    # So that the load after this one begins later.
    time.sleep(1.1)
    # As many as should come, but of another key.
    broken_by("UPDATE vouchers SET id = '10' WHERE id = '9'")
    with pytest.raises(PipelineStepFailed, match="vouchers has 2 rows, expected 3"):
        pipeline.run(source(vendor, "vouchers"))
    with pytest.raises(PipelineStepFailed, match="drop_resources"):
        pipeline.run(source(vendor, "vouchers"))
    vendor.files["vouchers"] = USERS.encode()
    pipeline.run(source(vendor, "vouchers"), refresh="drop_resources")
    pipeline.run(source(vendor, "vouchers"))


@pytest.mark.thorough
def test_without_the_staging_table_it_counts_what_it_can(
    vendor: FileVendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOAD__TRUNCATE_STAGING_DATASET", "true")
    pipeline = pipeline_into(tmp_path)
    pipeline.run(source(vendor, "vouchers"))
    vendor.files["vouchers"] = b"id,name\n2,b\n9,new\n"
    pipeline.run(source(vendor, "vouchers"))
    assert query(tmp_path, f"{NOTED} ORDER BY job_id")[1] == (2, 2, None, "at least", True, True)


@pytest.mark.thorough
def test_steps_of_their_own_are_counted_too(vendor: FileVendor, tmp_path: Path) -> None:
    pipeline_into(tmp_path).extract(source(vendor, "users"))
    pipeline_into(tmp_path).normalize()
    pipeline_into(tmp_path).load()
    assert query(tmp_path, NOTED) == [(6, 6, 6, "table", True, True)]


@pytest.mark.thorough
def test_json_is_counted_too(vendor: FileVendor, tmp_path: Path) -> None:
    vendor.files["transactions"] = (
        b'[{"id": 1, "timestamp": "2026-05-02T00:00:00Z", "items": [{"a": 1}, {"a": 2}]},'
        b' {"id": 2, "timestamp": "2026-05-12T00:00:00Z", "items": []}]'
    )
    pipeline = pipeline_into(tmp_path)
    for _ in range(2):
        pipeline.run(source(vendor, "transactions", export_format="json", **WHOLE_MAY))
    assert query(tmp_path, "SELECT sum(found)::INT, bool_and(proven) FROM export_jobs") == [
        (4, True)
    ]


def test_where_nothing_can_be_counted_it_is_said(
    vendor: FileVendor,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Another test may have let it reach pytest's handler by the root as well: that counts twice.
    monkeypatch.setattr(logging.getLogger("dlt"), "propagate", False)
    logging.getLogger("dlt").addHandler(caplog.handler)
    pipeline = dlt.pipeline(
        "spaaza",
        pipelines_dir=str(tmp_path / "pipelines"),
        destination=dlt.destinations.filesystem(str(tmp_path / "lake")),
        dataset_name="loyalty",
    )
    pipeline.run(source(vendor, "users"))
    logging.getLogger("dlt").removeHandler(caplog.handler)
    assert caplog.text.count("cannot tell how many rows it has") == 1


@pytest.mark.thorough
def test_the_command_says_what_was_counted_and_fails_on_a_difference(
    monkeypatch: pytest.MonkeyPatch, broken_by: Breaks
) -> None:
    with Sandbox(SandboxSettings(rows=50)) as served:
        for name, value in settings_for(served).items():
            monkeypatch.setenv(name, value)
        told = CliRunner().invoke(cli, ["load", "users", "products"], catch_exceptions=False).output
        assert "Reconciled with the destination: all rows of 2 of 2 exports are there." in told
        monkeypatch.setenv("SOURCES__SPAAZA__MAX_AGE", "0")
        broken_by("DELETE FROM users WHERE id = (SELECT min(id) FROM users)")
        failed = CliRunner().invoke(cli, ["load", "users"])
    assert "users has 49 rows, expected 50" in failed.output
    assert failed.exit_code == 1
