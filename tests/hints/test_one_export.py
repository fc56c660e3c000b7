"""Hints of `export_file`, each followed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import export_file
from spaaza_source.ad_hoc import ExportedFile
from spaaza_source.errors import SettingsError
from spaaza_source.windows import iso
from tests.hints.loads import advises, check_advice
from tests.vendors.scripted_spaaza import CHAIN, ScriptedTasks
from tests.vendors.scripted_voucherify import KEYS, ScriptedExports

TOKEN = {"access_token_id": "id", "access_token_secret": "secret"}
TARGET = {"action": "export", "export_index": "users", "export_format": "csv"}


def export(vendor: ScriptedTasks, trigger: Any = None, **changed: Any) -> ExportedFile:
    settings = {
        name: changed.pop(name)
        for name in ("folder", "max_age", "export_timeout")
        if name in changed
    }
    body = {"chain": CHAIN, "desc": "All", "target": TARGET, "trigger": trigger or {}, **changed}
    return export_file(
        body, base_url=vendor.base_url, credentials=TOKEN, poll_interval=0.01, **settings
    )


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_body_is_corrected() -> None:
    segment = {"chain_id": CHAIN, "rules": []}
    with ScriptedTasks() as vendor:
        with advises("spaaza/task_body.py", "Give it any text."):
            export(vendor, desc="")
        export(vendor, desc="any")
        with advises("spaaza/task_body.py", "Leave out one of them."):
            export(vendor, {"segment": segment, "segment_id": "a"})
        export(vendor, {"segment": segment})
        with advises("spaaza/task_body.py", "Write the same chain in both places."):
            export(vendor, {"segment": {**segment, "chain_id": 1}})
        with advises("ad_hoc/one_export.py", "Give a dict of texts, numbers, lists and dicts"):
            export_file("{'chain': YOUR_CHAIN_ID}")
        with pytest.raises(SettingsError, match="A task of Spaaza has a target"):
            export_file({"chain": CHAIN})
        with advises("ad_hoc/one_export.py", "Let it run sooner, or raise export_timeout."):
            export(vendor, {"once": "2999-01-01T00:00:00Z"})


def test_another_folder_is_named() -> None:
    Path("taken").touch()
    with ScriptedTasks() as vendor:
        with advises("ad_hoc/one_export.py", "Name a folder that you may write to."):
            export(vendor, folder="taken")
        assert export(vendor, folder="free").path.exists()


def test_what_stands_in_the_place_of_the_file_is_told() -> None:
    Path("files/users-1.csv").mkdir(parents=True)
    with ScriptedTasks() as vendor:
        with pytest.raises(SettingsError, match=r"or name another folder\."):
            export(vendor, folder="files")
        assert export(vendor, folder="others").path.exists()


def test_a_job_that_is_left_is_waited_for_later(caplog: pytest.LogCaptureFixture) -> None:
    made = {"created_date": iso(datetime.now(UTC))}
    with ScriptedTasks("READY", dates=made) as vendor:
        with advises("exports/overdue.py", "Run again later, or raise export_timeout."):
            export(vendor, {"segment_id": "a"}, export_timeout=0.1)
        check_advice(
            "ad_hoc/one_export.py",
            "{request}: the vendor's job {job.job_id} is still",
            caplog.messages[-1],
        )
        vendor.states = ("DONE",)
        export(vendor, {"segment_id": "a"}, max_age=60.0)
        assert vendor.asked("create") == 1


def test_of_several_files_each_is_named() -> None:
    with ScriptedExports(
        result=lambda url: {"urls": [url, f"{url}2"]}, file=b"ID\nv_1\n"
    ) as vendor:
        file = export_file(
            {"exported_object": "voucher"},
            base_url=vendor.base_url,
            credentials=KEYS,
            poll_interval=0.01,
        )
    with advises("ad_hoc/exported_file.py", "Use paths, or read their rows by arrow()."):
        _ = file.path
    assert len(file.paths) == file.arrow().read_all().num_rows == 2
