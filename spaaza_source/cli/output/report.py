"""Reports of a command's load: for a person, as lines of JSON, and to a chat if one is set up."""

from __future__ import annotations

import functools
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import click
from rich.console import Console

from spaaza_source.chat import tell_chat
from spaaza_source.cli.output.console_progress import ProgressLines
from spaaza_source.cli.output.error_messages import exit_report
from spaaza_source.cli.output.findings import show_findings
from spaaza_source.cli.output.json_log import JsonReport
from spaaza_source.cli.output.listing import print_line
from spaaza_source.cli.output.tables import list_waiting, print_chain, show_loaded, show_notices
from spaaza_source.exports import Plan
from spaaza_source.health import Finding
from spaaza_source.telemetry import tell_command

WIDE = 200


class ConsoleReport:
    """A report for a person at a terminal, or one who reads a log."""

    def __init__(self, *, each_export: bool = False) -> None:
        self._each_export = each_export
        self.console = make_console()
        self.progress = ProgressLines(self.console)
        self._chain = ""
        self._loaded: list[Mapping[str, Any]] = []
        self._waiting: list[str] = []

    def begin_chain(self, chain: int | None) -> None:
        """Print which of several chains is loaded; nothing for None."""
        if chain is not None:
            print_chain(self.console, chain)
            self._chain = f"chain {chain}, "

    def add_loaded(self, jobs: Iterable[Mapping[str, Any]]) -> None:
        """Take note of exports that are in the destination, as rows of `export_jobs`."""
        self._loaded += jobs

    def add_waiting(self, plans: Mapping[str, Plan], loaded: Iterable[str]) -> None:
        """Take note of the tables that were not collected."""
        for table, reason in list_waiting(plans, loaded):
            self._waiting.append(f"{self._chain}{table}: {reason}")

    def add_findings(self, findings: Sequence[Finding]) -> None:
        """Print how healthy tables are."""
        show_findings(self.console, findings)

    def show_results(self) -> None:
        """Print a table of what was loaded, then what of it is not as it was, and what waits."""
        if self._loaded:
            show_loaded(self.console, self._loaded, each_export=self._each_export)
            show_notices(self.console, self._loaded)
        for line in self._waiting:
            print_line(self.console, line)

    def show_location(self, db: Path | None, table: str) -> None:
        """Print a command that reads one of the tables, if the database is a DuckDB file."""
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


#: What a command that loads reports to.
Report: TypeAlias = ConsoleReport | JsonReport


def make_console() -> Console:
    """A console; wide where there is no terminal, as nobody reads such lines at 80 columns."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDE)


def _warn(message: str) -> None:
    click.echo(f"spaaza: {message}", err=True)


def with_report(command: Callable[..., None]) -> Callable[..., None]:
    """Passes a `report` to a command, in the form of its options `log` and `verbose`."""

    @functools.wraps(command)
    def run(*, log: str, verbose: bool, **options: Any) -> None:
        report: Report = (
            JsonReport(sys.stdout) if log == "json" else ConsoleReport(each_export=verbose)
        )
        context = click.get_current_context()
        with tell_command(str(context.info_name), _warn) as outcome:
            try:
                command(report=report, **options)
            except (click.exceptions.Exit, click.ClickException) as ended:
                # click itself reports an option that was wrong.
                outcome.code = ended.exit_code
                raise
            except (Exception, KeyboardInterrupt) as failure:  # noqa: BLE001 - reported, not shown
                if context.find_root().params.get("debug"):
                    traceback.print_exception(failure)
                messages, code = exit_report(failure)
                report.finish(messages, code)
                tell_chat(f"spaaza failed: {' '.join(messages)}")
                outcome.code, outcome.error = code, type(failure).__name__
                raise click.exceptions.Exit(code) from None
            report.finish([], 0)

    return run
