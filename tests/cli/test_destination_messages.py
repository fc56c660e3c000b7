"""What a destination or dlt's own folder makes fail is one line with a way out."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pytest

from spaaza_source.cli import main
from spaaza_source.cli.output.error_messages import describe
from tests.cli.wrong_settings import ACCOUNT
from tests.vendors.spaaza_files import FileVendor


def run(patch: pytest.MonkeyPatch, *arguments: str) -> int:
    patch.setattr(sys, "argv", ["spaaza", *arguments])
    patch.setattr("signal.signal", lambda *_: None)
    patch.setenv("COLUMNS", "1000")
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> FileVendor:
    quick = {"POLL_INTERVAL": "0.01", "START_MARGIN": "0", "STAGGER": "0"}
    settings = ACCOUNT | {f"SOURCES__SPAAZA__{name}": value for name, value in quick.items()}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return FileVendor(users=b"id,name\n1,a\n")


def test_a_database_that_is_down_is_named_with_its_setting(
    vendor: FileVendor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("psycopg2")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", "postgresql://l:canary@127.0.0.1:1/d")
    with vendor:
        monkeypatch.setenv("SOURCES__SPAAZA__BASE_URL", vendor.base_url)
        assert run(monkeypatch, "load", "users", "--destination", "postgres") == 1
    told = capsys.readouterr().err
    assert told.startswith("spaaza: postgres: the destination cannot be reached (connection to")
    assert "DESTINATION__POSTGRES__CREDENTIALS" in told
    assert told.count("\n") == 1
    assert "canary" not in told


def test_an_option_of_the_connection_that_is_wrong_is_named_without_its_value(
    vendor: FileVendor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("psycopg2")
    address = "postgresql://l:canary@127.0.0.1:1/d?sslmode=canary"
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", address)
    with vendor:
        monkeypatch.setenv("SOURCES__SPAAZA__BASE_URL", vendor.base_url)
        assert run(monkeypatch, "load", "users", "--destination", "postgres") == 2
    told = capsys.readouterr().err
    assert told == (
        "spaaza: DESTINATION__POSTGRES__CREDENTIALS: invalid sslmode value. Correct it;"
        " PostgreSQL documents what it may be.\n"
    )


@pytest.mark.follows("cli/output/destination_messages.py", "Set it to a folder that can be written")
@pytest.mark.parametrize("command", ["load", "collect"])
def test_a_folder_of_dlt_that_cannot_be_written_is_named_and_another_one_loads(
    command: str,
    vendor: FileVendor,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("file").write_text("no folder", encoding="utf-8")
    with vendor:
        monkeypatch.setenv("SOURCES__SPAAZA__BASE_URL", vendor.base_url)
        monkeypatch.setenv("DLT_DATA_DIR", str(Path("file/dlt").absolute()))
        assert run(monkeypatch, command, "users") == 2
        told = capsys.readouterr().err
        assert told.startswith("spaaza: DLT_DATA_DIR: dlt's folder ")
        assert told.count("\n") == 1
        monkeypatch.setenv("DLT_DATA_DIR", str(Path("dlt").absolute()))
        assert run(monkeypatch, command, "users") == 0


def test_a_file_that_another_process_took_meanwhile_is_told_as_that() -> None:
    locked = duckdb.IOException('IO Error: Could not set lock on file "/a/b.duckdb": held by 7')
    told, code = describe(locked)
    assert told.startswith("db: the DuckDB file is open in another process. Close it there")
    assert code == 1
