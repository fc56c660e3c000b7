"""Reports of a command's load: for a person, as lines of JSON, and to a chat if one is set up."""

from __future__ import annotations

import functools
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn, Protocol

import click
from dlt.common.runtime.collector_base import Collector
from rich.console import Console

from spaaza_source.chat import tell_chat
from spaaza_source.cli.console_progress import ExportLines
from spaaza_source.cli.error_messages import exit_report
from spaaza_source.cli.json_log import JsonReport
from spaaza_source.cli.tables import show_loaded, show_waiting
from spaaza_source.exports import Plan

WIDE = 200


class Report(Protocol):
    """What a command that loads reports to."""

    @property
    def progress(self) -> Collector:
        """The collector that the pipeline reports its exports to."""

    def show_loaded(self, jobs: Iterable[Mapping[str, Any]]) -> None:
        """The exports of a load, as rows of `export_jobs`, are in the destination."""

    def show_waiting(self, plans: Mapping[str, Plan], loaded: Iterable[str]) -> None:
        """The tables that were not collected, and why."""

    def show_location(self, db: Path | None, table: str) -> None:
        """Where the rows are now: the DuckDB file, if it is one, and one of the tables."""

    def finish(self, messages: Iterable[str], code: int) -> None:
        """The command ends with that exit code; the messages say what went wrong."""


class ConsoleReport:
    """A report for a person at a terminal, or one who reads a log.

    Args:
        console: Where to print.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.progress = ExportLines(console)

    def show_loaded(self, jobs: Iterable[Mapping[str, Any]]) -> None:
        """Print a table of the exports."""
        show_loaded(self.console, jobs)

    def show_waiting(self, plans: Mapping[str, Plan], loaded: Iterable[str]) -> None:
        """Print a line for each table."""
        show_waiting(self.console, plans, loaded)

    def show_location(self, db: Path | None, table: str) -> None:
        """Print a command that reads from the database."""
        if db is None:
            return
        schema = table.partition(".")[0]
        self.console.print(f"\nThe database is {db.absolute()}, schema {schema}. To query it:\n")
        look = f"d = duckdb.connect('{db}'); d.sql('FROM {table} LIMIT 5').show()"
        # Soft-wrapped, so that it can be copied from a narrow terminal.
        self.console.print(
            f'  {sys.executable} -c "import duckdb; {look}"',
            soft_wrap=True,
            highlight=False,
            markup=False,
        )

    def finish(self, messages: Iterable[str], code: int) -> None:
        """Print what went wrong to stderr."""
        del code
        for message in messages:
            click.echo(f"spaaza: {message}", err=True)


def make_console() -> Console:
    """A console; wide where there is no terminal, as nobody reads such lines at 80 columns."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDE)


def with_report(command: Callable[..., None]) -> Callable[..., None]:
    """Passes a `report` to a command, in the form of the option `--log`, and finishes it."""

    @click.option(
        "--log",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="json: one line of JSON per event.",
    )
    @functools.wraps(command)
    def run(*, log: str, **options: Any) -> None:
        report = JsonReport(sys.stdout) if log == "json" else ConsoleReport(make_console())
        try:
            command(report=report, **options)
        except click.exceptions.Exit:
            raise
        except (Exception, KeyboardInterrupt) as failure:  # noqa: BLE001 - reported, not shown
            _report_failure(report, failure)
        report.finish([], 0)

    return run


def _report_failure(report: Report, failure: BaseException) -> NoReturn:
    """Report what went wrong, to the chat too, and exit with the code for it.

    Raises:
        click.exceptions.Exit: Always, but for what follows.
        click.ClickException: An option was wrong: click reports that itself.
    """
    if isinstance(failure, click.ClickException):
        raise failure
    context = click.get_current_context(silent=True)
    if context is not None and context.find_root().params.get("debug"):
        traceback.print_exception(failure)
    messages, code = exit_report(failure)
    report.finish(messages, code)
    tell_chat(f"spaaza failed: {' '.join(messages)}")
    raise click.exceptions.Exit(code) from None
