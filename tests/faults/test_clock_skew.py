"""Fault 14: the vendor's clock is ten minutes before ours, or behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from dlt.extract import DltSource

from spaaza_source import spaaza_source
from spaaza_source.exports.export import Phase
from spaaza_source.exports.patience import Patience
from spaaza_source.exports.request import ExportRequest
from spaaza_source.exports.windows import MARGIN, iso, parse_instant
from spaaza_source.sandbox import Sandbox, SandboxSettings
from spaaza_source.sandbox.shop import Span
from spaaza_source.spaaza.service import description
from tests.clocks import FakeClock
from tests.exports.test_run import arrived, begin, request, run_against
from tests.roads import Road
from tests.scripted_tasks import ScriptedTasks
from tests.vendors import Answer
from tests.warehouses import pipeline_into, query

SKEWS = [timedelta(minutes=-10), timedelta(minutes=10)]
#: Between one row and the next.
APART = timedelta(milliseconds=5)


def source(vendor: Sandbox | ScriptedTasks) -> DltSource:
    """Transactions, with no lag that would hide a gap."""
    token = {"access_token_id": "id", "access_token_secret": "canary"}
    credentials = vendor.credentials if isinstance(vendor, Sandbox) else token
    pace: dict[str, Any] = {"poll_interval": 0.02, "start_margin": 0, "stagger": 0, "lag": 0}
    everything = spaaza_source(vendor.base_url, 1743, credentials, **pace)
    return everything.with_resources("transactions")


class BusyShop:
    """A shop that sells something every few milliseconds, now too."""

    def __init__(self, opened: datetime) -> None:
        self.opened = opened

    def schema(self, index: str) -> pa.Schema:  # noqa: ARG002 - part of the contract
        return pa.schema({"id": pa.int64(), "timestamp": pa.timestamp("us", "UTC")})

    def blocks(
        self,
        index: str,
        at: datetime,
        near: Mapping[str, Span],  # noqa: ARG002 - as above
    ) -> Iterator[pa.Table]:
        ids = np.arange(1 + (at - self.opened) // APART)
        sold = np.datetime64(self.opened.replace(tzinfo=None), "us") + ids * np.timedelta64(APART)
        yield pa.table([ids, sold], names=["id", "timestamp"]).cast(self.schema(index))

    def bulk_users(self, at: datetime) -> Iterator[pa.Table]:  # noqa: ARG002 - as above
        yield from ()


@pytest.mark.parametrize("skew", SKEWS)
def test_rows_that_come_while_loads_run_are_neither_missed_nor_taken_twice(
    skew: timedelta, tmp_path: Path
) -> None:
    def theirs() -> datetime:
        return datetime.now(timezone.utc) + skew

    shop = BusyShop(theirs() - timedelta(seconds=5))
    counts = []
    with Sandbox(SandboxSettings(clock=theirs), shop) as sandbox:
        for _ in range(3):
            pipeline_into(tmp_path).run(source(sandbox))
            counts += query(tmp_path, "SELECT count(*), min(id), max(id) FROM transactions")
        rules = [task["trigger"].get("segment", {}).get("rules") for task in sandbox.tasks]
    until = parse_instant(rules[0][-1]["end_date"], "end") - MARGIN
    assert rules[1]
    assert not rules[2]
    for count, first, last in counts:
        assert (first, count) == (0, last + 1)
    assert counts[0] < counts[2]
    assert query(tmp_path, "SELECT count(*), count(DISTINCT id) FROM transactions") == [
        (counts[2][0], counts[2][0])
    ]
    # All that was sold until the end of the last window.
    assert counts[2][0] == -(-(until - shop.opened) // APART)


def starts(vendor: ScriptedTasks) -> list[datetime | None]:
    """Where each export that was asked for begins, without the margin."""
    rules = [task["trigger"].get("segment", {}).get("rules", []) for task in vendor.tasks]
    return [
        parse_instant(rule[-1]["start_date"], "start") + MARGIN if rule else None for rule in rules
    ]


FILE = b"id,timestamp\n1,2026-01-05T00:00:00Z\n"


@pytest.mark.parametrize("skew", SKEWS)
def test_a_vendor_that_tells_no_time_but_its_jobs_is_not_overtaken(
    skew: timedelta, tmp_path: Path
) -> None:
    created = []
    with ScriptedTasks(file=FILE) as vendor:
        for _ in range(3):
            created.append(datetime.now(timezone.utc).replace(microsecond=0) + skew)
            vendor.dates = {"created_date": iso(created[-1])}
            pipeline_into(tmp_path).extract(source(vendor))
        first, *later = starts(vendor)
    assert first is None
    for start, before in zip(later, created, strict=False):
        assert start is not None
        assert start <= before


@pytest.mark.parametrize("skew", SKEWS)
def test_a_vendor_that_dates_its_answers_but_no_jobs_is_not_overtaken(
    skew: timedelta, tmp_path: Path
) -> None:
    def theirs() -> datetime:
        return datetime.now(timezone.utc) + skew

    begun = theirs()
    with ScriptedTasks(file=FILE, clock=theirs) as vendor:
        pipeline_into(tmp_path).extract(source(vendor))
        between = theirs()
        pipeline_into(tmp_path).extract(source(vendor))
        _, start = starts(vendor)
    assert start is not None
    # A date has no more than whole seconds.
    assert begun - timedelta(seconds=2) <= start <= between


def test_a_job_that_was_taken_up_and_has_no_date_leaves_the_cursor(tmp_path: Path) -> None:
    with ScriptedTasks(file=FILE) as vendor:
        left = description(ExportRequest("transactions", "transactions", "1743"))
        vendor.tasks.append({"chain": 1743, "desc": left, "trigger": {}})
        pipeline_into(tmp_path).extract(source(vendor))
        assert vendor.asked("create") == 0
        pipeline_into(tmp_path).extract(source(vendor))
        assert starts(vendor) == [None, None]


@pytest.mark.parametrize("skew", SKEWS)
def test_a_date_to_retry_after_is_by_the_vendors_clock(skew: timedelta, tmp_path: Path) -> None:
    clock = FakeClock()
    with ScriptedTasks(clock=lambda: clock.now() + skew) as vendor:
        then = format_datetime(clock.now() + skew + timedelta(seconds=90), usegmt=True)
        vendor.first("list", Answer(429, headers={"Retry-After": then}))
        run = run_against(vendor.base_url, clock, tmp_path, Patience())
        assert arrived(begin(run, request())).phase is Phase.ARRIVED
    assert clock.pauses[0] == 90


@pytest.mark.parametrize("dated", [False, True])
@pytest.mark.parametrize("skew", SKEWS)
def test_a_job_whose_creation_was_not_answered_is_found_by_whatever_clock(
    skew: timedelta, dated: bool, tmp_path: Path
) -> None:
    clock = FakeClock()
    then: dict[str, Any] = dict.fromkeys(("created_date", "last_modified"), iso(clock.now() + skew))
    with ScriptedTasks(dates=then, clock=(lambda: clock.now() + skew) if dated else None) as vendor:
        vendor.first("create", Answer(502), created=True)
        run = run_against(vendor.base_url, clock, tmp_path, Patience())
        assert arrived(begin(run, request())).phase is Phase.ARRIVED
        assert vendor.asked("create") == 1


@pytest.mark.parametrize("date", ["Fri, 31 Dec 9999 23:59:59 -2300", "today", "Mon, 99 Jan"])
def test_a_date_that_is_none_leaves_our_own_clock(road: Road, date: str) -> None:
    road.vendor.first("list", Answer.json([], Date=date))
    assert road.outcome().begun_at == road.clock.now() - timedelta(seconds=road.clock.monotonic())
