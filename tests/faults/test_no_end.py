"""Faults 60 to 62, and 64: answers and files whose bytes drip, or never end, at each vendor.

The clock is moved by the server, between two bytes: nothing sleeps.
"""

from __future__ import annotations

import gzip
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from dlt.common import logger

from spaaza_source import chat
from spaaza_source.errors import (
    CredentialsError,
    ExportTimeoutError,
    IncompleteDownloadError,
    RequestRefusedError,
    SpaazaSourceError,
    UnavailableError,
    UnexpectedAnswerError,
)
from spaaza_source.exports.export import Export
from spaaza_source.exports.polling import PollSettings
from spaaza_source.exports.run import ExportRun
from spaaza_source.spaaza import export_service as spaaza_exports
from spaaza_source.transport import check_connection
from spaaza_source.transport.answer_body import LARGEST_ANSWER
from spaaza_source.transport.download import CHUNK
from spaaza_source.transport.http_client import LONGEST_ANSWER
from spaaza_source.transport.patience import GRACE, LEAST_BYTES, SPAN
from tests.clocks import Stopwatch
from tests.export_runs import arrived, begin
from tests.vendors.scripted import Call, ScriptedVendor
from tests.vendors.scripted_spaaza import ScriptedTasks
from tests.vendors.scripted_voucherify import ScriptedExports
from tests.vendors.server import Answer, ScriptedServer, Seen

pytestmark = pytest.mark.wing("transport", "exports")

HEADERS = b"HTTP/1.1 200 OK\r\nX-Long: "
#: Seconds between two bytes: less than any read timeout.
STEP = 20.0
#: The server may be some steps ahead of what the client has judged.
SLACK = 8 * STEP
TEXT = b"id,name\n" + b"".join(b"%d,name %d\n" % (n, n) for n in range(40_000))


@pytest.fixture
def clock() -> Stopwatch:
    return Stopwatch()


@pytest.fixture(params=["spaaza", "voucherify"])
def vendor(request: pytest.FixtureRequest) -> Iterator[ScriptedVendor]:
    with ScriptedTasks() if request.param == "spaaza" else ScriptedExports() as served:
        yield served


def outcome(vendor: ScriptedVendor, clock: Stopwatch, folder: Path, **polling: float) -> Export:
    """The export of one table as it came, by a run whose bytes the clock times too."""
    service = vendor.service(clock)
    service.http.stopwatch = clock
    settings = PollSettings(**polling)  # type: ignore[arg-type]
    run = ExportRun(service, lambda: folder, settings, clock)
    return arrived(begin(run, vendor.request()))


def stopped(
    vendor: ScriptedVendor, clock: Stopwatch, folder: Path, **polling: float
) -> tuple[SpaazaSourceError, float]:
    """What stopped the export, and when."""
    with pytest.raises(SpaazaSourceError) as raised:
        outcome(vendor, clock, folder, **polling)
    assert list(folder.iterdir()) == []
    assert raised.value.where
    assert raised.value.hint
    return raised.value, clock.monotonic()


def dripping(clock: Stopwatch, part: str) -> Answer:
    """An answer that never ends, one byte within each read timeout."""
    if part == "headers":
        return Answer(0, pieces=clock.drip(STEP, HEADERS, b"x"))
    if part == "chunks":
        headers = {"Content-Length": "", "Transfer-Encoding": "chunked"}
        return Answer(200, headers=headers, pieces=clock.drip(STEP, b"1\r\n \r\n"))
    return Answer(200, headers={"Content-Length": "9999"}, pieces=clock.drip(STEP, b"[", b" "))


PARTS = ("headers", "body", "chunks")


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("place", ["list", "look", "link"])
def test_an_answer_that_drips_is_given_up_by_the_floor(
    vendor: ScriptedVendor, clock: Stopwatch, tmp_path: Path, place: Call, part: str
) -> None:
    vendor.first(place, *(dripping(clock, part) for _ in range(3)))
    error, seconds = stopped(vendor, clock, tmp_path, poll_interval=1)
    assert type(error) is UnavailableError
    assert "bytes of it came within" in str(error)
    assert vendor.asked(place) == 2
    assert seconds < 2 * (SPAN + SLACK) + 60


@pytest.mark.parametrize("part", PARTS)
def test_an_answer_that_drips_is_given_up_at_the_exports_deadline(
    vendor: ScriptedVendor, clock: Stopwatch, tmp_path: Path, part: str
) -> None:
    vendor.always("list", dripping(clock, part))
    error, seconds = stopped(vendor, clock, tmp_path, export_timeout=5)
    assert type(error) is UnavailableError
    assert "did not end within 15 seconds" in str(error)
    assert vendor.asked("list") == 1
    assert seconds <= 5 + GRACE + SLACK


def test_a_create_whose_answer_drips_is_looked_for(
    vendor: ScriptedVendor, clock: Stopwatch, tmp_path: Path
) -> None:
    vendor.first("create", dripping(clock, "body"), created=True)
    assert outcome(vendor, clock, tmp_path, poll_interval=1).job.job_id == vendor.job_id(1)
    assert len(vendor.bodies) == 1


def files(vendor: ScriptedVendor, host: Callable[[Seen], Answer]) -> None:
    vendor.file_for = host  # type: ignore[assignment, method-assign]


@pytest.mark.parametrize("part", PARTS)
def test_a_file_that_drips_is_given_up_by_the_floor(
    vendor: ScriptedVendor, clock: Stopwatch, tmp_path: Path, part: str
) -> None:
    files(vendor, lambda _seen: dripping(clock, part))
    error, seconds = stopped(vendor, clock, tmp_path, poll_interval=1)
    assert type(error) is IncompleteDownloadError
    assert "the download was given up" in str(error)
    assert vendor.asked("file") == 5
    assert seconds < 5 * (SPAN + SLACK) + 60


@pytest.mark.parametrize("part", PARTS)
def test_a_file_that_drips_is_given_up_at_the_exports_deadline(
    vendor: ScriptedVendor, clock: Stopwatch, tmp_path: Path, part: str
) -> None:
    files(vendor, lambda _seen: dripping(clock, part))
    error, seconds = stopped(vendor, clock, tmp_path, poll_interval=1, export_timeout=5)
    assert type(error) is ExportTimeoutError
    assert "raise export_timeout" in str(error)
    assert vendor.asked("file") == 1
    assert seconds < 5 + GRACE + SLACK


def test_a_file_that_begins_to_drip_is_resumed(
    vendor: ScriptedVendor, clock: Stopwatch, tmp_path: Path
) -> None:
    had = 2 * CHUNK
    ranges: list[str | None] = []

    def host(seen: Seen) -> Answer:
        ranges.append(seen.headers.get("Range"))
        if ranges[-1] is None:
            headers = {"Content-Length": str(len(TEXT)), "ETag": '"v1"'}
            return Answer(200, TEXT[:had], headers, pieces=clock.drip(STEP, TEXT[had : had + 1]))
        told = {"Content-Range": f"bytes {had}-{len(TEXT) - 1}/{len(TEXT)}", "ETag": '"v1"'}
        return Answer(206, TEXT[had:], told)

    files(vendor, host)
    export = outcome(vendor, clock, tmp_path, poll_interval=1)
    assert export.file().path.read_bytes() == TEXT
    assert ranges == [None, f"bytes={had}-"]


def test_a_slow_link_that_is_above_the_floor_arrives(
    vendor: ScriptedVendor, clock: Stopwatch, tmp_path: Path
) -> None:
    size = LEAST_BYTES // 2
    pieces = [TEXT[start : start + size] for start in range(0, len(TEXT), size)]
    # Half as much as is needed within each half of a span, and so for an hour.
    seconds = SPAN / 2

    def host(_seen: Seen) -> Answer:
        drops = clock.drip(seconds, *pieces)
        sent = (next(drops) for _ in pieces)
        return Answer(200, headers={"Content-Length": str(len(TEXT))}, pieces=sent)

    files(vendor, host)
    export = outcome(vendor, clock, tmp_path, poll_interval=1, export_timeout=7200)
    assert export.file().path.read_bytes() == TEXT
    assert clock.monotonic() > 60 * SPAN


def test_one_long_silence_is_forgiven(
    vendor: ScriptedVendor, clock: Stopwatch, tmp_path: Path
) -> None:
    def host(_seen: Seen) -> Answer:
        drops = clock.drip(SPAN - 1, TEXT[: LEAST_BYTES * 2], TEXT[LEAST_BYTES * 2 :])
        sent = (next(drops) for _ in range(2))
        return Answer(200, headers={"Content-Length": str(len(TEXT))}, pieces=sent)

    files(vendor, host)
    assert outcome(vendor, clock, tmp_path, poll_interval=1).file().size == len(TEXT)


def endless(piece: bytes, first: bytes = b"") -> Iterator[bytes]:
    yield first
    while True:
        yield piece


def forever(status: int = 200, piece: bytes = b'{"id": 1}, ' * 8192, **headers: str) -> Answer:
    """An answer without an end, as fast as it can be read."""
    told = {"Content-Length": "", "Connection": "close", **headers}
    return Answer(status, headers=told, pieces=endless(piece, b'[{"id": 1}, '))


@cache
def deflated(wbits: int) -> bytes:
    pack = zlib.compressobj(9, zlib.DEFLATED, wbits)
    size = LARGEST_ANSWER // (1 << 20) + 1
    return b"".join([*(pack.compress(b" " * (1 << 20)) for _ in range(size)), pack.flush()])


BOMBS: dict[str, Callable[[], Answer]] = {
    "endless": forever,
    "endless and packed": lambda: Answer(
        200,
        headers={"Content-Length": "", "Connection": "close", "Content-Encoding": "gzip"},
        pieces=endless(gzip.compress(b" " * (1 << 20))),
    ),
    "endless and packed, of nothing": lambda: Answer(
        200,
        headers={"Content-Length": "", "Connection": "close", "Content-Encoding": "gzip"},
        pieces=endless(b"\0\0\0\xff\xff" * 4096, gzip.compress(b"")[:10]),
    ),
    "gzip": lambda: Answer(200, deflated(31), {"Content-Encoding": "gzip"}),
    "gzip, and not told": lambda: Answer(200, deflated(31)),
    "packed twice": lambda: Answer(200, gzip.compress(deflated(31)), {"Content-Encoding": "gzip"}),
    "deflate": lambda: Answer(200, deflated(15), {"Content-Encoding": "deflate"}),
    "bare deflate": lambda: Answer(200, deflated(-15), {"Content-Encoding": "deflate"}),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_an_answer_has_a_bound_unpacked_too(clock: Stopwatch, tmp_path: Path, bomb: str) -> None:
    with ScriptedTasks() as vendor:
        vendor.always("list", BOMBS[bomb]())
        error, _ = stopped(vendor, clock, tmp_path)
    assert type(error) is UnexpectedAnswerError
    assert "the answer has more than 16,777,216 bytes" in str(error)
    assert vendor.asked("list") == 1


@pytest.mark.parametrize("place", ["list", "look", "link"])
def test_every_answer_has_a_bound(
    vendor: ScriptedVendor, clock: Stopwatch, tmp_path: Path, place: Call
) -> None:
    vendor.always(place, forever())
    error, _ = stopped(vendor, clock, tmp_path, poll_interval=1)
    assert "the answer has more than 16,777,216 bytes" in str(error)
    assert vendor.asked(place) == 1


def test_an_endless_answer_takes_little_memory(clock: Stopwatch, tmp_path: Path) -> None:
    with ScriptedTasks() as vendor:
        vendor.always("list", forever())
        tracemalloc.start()
        try:
            stopped(vendor, clock, tmp_path)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 3 * LARGEST_ANSWER


@pytest.mark.parametrize(
    ("status", "kind"),
    [(302, RequestRefusedError), (400, RequestRefusedError), (401, CredentialsError)],
)
def test_of_an_error_only_the_beginning_is_read(
    vendor: ScriptedVendor,
    clock: Stopwatch,
    tmp_path: Path,
    status: int,
    kind: type[SpaazaSourceError],
) -> None:
    words = b"so it is " * 1000
    told = {"Content-Length": "", "Connection": "close", "Location": "/elsewhere"}
    if status != 400:
        words, told["Content-Encoding"] = gzip.compress(words), "gzip"
    vendor.always("list", Answer(status, headers=told, pieces=endless(words)))
    error, _ = stopped(vendor, clock, tmp_path)
    assert type(error) is kind
    assert f"HTTP {status}: so it is so it is" in str(error)
    assert len(str(error)) < 700


def test_an_error_whose_body_drips_is_told_by_its_status(
    vendor: ScriptedVendor, clock: Stopwatch, tmp_path: Path
) -> None:
    headers = {"Content-Length": "9999"}
    vendor.always("list", Answer(400, headers=headers, pieces=clock.drip(STEP, b"x")))
    error, seconds = stopped(vendor, clock, tmp_path)
    assert "HTTP 400" in str(error)
    # A vendor that may have refused the length of the list's pages is asked once more.
    asked = vendor.asked("list")
    assert asked <= 2
    assert seconds <= asked * SPAN + SLACK


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"[]", {"Content-Encoding": "br"}),
        Answer(200, gzip.compress(b"[]")[:-4], {"Content-Encoding": "gzip"}),
        Answer(200, gzip.compress(b"[]" * 99)[:-9] + bytes(9), {"Content-Encoding": "gzip"}),
        Answer(200, b"\x78\x9cxxxx", {"Content-Encoding": "deflate"}),
        Answer(200, b'["\xff\xff"]', {"Content-Type": "application/json; charset=nope"}),
    ],
    ids=["unknown", "cut", "damaged", "damaged deflate", "of no encoding"],
)
def test_an_answer_that_cannot_be_unpacked_is_asked_for_again(
    vendor: ScriptedVendor, clock: Stopwatch, tmp_path: Path, answer: Answer
) -> None:
    vendor.always("list", answer)
    error, _ = stopped(vendor, clock, tmp_path)
    assert isinstance(error, UnexpectedAnswerError | IncompleteDownloadError)
    assert vendor.asked("list") == 5


#: The first page of a list, and the others.
PAGES = ("list", "end of list")


def asked_pages(vendor: ScriptedVendor) -> int:
    return sum(vendor.asked(place) for place in PAGES)


def count_pages(vendor: ScriptedVendor, *, repeats: bool = False) -> None:
    """The list has a hundred new jobs on each page; or the same ones, for ever."""
    own = vendor.found

    def found(place: str, number: int) -> Any:
        if place not in PAGES:
            return own(place, number)
        page = 0 if repeats else asked_pages(vendor)
        jobs = [{"id": f"other-{page}-{each}"} for each in range(100)]
        if isinstance(vendor, ScriptedTasks):
            return jobs
        return {"exports": [{**each, "created_at": "2026-05-26T12:00:00Z"} for each in jobs]}

    vendor.found = found  # type: ignore[method-assign]


def test_a_list_that_never_ends_stops(
    vendor: ScriptedVendor, clock: Stopwatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spaaza_exports, "MOST_TASKS", 10_000)
    count_pages(vendor)
    error, _ = stopped(vendor, clock, tmp_path)
    assert type(error) is UnexpectedAnswerError
    assert "does not end: 10,000" in str(error)
    assert asked_pages(vendor) == 100


def test_a_list_that_never_ends_stops_at_the_deadline_too(
    vendor: ScriptedVendor, clock: Stopwatch, tmp_path: Path
) -> None:
    count_pages(vendor)
    own = vendor.found

    def found(place: str, number: int) -> Any:
        clock.pause(1.0, threading.Event())
        return own(place, number)

    vendor.found = found  # type: ignore[method-assign]
    error, seconds = stopped(vendor, clock, tmp_path, export_timeout=20)
    assert type(error) is UnavailableError
    assert seconds <= 20 + GRACE + 2


def test_a_list_whose_page_comes_again_has_ended(
    vendor: ScriptedVendor, clock: Stopwatch, tmp_path: Path
) -> None:
    count_pages(vendor, repeats=True)
    outcome(vendor, clock, tmp_path, poll_interval=1)
    assert asked_pages(vendor) == 2


def test_an_answer_that_is_nested_too_deeply_stops(clock: Stopwatch, tmp_path: Path) -> None:
    with ScriptedExports() as vendor:
        deep = b'{"id": "exp_1", "status": "DONE", "result": %s%s}' % (b"[" * 800, b"]" * 800)
        vendor.always("link", Answer(200, deep))
        error, _ = stopped(vendor, clock, tmp_path, poll_interval=1)
    assert type(error) is UnexpectedAnswerError


def test_a_check_of_the_connection_has_a_deadline_of_its_own(
    vendor: ScriptedVendor, clock: Stopwatch
) -> None:
    """It drips above the floor, and no export's deadline is near."""
    service = vendor.service(clock)
    service.http.stopwatch = clock
    slow = Answer(200, headers={"Content-Length": "9999999"}, pieces=clock.drip(30, b" " * 8192))
    vendor.always("list", slow)
    with pytest.raises(UnavailableError, match="did not end within 300 seconds"):
        check_connection("https://services.example", lambda: list(service.known_jobs(clock.now())))
    assert vendor.asked("list") == 1
    assert clock.monotonic() < LONGEST_ANSWER + SLACK


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (lambda: Answer(0, pieces=[HEADERS], then="stall"), "no answer"),
        (lambda: Answer(302, headers={"Location": "/a"}, pieces=endless(b"x" * 999)), "HTTP 302"),
        (lambda: Answer(404), "HTTP 404"),
        (lambda: Answer(0), "ConnectionError"),
    ],
    ids=["stays away", "endless redirect", "wrong", "closed"],
)
def test_a_chat_that_never_ends_its_answer_is_left(
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[], Answer],
    cause: str,
) -> None:
    told: list[str] = []
    monkeypatch.setattr(logger, "warning", told.append, raising=False)
    monkeypatch.setattr(chat, "LONGEST", 0.2 if cause == "no answer" else 5.0)
    with ScriptedServer(lambda _seen: answer()) as server:
        monkeypatch.setenv("RUNTIME__SLACK_INCOMING_HOOK", f"{server.base_url}/canary")
        chat.tell_chat("loaded")
    assert told == [f"the message could not be sent to the chat's webhook ({cause})"]
