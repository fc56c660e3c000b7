"""`forget` in PostgreSQL and DuckLake: rows, filters, and what killed workers have staged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dlt
import pytest

from tests.destination.destinations import Destination
from tests.erasure.bench import Shop
from tests.vendors.spaaza_files import FileVendor

pytestmark = pytest.mark.slow
USERS = b"id,username\n1,ann@example.com\n2,bob@example.com\n"
RULE = {"field_name": "username", "operator": "any_of", "value": ["ann@example.com"]}


@pytest.mark.parametrize("kind", ["postgres", pytest.param("ducklake", marks=pytest.mark.thorough)])
def test_rows_filters_and_staging(
    kind: str, make_destination: Callable[[str], Destination], tmp_path: Path
) -> None:
    made = make_destination(kind)
    pipeline = dlt.pipeline(
        "shop",
        pipelines_dir=str(tmp_path / "pipelines"),
        destination=made.name,
        dataset_name="loyalty",
    )
    with FileVendor(users=USERS) as vendor:
        shop = Shop(vendor, tmp_path, pipeline, segments={"users": [RULE]})
        shop.load("users")
        left = "loyalty_staging_0a1b2c3d_4e5f6a7b"
        with pipeline.sql_client() as client:
            client.execute_sql(f"CREATE SCHEMA {left}")
            client.execute_sql(f"CREATE TABLE {left}.users AS SELECT * FROM users")
        assert shop.forget("1").removed == {"users": 1}
        assert shop.query(f"SELECT count(*) FROM {left}.users") == [(0,)]
        assert shop.query("SELECT count(*), count(selection) FROM export_jobs") == [(1, 0)]
        shop.load("users")
        assert shop.query("SELECT username FROM users") == [("bob@example.com",)]
