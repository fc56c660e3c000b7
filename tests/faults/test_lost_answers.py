"""Faults 1 and 2: answers that never come, and a vendor that fails, at each vendor.

Answers that come and are not understood are test_odd_answers'; what is told of a refusal,
test_create_and_poll's.
"""

from __future__ import annotations

import pytest

from spaaza_source.errors import SpaazaSourceError, UnavailableError
from spaaza_source.exports.export import Phase
from spaaza_source.transport import http_client as http
from tests.export_runs import AnyBench
from tests.vendors.scripted import SECRET, Call
from tests.vendors.server import Answer

pytestmark = pytest.mark.wing("exports")

GETS: tuple[Call, ...] = ("list", "look", "link")
CLOSED, RESET = Answer(0), Answer(0, then="reset")
CUT = Answer(200, b'{"id"', {"Content-Length": "500"})
#: Answers to a create that leave open what became of it.
LOST = {
    "closed": CLOSED,
    "reset": RESET,
    "cut": CUT,
    "cut and reset": Answer(200, CUT.body, CUT.headers, "reset"),
    **{str(status): Answer(status, b"<html>gateway</html>") for status in (500, 502, 503, 504)},
}
#: Statuses with which a server, or a gateway before it, says that nothing was done.
NOTHING_DONE = ("500", "502", "503")


def jobs(bench: AnyBench) -> int:
    """That there are at the vendor."""
    return len(bench.vendor.bodies)


@pytest.mark.parametrize("lost", LOST)
def test_what_was_created_is_found_though_its_answer_is_lost(bench: AnyBench, lost: str) -> None:
    bench.vendor.first("create", LOST[lost], created=True)
    assert bench.outcome().phase is Phase.ARRIVED
    assert (bench.vendor.asked("create"), jobs(bench)) == (1, 1)


@pytest.mark.parametrize("lost", LOST)
def test_what_was_not_created_is_never_there_twice(bench: AnyBench, lost: str) -> None:
    bench.vendor.first("create", LOST[lost])
    if lost in NOTHING_DONE:
        assert bench.outcome().phase is Phase.ARRIVED
        assert (bench.vendor.asked("create"), jobs(bench)) == (2, 1)
    else:
        assert isinstance(bench.error(), SpaazaSourceError)
        assert (bench.vendor.asked("create"), jobs(bench)) == (1, 0)


def test_an_answer_that_takes_too_long_is_lost(
    bench: AnyBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "TIMEOUT", (5.0, 0.2))
    bench.vendor.first("create", Answer(0, then="stall"), created=True)
    assert bench.outcome().phase is Phase.ARRIVED
    assert (bench.vendor.asked("create"), jobs(bench)) == (1, 1)


@pytest.mark.parametrize("place", GETS)
@pytest.mark.parametrize("answer", [CLOSED, RESET, CUT], ids=["closed", "reset", "cut"])
def test_a_look_whose_answer_is_lost_is_made_again_and_not_for_ever(
    bench: AnyBench, place: Call, answer: Answer
) -> None:
    # The first time it comes in the end.
    bench.vendor.first(place, answer, answer)
    bench.outcome().file().path.unlink()
    assert jobs(bench) == 1
    bench.vendor.always(place, answer)
    assert isinstance(bench.error(max_age=0), SpaazaSourceError)
    assert bench.vendor.asked(place) <= 3 + 5
    assert bench.clock.monotonic() < 120


@pytest.mark.parametrize("place", GETS)
def test_after_500_there_are_two_more_tries_and_the_vendors_words(
    bench: AnyBench, place: Call
) -> None:
    bench.vendor.always(place, bench.vendor.refusal(500, "index_broken", f"shard 7 {SECRET}"))
    error = bench.error()
    assert isinstance(error, UnavailableError)
    assert "index_broken" in str(error)
    assert "shard 7" in str(error)
    assert bench.vendor.asked(place) == 3
