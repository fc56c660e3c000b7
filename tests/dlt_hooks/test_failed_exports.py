"""Exports that were asked for and not loaded are told in the destination, whatever the run."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from spaaza_source import spaaza_bulk_users, spaaza_source
from spaaza_source.exports.downloads import fetch
from spaaza_source.windows import iso
from tests.faults.hosts import QUICK, TOKEN, BadHost
from tests.processes import ran
from tests.vendors.server import CANARY, Answer, ScriptedServer, Seen
from tests.warehouses import held_elsewhere, pipeline_into, query

pytestmark = pytest.mark.slow

FILE = b"id,timestamp\n1,2026-05-01T00:00:00Z\n"
TOLD = "SELECT table_name, job_id, error FROM failed_exports ORDER BY ALL"
LOADED = "SELECT table_name, job_id FROM export_jobs WHERE loaded IS NOT NULL ORDER BY ALL"


class Vendor(BadHost):
    """One whose tasks of users end, or whose answers are, as a test says."""

    def __init__(self) -> None:
        super().__init__("users", users=FILE, products=FILE)
        self.code = "DONE"
        #: By number, for tasks that end otherwise.
        self.codes: dict[int, str] = {}
        self.refused: Answer | None = None
        self.made: str | None = None

    def _answer(self, seen: Seen) -> Answer:
        if seen.method == "POST" and self.refused is not None:
            return self.refused
        return super()._answer(seen)

    def _task(self, number: int, code: str) -> dict[str, Any]:
        is_users = self.tasks[number - 1]["target"]["export_index"] == self.broken
        task = super()._task(
            number, self.codes.get(number, self.code) if is_users and code == "DONE" else code
        )
        if self.made is not None:
            task["state"]["created_date"] = task["state"]["last_modified"] = self.made
        return task


@pytest.fixture
def vendor() -> Any:
    with Vendor() as vendor:
        yield vendor


def load(vendor: Vendor, folder: Path, *tables: str, **given: Any) -> None:
    settings: dict[str, Any] = {**QUICK, "max_age": 0, **given}
    source = spaaza_source(vendor.base_url, 1743, TOKEN, **settings)
    pipeline_into(folder).run(source.with_resources(*(tables or ("users",))))


def fails(vendor: Vendor, folder: Path, *tables: str, **given: Any) -> None:
    with pytest.raises(PipelineStepFailed):
        load(vendor, folder, *tables, **given)


def notes(folder: Path) -> list[Path]:
    return list((Path(pipeline_into(folder).working_dir) / "asked_for").glob("*"))


def test_one_that_failed_at_the_vendor(vendor: Vendor, tmp_path: Path) -> None:
    vendor.code = "ERROR"
    fails(vendor, tmp_path)
    told = query(tmp_path, TOLD)
    # It was requested once more, and then in parts.
    assert {row[0::2] for row in told} == {("users", "ExportFailedError")}
    assert len(told) == len(vendor.tasks)
    vendor.code = "DONE"
    load(vendor, tmp_path)
    assert query(tmp_path, TOLD) == told
    assert notes(tmp_path) == []


def gone(_seen: Seen, _whole: bytes) -> Answer:
    return Answer(403, b"expired")


def test_one_that_the_vendor_refused(vendor: Vendor, tmp_path: Path) -> None:
    vendor.refused = Answer.json({"error": {"name": "no", "description": CANARY}}, 422)
    fails(vendor, tmp_path)
    [(table, job, error)] = query(tmp_path, TOLD)
    assert (table, error) == ("users", "RequestRefusedError")
    assert job.startswith("users-1743-2")
    assert query(tmp_path, "SELECT state FROM failed_exports") == [(None,)]


def test_one_that_was_not_done_in_time(vendor: Vendor, tmp_path: Path) -> None:
    vendor.code, vendor.broken = "INPROGRESS", "products"
    fails(vendor, tmp_path, "products", export_timeout=0.2)
    assert query(tmp_path, TOLD) == [("products", "1", "ExportTimeoutError")]
    told = query(tmp_path, "SELECT hint, account, fingerprint IS NOT NULL FROM failed_exports")
    assert told == [("Run again later, or raise export_timeout.", "1743", True)]


def test_one_whose_file_is_not_served(
    vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "PAUSE", 0.0)
    vendor.host = gone
    fails(vendor, tmp_path)
    assert query(tmp_path, TOLD) == [("users", "1", "LinkRefusedError")]
    text = str(query(tmp_path, "FROM failed_exports"))
    assert CANARY not in text
    assert "Signature" not in text


def test_one_whose_file_is_malformed(vendor: Vendor, tmp_path: Path) -> None:
    vendor.give(users=b'id,timestamp\n"1,2026-05-01T00:00:00Z\n')
    fails(vendor, tmp_path)
    assert query(tmp_path, TOLD) == [("users", "1", "MalformedFileError")]
    vendor.give(users=FILE)
    load(vendor, tmp_path)
    assert query(tmp_path, TOLD) == [("users", "1", "MalformedFileError")]
    assert query(tmp_path, LOADED) == [("users", "2")]


def test_each_of_two_runs_that_fail_is_told(vendor: Vendor, tmp_path: Path) -> None:
    for _ in range(2):
        vendor.give(users=b"")
        fails(vendor, tmp_path)
    told = query(tmp_path, TOLD)
    assert [row[1] for row in told] == ["1", "2"]


def test_others_of_the_run_are_told_by_the_next_one_only_if_it_does_not_load_them(
    vendor: Vendor, tmp_path: Path
) -> None:
    vendor.give(users=b'id,timestamp\n"1,2026-05-01T00:00:00Z\n')
    fails(vendor, tmp_path, "users", "products")
    assert [row[0] for row in query(tmp_path, TOLD)] == ["users"]
    assert len(notes(tmp_path)) == 1
    vendor.give(users=FILE)
    load(vendor, tmp_path, "users")
    told = query(tmp_path, TOLD)
    assert [(table, error) for table, _, error in told] == [
        ("products", "Stopped"),
        ("users", "MalformedFileError"),
    ]
    assert notes(tmp_path) == []


def test_a_run_that_loads_leaves_nothing(vendor: Vendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, "users", "products")
    assert notes(tmp_path) == []
    with pytest.raises(duckdb.CatalogException):
        query(tmp_path, TOLD)


def test_a_run_that_asks_for_nothing_leaves_nothing(vendor: Vendor, tmp_path: Path) -> None:
    fails(vendor, tmp_path, "transactions", start_date="2100-01-01")
    assert vendor.tasks == []
    assert notes(tmp_path) == []


def test_a_users_own_step_that_fails_is_told_of_its_table(vendor: Vendor, tmp_path: Path) -> None:
    source = spaaza_source(vendor.base_url, 1743, TOKEN, **QUICK, max_age=0)

    def stumble(_: Any) -> Any:
        raise ZeroDivisionError(CANARY)

    source.resources["users"].add_map(stumble)
    with pytest.raises(PipelineStepFailed):
        pipeline_into(tmp_path).run(source.with_resources("users"))
    assert query(tmp_path, TOLD) == [("users", "1", "ZeroDivisionError")]
    assert CANARY not in str(query(tmp_path, "FROM failed_exports"))


def test_a_destination_that_cannot_be_reached_is_told_by_the_next_run(
    vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor.give(users=b'id,timestamp\n"1,2026-05-01T00:00:00Z\n')
    monkeypatch.setenv("SPAAZA_SOURCE__TURN_TIMEOUT", "0.2")
    with ExitStack() as held:

        def hold(_seen: Seen, whole: bytes) -> Answer:
            held.enter_context(held_elsewhere(tmp_path / "warehouse.duckdb"))
            return Answer(200, whole)

        vendor.host = hold
        fails(vendor, tmp_path)
    assert len(notes(tmp_path)) == 1
    vendor.host = None
    vendor.give(users=FILE)
    load(vendor, tmp_path)
    assert query(tmp_path, TOLD) == [("users", "1", "MalformedFileError")]
    assert notes(tmp_path) == []


def test_jobs_that_failed_on_a_machine_that_is_gone_are_told_by_the_next_load(
    vendor: Vendor, tmp_path: Path
) -> None:
    load(vendor, tmp_path)
    vendor.made = iso(datetime.now(UTC) + timedelta(seconds=30))
    vendor.tasks.append(dict(vendor.tasks[0]))
    vendor.codes[2] = "ERROR"
    load(vendor, tmp_path)
    assert query(tmp_path, TOLD) == [("users", "2", "ExportFailedError")]


def test_windows_that_failed_stop_no_load_that_can_ask_for_none(
    vendor: Vendor, tmp_path: Path
) -> None:
    vendor.made = iso(datetime.now(UTC))
    vendor.code = "ERROR"
    # In parts by time in the end.
    fails(vendor, tmp_path)
    vendor.code = "DONE"
    load(vendor, tmp_path / "saved", segments={"users": "saved-7"})
    assert query(tmp_path / "saved", "SELECT count(*) FROM users") != [(0,)]


def load_by_url(base_url: str, folder: Path) -> None:
    """A load in a process that says which one it is."""
    (folder / "pid").write_text(str(os.getpid()), encoding="utf-8")
    source = spaaza_source(base_url, 1743, TOKEN, **QUICK, max_age=0)
    pipeline_into(folder).run(source.with_resources("users"))


def test_a_killed_run_is_told_by_the_next_one(vendor: Vendor, tmp_path: Path) -> None:
    def kill(_seen: Seen, whole: bytes) -> Answer:
        os.kill(int((tmp_path / "pid").read_text(encoding="utf-8")), signal.SIGKILL)
        return Answer(200, whole)

    vendor.host = kill
    assert ran(load_by_url, vendor.base_url, tmp_path).returncode == -signal.SIGKILL
    assert len(notes(tmp_path)) == 1
    vendor.host = None
    load(vendor, tmp_path)
    assert query(tmp_path, TOLD) == [("users", "1", "Stopped")]
    assert query(tmp_path, LOADED) == [("users", "2")]
    assert notes(tmp_path) == []


def test_one_that_the_next_run_adopts_is_not_told(vendor: Vendor, tmp_path: Path) -> None:
    """As above, but its job is young enough."""
    vendor.made = iso(datetime.now(UTC))
    vendor.give(products=b"id,id\n")
    fails(vendor, tmp_path, "users", "products", max_age=3600)
    vendor.give(products=FILE)
    load(vendor, tmp_path, "users", "products", max_age=3600)
    assert [row[0] for row in query(tmp_path, TOLD)] == ["products"]
    assert query(tmp_path, LOADED) == [("products", "1"), ("users", "2")]
    assert len(vendor.tasks) == 2
    assert notes(tmp_path) == []


def test_a_load_that_the_destination_refuses_is_told(vendor: Vendor, tmp_path: Path) -> None:
    load(vendor, tmp_path)
    query(tmp_path, "CREATE UNIQUE INDEX one ON users (timestamp)")
    vendor.give(users=FILE + b"2,2026-05-01T00:00:00Z\n")
    fails(vendor, tmp_path)
    [(table, job, error)] = query(tmp_path, TOLD)
    assert (table, job) == ("users", "2")
    assert error == "LoadClientJobTerminalRetry"
    assert query(tmp_path, "SELECT hint FROM failed_exports") == [("Run again.",)]
    query(tmp_path, "DROP INDEX one")
    load(vendor, tmp_path)
    assert notes(tmp_path) == []


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(200, b"id,id\n1,1\n"), [("bulk_users", "HeaderError")]),
        (Answer.json({"error": "no"}, 422), [("bulk_users", "RequestRefusedError")]),
        (Answer.json({"error": "no"}, 401), []),
    ],
    ids=["unsound file", "refused", "wrong credentials"],
)
def test_an_export_that_is_streamed_is_told_too(
    answer: Answer, told: list[tuple[str, str]], tmp_path: Path
) -> None:
    session = {"session_user_id": "1", "session_key": CANARY}
    with ScriptedServer(lambda _: answer) as server, pytest.raises(PipelineStepFailed):
        pipeline_into(tmp_path).run(spaaza_bulk_users(server.base_url, 1743, session))
    assert notes(tmp_path) == []
    if told:
        assert query(tmp_path, "SELECT table_name, error FROM failed_exports") == told


def test_under_a_privacy_policy_the_filter_is_not_told(vendor: Vendor, tmp_path: Path) -> None:
    rule = {"field_name": "email", "operator": "is", "value": f"{CANARY}@example.com"}
    for privacy, hidden in ((None, False), ("pseudonymise", True)):
        folder = tmp_path / str(hidden)
        folder.mkdir()
        vendor.give(users=b"id,id\n1,1\n")
        given = {"segments": {"users": [rule]}, "privacy_secret": "0123456789abcdef"}
        fails(vendor, folder, privacy=privacy, **given)
        [(selection,)] = query(folder, "SELECT selection FROM failed_exports")
        assert (selection is None) is hidden


def test_notes_can_be_read_by_their_owner_alone(vendor: Vendor, tmp_path: Path) -> None:
    vendor.give(users=b"id,id\n1,1\n")
    fails(vendor, tmp_path, "users", "products")
    [note] = notes(tmp_path)
    assert note.stat().st_mode & 0o077 == 0
    assert CANARY not in note.read_text(encoding="utf-8")


def test_what_a_run_has_told_the_vendors_list_does_not_replace(
    vendor: Vendor, tmp_path: Path
) -> None:
    vendor.made = iso(datetime.now(UTC))
    vendor.code, vendor.broken = "ERROR", "products"
    fails(vendor, tmp_path, "products")
    told = query(tmp_path, "FROM failed_exports ORDER BY ALL")
    vendor.codes = dict.fromkeys(range(1, len(vendor.tasks) + 1), "ERROR")
    vendor.code = "DONE"
    load(vendor, tmp_path, "products")
    assert query(tmp_path, "FROM failed_exports ORDER BY ALL") == told


def test_notes_that_were_cut_short_stop_no_run(vendor: Vendor, tmp_path: Path) -> None:
    load(vendor, tmp_path)
    folder = Path(pipeline_into(tmp_path).working_dir) / "asked_for"
    for name, text in (("a.json", ""), ("b.json", '{"rows": []}'), ("c.partial", "{")):
        (folder / name).write_text(text, encoding="utf-8")
    load(vendor, tmp_path)
    assert notes(tmp_path) == []


def test_a_folder_that_takes_no_notes_stops_no_run(vendor: Vendor, tmp_path: Path) -> None:
    folder = Path(pipeline_into(tmp_path).working_dir)
    load(vendor, tmp_path)
    (folder / "asked_for").rmdir()
    (folder / "asked_for").write_text("no folder", encoding="utf-8")
    load(vendor, tmp_path)
    assert query(tmp_path, LOADED)[-1] == ("users", "2")
