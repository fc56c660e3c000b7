from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import requests

from spaaza_source.transport.patience import (
    LEAST_BYTES,
    SPAN,
    Patience,
    PatientAdapter,
    TooSlowError,
)
from tests.clocks import FakeClock, Stopwatch
from tests.vendors.server import Answer, ScriptedServer, in_turn


def pass_time(clock: FakeClock, seconds: float) -> None:
    clock.pause(seconds, threading.Event())


def test_before_its_first_byte_an_answer_is_not_slow() -> None:
    clock = FakeClock()
    patience = Patience(1000, clock)
    pass_time(clock, 999)
    assert patience.left() == 1


def test_a_span_with_too_few_bytes_ends_it() -> None:
    clock = FakeClock()
    patience = Patience(1000, clock)
    for size in (LEAST_BYTES, LEAST_BYTES - 1):
        patience.note(size)
        pass_time(clock, SPAN)
        if size == LEAST_BYTES:
            patience.left()
    with pytest.raises(
        TooSlowError, match=r"only 8,191 bytes of it came within 60 seconds"
    ) as slow:
        patience.left()
    assert not slow.value.is_late


def test_however_fast_it_is_an_answer_ends_by_its_deadline() -> None:
    clock = FakeClock()
    patience = Patience(100, clock)
    patience.note(1 << 30)
    pass_time(clock, 100)
    with pytest.raises(TooSlowError, match="within 100 seconds") as late:
        patience.left()
    assert late.value.is_late


@pytest.fixture
def clock() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def session(clock: Stopwatch) -> Iterator[requests.Session]:
    with requests.Session() as opened:
        opened.trust_env = False
        opened.mount("http://", PatientAdapter(lambda: Patience(1000, clock)))
        yield opened


def test_each_answer_on_a_connection_has_its_own_time(
    clock: Stopwatch, session: requests.Session
) -> None:
    with ScriptedServer(in_turn(Answer(200, b"a"), Answer(200, b"b"))) as server:
        assert session.get(server.base_url).text == "a"
        pass_time(clock, 999)
        assert session.get(server.base_url).text == "b"


def test_a_silence_that_reaches_the_deadline_ends_there(session: requests.Session) -> None:
    session.mount("http://", PatientAdapter(lambda: Patience(0.1)))
    with (
        ScriptedServer(
            in_turn(Answer(200, then="stall", headers={"Content-Length": "9"}))
        ) as server,
        pytest.raises(TooSlowError) as late,
    ):
        session.get(server.base_url)
    assert late.value.is_late


def test_a_proxy_is_waited_for_no_longer(clock: Stopwatch, session: requests.Session) -> None:
    dripping = Answer(200, headers={"Content-Length": "999"}, pieces=clock.drip(30, b"x"))
    with ScriptedServer(in_turn(dripping)) as proxy:
        session.proxies = {"http": proxy.base_url}
        with pytest.raises(TooSlowError):
            session.get("http://services.example/tasks")
