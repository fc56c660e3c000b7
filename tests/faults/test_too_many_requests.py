"""Fault 3: HTTP 429, at each call of a run, under the deadline of its export."""

from __future__ import annotations

import time
from datetime import timedelta
from email.utils import format_datetime

import pytest

from spaaza_source.errors import UnavailableError
from spaaza_source.exports.export import Phase
from tests.exports.test_run import begin, request, wait
from tests.roads import Road
from tests.scripted_tasks import PLACES, Place, ScriptedTasks, task_without
from tests.vendors import Answer, Seen


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("retry_after", "least", "most"),
    [
        ("7", 7, 7),
        # Longer than any call may wait outside an export.
        ("400", 400, 400),
        ("date", 89, 90),
        (None, 0.5, 10),
        ("-5", 0.5, 10),
        ("soon", 0.5, 10),
        ("Mon, 99 Jan", 0.5, 10),
    ],
)
def test_a_vendor_with_too_many_requests_is_left_alone_for_as_long_as_it_asks(
    road: Road,
    place: Place,
    retry_after: str | None,
    least: float,
    most: float,
) -> None:
    if retry_after == "date":
        retry_after = format_datetime(road.clock.now() + timedelta(seconds=90), usegmt=True)
    headers = {"Retry-After": retry_after} if retry_after else {}
    road.vendor.first(place, Answer(429, headers=headers))
    assert road.outcome(poll_interval=0.001, export_timeout=600).phase is Phase.ARRIVED
    assert least <= max(road.clock.pauses) <= most
    assert road.vendor.asked("create") == (2 if place == "create" else 1)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("retry_after", ["601", "86400", "1e999"])
def test_no_wait_reaches_past_the_exports_deadline(
    road: Road, place: Place, retry_after: str
) -> None:
    road.vendor.always(place, Answer(429, headers={"Retry-After": retry_after}))
    error = road.error(export_timeout=600)
    assert isinstance(error, UnavailableError)
    assert "too many requests" in str(error)
    assert road.vendor.asked(place) == 1
    assert road.clock.monotonic() < 60


@pytest.mark.parametrize(("retry_after", "comes"), [("300", True), ("420", False)])
def test_what_a_job_has_waited_is_no_longer_left(road: Road, retry_after: str, comes: bool) -> None:
    """The third look comes when 200 to 300 of the 600 seconds are spent."""
    runs = Answer.json(task_without(state={"code": "INPROGRESS"}))
    road.vendor.first("look", runs, runs, Answer(429, headers={"Retry-After": retry_after}))
    run = road.run(poll_interval=100, max_poll_interval=100, export_timeout=600)
    table = begin(run, request())
    wait(table)
    assert (table.error is None) == comes
    assert road.clock.monotonic() <= 610


@pytest.mark.parametrize("place", PLACES)
def test_a_vendor_that_always_has_too_many_requests_is_given_up(road: Road, place: Place) -> None:
    road.vendor.always(place, Answer(429, headers={"Retry-After": "1"}))
    assert isinstance(road.error(), UnavailableError)
    assert road.vendor.asked(place) == 5


@pytest.mark.parametrize("place", PLACES)
def test_a_cycle_that_is_used_up_is_not_waited_out(road: Road, place: Place) -> None:
    headers = {"Retry-After": "1", "X-Rate-Limit-Type": "api_calls_cycle"}
    road.vendor.always(place, Answer(429, headers=headers))
    error = road.error()
    assert isinstance(error, UnavailableError)
    assert "billing cycle" in str(error)
    assert road.vendor.asked(place) == 1
    assert road.vendor.calls[-1] == place


def test_a_dropped_table_waits_for_no_vendor(road: Road) -> None:
    class Dropped(ScriptedTasks):
        def _answer(self, seen: Seen) -> Answer:
            if self._place_of(seen) == "look":
                run.drop(table)
            return super()._answer(seen)

    with Dropped() as dropping:
        dropping.always("look", Answer(429, headers={"Retry-After": "1"}))
        run = Road(dropping, road.clock, road.folder).run()
        table = begin(run, request())
        while run._thread is not None:
            time.sleep(0.002)
        assert dropping.asked("look") == 1
