"""Hints of the commands: typed as they say, they end in a sound load."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

from spaaza_source.cli.output.error_messages import exit_report
from spaaza_source.health import check_health
from spaaza_source.spaaza import export_service as spaaza_exports
from spaaza_source.transport.clock import SystemClock
from spaaza_source.voucherify import export_service as voucherify_exports
from tests.command import COMMAND, runner
from tests.hints.loads import advises, check_advice
from tests.hints.test_windows import ShortExports
from tests.vendors.server import Answer, ScriptedServer, Seen
from tests.vendors.spaaza_files import DatedVendor, FileVendor
from tests.vendors.voucherify_files import KEYS, VoucherifyVendor

pytestmark = pytest.mark.slow

Left = tuple[int, str]
Command = Callable[..., Left]
V = "SOURCES__VOUCHERIFY__"


def rows(table: str = "users", *, db: str = "spaaza.duckdb", dataset: str = "spaaza_data") -> int:
    with duckdb.connect(db) as warehouse:
        return len(warehouse.sql(f"FROM {dataset}.{table}").fetchall())


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    at = b"id,timestamp\n1,2026-05-03T10:00:00Z\n2,2026-05-04T10:00:00Z\n"
    with DatedVendor(users=b"id,name\n1,a\n2,b\n", transactions=at) as served:
        yield served


@pytest.fixture
def command(vendor: FileVendor, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs the command in this process: its exit code, and all that it says."""
    return command_for(vendor, monkeypatch)


def command_for(vendor: FileVendor, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("COLUMNS", "1000")
    settings = {"POLL_INTERVAL": "0.01", "START_MARGIN": "0", "STAGGER": "0"}
    settings |= {"CREDENTIALS__ACCESS_TOKEN_ID": "a", "CREDENTIALS__ACCESS_TOKEN_SECRET": "b"}
    settings |= {"BASE_URL": vendor.base_url, "CHAIN_ID": "1743"}
    run = runner(monkeypatch, **settings)

    def left(*arguments: str) -> Left:
        try:
            code, lines = run(*arguments)
        except Exception as failure:  # noqa: BLE001 - as the command's own main does
            lines, code = exit_report(failure)
        return code, "\n".join(lines)

    return left


def loads(command: Command, *arguments: str) -> None:
    """Let a command load, and see that it does."""
    code, told = command(*arguments)
    assert code == 0, told


def refuses(command: Command, *arguments: str) -> str:
    """What a command says that does not load."""
    code, told = command(*arguments)
    assert code, told
    return told


@pytest.fixture
def voucherify(monkeypatch: pytest.MonkeyPatch) -> Iterator[VoucherifyVendor]:
    with VoucherifyVendor(voucher="ID,Code,Value\nv_1,1,2\n") as served:
        given = {"BASE_URL": served.base_url, "POLL_INTERVAL": "0.01"}
        given |= {f"CREDENTIALS__{name.upper()}": value for name, value in KEYS.items()}
        given |= {"FIELDS": '{"vouchers": ["id", "code", "value"]}'}
        for name, value in given.items():
            monkeypatch.setenv(V + name, value)
        yield served


def test_a_whole_table_once_more(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    loads(command, "load", "users")
    monkeypatch.setenv("SOURCES__SPAAZA__COLUMN_TYPES", '{"users": {"name": "bool"}}')
    check_advice("exports/table_sync.py", "load the whole table", refuses(command, "load", "users"))
    loads(command, "load", "users", "--full-refresh")
    assert rows() == 2


@pytest.mark.usefixtures("voucherify")
def test_exports_that_a_vendor_does_not_repeat(command: Command) -> None:
    asked = ("vouchers", "--vendor", "voucherify")
    told = refuses(command, "submit", *asked, "--repeat", "daily")
    check_advice("cli/commands.py", "Leave it out, and run `spaaza load --vendor", told)
    loads(command, "load", *asked)
    assert rows("vouchers", db="voucherify.duckdb", dataset="voucherify_data") == 1


def test_repeated_exports_of_a_range(command: Command) -> None:
    since = ("--start-date", "2026-05-01")
    told = refuses(command, "submit", "transactions", "--repeat", "daily", *since)
    check_advice("cli/commands.py", "Leave out --start-date and --end-date", told)
    loads(command, "submit", "transactions", "--repeat", "daily")
    loads(command, "collect", "transactions")
    assert rows("transactions") == 2


def test_a_range_of_which_nothing_is_loaded(command: Command) -> None:
    loads(command, "load", "transactions")
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    last = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    span = ("--start-date", later, "--end-date", last)
    told = refuses(command, "check", "--deep", "transactions", *span)
    check_advice("cli/deep_check/check.py", "Give an earlier start_date (--start-date), or", told)
    loads(command, "load", "transactions")
    loads(command, "check", "--deep", "transactions", "--start-date", "2026-05-01")
    assert rows("transactions") == 2


def test_a_destination_that_dlt_does_not_know(command: Command) -> None:
    told = refuses(command, "load", "users", "--destination", "duckbd")
    check_advice("cli/output/error_messages.py", "dlt does not know this destination", told)
    loads(command, "load", "users", "--destination", "duckdb")
    assert rows() == 2


def test_a_file_that_a_demo_would_empty(command: Command) -> None:
    loads(command, "load", "users", "--db", "own.duckdb")
    told = refuses(command, "demo", "--db", "own.duckdb", "--rows", "20")
    check_advice("cli/pipeline.py", "Name another file", told)
    loads(command, "demo", "--db", "another.duckdb", "--rows", "20")
    assert (rows(db="own.duckdb"), rows(db="another.duckdb")) == (2, 20)


def test_exports_that_are_to_be_collected(command: Command) -> None:
    _, told = command("collect", "users")
    check_advice(
        "cli/output/tables.py", "no new export is done; `spaaza submit` requests one", told
    )
    code, told = command("submit", "users")
    assert code == 0
    check_advice("cli/output/tables.py", "\n`spaaza collect` loads them once they are done", told)
    loads(command, "collect", "users")
    assert rows() == 2


class DatedShortExports(ShortExports, DatedVendor):
    """Such a vendor that tells when its tasks were made."""


def test_exports_that_failed_are_requested_in_smaller_windows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOURCES__SPAAZA__SMALLEST_WINDOW", "60")
    hour = ("--start-date", "2026-05-03T10:00:00Z", "--end-date", "2026-05-03T11:00:00Z")
    with DatedShortExports(transactions=b"id,timestamp\n1,2026-05-03T10:20:00Z\n") as vendor:
        command = command_for(vendor, monkeypatch)
        loads(command, "submit", "transactions", *hour)
        _, told = command("collect", "transactions", *hour)
        check_advice(
            "cli/output/tables.py", "an export failed; `spaaza submit` requests it in", told
        )
        loads(command, "submit", "transactions", *hour)
        loads(command, "collect", "transactions", *hour)
    assert rows("transactions") == 1


@pytest.mark.parametrize("way", ["variable", pytest.param("option", marks=pytest.mark.thorough)])
def test_a_database_in_dlts_own_folder(
    command: Command, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", ":pipeline:")
    told = refuses(command, "load", "users")
    check_advice("cli/target.py", "Name a file there, or with --db", told)
    if way == "variable":
        monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", "named.duckdb")
        loads(command, "load", "users")
    else:
        loads(command, "load", "users", "--db", "named.duckdb")
    assert rows(db="named.duckdb") == 2


def test_a_dataset_called_as_its_file(command: Command) -> None:
    told = refuses(command, "load", "users", "--dataset", "spaaza")
    check_advice("cli/target.py", "Choose another, such as {name}_data", told)
    loads(command, "load", "users", "--dataset", "spaaza_data")
    assert rows() == 2


def test_a_dataset_whose_name_no_database_takes(command: Command) -> None:
    told = refuses(command, "load", "users", "--dataset", "My-Data")
    check_advice("settings.py", "Write letters, digits and underscores, at most", told)
    loads(command, "load", "users", "--dataset", "my_data")
    assert rows(dataset="my_data") == 2


@pytest.mark.usefixtures("voucherify")
def test_chains_of_a_vendor_that_has_none(command: Command) -> None:
    asked = ("load", "vouchers", "--vendor", "voucherify")
    told = refuses(command, *asked, "--chain", "5")
    check_advice("cli/target.py", "Leave it out; another project is another --dataset", told)
    loads(command, *asked, "--dataset", "theirs")
    assert rows("vouchers", db="voucherify.duckdb", dataset="theirs") == 1


@pytest.mark.parametrize("way", ["chain", pytest.param("credentials", marks=pytest.mark.thorough)])
def test_a_chain_of_other_credentials(
    command: Command, vendor: FileVendor, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    vendor.chain = 1744
    loads(command, "submit", "users")
    told = refuses(command, "check", "users")
    check_advice("spaaza/connection_check.py", "Correct chain_id, or use that chain's", told)
    if way == "chain":
        monkeypatch.setenv("SOURCES__SPAAZA__CHAIN_ID", "1744")
    else:
        vendor.chain = 1743
        own = "SOURCES__SPAAZA__CHAIN_1743__CREDENTIALS__"
        monkeypatch.setenv(own + "ACCESS_TOKEN_ID", "own")
        monkeypatch.setenv(own + "ACCESS_TOKEN_SECRET", "own")
        monkeypatch.setenv("SOURCES__SPAAZA__CHAIN_ID", "[1743]")
    loads(command, "check", "users")
    loads(command, "load", "users")
    assert rows(dataset="spaaza_data" if way == "chain" else "spaaza_data_1743") == 2


def test_keys_that_voucherify_refuses(
    command: Command, voucherify: VoucherifyVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(V + "CREDENTIALS__APP_TOKEN", "other")
    told = refuses(command, "check", "vouchers", "--vendor", "voucherify")
    check_advice("voucherify/connection_check.py", "Check app_id and app_token, that the key", told)
    monkeypatch.setenv(V + "CREDENTIALS__APP_TOKEN", KEYS["app_token"])
    loads(command, "check", "vouchers", "--vendor", "voucherify")
    loads(command, "load", "vouchers", "--vendor", "voucherify")
    assert rows("vouchers", db="voucherify.duckdb", dataset="voucherify_data") == 1
    assert voucherify.bodies


def test_a_file_that_is_no_database(command: Command) -> None:
    Path("text.duckdb").write_text("no database at all", encoding="utf-8")
    told = refuses(command, "load", "users", "--db", "text.duckdb")
    check_advice("warehouse.py", "Name another file", told)
    told = refuses(command, "load", "users", "--db", "folder/another.duckdb")
    check_advice("warehouse.py", "Create it first", told)
    Path("folder").mkdir()
    loads(command, "load", "users", "--db", "folder/another.duckdb")
    assert rows(db="folder/another.duckdb") == 2


@pytest.mark.thorough
def test_a_load_of_a_sandbox_on_another_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it prints is pasted into a shell."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        busy = subprocess.run(
            [*COMMAND, "sandbox", "--port", port], capture_output=True, text=True, check=False
        )
    check_advice("cli/sandbox_commands.py", "Choose another; 0 picks a free one", busy.stderr)
    served = [*COMMAND, "sandbox", "--port", "0", "--rows", "20"]
    with subprocess.Popen(served, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        told = ""
        while "--vendor voucherify" not in told:
            told += process.stdout.readline()
        check_advice("cli/sandbox_commands.py", "  export SOURCES__", told)
        check_advice("cli/sandbox_commands.py", "  spaaza load\n", told)
        check_advice("cli/sandbox_commands.py", "  env {unset} {given} spaaza load", told)
        check_advice("cli/sandbox_commands.py", "  spaaza load --vendor voucherify", told)
        lines = told.splitlines()
        pasted = "\n".join(line for line in lines if line.startswith(("  export ", "  spaaza ")))
        code = "from spaaza_source.cli import main; main()"
        shell = f"spaaza() {{ {sys.executable} -c '{code}' \"$@\"; }}\n{pasted}"
        monkeypatch.setenv("SOURCES__SPAAZA__POLL_INTERVAL", "0.05")
        monkeypatch.setenv("SOURCES__VOUCHERIFY__POLL_INTERVAL", "0.05")
        done = subprocess.run(
            ["/bin/sh", "-ec", shell], capture_output=True, text=True, check=False
        )
        process.kill()
    assert done.returncode == 0, done.stderr
    assert rows() == 20
    assert rows("vouchers", db="voucherify.duckdb", dataset="voucherify_data") == 20


def other_service(_: Seen) -> Answer:
    """Something that speaks JSON, and is not the vendor."""
    return Answer.json({"hello": "world"})


def endless(seen: Seen) -> Answer:
    """A list that goes on for ever, with other jobs on each page."""
    if "/v1/exports" in seen.path:
        page = seen.path.partition("page=")[2].partition("&")[0]
        made = "2026-05-10T04:00:00Z"
        exports = [{"id": f"e{page}-{one}", "created_at": made} for one in range(100)]
        return Answer.json({"exports": exports}, Date="Sun, 10 May 2026 04:00:01 GMT")
    endless_page[0] += 1
    return Answer.json([{"id": f"t{endless_page[0]}-{one}"} for one in range(100)])


endless_page = [0]


@pytest.fixture
def short_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of jobs counts as endless after a few pages; and no call is waited for."""
    monkeypatch.setattr(SystemClock, "pause", lambda _, seconds, wake: wake.wait(seconds / 1000))
    for exports in (spaaza_exports, voucherify_exports):
        monkeypatch.setattr(exports, "MOST_TASKS", 300, raising=False)


TABLES = {"spaaza": "users", "voucherify": "vouchers"}


@pytest.mark.usefixtures("short_lists", "voucherify")
@pytest.mark.parametrize(
    ("name", "service"),
    [
        pytest.param(
            "spaaza",
            other_service,
            marks=pytest.mark.follows(
                "spaaza/tasks_api.py", "Check that base_url is the address of"
            ),
        ),
        pytest.param(
            "spaaza",
            endless,
            marks=pytest.mark.follows(
                "spaaza/export_service.py", "Check that base_url is the address of"
            ),
        ),
        pytest.param(
            "voucherify",
            other_service,
            marks=pytest.mark.follows(
                "voucherify/exports_api.py", "Check that base_url is the address of"
            ),
        ),
        pytest.param(
            "voucherify",
            endless,
            marks=pytest.mark.follows(
                "voucherify/export_service.py", "Check that base_url is the address of"
            ),
        ),
    ],
)
def test_an_address_that_is_not_the_vendors(
    command: Command, request: pytest.FixtureRequest, name: str, service: Any
) -> None:
    table, setting = TABLES[name], f"SOURCES__{name.upper()}__BASE_URL"
    right = os.environ[setting]
    with ScriptedServer(service) as wrong, pytest.MonkeyPatch.context() as patch:
        patch.setenv(setting, wrong.base_url)
        told = refuses(command, "load", table, "--vendor", name)
    module, beginning = request.node.get_closest_marker("follows").args
    check_advice(module, beginning, told)
    assert os.environ[setting] == right
    loads(command, "load", table, "--vendor", name)
    assert rows(table, db=f"{name}.duckdb", dataset=f"{name}_data") in {1, 2}


def test_a_host_that_cannot_be_reached(
    command: Command, vendor: FileVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__SPAAZA__BASE_URL", "http://127.0.0.1:1")
    told = refuses(command, "load", "users")
    check_advice("transport/retry.py", "Check base_url and the network, then run again", told)
    monkeypatch.setenv("SOURCES__SPAAZA__BASE_URL", vendor.base_url)
    loads(command, "load", "users")
    assert rows() == 2


def test_health_of_a_dataset_without_loads_names_one_or_loads_first(command: Command) -> None:
    told = refuses(command, "health")
    check_advice("health/check.py", "Name the dataset and the database of your loads", told)
    loads(command, "load", "users")
    loads(command, "health")
    told = refuses(command, "health", "--dataset=other")
    check_advice("health/check.py", "Name the dataset and the database of your loads", told)
    loads(command, "health", "--dataset=spaaza_data", "--db=spaaza.duckdb")
    assert rows() == 2


def test_an_age_that_is_none_is_written_with_its_unit(command: Command) -> None:
    loads(command, "load", "users")
    told = refuses(command, "health", "--max-age=26")
    check_advice("health/findings.py", "Write a number and its unit", told)
    for age in ("90m", "26h", "2d"):
        loads(command, "health", f"--max-age={age}")


def test_health_of_what_cannot_be_asked_is_read_of_delta_tables(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dlt.destination
    def sink(_items: Any, _table: Any) -> None:
        """Nobody can ask it."""

    with advises("health/check.py", "Load into a database, or into Delta tables."):
        check_health(dlt.pipeline("sink", destination=sink, dataset_name="loyalty"))
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", str(tmp_path / "lake"))
    loads(command, "load", "users", "--destination=filesystem")
    loads(command, "health", "--destination=filesystem")
