"""Progress of a load on the console: the state of each export and its download."""

from __future__ import annotations

import time
from collections import Counter
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
        self._exports: dict[str, TaskID] = {}
        self._downloads: dict[str, TaskID] = {}
        self._began = 0.0
        self._states: dict[str, str] = {}
        self._rows: Counter[str] = Counter()

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
        elif self._bars is not None and label == DOWNLOADING:
            self._show_bytes(self._bars, name, inc, total)
        elif self._bars is not None and name in self._exports:
            self._show_rows(self._bars, name, inc)

    def _show_state(self, name: str, state: str) -> None:
        if self._bars is None:
            if self._states.get(name) != state:
                self._states[name] = state
                elapsed = time.monotonic() - self._began
                self._console.print(f"{name}: {state} ({elapsed:.0f} s)", highlight=False)
            return
        if name not in self._exports:
            self._exports[name] = self._bars.add_task(name, total=None, state=state, bytes=False)
        self._bars.update(self._exports[name], state=state)
        if state in ("arrived", "failed"):
            self._bars.update(self._exports[name], total=1, completed=1)

    def _show_bytes(self, bars: Progress, name: str, received: int, total: int | None) -> None:
        if name not in self._downloads:
            task = bars.add_task(f"  {name}", total=total, state="download", bytes=True)
            self._downloads[name] = task
        bars.update(self._downloads[name], advance=received, total=total)

    def _show_rows(self, bars: Progress, name: str, rows: int) -> None:
        self._rows[name] += rows
        bars.update(self._exports[name], state=f"{self._rows[name]:,} rows")

    def _start(self, step: str) -> None:
        self._began = time.monotonic()
        for kept in (self._exports, self._downloads, self._states, self._rows):
            kept.clear()
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
