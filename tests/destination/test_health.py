"""What was not loaded is told, and health is read, in each destination that can be asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from spaaza_source.health import check_health
from tests.destination.destinations import Destination
from tests.destination.loads import Load
from tests.vendors.spaaza_files import FileVendor

pytestmark = pytest.mark.slow

BROKEN = b"id,id\n1,1\n"


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor(users=b"id,name\n1,Ada\n") as server:
        yield server


@pytest.mark.parametrize(
    "kind",
    [
        "postgres",
        pytest.param("ducklake", marks=pytest.mark.thorough),
        pytest.param("delta", marks=pytest.mark.thorough),
    ],
)
def test_a_failed_export_is_told_and_health_knows_of_it(
    kind: str,
    vendor: FileVendor,
    tmp_path: Path,
    make_destination: Callable[[str], Destination],
) -> None:
    destination = make_destination(kind)
    load = Load(tmp_path, vendor.base_url, ("users",), destination.name, {"max_age": 0})
    if kind == "delta":
        load = Load(
            tmp_path,
            vendor.base_url,
            ("users",),
            destination.name,
            {"max_age": 0},
            {"users": {"table_format": "delta"}},
        )
    vendor.files["users"] = BROKEN
    for _ in range(2):
        with pytest.raises(PipelineStepFailed):
            load.run()
    errors = destination.rows("failed_exports", "job_id", "table_name", "error")
    assert errors == [("1", "users", "HeaderError"), ("2", "users", "HeaderError")]
    vendor.files["users"] = b"id,name\n1,Ada\n2,Bo\n"
    pipeline = load.run()
    found = {each.rule: each for each in check_health(pipeline)}
    assert {each.level for each in found.values()} == {"ok", "unknown"}
    vendor.files["users"] = BROKEN
    with pytest.raises(PipelineStepFailed):
        load.run()
    found = {each.rule: each for each in check_health(pipeline)}
    assert {rule for rule, each in found.items() if each.level == "broken"} == {"failed"}
    assert len(destination.rows("failed_exports", "job_id")) == 3
