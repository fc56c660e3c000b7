"""How a command's load is told of: to a person, as lines of JSON, and to a chat if one is set up.

What is shown of exports and loads is `console`'s and `listing`'s, a line of JSON `events`'s; the
words for what went wrong are `explain`'s.
"""

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
from spaaza_source.cli.console_progress import ExportLines, show_loaded
from spaaza_source.cli.error_messages import exit_report
from spaaza_source.cli.json_log import JsonReport
from spaaza_source.cli.tables import show_waiting
from spaaza_source.exports import Plan

WIDE = 200


class Report(Protocol):
    """What a command that loads tells, however it is told."""

    @property
    def progress(self) -> Collector:
        """What a pipeline is given to tell of its exports."""

    def loaded(self, jobs: Iterable[Mapping[str, Any]]) -> None:
        """The exports of a load, as rows of `export_jobs`, are in the destination."""

    def waiting(self, plans: Mapping[str, Plan], loaded: Iterable[str]) -> None:
        """What has not been collected, and why."""

    def placed(self, db: Path | None, table: str) -> None:
        """Where the rows are now: the DuckDB file, if it is one, and one of the tables."""

    def ended(self, messages: Iterable[str], code: int) -> None:
        """The command ends with that exit code; the messages say what went wrong."""


class ConsoleReport:
    """A report for a person, or for a log that a person reads.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.progress = ExportLines(console)

    def loaded(self, jobs: Iterable[Mapping[str, Any]]) -> None:
        """Show a table of them."""
        show_loaded(self.console, jobs)

    def waiting(self, plans: Mapping[str, Plan], loaded: Iterable[str]) -> None:
        """Show a line for each."""
        show_waiting(self.console, plans, loaded)

    def placed(self, db: Path | None, table: str) -> None:
        """Show the command to type next."""
        if db is None:
            return
        schema = table.partition(".")[0]
        self.console.print(
            f"\nThe database is {db.absolute()}, its schema {schema}. Look into it:\n"
        )
        look = f"d = duckdb.connect('{db}'); d.sql('FROM {table} LIMIT 5').show()"
        # Soft-wrapped, so that it can be copied from a narrow terminal.
        self.console.print(
            f'  {sys.executable} -c "import duckdb; {look}"',
            soft_wrap=True,
            highlight=False,
            markup=False,
        )

    def ended(self, messages: Iterable[str], code: int) -> None:
        """Say what went wrong."""
        del code
        for message in messages:
            click.echo(f"spaaza: {message}", err=True)


def console() -> Console:
    """Where there is no terminal, lines may be long: nobody reads them at 80 columns."""
    found = Console()
    return found if found.is_terminal else Console(width=WIDE)


def with_report(command: Callable[..., None]) -> Callable[..., None]:
    """A command that is given a `report`, by its option `--log`; its end is told in either form."""

    @click.option(
        "--log",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="json: one line of JSON for each event.",
    )
    @functools.wraps(command)
    def run(*, log: str, **given: Any) -> None:
        report = JsonReport(sys.stdout) if log == "json" else ConsoleReport(console())
        try:
            command(report=report, **given)
        except click.exceptions.Exit:
            raise
        except (Exception, KeyboardInterrupt) as failure:  # noqa: BLE001 - told, not shown
            end(report, failure)
        report.ended([], 0)

    return run


def end(report: Report, failure: BaseException) -> NoReturn:
    """Tell what went wrong, and leave with the exit code that says so.

    Raises:
        click.exceptions.Exit: Always.
        click.ClickException: The words of the command line were wrong: click tells of it.
    """
    if isinstance(failure, click.ClickException):
        raise failure
    context = click.get_current_context(silent=True)
    if context is not None and context.find_root().params.get("debug"):
        traceback.print_exception(failure)
    messages, code = exit_report(failure)
    report.ended(messages, code)
    tell_chat(f"spaaza failed: {' '.join(messages)}")
    raise click.exceptions.Exit(code) from None
