"""A merge into DuckDB that fails, or is killed, leaves the rows of earlier loads in the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from spaaza_source import spaaza_source
from tests.faults.cut_short import QUICK, TOKEN
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

MAY: dict[str, Any] = {"start_date": "2026-05-01", "end_date": "2026-06-01", "max_age": 0, **QUICK}
#: No name in it has the letters of a statement that defines tables, by which dlt knows a merge that
#: it runs in one transaction.
FIRST = b"timestamp,basket,total\n2026-05-02T10:00:00Z,a,1\n2026-05-03T10:00:00Z,b,2\n"
SECOND = b"timestamp,basket,total\n2026-05-02T10:00:00Z,c,1\n2026-05-03T10:00:00Z,c,1\n"


def test_rows_that_a_failed_merge_was_to_replace_are_still_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOAD__RAISE_ON_MAX_RETRIES", "1")
    pipeline = pipeline_into(tmp_path)

    def load() -> None:
        source = spaaza_source(vendor.base_url, vendor.chain, TOKEN, **MAY)
        pipeline.run(source.with_resources("transactions"))

    with FileVendor(transactions=FIRST) as vendor:
        load()
        with pipeline.sql_client() as client:
            client.execute_sql("CREATE UNIQUE INDEX own ON transactions (basket)")
        vendor.files["transactions"] = SECOND
        with pytest.raises(PipelineStepFailed):
            load()
    assert query(tmp_path, "SELECT basket FROM transactions ORDER BY 1") == [("a",), ("b",)]
