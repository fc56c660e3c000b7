"""Lets a simulated shop live, and a daily load follow it: `python -m tests.simulation --seed 1`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.simulation.chain import WrongDayError
from tests.simulation.follow import Follower


def main() -> None:
    """Follow one life; exit with 1 on the first wrong day."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--crashes", type=float, default=0.2, help="the chance of a load's crash")
    parser.add_argument("--troubles", type=float, default=0.1, help="of the vendor's, a day")
    parser.add_argument("--events", type=float, default=0.1, help="of the warehouse, a day")
    given = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        os.environ |= {
            "DLT_DATA_DIR": name,
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "RUNTIME__LOG_LEVEL": "ERROR",
        }
        chances = given.crashes, given.troubles, given.events
        follower = Follower(Path(name), given.days, given.seed, *chances, say=_say)
        try:
            follower.follow()
        except WrongDayError as wrong:
            sys.exit(f"seed {given.seed}: {wrong}\n{follower.tally}")
    _say(f"seed {given.seed}: {follower.tally}; {time.monotonic() - begun:.0f} s")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
