"""`spaaza check --deep`: a fresh export is compared with its table, and nothing is loaded."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

from spaaza_source import spaaza_source
from spaaza_source.errors import SettingsError
from spaaza_source.sandbox import Sandbox, SandboxSettings
from spaaza_source.spaaza.segments import date
from tests.command import COMMAND, runner, settings_for
from tests.command import spaaza as process
from tests.vendors.server import CANARY, Answer, Seen
from tests.vendors.spaaza_files import FileVendor

pytestmark = pytest.mark.slow

Spaaza = Callable[..., tuple[int, list[str]]]
USERS = "id,name,born\n" + "".join(f"{number},n{number},2001-02-03\n" for number in range(1, 31))


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor(users=USERS.encode(), transactions=b"", vouchers=b"") as served:
        yield served


@pytest.fixture
def spaaza(vendor: FileVendor, monkeypatch: pytest.MonkeyPatch) -> Spaaza:
    return runner(
        monkeypatch,
        BASE_URL=vendor.base_url,
        CHAIN_ID="1743",
        CREDENTIALS__ACCESS_TOKEN_ID="a",
        CREDENTIALS__ACCESS_TOKEN_SECRET="b",
        POLL_INTERVAL="0.01",
        START_MARGIN="0",
        STAGGER="0",
    )


def told(lines: list[str], table: str) -> list[str]:
    return [line.split(": ", 1)[1] for line in lines if line.startswith(f"{table}: ")]


def everything() -> Any:
    with duckdb.connect("spaaza.duckdb") as warehouse:
        warehouse.execute("SET search_path = 'spaaza_data'")
        tables = warehouse.sql("SHOW TABLES").fetchall()
        return {name: warehouse.sql(f'FROM "{name}" ORDER BY ALL').fetchall() for (name,) in tables}


def hours_ago(hours: float) -> str:
    instant = datetime.now(UTC) - timedelta(hours=hours)
    return instant.isoformat().replace("+00:00", "Z")


@pytest.mark.thorough
def test_an_untouched_warehouse_is_equal_to_fresh_exports(monkeypatch: pytest.MonkeyPatch) -> None:
    with Sandbox(SandboxSettings(rows=150)) as served:
        for name, value in settings_for(served).items():
            monkeypatch.setenv(name, value)
        spaaza = runner(monkeypatch)
        assert spaaza("load")[0] == 0
        before, asked = everything(), len(served.tasks)
        code, lines = spaaza("check", "--deep")
        assert code == 0, lines
        assert len(served.tasks) == asked + 6
        tables = ("users", "products", "product_variants", "transactions", "wallet_ledger")
        for table in (*tables, "vouchers"):
            assert told(lines, table)[0].startswith("equal, 1"), lines
        assert everything() == before


@pytest.mark.thorough
def test_a_schedulers_interval_does_not_narrow_the_comparison(
    spaaza: Spaaza, vendor: FileVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"{number},{hours_ago(24 * number)}" for number in range(1, 6)]
    vendor.files["transactions"] = "\n".join(["id,timestamp", *rows, ""]).encode()
    assert spaaza("load", "transactions")[0] == 0
    monkeypatch.setenv("DLT_ALLOW_EXTERNAL_SCHEDULERS", "true")
    monkeypatch.setenv("DLT_INTERVAL_START", hours_ago(48))
    monkeypatch.setenv("DLT_INTERVAL_END", hours_ago(24))
    code, lines = spaaza("check", "--deep", "transactions")
    assert code == 0, lines
    assert told(lines, "transactions")[0].startswith("equal, 5 rows")


def test_what_is_missing_extra_or_different_is_named(spaaza: Spaaza, vendor: FileVendor) -> None:
    spaaza("load", "users")
    with duckdb.connect("spaaza.duckdb") as warehouse:
        warehouse.execute("SET search_path = 'spaaza_data'")
        warehouse.execute("DELETE FROM users WHERE id IN (3, 4)")
        warehouse.execute("UPDATE users SET name = 'secret' WHERE id IN (7, 8, 9)")
        warehouse.execute("UPDATE users SET born = NULL WHERE id = 9")
        warehouse.execute("INSERT INTO users (id, name) VALUES (99, 'secret')")
    before = everything()
    code, lines = spaaza("check", "--deep", "users", "--keys", "2")
    assert code == 1
    assert told(lines, "users") == [
        "30 rows exported, 29 in the table: 2 missing, 1 extra, 3 different",
        "missing by id: 3, 4",
        "extra by id: 99",
        "different by id: 7, 8 …",
        "different in name (3), born (1)",
    ]
    assert "secret" not in "\n".join(lines)
    assert everything() == before
    spaaza("load", "users")
    assert spaaza("check", "--deep", "users")[0] == 0
    assert len(vendor.tasks) == 4


@pytest.mark.thorough
def test_a_difference_is_in_the_exit_code_of_the_process(spaaza: Spaaza) -> None:
    spaaza("load", "users")
    with duckdb.connect("spaaza.duckdb") as warehouse:
        warehouse.execute("DELETE FROM spaaza_data.users WHERE id = 3")
    ran = process("check", "--deep", "users")
    assert (ran.returncode, ran.stderr) == (1, "")


def test_rows_without_a_key_are_compared_whole(spaaza: Spaaza, vendor: FileVendor) -> None:
    vendor.files["users"] = b"code,name\na,x\na,x\nb,y\nc,\n"
    spaaza("load", "users")
    assert told(spaaza("check", "--deep", "users")[1], "users") == ["equal, 4 rows"]
    vendor.files["users"] = b"name,code\nx,a\ny,b\nz,c\n,c\n"
    code, lines = spaaza("check", "--deep", "users")
    assert code == 1
    assert told(lines, "users") == [
        "4 rows exported, 4 in the table: 1 missing, 1 extra (whole rows compared: there is no key)"
    ]


@pytest.mark.thorough
def test_what_came_since_the_last_load_is_left_out(spaaza: Spaaza, vendor: FileVendor) -> None:
    rows = [f"{number},{hours_ago(number)}" for number in range(1, 9)]
    vendor.files["transactions"] = "\n".join(["id,timestamp", *rows, ""]).encode()
    spaaza("load", "transactions")
    rows += [f"50,{hours_ago(-0.5)}", f"51,{hours_ago(4.5)}"]
    vendor.files["transactions"] = "\n".join(["id,timestamp", *rows, ""]).encode()
    code, lines = spaaza("check", "--deep", "transactions")
    assert code == 1
    (line,) = told(lines, "transactions")
    assert "9 rows exported, 8 in the table, the beginning to" in line
    assert line.endswith("1 missing, 0 extra (whole rows compared: there is no key)")
    assert spaaza("load", "transactions")[0] == 0
    assert spaaza("check", "--deep", "transactions")[0] == 0
    span = ("--start-date", hours_ago(4.2), "--end-date", hours_ago(0.5))
    code, lines = spaaza("check", "--deep", "transactions", *span)
    assert (code, told(lines, "transactions")[0][:13]) == (0, "equal, 4 rows")


@pytest.mark.thorough
def test_hashed_and_dropped_columns_are_compared_as_the_table_has_them(
    spaaza: Spaaza, vendor: FileVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "SOURCES__SPAAZA__PRIVACY", '{"users": {"id": "hash", "name": "drop", "born": "keep"}}'
    )
    monkeypatch.setenv("SOURCES__SPAAZA__PRIVACY_SECRET", "sixteen characters")
    spaaza("load", "users")
    assert spaaza("check", "--deep", "users")[0] == 0
    vendor.files["users"] = USERS.replace("n17", "changed").replace("30,n30", "canary,n30").encode()
    code, lines = spaaza("check", "--deep", "users")
    assert code == 1
    assert told(lines, "users")[0].endswith("1 missing, 1 extra, 0 different")
    assert "canary" not in "\n".join(lines)


@pytest.mark.thorough
def test_json_records_are_compared_too(
    spaaza: Spaaza, vendor: FileVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__SPAAZA__EXPORT_FORMAT", "json")
    record = '{"id": %d, "at": "2026-05-02T00:00:00Z", "of": {"a": 1.5, "b": true}, "l": [1]}'
    vendor.files["users"] = f"[{record % 1}, {record % 2}]".encode()
    times = [f'{{"timestamp": "{hours_ago(hours)}", "n": {hours}}}' for hours in (3, 2, -1)]
    vendor.files["transactions"] = f"[{', '.join(times[:2])}]".encode()
    spaaza("load", "users", "transactions")
    assert told(spaaza("check", "--deep", "users")[1], "users") == [
        "equal, 2 rows",
        "not compared: the table users__l",
    ]
    vendor.files["transactions"] = f"[{', '.join(times)}]".encode()
    (line,) = told(spaaza("check", "--deep", "transactions")[1], "transactions")
    assert line.startswith("equal, 2 rows, the beginning to")
    vendor.files["users"] = f"[{record % 1}, {record.replace('true', 'false') % 2}]".encode()
    assert told(spaaza("check", "--deep", "users")[1], "users")[-2:] == [
        "different in of__b (1)",
        "not compared: the table users__l",
    ]


@pytest.mark.thorough
def test_a_column_that_the_table_lacks_is_a_difference(spaaza: Spaaza, vendor: FileVendor) -> None:
    spaaza("load", "users")
    vendor.files["users"] = b"id,name,born,extra\n" + b"\n".join(
        line + b"," for line in USERS.encode().splitlines()[1:]
    )
    assert spaaza("check", "--deep", "users")[0] == 0
    vendor.files["users"] = vendor.files["users"].replace(b"n3,2001-02-03,", b"n3,2001-02-03,x")
    code, lines = spaaza("check", "--deep", "users")
    assert (code, lines[-1]) == (1, "users: columns that the table does not have: extra")


def test_a_table_that_was_never_loaded_is_said(spaaza: Spaaza, vendor: FileVendor) -> None:
    code, lines = spaaza("check", "--deep", "users")
    assert (code, lines[-1]) == (1, "users: has not been loaded")
    assert not Path("spaaza.duckdb").exists()
    assert vendor.tasks == []


@pytest.mark.thorough
def test_vouchers_that_go_on_are_compared_whole(spaaza: Spaaza, vendor: FileVendor) -> None:
    vendor.files["vouchers"] = b"id,date_time_creation\n1,2026-01-02T00:00:00Z\n"
    spaaza("load", "vouchers")
    vendor.files["vouchers"] += f"2,{hours_ago(-1)}\n".encode()
    code, lines = spaaza("check", "--deep", "vouchers", "--start-date", "2026-03-01")
    assert code == 0, lines
    assert "segment" not in vendor.tasks[-1]["trigger"]


def test_a_range_that_was_not_loaded_yet_is_said(spaaza: Spaaza, vendor: FileVendor) -> None:
    vendor.files["transactions"] = f"id,timestamp\n1,{hours_ago(3)}\n".encode()
    spaaza("load", "transactions")
    span = ("--start-date", hours_ago(-1), "--end-date", hours_ago(-2))
    with pytest.raises(SettingsError, match="nothing of that range is loaded"):
        spaaza("check", "--deep", "transactions", *span)


def load_history(vendor: FileVendor, **disposition: str) -> None:
    """As a script of the user's own does it, with `scd2`."""
    tokens = {"access_token_id": "a", "access_token_secret": "b"}
    source = spaaza_source(vendor.base_url, 1743, tokens, max_age=0).with_resources("users")
    merge: Any = {"disposition": "merge", "strategy": "scd2", **disposition}
    source.users.apply_hints(write_disposition=merge)
    warehouse = dlt.destinations.duckdb("spaaza.duckdb")
    dlt.pipeline("spaaza", destination=warehouse, dataset_name="spaaza_data").run(source)


@pytest.mark.thorough
def test_only_the_valid_rows_of_a_history_are_compared(spaaza: Spaaza, vendor: FileVendor) -> None:
    for days, name in enumerate(("n1", "changed")):
        first, *rows = USERS.replace("1,n1,", f"1,{name},").splitlines()
        passed = "".join(f"\n{row},{days}" for row in rows)
        vendor.files["users"] = f"{first},Days Since Last Purchase{passed}\n".encode()
        load_history(vendor)
    assert told(spaaza("check", "--deep", "users")[1], "users") == [
        "equal, 30 rows",
        "not compared: the column days_since_last_purchase",
    ]


@pytest.mark.thorough
def test_rows_of_a_history_may_be_valid_until_a_date_far_ahead(
    spaaza: Spaaza, vendor: FileVendor
) -> None:
    for name in ("n1", "changed"):
        vendor.files["users"] = USERS.replace("1,n1,", f"1,{name},").encode()
        load_history(vendor, active_record_timestamp="9999-12-31")
        assert told(spaaza("check", "--deep", "users")[1], "users") == ["equal, 30 rows"]


@pytest.mark.thorough
def test_tables_of_other_settings_are_not_compared(
    spaaza: Spaaza, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert spaaza("load", "users")[0] == 0
    monkeypatch.setenv("SOURCES__SPAAZA__PRIVACY", json.dumps({"users": {"name": "drop"}}))
    with pytest.raises(SettingsError, match="loaded by other settings: privacy"):
        spaaza("check", "--deep", "users")


@pytest.mark.thorough
def test_rows_that_left_a_relative_segment_are_not_extra(
    vendor: FileVendor, spaaza: Spaaza, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = json.dumps({"users": [date("created_date").within(1, "day")]})
    monkeypatch.setenv("SOURCES__SPAAZA__SEGMENTS", rules)
    for file in ("id,name\n1,a\n2,b\n", "id,name\n2,b\n3,c\n"):
        vendor.files["users"] = file.encode()
        assert spaaza("load", "users")[0] == 0
    code, lines = spaaza("check", "--deep", "users")
    assert (code, told(lines, "users")) == (0, ["equal, 3 rows"])
    vendor.files["users"] = b"id,name\n3,d\n4,e\n"
    code, lines = spaaza("check", "--deep", "users")
    assert code == 1
    assert told(lines, "users")[0].endswith("1 missing, 0 extra, 1 different")


VARIED = "rank,points\n1,5\n2,7\nA3,many\n"


def load_variants(vendor: FileVendor) -> None:
    """A table of two columns of whole numbers, until a text came in each."""
    for file in ("rank,points\n1,5\n2,7\n", VARIED):
        vendor.files["users"] = file.encode()
        source = spaaza_source(
            vendor.base_url,
            1743,
            {"access_token_id": "a", "access_token_secret": "b"},
            max_age=0,
            accept_deletes=True,
        ).with_resources("users")
        warehouse = dlt.destinations.duckdb("spaaza.duckdb")
        dlt.pipeline("spaaza", destination=warehouse, dataset_name="spaaza_data").run(source)


def change(sql: str) -> None:
    with duckdb.connect("spaaza.duckdb") as warehouse:
        warehouse.execute("SET search_path = 'spaaza_data'")
        warehouse.execute(sql)


def test_what_the_vendor_sent_is_compared_though_it_is_in_a_variant_column(
    spaaza: Spaaza, vendor: FileVendor
) -> None:
    load_variants(vendor)
    code, lines = spaaza("check", "--deep", "users")
    assert (code, told(lines, "users")) == (
        0,
        [
            "equal, 3 rows",
            "as text, because they do not fit their column's type: rank (1), points (1)",
        ],
    )
    vendor.files["users"] = VARIED.replace("many", "few").encode()
    code, lines = spaaza("check", "--deep", "users")
    assert code == 1
    assert "1 missing, 1 extra (whole rows compared: " in told(lines, "users")[0]
    # The value that the vendor sent is nowhere in the table any more.
    vendor.files["users"] = VARIED.encode()
    change("UPDATE users SET points__v_text = NULL")
    assert spaaza("check", "--deep", "users")[0] == 1


@pytest.mark.thorough
@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_key_that_is_in_a_variant_column_is_a_key(
    spaaza: Spaaza, vendor: FileVendor, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv("SOURCES__SPAAZA__EXPORT_FORMAT", form)
    files = {
        "csv": ["id,points\n1,5\n2,7\n", "id,points\n1,5\n2,7\n3,many\n"],
        "json": [
            '[{"id": 1, "points": 5}, {"id": 2, "points": 7}]',
            '[{"id": 1, "points": 5}, {"id": 2, "points": 7}, {"id": 3, "points": "many"}]',
        ],
    }[form]
    for file in files:
        vendor.files["users"] = file.encode()
        assert spaaza("load", "users")[0] == 0
    assert told(spaaza("check", "--deep", "users")[1], "users")[0] == "equal, 3 rows"
    vendor.files["users"] = files[1].replace("many", "few").encode()
    assert told(spaaza("check", "--deep", "users")[1], "users")[-2:] == [
        "different in points (1)",
        "as text, because they do not fit their column's type: points (1)",
    ]
    # A row whose key does not fit is found by the text that the vendor sent.
    vendor.files["users"] = (
        files[1].replace("3,many", "x3,many").replace('3, "p', '"x3", "p').encode()
    )
    code, lines = spaaza("check", "--deep", "users")
    assert code == 1
    assert told(lines, "users")[1:3] == ["missing by id: x3", "extra by id: 3"]


@pytest.mark.thorough
def test_nested_lists_are_said_not_to_be_compared(
    spaaza: Spaaza, vendor: FileVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__SPAAZA__EXPORT_FORMAT", "json")
    vendor.files["users"] = b'[{"id": 1, "l": [{"a": 1}]}, {"id": 2, "l": [{"a": 2}]}]'
    assert spaaza("load", "users")[0] == 0
    assert told(spaaza("check", "--deep", "users")[1], "users") == [
        "equal, 2 rows",
        "not compared: the table users__l",
    ]


@pytest.mark.thorough
def test_rows_that_cannot_be_read_are_said_not_to_be_compared(
    spaaza: Spaaza, vendor: FileVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__SPAAZA__MAX_REJECTED_SHARE", "0.1")
    vendor.files["users"] = USERS.encode() + b"31,too,many,cells\n"
    assert spaaza("load", "users")[0] == 0
    assert told(spaaza("check", "--deep", "users")[1], "users") == [
        "equal, 30 rows",
        "not compared: rows of the export that cannot be read (1)",
    ]


class WatchedVendor(FileVendor):
    """Calls `on_file` when a file is asked for, before it answers."""

    on_file: Callable[[], object] = staticmethod(lambda: None)

    def _answer(self, seen: Seen) -> Answer:
        if seen.path.startswith("/file/"):
            self.on_file()
        return super()._answer(seen)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's processes have their temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_its_files_are_one_users_and_gone_afterwards_also_when_interrupted(
    number: int, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = f"id,email\n1,{CANARY}@x.example\n2,b@x.example\n"
    seen: dict[str, int] = {}
    with WatchedVendor(users=users.encode()) as vendor:
        spaaza = runner(
            monkeypatch,
            BASE_URL=vendor.base_url,
            CHAIN_ID="1743",
            CREDENTIALS__ACCESS_TOKEN_ID="a",
            CREDENTIALS__ACCESS_TOKEN_SECRET="b",
            POLL_INTERVAL="0.01",
            START_MARGIN="0",
            STAGGER="0",
            PRIVACY="pseudonymise",
            PRIVACY_SECRET="0123456789abcdef",
        )
        assert spaaza("load", "users")[0] == 0
        checking = subprocess.Popen([*COMMAND, "check", "--deep", "users"])

        def interrupt() -> None:
            folders = [path for path in temporary.iterdir() if path.is_dir()]
            seen.update({path.name: stat.S_IMODE(path.stat().st_mode) for path in folders})
            os.kill(checking.pid, number)

        vendor.on_file = interrupt
        code = checking.wait()
        assert code == (-number if number == signal.SIGKILL else 128 + number)
        # The pipeline to look with, downloads, and both sides of the comparison.
        assert list(seen.values()) == [0o700] * 3
        for path in temporary.rglob("*"):
            assert path.is_dir() or CANARY.encode() not in path.read_bytes()
        vendor.on_file = lambda: None
        again = subprocess.run([*COMMAND, "check", "--deep", "users"], check=False)
        assert again.returncode == 0
    assert list(temporary.iterdir()) == []
