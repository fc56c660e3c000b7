"""The `spaaza` command as a user meets it: a process of its own, its output and its exit code."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from spaaza_source.sandbox import Sandbox, SandboxSettings
from spaaza_source.voucherify.objects import OBJECTS
from tests.command import COMMAND, PREFIX, QUICK, STEPS, settings_for, signalled_in, spaaza
from tests.processes import started
from tests.vendors.server import Answer, ScriptedServer, in_turn
from tests.vendors.spaaza_files import FileVendor


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(rows=200)) as served:
        yield served


@pytest.mark.slow
def test_the_demo_loads_six_indexes_and_says_where_they_are() -> None:
    ran = spaaza("demo", "--db", "demo.duckdb", "--rows", "150")
    assert (ran.returncode, ran.stderr) == (0, "")
    table = dict(re.findall(r"^(\w+) +([\d,]+) +0 +[\d,]+ +[\d.]+$", ran.stdout, re.MULTILINE))
    assert table == dict.fromkeys(
        ["product_variants", "products", "transactions", "users", "vouchers", "wallet_ledger"],
        "150",
    )
    assert str(Path("demo.duckdb").absolute()) in ran.stdout
    # The next command that it names works when it is typed.
    named = re.search(r'^  (\S+) -c "(.*)"$', ran.stdout, re.MULTILINE)
    assert named
    typed = subprocess.run([named[1], "-c", named[2]], capture_output=True, text=True, check=True)
    assert "retailer_basket_code" in typed.stdout


@pytest.mark.slow
@pytest.mark.thorough
def test_the_demo_plays_voucherify_too() -> None:
    ran = spaaza("demo", "--db", "demo.duckdb", "--rows", "20", "--vendor", "voucherify")
    assert (ran.returncode, ran.stderr) == (0, "")
    table = dict(re.findall(r"^(\w+) +([\d,]+) +0 +[\d,]+ +[\d.]+$", ran.stdout, re.MULTILINE))
    assert table == dict.fromkeys(OBJECTS, "20")
    named = re.search(r'^  (\S+) -c "(.*)"$', ran.stdout, re.MULTILINE)
    assert named
    typed = subprocess.run([named[1], "-c", named[2]], capture_output=True, text=True, check=True)
    assert "columns" in typed.stdout


@pytest.mark.slow
def test_one_index_loads_with_settings_from_the_environment_alone(sandbox: Sandbox) -> None:
    ran = spaaza("load", "vouchers", **settings_for(sandbox))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "vouchers: arrived" in ran.stdout
    assert str(Path("spaaza.duckdb").absolute()) in ran.stdout
    with duckdb.connect("spaaza.duckdb") as warehouse:
        assert warehouse.sql("SELECT count(*) FROM spaaza_data.vouchers").fetchall() == [(200,)]


@pytest.mark.slow
def test_a_range_of_time_can_be_loaded(sandbox: Sandbox) -> None:
    dates = ("--start-date", "2025-01-01", "--end-date", "2026-01-01")
    ran = spaaza("load", "wallet-ledger", "--db", "w.duckdb", *dates, **settings_for(sandbox))
    assert ran.returncode == 0, ran.stderr
    with duckdb.connect("w.duckdb") as warehouse:
        ((rows, years),) = warehouse.sql(
            "SELECT count(*), list(DISTINCT year(timestamp)) FROM spaaza_data.wallet_ledger"
        ).fetchall()
    assert 0 < rows < 200
    assert years == [2025]


def test_check_says_what_works(sandbox: Sandbox) -> None:
    ran = spaaza("check", **settings_for(sandbox))
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"host: .* answers", ran.stdout)
    assert re.search(r"credentials: accepted", ran.stdout)
    assert re.search(r"chain: +1743", ran.stdout)


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
    return port


WRONG_SETTINGS = [
    ({"BASE_URL": ""}, r"base_url \(SOURCES__SPAAZA__BASE_URL\) is not set"),
    ({"CHAIN_ID": ""}, r"chain_id \(SOURCES__SPAAZA__CHAIN_ID\) is not set"),
    (
        {"CREDENTIALS__ACCESS_TOKEN_SECRET": ""},
        r"credentials \(.*CREDENTIALS__ACCESS_TOKEN_SECRET\) is not set",
    ),
    ({"BASE_URL": "services.example"}, "base_url: 'services.example' is not a web address"),
    ({"BASE_URL": "http://127.0.0.1:{port}"}, "no connection to the host can be made"),
    ({"CHAIN_ID": "seventeen"}, "chain_id: 'seventeen' is not a whole number"),
    ({"CHAIN_ID": "999"}, "permission_denied_or_non_existent"),
    ({"CREDENTIALS__ACCESS_TOKEN_SECRET": "canary"}, "the vendor refused the credentials"),
]


@pytest.mark.parametrize(
    ("command", "changed", "sentence"),
    [*(("check", *wrong) for wrong in WRONG_SETTINGS), ("load", *WRONG_SETTINGS[-1])],
)
def test_a_wrong_setting_is_one_sentence_and_exit_code_2(
    sandbox: Sandbox, command: str, changed: dict[str, str], sentence: str
) -> None:
    changed = {name: value.format(port=free_port()) for name, value in changed.items()}
    if changed.get("CHAIN_ID") == "999":
        # A token tells its chain itself; with a session, the chain is said beside it.
        changed |= {
            "CREDENTIALS__ACCESS_TOKEN_ID": "",
            "CREDENTIALS__ACCESS_TOKEN_SECRET": "",
            "CREDENTIALS__SESSION_USER_ID": sandbox.session["session_user_id"],
            "CREDENTIALS__SESSION_KEY": sandbox.session["session_key"],
        }
    ran = spaaza(command, **settings_for(sandbox, **changed))
    assert ran.returncode == 2, ran.stderr
    assert re.search(sentence, ran.stderr), ran.stderr
    assert ran.stderr.startswith("spaaza: ")
    assert ran.stderr.count("\n") == 1
    assert "canary" not in ran.stderr + ran.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("load", "shoes"), "there is no index 'shoes'"),
        (("load", "--start-date", "soon"), "start_date: 'soon' is not a date"),
        (("load", "--end-date", "soon"), "end_date: 'soon' is not a date"),
        (
            ("load", "--start-date", "2026-02-01", "--end-date", "2026-01-01"),
            "holds no time",
        ),
        (("load", "--destination", "postgrez"), "dlt does not know this destination"),
        (("load", "--db", "no/such/folder/x.duckdb"), "does not exist"),
        (("load", "--db", "not-a.duckdb"), "is not a DuckDB database"),
        (("load", "--db", "x.duckdb", "--destination", "postgres"), "--db names a DuckDB file"),
        (("load", "--rows", "5"), "No such option"),
        (("demo", "--rows", "many"), "not a valid integer"),
        (("sandbox", "--port", "99999"), "not in the range"),
        (("dance",), "No such command"),
    ],
)
def test_a_wrong_word_on_the_command_line_exits_with_2(
    sandbox: Sandbox, arguments: tuple[str, ...], sentence: str
) -> None:
    Path("not-a.duckdb").write_bytes(b"certainly not" * 1000)
    ran = spaaza(*arguments, **settings_for(sandbox))
    assert ran.returncode == 2, ran.stderr
    assert sentence in ran.stderr
    assert "Traceback" not in ran.stderr


def test_debug_shows_the_traceback(sandbox: Sandbox) -> None:
    ran = spaaza("load", "--debug", "--start-date", "soon", **settings_for(sandbox))
    assert ran.returncode == 2
    assert "Traceback" in ran.stderr
    assert "start_date: 'soon' is not a date" in ran.stderr


@pytest.mark.slow
def test_another_web_site_is_not_taken_for_the_vendor(sandbox: Sandbox) -> None:
    page = Answer(200, b"<html>Welcome</html>", {"Content-Type": "text/html"})
    with ScriptedServer(in_turn(Answer(404), page)) as server:
        settings = settings_for(sandbox, BASE_URL=server.base_url)
        ran = spaaza("check", **settings)
    assert ran.returncode == 2
    assert "base_url" in ran.stderr


def test_a_vendor_that_is_down_is_no_wrong_setting(sandbox: Sandbox) -> None:
    answer = Answer(429, headers={"Retry-After": "86400"})
    with ScriptedServer(in_turn(answer)) as server:
        ran = spaaza("load", **settings_for(sandbox, BASE_URL=server.base_url))
    assert ran.returncode == 1
    assert "too many requests" in ran.stderr


@pytest.mark.slow
def test_one_failed_export_does_not_keep_the_others_from_being_loaded() -> None:
    # Neither can be asked for in parts.
    rows = {"products": 500, "product-variants": 500}
    limited = SandboxSettings(rows=20, rows_per_index=rows, max_export_rows=100)
    with Sandbox(limited) as served:
        ran = spaaza("load", **settings_for(served))
        asked = [task["target"]["export_index"] for task in served.tasks]
    assert ran.returncode == 1
    failed = [line for line in ran.stderr.splitlines() if line.startswith("spaaza: ")]
    assert {re.match(r"spaaza: (\S+): the vendor's job", line)[1] for line in failed} == set(rows)  # type: ignore[index]
    # A job that ended is no job to be taken up.
    assert "the next run adopts" not in ran.stdout + ran.stderr
    assert "vouchers" in ran.stdout.split("rejected")[1]
    with duckdb.connect("spaaza.duckdb") as warehouse:
        loaded = warehouse.sql("SELECT table_name FROM spaaza_data.export_jobs").fetchall()
    assert {name for (name,) in loaded} == {
        "transactions",
        "vouchers",
        "wallet_ledger",
        "users",
    }
    # What the others had asked for was taken up.
    others = [index for index in asked if index not in rows]
    assert sorted(others) == sorted(set(others))


@pytest.mark.slow
@pytest.mark.parametrize("rows", ["", "1,2026-05-03T10:00:00Z\n"])
def test_the_command_that_is_shown_reads_a_table_that_is_there(rows: str) -> None:
    dates = ("--start-date", "2026-05-01", "--end-date", "2026-06-01")
    with FileVendor(transactions=f"id,timestamp\n{rows}".encode() if rows else b"") as vendor:
        token = {"ACCESS_TOKEN_ID": "a", "ACCESS_TOKEN_SECRET": "b"}
        given = {
            "SOURCES__SPAAZA__BASE_URL": vendor.base_url,
            "SOURCES__SPAAZA__CHAIN_ID": "1743",
            "SOURCES__SPAAZA__POLL_INTERVAL": "0.01",
            "SOURCES__SPAAZA__EMPTY_FILES": "accept",
            **{f"SOURCES__SPAAZA__CREDENTIALS__{name}": value for name, value in token.items()},
        }
        ran = spaaza("load", "transactions", *dates, **given)
    assert ran.returncode == 0, ran.stderr
    (table,) = re.findall(r"FROM (\S+) LIMIT", ran.stdout)
    assert table == f"spaaza_data.{'transactions' if rows else 'export_jobs'}"
    with duckdb.connect("spaaza.duckdb") as warehouse:
        assert len(warehouse.sql(f"FROM {table} LIMIT 5").fetchall()) == 1


@pytest.mark.slow
@pytest.mark.thorough
def test_a_mass_deletion_asks_first_and_a_refresh_begins_anew() -> None:
    def users() -> list[tuple[Any, ...]]:
        with duckdb.connect("spaaza.duckdb") as warehouse:
            return warehouse.sql("SELECT id FROM spaaza_data.users ORDER BY id").fetchall()

    with FileVendor(users=b"id\n1\n2\n3\n4\n") as vendor:
        given = {
            "BASE_URL": vendor.base_url,
            "CHAIN_ID": "1743",
            "CREDENTIALS__ACCESS_TOKEN_ID": "an id",
            "CREDENTIALS__ACCESS_TOKEN_SECRET": "a secret",
            "MAX_AGE": "0",
        }
        settings = {**QUICK, **{PREFIX + name: value for name, value in given.items()}}
        assert spaaza("load", "users", **settings).returncode == 0
        vendor.files["users"] = b"id\n1\n"
        stopped = spaaza("load", "users", **settings)
        assert stopped.returncode == 1
        assert "3 of the 4 rows" in stopped.stderr
        assert "--accept-deletes" in stopped.stderr
        assert users() == [("1",), ("2",), ("3",), ("4",)]
        assert spaaza("load", "users", "--accept-deletes", **settings).returncode == 0
        assert users() == [("1",)]
        vendor.files["users"] = b"id,name\n7,a\n8,b\n"
        assert spaaza("load", "users", "--full-refresh", **settings).returncode == 0
        assert users() == [("7",), ("8",)]


@pytest.mark.slow
@pytest.mark.thorough
def test_what_one_destination_holds_is_not_taken_for_the_others(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, MAX_AGE="0")
    there = ["--db", str(tmp_path / "there.duckdb")]
    for more in ([], there, [], ["--dataset", "other"]):
        assert spaaza("load", "transactions", *more, **settings).returncode == 0
    windows = [bool(task["trigger"].get("segment")) for task in reversed(sandbox.tasks[:4])]
    assert windows == [False, False, True, False]
    for file, dataset in [
        ("spaaza.duckdb", "spaaza_data"),
        ("spaaza.duckdb", "other"),
        (there[1], "spaaza_data"),
    ]:
        with duckdb.connect(file) as warehouse:
            counted = warehouse.sql(f"SELECT count(*) FROM {dataset}.transactions")
            assert counted.fetchall() == [(200,)]


def test_a_port_that_is_taken_is_said(sandbox: Sandbox) -> None:
    port = sandbox.base_url.rsplit(":", 1)[1]
    ran = spaaza("sandbox", "--port", port)
    assert ran.returncode == 2
    assert f"port {port} cannot be used" in ran.stderr


@pytest.mark.slow
@pytest.mark.thorough
def test_the_sandbox_serves_until_it_is_stopped() -> None:
    with started([*COMMAND, "sandbox", "--port", "0", "--rows", "20"]) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        shown = dict(
            line.split("export ")[1].strip().split("=", 1)
            for line in (next(lines) for _ in range(6))
            if "export " in line
        )
        ran = spaaza("load", "products", **QUICK, **shown)
        process.terminate()
        assert process.wait(60) == 0
    assert ran.returncode == 0, ran.stderr


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", pytest.param("latin-1", marks=pytest.mark.thorough)])
def test_a_terminal_that_lacks_characters_ends_no_load(encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    ran = subprocess.run(
        [*COMMAND, "demo", "--rows", "20"], env=environment, capture_output=True, check=False
    )
    assert ran.returncode == 0, ran.stderr.decode(encoding)
    assert "users" in ran.stdout.decode(encoding)


@pytest.mark.thorough
@pytest.mark.parametrize("step", STEPS)
def test_sigterm_ends_each_step_with_143_and_the_next_run_goes_on(
    sandbox: Sandbox, step: str
) -> None:
    environment = {**os.environ, **settings_for(sandbox)}
    command = [*signalled_in(step, signal.SIGTERM), "load", "products"]
    ran = subprocess.run(command, env=environment, capture_output=True, check=False, text=True)
    assert ran.returncode == 143, ran.stderr
    assert "spaaza: interrupted" in ran.stderr
    assert "Traceback" not in ran.stderr + ran.stdout
    again = spaaza("load", "products", **settings_for(sandbox))
    assert again.returncode == 0, again.stderr
