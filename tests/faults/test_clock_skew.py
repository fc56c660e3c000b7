"""Fault 14: the vendor's clock is ten minutes before ours, or behind it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from dlt.extract import DltSource

from spaaza_source import spaaza_source, voucherify_source
from spaaza_source.exports.export import Phase
from spaaza_source.exports.request import ExportRequest
from spaaza_source.sandbox import Sandbox, SandboxSettings, TimeSpan
from spaaza_source.spaaza.export_service import describe
from spaaza_source.windows import MARGIN, iso, parse_instant
from tests.export_runs import AnyBench, VoucherifyBench
from tests.vendors.scripted import ScriptedVendor
from tests.vendors.scripted_spaaza import ScriptedTasks
from tests.vendors.scripted_voucherify import KEYS, ScriptedExports
from tests.vendors.server import Answer
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.wing("exports")

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


def publications(vendor: Sandbox | ScriptedExports) -> DltSource:
    """Voucherify's object that is loaded by replaced windows, as transactions are."""
    keys = vendor.voucherify_credentials if isinstance(vendor, Sandbox) else KEYS
    fields = {"publications": ["voucher_code", "date"]}
    asked: dict[str, Any] = {"objects": ["publications"], "fields": fields}
    return voucherify_source(vendor.base_url, keys, **asked, poll_interval=0.02, lag=0)


class BusyShop:
    """A shop that sells something every few milliseconds, now too; for each vendor."""

    def __init__(self, opened: datetime) -> None:
        self.opened = opened

    def schema(self, index: str) -> pa.Schema:
        id_name, time_name = COLUMNS[index]
        return pa.schema({id_name: pa.int64(), time_name: pa.timestamp("us", "UTC")})

    def blocks(
        self,
        index: str,
        at: datetime,
        near: Mapping[str, TimeSpan] | None = None,  # noqa: ARG002 - part of one vendor's contract
    ) -> Iterator[pa.Table]:
        ids = np.arange(1 + (at - self.opened) // APART)
        sold = np.datetime64(self.opened.replace(tzinfo=None), "us") + ids * np.timedelta64(APART)
        schema = self.schema(index)
        yield pa.table([ids, sold], names=schema.names).cast(schema)

    def bulk_users(self, at: datetime) -> Iterator[pa.Table]:  # noqa: ARG002 - as above
        yield from ()


COLUMNS = {"transactions": ("id", "timestamp"), "publication": ("voucher_code", "date")}
#: What makes the source, the table, and its column that tells rows apart.
Load = tuple[Callable[[Any], DltSource], str, str]
LOADS: list[Load] = [
    (source, "transactions", "id::INT"),
    (publications, "publications", "voucher_code::INT"),
]


def asked_until(sandbox: Sandbox) -> list[datetime | None]:
    """Where each export that was asked for ends, old to new, without the margin."""
    rules = [task["trigger"].get("segment", {}).get("rules") for task in sandbox.tasks]
    ends = [rule[-1]["end_date"] if rule else None for rule in rules]
    for export in sandbox.voucherify_exports:
        conditions = export["parameters"].get("filters", {}).get("created_at", {})
        ends.append(conditions["conditions"]["$before"][0] if conditions else None)
    return [parse_instant(end, "end") - MARGIN if end else None for end in reversed(ends)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("load", "skew"),
    [(LOADS[0], SKEWS[0]), pytest.param(LOADS[1], SKEWS[1], marks=pytest.mark.thorough)],
    ids=["spaaza", "voucherify"],
)
@pytest.mark.thorough
def test_rows_that_come_while_loads_run_are_neither_missed_nor_taken_twice(
    skew: timedelta, tmp_path: Path, load: Load
) -> None:
    def theirs() -> datetime:
        return datetime.now(UTC) + skew

    make_source, table, row_id = load
    shop = BusyShop(theirs() - timedelta(seconds=5))
    told = f"SELECT count(*), min({row_id}), max({row_id}) FROM {table}"
    counts = []
    with Sandbox(SandboxSettings(clock=theirs), shop, shop) as sandbox:
        for _ in range(3):
            pipeline_into(tmp_path).run(make_source(sandbox))
            counts += query(tmp_path, told)
        first, *later = asked_until(sandbox)
    until = later[-1]
    assert first is None
    assert until is not None
    for count, lowest, highest in counts:
        assert (lowest, count) == (0, highest + 1)
    assert counts[0] < counts[2]
    assert query(tmp_path, f"SELECT count(*), count(DISTINCT {row_id}) FROM {table}") == [
        (counts[2][0], counts[2][0])
    ]
    # All that was sold until the end of the last window.
    assert counts[2][0] == -(-(until - shop.opened) // APART)


def starts(vendor: ScriptedTasks) -> list[datetime | None]:
    """Where each export that was asked for begins, without the margin."""
    rules = [task["trigger"].get("segment", {}).get("rules", []) for task in vendor.bodies]
    return [
        parse_instant(rule[-1]["start_date"], "start") + MARGIN if rule else None for rule in rules
    ]


FILE = b"id,timestamp\n1,2026-01-05T00:00:00Z\n"


@pytest.mark.slow
@pytest.mark.parametrize("skew", [SKEWS[0], pytest.param(SKEWS[1], marks=pytest.mark.thorough)])
def test_a_vendor_that_tells_no_time_but_its_jobs_is_not_overtaken(
    skew: timedelta, tmp_path: Path
) -> None:
    created = []
    with ScriptedTasks(file=FILE) as vendor:
        for _ in range(3):
            created.append(datetime.now(UTC).replace(microsecond=0) + skew)
            vendor.dates = {"created_date": iso(created[-1])}
            pipeline_into(tmp_path).extract(source(vendor))
        first, *later = starts(vendor)
    assert first is None
    for start, before in zip(later, created, strict=False):
        assert start is not None
        assert start <= before


@pytest.mark.slow
@pytest.mark.parametrize("skew", [pytest.param(SKEWS[0], marks=pytest.mark.thorough), SKEWS[1]])
def test_a_vendor_that_dates_its_answers_but_no_jobs_is_not_overtaken(
    skew: timedelta, tmp_path: Path
) -> None:
    def theirs() -> datetime:
        return datetime.now(UTC) + skew

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
        left = describe(ExportRequest("transactions", "transactions", "1743"))
        vendor.bodies.append({"chain": 1743, "desc": left, "trigger": {}})
        pipeline_into(tmp_path).extract(source(vendor))
        assert vendor.asked("create") == 0
        pipeline_into(tmp_path).extract(source(vendor))
        assert starts(vendor) == [None, None]


@pytest.mark.parametrize("skew", SKEWS)
def test_a_date_to_retry_after_is_by_the_vendors_clock(bench: AnyBench, skew: timedelta) -> None:
    clock, vendor = bench.clock, bench.vendor
    vendor.clock = lambda: clock.now() + skew
    then = format_datetime(clock.now() + skew + timedelta(seconds=90), usegmt=True)
    vendor.first("list", Answer(429, headers={"Retry-After": then}))
    assert bench.outcome().phase is Phase.ARRIVED
    assert clock.pauses[0] == 90


@pytest.mark.parametrize("skew", SKEWS)
def test_the_second_at_which_a_limit_gives_calls_anew_is_by_the_vendors_clock(
    voucherify_bench: VoucherifyBench, skew: timedelta
) -> None:
    clock, vendor = voucherify_bench.clock, voucherify_bench.vendor
    vendor.clock = lambda: clock.now() + skew
    anew = str((clock.now() + skew).timestamp() + 90)
    limits = {"X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Retry": anew}
    vendor.first("list", Answer(429, headers=limits))
    assert voucherify_bench.outcome().phase is Phase.ARRIVED
    assert clock.pauses[0] == 90


def dated(vendor: ScriptedVendor, at: datetime) -> None:
    """Every job was created, and ended, at that time."""
    if isinstance(vendor, ScriptedTasks):
        vendor.dates = dict.fromkeys(("created_date", "last_modified"), iso(at))
    if isinstance(vendor, ScriptedExports):
        vendor.created = iso(at)


@pytest.mark.parametrize("answers_are_dated", [False, True])
@pytest.mark.parametrize("skew", SKEWS)
def test_a_job_whose_creation_was_not_answered_is_found_by_whatever_clock(
    bench: AnyBench, skew: timedelta, answers_are_dated: bool
) -> None:
    clock, vendor = bench.clock, bench.vendor
    dated(vendor, clock.now() + skew)
    if answers_are_dated:
        vendor.clock = lambda: clock.now() + skew
    vendor.first("create", Answer(502), created=True)
    assert bench.outcome().phase is Phase.ARRIVED
    assert vendor.asked("create") == 1


@pytest.mark.parametrize("skew", SKEWS)
def test_what_an_earlier_run_asked_for_is_taken_up_by_whatever_clock(
    bench: AnyBench, skew: timedelta
) -> None:
    clock, vendor = bench.clock, bench.vendor
    dated(vendor, clock.now() + skew)
    vendor.clock = lambda: clock.now() + skew
    assert not bench.outcome().adopted
    assert bench.outcome(max_age=300).adopted
    clock.pause(300, threading.Event())
    assert not bench.outcome(max_age=300).adopted


@pytest.mark.parametrize("date", ["Fri, 31 Dec 9999 23:59:59 -2300", "today", "Mon, 99 Jan"])
def test_a_date_that_is_none_leaves_our_own_clock(bench: AnyBench, date: str) -> None:
    nothing = bench.vendor.found("list", 0)
    bench.vendor.first("list", Answer.json(nothing, Date=date))
    assert bench.outcome().begun_at == bench.clock.now() - timedelta(
        seconds=bench.clock.monotonic()
    )
