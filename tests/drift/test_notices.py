"""What is told of a file that is not as the table's last one was, and where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from spaaza_source.drift import DriftSettings
from spaaza_source.errors import DriftError, SettingsError
from tests.command import runner
from tests.drift.loads import kinds, last_notices, load
from tests.vendors.server import Answer, ScriptedServer
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import query

pytestmark = pytest.mark.slow

FIRST = "id,name,points,city\n1,a,5,x\n2,b,7,y\n"


@pytest.mark.parametrize(
    ("second", "told"),
    [
        pytest.param(FIRST, [], marks=pytest.mark.thorough),
        pytest.param("city,points,id,name\nx,5,1,a\ny,7,2,b\n", [], marks=pytest.mark.thorough),
        ("id,name,points\n1,a,5\n2,b,7\n", [("vanished", "city", 2)]),
        pytest.param(
            "id,name,points,city,age\n1,a,5,x,9\n2,b,7,y,9\n",
            [("appeared", "age", 2)],
            marks=pytest.mark.thorough,
        ),
        pytest.param(
            "id,name,points,town\n1,a,5,x\n2,b,7,y\n",
            [("renamed", "town", 2)],
            marks=pytest.mark.thorough,
        ),
        ("id,name,points,city\n1,a,5,x\n2,b,many,y\n", [("misfit", "points", 1)]),
    ],
    ids=["the same", "moved", "vanished", "appeared", "renamed", "a misfit"],
)
def test_what_differs_from_the_last_file_is_told(
    vendor: FileVendor, tmp_path: Path, second: str, told: list[tuple[str, str, int]]
) -> None:
    load(vendor, tmp_path, FIRST)
    assert kinds(tmp_path) == []
    load(vendor, tmp_path, second)
    assert kinds(tmp_path) == told


@pytest.mark.thorough
def test_bad_rows_are_told_at_the_first_load_too(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, FIRST + "3,c\n", max_rejected_share=0.5)
    (notice,) = last_notices(tmp_path)
    assert (notice["kind"], notice["rows"]) == ("rejected", 1)
    assert "line 4" in notice["first"]


@pytest.mark.thorough
def test_a_misfit_names_its_line_and_never_its_value(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, FIRST)
    load(vendor, tmp_path, "id,name,points,city\n1,a,5,x\n2,b,secretly,y\n")
    (notice,) = last_notices(tmp_path)
    assert notice["first"].startswith("line 3 of ")
    assert "points__v_text" in notice["message"]
    assert "secretly" not in json.dumps(notice)


@pytest.mark.thorough
def test_a_column_that_comes_back_says_since_when_it_was_missing(
    vendor: FileVendor, tmp_path: Path
) -> None:
    load(vendor, tmp_path, FIRST)
    for _ in range(2):
        load(vendor, tmp_path, "id,name,points\n1,a,5\n2,b,7\n")
    assert kinds(tmp_path) == []
    pipeline = load(vendor, tmp_path, FIRST)
    (notice,) = last_notices(tmp_path)
    assert notice["kind"] == "returned"
    assert "since 20" in notice["message"]
    load(vendor, tmp_path, FIRST)
    assert kinds(tmp_path) == []
    assert pipeline.default_schema.version == pipeline.default_schema.stored_version


def test_a_table_can_stop_instead(vendor: FileVendor, tmp_path: Path) -> None:
    gone = "id,name,points\n1,a,5\n2,b,7\n"
    load(vendor, tmp_path, FIRST, on_drift={"products": "stop"})
    load(vendor, tmp_path, FIRST, on_drift="stop")
    for setting in ("stop", '{"products": "stop"}'):
        with pytest.raises(PipelineStepFailed) as failed:
            load(vendor, tmp_path, gone, on_drift=setting)
        cause = failed.value.__cause__
        assert cause is not None
        assert isinstance(cause.__cause__, DriftError), failed.value
        assert "city" in str(failed.value)
        assert query(tmp_path, "SELECT city FROM products ORDER BY id") == [("x",), ("y",)]
    # The way out that the error names; and then it is what the table has.
    load(vendor, tmp_path, gone, on_drift="tell")
    load(vendor, tmp_path, gone, on_drift="stop")
    assert query(tmp_path, "SELECT city FROM products") == [(None,), (None,)]


@pytest.mark.parametrize("value", ["halt", {"products": "halt"}, {"product": "stop"}, 5, "{}x"])
def test_a_wrong_setting_is_refused(value: Any) -> None:
    with pytest.raises(SettingsError, match="on_drift"):
        DriftSettings.of(value, ["products", "users"])


@pytest.fixture
def run(vendor: FileVendor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.chdir(tmp_path)
    settings = {
        "BASE_URL": vendor.base_url,
        "CHAIN_ID": "1743",
        "CREDENTIALS__ACCESS_TOKEN_ID": "id",
        "CREDENTIALS__ACCESS_TOKEN_SECRET": "secret",
        "POLL_INTERVAL": "0",
        "START_MARGIN": "0",
        "STAGGER": "0",
    }
    return runner(monkeypatch, **settings)


def test_the_command_tells_on_the_terminal_and_in_the_json_log(
    vendor: FileVendor, run: Any
) -> None:
    vendor.files["products"] = FIRST.encode()
    code, lines = run("load", "products")
    assert (code, "Not as it was:" in lines) == (0, False)
    vendor.files["products"] = b"id,name,points\n1,a,5\n2,b,7\n"
    code, lines = run("load", "products")
    told = [line for line in lines if line.startswith("  products: the column 'city'")]
    assert (code, "Not as it was:" in lines, len(told)) == (0, True, 1)
    vendor.files["products"] = FIRST.encode()
    code, lines = run("load", "products", "--log", "json")
    events = [json.loads(line) for line in lines if line.startswith("{")]
    (notice,) = [event for event in events if event["event"] == "notice"]
    assert (notice["table_name"], notice["kind"], notice["column"]) == (
        "products",
        "returned",
        "city",
    )


@pytest.mark.thorough
def test_a_script_tells_the_chat_too(
    vendor: FileVendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer(lambda _: Answer(200)) as chat:
        monkeypatch.setenv("RUNTIME__SLACK_INCOMING_HOOK", chat.base_url + "/hook")
        load(vendor, tmp_path, FIRST)
        load(vendor, tmp_path, "id,name,points\n1,a,5\n2,b,many\n")
        (told,) = [json.loads(seen.body)["text"].splitlines() for seen in chat.seen]
    assert [line.split(" ")[0] for line in told] == ["products:", "products:"]
    assert "'city'" in told[0]
    assert "points__v_text" in told[1]
