"""Hints about a database server: what each names is set, and the rows are there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import dlt
import pytest

from spaaza_source import spaaza_source
from spaaza_source.cli.output.error_messages import exit_report
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


def follows(module: str, beginning: str, code: int) -> tuple[str, str, int]:
    """Whose hint is followed, and the command's exit code with it."""
    return module, beginning, code


@pytest.mark.parametrize(
    ("followed", "wrong", "right"),
    [
        (
            follows("cli/output/destination_messages.py", "Start it, or correct DESTINATION__", 1),
            "postgresql://{user}:p%40ss@127.0.0.1:1/{database}",
            "postgresql://{user}:p%40ss@{place}",
        ),
        (
            follows(
                "cli/output/destination_messages.py", "Correct it; PostgreSQL documents what", 2
            ),
            "postgresql://{user}:p%40ss@{place}?sslmode=often",
            "postgresql://{user}:p%40ss@{place}?sslmode=prefer",
        ),
        (
            follows("destination/connection.py", "Write postgresql://USERNAME:PASSWORD@", 2),
            "postgresql://{user}:p@ss@{place}",
            "postgresql://{user}:p%40ss@{place}",
        ),
    ],
    ids=["reached", "option", "written"],
)
def test_an_address_of_a_server_that_is_corrected(
    make_destination: Callable[[str], Destination],
    monkeypatch: pytest.MonkeyPatch,
    followed: tuple[str, str, int],
    wrong: str,
    right: str,
) -> None:
    """For a user of its own, whose password has an @."""
    module, beginning, refused = followed
    server = make_destination("postgres")
    variable = f"DESTINATION__{server.name.upper()}__CREDENTIALS"
    place = server.settings[variable].rsplit("@", 1)[1]
    user = database = place.rsplit("/", 1)[1]
    with closing(server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'p@ss'")
        cursor.execute(f"ALTER DATABASE {database} OWNER TO {user}")
        connection.commit()
    with FileVendor(users=b"id,name\n1,a\n") as vendor:
        settings = {"BASE_URL": vendor.base_url, "CHAIN_ID": "1743", "POLL_INTERVAL": "0.01"}
        settings |= {f"CREDENTIALS__{name.upper()}": value for name, value in TOKEN.items()}
        run = runner(monkeypatch, START_MARGIN="0", STAGGER="0", **settings)
        load = ("load", "users", "--destination", server.name, "--dataset", "loyalty")
        monkeypatch.setenv(variable, wrong.format(user=user, database=database, place=place))
        try:
            code, lines = run(*load)
        except Exception as failure:  # noqa: BLE001 - as the command's own main does
            lines, code = exit_report(failure)
        assert code == refused, lines
        told = " ".join(lines)
        check_advice(module, beginning, told)
        assert variable in told
        # The end of the password, where the server follows.
        assert "ss@" not in told
        monkeypatch.setenv(variable, right.format(user=user, database=database, place=place))
        code, lines = run(*load)
        assert code == 0, lines
    assert len(server.read("users")) == 1


def test_keys_of_an_object_store(
    make_destination: Callable[[str], Destination],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = make_destination("delta")
    keys = [
        f"DESTINATION__FILESYSTEM__CREDENTIALS__{name}"
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    ]
    pipeline = dlt.pipeline(
        "keys",
        pipelines_dir=str(tmp_path / "pipelines"),
        destination=store.name,
        dataset_name="loyalty",
    )
    with FileVendor(users=b"id,name\n1,a\n") as vendor:
        given: dict[str, Any] = {"max_age": 0, **QUICK}

        def source() -> Any:
            made = spaaza_source(vendor.base_url, 1743, TOKEN, **given).with_resources("users")
            made.users.apply_hints(table_format="delta")
            return made

        for key in keys:
            monkeypatch.delenv(key)
        with advises("destination/connection.py", "Set {keys}, or correct it") as told:
            pipeline.run(source())
        assert f"Set {', '.join(keys)}, or" in told[0]
        for key in keys:
            monkeypatch.setenv(key, store.settings[key])
        pipeline.run(source())
    assert len(store.read("users")) == 1
