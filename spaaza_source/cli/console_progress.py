"""Progress of a load on the console: the state of each export and its download."""

from __future__ import annotations

import time
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

from spaaza_source.loading import DOWNLOADING, EXPORTING


class ExportLines(Collector):
    """A pipeline's `progress`: a live line per export and a bar per download.

    Without a terminal, each change is a plain line instead.
    """

    def __init__(self, console: Console) -> None:
        self.step = ""
        self._console = console
        self._live = console.is_terminal
        self._bars: Progress | None = None
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._began = 0.0
        self._states: dict[str, str] = {}
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
            self._show_state(name, message or "")
        elif label == DOWNLOADING:
            self._show_bytes(name, inc, total)
        elif (name, EXPORTING) in self._tasks:
            self._show_rows(name, inc)

    def _show_state(self, name: str, state: str) -> None:
        if self._bars is None:
            if self._states.get(name) != state:
                self._states[name] = state
                elapsed = time.monotonic() - self._began
                self._console.print(f"{name}: {state} ({elapsed:.0f} s)", highlight=False)
            return
        task = self._tasks.get((name, EXPORTING))
        if task is None:
            task = self._bars.add_task(name, total=None, state=state, bytes=False)
            self._tasks[name, EXPORTING] = task
        self._bars.update(task, state=state)
        if state in ("arrived", "failed"):
            self._bars.update(task, total=1, completed=1)

    def _show_bytes(self, name: str, received: int, total: int | None) -> None:
        if self._bars is None:
            return
        task = self._tasks.get((name, DOWNLOADING))
        if task is None:
            task = self._bars.add_task(f"  {name}", total=total, state="download", bytes=True)
            self._tasks[name, DOWNLOADING] = task
        self._bars.update(task, advance=received, total=total)

    def _show_rows(self, name: str, rows: int) -> None:
        self._rows[name] = self._rows.get(name, 0) + rows
        if self._bars is not None:
            task = self._tasks[name, EXPORTING]
            self._bars.update(task, state=f"{self._rows[name]:,} rows")

    def _start(self, step: str) -> None:
        self._began = time.monotonic()
        self._states = {}
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
    """The bytes of a download; empty in the line of an export's state."""

    def render(self, task: Any) -> Any:
        """The column's text."""
        return super().render(task) if task.fields["bytes"] else ""
