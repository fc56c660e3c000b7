from __future__ import annotations

import gzip
import hashlib
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from spaaza_source.errors import (
    ExportFailedError,
    ExportTimeoutError,
    SpaazaSourceError,
    UnexpectedAnswerError,
)
from spaaza_source.exports.export import Export, Phase
from spaaza_source.exports.polling import PollSettings
from spaaza_source.windows import parse_instant
from tests.clocks import FakeClock
from tests.export_runs import arrived, begin, request, run_against, sandbox_run, wait
from tests.vendors.server import Answer, ScriptedServer, Seen


def test_an_export_is_asked_for_waited_for_and_fetched(tmp_path: Path) -> None:
    with sandbox_run(tmp_path, run_seconds=60) as (sandbox, run, clock):
        export = arrived(begin(run, request()))
    file = export.file()
    assert file.path.read_bytes().count(b"\n") >= 51
    assert export.job.vendor_state == "DONE"
    assert 60 <= export.wait_seconds < 90
    assert 3 <= export.polls <= 5
    assert sandbox.tasks[0]["desc"] == f"spaaza_source users csv #{request().fingerprint}"
    assert clock.monotonic() >= 60


def test_exports_are_waited_for_side_by_side(tmp_path: Path) -> None:
    subjects = ("users", "vouchers", "products")
    with sandbox_run(tmp_path, PollSettings(max_concurrent=3), run_seconds=100) as (_, run, clock):
        exports = [begin(run, request(subject)) for subject in subjects]
        wait(*exports)
    assert [export.error for export in exports] == [None] * 3
    assert clock.monotonic() < 2 * 100


def test_looks_grow_apart_from_ten_to_thirty_seconds() -> None:
    patience = PollSettings()
    for looks in range(100):
        pauses = [patience.pause(looks) for _ in range(50)]
        assert min(pauses) >= 10
        assert max(pauses) <= 30
        assert max(pauses) - min(pauses) > 1
        if looks > 5:
            assert min(pauses) >= 20


def test_no_more_run_at_one_time_than_allowed(tmp_path: Path) -> None:
    subjects = ("users", "vouchers", "products", "transactions")
    with sandbox_run(tmp_path, PollSettings(max_concurrent=2), run_seconds=100) as (_, run, clock):
        exports = [begin(run, request(subject)) for subject in subjects]
        wait(*exports)
    assert clock.monotonic() >= 2 * 100
    assert {arrived(export).phase for export in exports} == {Phase.ARRIVED}


def test_an_export_that_fails_names_its_job_and_what_the_vendor_logged(tmp_path: Path) -> None:
    with sandbox_run(tmp_path, max_export_rows=10) as (sandbox, run, _):
        with pytest.raises(ExportFailedError) as raised:
            arrived(begin(run, request()))
        job = sandbox.tasks[0]["id"]
    assert f"job {job} ended in ERROR" in str(raised.value)
    assert "timed out" in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_never_ends_meets_its_deadline(tmp_path: Path) -> None:
    patience = PollSettings(export_timeout=600)
    with sandbox_run(tmp_path, patience, run_seconds=10_000) as (sandbox, run, clock):
        table = begin(run, request())
        wait(table)
        job = sandbox.tasks[0]["id"]
    with pytest.raises(ExportTimeoutError, match=f"job {job} is still INPROGRESS"):
        table.require_current()
    assert 600 <= clock.monotonic() < 700


def test_a_failed_export_leaves_the_others_alone(tmp_path: Path) -> None:
    rows = {"users": 5_000, "products": 5}
    with sandbox_run(tmp_path, max_export_rows=100, rows_per_index=rows) as (_, run, _clock):
        users, products = begin(run, request()), begin(run, request("products"))
        wait(users, products)
    assert (users.state, products.state) == ("failed", "arrived")


def test_a_dropped_export_leaves_no_file(tmp_path: Path) -> None:
    with sandbox_run(tmp_path) as (_, run, _clock):
        table = begin(run, request())
        assert arrived(table).file().path.exists()
        run.drop(table)
    assert list(tmp_path.iterdir()) == []


class Vendor:
    """A Tasks API whose task is done at once, and whose file's host is scripted."""

    def __init__(self, *states: str, file: Answer, link: Answer | None = None) -> None:
        self.states = list(states) or ["DONE"]
        self.file = file
        self.given_link = link
        self.files = 0
        self.base_url = ""

    def __call__(self, seen: Seen) -> Answer:
        if seen.method == "POST":
            return Answer.json(self.task("READY"), 201)
        if seen.path.startswith("/tasks?"):
            return Answer.json([])
        if seen.path.endswith("/download_url"):
            return self.given_link or Answer.json({"url": f"{self.base_url}/file?sig=canary"})
        if seen.path.startswith("/file"):
            self.files += 1
            return self.file
        return Answer.json(self.task(self.states.pop(0) if self.states[1:] else self.states[0]))

    def task(self, code: str) -> dict[str, Any]:
        dates = {"last_run_date": "0001-01-01T00:00:00Z", "created_date": None}
        return {"id": 7, "chain": 1743, "state": {"code": code, **dates}}


def outcome(vendor: Vendor, folder: Path) -> Export:
    with ScriptedServer(vendor) as server:
        vendor.base_url = server.base_url
        run = run_against(server.base_url, FakeClock(), folder, PollSettings())
        return arrived(begin(run, request()))


@pytest.mark.parametrize("code", ["INPROGRESS", "IN_PROGRESS", "inprogress", "SOMETHING_NEW", ""])
def test_any_state_but_done_is_waited_on(code: str, tmp_path: Path) -> None:
    export = outcome(Vendor("READY", code, "DONE", file=Answer(200, b"a\n1\n")), tmp_path)
    assert export.phase is Phase.ARRIVED
    assert export.polls == 3


def test_a_refused_link_is_asked_for_again_twice_at_most(tmp_path: Path) -> None:
    vendor = Vendor(file=Answer(403))
    with pytest.raises(SpaazaSourceError, match="refused the link") as raised:
        outcome(vendor, tmp_path)
    assert vendor.files == 3
    assert "canary" not in str(raised.value)


def test_done_without_a_link_stops(tmp_path: Path) -> None:
    with pytest.raises(UnexpectedAnswerError, match="not a url"):
        outcome(Vendor(file=Answer(200), link=Answer.json({"href": "x"})), tmp_path)


def test_a_task_without_a_state_stops(tmp_path: Path) -> None:
    class Stateless(Vendor):
        def task(self, code: str) -> dict[str, Any]:
            return {"id": 7, "desc": code}

    vendor = Stateless(file=Answer(200))
    with pytest.raises(UnexpectedAnswerError, match="has no state"):
        outcome(vendor, tmp_path)


class BreakingVendor(Vendor):
    """Its file's host breaks off after every `piece` bytes, and carries on where it is asked to."""

    def __init__(self, content: bytes, piece: int, etag: str = '"v1"', **lie: str) -> None:
        super().__init__(file=Answer(200))
        self.content = content
        self.piece = piece
        self.etag = etag
        self.lie = lie
        self.asked: list[str | None] = []

    def __call__(self, seen: Seen) -> Answer:
        if not seen.path.startswith("/file"):
            return super().__call__(seen)
        wanted = seen.headers.get("Range")
        self.asked.append(wanted)
        headers = {"ETag": self.etag}
        if wanted and seen.headers.get("If-Range") == self.etag:
            first = int(wanted.removeprefix("bytes=").removesuffix("-"))
            last = len(self.content) - 1
            headers["Content-Range"] = f"bytes {first}-{last}/{len(self.content)}"
            status = 206
        else:
            first, status = 0, 200
        rest = self.content[first:]
        headers["Content-Length"] = str(len(rest))
        return Answer(status, rest[: self.piece], {**headers, **self.lie})


TEXT = b"id,name\n" + b"1,a\n" * 100_000


@pytest.mark.parametrize("packed", [False, True])
def test_a_broken_download_carries_on_where_it_broke(tmp_path: Path, packed: bool) -> None:
    content = gzip.compress(TEXT) if packed else TEXT
    vendor = BreakingVendor(content, len(content) // 3 + 1)
    export = outcome(vendor, tmp_path)
    assert export.file().path.read_bytes() == TEXT
    assert export.file().sha256 == hashlib.sha256(TEXT).hexdigest()
    assert (export.received, export.file().received) == (len(content), len(content))
    third = len(content) // 3 + 1
    assert vendor.asked == [None, f"bytes={third}-", f"bytes={2 * third}-"]


def test_a_file_that_changed_meanwhile_is_fetched_from_its_start(tmp_path: Path) -> None:
    class Changing(BreakingVendor):
        def __call__(self, seen: Seen) -> Answer:
            if seen.path.startswith("/file") and len(self.asked) == 1:
                self.content, self.etag, self.piece = TEXT[::2], '"v2"', len(TEXT)
            return super().__call__(seen)

    export = outcome(Changing(TEXT, 1_000), tmp_path)
    assert export.file().path.read_bytes() == TEXT[::2]
    assert export.received == len(TEXT[::2])


def test_without_a_strong_etag_a_broken_download_starts_over(tmp_path: Path) -> None:
    vendor = BreakingVendor(TEXT, 1_000, etag='W/"v1"')
    with pytest.raises(SpaazaSourceError, match="connection broke"):
        outcome(vendor, tmp_path)
    assert vendor.asked == [None] * 5
    assert list(tmp_path.iterdir()) == []


def test_a_host_that_carries_on_from_somewhere_else_stops_the_download(tmp_path: Path) -> None:
    class Elsewhere(BreakingVendor):
        def __call__(self, seen: Seen) -> Answer:
            answer = super().__call__(seen)
            if answer.status == 206:
                answer.headers["Content-Range"] = f"bytes 7-{len(TEXT) - 1}/{len(TEXT)}"
            return answer

    with pytest.raises(UnexpectedAnswerError, match="did not resume at byte"):
        outcome(Elsewhere(TEXT, 1_000), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_exports_that_are_asked_for_together_start_one_after_the_other(tmp_path: Path) -> None:
    subjects = ("users", "vouchers", "products")
    with sandbox_run(tmp_path, PollSettings(stagger=60)) as (sandbox, run, _):
        wait(*[begin(run, request(subject)) for subject in subjects])
        times = sorted(task["trigger"]["once"] for task in sandbox.tasks)
    starts = [parse_instant(time, "once") for time in times]
    assert all(second - first >= timedelta(seconds=58) for first, second in pairwise(starts))
