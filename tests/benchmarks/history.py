"""How many exports it takes to load a history that the vendor refuses to export at once.

`python -m tests.benchmarks.history`: by default 200,000 rows over the three years of the sandbox's
growing shop, of which it gives 10,000 at a time. Prints the exports beside the fewest possible.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from spaaza_source import spaaza_source
from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.benchmarks.side_by_side import say
from tests.warehouses import pipeline_into, query

TABLE = "transactions"
#: Exports asked for, beside the fewest possible.
BOUND = 2.2


def exports_for(rows: int, limit: int, start_date: str | None) -> int:
    """How many exports were asked for, failed ones too, until all rows were loaded."""
    settings = SandboxSettings(rows=10, rows_per_index={TABLE: rows}, max_export_rows=limit)
    with Sandbox(settings) as sandbox, tempfile.TemporaryDirectory() as name:
        source = spaaza_source(
            sandbox.base_url,
            sandbox.chain_id,
            sandbox.credentials,
            start_date=start_date,
            poll_interval=0.05,
            start_margin=0,
            stagger=0,
        )
        pipeline_into(Path(name)).run(source.with_resources(TABLE))
        ((loaded,),) = query(Path(name), f"SELECT count(DISTINCT id) FROM {TABLE}")
        if loaded != rows:
            sys.exit(f"{loaded} rows were loaded of {rows}")
        return len(sandbox.tasks)


def main() -> None:
    """Measure with a start of the history given, and without."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--limit", type=int, default=10_000)
    given = parser.parse_args()
    fewest = -(-given.rows // given.limit)
    missed = False
    start = datetime.now(UTC) - timedelta(days=3 * 365 + 1)
    for start_date in (start.date().isoformat(), None):
        exports = exports_for(given.rows, given.limit, start_date)
        told = f"from {start_date}" if start_date else "without a start"
        say(f"{told}: {exports} exports, {exports / fewest:.2f} x the fewest ({fewest})")
        missed |= exports > BOUND * fewest
    sys.exit(f"more than {BOUND} x" if missed else 0)


if __name__ == "__main__":
    main()
