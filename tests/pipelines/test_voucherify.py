"""`pipelines/voucherify.py`, run as its first lines say."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from spaaza_source.sandbox import Sandbox, SandboxSettings
from spaaza_source.voucherify.objects import OBJECTS
from tests.pipelines.test_daily import ran

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "pipelines" / "voucherify.py"


@pytest.mark.thorough
def test_the_voucherify_script_loads_all_objects() -> None:
    with Sandbox(SandboxSettings(rows=60, run_seconds=0.1)) as sandbox:
        keys = sandbox.voucherify_credentials
        settings = {
            "SOURCES__VOUCHERIFY__BASE_URL": sandbox.base_url,
            "SOURCES__VOUCHERIFY__CREDENTIALS__APP_ID": keys["app_id"],
            "SOURCES__VOUCHERIFY__CREDENTIALS__APP_TOKEN": keys["app_token"],
            "SOURCES__VOUCHERIFY__POLL_INTERVAL": "0.1",
        }
        done = ran(str(SCRIPT), **settings)
    assert "1 load package(s) were loaded" in done
    with duckdb.connect("voucherify.duckdb") as warehouse:
        for table in set(OBJECTS) - {"redemptions"}:
            name = f"voucherify_data.{table}"
            assert warehouse.sql(f"SELECT count(*) FROM {name}").fetchall() == [(60,)]
        results = "SELECT DISTINCT result FROM voucherify_data.redemptions"
        assert warehouse.sql(results).fetchall() == [("SUCCESS",)]
