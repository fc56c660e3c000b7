"""Fault 66: a start that nobody meant, so that a load would ask for hundreds of exports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import SpaazaSourceError, spaaza_source, voucherify_source
from spaaza_source.cli.output.error_messages import exit_report
from spaaza_source.errors import SettingsError
from tests.command import runner
from tests.faults.hosts import QUICK, TOKEN, ours
from tests.vendors.spaaza_files import FileVendor
from tests.vendors.voucherify_files import KEYS, VoucherifyVendor
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.wing("exports", "loading", "cli")

FILE = b"timestamp,id\n2026-10-01T00:00:00Z,1\n"
RANGE = ("--start-date", "2026-08-01", "--end-date", "2026-11-01")


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor(transactions=FILE, users=FILE) as served:
        yield served


@pytest.mark.parametrize("table", ["transactions", "vouchers"])
def test_a_start_long_ago_stops_before_the_vendor_is_asked(
    vendor: FileVendor, tmp_path: Path, table: str
) -> None:
    source = spaaza_source(vendor.base_url, vendor.chain, TOKEN, start_date="1970-01-01", **QUICK)
    with pytest.raises(Exception, match=r"would request 2\d\d exports") as raised:
        pipeline_into(tmp_path).run(source.with_resources("users", table))
    error = ours(raised.value)
    assert isinstance(error, SettingsError)
    assert error.where == table
    assert "one for each month since 2005-01-01" in str(error)
    assert vendor.seen == []


def test_a_start_long_ago_stops_at_voucherify_too(tmp_path: Path) -> None:
    with VoucherifyVendor() as vendor:
        given: dict[str, Any] = {"credentials": KEYS, "window": "day"}
        source = voucherify_source(vendor.base_url, start_date="1970-01-01", **given)
        with pytest.raises(Exception, match=r"would request 8,\d{3} exports") as raised:
            pipeline_into(tmp_path).run(source.with_resources("redemptions"))
        assert "a longer window" in str(ours(raised.value))
        assert vendor.seen == []


def left(monkeypatch: pytest.MonkeyPatch, vendor: FileVendor, *arguments: str) -> tuple[int, str]:
    """The exit code of a command, and all that it says."""
    settings: dict[str, Any] = {f"credentials__{name}": value for name, value in TOKEN.items()}
    settings |= {"base_url": vendor.base_url, "chain_id": vendor.chain, **QUICK}
    given = {name.upper(): str(value) for name, value in settings.items()}
    try:
        code, lines = runner(monkeypatch, **given)(*arguments, "--db", "w.duckdb")
    except SpaazaSourceError as failure:
        lines, code = exit_report(failure)
    return code, " ".join(lines)


@pytest.mark.parametrize("command", ["load", "submit"])
def test_a_command_stops_and_its_hint_works(
    vendor: FileVendor, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("SOURCES__SPAAZA__MAX_EXPORTS", "2")
    code, message = left(monkeypatch, vendor, command, "transactions", *RANGE)
    assert code == 2
    assert "would request 3 exports of it, one for each month since 2026-08-01" in message
    assert "(--max-exports 3)" in message
    assert vendor.tasks == []
    code, _ = left(monkeypatch, vendor, command, "transactions", *RANGE, "--max-exports", "3")
    assert (code, len(vendor.tasks)) == (0, 3)


@pytest.mark.follows("exports/planning/plan.py", "Set a later start_date")
def test_its_other_hint_works_too(
    vendor: FileVendor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = spaaza_source(
        vendor.base_url,
        vendor.chain,
        TOKEN,
        start_date="2026-08-01",
        end_date="2026-11-01",
        max_exports=3,
        **QUICK,
    )
    pipeline_into(tmp_path).run(source.with_resources("transactions"))
    assert query(tmp_path, "SELECT id FROM transactions") == [("1",)]
    monkeypatch.setenv("SOURCES__SPAAZA__MAX_EXPORTS", "none")
    code, message = left(monkeypatch, vendor, "load", "transactions")
    assert code == 2
    assert "max_exports" in message
