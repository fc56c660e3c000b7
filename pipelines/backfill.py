"""Backfill a range of history into DuckDB, window by window, each committed on its own.

    python pipelines/backfill.py 2024-01-01 2026-01-01
    python pipelines/backfill.py 2024-01-01 --tables transactions wallet_ledger

Settings are those of pipelines/daily.py. It can be stopped and run again: what is loaded is not
loaded again, unless --again-since says so. The daily load continues from its end.
"""

import argparse

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from spaaza_source import spaaza_source
from spaaza_source.backfill import Backfill
from spaaza_source.errors import SettingsError


def main() -> None:
    """Load the missing part of the range."""
    parser = argparse.ArgumentParser(description="Load a range of history, window by window.")
    parser.add_argument("start", help="start of the range: 2024-01-01")
    parser.add_argument("end", nargs="?", help="end of the range (exclusive); now unless given")
    parser.add_argument("--tables", nargs="+", help="tables to load; all unless given")
    parser.add_argument("--again-since", help="load again what was exported before this time")
    options = parser.parse_args()

    backfill = Backfill(spaaza_source, "spaaza", "duckdb", "spaaza_data")
    try:
        parts = backfill.plan(
            options.start, options.end, tables=options.tables, again_since=options.again_since
        )
    except SettingsError as wrong:
        parser.error(str(wrong))
    left = backfill.left(parts)
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task("", total=sum(len(part["windows"]) or 1 for part in left))
        for part in left:
            bar.update(task, description=part["table"])
            backfill.load(part, on_window=lambda _: bar.advance(task))
            if not console.is_terminal:
                print(f"{part['name']} is loaded")
    reloaded = backfill.reconcile(parts)
    print(f"{len(left)} of {len(parts)} parts were missing, {len(reloaded)} had to be loaded again")


if __name__ == "__main__":
    main()
