from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from urllib3 import HTTPConnectionPool

from spaaza_source.errors import (
    CredentialsError,
    RequestRefusedError,
    SettingsError,
    SpaazaSourceError,
    UnavailableError,
    UnexpectedAnswerError,
    UnreachableError,
)
from spaaza_source.spaaza.tasks_api import read_refusal
from spaaza_source.transport import HttpClient, parse_base_url
from spaaza_source.transport.retry import parse_retry_after
from tests.clocks import FakeClock
from tests.vendors.server import Answer, ScriptedServer, Seen, in_turn

SECRET = "canary-secret-5d1e"
DENIED = Answer.json(
    {
        "result": {"code": 2, "status": "error"},
        "error": {"code": 68, "name": "permission_denied_or_non_existent", "description": "no"},
    },
    500,
)


def http_to(server: ScriptedServer, clock: FakeClock | None = None) -> HttpClient:
    return HttpClient(
        server.base_url,
        headers={"Authorization": f"Bearer id:{SECRET}"},
        secrets=[SECRET],
        read_refusal=read_refusal,
        clock=clock or FakeClock(),
    )


def calls_until_error(
    answer: Callable[[Seen], Answer], error: type[SpaazaSourceError]
) -> tuple[str, int, FakeClock]:
    """The error's text, how often the server was asked, and the clock that was waited by."""
    clock = FakeClock()
    with ScriptedServer(answer) as server, pytest.raises(error) as raised:
        http_to(server, clock).get("/tasks")
    return str(raised.value), len(server.seen), clock


def test_json_comes_back_and_credentials_go_along() -> None:
    with ScriptedServer(in_turn(Answer.json([1]))) as server:
        assert http_to(server).get("/tasks", {"limit": 1}) == [1]
    assert server.seen[0].path == "/tasks?limit=1"
    assert server.seen[0].headers["Authorization"] == f"Bearer id:{SECRET}"


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_not_tried_again(status: int) -> None:
    text, asked, _ = calls_until_error(in_turn(Answer(status)), CredentialsError)
    assert asked == 1
    assert "Check the credentials" in text


def test_a_missing_permission_arrives_as_500_and_is_not_tried_again() -> None:
    text, asked, _ = calls_until_error(in_turn(DENIED), CredentialsError)
    assert asked == 1
    assert "permission_denied_or_non_existent" in text


@pytest.mark.parametrize(("status", "tries"), [(500, 3), (502, 5), (503, 5), (504, 5)])
def test_a_failing_vendor_is_tried_again_and_then_given_up(status: int, tries: int) -> None:
    answer = Answer.json({"error": {"name": "oops", "description": f"echo {SECRET}"}}, status)
    text, asked, clock = calls_until_error(in_turn(answer), UnavailableError)
    assert asked == tries
    assert len(clock.pauses) == tries - 1
    assert "oops" in text
    assert SECRET not in text


def test_a_failure_that_passes_is_not_seen() -> None:
    with ScriptedServer(in_turn(Answer(503), Answer(502), Answer.json([]))) as server:
        assert http_to(server).get("/tasks") == []
    assert len(server.seen) == 3


def test_a_post_is_sent_once_whatever_happens() -> None:
    for answer in (Answer(503), Answer(500), Answer(429), Answer(200, b"<html>")):
        with ScriptedServer(in_turn(answer)) as server, pytest.raises(SpaazaSourceError):
            http_to(server).post("/tasks", {})
        assert len(server.seen) == 1


def test_too_many_requests_waits_as_long_as_the_vendor_says() -> None:
    clock = FakeClock()
    answers = in_turn(Answer(429, headers={"Retry-After": "17"}), Answer.json([]))
    with ScriptedServer(answers) as server:
        http_to(server, clock).get("/tasks")
    assert clock.pauses == [17.0]


def test_a_huge_retry_after_stops_at_once() -> None:
    answer = in_turn(Answer(429, headers={"Retry-After": "86400"}))
    _, asked, clock = calls_until_error(answer, UnavailableError)
    assert (asked, clock.pauses) == (1, [])


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("5", 5.0), ("-5", None), ("soon", None), ("", None), (None, None), ("nan", None)],
)
def test_retry_after_is_read_or_left(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, datetime.now(UTC)) == seconds


def test_retry_after_may_be_a_date() -> None:
    now = datetime(2026, 5, 26, 12, tzinfo=UTC)
    assert parse_retry_after(format_datetime(now + timedelta(seconds=90), usegmt=True), now) == 90


def test_html_is_tried_again_and_then_refused() -> None:
    answer = Answer(200, b"<html>welcome</html>", {"Content-Type": "text/html"})
    text, asked, _ = calls_until_error(in_turn(answer), UnexpectedAnswerError)
    assert asked == 5
    assert "base_url" in text


def test_a_refusal_shows_the_vendors_words_and_no_secret() -> None:
    answer = Answer.json({"errors": {"3": {"name": "bad", "description": f"x {SECRET}"}}}, 400)
    text, asked, _ = calls_until_error(in_turn(answer), RequestRefusedError)
    assert asked == 1
    assert "bad" in text
    assert SECRET not in text


def test_a_redirect_is_not_followed_with_credentials() -> None:
    answer = Answer(302, headers={"Location": "http://127.0.0.1:9/steal"})
    _, asked, _ = calls_until_error(in_turn(answer), RequestRefusedError)
    assert asked == 1


def test_a_host_that_is_not_there_is_named() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    http = HttpClient(
        base_url, headers={}, secrets=[], read_refusal=read_refusal, clock=FakeClock()
    )
    with pytest.raises(UnreachableError, match="no connection to the host can be made"):
        http.get("/tasks")


def test_the_vendors_clock_is_the_clock() -> None:
    clock = FakeClock()
    ahead = clock.now() + timedelta(minutes=10)
    answer = Answer.json([], Date=format_datetime(ahead, usegmt=True))
    with ScriptedServer(in_turn(answer)) as server:
        http = http_to(server, clock)
        http.get("/tasks")
    assert http.now() == ahead


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "  ",
        "services.example",
        "ftp://host",
        "https://",
        "https://u:p@host",
        "https://h?x=1",
        "http://services.example",
        "https://host:port",
        None,
        7,
    ],
)
def test_a_wrong_address_is_one_clear_sentence(base_url: object) -> None:
    with pytest.raises(SettingsError, match=r"^base_url: "):
        parse_base_url(base_url)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://services.example/", "https://services.example"),
        (" https://services.example/v1 ", "https://services.example/v1"),
        ("http://127.0.0.1:8750", "http://127.0.0.1:8750"),
        ("http://localhost:8750", "http://localhost:8750"),
    ],
)
def test_an_address_loses_its_last_slash(given: str, kept: str) -> None:
    assert parse_base_url(given) == kept


def test_the_connections_of_a_thread_end_with_it() -> None:
    def pools() -> int:
        gc.collect()
        return sum(isinstance(each, HTTPConnectionPool) for each in gc.get_objects())

    before = pools()
    with ScriptedServer(in_turn(Answer.json({}))) as server:
        http = http_to(server)
        for _ in range(3):
            thread = threading.Thread(target=http.get, args=("/tasks",))
            thread.start()
            thread.join()
        assert len(server.seen) == 3
    assert pools() == before
