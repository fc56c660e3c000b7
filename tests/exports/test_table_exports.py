"""One table's exports: what is still to be asked for, once an export has failed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from spaaza_source.exports.export import Export, Phase
from spaaza_source.exports.jobs import Job, JobState
from spaaza_source.exports.planning.plan import Plan
from spaaza_source.exports.request import ExportRequest
from spaaza_source.exports.table_exports import TableExports
from spaaza_source.exports.table_sync import SyncPolicy, TableSync
from spaaza_source.transport import FetchedFile
from spaaza_source.windows import EARLIEST, Window

START = datetime(2026, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOW = START + 100 * HOUR


def request(window: Window | None) -> ExportRequest:
    return ExportRequest("transactions", "transactions", "1743", window=window)


def planned(*windows: Window | None, failed: tuple[Window, ...] = ()) -> TableExports:
    policy = SyncPolicy(START, min_window=HOUR)
    table = TableExports(TableSync("transactions", request, policy))
    table.follow(Plan(None, windows, failed=failed))
    return table


def begin_next(table: TableExports) -> Export:
    """Ask for what comes next; the vendor fails."""
    asked = table.next_request(0.0)
    assert asked is not None
    export = Export(asked, Job("1", JobState.FAILED, "ERROR"), NOW)
    table.exports.append(export)
    return export


def test_the_plan_is_followed_in_the_order_of_time() -> None:
    windows = [Window(START + day * 24 * HOUR, START + (day + 1) * 24 * HOUR) for day in range(3)]
    table = planned(*windows)
    assert [begin_next(table).request.window for _ in windows] == windows
    assert table.next_request(0.0) is None


def test_a_failed_window_is_replaced_by_its_halves_which_come_next() -> None:
    first, second = Window(START, START + 48 * HOUR), Window(START + 48 * HOUR, NOW)
    table = planned(first, second)
    export = begin_next(table)
    assert table.replace_by_halves(export, NOW)
    assert export.phase is Phase.REPLACED
    half = begin_next(table)
    assert half.request.window == first.halves()[0]
    assert table.split_from(half.request.window) == "1"
    # One at a time, until the vendor has managed one.
    assert table.next_request(0.0) is None
    table.add_parts(half, [FetchedFile(Path("x"), 1, 1, "", end_verified=True)], 1.0)
    assert [begin_next(table).request.window for _ in range(2)] == [first.halves()[1], second]


def test_a_window_is_split_no_further_than_the_smallest() -> None:
    for length, is_split in ((2 * HOUR, True), (2 * HOUR - timedelta(seconds=1), False)):
        table = planned(Window(START, START + length))
        export = begin_next(table)
        assert table.replace_by_halves(export, NOW) is is_split
        assert (export.phase is Phase.REPLACED) is is_split


def test_an_export_of_all_rows_that_failed_is_replaced_by_two_halves_of_time() -> None:
    table = planned(None)
    assert table.replace_by_halves(begin_next(table), NOW)
    assert table.covered == Window(None, NOW)
    table.splitting = False
    older, younger = (begin_next(table).request.window for _ in range(2))
    assert older is not None
    assert younger is not None
    assert (older.start, younger.end) == (None, NOW)
    assert older.end == younger.start == (EARLIEST + (NOW - EARLIEST) / 2).replace(microsecond=0)


def test_what_failed_in_an_earlier_run_is_not_asked_for_whole() -> None:
    window = Window(START, START + 48 * HOUR)
    younger = window.halves()[1]
    table = planned(window, failed=(window, younger))
    assert [begin_next(table).request.window for _ in range(3)] == [
        window.halves()[0],
        *younger.halves(),
    ]


def test_a_request_is_made_once_more_and_no_third_time() -> None:
    table = planned(None)
    export = begin_next(table)
    assert table.request_again(export, 5.0)
    assert table.next_request(4.9) is None
    assert not table.request_again(begin_next_at(table, 5.0), 5.0)


def begin_next_at(table: TableExports, now: float) -> Export:
    asked = table.next_request(now)
    assert asked is not None
    export = Export(asked, Job("2", JobState.FAILED, "ERROR"), NOW)
    table.exports.append(export)
    return export


def test_a_table_is_complete_once_every_file_has_arrived_or_is_replaced() -> None:
    table = planned(Window(START, START + 48 * HOUR))
    export = begin_next(table)
    table.replace_by_halves(export, NOW)
    table.check_complete()
    assert not table.complete
    for _ in range(2):
        begin_next(table).phase = Phase.ARRIVED
    table.check_complete()
    assert table.complete
