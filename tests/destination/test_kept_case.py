"""Naming conventions that keep case, on a database that folds the case of names unless quoted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dlt
import pytest

from spaaza_source import spaaza_source
from tests.destination.destinations import Destination
from tests.faults.cut_short import QUICK
from tests.vendors.spaaza_files import FileVendor

pytestmark = [pytest.mark.slow, pytest.mark.thorough]
TOKEN = {"access_token_id": "a", "access_token_secret": "b"}
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.mark.parametrize("naming", ["direct", "sql_cs_v1"])
@pytest.mark.parametrize("header", ["Timestamp", "Made At"])
def test_windows_of_a_column_that_keeps_its_case_are_loaded(
    make_destination: Callable[[str], Destination],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    naming: str,
    header: str,
) -> None:
    destination = make_destination("postgres")
    monkeypatch.setenv("SCHEMA__NAMING", naming)
    pipeline = dlt.pipeline(
        "case",
        pipelines_dir=str(tmp_path / "pipelines"),
        destination=destination.name,
        dataset_name="loyalty",
    )
    with FileVendor() as vendor:
        # As a warning advises it, once a load has shown that the filter's own name is missing.
        for number, columns in enumerate(({}, {"transactions": header}, {"transactions": header})):
            made = [(NOW - timedelta(minutes=each)).isoformat() for each in range(number + 1)]
            lines = [f"{each},{at},a" for each, at in enumerate(made)]
            vendor.files["transactions"] = "\n".join([f"ID,{header},name", *lines, ""]).encode()
            given: dict[str, Any] = {**QUICK, "max_age": 0, "time_columns": columns}
            source = spaaza_source(vendor.base_url, 1743, TOKEN, **given)
            pipeline.run(source.with_resources("transactions"))
    assert len(destination.read("transactions")) == 3
    assert {row["proven"] for row in destination.read("export_jobs")} == {True}
