"""Runs a whole backfill by a real Airflow 3, in an environment made for it.

    python -m tests.airflow                   into PostgreSQL
    python -m tests.airflow --into ducklake   into a DuckLake with its catalogue in PostgreSQL
    python -m tests.airflow --deferrable      by one slot, given back while the vendor works

The environment is made by pip in one resolve, with this project and Airflow, and kept for the next
time in `--environment`; Airflow never comes into the project's own. See `trial` and `deferrable`
for more options.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tests.airflow.environment import ROOT, packages

DEFAULT = Path(tempfile.gettempdir()) / "spaaza-airflow"


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.airflow", add_help=False)
    parser.add_argument("--environment", type=Path, default=DEFAULT)
    parser.add_argument("--deferrable", action="store_true")
    given, more = parser.parse_known_args()
    python = given.environment / "bin" / "python"
    if not (given.environment / "ready").exists():
        venv.create(given.environment, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *packages()], check=True)
        (given.environment / "ready").touch()
    return subprocess.run(
        [python, "-m", f"tests.airflow.{'deferrable' if given.deferrable else 'trial'}", *more],
        cwd=ROOT,
        # The project as it stands here, not as it was installed.
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
