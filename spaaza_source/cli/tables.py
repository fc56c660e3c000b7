"""Tables that the `spaaza` command prints: plans, jobs, loaded exports and differences."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from spaaza_source.cli.deep_check.check import TableDiff
from spaaza_source.cli.deep_check.diff import Differences
from spaaza_source.exports import ExportRequest, Job, JobState, KnownJob, Plan
from spaaza_source.windows import Window, iso

#: The jobs that `spaaza jobs` lists without --all.
JOBS_SHOWN = 30
SECONDS_PER_MINUTE = 60


def show_plan(
    console: Console,
    exports: Sequence[tuple[ExportRequest, Job | None]],
    seconds_by_table: Mapping[str, float],
    filter_text: Callable[[Mapping[str, Any]], str],
) -> None:
    """Print the exports of the next load: index, window, filter, job, the time it usually takes.

    `filter_text` describes a request's filter in short.
    """
    table = _table("index", "window", "filter", "job", "takes about")
    for request, job in exports:
        table.add_row(
            request.subject,
            _window(request.window),
            filter_text(request.selection),
            "to be created" if job is None else f"{job.job_id} is {job.vendor_state}: adopted",
            _duration(seconds_by_table.get(request.table)),
        )
    console.print(table)
    missing = sum(job is None for _, job in exports)
    console.print(f"\n{len(exports)} exports, {missing} to be created. Nothing was requested.")


def show_submitted(console: Console, submitted: Iterable[tuple[ExportRequest, Job, bool]]) -> None:
    """Print the exports that were requested: index, window, job."""
    table = _table("index", "window", "job", "")
    for request, job, adopted in submitted:
        table.add_row(
            request.subject,
            request.repeat or _window(request.window),
            job.job_id,
            f"adopted, {job.vendor_state}" if adopted else "created",
        )
    console.print(table)
    console.print("\n`spaaza collect` loads them once they are done.")


def list_notices(job: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What was told of an export, a row of `export_jobs`: what of it is not as it was."""
    notices: list[dict[str, Any]] = json.loads(job.get("notices") or "[]")
    return notices


def show_notices(console: Console, jobs: Iterable[Mapping[str, Any]]) -> None:
    """Print what of loaded exports, rows of `export_jobs`, is not as it was; each once."""
    told = {notice["message"] for job in jobs for notice in list_notices(job)}
    if told:
        console.print("\nNot as it was:")
    for message in sorted(told):
        console.print(f"  {message}", highlight=False, markup=False, soft_wrap=True)


def list_waiting(plans: Mapping[str, Plan], loaded: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The tables that were not collected, and why."""
    loaded = set(loaded)
    for table, plan in plans.items():
        waiting = [job for _, job in plan.adopted if job.state is not JobState.DONE]
        if waiting:
            yield table, ", ".join(f"job {job.job_id} is {job.vendor_state}" for job in waiting)
        elif plan.failed:
            yield table, "an export failed; `spaaza submit` requests it in smaller windows"
        elif table not in loaded:
            yield table, "no new export is done; `spaaza submit` requests one"


def show_jobs(
    console: Console,
    own: Iterable[KnownJob],
    history: Iterable[Mapping[str, Any]],
    most: int | None,
) -> None:
    """Print our jobs at the vendor, newest first and at most so many, and the rows loaded of each.

    `history` holds the rows of `export_jobs`.
    """
    loads = {str(row["job_id"]): row for row in history}
    jobs = sorted(own, key=lambda known: _age_key(known.job), reverse=True)
    table = _table("job", "index", "window", "state", "created", "rows", "loaded")
    for known in jobs[:most]:
        load = loads.pop(known.job.job_id, {})
        loaded_at = load.get("loaded_at")
        table.add_row(
            known.job.job_id,
            known.subject,
            _window(known.window),
            known.job.vendor_state,
            _minute(known.job.created_at),
            "" if load.get("loaded") is None else f"{load['loaded']:,}",
            _minute(loaded_at) if isinstance(loaded_at, datetime) else "no",
        )
    console.print(table)
    if most is not None and len(jobs) > most:
        console.print(f"\n{len(jobs) - most} older jobs: --all shows them.")


def print_chain(console: Console, chain: int) -> None:
    """Print which of several chains the lines that follow are about."""
    console.print(f"\nChain {chain}", style="bold", highlight=False)


def show_loaded(console: Console, jobs: Iterable[Mapping[str, Any]]) -> None:
    """Print loaded exports, rows of `export_jobs`; with their chain, if there are several."""
    jobs = sorted(jobs, key=lambda job: (str(job["account"]), str(job["table_name"])))
    has_chains = len({job["account"] for job in jobs}) > 1
    table = _table(*["chain"] * has_chains, "index")
    for heading in ("rows", "rejected", "bytes", "seconds"):
        table.add_column(heading, justify="right")
    for job in jobs:
        seconds = sum(
            float(job[column] or 0)
            for column in ("wait_seconds", "download_seconds", "convert_seconds")
        )
        table.add_row(
            *[str(job["account"])] * has_chains,
            str(job["table_name"]),
            f"{job['loaded']:,}",
            f"{job['rejected']:,}",
            f"{job['bytes']:,}",
            f"{seconds:.1f}",
        )
    console.print()
    console.print(table)
    reconciled = [job["proven"] for job in jobs if job.get("proven") is not None]
    if reconciled:
        console.print(
            f"\nReconciled with the destination: all rows of {sum(reconciled)} of"
            f" {len(reconciled)} exports are there.",
            highlight=False,
        )


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
            console.print(f"{table}: {line}", highlight=False, soft_wrap=True, markup=False)
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


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _window(window: Window | None) -> str:
    if window is None:
        return "all rows"
    start = "the beginning" if window.start is None else _short(window.start)
    return f"{start} to {_short(window.end)}"


def _short(instant: datetime) -> str:
    """ISO 8601 text; a midnight without its time."""
    return iso(instant).removesuffix("T00:00:00Z")


def _minute(instant: datetime | None) -> str:
    return "" if instant is None else f"{instant:%Y-%m-%d %H:%M}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < SECONDS_PER_MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / SECONDS_PER_MINUTE:.0f} min"


def _age_key(job: Job) -> tuple[float, str]:
    return (job.created_at.timestamp() if job.created_at else 0.0, job.job_id)
