"""One export for one request at Voucherify, which echoes its parameters and no word of ours.

The same for Spaaza is tests/exports/test_adoption.py; clocks are tests/faults/test_clock_skew.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from spaaza_source.errors import SpaazaSourceError
from spaaza_source.exports.export import Phase
from spaaza_source.exports.table_sync import SyncPolicy, TableSync
from spaaza_source.windows import Window
from tests.clocks import FakeClock
from tests.export_runs import Bench, VoucherifyBench, wait
from tests.vendors.scripted_voucherify import ScriptedExports
from tests.vendors.server import Answer

GATEWAY = Answer(502, b"<html>Bad Gateway</html>", {"Content-Type": "text/html"})
BROKEN = Answer(200, b"{", {"Content-Length": "500"})


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[VoucherifyBench]:
    with ScriptedExports() as vendor:
        yield Bench(vendor, FakeClock(), tmp_path)


def echoed(bench: VoucherifyBench, **changed: Any) -> dict[str, Any]:
    """The body of the export that a run asks for, its parameters changed."""
    request = bench.vendor.request()
    return {
        "exported_object": request.subject,
        "parameters": {**request.selection, **changed},
    }


@pytest.mark.parametrize(
    "answer", [GATEWAY, BROKEN, Answer(504, b"-"), Answer(500, b"-"), Answer(200)]
)
def test_a_lost_answer_is_looked_for_before_anything_is_asked_again(
    answer: Answer, bench: VoucherifyBench
) -> None:
    bench.vendor.first("create", answer, created=True)
    assert bench.outcome().phase is Phase.ARRIVED
    assert len(bench.vendor.bodies) == bench.vendor.asked("create") == 1


def test_lost_answers_for_windows_of_two_tables_are_looked_for_before_anything_is_asked_again(
    bench: VoucherifyBench,
) -> None:
    now = bench.clock.now().replace(microsecond=0)
    span = SyncPolicy(now - timedelta(days=80), now)
    vendor = bench.vendor
    vendor.first("create", *[GATEWAY] * 6, created=True)
    run = bench.run(max_concurrent=9)
    tables = []
    for subject in ("redemption", "publication"):

        def ask(window: Any, subject: str = subject) -> Any:
            return vendor.request(window, subject)

        tables.append(run.begin(TableSync(ask(None).table, ask, span)))
    wait(*tables)
    assert [table.error for table in tables] == [None, None]
    assert vendor.asked("create") == len(vendor.bodies) == 6
    told = [(body["exported_object"], str(body["parameters"])) for body in vendor.bodies]
    assert len(set(told)) == 6
    jobs = {export.job.job_id for table in tables for export in table.exports}
    assert len(jobs) == 6


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_request_that_a_gateway_dropped_is_made_once_more(
    status: int, bench: VoucherifyBench
) -> None:
    bench.vendor.first("create", Answer(status, b"-"))
    assert bench.outcome().phase is Phase.ARRIVED
    assert (bench.vendor.asked("create"), len(bench.vendor.bodies)) == (2, 1)


@pytest.mark.parametrize("answer", [BROKEN, Answer(504, b"-"), Answer(200)])
def test_a_request_whose_fate_nobody_knows_is_not_made_again(
    answer: Answer, bench: VoucherifyBench
) -> None:
    bench.vendor.always("create", answer)
    with pytest.raises(SpaazaSourceError):
        bench.outcome()
    assert bench.vendor.asked("create") == 1


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"response_format": "CSV"},
        {"response_format": None, "campaign_id": None},
        {"response_format": "", "campaign_id": ""},
        {"filters": {}},
        {"filters": None},
    ],
)
def test_an_echo_may_say_a_little_more_than_was_asked(
    changed: dict[str, Any], bench: VoucherifyBench
) -> None:
    bench.vendor.bodies.append(echoed(bench, **changed))
    assert bench.outcome().adopted
    assert bench.vendor.asked("create") == 0


@pytest.mark.parametrize(
    "changed",
    [
        # Of a campaign or a voucher alone: fewer rows than were asked for.
        {"campaign_id": "camp_1"},
        {"voucher_id": "v_1"},
        {"limit": 100},
        {"response_format": "JSON"},
        {"filters": {"result": {"conditions": {"$is": ["SUCCESS"]}}}},
        {"filter": {"result": {"conditions": {"$is": ["SUCCESS"]}}}},
        {"filters": {}, "filter": {"result": {"conditions": {"$is": ["SUCCESS"]}}}},
        {"filters": [{"result": {"conditions": {"$is": ["SUCCESS"]}}}]},
        {"filters": "result"},
        {"fields": ["id", "date"]},
        {"order": "-created_at"},
        {"order": None},
    ],
)
def test_what_brings_other_rows_or_columns_is_not_taken_up(
    changed: dict[str, Any], bench: VoucherifyBench
) -> None:
    bench.vendor.bodies.append(echoed(bench, **changed))
    assert not bench.outcome().adopted
    assert bench.vendor.asked("create") == 1


def test_an_older_sample_of_an_echo_is_understood(bench: VoucherifyBench) -> None:
    now = bench.clock.now().replace(microsecond=0)
    window = Window(now - timedelta(days=8), now)
    asked = bench.vendor.request(window)
    parameters = dict(asked.selection)
    filters = {**parameters.pop("filters"), "junction": "AND"}
    bench.vendor.bodies.append(
        {"exported_object": asked.subject, "parameters": {**parameters, "filter": filters}}
    )
    found = list(bench.vendor.service(bench.clock).known_jobs(now))
    assert asked.fingerprint in {job.fingerprint for job in found}


def test_the_newest_of_several_is_taken_up(bench: VoucherifyBench) -> None:
    bench.vendor.created = None
    listed = [
        {**echoed(bench), "id": f"exp_{number}", "status": "DONE", "created_at": created}
        for number, created in enumerate(
            ["2026-05-26T11:59:00Z", "2026-05-26T11:59:30.5Z", "2026-05-26T11:58:00Z"], 1
        )
    ]
    bench.vendor.bodies += [echoed(bench)] * 3
    bench.vendor.first("list", Answer.json({"exports": listed}))
    assert bench.outcome().job.job_id == "exp_2"


def test_the_list_is_looked_through_page_by_page_until_it_gets_too_old(
    bench: VoucherifyBench,
) -> None:
    now = bench.clock.now()
    pages = [
        [
            {"id": f"x{page}-{place}", "created_at": (now - timedelta(hours=hours)).isoformat()}
            for place in range(100)
        ]
        for page, hours in enumerate((1, 24, 300, 301))
    ]
    pages[1][50] |= {**echoed(bench), "id": "exp_1", "status": "SCHEDULED"}
    # A date that never came is none, not a very old one.
    pages[0][7]["created_at"] = "0001-01-01T00:00:00Z"
    asked: list[str] = []

    class Long(ScriptedExports):
        def found(self, place: str, number: int) -> Any:
            if "list" not in place:
                return super().found(place, number)
            asked.append(place)
            return {"exports": pages[len(asked) - 1]}

    with Long() as vendor:
        vendor.bodies.append(echoed(bench))
        export = Bench(vendor, bench.clock, bench.folder).outcome()
    assert (export.adopted, export.job.job_id) == (True, "exp_1")
    assert len(asked) == 3


def test_a_list_that_knows_no_pages_comes_to_an_end(bench: VoucherifyBench) -> None:
    class Pageless(ScriptedExports):
        def found(self, place: str, number: int) -> Any:
            return super().found("list" if place == "end of list" else place, number)

    with Pageless(created=None) as vendor:
        vendor.bodies.append({"exported_object": "order", "parameters": {}})
        assert Bench(vendor, bench.clock, bench.folder).outcome().phase is Phase.ARRIVED
        assert vendor.calls[:3] == ["list", "end of list", "create"]
