"""What the commands show: reports, tables, progress, and lines of JSON."""

from spaaza_source.cli.output.listing import print_line, print_rows
from spaaza_source.cli.output.report import ConsoleReport, Report, make_console, with_report
from spaaza_source.cli.output.tables import (
    JOBS_SHOWN,
    print_chain,
    show_differences,
    show_jobs,
    show_plan,
    show_recurring,
    show_submitted,
    show_task,
)

__all__ = [
    "JOBS_SHOWN",
    "ConsoleReport",
    "Report",
    "make_console",
    "print_chain",
    "print_line",
    "print_rows",
    "show_differences",
    "show_jobs",
    "show_plan",
    "show_recurring",
    "show_submitted",
    "show_task",
    "with_report",
]
