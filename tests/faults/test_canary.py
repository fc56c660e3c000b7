"""Fault 40: no secret, and no customer's value, in any text that an error leaves behind.

A vendor that echoes what it is sent wherever it may, and files that are broken around a value:
looked through are the exception with all its causes and its frames' variables, all logs at DEBUG,
the words of the command, and every byte below the pipeline's folder and the warehouse.
"""

from __future__ import annotations

import gzip
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from spaaza_source import spaaza_bulk_users, spaaza_source
from spaaza_source.cli.output.error_messages import describe
from spaaza_source.errors import FileError
from spaaza_source.tabular import open_csv, open_json
from tests.faults.hosts import TOKEN, BadHost, cut, ours, settings_of, spaaza
from tests.faults.leaks import check_files, check_variables, everything_logged, texts_of
from tests.vendors.server import CANARY, Answer, Seen
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.wing("transport", "spaaza")

CELL = f"{CANARY}@example.com"
#: A vendor gives no words here, or the same again: do not wait between two tries.
NOW = {"Retry-After": "0.001"}

Reply = Callable[[Seen], Answer | None]


class Echo(BadHost):
    """A vendor that may answer any call in its own way; it knows the secrets that it was sent."""

    def __init__(self, reply: Reply = lambda _seen: None, **files: bytes) -> None:
        super().__init__("users", None, **{"users": b"id,name\n1,a\n", **files})
        self.reply = reply

    def _answer(self, seen: Seen) -> Answer:
        return self.reply(seen) or super()._answer(seen)


def echo(seen: Seen) -> str:
    """All that the vendor knows, spelled in the ways a server may spell it."""
    sent = seen.headers.get("Authorization", "")
    token, _, secret = sent.removeprefix("Bearer ").partition(":")
    escaped = secret.replace("/", "%2F").replace("+", "%2B").replace("=", "%3D")
    link = f"https://files.example/x?X-Amz-Signature={CANARY}&X-Amz-Date=1"
    return f"{sent} {token} secret={secret} {escaped} {link} X-Goog-Signature={CANARY}"


def refusing(status: int, kind: str = "json") -> Reply:
    """The call to create a task is refused, with an echo in the body and the headers."""

    def reply(seen: Seen) -> Answer | None:
        if seen.method != "POST":
            return None
        words, secret = echo(seen), TOKEN["access_token_secret"]
        headers = {**NOW, "X-Echo": words, "WWW-Authenticate": words, "Set-Cookie": words}
        if kind == "json":
            body = {"error": {"code": 1, "name": words, "description": words}}
            return Answer.json(body, status, **headers)
        text = {
            "older json": f'{{"errors": {{"7": {{"name": "{words}"}}}}}}',
            "html": f"<html>{words}</html>",
            # A message is not cut inside a secret.
            "text 395": "x" * 395 + secret,
        }[kind]
        return Answer(status, text.encode(), {"Content-Type": "text/plain", **headers})

    return reply


def task_that(**state: Any) -> Reply:
    """The task looks so, with the secret in it wherever the vendor has words of its own."""

    def reply(seen: Seen) -> Answer | None:
        if seen.method != "GET" or not seen.path.split("?")[0].removeprefix("/tasks/").isdigit():
            return None
        words = echo(seen)
        shown = {key: value.replace("ECHO", words) for key, value in state.items()}
        task = {"id": 1, "chain": 1743, "logs": [{"text": words}, words]}
        return Answer.json({**task, "state": shown})

    return reply


def link_to(url: str) -> Reply:
    return lambda seen: (
        Answer.json({"url": url.replace("ECHO", CANARY)})
        if seen.path.endswith("/download_url")
        else None
    )


def file_is(body: bytes | Answer) -> Reply:
    answer = body if isinstance(body, Answer) else Answer(200, body)
    return lambda seen: answer if seen.path.startswith("/file/") else None


VALUE = CELL.encode()
JSON = {"export_format": "json"}
ROWS = b"id,name\n" + b"".join(b"%d,%s\n" % (number, VALUE) for number in range(200))
PAGE = b"<html><body>%s</body></html>" % VALUE

NUMBER = b"+316%s123456" % CANARY.encode()
#: Files that are refused, each around a value, and how they are read.
BROKEN: dict[str, tuple[bytes, dict[str, Any]]] = {
    "a page": (PAGE, {}),
    "JSON for a table": (b'{"message": "%s"}' % VALUE, {}),
    "a value for a name": (b"%s,%s\n1,2\n" % (VALUE, VALUE), {}),
    "values for names": (b"7,2026-01-01,%s,%s\n1,2,3,4\n" % ((CANARY.encode(),) * 2), {}),
    "a query for a name": (b"Denied,sig=%s,sig=%s\n" % (VALUE, VALUE), {}),
    "a number for a name": (b"%s,%s\n" % (NUMBER, NUMBER), {}),
    "an unclosed quote": (ROWS + b'7,"%s\n' % VALUE, {}),
    "a lost quote": (ROWS + b'7,"%s"%s\n"\n8,9\n' % (VALUE, VALUE), {}),
    "a cut row": (ROWS + VALUE, {}),
    "a bad row": (ROWS + b"7,%s,%s\n8,b\n" % (VALUE, VALUE), {"on_bad_row": "fail"}),
    "bad rows": (
        ROWS + b"7,%s,%s\n8,b\n" % (VALUE, VALUE),
        {"max_rejected_rows": 0, "max_rejected_share": 0},
    ),
    "a NUL": (ROWS + b"7,%s\x00\n" % VALUE, {"on_bad_row": "fail"}),
    "another encoding": (ROWS + b"7,%s\xff\n" % VALUE, {}),
    "apostrophes": (b"id,name\n1,'%s'\n2,'%s'\n" % (VALUE, VALUE), {}),
    "two tables": (ROWS + b"\n\n%s,x\n" % VALUE, {}),
    "cut JSON": (b'[{"name": "%s"}, {"name": "%s' % (VALUE, VALUE), JSON),
    "broken JSON": (b'[{"name": "%s" "%s"}]' % (VALUE, VALUE), JSON),
    "a key twice": (b'[{"%s": 1, "%s": 2}]' % (VALUE, VALUE), JSON),
    "data as keys": (b'[{"%s": 1, " %s": 2}]' % (VALUE, VALUE), JSON),
    "an error in JSON": (b'{"error": "%s"}' % VALUE, JSON),
    "bad elements": (b'["%s"]' % VALUE, JSON),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_no_refusal_of_a_file_tells_a_value(fault: str, tmp_path: Path) -> None:
    body, given = BROKEN[fault]
    (tmp_path / "file").write_bytes(body)
    read: Callable[..., object] = open_json if given == JSON else partial(open_csv, **given)
    with pytest.raises(FileError) as refused:
        read(tmp_path / "file")
    assert CANARY not in "".join(traceback.format_exception(refused.value))


def broken_file(name: str) -> tuple[Reply, dict[str, Any]]:
    body, given = BROKEN[name]
    return file_is(body), given


#: Faults in which no reader has a cell in its variables.
OF_THE_VENDOR: dict[str, tuple[Reply, dict[str, Any]]] = {
    **{f"{status}": (refusing(status), {}) for status in (400, 401, 403, 404, 429, 500, 503)},
    **{kind: (refusing(400, kind), {}) for kind in ("older json", "html", "text 395")},
    "a page instead of a task": (refusing(200, "html"), {}),
    "an export that failed": (task_that(code="ERROR"), {}),
    "a state of its own": (task_that(code="ECHO"), {"export_timeout": 0.0}),
    "a plain link": (link_to("http://files.example/x?sig=ECHO"), {}),
    "a link with a user": (link_to("http://ECHO:ECHO@files.example/ECHO#ECHO"), {}),
    "no link": (link_to("https://[ECHO/x?sig=ECHO"), {}),
    "a link to nobody": (link_to("http://127.0.0.1:9/ECHO?sig=ECHO"), {}),
    "an expired link": (file_is(Answer(403, PAGE, {"X-Echo": CANARY})), {}),
    "a failing host": (file_is(Answer(503, PAGE)), {}),
    "a redirect": (file_is(Answer(302, headers={"Location": f"http://x.example/?{CANARY}"})), {}),
    "headers that cannot be read": (
        file_is(Answer(503, b"", {f"X-{CANARY}": f"1\r\n{CANARY} {CANARY}\r\nx: 1"})),
        {},
    ),
    "no such column": (
        file_is(ROWS),
        {"privacy": {"users": {"shoe": "drop"}}, "privacy_secret": f"{CANARY}-{CANARY}"},
    ),
}
OF_FILES: dict[str, tuple[Reply, dict[str, Any]]] = {
    "a broken download": (file_is(cut(Answer(200, ROWS), 99)), {}),
    "damaged gzip": (file_is(gzip.compress(ROWS)[:-5] + b"12345"), {}),
    **{
        name: broken_file(name)
        for name in ("values for names", "an unclosed quote", "a bad row", "another encoding")
    },
    **{name: broken_file(name) for name in ("cut JSON", "broken JSON", "a key twice")},
}


@pytest.mark.parametrize("fault", [*OF_THE_VENDOR, *OF_FILES])
def test_no_error_tells_a_secret_or_a_value(
    fault: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    reply, given = (OF_THE_VENDOR | OF_FILES)[fault]
    with Echo(reply) as vendor, settings_of(vendor) as patch, everything_logged() as logged:
        patch.setenv("RUNTIME__LOG_LEVEL", "DEBUG")
        with pytest.raises(PipelineStepFailed) as stopped:
            pipeline_into(tmp_path).run(spaaza_source(**given).with_resources("users"))
    assert ours(stopped.value).cause
    said = capfd.readouterr()
    assert "urllib3.connectionpool DEBUG" in logged.getvalue()
    for text in (texts_of(stopped.value), logged.getvalue(), said.out, said.err):
        assert CANARY not in text
    check_files(tmp_path)
    if fault in OF_THE_VENDOR:
        check_variables(stopped.value)


@pytest.mark.slow
def test_a_contract_that_is_broken_does_not_tell_the_value(tmp_path: Path) -> None:
    with Echo(users=b"id,rank\n1,1\n2,2\n") as vendor, settings_of(vendor):
        pipeline = pipeline_into(tmp_path)
        pipeline.run(spaaza_source().with_resources("users"))
        vendor.files["users"] = b"id,rank\n1,%s\n2,2\n" % VALUE
        source = spaaza_source().with_resources("users")
        source.schema_contract = {"data_type": "freeze"}
        with pytest.raises(Exception, match="freeze") as stopped:
            pipeline.run(source)
    assert CANARY not in "".join(traceback.format_exception(stopped.value))
    assert CANARY not in describe(stopped.value)[0]
    check_files(tmp_path)


@pytest.mark.slow
def test_a_load_that_works_leaves_no_secret_anywhere(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with Echo() as vendor, settings_of(vendor) as patch, everything_logged() as logged:
        patch.setenv("RUNTIME__LOG_LEVEL", "DEBUG")
        pipeline = pipeline_into(tmp_path)
        source = spaaza_source().with_resources("users")
        info = pipeline.run(source)
        shown: list[Any] = [info, source, source.users, pipeline, pipeline.last_trace, source.state]
        shown += [pipeline.last_trace.asdict(), info.asdict(), pipeline.default_schema.to_dict()]  # type: ignore[union-attr]
        told = [text for each in shown for text in (str(each), repr(each))]
        told += [each._repr_html_() for each in shown if hasattr(each, "_repr_html_")]
        told.append(str(query(tmp_path, "FROM export_jobs")))
    assert f"X-Amz-Signature={CANARY}" in vendor.links[0]
    said = capfd.readouterr()
    for text in (*told, logged.getvalue(), said.out, said.err):
        assert CANARY not in text
    check_files(tmp_path)


@pytest.mark.slow
def test_a_row_that_does_not_fit_is_in_its_own_table_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    users = b"id,name\n" + b"1,a\n" * 200 + b"7,b,%s\n" % VALUE
    with Echo(users=users) as vendor, settings_of(vendor), everything_logged() as logged:
        pipeline = pipeline_into(tmp_path)
        pipeline.run(spaaza_source().with_resources("users"))
        trace = str(pipeline.last_trace.asdict())  # type: ignore[union-attr]
    assert VALUE in query(tmp_path, "SELECT raw FROM rejected_rows")[0][0]
    said = capfd.readouterr()
    pickled = (tmp_path / "pipelines" / "spaaza" / "trace.pickle").read_bytes()
    for text in (logged.getvalue(), said.out, said.err, trace, str(pickled)):
        assert CANARY not in text


@pytest.mark.parametrize("status", [200, 401, 500])
def test_the_bulk_export_tells_no_secret(tmp_path: Path, status: int) -> None:
    reply = refusing(status, "html" if status == 200 else "json")
    session = {"session_user_id": "1", "session_key": f"{CANARY}-session"}
    with (
        Echo(reply) as vendor,
        settings_of(vendor),
        everything_logged() as logged,
        pytest.raises(PipelineStepFailed) as stopped,
    ):
        pipeline_into(tmp_path).run(spaaza_bulk_users(credentials=session))
    assert ours(stopped.value).cause
    assert CANARY not in texts_of(stopped.value) + logged.getvalue()
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
        return Answer.json({"message": echo(seen)}, status, **NOW)

    wrong_setting = status == 401 or command in ("check", "load")
    with Echo(reply) as vendor, everything_logged() as logged:
        assert spaaza(vendor, "--debug", command) == (2 if wrong_setting else 1)
    said = capfd.readouterr()
    assert "Traceback" in said.err
    assert "spaaza: " in said.err
    assert CANARY not in said.out + said.err + logged.getvalue()
