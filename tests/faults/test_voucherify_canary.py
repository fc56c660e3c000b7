"""Fault 40 at Voucherify: no app id, app token, link token or customer's value is left anywhere.

As tests/faults/test_canary.py has it for Spaaza; what is wrong inside a file is told by the same
code for both, so here are the faults in which Voucherify's own package has a word.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from spaaza_source import voucherify_source
from tests.faults.hosts import BadDownloads, cut, ours, settings_of, spaaza
from tests.faults.leaks import check_files, check_variables, everything_logged, texts_of
from tests.vendors.server import CANARY, Answer, Seen
from tests.vendors.voucherify_files import KEYS
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.wing("transport", "voucherify")

CELL = f"{CANARY}@example.com"
#: A vendor gives no words here, or the same again: do not wait between two tries.
NOW = {"Retry-After": "0.001"}
FIELDS = ["id", "email", "name"]
URL = f"https://files.example/x?token={CANARY}"

Reply = Callable[[Seen], Answer | None]


class Echo(BadDownloads):
    """A vendor that may answer any call in its own way; it knows the secrets that it was sent."""

    def __init__(self, reply: Reply = lambda _seen: None) -> None:
        super().__init__("customer", customer=b"ID,Email,Name\nc_1,a,b\n")
        self.reply = reply

    def _answer(self, seen: Seen) -> Answer:
        return self.reply(seen) or super()._answer(seen)


def echo(seen: Seen) -> str:
    """All that the vendor knows, spelled in the ways a server may spell it."""
    token, app_id = KEYS["app_token"], KEYS["app_id"]
    escaped = token.replace("/", "%2F").replace("+", "%2B").replace("=", "%3D")
    host = seen.headers.get("Host")
    links = f"{URL} http://{host}/file/1/0?token={CANARY}#{CANARY}"
    return f"{app_id}:{token} X-App-Id: {app_id}, x-app-token={token} {escaped} {links}"


def refusing(status: int, kind: str = "json") -> Reply:
    """The call to create an export is refused, with an echo in the body and the headers."""

    def reply(seen: Seen) -> Answer | None:
        if seen.method != "POST":
            return None
        words = echo(seen)
        headers = {**NOW, "X-Echo": words, "WWW-Authenticate": words, "Set-Cookie": words}
        body: Any = {"code": status, "key": words, "message": words, "details": words}
        body |= {"error": {"message": words}, "request_id": words, "resource_id": words}
        if kind == "listed":
            body = {"message": [words], "details": {words: [words]}, "error": words}
        if kind in ("json", "listed"):
            return Answer.json(body, status, **headers)
        text = {"html": f"<html>{words}</html>", "long": "x" * 380 + words}[kind]
        return Answer(status, text.encode(), {"Content-Type": "text/plain", **headers})

    return reply


def export_that(**changed: Any) -> Reply:
    """The export looks so, with the secrets in it wherever the vendor has words of its own."""

    def reply(seen: Seen) -> Answer | None:
        if seen.method != "GET" or not seen.path.startswith("/v1/exports/"):
            return None
        words = echo(seen)
        shown = json.loads(json.dumps(changed).replace("ECHO", json.dumps(words)[1:-1]))
        export = {"id": "exp_1", "status": "DONE", "channel": words, "user_id": words}
        return Answer.json({**export, "error": {"message": words}, **shown})

    return reply


def file_is(body: bytes | Answer) -> Reply:
    answer = body if isinstance(body, Answer) else Answer(200, body)
    return lambda seen: answer if seen.path.startswith("/file/") else None


def redirect(target: str) -> Reply:
    return file_is(Answer(302, headers={"Location": target}))


VALUE = CELL.encode()
PAGE = b"<html><body>%s</body></html>" % VALUE
ROW = b"c_1,%s,%s" % (VALUE, CANARY.encode())
HEADER = b"ID,Email,Name\n"

#: Faults in which no reader has a cell in its variables.
OF_THE_VENDOR: dict[str, tuple[Reply, dict[str, Any]]] = {
    **{f"{status}": (refusing(status), {}) for status in (400, 401, 402, 429, 503)},
    **{kind: (refusing(400, kind), {}) for kind in ("listed", "long")},
    "a page instead of an export": (refusing(200, "html"), {}),
    "words instead of an export": (refusing(200), {}),
    "an export that failed": (export_that(status="ERROR"), {"objects": ["points_expirations"]}),
    "a status of its own": (export_that(status="ECHO"), {"export_timeout": 0.0}),
    "an export that has vanished": (
        lambda seen: (
            refusing(404)(Seen("POST", seen.path, seen.headers, b""))
            if seen.path.startswith("/v1/exports/")
            else None
        ),
        {},
    ),
    "a result of no known form": (export_that(result={"file": URL, "ECHO": "ECHO"}), {}),
    "a plain link": (export_that(result={"url": f"http://files.example/x?token={CANARY}"}), {}),
    "a link with a user": (
        export_that(result={"url": f"http://{CANARY}:{CANARY}@files.example/{CANARY}#{CANARY}"}),
        {},
    ),
    "no link": (export_that(result=f"https://[{CANARY}/x?token={CANARY}"), {}),
    "no host": (export_that(result=f"https://{CANARY}:x@\u2100.example/?{CANARY}"), {}),
    "a word": (export_that(result="ECHO"), {}),
    "a link to nobody": (export_that(result=[f"http://127.0.0.1:9/{CANARY}?token={CANARY}"]), {}),
    "an expired link": (file_is(Answer(401, PAGE, {"X-Echo": CANARY})), {}),
    "a redirect": (redirect(f"http://files.example/?token={CANARY}"), {}),
}
OF_FILES: dict[str, tuple[Reply, dict[str, Any]]] = {
    "a broken download": (file_is(cut(Answer(200, HEADER + ROW * 9), 40)), {}),
    "no header": (file_is(ROW + b"\n" + ROW + b"\n"), {}),
    "a customer's name for a label": (
        file_is(b"%s,Ede,%s\n1,2,3\n" % (CANARY.encode(), CANARY.encode())),
        {},
    ),
}


@pytest.mark.parametrize("fault", [*OF_THE_VENDOR, *OF_FILES])
def test_no_error_tells_a_secret_or_a_value(
    fault: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    reply, given = (OF_THE_VENDOR | OF_FILES)[fault]
    given = {"objects": ["customers"], "fields": {"customers": FIELDS}, **given}
    with Echo(reply) as vendor, settings_of(vendor) as patch, everything_logged() as logged:
        patch.setenv("RUNTIME__LOG_LEVEL", "DEBUG")
        with pytest.raises(PipelineStepFailed) as stopped:
            pipeline_into(tmp_path).run(voucherify_source(**given))
    assert ours(stopped.value).cause
    said = capfd.readouterr()
    assert "urllib3.connectionpool DEBUG" in logged.getvalue()
    for text in (texts_of(stopped.value), logged.getvalue(), said.out, said.err):
        assert CANARY not in text
    check_files(tmp_path)
    if fault in OF_THE_VENDOR:
        check_variables(stopped.value)


@pytest.mark.slow
@pytest.mark.parametrize("by_argument", [False, pytest.param(True, marks=pytest.mark.thorough)])
def test_a_load_that_works_leaves_no_secret_anywhere(
    by_argument: bool, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    given: dict[str, Any] = {"objects": ["customers"], "fields": {"customers": FIELDS}}
    with Echo() as vendor, settings_of(vendor) as patch, everything_logged() as logged:
        patch.setenv("RUNTIME__LOG_LEVEL", "DEBUG")
        if by_argument:
            for name in KEYS:
                patch.delenv(f"SOURCES__VOUCHERIFY__CREDENTIALS__{name.upper()}")
            given["credentials"] = KEYS
        pipeline = pipeline_into(tmp_path)
        source = voucherify_source(**given)
        info = pipeline.run(source)
        trace = pipeline.last_trace
        assert trace is not None
        shown: list[Any] = [info, source, source.customers, pipeline, trace, source.state]
        shown += [trace.asdict(), info.asdict(), pipeline.default_schema.to_dict()]
        told = [text for each in shown for text in (str(each), repr(each))]
        told += [each._repr_html_() for each in shown if hasattr(each, "_repr_html_")]
        told.append(str(query(tmp_path, "FROM export_jobs")))
    assert any(f"token={CANARY}" in seen.path for seen in vendor.seen)
    said = capfd.readouterr()
    for text in (*told, logged.getvalue(), said.out, said.err):
        assert CANARY not in text
    check_files(tmp_path)


@pytest.mark.parametrize(
    ("command", "status"),
    [(name, 400) for name in ("check", "load", "plan", "submit", "collect", "jobs")]
    + [("load", 401), ("jobs", 500)],
)
def test_no_command_tells_a_secret(
    command: str, status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    def reply(seen: Seen) -> Answer | None:
        return Answer.json({"message": echo(seen), "details": echo(seen)}, status, **NOW)

    with Echo(reply) as vendor, everything_logged() as logged:
        assert spaaza(vendor, "--debug", command, "--vendor", "voucherify") in (1, 2)
    said = capfd.readouterr()
    assert "Traceback" in said.err
    assert "spaaza: " in said.err
    assert CANARY not in said.out + said.err + logged.getvalue()
