"""What commands list: it fits a terminal of 80 columns, and calls each table by its own name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import pairwise
from typing import Any

import pytest
from rich.console import Console

from spaaza_source.cli.output.listing import print_rows
from spaaza_source.cli.output.tables import show_jobs, show_loaded, show_plan, show_submitted
from spaaza_source.exports import ExportRequest, Job, JobState, KnownJob
from spaaza_source.windows import Window

NOW = datetime(2026, 11, 29, 15, 42, 37, tzinfo=UTC)
#: The widest that vendors have: a table's name, an id, a window, a filter.
TABLE, SUBJECT = "voucher_transactions", "voucher-transactions"
WINDOW = Window(NOW - timedelta(days=31), NOW)
REQUEST = ExportRequest(TABLE, SUBJECT, "1743", window=WINDOW)
JOB = Job("exp_Kz8VOAdR6m4TqN1xYw3uCbEf", JobState.RUNNING, "IN_PROGRESS", NOW)
FILTER = "created_date is_between_date or redeemed_date is_between_date"
ROW = {
    "account": "1743",
    "table_name": TABLE,
    "job_id": JOB.job_id,
    "window_start": WINDOW.start,
    "window_end": WINDOW.end,
    "loaded": 1_000_000,
    "rejected": 1_000,
    "bytes": 1_234_567_890,
    "wait_seconds": 1234.5,
    "download_seconds": 10,
    "convert_seconds": None,
    "proven": True,
    "loaded_at": NOW,
    "notices": '[{"message": "a column is new"}]',
}

Show = Callable[[Console], None]


def shown(show: Show, width: int) -> list[str]:
    file = StringIO()
    show(Console(file=file, width=width))
    return file.getvalue().splitlines()


def plan(console: Console) -> None:
    exports: list[Any] = [(REQUEST, JOB), (REQUEST, None)]
    show_plan(console, exports, {TABLE: 7_200.0}, lambda _: FILTER)


def submitted(console: Console) -> None:
    show_submitted(console, [(REQUEST, JOB, True), (REQUEST, JOB, False)])


def jobs(console: Console) -> None:
    others = [KnownJob("f", SUBJECT, WINDOW, replace(JOB, job_id=f"{n}")) for n in range(3)]
    own = [*others, *(KnownJob("f", SUBJECT, window, JOB) for window in (None, WINDOW, None))]
    show_jobs(console, own, {SUBJECT: TABLE}, [ROW], None)


def loaded(console: Console) -> None:
    show_loaded(console, [ROW, {**ROW, "table_name": "users", "window_end": None}])


def in_order(console: Console) -> None:
    later = {**ROW, "window_start": WINDOW.end, "window_end": WINDOW.end + timedelta(days=1)}
    whole = {**ROW, "window_start": None, "window_end": None, "job_id": "whole"}
    show_loaded(console, [later, ROW, whole], each_export=True)


def each_loaded(console: Console) -> None:
    show_loaded(console, [ROW, {**ROW, "job_id": "2"}], each_export=True)


ALL: list[Show] = [plan, submitted, jobs, loaded, each_loaded]


@pytest.mark.parametrize("show", ALL)
@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_widest_cells_fit(show: Show, width: int) -> None:
    lines = shown(show, width)
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert TABLE in text
    assert SUBJECT not in text
    if width == 80:
        # No word of it is broken.
        words = {word for line in lines for word in line.split()}
        assert {TABLE, "2026-10-29", "15:42"} <= words or show is loaded
        assert JOB.job_id in words or show is loaded


def test_a_row_has_one_line_where_it_fits() -> None:
    window = "2026-10-29T15:42:37Z to 2026-11-29T15:42:37Z"
    assert [line.split("  ") for line in shown(submitted, 130)[:3]] == [
        line.split("  ")
        for line in (
            f"{'table':20}  {'window':44}  {'job':28}  {'state':20}",
            f"{TABLE}  {window}  {JOB.job_id}  adopted, IN_PROGRESS",
            f"{TABLE}  {window}  {JOB.job_id}  {'created':20}",
        )
    ]


def test_a_cell_that_is_too_long_goes_on_below() -> None:
    rows = [["users", "2026-10-29T15:42:37Z to 2026-11-29T15:42:37Z", "7"]]
    assert shown(lambda console: print_rows(console, ["table", "window", ">rows"], rows), 30) == [
        "table window              rows",
        "users 2026-10-29 15:42 to    7",
        "      2026-11-29 15:42        ",
    ]


def test_a_row_that_is_too_long_is_a_record() -> None:
    assert shown(jobs, 80)[:3] == [
        f"{JOB.job_id}  {TABLE}",
        "  2026-10-29 15:42 to 2026-11-29 15:42",
        "  state IN_PROGRESS  created 2026-11-29 15:42  rows 1,000,000",
    ]


def test_a_job_that_is_known_in_two_ways_is_listed_once() -> None:
    (line,) = [line for line in shown(jobs, 200) if line.startswith(JOB.job_id)]
    assert "2026-10-29T15:42:37Z to 2026-11-29T15:42:37Z" in line
    assert "1,000,000" in line


def line_of(*rows: dict[str, Any]) -> list[str]:
    """The words of the one line that exports of a table end in."""
    lines = shown(lambda console: show_loaded(console, [{**ROW, **row} for row in rows]), 80)
    (line,) = [line for line in lines if line.startswith(TABLE)]
    assert len(line) <= 80
    return line.split()[1:]


def test_many_windows_end_in_one_line() -> None:
    days = [datetime(2026, month, 1, tzinfo=UTC) for month in range(1, 12)]
    rows: Iterable[dict[str, Any]] = [
        {"window_start": start, "window_end": end, "loaded": 7, "rejected": 2}
        for start, end in pairwise(days)
    ]
    counts = ["70", "20", "10", "1"]
    assert line_of(*rows) == [*counts, "2026-01-01", "to", "2026-11-01"]


@pytest.mark.parametrize(
    ("start", "end", "window"),
    [
        (None, None, ""),
        (None, NOW, "until 2026-11-29"),
        (NOW - timedelta(hours=1), NOW, "2026-11-29"),
        (NOW - timedelta(days=1), NOW, "2026-11-28 to 2026-11-29"),
    ],
)
def test_the_window_is_shown_in_days(
    start: datetime | None, end: datetime | None, window: str
) -> None:
    assert " ".join(line_of({"window_start": start, "window_end": end})[4:]) == window


def test_single_exports_are_listed_in_the_order_of_time() -> None:
    lines = [line.split() for line in shown(in_order, 200)]
    starts = [line[1] for line in lines if line[:1] == [TABLE]]
    assert starts[:3] == ["all", "2026-10-29T15:42:37Z", "2026-11-29T15:42:37Z"]


def test_all_rows_are_told_beside_windows() -> None:
    (line,) = [line for line in shown(loaded, 80) if line.startswith("users")]
    assert line.split()[-2:] == ["all", "rows"]


@pytest.mark.parametrize("width", [80, 200])
def test_tables_that_were_not_written_are_named(width: int) -> None:
    same = {"window_start": None, "window_end": None, "unchanged": True}
    both = [{**ROW, **same}, {**ROW, **same, "table_name": "users"}]
    lines = shown(lambda console: show_loaded(console, both), width)
    said = f"Not written, as their files have not changed: users, {TABLE}"
    assert said in " ".join(line.strip() for line in lines)
    lines = shown(lambda console: show_loaded(console, [both[0], ROW, both[1]]), width)
    assert "Not written, as its file has not changed: users" in lines
    assert not [line for line in shown(loaded, width) if line.startswith("Not written")]


def test_each_chain_has_its_heading() -> None:
    both = [ROW, {**ROW, "account": "1744"}]
    lines = shown(lambda console: show_loaded(console, both), 80)
    assert [line for line in lines if line.startswith("Chain")] == ["Chain 1743", "Chain 1744"]
    assert [line.split()[0] for line in lines if line][1:3] == ["table", TABLE]


def test_markup_in_a_cell_is_text() -> None:
    for width in (5, 80):
        lines = shown(lambda console: print_rows(console, ["a", "b"], [["[/x]", "[b]c"]]), width)
        assert "[/x]" in " ".join(lines)
