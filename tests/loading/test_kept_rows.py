"""Rows that an export does not bring, and that stay: a segment that moves with time, a later start.

What such an export lacks was not asked for; it was not deleted at the vendor.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dlt
import pytest

from spaaza_source import spaaza_source
from spaaza_source.errors import BrokenKeyError, SettingsError
from spaaza_source.loading import loads_of
from spaaza_source.spaaza.segments import any_of, date, keyword, moves_with_time, selection_for
from spaaza_source.windows import Window
from tests.faults.hosts import ours
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

TOKEN = {"access_token_id": "a", "access_token_secret": "b"}
QUICK: dict[str, Any] = {"poll_interval": 0.01, "start_margin": 0, "stagger": 0, "max_age": 0}
LAST_DAY = [date("timestamp").within(1, "day")]
HEADER = "id,timestamp,total"


def day_of(number: int, header: str = HEADER, rows: int = 20) -> bytes:
    """What the vendor has of one day: the last rows of the day before, and its own."""
    ids = range((number - 1) * rows - 3, number * rows)
    lines = [f"{row},2026-05-{number:02}T{row % rows:02}:00:00Z,{row}" for row in ids if row >= 0]
    return "\n".join([header, *lines, ""]).encode()


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor() as served:
        yield served


def source(vendor: FileVendor, table: str, **given: Any) -> Any:
    settings = {**QUICK, **given}
    return spaaza_source(vendor.base_url, 1743, TOKEN, **settings).with_resources(table)


def refuses(vendor: FileVendor, pipeline: dlt.Pipeline, loaded: Any, *words: str) -> None:
    asked = len(vendor.tasks)
    with pytest.raises(Exception, match=r".") as raised:
        pipeline.run(loaded)
    error = ours(raised.value)
    assert isinstance(error, SettingsError)
    assert all(word in str(error) for word in words), error
    assert len(vendor.tasks) == asked


@pytest.mark.parametrize(
    ("segment", "moves"),
    [
        (None, False),
        ("a-saved-one", False),
        ([keyword("store").equals("x")], False),
        ([date("timestamp").after("2026-05-01")], False),
        (LAST_DAY, True),
        (any_of("vouchers", keyword("a").equals(1), date("b").within(7)), True),
        ({"rules": ()}, False),
    ],
)
def test_rows_leave_a_segment_with_a_relative_rule(segment: Any, moves: bool) -> None:
    assert moves_with_time(segment) is moves


@pytest.mark.slow
@pytest.mark.parametrize(
    "table",
    [
        "transactions",
        *(pytest.param(name, marks=pytest.mark.thorough) for name in ("vouchers", "users")),
    ],
)
def test_a_relative_segment_accumulates_by_the_key_of_its_rows(
    table: str, vendor: FileVendor, tmp_path: Path
) -> None:
    pipeline = pipeline_into(tmp_path)
    for number in range(1, 4):
        vendor.files[table] = day_of(number)
        # Where history begins has nothing to do with what such a segment brings.
        start = {"start_date": "2026-05-02"} if number > 1 else {}
        pipeline.run(source(vendor, table, segments={table: LAST_DAY}, **start))
    assert query(tmp_path, f"SELECT count(*), count(DISTINCT id) FROM {table}") == [(60, 60)]
    # Nothing that moves with time has been added to the user's rules.
    assert [len(task["trigger"]["segment"]["rules"]) for task in vendor.tasks] == [1, 1, 1]
    jobs = query(tmp_path, "SELECT counted, found, proven FROM export_jobs ORDER BY job_id")
    assert jobs == [("key", 20, True), ("key", 23, True), ("key", 23, True)]
    # A day without rows deletes nothing; a row that comes again with other cells is updated.
    for file in (f"{HEADER}\n", f"{HEADER}\n59,2026-05-03T19:00:00Z,-1\n"):
        vendor.files[table] = file.encode()
        pipeline.run(source(vendor, table, segments={table: LAST_DAY}))
    assert query(tmp_path, f"SELECT count(*), min(total) FROM {table}") == [(60, -1)]
    # Another segment would leave rows of two kinds.
    others = {table: [date("timestamp").within(2, "day")]}
    refuses(vendor, pipeline, source(vendor, table, segments=others), "filter", "--full-refresh")
    # A key that stops telling the rows apart stops the load.
    vendor.files[table] = f"{HEADER}\n1,2026-05-04T01:00:00Z,1\n1,2026-05-04T02:00:00Z,2\n".encode()
    with pytest.raises(Exception, match="repeats") as raised:
        pipeline.run(source(vendor, table, segments={table: LAST_DAY}))
    assert isinstance(ours(raised.value), BrokenKeyError)


@pytest.mark.slow
@pytest.mark.parametrize("export_format", ["csv", pytest.param("json", marks=pytest.mark.thorough)])
@pytest.mark.thorough
def test_a_relative_segment_without_a_key_is_appended(
    export_format: str, vendor: FileVendor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = pipeline_into(tmp_path)
    files = {
        "csv": [b"name,total\na,1\na,1\n", b"name,total\nb,2\n"],
        "json": [
            b'[{"name": "a", "l": [1]}, {"name": "a", "l": [2]}]',
            b'[{"name": "b", "l": [3]}]',
        ],
    }[export_format]
    with caplog.at_level(logging.WARNING, "dlt"):
        for file in files:
            vendor.files["wallet-ledger"] = file
            pipeline.run(
                source(
                    vendor,
                    "wallet_ledger",
                    segments={"wallet_ledger": LAST_DAY},
                    export_format=export_format,
                )
            )
    found = query(tmp_path, "SELECT name, count(*) FROM wallet_ledger GROUP BY 1 ORDER BY 1")
    assert found == [("a", 2), ("b", 1)]
    assert query(tmp_path, "SELECT counted, proven FROM export_jobs") == [("load", True)] * 2
    assert "no column is known to tell its rows apart" in caplog.text
    if export_format == "json":
        assert query(tmp_path, "SELECT count(*) FROM wallet_ledger__l") == [(3,)]


MAY_DAYS = {"start_date": "2026-05-01", "end_date": "2026-05-04"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "header",
    ["id,timestamp,total", pytest.param("code,timestamp,total", marks=pytest.mark.thorough)],
)
@pytest.mark.parametrize("first", ["days", pytest.param("range", marks=pytest.mark.thorough)])
def test_a_range_takes_the_place_of_the_last_day(
    first: str, header: str, vendor: FileVendor, tmp_path: Path
) -> None:
    pipeline = pipeline_into(tmp_path)
    rules = [*LAST_DAY, keyword("country").equals("NL")]
    days = {"segments": {"transactions": rules}}
    hours = [
        f"{hour},2026-05-{1 + hour // 24:02}T{hour % 24:02}:00:00Z,{hour}" for hour in range(80)
    ]

    def give(begin: int, end: int) -> None:
        vendor.files["transactions"] = "\n".join([header, *hours[begin:end], ""]).encode()

    if first == "days":
        # The second day is not collected.
        for begin in (0, 48):
            give(begin, begin + 24)
            pipeline.run(source(vendor, "transactions", **days))
    # The file of a range may have rows of a second more, on both sides.
    give(0, 73)
    for _ in range(2):
        pipeline.run(source(vendor, "transactions", **days, **MAY_DAYS))
    counts = "SELECT count(*), count(DISTINCT total), max(total) FROM transactions"
    assert query(tmp_path, counts) == [(72, 72, 71)]
    asked = [rule["operator"] for rule in vendor.tasks[-1]["trigger"]["segment"]["rules"]]
    assert asked == ["is", "is_between_date"]
    if header.startswith("id"):
        # The days go on, by the key that the rows have proven.
        give(60, 80)
        pipeline.run(source(vendor, "transactions", **days))
        assert query(tmp_path, counts) == [(80, 80, 79)]


@pytest.mark.parametrize(
    "rule",
    [
        date("date_time_redeemed").within(7, "day"),
        {"field_name": "timestamp", "field_type": "date", "operator": "relative_more_than"},
    ],
)
def test_another_rule_that_moves_refuses_a_range(
    rule: Any, vendor: FileVendor, tmp_path: Path
) -> None:
    given = {"segments": {"transactions": [rule]}, **MAY_DAYS}
    words = ("moves with time", "Leave out start_date")
    refuses(vendor, pipeline_into(tmp_path), source(vendor, "transactions", **given), *words)


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.follows(
    "spaaza/segments.py", "Leave out start_date, and end_date with it, or give the rule"
)
@pytest.mark.parametrize("way", ["without dates", "fixed dates"])
def test_what_refuses_a_range_says_what_loads(way: str, vendor: FileVendor, tmp_path: Path) -> None:
    vendor.files["transactions"] = day_of(1)
    fixed = date("date_time_redeemed").after("2026-05-01")
    given: dict[str, Any] = {"segments": {"transactions": [fixed]}, **MAY_DAYS}
    if way == "without dates":
        given = {"segments": {"transactions": [date("date_time_redeemed").within(7, "day")]}}
    pipeline_into(tmp_path).run(source(vendor, "transactions", **given))
    assert query(tmp_path, "SELECT count(*) FROM transactions") == [(20,)]


def test_a_range_that_an_earlier_version_narrowed_is_of_the_same_filter(
    vendor: FileVendor,
) -> None:
    sync = loads_of(source(vendor, "transactions", segments={"transactions": LAST_DAY}))
    window = Window(datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 4, tzinfo=UTC))
    earlier = selection_for(
        LAST_DAY, index="transactions", chain_id=1743, time_fields=["timestamp"], window=window
    )
    assert len(earlier["segment"]["rules"]) == 2
    others = sync["transactions"].sync.other_requests
    assert earlier in [make_request(window).selection for make_request in others]


def test_what_would_retire_the_rows_that_left_a_segment_is_refused(
    vendor: FileVendor, tmp_path: Path
) -> None:
    loaded = source(vendor, "users", segments={"users": LAST_DAY})
    loaded.users.apply_hints(write_disposition={"disposition": "merge", "strategy": "scd2"})
    refuses(vendor, pipeline_into(tmp_path), loaded, "scd2", "left the segment")


@pytest.mark.slow
def test_a_start_that_moves_forward_keeps_the_vouchers_before_it(
    vendor: FileVendor, tmp_path: Path
) -> None:
    pipeline = pipeline_into(tmp_path)
    whole = {"snapshot_every": 0, "accept_deletes": True}
    vendor.files["vouchers"] = b"id,name\n1,a\n2,b\n3,c\n"
    pipeline.run(source(vendor, "vouchers", start_date="2026-05-01", window="month"))
    for start, file in (
        ("2026-06-01", b"id,name\n2,b\n3,d\n"),
        ("2026-07-01", b"id,name\n4,e\n"),
    ):
        vendor.files["vouchers"] = file
        pipeline.run(source(vendor, "vouchers", start_date=start, **whole))
    found = query(tmp_path, "SELECT id, name FROM vouchers ORDER BY id")
    assert found == [("1", "a"), ("2", "b"), ("3", "d"), ("4", "e")]


@pytest.mark.slow
@pytest.mark.thorough
def test_a_start_that_moves_forward_is_refused_where_older_rows_could_not_be_kept(
    vendor: FileVendor, tmp_path: Path
) -> None:
    pipeline = pipeline_into(tmp_path)
    vendor.files["vouchers"] = b"name\na\na\n"
    pipeline.run(source(vendor, "vouchers"))
    later = source(vendor, "vouchers", start_date="2026-06-01")
    refuses(vendor, pipeline, later, "before start_date", "set start_date back")
    assert query(tmp_path, "SELECT count(*) FROM vouchers") == [(2,)]
