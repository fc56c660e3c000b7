"""Fault 3: HTTP 429, at each call of a run, under the deadline of its export."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from spaaza_source.errors import ExportTimeoutError, UnavailableError
from spaaza_source.exports.downloads.fetch import PAUSE
from spaaza_source.exports.export import Phase
from tests.clocks import FakeClock
from tests.export_runs import AnyBench, Bench, SpaazaBench, VoucherifyBench, begin, wait
from tests.faults.hosts import BadHost, fetched, rest_of
from tests.vendors.scripted import CALLS, Call
from tests.vendors.scripted_spaaza import ScriptedTasks
from tests.vendors.server import Answer, Seen

pytestmark = pytest.mark.wing("transport", "exports")

FILE = b"user_id\n1\n"
#: Least and most seconds of a pause that nobody has asked for.
A_MOMENT = (0.5, 10)


@pytest.mark.parametrize("place", CALLS)
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
    bench: AnyBench,
    place: Call,
    retry_after: str | None,
    least: float,
    most: float,
) -> None:
    if retry_after == "date":
        retry_after = format_datetime(bench.clock.now() + timedelta(seconds=90), usegmt=True)
    headers = {"Retry-After": retry_after} if retry_after else {}
    bench.vendor.first(place, Answer(429, headers=headers))
    assert bench.outcome(poll_interval=0.001, export_timeout=600).phase is Phase.ARRIVED
    assert least <= max(bench.clock.pauses) <= most
    assert bench.vendor.asked("create") == (2 if place == "create" else 1)


@pytest.mark.parametrize("place", CALLS)
@pytest.mark.parametrize("retry_after", ["601", "86400", "1e999"])
def test_no_wait_reaches_past_the_exports_deadline(
    bench: AnyBench, place: Call, retry_after: str
) -> None:
    bench.vendor.always(place, Answer(429, headers={"Retry-After": retry_after}))
    error = bench.error(export_timeout=600)
    assert isinstance(error, UnavailableError)
    assert "too many requests" in str(error)
    assert bench.vendor.asked(place) == 1
    assert bench.clock.monotonic() < 60


@pytest.mark.parametrize(("retry_after", "comes"), [("300", True), ("420", False)])
def test_what_a_job_has_waited_is_no_longer_left(
    bench: AnyBench, retry_after: str, comes: bool
) -> None:
    """The third look comes when 200 to 300 of the 600 seconds are spent."""
    run = bench.run(poll_interval=100, max_poll_interval=100, export_timeout=600)
    bench.vendor.states = ("INPROGRESS", "INPROGRESS", "DONE")
    bench.vendor.first("look", None, None, Answer(429, headers={"Retry-After": retry_after}))
    table = begin(run, bench.vendor.request())
    wait(table)
    assert (table.error is None) == comes
    assert bench.clock.monotonic() <= 610


@pytest.mark.parametrize("place", CALLS)
def test_a_vendor_that_always_has_too_many_requests_is_given_up(
    bench: AnyBench, place: Call
) -> None:
    bench.vendor.always(place, Answer(429, headers={"Retry-After": "1"}))
    assert isinstance(bench.error(), UnavailableError)
    assert bench.vendor.asked(place) == 5


@pytest.mark.parametrize("place", CALLS)
def test_a_cycle_that_is_used_up_is_not_waited_out(
    voucherify_bench: VoucherifyBench, place: Call
) -> None:
    headers = {"Retry-After": "1", "X-Rate-Limit-Type": "api_calls_cycle"}
    vendor = voucherify_bench.vendor
    vendor.always(place, Answer(429, headers=headers))
    error = voucherify_bench.error()
    assert isinstance(error, UnavailableError)
    assert "billing cycle" in str(error)
    assert vendor.asked(place) == 1
    assert vendor.calls[-1] == place


@pytest.mark.parametrize("place", CALLS)
@pytest.mark.parametrize(
    ("ahead", "left", "waits"),
    [
        ("40", "0", (39, 40)),
        ("40.5", "0", (39, 40.5)),
        ("-5", "0", A_MOMENT),
        ("soon", "0", A_MOMENT),
        ("nan", "0", A_MOMENT),
        ("inf", "0", A_MOMENT),
        ("40", "none", A_MOMENT),
        ("40", "", A_MOMENT),
    ],
)
def test_without_a_retry_after_the_limits_own_header_tells_when(
    voucherify_bench: VoucherifyBench,
    place: Call,
    ahead: str,
    left: str,
    waits: tuple[float, float],
) -> None:
    vendor, clock = voucherify_bench.vendor, voucherify_bench.clock
    with contextlib.suppress(ValueError):
        ahead = str(clock.now().timestamp() + float(ahead))
    limits = {"X-Rate-Limit-Type": "api_calls", "X-Rate-Limit-Remaining": left}
    vendor.first(place, Answer(429, headers={**limits, "X-Rate-Limit-Retry": ahead}))
    patience = {"poll_interval": 0.001, "export_timeout": 600}
    assert voucherify_bench.outcome(**patience).phase is Phase.ARRIVED
    assert waits[0] <= max(clock.pauses) <= waits[1]
    assert vendor.asked("create") == (2 if place == "create" else 1)


@pytest.mark.parametrize("place", CALLS)
def test_where_the_limit_reaches_past_the_deadline_it_is_not_waited_for(
    voucherify_bench: VoucherifyBench, place: Call
) -> None:
    anew = voucherify_bench.clock.now().timestamp() + 3600
    limits = {"X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Retry": str(anew)}
    vendor = voucherify_bench.vendor
    vendor.always(place, Answer(429, headers=limits))
    error = voucherify_bench.error(export_timeout=600)
    assert isinstance(error, UnavailableError)
    assert "too many requests" in str(error)
    assert vendor.asked(place) == 1
    assert voucherify_bench.clock.monotonic() < 60


@pytest.mark.parametrize("ahead", [3600, 86_400, 1e15])
def test_looks_that_leave_room_for_the_limit_end_at_the_deadline_too(
    voucherify_bench: VoucherifyBench, ahead: float
) -> None:
    vendor, clock = voucherify_bench.vendor, voucherify_bench.clock
    vendor.states = ("IN_PROGRESS",)
    anew = str(clock.now().timestamp() + ahead)
    # As a vendor may put them behind every answer.
    listed = Answer.json({"exports": []})
    listed.headers.update({"X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Retry": anew})
    vendor.always("list", listed)
    error = voucherify_bench.error(export_timeout=600)
    assert isinstance(error, ExportTimeoutError)
    assert "job exp_1 is still IN_PROGRESS after" in str(error)
    assert clock.monotonic() < 700


def test_a_dropped_table_waits_for_no_vendor(spaaza_bench: SpaazaBench) -> None:
    class Dropped(ScriptedTasks):
        def _answer(self, seen: Seen) -> Answer:
            if self.place_of(seen)[0] == "look":
                run.drop(table)
            return super()._answer(seen)

    with Dropped() as dropping:
        dropping.always("look", Answer(429, headers={"Retry-After": "1"}))
        run = Bench(dropping, spaaza_bench.clock, spaaza_bench.folder).run()
        table = begin(run, dropping.request())
        while run._thread is not None:
            time.sleep(0.002)
        assert dropping.asked("look") == 1


@pytest.mark.parametrize(
    ("retry_after", "pause"),
    [("7", 7), ("date", 90), (None, PAUSE), ("-5", PAUSE), ("soon", PAUSE)],
)
def test_a_files_host_with_too_many_is_left_alone_too(
    retry_after: str | None, pause: float, tmp_path: Path
) -> None:
    clock = FakeClock()
    if retry_after == "date":
        then = datetime.now(UTC) + timedelta(seconds=90)
        retry_after = format_datetime(then, usegmt=True)
    busy = [Answer(429, headers={"Retry-After": retry_after} if retry_after else {})]

    def host(seen: Seen, whole: bytes) -> Answer:
        return busy.pop() if busy else rest_of(whole, seen)

    with BadHost("users", host, users=FILE) as vendor:
        assert fetched(vendor, tmp_path, clock).file().path.read_bytes() == FILE
    assert pause - 2 <= clock.pauses[-1] <= pause


@pytest.mark.parametrize("retry_after", ["1", "86400", "1e999"])
def test_a_files_host_with_too_many_requests_is_given_up_at_the_exports_deadline(
    retry_after: str, tmp_path: Path
) -> None:
    busy = Answer(429, headers={"Retry-After": retry_after})
    with (
        BadHost("users", lambda _seen, _whole: busy, users=FILE) as vendor,
        pytest.raises(UnavailableError, match="too many requests"),
    ):
        fetched(vendor, tmp_path)
    assert len(vendor.fetched) == (5 if retry_after == "1" else 1)
    assert list(tmp_path.iterdir()) == []
