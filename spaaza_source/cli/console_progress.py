"""What the `spaaza` command shows: exports while they run, and a table of what was loaded.

A pipeline tells it through dlt's own `progress`; what is loaded is left to dlt.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from dlt.common.runtime.collector_base import Collector
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from spaaza_source.loading import DOWNLOADING, EXPORTING


class ExportLines(Collector):
    """A pipeline's `progress`: a live line per export and a bar per download.

    Where there is no terminal, each change is a plain line instead.
    """

    def __init__(self, console: Console) -> None:
        self.step = ""
        self._console = console
        self._live = console.is_terminal
        self._bars: Progress | None = None
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._began = 0.0
        self._said: dict[str, str] = {}
        self._rows: dict[str, int] = {}

    def update(  # noqa: D102, PLR0917 - dlt's own method
        self,
        name: str,
        inc: int = 1,
        total: int | None = None,
        inc_total: int | None = None,
        message: str | None = None,
        label: str | None = None,
    ) -> None:
        del inc_total
        if label == EXPORTING:
            self._export(name, message or "")
        elif label == DOWNLOADING:
            self._download(name, inc, total)
        elif (name, EXPORTING) in self._tasks:
            self._read(name, inc)

    def _export(self, name: str, state: str) -> None:
        if self._bars is None:
            if self._said.get(name) != state:
                self._said[name] = state
                elapsed = time.monotonic() - self._began
                self._console.print(f"{name}: {state} ({elapsed:.0f} s)", highlight=False)
            return
        task = self._tasks.get((name, EXPORTING))
        if task is None:
            task = self._bars.add_task(name, total=None, state=state, bytes=False)
            self._tasks[name, EXPORTING] = task
        finished = state in ("arrived", "failed")
        self._bars.update(task, state=state)
        if finished:
            self._bars.update(task, total=1, completed=1)

    def _download(self, name: str, arrived: int, total: int | None) -> None:
        if self._bars is None:
            return
        task = self._tasks.get((name, DOWNLOADING))
        if task is None:
            task = self._bars.add_task(f"  {name}", total=total, state="download", bytes=True)
            self._tasks[name, DOWNLOADING] = task
        self._bars.update(task, advance=arrived, total=total)

    def _read(self, name: str, rows: int) -> None:
        self._rows[name] = self._rows.get(name, 0) + rows
        if self._bars is not None:
            task = self._tasks[name, EXPORTING]
            self._bars.update(task, state=f"{self._rows[name]:,} rows")

    def _start(self, step: str) -> None:
        self._began = time.monotonic()
        self._said = {}
        self._rows = {}
        self._tasks = {}
        if step.startswith("Extract "):
            if self._live:
                self._bars = Progress(
                    SpinnerColumn(),
                    TextColumn("{task.description:<20}"),
                    TextColumn("{task.fields[state]:<16}"),
                    BarColumn(bar_width=24),
                    _Bytes(),
                    TimeElapsedColumn(),
                    console=self._console,
                )
                self._bars.start()
        elif step.startswith("Load "):
            self._console.print("loading …", style="dim")

    def _stop(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None


class _Bytes(DownloadColumn):
    """The bytes of a download; nothing beside an export's state."""

    def render(self, task: Any) -> Any:
        """The column's text."""
        return super().render(task) if task.fields["bytes"] else ""


def show_loaded(console: Console, jobs: Iterable[Mapping[str, Any]]) -> None:
    """A table of the exports of a load: index, rows, bytes, seconds.

    Args:
        console: Where to.
        jobs: Rows of `export_jobs`.
    """
    table = Table(box=None, pad_edge=False)
    table.add_column("index")
    for heading in ("rows", "rejected", "bytes", "seconds"):
        table.add_column(heading, justify="right")
    jobs = sorted(jobs, key=lambda job: str(job["table_name"]))
    for job in jobs:
        spent = sum(
            float(job[part] or 0)
            for part in ("wait_seconds", "download_seconds", "convert_seconds")
        )
        table.add_row(
            str(job["table_name"]),
            f"{job['loaded']:,}",
            f"{job['rejected']:,}",
            f"{job['bytes']:,}",
            f"{spent:.1f}",
        )
    console.print()
    console.print(table)
    counted = [job["proven"] for job in jobs if job.get("proven") is not None]
    if counted:
        console.print(
            f"\nCounted in the destination: all rows of {sum(counted)} of {len(counted)} exports"
            " are there.",
            highlight=False,
        )
