"""The bulk users export, on the sample rows that the vendor's own document prints."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import spaaza_bulk_users
from spaaza_source.cli.output.error_messages import describe
from spaaza_source.errors import CredentialsError, IncompleteDownloadError, SettingsError
from spaaza_source.exports.downloads import fetch
from spaaza_source.sandbox import Sandbox, SandboxSettings
from spaaza_source.spaaza.columns.bulk_columns import TYPES
from tests.faults.hosts import ours
from tests.hints.loads import check_advice
from tests.vendors.server import Answer, ScriptedServer, Seen, in_turn
from tests.warehouses import column_types, pipeline_into, query

pytestmark = pytest.mark.slow

SAMPLE = (Path(__file__).parent / "fixtures" / "bulk_users.csv").read_bytes()
SESSION = {"session_user_id": "1", "session_key": "canary-key"}
HEADERS = {
    "Content-Type": "text/csv",
    "Content-Encoding": "gzip",
    "Content-Disposition": "attachment;filename=spaaza-export.csv",
}


def load(folder: Path, file: bytes, **given: Any) -> Seen:
    """Load a file as the vendor would send it; the request that asked for it."""
    answer = Answer(200, gzip.compress(file), HEADERS)
    with ScriptedServer(in_turn(answer)) as server:
        pipeline_into(folder).run(spaaza_bulk_users(server.base_url, 1743, SESSION, **given))
    return server.seen[0]


#: A process of its own: what a source sets up in one stays there for all others.
ALONE = """
import sys
from pathlib import Path
from spaaza_source import spaaza_bulk_users
from tests.warehouses import pipeline_into
session = {"session_user_id": "canary-user", "session_key": "canary-key"}
pipeline_into(Path(sys.argv[2])).run(spaaza_bulk_users(sys.argv[1], 1743, session))
"""


@pytest.mark.thorough
def test_bulk_loads_run_one_at_a_time_and_leave_no_credential_in_the_trace(tmp_path: Path) -> None:
    answer = Answer(200, gzip.compress(SAMPLE), HEADERS)
    folder = tmp_path / "pipelines" / "spaaza"
    with ScriptedServer(in_turn(answer)) as server:
        run = subprocess.Popen([sys.executable, "-c", ALONE, server.base_url, str(tmp_path)])
        assert run.wait(60) == 0
    assert folder.with_name("spaaza.lock").exists()
    assert b"canary" not in (folder / "trace.pickle").read_bytes()


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Seen]:
    """A folder into which the document's rows are loaded, and the request that asked for them."""
    folder = tmp_path_factory.mktemp("sample")
    return folder, load(folder, SAMPLE)


def test_the_documented_rows_load_with_the_right_names_and_types(
    sample: tuple[Path, Seen],
) -> None:
    folder, _ = sample
    types = column_types(folder, "bulk_users")
    assert types["spaaza_user_id"] == "VARCHAR"
    assert types["email_username"] == "VARCHAR"
    assert types["opted_in"] == "BOOLEAN"
    assert types["created_date"] == "TIMESTAMP WITH TIME ZONE"
    assert types["birthday"] == "DATE"
    assert types["average_spend_value"].startswith("DECIMAL")
    assert types["postal_code"] == "VARCHAR"
    assert types["phone_number"] == "VARCHAR"
    assert set(types) == set(TYPES)
    assert query(
        folder,
        "SELECT email_username, opted_in, created_date::VARCHAR, birthday, average_spend_value,"
        " postal_code, house_number, last_login_date, id"
        " FROM bulk_users WHERE spaaza_user_id = '2001121'",
    ) == [
        (
            "onemoretime@spaaza.com",
            True,
            "2018-10-29 10:10:26+00",
            date(2003, 4, 4),
            Decimal("0.00"),
            "1017CB",
            "504",
            None,
            "404121",
        )
    ]
    assert query(folder, "SELECT count(*), count(postal_code) FROM bulk_users") == [(5, 1)]
    assert query(folder, "SELECT count(*) FROM bulk_users WHERE facebook_email = ''") == [(0,)]


def test_the_request_is_what_the_document_shows(sample: tuple[Path, Seen]) -> None:
    _, seen = sample
    assert (seen.method, seen.path) == ("POST", "/segments/export/users")
    assert json.loads(seen.body) == {
        "entity": "people",
        "chain_id": 1743,
        "join": "all",
        "rules": [],
    }
    sent = {name.lower(): value for name, value in seen.headers.items()}
    assert sent["x-spaaza-session-user-id"] == "1"
    assert sent["x-spaaza-session-key"] == "canary-key"
    assert sent["x-spaaza-session-chain-id"] == "1743"
    assert sent["content-type"] == "application/json"
    assert "gzip" in sent["accept-encoding"]


@pytest.mark.thorough
def test_a_column_that_the_vendor_appends_is_loaded_too(tmp_path: Path) -> None:
    header, *rows = SAMPLE.decode().splitlines()
    longer = "\n".join([f"{header},Shoe Size", *(f"{row},42" for row in rows)])
    load(tmp_path, longer.encode())
    assert query(tmp_path, "SELECT DISTINCT shoe_size FROM bulk_users") == [(42,)]


def test_columns_are_known_by_name_not_by_place(tmp_path: Path) -> None:
    rows = [line.split(",") for line in SAMPLE.decode().splitlines()]
    turned = "\n".join(",".join(reversed(row)) for row in rows)
    load(tmp_path, turned.encode())
    assert query(tmp_path, "SELECT first_name FROM bulk_users WHERE id = '404098'") == [("Simon",)]


@pytest.mark.thorough
def test_everything_stays_text_where_text_is_asked_for(tmp_path: Path) -> None:
    load(tmp_path, SAMPLE, column_types="text")
    assert set(column_types(tmp_path, "bulk_users").values()) == {"VARCHAR"}


def test_the_load_is_accounted_for(sample: tuple[Path, Seen]) -> None:
    ((table, rows, rejected, size, received, state, begun),) = query(
        sample[0],
        "SELECT table_name, rows, rejected, bytes, bytes_received, state, created_at"
        " FROM export_jobs",
    )
    assert (table, rows, rejected, size, state) == ("bulk_users", 5, 0, len(SAMPLE), "STREAMED")
    assert received < size
    assert abs((datetime.now(UTC) - begun).total_seconds()) < 600


def test_a_stream_that_ends_early_loads_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "PAUSE", 0.0)
    answer = Answer(200, gzip.compress(SAMPLE)[:-20], HEADERS)
    with ScriptedServer(in_turn(answer)) as server:
        source = spaaza_bulk_users(server.base_url, 1743, SESSION)
        with pytest.raises(Exception, match="gzip data ends") as raised:
            pipeline_into(tmp_path).run(source)
    assert isinstance(raised.value.__cause__.__cause__, IncompleteDownloadError)  # type: ignore[union-attr]
    assert list((tmp_path / "pipelines" / "spaaza" / "exports").iterdir()) == []
    assert len(server.seen) == 5


def test_a_wrong_session_is_told_in_a_sentence(tmp_path: Path) -> None:
    with Sandbox(SandboxSettings(rows=5)) as sandbox:
        source = spaaza_bulk_users(sandbox.base_url, sandbox.chain_id, SESSION)
        with pytest.raises(Exception, match="refused the credentials") as raised:
            pipeline_into(tmp_path).run(source)
    words, code = describe(raised.value)
    assert code == 2
    assert words.startswith("POST 127.0.0.1")
    assert "canary" not in words
    assert isinstance(raised.value.__cause__.__cause__, CredentialsError)  # type: ignore[union-attr]


def test_the_sandboxs_users_load_whole(tmp_path: Path) -> None:
    with Sandbox(SandboxSettings(rows=2_000)) as sandbox:
        source = spaaza_bulk_users(sandbox.base_url, sandbox.chain_id, sandbox.session)
        pipeline_into(tmp_path).run(source)
    assert query(tmp_path, "SELECT count(*), count(DISTINCT spaaza_user_id) FROM bulk_users") == [
        (2_000, 2_000)
    ]
    variants = [name for name in column_types(tmp_path, "bulk_users") if name.endswith("__v_text")]
    assert variants == []


def answers(*paths: str) -> ScriptedServer:
    """A vendor that knows these paths of the call."""

    def answer(seen: Seen) -> Answer:
        if seen.path in paths:
            return Answer(200, gzip.compress(SAMPLE), HEADERS)
        return Answer.json({"error": {"name": "not_found"}}, 404)

    return ScriptedServer(answer)


@pytest.mark.parametrize(
    ("known", "given"),
    [
        ("/segments/export/users.csv", {}),
        ("/segments/export/users", {"bulk_users_path": "/segments/export/users.csv"}),
        ("/v2/users", {"bulk_users_path": "/v2/users"}),
    ],
)
def test_the_other_documented_form_of_the_call_is_tried(
    tmp_path: Path, known: str, given: dict[str, Any]
) -> None:
    with answers(known) as server:
        pipeline_into(tmp_path).run(spaaza_bulk_users(server.base_url, 1743, SESSION, **given))
    assert query(tmp_path, "SELECT count(*) FROM bulk_users") == [(5,)]
    assert len(server.seen) == (1 if given.get("bulk_users_path") == known else 2)


def test_a_call_that_is_in_neither_form_is_told(tmp_path: Path) -> None:
    with answers("/elsewhere") as server:
        with pytest.raises(Exception, match=r".") as refused:
            pipeline_into(tmp_path).run(spaaza_bulk_users(server.base_url, 1743, SESSION))
        text = str(ours(refused.value))
        check_advice("spaaza/bulk_users.py", "Neither is there {other}", text)
        assert len(server.seen) == 2
        elsewhere: Any = {"bulk_users_path": "/elsewhere"}
        pipeline_into(tmp_path).run(spaaza_bulk_users(server.base_url, 1743, SESSION, **elsewhere))


def test_an_access_token_and_a_wrong_path_are_refused_before_anything_is_sent() -> None:
    token = {"access_token_id": "a", "access_token_secret": "b"}
    with answers() as server:
        with pytest.raises(SettingsError, match="an access token does not export bulk users"):
            spaaza_bulk_users(server.base_url, 1743, token)
        with pytest.raises(SettingsError) as wrong:
            spaaza_bulk_users(server.base_url, 1743, SESSION, bulk_users_path="users")
        check_advice("spaaza/bulk_users.py", "Leave it out, or give a path", str(wrong.value))
    assert server.seen == []
