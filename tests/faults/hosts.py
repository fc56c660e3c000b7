"""A vendor whose files' host a test breaks, and ways to fetch or load from it without a pause."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest

from spaaza_source.cli.app import main
from spaaza_source.errors import SpaazaSourceError
from spaaza_source.exports import job_registry as adoption
from spaaza_source.exports.downloads import fetch
from spaaza_source.exports.export import Export
from spaaza_source.exports.polling import PollSettings
from spaaza_source.exports.request import ExportRequest
from spaaza_source.exports.run import ExportRun
from spaaza_source.exports.table_sync import TableSync
from spaaza_source.spaaza.credentials import AccessToken
from spaaza_source.spaaza.export_service import SpaazaExports
from spaaza_source.spaaza.tasks_api import TasksApi, make_client
from spaaza_source.transport.clock import SystemClock
from tests.clocks import FakeClock
from tests.vendors.server import CANARY, Answer, Seen
from tests.vendors.spaaza_files import FileVendor
from tests.vendors.voucherify_files import KEYS, VoucherifyVendor

#: Answers for a file's host: gets the request and the whole file.
Host = Callable[[Seen, bytes], Answer]

TOKEN = {
    "access_token_id": f"0b0e7c1e-5a5d-4f0e-{CANARY}",
    "access_token_secret": f"{CANARY}-secret/+=9d2f",
}
QUICK: dict[str, Any] = {"poll_interval": 0, "start_margin": 0, "stagger": 0}


class BadHost(FileVendor):
    """While `host` is set, it answers for the files of the index `broken`.

    Every link is a new one, in `links`; `fetched` holds the requests for files of that index.
    """

    def __init__(self, broken: str, host: Host | None = None, **files: bytes) -> None:
        super().__init__(**files)
        self.broken = broken
        self.host = host
        self.links: list[str] = []
        self.fetched: list[Seen] = []

    def give(self, **files: bytes) -> None:
        """The files of the next exports."""
        self.files |= files

    def _answer(self, seen: Seen) -> Answer:
        parts = seen.path.partition("?")[0].split("/")
        if parts[-1] == "download_url":
            query = f"X-Amz-Signature={CANARY}-link-{len(self.links)}"
            self.links.append(f"{self.base_url}/file/{parts[2]}?{query}")
            return Answer.json({"url": self.links[-1]})
        if parts[1] == "file":
            number = int(parts[2])
            if self.tasks[number - 1]["target"]["export_index"] == self.broken:
                self.fetched.append(seen)
                if self.host is not None:
                    return self.host(seen, self.file(number))
        return super()._answer(seen)

    @property
    def settings(self) -> dict[str, Any]:
        """What leads the command here, by environment variable."""
        given = {"base_url": self.base_url, "chain_id": 1743, "max_age": 0, **QUICK}
        given |= {f"credentials__{name}": value for name, value in TOKEN.items()}
        return {f"SOURCES__SPAAZA__{name.upper()}": value for name, value in given.items()}

    def asked_from(self) -> str:
        """Where the window begins that the broken index was asked for last."""
        tasks = [task["desc"] for task in self.tasks if self.broken in task["desc"]]
        return str(tasks[-1]).partition("[")[2].partition(",")[0]


class BadDownloads(VoucherifyVendor):
    """The same at Voucherify, for the exported object `broken`."""

    def __init__(self, broken: str, host: Host | None = None, **files: bytes) -> None:
        super().__init__()
        self.clock = lambda: datetime.now(UTC)
        self.broken = broken
        self.host = host
        self.fetched: list[Seen] = []
        self.give(**files)

    def give(self, **files: bytes) -> None:
        """The files of the next exports."""
        self.files |= {name: file.decode() for name, file in files.items()}

    def _answer(self, seen: Seen) -> Answer:
        _, kind, *place = seen.path.partition("?")[0].split("/")
        if kind == "file":
            number, part = map(int, place)
            if self.bodies[number - 1]["exported_object"] == self.broken:
                self.fetched.append(seen)
                if self.host is not None:
                    return self.host(seen, self._parts(number)[part].encode())
        return super()._answer(seen)

    @property
    def settings(self) -> dict[str, Any]:
        """What leads the command here, by environment variable."""
        given = {"base_url": self.base_url, "poll_interval": 0, "max_age": 0}
        given |= {f"credentials__{name}": value for name, value in KEYS.items()}
        return {f"SOURCES__VOUCHERIFY__{name.upper()}": value for name, value in given.items()}

    def asked_from(self) -> str:
        """Where the window begins that the broken object was asked for last."""
        bodies = [body for body in self.bodies if body["exported_object"] == self.broken]
        filters = bodies[-1]["parameters"].get("filters", {})
        return str(filters["created_at"]["conditions"]["$after"][0]) if filters else ""


def leave_second() -> None:
    """Wait until the second is over in which a cursor was set.

    It has parts of a second, and what is asked for has none: so long the begin follows the clock.
    """
    time.sleep(1.0 - time.time() % 1.0)


def rest_of(whole: bytes, seen: Seen, etag: str = '"v1"') -> Answer:
    """What a sound host answers: the file, or the part that is asked for if it is unchanged."""
    wanted = seen.headers.get("Range")
    if not wanted or seen.headers.get("If-Range") != etag:
        return Answer(200, whole, {"ETag": etag})
    first = int(wanted.removeprefix("bytes=").removesuffix("-"))
    part = {"Content-Range": f"bytes {first}-{len(whole) - 1}/{len(whole)}"}
    return Answer(206, whole[first:], {"ETag": etag, **part})


def sound(seen: Seen, whole: bytes) -> Answer:
    """A sound host."""
    return rest_of(whole, seen)


def in_turn(*hosts: Host) -> Host:
    """Each host once, the last for ever."""
    left = list(hosts)

    def next_host(seen: Seen, whole: bytes) -> Answer:
        return (left.pop(0) if len(left) > 1 else left[0])(seen, whole)

    return next_host


def cut(answer: Answer, size: int, then: Literal["", "reset", "stall"] = "") -> Answer:
    """The answer, of whose body only so many bytes come, though it claims all of them."""
    length = answer.headers.get("Content-Length", str(len(answer.body)))
    headers = {**answer.headers, "Content-Length": length}
    return Answer(answer.status, answer.body[:size], headers, then)


def chunked(body: bytes, *, whole: bool = True) -> Answer:
    """The body in chunks of 1,000 bytes; with `whole=False` the empty one at the end is missing."""
    pieces = [body[start : start + 1000] for start in range(0, len(body), 1000)]
    sent = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    headers = {"Content-Length": "", "Transfer-Encoding": "chunked"}
    return Answer(200, sent + (b"0\r\n\r\n" if whole else b""), headers)


def until_closed(body: bytes, **headers: str) -> Answer:
    """The body without a length, as HTTP/1.0 has it: it ends where the connection does."""
    return Answer(200, body, {"Content-Length": "", "Connection": "close", **headers})


def fetched(vendor: FileVendor, folder: Path, clock: FakeClock | None = None) -> Export:
    """The export of all users, once its file is there; raises what kept it from arriving."""
    clock = clock or FakeClock()
    token = AccessToken()
    token.update(TOKEN)
    service = SpaazaExports(TasksApi(make_client(vendor.base_url, 1743, token, clock)), 1743)
    exports = ExportRun(service, lambda: folder, PollSettings(), clock)
    table = exports.begin(TableSync("users", lambda _: ExportRequest("users", "users", "1743")))
    while not table.settled:
        time.sleep(0.002)
    (export,) = table.require_current()
    return export


@contextmanager
def settings_of(vendor: BadHost | BadDownloads) -> Iterator[pytest.MonkeyPatch]:
    """The settings that lead the command to a vendor, without a pause anywhere."""
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in vendor.settings.items():
            patch.setenv(name, str(value))
        patch.setattr(SystemClock, "pause", _brief)
        patch.setattr(fetch, "PAUSE", 0.0)
        patch.setattr(adoption, "LOOKS", ())
        yield patch
    signal.signal(signal.SIGTERM, handler)


def _brief(_clock: SystemClock, seconds: float, wake: threading.Event) -> bool:
    return wake.wait(min(seconds, 0.01))


def spaaza(vendor: BadHost | BadDownloads, *arguments: str) -> int:
    """The command's exit code; it runs in this process, so that what it logs is seen too."""
    with settings_of(vendor) as patch:
        patch.setattr(sys, "argv", ["spaaza", *arguments])
        try:
            main()
        except SystemExit as left:
            return int(left.code or 0)
    return 0


def ours(failure: BaseException) -> SpaazaSourceError:
    """The error of this package that is behind what dlt raised."""
    cause: BaseException | None = failure
    while cause is not None and not isinstance(cause, SpaazaSourceError):
        cause = cause.__cause__ or cause.__context__
    assert cause is not None, failure
    return cause
