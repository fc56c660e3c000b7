"""A range of history into DuckDB, window by window, each committed by itself.

    python pipelines/backfill.py 2024-01-01 2026-01-01
    python pipelines/backfill.py 2024-01-01 --tables transactions wallet_ledger

Settings are those of pipelines/daily.py. Stop it and run it again as you like: what is loaded is
not loaded again, unless --again-since says so. It ends where the daily load goes on.
"""

import argparse

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from spaaza_source import spaaza_source
from spaaza_source.backfill import Backfill


def main() -> None:
    """Load what is missing of the range."""
    asked = argparse.ArgumentParser(description="Load a range of history, window by window.")
    asked.add_argument("start", help="where it begins: 2024-01-01")
    asked.add_argument("end", nargs="?", help="where it ends, itself left out (now)")
    asked.add_argument("--tables", nargs="+", help="of the source's tables only these")
    asked.add_argument("--again-since", help="load anew what was exported before this instant")
    given = asked.parse_args()

    backfill = Backfill(spaaza_source, "spaaza", "duckdb", "spaaza_data")
    parts = backfill.plan(
        given.start, given.end, tables=given.tables, again_since=given.again_since
    )
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
    mended = backfill.reconcile(parts)
    print(f"{len(left)} of {len(parts)} parts were missing, {len(mended)} had to be loaded twice")


if __name__ == "__main__":
    main()
