"""What the `spaaza` command shows of exports before and after a load: plans and jobs, as tables.

What happens while they run is left to `console`, what is shown to `planning` and the road.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from spaaza_source.cli.deep_check.check import TableDiff
from spaaza_source.cli.deep_check.diff import Differences
from spaaza_source.cli.lag_advice import Advice
from spaaza_source.cli.next_load import PlannedExport
from spaaza_source.exports import ExportRequest, Job, JobState, KnownJob, Plan
from spaaza_source.windows import Window, iso

#: Jobs that `spaaza jobs` shows unless it is asked for all.
JOBS_SHOWN = 30
SECONDS_OF_A_MINUTE = 60


def show_plan(
    console: Console,
    exports: Sequence[PlannedExport],
    filter_text: Callable[[Mapping[str, Any]], str],
) -> None:
    """What the next load asks for: index, window, filter, job, time.

    Args:
        console: Where to.
        exports: Those of the plan.
        filter_text: Tells a request's filter in short.
    """
    table = _table("index", "window", "filter", "job", "takes about")
    for export in exports:
        job = export.job
        table.add_row(
            export.request.subject,
            _window(export.request.window),
            filter_text(export.request.selection),
            "to be created" if job is None else f"{job.job_id} is {job.vendor_state}: adopted",
            _duration(export.seconds),
        )
    console.print(table)
    missing = sum(export.job is None for export in exports)
    console.print(f"\n{len(exports)} exports, {missing} to be created. Nothing has been asked for.")


def show_submitted(console: Console, submitted: Iterable[tuple[ExportRequest, Job, bool]]) -> None:
    """What has been asked for: index, window, job."""
    table = _table("index", "window", "job", "")
    for request, job, was_there in submitted:
        table.add_row(
            request.subject,
            request.repeat or _window(request.window),
            job.job_id,
            f"was there, {job.vendor_state}" if was_there else "created",
        )
    console.print(table)
    console.print("\n`spaaza collect` loads them once they are done.")


def show_waiting(console: Console, plans: Mapping[str, Plan], loaded: Iterable[str]) -> None:
    """What has not been collected, and why."""
    for table, told in waiting_for(plans, loaded):
        console.print(f"{table}: {told}", highlight=False, soft_wrap=True)


def waiting_for(plans: Mapping[str, Plan], loaded: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The tables that have not been collected, and why."""
    loaded = set(loaded)
    for table, plan in plans.items():
        waiting = [job for _, job in plan.adopted if job.state is not JobState.DONE]
        if waiting:
            told = ", ".join(f"job {job.job_id} is {job.vendor_state}" for job in waiting)
        elif plan.failed:
            told = "an export has failed; `spaaza submit` asks for it in parts"
        elif table in loaded:
            continue
        else:
            told = "nothing new is done; `spaaza submit` asks for it"
        yield table, told


def show_jobs(
    console: Console,
    own: Iterable[KnownJob],
    history: Iterable[Mapping[str, Any]],
    most: int | None,
) -> None:
    """The vendor's jobs, new to old, beside what became of them: rows, when they were loaded.

    Args:
        console: Where to.
        own: The vendor's list.
        history: Rows of `export_jobs`.
        most: How many are shown; None for all.
    """
    loads = {str(row["job_id"]): row for row in history}
    jobs = sorted(own, key=lambda each: _order(each.job), reverse=True)
    table = _table("job", "index", "window", "state", "created", "rows", "loaded")
    for each in jobs[:most]:
        load = loads.pop(each.job.job_id, {})
        loaded_at = load.get("loaded_at")
        table.add_row(
            each.job.job_id,
            each.subject,
            _window(each.window),
            each.job.vendor_state,
            _minute(each.job.created_at),
            "" if load.get("loaded") is None else f"{load['loaded']:,}",
            _minute(loaded_at) if isinstance(loaded_at, datetime) else "no",
        )
    console.print(table)
    if most is not None and len(jobs) > most:
        console.print(f"\n{len(jobs) - most} older ones: --all shows them.")


def show_differences(console: Console, checked: Iterable[TableDiff]) -> bool:
    """What fresh exports and tables differ in, keys and columns but no cells; whether all is equal.

    Args:
        console: Where to.
        checked: The tables, as they are compared.
    """
    all_equal = True
    for each in checked:
        found = each.differences
        all_equal = all_equal and found is not None and found.equal
        span = f", {_window(each.window)}" if each.window else ""
        for line in ["has not been loaded"] if found is None else _differences(found, span):
            console.print(f"{each.table}: {line}", highlight=False, soft_wrap=True, markup=False)
    return all_equal


def _differences(found: Differences, span: str) -> Iterator[str]:
    if found.equal:
        yield f"equal, {found.held:,} rows{span}"
        return
    told = f"{found.missing:,} missing, {found.extra:,} extra"
    told += f", {found.different:,} different" if found.key else ", as whole rows without a key"
    yield f"{found.brought:,} rows exported, {found.held:,} in the table{span}: {told}"
    counts = {"missing": found.missing, "extra": found.extra, "different": found.different}
    for kind, keys in found.samples.items():
        if keys:
            shown = ", ".join(" ".join(key) for key in keys)
            more = " …" if counts[kind] > len(keys) else ""
            yield f"{kind} by {' '.join(found.key)}: {shown}{more}"
    if found.columns:
        yield "different in " + ", ".join(f"{name} ({n:,})" for name, n in found.columns.items())
    if found.unknown:
        yield f"columns that the table does not have: {', '.join(found.unknown)}"


def show_advice(console: Console, advices: Sequence[Advice], lags: Mapping[str, float]) -> None:
    """How late rows came, and which `lag` follows from it.

    Args:
        console: Where to.
        advices: Of the tables that were measured.
        lags: By table the present `lag`, in seconds, of those that can be.
    """
    if not lags:
        console.print("None of these indexes goes on by the time of its rows: they have no lag.")
        return
    if advices:
        table = _table("index", "loads", "late rows", "latest", "lag", "advised")
        for each in advices:
            table.add_row(
                each.table,
                f"{each.loads:,}",
                f"{each.late_rows:,}",
                _span(each.latest) if each.late_rows else "none",
                _span(lags[each.table]),
                _span(each.lag),
            )
        console.print(table)
        console.print()
    for each in advices:
        if each.at_the_end:
            console.print(
                f"{each.table}: rows came as late as the overlap reaches, so others may have come"
                " later still: load history again with --start-date and --end-date.",
                highlight=False,
                soft_wrap=True,
            )
    unknown = sorted(set(lags).difference(each.table for each in advices))
    if unknown:
        console.print(
            f"Nothing has been measured yet of {', '.join(unknown)}: a load measures what came late"
            " if it goes on where an earlier one ended.",
            highlight=False,
            soft_wrap=True,
        )
    if advices:
        longest = max(each.lag for each in advices)
        console.print(f"Advised for all: lag = {longest:.0f}", highlight=False)


def _span(seconds: float) -> str:
    """Seconds as a person says them, never less than they are."""
    for length, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{math.ceil(seconds / length * 10) / 10:g} {name}"
    return f"{math.ceil(seconds)} s"


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _window(window: Window | None) -> str:
    if window is None:
        return "all rows"
    start = "the begin" if window.start is None else _short(window.start)
    return f"{start} to {_short(window.end)}"


def _short(instant: datetime) -> str:
    """Midnights without their time."""
    return iso(instant).removesuffix("T00:00:00Z")


def _minute(instant: datetime | None) -> str:
    return "" if instant is None else f"{instant:%Y-%m-%d %H:%M}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < SECONDS_OF_A_MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / SECONDS_OF_A_MINUTE:.0f} min"


def _order(job: Job) -> tuple[float, str]:
    return (job.created_at.timestamp() if job.created_at else 0.0, job.job_id)
