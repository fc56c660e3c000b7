"""What a destination is connected with is told as wrong by its key, and never shown."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import dlt
import pytest

from spaaza_source import spaaza_source
from spaaza_source.backfill import Backfill
from spaaza_source.cli.output.error_messages import exit_report
from spaaza_source.destination import check_connection
from spaaza_source.errors import SettingsError
from tests.command import runner
from tests.faults.cut_short import QUICK
from tests.vendors.spaaza_files import FileVendor

pytest.importorskip("psycopg2")

KEY = "DESTINATION__POSTGRES__CREDENTIALS"
TOKEN = {"access_token_id": "a", "access_token_secret": "b"}
FORM = "Write postgresql://USERNAME:PASSWORD@HOST:PORT/DATABASE"
CANARY = "canary9f31"

#: Addresses, with what must be told of each.
WRONG = {
    f"postgresql://user:{CANARY}@host:54x32/db": "cannot be read",
    f"postgresql://user:p@ss:{CANARY}@host/db": "cannot be read",
    f"postgresql://user:p@{CANARY}@host/db": "cannot be read",
    CANARY: "cannot be read",
    f"postgresql://user:{CANARY}@host/db?connect_timeout={CANARY}": "cannot be read",
    f"postgresql://user:{CANARY}@host/db?sslmod={CANARY}": "cannot be read",
    f"mysql://user:{CANARY}@host/db": "cannot be read",
    f"postgresql+psycopg2://user:{CANARY}@host/db": "cannot be read",
    f"postgresql://user:{CANARY}@host:99999/db": "the port is no number from 1 to 65,535",
    f"postgresql://user:{CANARY}@host:0/db": "the port is no number from 1 to 65,535",
    f"postgresql://user:{CANARY}@host": "database is not set",
    f"postgresql://user:{CANARY}@host/": "database is not set",
    "postgresql://user@host/db": "password is not set",
    f"postgresql://user:{CANARY}@/db": "host is not set",
    f"postgresql://{CANARY}": "database, password, username are not set",
    "": "database, host, password, username are not set",
}


def pipeline_to(destination: Any, folder: Path) -> dlt.Pipeline:
    return dlt.pipeline(
        "connection",
        pipelines_dir=str(folder / "pipelines"),
        destination=destination,
        dataset_name="loyalty",
    )


@pytest.mark.parametrize(("address", "told"), WRONG.items())
def test_postgres_credentials_that_cannot_be_used_are_named_by_their_key(
    address: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if address:
        monkeypatch.setenv(KEY, address)
    with pytest.raises(SettingsError) as refused:
        check_connection(pipeline_to("postgres", tmp_path))
    message = str(refused.value)
    assert message.startswith(f"{KEY}: ")
    assert told in message
    assert FORM in message
    assert CANARY not in "".join(traceback.format_exception(refused.value))
    assert refused.value.__context__ is None


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://user:a:b/c?d#e@host/db",
        "postgres://user:p@host/db?sslmode=require",
        "postgresql://user:p%40ss@[::1]:5433/db",
        "postgresql://user:p@one,two/db",
    ],
)
def test_addresses_that_postgres_takes_are_right(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, address)
    check_connection(pipeline_to("postgres", tmp_path))


@pytest.mark.parametrize(
    ("destination", "settings", "key"),
    [
        ("postgres", {f"{KEY}__PORT": CANARY, f"{KEY}__HOST": "host"}, f"{KEY}__PORT"),
        (
            "ducklake",
            {"DESTINATION__DUCKLAKE__CREDENTIALS__CATALOG": CANARY},
            "DESTINATION__DUCKLAKE__CREDENTIALS__CATALOG",
        ),
        (
            "ducklake",
            {"DESTINATION__DUCKLAKE__CREDENTIALS__CATALOG": f"postgresql://u:p@{CANARY}@host/db"},
            "DESTINATION__DUCKLAKE__CREDENTIALS__CATALOG",
        ),
        (
            "duckdb",
            {"DESTINATION__DUCKDB__CREDENTIALS": f"postgresql://user:{CANARY}@host/db"},
            "DESTINATION__DUCKDB__CREDENTIALS",
        ),
        (
            "filesystem",
            {"DESTINATION__FILESYSTEM__BUCKET_URL": "s3://bucket"},
            "DESTINATION__FILESYSTEM__CREDENTIALS",
        ),
        (
            dlt.destinations.postgres(destination_name="own"),
            {"DESTINATION__OWN__CREDENTIALS": CANARY},
            "DESTINATION__OWN__CREDENTIALS",
        ),
        (dlt.destinations.postgres(CANARY), {}, "credentials of postgres"),
    ],
)
def test_so_are_those_of_other_destinations(
    destination: Any,
    settings: dict[str, str],
    key: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        check_connection(pipeline_to(destination, tmp_path))
    assert str(refused.value).startswith(f"{key}: ")
    assert CANARY not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize("side_by_side", [False, True])
def test_so_does_a_backfill(side_by_side: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, f"postgresql://user:p@{CANARY}@host/db")
    backfill = Backfill(spaaza_source, "p", "postgres", "loyalty", side_by_side)
    with pytest.raises(SettingsError, match=f"^{KEY}: ") as refused:
        backfill.left([])
    assert CANARY not in "".join(traceback.format_exception(refused.value))


@pytest.mark.slow
@pytest.mark.parametrize(
    "address", [f"postgresql://user:p@{CANARY}@host/db", f"postgresql://user:{CANARY}@host"]
)
def test_a_script_and_each_command_say_so_in_one_line(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, address)
    with FileVendor(users=b"id,name\n1,a\n") as vendor:
        given: dict[str, Any] = {**QUICK}
        source = spaaza_source(vendor.base_url, 1743, TOKEN, **given).with_resources("users")
        with pytest.raises(SettingsError, match=f"^{KEY}: ") as refused:
            pipeline_to("postgres", tmp_path).run(source)
        assert CANARY not in "".join(traceback.format_exception(refused.value))
        account = {f"CREDENTIALS__{name}".upper(): value for name, value in TOKEN.items()}
        run = runner(monkeypatch, BASE_URL=vendor.base_url, CHAIN_ID="1743", **account)
        for command in ("plan", "jobs", "submit", "load", "collect"):
            try:
                code, lines = run(command, "users", "--destination", "postgres")
            except SettingsError as told:
                lines, code = exit_report(told)
            assert (code, len(lines)) == (2, 1)
            assert lines[0].endswith(str(refused.value))
        assert vendor.tasks == []
