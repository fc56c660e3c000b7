"""Progress of a load on the console: each export and its download, then dlt's own steps."""

from __future__ import annotations

import io
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterable
from types import TracebackType
from typing import Any, NoReturn, TextIO

from dlt.common import logger
from dlt.common.runtime.collector_base import Collector
from dlt.common.runtime.signals import was_signal_received
from rich.console import Console, RenderableType
from rich.file_proxy import FileProxy
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from spaaza_source.loading import DOWNLOADING, EXPORTING

#: The counter that dlt has for each of its steps after the extraction, and what that counts.
COUNTERS = {"Normalize": "Files", "Load": "Jobs"}


class ProgressLines(Collector):
    """A pipeline's `progress`: a live line per export, a bar per download, a line per step of dlt.

    What is done of a step of dlt is one line that stays. Without a terminal, each change is a plain
    line instead of a live one. Of a step that fails no live line stays.
    """

    def __init__(self, console: Console) -> None:
        self.step = ""
        self._console = console
        self._is_live = console.is_terminal and not console.is_dumb_terminal
        self._lines: _LiveLines | None = None
        self._exports: dict[str, TaskID] = {}
        self._downloads: dict[str, TaskID] = {}
        self._began = 0.0
        self._states: dict[str, str] = {}
        self._rows: Counter[str] = Counter()
        self._done = self._total = 0

    def update(  # noqa: D102, PLR0917 - dlt's own method
        self,
        name: str,
        inc: int = 1,
        total: int | None = None,
        inc_total: int | None = None,
        message: str | None = None,
        label: str | None = None,
    ) -> None:
        if label == EXPORTING:
            self._show_state(name, message or "")
        elif label == DOWNLOADING:
            self._show_bytes(name, inc, total)
        elif label is None and name == COUNTERS.get(self._step_name):
            self._done += inc
            self._total += (total or 0) + (inc_total or 0)
            self._show_count()
        elif name in self._exports:
            self._show_rows(name, inc)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """End a step; of one that did not come to its end no live line stays."""
        # After a signal dlt ends a load early, and raises nothing yet.
        is_done = exc_type is None and not was_signal_received()
        if not is_done:
            self._hide(is_transient=True)
        self._stop()
        if is_done:
            self._tell_step()

    def _start(self, step: str) -> None:
        del step  # it is `self.step`
        self._began = time.monotonic()
        for kept in (self._exports, self._downloads, self._states, self._rows):
            kept.clear()
        self._done = self._total = 0
        if self._is_live and self._step_name in COUNTERS:
            columns = (_text("description", 9), _bar(), _text("fields[state]"))
            self._lines = _LiveLines(self._console, *columns, TimeElapsedColumn())
            self._lines.add_task(self._step_name.lower(), total=None, state="")

    def _stop(self) -> None:
        self._hide(is_transient=self._step_name in COUNTERS)

    @property
    def _step_name(self) -> str:
        """`Extract`, `Normalize` or `Load`: dlt adds the schema and the load package."""
        return self.step.split(" ", 1)[0]

    def _hide(self, *, is_transient: bool) -> None:
        if self._lines is not None:
            self._lines.close(is_transient=is_transient)
            self._lines = None

    def _tell_step(self) -> None:
        """A line about a step that is done; none about one that exported nothing."""
        count, kind = self._done, "tables"
        if self._step_name in COUNTERS:
            count, kind = self._total, COUNTERS[self._step_name].lower()
        elif not (count := len(self._states)):
            return
        kind = kind if count != 1 else kind[:-1]
        seconds = time.monotonic() - self._began
        line = f"{self._step_name.lower()}: {count:,} {kind} ({seconds:.1f} s)"
        self._console.print(line, style="dim", highlight=False)

    def _show_state(self, name: str, state: str) -> None:
        is_new = self._states.get(name) != state
        self._states[name] = state
        if not self._is_live:
            if is_new:
                elapsed = time.monotonic() - self._began
                line = f"{name}: {state} ({elapsed:.0f} s)"
                self._console.print(line, highlight=False, markup=False)
            return
        lines = self._export_lines()
        if name not in self._exports:
            self._exports[name] = lines.add_task(name, total=None, state=state, bytes=False)
        lines.update(self._exports[name], state=state)
        if state in ("arrived", "failed"):
            lines.update(self._exports[name], total=1, completed=1)

    def _show_bytes(self, name: str, received: int, total: int | None) -> None:
        if not self._is_live:
            return
        lines = self._export_lines()
        if name not in self._downloads:
            task = lines.add_task(f"  {name}", total=total, state="download", bytes=True)
            self._downloads[name] = task
        lines.update(self._downloads[name], advance=received, total=total)

    def _show_rows(self, name: str, rows: int) -> None:
        self._rows[name] += rows
        self._export_lines().update(self._exports[name], state=f"{self._rows[name]:,} rows")

    def _show_count(self) -> None:
        if self._lines is not None:
            kind = COUNTERS[self._step_name].lower()
            self._lines.update(
                self._lines.task_ids[0],
                state=f"{self._done:,} of {self._total:,} {kind}",
                total=self._total or None,
                completed=self._done,
            )

    def _export_lines(self) -> _LiveLines:
        """The lines of this step's exports; from the first of them on."""
        if self._lines is None:
            columns = (_text("description", 22), _text("fields[state]", 14), _bar())
            self._lines = _LiveLines(self._console, *columns, _Bytes(), TimeElapsedColumn())
        return self._lines


class _LiveLines(Progress):
    """Lines at the bottom of a terminal that are written over; it begins with them, until `close`.

    What else is said meanwhile, on stdout, on stderr or in dlt's log, stands above them.
    """

    def __init__(self, console: Console, *columns: ProgressColumn) -> None:
        is_ascii = console.options.ascii_only
        spinner = SpinnerColumn("line" if is_ascii else "dots")
        super().__init__(spinner, *columns, console=console, redirect_stderr=False)
        self._stderr = sys.stderr
        self._above: _Above | None = None
        self._handlers: list[logging.StreamHandler[Any]] = []
        if self._stderr.isatty():
            sys.stderr = self._above = _Above(console, self._stderr)
            known = logger.LOGGER.handlers if logger.is_logging() else ()
            self._handlers = [
                handler
                for handler in known
                if isinstance(handler, logging.StreamHandler) and handler.stream is self._stderr
            ]
            self._write_to(self._above)
        self.start()

    def close(self, *, is_transient: bool) -> None:
        """End the lines: the last state of them stays, or nothing."""
        self.live.transient = is_transient
        try:
            self.stop()
        finally:
            sys.stderr = self._stderr
            self._write_to(self._stderr)
            if self._above is not None:
                self._stderr.write(self._above.begun)

    def get_renderables(self) -> Iterable[RenderableType]:
        """The lines; after Ctrl-C one more, as dlt ends what is under way first."""
        yield from super().get_renderables()
        if was_signal_received():
            yield Text("interrupted: ending what is under way; Ctrl-C again stops at once")

    def _write_to(self, stream: Any) -> None:
        for handler in self._handlers:
            handler.setStream(stream)


class _Above(FileProxy):
    """What is written to stderr stands above the live lines."""

    def __init__(self, console: Console, file: TextIO) -> None:
        super().__init__(console, file)
        self._console = console
        #: The begin of a line that is not whole yet.
        self.begun = ""

    def write(self, text: str) -> int:
        """Print the lines that are whole; the terminal breaks those that are too long."""
        *lines, self.begun = (self.begun + text).split("\n")
        for line in lines:
            self._console.print(Text.from_ansi(line), soft_wrap=True)
        return len(text)

    def fileno(self) -> NoReturn:
        """None: dlt writes about a Ctrl-C directly to the file, across the lines."""
        raise io.UnsupportedOperation


class _Bytes(DownloadColumn):
    """The bytes of a download; empty in the line of an export's state."""

    def render(self, task: Any) -> Any:
        """The column's text."""
        return super().render(task) if task.fields["bytes"] else ""


def _bar() -> BarColumn:
    return BarColumn(bar_width=14)


def _text(field: str, width: int = 1) -> TextColumn:
    """A field of a task, as wide as that at least; a vendor's word in it is no markup."""
    return TextColumn(f"{{task.{field}:<{width}}}", markup=False)
