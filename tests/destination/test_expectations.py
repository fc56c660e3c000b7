"""What is expected of a table is judged alike for databases; a table that is stopped stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from spaaza_source.errors import ExpectationError
from tests.destination.destinations import Destination
from tests.destination.loads import Load
from tests.faults.hosts import ours
from tests.vendors.spaaza_files import FileVendor

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", ["duckdb", "postgres"])
def test_rows_are_judged_before_they_are_loaded(
    kind: str, make_destination: Callable[[str], Destination], tmp_path: Path
) -> None:
    destination = make_destination(kind)
    with FileVendor() as vendor:

        def load(table: str, file: str, /, lag: float = 86_400, **rules: Any) -> None:
            vendor.files[table] = file.encode()
            given = {"expectations": {table: rules}, "lag": lag}
            Load(tmp_path, vendor.base_url, (table,), destination.name, given).run()

        def refused(table: str, file: str, **given: Any) -> str:
            with pytest.raises(Exception, match=r".") as failed:
                load(table, file, **given)
            error = ours(failed.value)
            assert isinstance(error, ExpectationError)
            return str(error)

        load("products", "id,points\n1,5\n2,7\n", unique_columns=["id"], min_rows=2)
        told = refused(
            "products", "id,points\n1,5\n1,\n", unique_columns=["id"], not_null=["points"]
        )
        assert "unique_columns: id repeats in 1 row" in told
        assert "not_null: 'points'" in told
        assert destination.rows("products", "id", "points") == [("1", 5), ("2", 7)]
        load("products", "id,points\n1,5\n3,\n", not_null=["points"], action="warn")
        jobs = [row["notices"] or "" for row in destination.read("export_jobs")]
        assert sum('"kind": "expectation"' in notices for notices in jobs) == 1

        seen = datetime.now(UTC) - timedelta(hours=30)
        load("transactions", f"id,timestamp\n1,{seen:%Y-%m-%dT%H:%M:%SZ}\n", freshest="36h")
        # A later load asks for the last minute; the table has the newest row.
        empty = "id,timestamp\n"
        load("transactions", empty, lag=60, freshest="36h")
        told = refused("transactions", empty, lag=60, freshest="24h")
        assert "1 day, 6:00:00 older" in told
