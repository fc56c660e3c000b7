"""Hints about a database server: what each names is set, and the rows are there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dlt
import pytest

from spaaza_source import spaaza_source
from spaaza_source.cli.error_messages import exit_report
from tests.command import runner
from tests.destination.destinations import Destination
from tests.faults.cut_short import QUICK
from tests.hints.loads import TOKEN, advises, check_advice
from tests.vendors.spaaza_files import FileVendor

pytestmark = [pytest.mark.slow, pytest.mark.thorough]


@pytest.mark.parametrize(
    ("file", "columns"),
    [
        (b"id,xmin\n1,2\n", ["xmin"]),
        (
            ",".join(["id", *(f"c{number}" for number in range(1700))]).encode()
            + b"\n"
            + b",".join([b"1"] * 1701)
            + b"\n",
            [f"c{number}" for number in range(1000)],
        ),
    ],
    ids=["name", "columns"],
)
def test_columns_that_a_database_does_not_take(
    make_destination: Callable[[str], Destination],
    tmp_path: Path,
    file: bytes,
    columns: list[str],
) -> None:
    servers = [make_destination(kind) for kind in ("postgres", "duckdb")]
    postgres, duckdb = (
        dlt.pipeline(
            f"limits_{server.kind}",
            pipelines_dir=str(tmp_path / "pipelines"),
            destination=server.name,
            dataset_name="loyalty",
        )
        for server in servers
    )
    with FileVendor(users=file) as vendor:

        def source(**given: Any) -> Any:
            settings: dict[str, Any] = {"max_age": 0, **QUICK, **given}
            return spaaza_source(vendor.base_url, 1743, TOKEN, **settings).with_resources("users")

        with advises("destination/limits.py", "Leave columns out: privacy ="):
            postgres.run(source())
        postgres.run(source(privacy={"users": dict.fromkeys(columns, "drop")}))
        duckdb.run(source())
    assert [len(server.read("users")) for server in servers] == [1, 1]


def test_credentials_of_a_server_that_is_not_there(
    make_destination: Callable[[str], Destination], monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres = make_destination("postgres")
    variable = f"DESTINATION__{postgres.name.upper()}__CREDENTIALS"
    right = postgres.settings[variable]
    with FileVendor(users=b"id,name\n1,a\n") as vendor:
        settings = {"BASE_URL": vendor.base_url, "CHAIN_ID": "1743", "POLL_INTERVAL": "0.01"}
        settings |= {f"CREDENTIALS__{name.upper()}": value for name, value in TOKEN.items()}
        run = runner(monkeypatch, START_MARGIN="0", STAGGER="0", **settings)
        load = ("load", "users", "--destination", postgres.name, "--dataset", "loyalty")
        monkeypatch.setenv(variable, "postgresql://loader:canary@127.0.0.1:1/loyalty")
        try:
            code, lines = run(*load)
        except Exception as failure:  # noqa: BLE001 - as the command's own main does
            lines, code = exit_report(failure)
        assert code == 1, lines
        told = " ".join(lines)
        check_advice("cli/destination_messages.py", "Start it, or correct DESTINATION__", told)
        assert variable in told
        monkeypatch.setenv(variable, right)
        code, lines = run(*load)
        assert code == 0, lines
    assert len(postgres.read("users")) == 1
