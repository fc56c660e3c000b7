"""Fault 63: the bulk users stream breaks off, drips or never ends.

It has no job and no parts: it is asked for again from its start, and never half of it is read.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any

import pyarrow as pa
import pytest

from spaaza_source import spaaza_bulk_users
from spaaza_source.errors import ExportTimeoutError, IncompleteDownloadError, SpaazaSourceError
from spaaza_source.exports.downloads import fetch
from spaaza_source.loading import downloads_folder
from spaaza_source.transport import http_client
from spaaza_source.transport.patience import GRACE
from tests.clocks import Stopwatch
from tests.faults.hosts import cut, ours
from tests.vendors.server import Answer, ScriptedServer, Seen

pytestmark = pytest.mark.wing("transport", "loading", "spaaza")

SESSION = {"session_user_id": "1", "session_key": "canary-key"}
FILE = b"spaaza_user_id,first_name\n" + b"".join(b"%d,Ann\n" % number for number in range(20_000))
PACKED = gzip.compress(FILE)
WHOLE = Answer(200, PACKED, {"Content-Encoding": "gzip"})
UNTOLD = {"Content-Encoding": "gzip", "Content-Length": "", "Connection": "close"}
STEP = 20.0
#: The server may be some steps ahead of what the client has judged.
SLACK = 8 * STEP


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stopwatch]:
    """Times the bytes of every answer; a pause takes no time."""
    clock = Stopwatch()
    monkeypatch.setattr(fetch, "PAUSE", 0.0)
    own = http_client.HttpClient.__init__

    def init(self: http_client.HttpClient, *given: Any, **more: Any) -> None:
        own(self, *given, **more)
        self.stopwatch = clock

    monkeypatch.setattr(http_client.HttpClient, "__init__", init)
    yield clock
    folder = downloads_folder()
    assert not folder.exists() or list(folder.iterdir()) == []


def rows(*answers: Answer, **given: Any) -> tuple[int, list[Seen]]:
    """How many come of these answers, the last for ever; and what was asked."""
    left = list(answers)
    with ScriptedServer(lambda _seen: left.pop(0) if len(left) > 1 else left[0]) as server:
        source = spaaza_bulk_users(server.base_url, 1743, SESSION, **given)
        items = [item for item in source.resources["bulk_users"] if isinstance(item, pa.Table)]
    return sum(item.num_rows for item in items), server.seen


def stopped(*answers: Answer, **given: Any) -> SpaazaSourceError:
    with pytest.raises(Exception, match="download") as raised:
        rows(*answers, **given)
    return ours(raised.value)


BROKEN: dict[str, Callable[[], Answer]] = {
    "cut": lambda: cut(WHOLE, len(PACKED) // 2),
    "reset": lambda: cut(WHOLE, len(PACKED) // 2, "reset"),
    "cut, of no length": lambda: Answer(200, PACKED[: len(PACKED) // 2], UNTOLD),
    "before its first byte": lambda: cut(WHOLE, 0, "reset"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_stream_that_breaks_off_is_begun_again(clock: Stopwatch, broken: str) -> None:
    del clock
    number, asked = rows(BROKEN[broken](), WHOLE)
    assert number == 20_000
    assert [seen.method for seen in asked] == ["POST", "POST"]
    assert "Range" not in asked[1].headers


def test_a_stream_that_drips_is_begun_again(clock: Stopwatch) -> None:
    half = len(PACKED) // 2
    dripping = Answer(200, PACKED[:half], UNTOLD, pieces=clock.drip(STEP, PACKED[half : half + 1]))
    assert rows(dripping, WHOLE)[0] == 20_000


def test_a_stream_that_always_breaks_off_is_given_up(clock: Stopwatch) -> None:
    del clock
    with ScriptedServer(lambda _seen: cut(WHOLE, len(PACKED) // 2)) as server:
        source = spaaza_bulk_users(server.base_url, 1743, SESSION)
        with pytest.raises(Exception, match="connection broke") as raised:
            list(source.resources["bulk_users"])
    error = ours(raised.value)
    assert isinstance(error, IncompleteDownloadError)
    assert str(error.where).startswith("users (bulk), job bulk-users-1743-")
    assert len(server.seen) == 5


def test_a_stream_that_always_drips_is_given_up(clock: Stopwatch) -> None:
    answers = [Answer(200, headers=UNTOLD, pieces=clock.drip(STEP, b"x")) for _ in repeat(0, 5)]
    error = stopped(*answers)
    assert isinstance(error, IncompleteDownloadError)
    assert "bytes of it came within" in str(error)


def test_a_stream_that_never_ends_is_given_up_at_its_deadline(clock: Stopwatch) -> None:
    """However fast it comes: here, of gzip that unpacks to nothing."""
    nothing = gzip.compress(b"")[:10], b"\0\0\0\xff\xff" * 4096
    endless = Answer(200, headers=UNTOLD, pieces=clock.drip(STEP, *nothing))
    error = stopped(endless, export_timeout=600)
    assert isinstance(error, ExportTimeoutError)
    assert "raise export_timeout" in str(error)
    assert clock.monotonic() < 600 + GRACE + SLACK
