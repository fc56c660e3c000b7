"""`export_file`: one body, one file; whatever the vendor answers, nothing is created twice."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import SpaazaSourceError, export_file
from spaaza_source.ad_hoc import ExportedFile
from spaaza_source.errors import (
    ExportFailedError,
    MalformedFileError,
    SettingsError,
    UnavailableError,
)
from spaaza_source.windows import iso
from tests.vendors.scripted_spaaza import CHAIN, ScriptedTasks
from tests.vendors.scripted_voucherify import KEYS, ScriptedExports
from tests.vendors.server import Answer, ScriptedServer, Seen

TOKEN = {"access_token_id": "id", "access_token_secret": "canary-secret-5d1e"}
SESSION = {"session_user_id": "1", "session_key": "canary-key"}


def task(trigger: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "chain": CHAIN,
        "desc": "Full user export",
        "target": {"action": "export", "export_index": "users", "export_format": "csv"},
        "trigger": {"once": "2026-05-26T12:00:00Z"} if trigger is None else trigger,
        **more,
    }


def of_spaaza(vendor: ScriptedServer, body: Any = None, **more: Any) -> ExportedFile:
    settings = {"folder": "files", "poll_interval": 0.01, **more}
    return export_file(body or task(), base_url=vendor.base_url, credentials=TOKEN, **settings)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_task_is_sent_as_it_is_written_and_its_file_is_fetched() -> None:
    with ScriptedTasks("READY", "INPROGRESS", "DONE", file=b"id,points\n1,0012\n2,\n") as vendor:
        file = of_spaaza(vendor)
        assert vendor.bodies == [task()]
    assert file.path == Path("files/users-1.csv")
    assert file.path.read_bytes() == b"id,points\n1,0012\n2,\n"
    assert file.arrow().read_all().to_pydict() == {"id": ["1", "2"], "points": ["0012", None]}
    assert [path.name for path in Path("files").iterdir()] == ["users-1.csv"]


def test_types_are_those_of_the_warehouse_unless_they_are_chosen() -> None:
    with ScriptedTasks(file=b"id,created_date,points\n1,2026-05-26T12:00:00Z,7\n") as vendor:
        file = of_spaaza(vendor)
    types = {field.name: str(field.type) for field in file.arrow().schema}
    assert types == {"id": "string", "created_date": "timestamp[us, tz=UTC]", "points": "int64"}
    assert set(map(str, file.arrow(column_types="text").schema.types)) == {"string"}
    assert str(file.arrow(column_types={"points": "decimal"}).schema.field("points").type) == (
        "decimal128(38, 9)"
    )


def test_a_body_may_be_json() -> None:
    with ScriptedTasks() as vendor:
        assert of_spaaza(vendor, json.dumps(task())).path.exists()
        assert vendor.bodies == [task()]


def test_without_once_the_task_runs_at_once() -> None:
    with ScriptedTasks() as vendor:
        of_spaaza(vendor, task({"segment_id": "abc"}))
        trigger = vendor.bodies[0]["trigger"]
    assert trigger.keys() == {"once", "segment_id"}
    once = datetime.fromisoformat(trigger["once"])
    assert abs(once - datetime.now(UTC)) < timedelta(minutes=1)


def test_the_address_and_the_credentials_are_those_of_the_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with ScriptedTasks() as vendor:
        monkeypatch.setenv("SOURCES__SPAAZA__BASE_URL", vendor.base_url)
        monkeypatch.setenv("SOURCES__SPAAZA__CREDENTIALS__ACCESS_TOKEN_ID", "id")
        monkeypatch.setenv("SOURCES__SPAAZA__CREDENTIALS__ACCESS_TOKEN_SECRET", "canary")
        assert export_file(task(), poll_interval=0.01).path.name == "users-1.csv"
    monkeypatch.delenv("SOURCES__SPAAZA__BASE_URL")
    with pytest.raises(SettingsError, match="SOURCES__SPAAZA__BASE_URL"):
        export_file(task())


def test_json_has_structs_and_lists() -> None:
    records = [
        {"id": 1, "shop": {"city": "Ghent"}, "items": [{"sku": "a", "price": 1.5}], "tags": ["x"]},
        {"id": 2, "shop": None, "items": [], "tags": []},
    ]
    target = {"action": "export", "export_index": "transactions", "export_format": "json"}
    body = task(target=target)
    with ScriptedTasks(file=json.dumps(records).encode()) as vendor:
        file = of_spaaza(vendor, body)
    assert file.path.name == "transactions-1.json"
    rows = file.arrow().read_all().to_pylist()
    assert [row["id"] for row in rows] == ["1", "2"]
    assert rows[0]["shop"] == {"city": "Ghent"}
    assert rows[0]["items"][0]["sku"] == "a"
    assert float(rows[0]["items"][0]["price"]) == 1.5
    assert rows[0]["tags"] == [{"value": "x"}]


def test_an_answer_that_is_lost_is_looked_for_and_nothing_is_created_twice() -> None:
    with ScriptedTasks() as vendor:
        vendor.first("create", Answer(504, b""), created=True)
        assert of_spaaza(vendor).path.exists()
        assert vendor.asked("create") == 1


def test_a_failed_task_is_told_with_its_log() -> None:
    with (
        ScriptedTasks("ERROR", logs=["out of memory"]) as vendor,
        pytest.raises(ExportFailedError, match="out of memory"),
    ):
        of_spaaza(vendor, poll_interval=0.0)
    assert list(Path("files").iterdir()) == []


def test_a_second_call_asks_anew_unless_an_export_may_be_as_old() -> None:
    with ScriptedTasks(dates={"created_date": iso(datetime.now(UTC))}) as vendor:
        of_spaaza(vendor)
        of_spaaza(vendor)
        assert vendor.asked("create") == 2
        assert of_spaaza(vendor, max_age=3600.0).job_id in ("1", "2")
        of_spaaza(vendor, task(desc="Another"), max_age=3600.0)
        assert vendor.asked("create") == 3


RECURRING = {"once": "2026-05-26T00:00:00Z", "repeat": "daily"}


def test_a_recurring_task_is_created_once_and_its_last_run_is_fetched() -> None:
    run = iso(datetime.now(UTC).replace(microsecond=0))
    with ScriptedTasks("READY", dates={"last_run_date": run, "last_modified": run}) as vendor:
        of_spaaza(vendor, task(RECURRING))
        of_spaaza(vendor, task(RECURRING))
        # The vendor moves its `once` on.
        of_spaaza(vendor, task({**RECURRING, "once": "2026-05-27T00:00:00Z"}))
        assert vendor.asked("create") == 1
        # Other rows are another task's.
        of_spaaza(vendor, task({**RECURRING, "segment_id": "abc"}))
        of_spaaza(vendor, task(RECURRING))
        assert vendor.asked("create") == 2


def test_a_recurring_task_whose_run_failed_is_not_created_again() -> None:
    run = iso(datetime.now(UTC).replace(microsecond=0))
    with ScriptedTasks("ERROR", dates={"last_run_date": run}) as vendor:
        for _ in range(2):
            with pytest.raises(ExportFailedError):
                of_spaaza(vendor, task(RECURRING))
        assert vendor.asked("create") == 1
        # Another one is not concerned.
        with pytest.raises(ExportFailedError):
            of_spaaza(vendor, task(RECURRING, desc="Another"))
        assert vendor.asked("create") == 2


def test_voucherify_names_columns_by_the_requested_fields() -> None:
    body = {
        "exported_object": "voucher",
        "parameters": {"fields": ["code", "created_at"], "filters": {}},
    }
    with ScriptedExports(file=b"Code,Creation Date\nA,2026-05-26T12:00:00Z\n") as vendor:
        file = export_file(
            body, base_url=vendor.base_url, credentials=KEYS, folder="files", poll_interval=0.01
        )
        assert vendor.bodies == [body]
    assert file.path == Path("files/voucher-exp_1.csv")
    assert file.arrow().read_all().column_names == ["code", "created_at"]


def test_a_result_in_several_files_is_read_as_one() -> None:
    body = {"exported_object": "voucher"}
    with ScriptedExports(
        result=lambda url: {"urls": [url, f"{url}2"]}, file=b"ID,Code\nv_1,1\n"
    ) as vendor:
        file = export_file(
            body, base_url=vendor.base_url, credentials=KEYS, folder="files", poll_interval=0.01
        )
    assert [path.name for path in file.paths] == ["voucher-exp_1-1.csv", "voucher-exp_1-2.csv"]
    assert file.arrow().read_all().num_rows == 2
    with pytest.raises(SettingsError, match="2 files"):
        _ = file.path


BULK = {"entity": "people", "chain_id": CHAIN, "join": "all", "rules": []}


def test_bulk_users_are_streamed() -> None:
    def answer(seen: Seen) -> Answer:
        assert json.loads(seen.body) == BULK
        assert seen.headers["X-Spaaza-Session-Chain-Id"] == str(CHAIN)
        file = gzip.compress(b"ID,Postal code\n1,0012\n")
        return Answer(200, file, {"Content-Encoding": "gzip"})

    with ScriptedServer(answer) as vendor:
        file = export_file(BULK, base_url=vendor.base_url, credentials=SESSION)
        assert file.arrow().read_all().to_pydict() == {"id": ["1"], "postal_code": ["0012"]}
        with pytest.raises(SettingsError, match="access token"):
            export_file(BULK, base_url=vendor.base_url, credentials=TOKEN)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "no export"),
        ([], "not a dict"),
        ("{chain: YOUR_CHAIN_ID}", "not JSON"),
        (task(chain="YOUR_CHAIN_ID"), "chain: 'YOUR_CHAIN_ID' is not"),
        (task(desc=""), "no desc"),
        (task(target={"action": "issue"}), "target.action"),
        (task(target={"action": "export", "export_index": "../x"}), "export_index"),
        (
            task(target={"action": "export", "export_index": "users", "export_format": "xml"}),
            "export_format",
        ),
        (task({"once": "noon"}), "trigger.once"),
        (task({"once": "2999-01-01T00:00:00Z"}), "after the wait"),
        (task({"once": datetime.now(UTC)}), "not JSON"),
        (task({"segment": {"chain_id": 1}, "segment_id": "a"}), "both"),
        (task({"segment": {"chain_id": 1}}), "chain 1, the task of chain"),
        (task({"segment": []}), "trigger.segment"),
        ({**task(), "trigger": "now"}, "trigger"),
        ({"exported_object": "voucher", "parameters": {"fields": "code"}}, "fields"),
        ({"exported_object": "a/b"}, "exported_object"),
        ({"exported_object": "voucher", "parameters": 1}, "parameters"),
        ({"entity": "people"}, "chain"),
    ],
)
def test_what_is_no_export_is_refused_before_anything_is_sent(body: Any, told: str) -> None:
    with ScriptedTasks() as vendor, pytest.raises(SettingsError) as refused:
        export_file(body, base_url=vendor.base_url, credentials=TOKEN)
    assert told in str(refused.value)
    assert vendor.calls == []


def test_wrong_settings_are_refused() -> None:
    Path("taken").write_bytes(b"")
    for wrong in ({"folder": "taken"}, {"folder": 1}, {"max_age": -1}, {"poll_interval": "fast"}):
        with ScriptedTasks() as vendor, pytest.raises(SettingsError):
            of_spaaza(vendor, **wrong)
        assert vendor.calls == []


def test_a_damaged_file_is_refused_and_bad_rows_are_told(caplog: pytest.LogCaptureFixture) -> None:
    with ScriptedTasks(file=b'id,name\n1,"a\n') as vendor, pytest.raises(MalformedFileError):
        of_spaaza(vendor).arrow()
    with ScriptedTasks(file=b"id,name\n" + b"1,a\n" * 5 + b"2\n") as vendor:
        file = of_spaaza(vendor)
    with pytest.raises(MalformedFileError, match="a bad row"):
        file.arrow()
    assert file.arrow(on_bad_row="reject").read_all().num_rows == 5
    assert "rows that could not be read are left out: 1" in caplog.text


def test_a_job_that_is_left_is_named(caplog: pytest.LogCaptureFixture) -> None:
    with ScriptedTasks("READY") as vendor, pytest.raises(UnavailableError, match="still READY"):
        of_spaaza(vendor, export_timeout=0.2)
    assert "the vendor's job 1 is still READY" in caplog.text


def test_all_of_its_errors_have_the_root() -> None:
    with ScriptedTasks() as vendor:
        vendor.always("create", Answer.json({"error": {"description": "no"}}, 400))
        with pytest.raises(SpaazaSourceError, match="no"):
            of_spaaza(vendor)
