"""A load package that failed for good is given up by the next run; one that may pass is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import duckdb
import psycopg2
import pytest
from dlt.common.exceptions import SignalReceivedException
from dlt.destinations.exceptions import (
    DatabaseTerminalException,
    DatabaseTransientException,
    DestinationConnectionError,
)
from dlt.pipeline.exceptions import PipelineStepFailed

from spaaza_source import spaaza_source
from spaaza_source.dlt_hooks.lasting_failures import is_lasting
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

TOKEN = {"access_token_id": "a", "access_token_secret": "b"}
SQL = "CREATE SCHEMA IF NOT EXISTS loyalty; "


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor(users=b"id,name\n1,a\n2,b\n") as served:
        yield served


def users(vendor: FileVendor, **settings: Any) -> Any:
    quick = {"poll_interval": 0.01, "start_margin": 0, "stagger": 0, "max_age": 0}
    source = spaaza_source(vendor.base_url, 1743, TOKEN, **{**quick, **settings})
    return source.with_resources("users")


def block(folder: Path) -> None:
    """A view stands where an audit table would: no load can ever make it."""
    with duckdb.connect(str(folder / "warehouse.duckdb")) as warehouse:
        warehouse.execute(SQL + "CREATE VIEW loyalty.column_changes AS SELECT 1 AS a")


def unblock(folder: Path) -> None:
    with duckdb.connect(str(folder / "warehouse.duckdb")) as warehouse:
        warehouse.execute("DROP VIEW loyalty.column_changes")


def test_a_package_that_failed_for_good_is_given_up_and_its_exports_loaded_anew(
    vendor: FileVendor, tmp_path: Path
) -> None:
    block(tmp_path)
    pipeline = pipeline_into(tmp_path)
    with pytest.raises(PipelineStepFailed):
        pipeline.run(users(vendor))
    (package,) = pipeline.list_normalized_load_packages()
    unblock(tmp_path)
    vendor.files["users"] = b"id,name\n1,a\n2,b\n3,c\n"
    loaded = pipeline.run(users(vendor))
    assert loaded.loads_ids != [package]
    assert not pipeline.has_pending_data
    assert query(tmp_path, "SELECT count(*) FROM users") == [(3,)]
    assert query(tmp_path, "SELECT count(*) FROM _dlt_loads") == [(1,)]
    assert query(tmp_path, "SELECT loaded FROM export_jobs") == [(3,)]


def test_what_cannot_be_normalized_does_not_keep_the_corrected_script_from_loading(
    vendor: FileVendor, tmp_path: Path
) -> None:
    pipeline, wrong = pipeline_into(tmp_path), users(vendor)
    # Nobody but dlt knows that this step adds no such column.
    wrong.users.apply_hints(columns={"own": {"nullable": False}}).add_map(lambda rows: rows)
    with pytest.raises(PipelineStepFailed) as raised:
        pipeline.run(wrong)
    assert raised.value.step == "normalize"
    pipeline.run(users(vendor))
    assert query(tmp_path, "SELECT count(*) FROM users") == [(2,)]
    assert "own" not in pipeline.default_schema.tables["users"]["columns"]


@pytest.mark.follows(
    "dlt_hooks/abandoned_packages.py", "{loads} can never be loaded, and holds rows"
)
@pytest.mark.slow
@pytest.mark.thorough
def test_a_failed_package_with_rows_that_no_new_export_has_is_kept_and_told(
    vendor: FileVendor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    archive = tmp_path / "archive"
    pipeline = pipeline_into(tmp_path)
    pipeline.run(users(vendor, keep_files=str(archive)))
    (files,) = archive.iterdir()
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as warehouse:
        warehouse.execute("DROP TABLE loyalty.column_changes")
    block(tmp_path)
    with pytest.raises(PipelineStepFailed):
        pipeline.run(users(vendor, from_files=str(files)))
    (package,) = pipeline.list_normalized_load_packages()
    with pytest.raises(PipelineStepFailed):
        pipeline.run(users(vendor))
    assert pipeline.list_normalized_load_packages() == [package]
    assert "holds rows that no new export has" in caplog.text
    assert "--abandon" in caplog.text
    unblock(tmp_path)
    pipeline.abort_packages()
    pipeline.run(users(vendor))
    assert query(tmp_path, "SELECT count(*) FROM users") == [(2,)]


@pytest.mark.slow
@pytest.mark.thorough
def test_rows_of_another_source_in_the_package_keep_it(vendor: FileVendor, tmp_path: Path) -> None:
    block(tmp_path)
    pipeline = pipeline_into(tmp_path)
    with pytest.raises(PipelineStepFailed):
        pipeline.run([users(vendor), dlt.resource([{"a": 1}], name="own")])
    before = pipeline.list_normalized_load_packages()
    with pytest.raises(PipelineStepFailed):
        pipeline.run(users(vendor))
    assert pipeline.list_normalized_load_packages() == before


class OfState(psycopg2.OperationalError):  # type: ignore[misc]
    def __init__(self, state: str) -> None:
        super().__init__("as the server says")
        self._state = state

    @property
    def pgcode(self) -> str:
        return self._state


@pytest.mark.parametrize(
    ("step", "raised", "lasts"),
    [
        ("normalize", ValueError("a file"), True),
        ("normalize", OSError("disk full"), False),
        ("normalize", MemoryError(), False),
        ("normalize", KeyboardInterrupt(), False),
        ("load", SignalReceivedException(15), False),
        ("load", DatabaseTerminalException(ValueError()), True),
        ("load", DatabaseTransientException(ValueError()), False),
        ("load", DestinationConnectionError("duckdb", "x", "held", ValueError()), False),
        # dlt takes these two for errors that may pass.
        ("load", duckdb.ParserException("constraints not yet supported"), True),
        ("load", OfState("54011"), True),
        ("load", OfState("22001"), True),
        ("load", OfState("42501"), False),
        ("load", OfState("53100"), False),
        ("load", OfState("57P01"), False),
        ("load", ConnectionResetError(), False),
        ("load", RuntimeError("of anyone"), False),
    ],
)
def test_what_lasts_is_told_from_what_may_pass(
    step: str, raised: BaseException, lasts: bool
) -> None:
    assert is_lasting(step, raised) is lasts
