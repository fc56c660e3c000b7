"""What a destination cannot do is refused before anything is asked for, and nothing is doubled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dlt
import pyarrow.dataset as files
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from spaaza_source import spaaza_source
from spaaza_source.errors import SettingsError
from tests.destination.destinations import Destination
from tests.destination.loads import Load
from tests.faults.cut_short import QUICK
from tests.vendors.spaaza_files import FileVendor

pytestmark = pytest.mark.slow

ROWS = b"id,timestamp,name\n1,2026-05-03T10:00:00Z,Ann\n2,2026-05-04T10:00:00Z,Bob\n"
MAY = {"start_date": "2026-05-01", "end_date": "2026-06-01"}
TOKEN = {"access_token_id": "a", "access_token_secret": "b"}


def refused(load: Callable[[], Any]) -> SettingsError:
    """What stopped it."""
    with pytest.raises(PipelineStepFailed) as raised:
        load()
    cause: BaseException | None = raised.value
    while cause is not None and not isinstance(cause, SettingsError):
        cause = cause.__cause__ or cause.__context__
    assert cause is not None
    return cause


def into_plain_files(folder: Path, vendor: FileVendor, table: str, **settings: Any) -> None:
    given: dict[str, Any] = {"max_age": 0, **QUICK, **settings}
    source = spaaza_source(vendor.base_url, 1743, TOKEN, **given)
    pipeline = dlt.pipeline(
        "spaaza",
        pipelines_dir=str(folder / "pipelines"),
        destination=dlt.destinations.filesystem(str(folder / "files")),
        dataset_name="loyalty",
    )
    pipeline.run(source.with_resources(table), loader_file_format="parquet")


def in_plain_files(folder: Path, table: str) -> int:
    return int(files.dataset(folder / "files" / "loyalty" / table, format="parquet").count_rows())


@pytest.mark.parametrize(
    "disposition",
    ["append", {"disposition": "merge", "strategy": "scd2"}],
    ids=["append", "scd2"],
)
def test_delta_has_no_append_and_no_history(
    disposition: Any, make_destination: Callable[[str], Destination], tmp_path: Path
) -> None:
    destination = make_destination("delta")
    with FileVendor(users=ROWS) as vendor:
        hints = {"users": {"write_disposition": disposition}}
        wrong = refused(
            Load(tmp_path, vendor.base_url, ("users",), destination.name, hints=hints).run
        )
        assert vendor.tasks == []
    assert str(wrong).startswith("users: delta filesystem tables cannot ")
    assert wrong.hint


def test_a_window_of_delta_needs_a_key(
    make_destination: Callable[[str], Destination], tmp_path: Path
) -> None:
    destination = make_destination("delta")
    with FileVendor(transactions=ROWS) as vendor:
        load = Load(tmp_path, vendor.base_url, ("transactions",), destination.name, MAY)
        wrong = refused(load.run)
        assert vendor.tasks == []
    assert "cannot replace a range of time without a key" in str(wrong)
    assert "primary_key" in str(wrong.hint)


@pytest.mark.thorough
def test_without_a_key_delta_takes_all_rows_each_time(
    make_destination: Callable[[str], Destination], tmp_path: Path
) -> None:
    destination = make_destination("delta")
    with FileVendor(transactions=ROWS) as vendor:
        load = Load(tmp_path, vendor.base_url, ("transactions",), destination.name)
        load.run()
        vendor.files["transactions"] = ROWS + b"3,2026-05-05T10:00:00Z,Cy\n"
        load.run()
        assert [task["target"].get("segment") for task in vendor.tasks] == [None, None]
    assert destination.rows("transactions", "id") == [("1",), ("2",), ("3",)]
    assert destination.rows("export_jobs", "found", "proven") == [(2, True), (3, True)]


@pytest.mark.thorough
def test_what_a_key_does_not_tell_apart_is_not_merged_into_delta(
    make_destination: Callable[[str], Destination], tmp_path: Path
) -> None:
    destination = make_destination("delta")
    with FileVendor(transactions=ROWS) as vendor:
        load = Load(tmp_path, vendor.base_url, ("transactions",), destination.name)
        load.run()
        keyed = Load(
            tmp_path,
            vendor.base_url,
            ("transactions",),
            destination.name,
            MAY,
            {"transactions": {"primary_key": "id"}},
        )
        # The table came without that key: nothing has shown that it holds there.
        assert "without a key" in str(refused(keyed.run))
    assert destination.rows("transactions", "id") == [("1",), ("2",)]


@pytest.mark.thorough
def test_so_many_rows_may_go_from_delta_as_from_a_database(
    make_destination: Callable[[str], Destination], tmp_path: Path
) -> None:
    destination = make_destination("delta")
    many = b"id,name\n" + b"".join(b"%d,n\n" % number for number in range(10))
    with FileVendor(users=many) as vendor:
        load = Load(tmp_path, vendor.base_url, ("users",), destination.name)
        load.run()
        vendor.files["users"] = b"id,name\n1,n\n"
        with pytest.raises(PipelineStepFailed, match="9 of the 10 rows"):
            load.run()
    assert len(destination.rows("users", "id")) == 10


def test_a_window_of_plain_files_is_refused(tmp_path: Path) -> None:
    with FileVendor(transactions=ROWS) as vendor:
        wrong = refused(lambda: into_plain_files(tmp_path, vendor, "transactions", **MAY))
        assert vendor.tasks == []
    assert "filesystem tables cannot replace a range of time" in str(wrong)
    assert 'table_format="delta"' in str(wrong.hint)


@pytest.mark.parametrize(
    "table",
    [
        "users",
        *(pytest.param(name, marks=pytest.mark.thorough) for name in ("transactions", "vouchers")),
    ],
)
def test_plain_files_hold_no_row_twice(table: str, tmp_path: Path) -> None:
    with FileVendor(**{table: ROWS}) as vendor:
        for _ in range(2):
            into_plain_files(tmp_path, vendor, table)
    assert in_plain_files(tmp_path, table) == 2


def test_a_database_without_times_is_refused(tmp_path: Path) -> None:
    with FileVendor(users=ROWS) as vendor:
        given: dict[str, Any] = {"max_age": 0, **QUICK}
        source = spaaza_source(vendor.base_url, 1743, TOKEN, **given)
        pipeline = dlt.pipeline(
            "spaaza",
            pipelines_dir=str(tmp_path / "pipelines"),
            destination=dlt.destinations.sqlalchemy(f"sqlite:///{tmp_path / 'loyalty.db'}"),
            dataset_name="loyalty",
        )
        wrong = refused(lambda: pipeline.run(source.with_resources("users")))
        assert vendor.tasks == []
    assert str(wrong).startswith("destination: sqlite has no type of a time")
