"""What a load replaces is told by its package: without the hooks it fails, and deletes nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.common.storages import FileStorage, PackageStorage

from spaaza_source import spaaza_source
from spaaza_source.audit.load_scope import SCOPE, SCOPES, UNKNOWN_SCOPE
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.slow

TOKEN = {"access_token_id": "a", "access_token_secret": "b"}
QUICK = {"poll_interval": 0.01, "start_margin": 0, "stagger": 0, "max_age": 0}
FIRST = b"id,at,name\n1,2026-05-03T10:00:00Z,Ann\n2,2026-05-14T10:00:00Z,Bob\n"
#: Of the first ten days alone.
EARLY = b"id,at,name\n1,2026-05-03T10:00:00Z,Eve\n"
#: Of the last ten.
LATE = b"id,at,name\n2,2026-05-14T10:00:00Z,Rob\n3,2026-05-15T10:00:00Z,Cy\n"
#: What loads a pipeline's packages by dlt alone.
BY_DLT_ALONE = """
import sys
import dlt
pipeline = dlt.pipeline(
    "spaaza", pipelines_dir=sys.argv[1], destination=dlt.destinations.duckdb(sys.argv[2]),
    dataset_name="loyalty",
)
pipeline.load()
"""


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor(transactions=b"") as served:
        yield served


def source(vendor: FileVendor, file: bytes, start: str, end: str) -> Any:
    vendor.files["transactions"] = file
    times = {"transactions": "at"}
    given: dict[str, Any] = {**QUICK, "start_date": start, "end_date": end, "time_columns": times}
    return spaaza_source(vendor.base_url, 1743, TOKEN, **given).with_resources("transactions")


def loaded(vendor: FileVendor, folder: Path) -> dlt.Pipeline:
    pipeline = pipeline_into(folder)
    pipeline.run(source(vendor, FIRST, "2026-05-01", "2026-05-21"))
    return pipeline


def names(folder: Path) -> list[tuple[str]]:
    return query(folder, "SELECT name FROM transactions ORDER BY id")


def extracted(pipeline: dlt.Pipeline) -> PackageStorage:
    folder = Path(pipeline.working_dir) / "normalize" / "extracted"
    return PackageStorage(FileStorage(str(folder)), "extracted")


def test_each_of_two_packages_replaces_its_own_range(vendor: FileVendor, tmp_path: Path) -> None:
    pipeline = loaded(vendor, tmp_path)
    pipeline.extract(source(vendor, EARLY, "2026-05-01", "2026-05-11"))
    pipeline.extract(source(vendor, LATE, "2026-05-11", "2026-05-21"))
    pipeline.normalize()
    pipeline.load()
    assert names(tmp_path) == [("Eve",), ("Rob",), ("Cy",)]
    assert query(tmp_path, "SELECT count(*) FROM _dlt_version") == [(1,)]


def test_dlt_alone_fails_and_deletes_nothing(vendor: FileVendor, tmp_path: Path) -> None:
    pipeline = loaded(vendor, tmp_path)
    pipeline.extract(source(vendor, EARLY, "2026-05-01", "2026-05-11"))
    pipeline.normalize()
    command = [sys.executable, "-c", BY_DLT_ALONE]
    places = [str(tmp_path / "pipelines"), str(tmp_path / "warehouse.duckdb")]
    alone = subprocess.run([*command, *places], capture_output=True, text=True, check=False)
    assert alone.returncode == 1
    assert "scope_is_in_the_load_package_so_import_spaaza_source" in alone.stderr
    assert names(tmp_path) == [("Ann",), ("Bob",)]
    # With them, the same package loads.
    pipeline_into(tmp_path).load()
    assert names(tmp_path) == [("Eve",), ("Bob",)]


def test_a_package_of_version_0_1_loads_by_its_schema(vendor: FileVendor, tmp_path: Path) -> None:
    pipeline = loaded(vendor, tmp_path)
    pipeline.extract(source(vendor, EARLY, "2026-05-01", "2026-05-11"))
    make_older(pipeline)
    pipeline.normalize()
    pipeline.load()
    assert names(tmp_path) == [("Eve",), ("Bob",)]


def test_one_of_version_0_1_and_a_later_one_each_replace_their_range(
    vendor: FileVendor, tmp_path: Path
) -> None:
    pipeline = loaded(vendor, tmp_path)
    pipeline.extract(source(vendor, EARLY, "2026-05-01", "2026-05-11"))
    make_older(pipeline)
    pipeline.extract(source(vendor, LATE, "2026-05-11", "2026-05-21"))
    pipeline.normalize()
    pipeline.load()
    assert names(tmp_path) == [("Eve",), ("Rob",), ("Cy",)]


def make_older(pipeline: dlt.Pipeline) -> None:
    """Make of the package that is extracted what version 0.1 made: its range is in its schema."""
    packages = extracted(pipeline)
    (load,) = packages.list_packages()
    state: Any = packages.get_load_package_state(load)
    schema = packages.load_schema(load)
    table: Any = schema.tables["transactions"]
    assert table[SCOPE] == UNKNOWN_SCOPE
    table.update(state.pop(SCOPES)["transactions"])
    packages.save_load_package_state(load, state)
    packages.save_schema(load, schema)
    pipeline.schemas.save_schema(schema)
