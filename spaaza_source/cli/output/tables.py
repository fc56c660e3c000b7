"""Tables that the `spaaza` command prints: plans, jobs, loaded exports and differences."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from spaaza_source.cli.deep_check.check import TableDiff
from spaaza_source.cli.deep_check.diff import Differences
from spaaza_source.cli.output.listing import print_line, print_rows
from spaaza_source.exports import ExportRequest, Job, JobState, KnownJob, Plan
from spaaza_source.spaaza import ForeignTask
from spaaza_source.windows import Window, iso

#: The jobs that `spaaza jobs` lists without --all.
JOBS_SHOWN = 30
SECONDS_PER_MINUTE = 60
ALL_ROWS = "all rows"


def show_plan(
    console: Console,
    exports: Sequence[tuple[ExportRequest, Job | None]],
    seconds_by_table: Mapping[str, float],
    filter_text: Callable[[Mapping[str, Any]], str],
    streamed: Collection[str] = (),
) -> None:
    """Print the exports of the next load: table, window, filter, job, the time it usually takes.

    Args:
        console: Where to.
        exports: Each request, and the job that is adopted; None where there is none.
        seconds_by_table: How long the vendor usually takes.
        filter_text: Describes a request's filter in short.
        streamed: The tables whose export has no job.
    """
    rows = [
        (
            request.table,
            _window(request.window),
            filter_text(request.selection),
            "none: streamed by one call"
            if request.table in streamed
            else "to be created"
            if job is None
            else f"{job.job_id} is {job.vendor_state}: adopted",
            _duration(seconds_by_table.get(request.table)),
        )
        for request, job in exports
    ]
    print_rows(console, ("table", "window", "filter", "job", "takes"), rows, lead=2)
    missing = sum(job is None and each.table not in streamed for each, job in exports)
    console.print(f"\n{len(exports)} exports, {missing} to be created. Nothing was requested.")


def show_submitted(console: Console, submitted: Iterable[tuple[ExportRequest, Job, bool]]) -> None:
    """Print the exports that were requested: table, window, job."""
    rows = [
        (
            request.table,
            request.repeat or _window(request.window),
            job.job_id,
            f"adopted, {job.vendor_state}" if adopted else "created",
        )
        for request, job, adopted in submitted
    ]
    print_rows(console, ("table", "window", "job", "state"), rows, lead=2)
    console.print("\n`spaaza collect` loads them once they are done.")


def list_notices(job: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What was told of an export, a row of `export_jobs`: what of it is not as it was."""
    notices: list[dict[str, Any]] = json.loads(job.get("notices") or "[]")
    return notices


def show_notices(console: Console, jobs: Iterable[Mapping[str, Any]]) -> None:
    """Print what of loaded exports, rows of `export_jobs`, is not as it was; each once."""
    told = _unusual(jobs)
    if told:
        console.print("\nNot as it was:")
    for message in sorted(told):
        print_line(console, f"  {message}")


def _unusual(jobs: Iterable[Mapping[str, Any]]) -> set[str]:
    """What of loaded exports is not as it was; rows of forgotten people are in each export."""
    return {
        notice["message"]
        for job in jobs
        for notice in list_notices(job)
        if notice.get("kind") != "forgotten"
    }


def list_waiting(plans: Mapping[str, Plan], loaded: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The tables that were not collected, and why."""
    loaded = set(loaded)
    for table, plan in plans.items():
        waiting = [job for _, job in plan.adopted if job.state is not JobState.DONE]
        if waiting:
            yield table, ", ".join(f"job {job.job_id} is {job.vendor_state}" for job in waiting)
        elif plan.failed:
            yield table, "an export failed; `spaaza submit` requests it in smaller windows"
        elif table not in loaded and plan.last_run is not None:
            yield table, plan.last_run.reason
        elif table not in loaded:
            yield table, "no new export is done; `spaaza submit` requests one"


def show_jobs(
    console: Console,
    own: Iterable[KnownJob],
    tables: Mapping[str, str],
    history: Iterable[Mapping[str, Any]],
    most: int | None,
) -> None:
    """Print our jobs at the vendor, newest first and at most so many, and the rows loaded of each.

    `tables` holds the table of each of the vendor's names for it, `history` the rows of
    `export_jobs`.
    """
    loads = {str(row["job_id"]): row for row in history}
    # Where a filter may be a window or the user's, a job is known as both.
    by_id: dict[str, KnownJob] = {}
    for known in own:
        if known.job.job_id not in by_id or known.window is not None:
            by_id[known.job.job_id] = known
    jobs = sorted(by_id.values(), key=lambda known: _age_key(known.job), reverse=True)
    rows = []
    for known in jobs[:most]:
        load = loads.get(known.job.job_id, {})
        loaded_at = load.get("loaded_at")
        rows.append(
            (
                known.job.job_id,
                tables[known.subject],
                _window(known.window),
                known.job.vendor_state,
                _minute(known.job.created_at),
                "" if load.get("loaded") is None else f"{load['loaded']:,}",
                _minute(loaded_at) if isinstance(loaded_at, datetime) else "no",
            )
        )
    headings = ("job", "table", "window", "state", "created", ">rows", "loaded")
    print_rows(console, headings, rows, lead=3)
    if most is not None and len(jobs) > most:
        console.print(f"\n{len(jobs) - most} older jobs: --all shows them.")


def show_recurring(
    console: Console,
    tasks: Iterable[ForeignTask],
    filter_text: Callable[[Mapping[str, Any]], str],
) -> None:
    """Print the recurring jobs that somebody else made; nothing where there are none.

    Args:
        console: Where to.
        tasks: The jobs.
        filter_text: Describes a filter in short.
    """
    rows = [
        (
            task.task_id,
            task.subject,
            task.repeat,
            filter_text(task.selection),
            task.job.vendor_state,
            _minute(task.job.started_at),
        )
        for task in tasks
    ]
    if rows:
        console.print("\nRecurring tasks that somebody else made:\n")
        print_rows(
            console, ("task", "exports", "runs", "filter", "state", "last run"), rows, lead=2
        )
        console.print("\n`spaaza collect --task TASK` loads the last run of one.")


def show_task(console: Console, table: str, task_id: str) -> None:
    """Print that a table's rows come from a task that somebody else made."""
    line = f"{table}: its rows come from task {task_id}; `spaaza collect` loads its next run"
    print_line(console, f"\n{line}")


def print_chain(console: Console, chain: object) -> None:
    """Print which of several chains the lines that follow are about."""
    console.print(f"\nChain {chain}", style="bold", highlight=False)


def show_loaded(
    console: Console, jobs: Iterable[Mapping[str, Any]], *, each_export: bool = False
) -> None:
    """Print what was loaded, from rows of `export_jobs`: a line for each table.

    Args:
        console: Where to.
        jobs: The rows.
        each_export: Whether the single exports are listed above that.
    """
    jobs = sorted(jobs, key=_loaded_key)
    by_account: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for job in jobs:
        tables = by_account.setdefault(str(job["account"]), {})
        tables.setdefault(str(job["table_name"]), []).append(job)
    for account, tables in by_account.items():
        if len(by_account) > 1:
            print_chain(console, account)
        else:
            console.print()
        if each_export:
            _show_exports(console, [job for loaded in tables.values() for job in loaded])
            console.print()
        rows = [_table_row(table, loaded) for table, loaded in tables.items()]
        headings = ["table", ">rows", ">rejected", ">exports", ">notices", "window"]
        if all(window == ALL_ROWS for *_, window in rows):
            headings.pop()
        print_rows(console, headings, [row[: len(headings)] for row in rows])
        _show_unchanged(console, tables)
    reconciled = [job["proven"] for job in jobs if job.get("proven") is not None]
    if reconciled:
        console.print(
            f"\nReconciled with the destination: all rows of {sum(reconciled)} of"
            f" {len(reconciled)} exports are there.",
            highlight=False,
        )


def _table_row(table: str, jobs: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """What was loaded of a table: rows, rows kept apart, exports, distinct notices, the window."""
    told = _unusual(jobs)
    rows, rejected = (sum(job[column] for job in jobs) for column in ("loaded", "rejected"))
    counts = (rows, rejected, len(jobs), len(told))
    return (table, *(f"{count:,}" for count in counts), _days(_whole_window(jobs)))


def _show_unchanged(console: Console, tables: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
    """Print which tables were not written, as each is its export's file already."""
    unchanged = [
        table for table, jobs in tables.items() if all(job.get("unchanged") for job in jobs)
    ]
    if unchanged:
        files = "its file has" if len(unchanged) == 1 else "their files have"
        print_line(console, f"Not written, as {files} not changed: {', '.join(unchanged)}")


def _whole_window(jobs: Sequence[Mapping[str, Any]]) -> Window | None:
    """From where the first window of some rows of `export_jobs` begins to where the last ends."""
    windows = [window for job in jobs if (window := _window_of(job)) is not None]
    if len(windows) < len(jobs):
        return None
    starts = [window.start for window in windows if window.start is not None]
    start = min(starts) if len(starts) == len(windows) else None
    return Window(start, max(window.end for window in windows))


def _window_of(job: Mapping[str, Any]) -> Window | None:
    """The window of a row of `export_jobs`; None for all rows."""
    end = job.get("window_end")
    return None if end is None else Window(job.get("window_start"), end)


def _show_exports(console: Console, jobs: Iterable[Mapping[str, Any]]) -> None:
    """Print loaded exports, rows of `export_jobs`, one by one."""
    waits = ("wait_seconds", "download_seconds", "convert_seconds")
    rows = [
        (
            str(job["table_name"]),
            _window(_window_of(job)),
            str(job["job_id"]),
            f"{job['loaded']:,}",
            f"{job['rejected']:,}",
            f"{job['bytes']:,}",
            f"{sum(float(job[column] or 0) for column in waits):.1f}",
        )
        for job in jobs
    ]
    headings = ("table", "window", "job", ">rows", ">rejected", ">bytes", ">seconds")
    print_rows(console, headings, rows, lead=2)


def show_differences(console: Console, diffs: Iterable[TableDiff]) -> bool:
    """Print how tables differ from fresh exports: counts, keys and columns, but no cells.

    Each is printed as soon as it is compared.

    Returns:
        Whether all tables are equal to their exports.
    """
    all_equal = True
    for table, window, differences, uncompared in diffs:
        all_equal = all_equal and differences is not None and differences.equal
        lines = [*_difference_lines(differences, f", {_window(window)}" if window else "")]
        if differences is not None and differences.as_text:
            columns = ", ".join(f"{name} ({rows:,})" for name, rows in differences.as_text.items())
            lines.append(f"as text, because they do not fit their column's type: {columns}")
        if uncompared:
            lines.append(f"not compared: {', '.join(uncompared)}")
        for line in lines:
            print_line(console, f"{table}: {line}")
    return all_equal


def _difference_lines(differences: Differences | None, window: str) -> Iterator[str]:
    if differences is None:
        yield "has not been loaded"
        return
    if differences.equal:
        yield f"equal, {differences.stored:,} rows{window}"
        return
    counts = f"{differences.missing:,} missing, {differences.extra:,} extra"
    if differences.key:
        counts += f", {differences.different:,} different"
    else:
        counts += f" (whole rows compared: {differences.no_key})"
    yield (
        f"{differences.exported:,} rows exported, {differences.stored:,} in the table{window}:"
        f" {counts}"
    )
    for kind, keys in differences.samples.items():
        if keys:
            listed = ", ".join(" ".join(key) for key in keys)
            more = " …" if getattr(differences, kind) > len(keys) else ""
            yield f"{kind} by {' '.join(differences.key)}: {listed}{more}"
    if differences.columns:
        columns = ", ".join(f"{name} ({rows:,})" for name, rows in differences.columns.items())
        yield f"different in {columns}"
    if differences.unknown:
        yield f"columns that the table does not have: {', '.join(differences.unknown)}"


def _window(window: Window | None) -> str:
    if window is None:
        return ALL_ROWS
    start = "the beginning" if window.start is None else _short(window.start)
    return f"{start} to {_short(window.end)}"


def _days(window: Window | None) -> str:
    """A window in short, by its days."""
    if window is None:
        return ALL_ROWS
    end = window.end.astimezone(UTC)
    if window.start is None:
        return f"until {end:%Y-%m-%d}"
    start = window.start.astimezone(UTC)
    if start.date() == end.date():
        return f"{end:%Y-%m-%d}"
    return f"{start:%Y-%m-%d} to {end:%Y-%m-%d}"


def _short(instant: datetime) -> str:
    """ISO 8601 text; a midnight without its time."""
    return iso(instant).removesuffix("T00:00:00Z")


def _minute(instant: datetime | None) -> str:
    """An instant to the minute, in UTC; a vendor may not tell it."""
    return "" if instant is None else f"{instant.astimezone(UTC):%Y-%m-%d %H:%M}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < SECONDS_PER_MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / SECONDS_PER_MINUTE:.0f} min"


def _loaded_key(job: Mapping[str, Any]) -> tuple[str, str, float]:
    window = _window_of(job)
    begin = window.start.timestamp() if window and window.start else 0.0
    return (str(job["account"]), str(job["table_name"]), begin)


def _age_key(job: Job) -> tuple[float, str]:
    return (job.created_at.timestamp() if job.created_at else 0.0, job.job_id)
