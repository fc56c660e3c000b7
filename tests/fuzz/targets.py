"""What is fuzzed: each target takes any bytes, and raises what must never escape the product.

`worker` drives one of them by coverage; `python -m tests.fuzz` drives them all.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spaaza_source.errors import SpaazaSourceError
from spaaza_source.exports.downloads.fetch import fetch_files
from spaaza_source.exports.jobs import ExportService, Job, JobState
from spaaza_source.exports.request import ExportRequest
from spaaza_source.spaaza.credentials import AccessToken
from spaaza_source.spaaza.export_service import SpaazaExports
from spaaza_source.spaaza.tasks_api import TasksApi
from spaaza_source.spaaza.tasks_api import make_client as spaaza_http
from spaaza_source.tabular import open_csv, open_json
from spaaza_source.tabular.convert import convert_csv
from spaaza_source.transport.clock import Deadline
from spaaza_source.transport.download import Download
from spaaza_source.voucherify.credentials import AppKeys
from spaaza_source.voucherify.export_service import VoucherifyExports
from spaaza_source.voucherify.exports_api import ExportsApi
from spaaza_source.voucherify.exports_api import make_client as voucherify_http
from spaaza_source.voucherify.header_labels import match_fields
from tests.clocks import FakeClock
from tests.vendors.server import Answer, ScriptedServer, Seen

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
FIELDS = ("id", "code", "voucher_type", "value")
STATUSES = (200, 200, 200, 200, 201, 204, 206, 301, 302, 400, 401, 403, 404, 416, 429, 500, 503)
HEADERS = (
    "Retry-After",
    "Date",
    "X-Rate-Limit-Remaining",
    "X-Rate-Limit-Retry",
    "X-Rate-Limit-Type",
    "Content-Encoding",
    "Content-Range",
    "ETag",
    "Location",
)
#: Between two answers in an input.
SEPARATOR = b"\n--\n"

FOLDER = Path(tempfile.mkdtemp(prefix="spaaza_fuzz_"))


def csv(data: bytes) -> None:
    """The CSV reader on any file, as each vendor's files are read."""
    path = FOLDER / "file.csv"
    path.write_bytes(data)
    for on_bad_row in ("reject", "fail"):
        _escapes_nothing(
            lambda told=on_bad_row: convert_csv(path, FOLDER / "file.parquet", on_bad_row=told)  # type: ignore[misc]
        )
    _escapes_nothing(
        lambda: list(
            open_csv(
                path, name_header=lambda header: match_fields("voucher", FIELDS, header)
            ).tables()
        )
    )


def json_file(data: bytes) -> None:
    """The JSON reader on any file."""
    path = FOLDER / "file.json"
    path.write_bytes(data)
    _escapes_nothing(lambda: list(open_json(path).records()))


def answers(data: bytes) -> None:
    """A vendor's call, or a download, whatever HTTP answers it.

    The first byte chooses the call. Then comes one answer after another: a byte for the status, a
    byte for a header, a line for its value, and the body.
    """
    clock = FakeClock()
    SERVER.answers = [_answer(part) for part in data[1:].split(SEPARATOR)]
    chosen, call = divmod(data[0] if data else 0, 4)
    service = _services(clock)[chosen % 2]
    calls: tuple[Callable[[], Any], ...] = (
        lambda: list(service.known_jobs(SINCE)),
        lambda: service.create(ExportRequest("vouchers", "vouchers", "1743")),
        lambda: service.poll("12"),
        lambda: _fetch(service, clock),
    )
    _escapes_nothing(calls[call])


def breaks(data: bytes) -> None:
    """No part of the product: shows that the fuzzing finds what escapes."""
    if data.startswith(b"{"):
        raise KeyError("canary")


TARGETS: dict[str, Callable[[bytes], None]] = {"csv": csv, "json": json_file, "answers": answers}

#: Inputs that a target begins with.
SEEDS: dict[str, Sequence[bytes]] = {
    "csv": (
        b"id,code,voucher_type,value\n1,A,x,2.50\n2,B,y,\n",
        b'\xef\xbb\xbfID,Code,Voucher Type,Value\r\n1,"a ""b""\r\nc",,1\r\n',
        b"id\n",
        b"date,name\n2026-05-01T10:00:00Z,x,\n2026-05-02,\x00\n",
    ),
    "json": (
        b'[{"id":1,"a":{"b":[1,2]},"c":"x"},{"id":2,"c":null}]',
        b'{"results":[{"id":1,"v":1.5},{"id":2,"v":"1e5"}]}',
        b'{"id":1}\n{"id":2,"l":[{"x":1}]}\n',
    ),
    "answers": (
        b"\x00\x00\x00\n" + json.dumps([{"id": 12, "desc": "x"}]).encode(),
        b'\x01\x04\x00\n{"id":12,"state":{"code":"READY"},"logs":[]}',
        b'\x02\x0e\x01120\n{"errors":[{"message":"no"}]}' + SEPARATOR + b"\x00\x00\n{}",
        b'\x03\x00\x00\n{"url":"URL"}' + SEPARATOR + b"\x00\x00\nid,code\n1,2\n",
        (
            b'\x04\x00\x00\n{"exports":[{"id":"e","status":"DONE","exported_object":"voucher",'
            b'"parameters":{"filters":{"created_at":{"conditions":{"$before":["2026-05-01"]}}}}}]}'
        ),
        b'\x06\x0e\x03100\n{"code":429,"message":"no"}' + SEPARATOR + b'\x00\x00\n{"id":"12"}',
        b'\x07\x00\x00\n{"id":"12","status":"DONE","result":{"urls":["URL","URL"]}}'
        + SEPARATOR
        + b"\x00\x06gzip\n\x1f\x8b\x08",
    ),
}


class _Server(ScriptedServer):
    """Answers with what an input says, the last for ever."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        super().__init__(self._next)
        self._thread.start()

    def _next(self, seen: Seen) -> Answer:
        self.seen.clear()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        url = f"{self.base_url}/file".encode()
        body = b"" if seen.method == "HEAD" else answer.body.replace(b"URL", url)
        return Answer(answer.status, body, answer.headers)


SERVER = _Server()


def _escapes_nothing(call: Callable[[], Any]) -> None:
    try:
        call()
    except SpaazaSourceError as error:
        # What is shown to a person must be showable.
        str(error).encode()


def _answer(part: bytes) -> Answer:
    head, _, body = part.partition(b"\n")
    status = STATUSES[head[0] % len(STATUSES)] if head else 200
    headers = {}
    if len(head) > 1 and head[1]:
        value = head[2:].decode("latin-1")
        headers[HEADERS[head[1] % len(HEADERS)]] = "".join(
            letter for letter in value if letter.isprintable()
        )
    return Answer(status, b"" if status == 204 else body, headers)


def _services(clock: FakeClock) -> list[ExportService]:
    token = AccessToken()
    token.update({"access_token_id": "a", "access_token_secret": "b"})
    keys = AppKeys()
    keys.update({"app_id": "a", "app_token": "b"})
    url = SERVER.base_url
    return [
        SpaazaExports(TasksApi(spaaza_http(url, 1743, token, clock)), 1743),
        VoucherifyExports(ExportsApi(voucherify_http(url, keys, clock)), keys),
    ]


def _fetch(service: ExportService, clock: FakeClock) -> None:
    job = Job("12", JobState.DONE, "DONE")
    files = fetch_files(service, job, lambda: Download(FOLDER / "download"), Deadline(clock, 3_600))
    for file in files:
        file.path.unlink(missing_ok=True)
