"""`pipelines/bulk_users.py`, run as its first lines say."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.pipelines.test_daily import ran

SCRIPT = Path(__file__).parents[2] / "pipelines" / "bulk_users.py"


@pytest.mark.slow
@pytest.mark.thorough
def test_the_script_loads_all_users() -> None:
    with Sandbox(SandboxSettings(rows=60)) as sandbox:
        prefix = "SOURCES__SPAAZA__"
        session = {
            f"{prefix}CREDENTIALS__{name.upper()}": sandbox.session[name]
            for name in sandbox.session
        }
        done = ran(
            str(SCRIPT),
            **{f"{prefix}BASE_URL": sandbox.base_url, f"{prefix}CHAIN_ID": str(sandbox.chain_id)},
            **session,
        )
    assert "1 load package(s) were loaded" in done
    with duckdb.connect("spaaza_bulk_users.duckdb") as warehouse:
        assert warehouse.sql("SELECT count(*) FROM spaaza_data.bulk_users").fetchall() == [(60,)]
