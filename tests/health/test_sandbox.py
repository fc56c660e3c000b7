"""A newcomer's first try ends well: what the sandbox gives, loaded and modelled, is healthy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from spaaza_source.sandbox import NEXT_DAY, Sandbox, SandboxSettings, live_settings
from tests.command import runner, settings_for, spaaza

pytestmark = pytest.mark.slow
VENDORS = ("spaaza", "voucherify")


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_demo_is_healthy(vendor: str, tmp_path: Path) -> None:
    at = ("--vendor", vendor, "--db", str(tmp_path / "demo.duckdb"))
    kept = {"DLT_DATA_DIR": str(tmp_path / "dlt")}
    spaaza("demo", *at, "--rows", "2000", **kept).check_returncode()
    spaaza("model", *at, **kept).check_returncode()
    told = spaaza("health", *at, **kept)
    assert told.returncode == 0, told.stdout
    assert "invariant" in told.stdout
    assert " 0 broken, " in told.stdout


@pytest.fixture
def living() -> Iterator[Sandbox]:
    with Sandbox(live_settings(SandboxSettings(rows=3_000))) as sandbox:
        yield sandbox


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_shop_that_lives_stays_healthy(
    living: Sandbox, vendor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = settings_for(living, MAX_AGE="0")
    if vendor == "voucherify":
        account = {
            f"CREDENTIALS__{name.upper()}": value
            for name, value in living.voucherify_credentials.items()
        }
        account |= {"BASE_URL": living.base_url, "POLL_INTERVAL": "0.02", "MAX_AGE": "0"}
        given = {f"SOURCES__VOUCHERIFY__{name}": value for name, value in account.items()}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    run = runner(monkeypatch)
    for _ in range(3):
        for command in ("load", "model", "health"):
            code, lines = run(command, "--vendor", vendor)
            told = [line for line in lines if " fails for " in line]
            assert code == 0, "\n".join(told or lines)
        assert told
        assert all(" fails for 0 of " in line for line in told), "\n".join(told)
        requests.post(living.base_url + NEXT_DAY, timeout=10)
