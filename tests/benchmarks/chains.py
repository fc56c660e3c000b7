"""Many chains by one command, beside what the vendor takes for their exports.

    python -m tests.benchmarks.chains [--chains N ...] [--rows N] [--seconds N] [--at-once N]
                                    [--python PYTHON]

The sandbox is a process of its own; it has as many chains, runs each export for so many seconds,
and so many of them at once, whatever chain they are of. `spaaza load` is told the same limit and
looks at an export twenty times while it runs, as one that takes five minutes is by default. It
is run twice, as a process each: as described, and with exports that are ready at once, which is
what the load takes by itself.

The vendor's own time is computed from its records of the exports: what a client would wait that
asks for all of them at the first moment, if so many run at once.
"""

from __future__ import annotations

import argparse
import contextlib
import heapq
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import requests

from spaaza_source.sandbox import SandboxSettings
from spaaza_source.sandbox.settings import credentials_of
from spaaza_source.windows import parse_instant
from tests.benchmarks.measure import Figures, measure
from tests.benchmarks.side_by_side import say

LOAD = "from spaaza_source.cli import main; main()"
TABLES = ("transactions", "users", "vouchers", "wallet_ledger", "products", "product_variants")
#: Polls of an export while it runs: one of five minutes is polled as often by default.
POLLS = 20
_SERVE = """
import json, sys
from spaaza_source.sandbox import Sandbox, SandboxSettings
served = Sandbox(SandboxSettings(**json.loads(sys.argv[1])))
served.start()
print(served.base_url, flush=True)
served.serve_forever()
"""


@dataclass(frozen=True)
class Vendor:
    """A sandbox that serves in a process of its own."""

    base_url: str
    chains: range

    def tasks(self) -> list[Mapping[str, Any]]:
        """Its records of all tasks."""
        found = []
        for chain in self.chains:
            bearer = ":".join(credentials_of(chain).values())
            answer = requests.get(
                f"{self.base_url}/tasks?limit=10000",
                headers={"Authorization": f"Bearer {bearer}"},
                timeout=60,
            )
            answer.raise_for_status()
            found += answer.json()
        return found


@contextlib.contextmanager
def serving(chains: int, **settings: Any) -> Iterator[Vendor]:
    """A sandbox with so many chains; `settings` are those of `SandboxSettings`."""
    given = json.dumps({"chains": chains, **settings})
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVE, given], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        yield Vendor(server.stdout.readline().strip(), SandboxSettings(chains=chains).chain_ids)
    finally:
        server.terminate()
        server.wait()


def write_settings(folder: Path, vendor: Vendor, at_once: int, poll_interval: float) -> None:
    """Write the settings of a command that loads all chains, as its users would."""
    (folder / ".dlt").mkdir()
    (folder / ".dlt" / "config.toml").write_text(
        f"""[runtime]
dlthub_telemetry = false
[sources.spaaza]
base_url = "{vendor.base_url}"
chain_id = {list(vendor.chains)}
max_concurrent_exports = {at_once}
poll_interval = {poll_interval}
start_margin = 0
stagger = 0
"""
    )
    (folder / ".dlt" / "secrets.toml").write_text(
        "\n".join(
            f"[sources.spaaza.chain_{chain}.credentials]\n"
            + "\n".join(f'{name} = "{value}"' for name, value in credentials_of(chain).items())
            for chain in vendor.chains
        )
    )


def ideal_seconds(tasks: Iterable[Mapping[str, Any]], at_once: int) -> float:
    """What the tasks take that run one after the other as soon as one of so many places is free."""
    free = [0.0] * at_once
    for task in tasks:
        state = task["state"]
        begun, done = _instant(state["last_run_date"]), _instant(state["last_modified"])
        # Both are cut to whole seconds, and a run takes whole ones.
        heapq.heapreplace(free, free[0] + (done - begun).total_seconds())
    return max(free)


def _instant(text: str) -> datetime:
    return parse_instant(text, "state")


def load(
    chosen: argparse.Namespace, chains: int, poll_interval: float, **settings: Any
) -> tuple[Figures, list[Mapping[str, Any]]]:
    """What the command takes, and the vendor's records after it; every row has come once."""
    with (
        serving(chains, rows=chosen.rows, **settings) as vendor,
        tempfile.TemporaryDirectory(prefix="benchmark-") as name,
    ):
        folder = Path(name)
        write_settings(folder, vendor, chosen.at_once, poll_interval)
        environment = {"HOME": name, "XDG_DATA_HOME": name}
        taken = measure([chosen.python, "-c", LOAD, "load"], environment, folder)
        tasks = vendor.tasks()
        _check_rows(folder / "spaaza.duckdb", vendor, chosen.rows)
    assert len(tasks) == len(TABLES) * chains, f"{len(tasks)} exports were asked for"
    return taken, tasks


def _check_rows(database: Path, vendor: Vendor, rows: int) -> None:
    with duckdb.connect(str(database), read_only=True) as warehouse:
        for chain in vendor.chains:
            for table in TABLES:
                name = f"spaaza_data_{chain}.{table}"
                found = warehouse.execute(f"SELECT count(*) FROM {name}").fetchone()
                assert found == (rows,), f"{name} has {found} rows"


def compare(chosen: argparse.Namespace, chains: int) -> None:
    """Load so many chains, and print what it takes."""
    alone, _ = load(chosen, chains, poll_interval=0.02)
    settings = {"run_seconds": chosen.seconds, "side_by_side": chosen.at_once}
    whole, tasks = load(chosen, chains, poll_interval=chosen.seconds / POLLS, **settings)
    ideal = ideal_seconds(tasks, chosen.at_once)
    say(
        f"{chains:6}{ideal:9.1f}{alone.wall:9.1f}{whole.wall:9.1f}"
        f"{whole.wall / (ideal + alone.wall):8.2f}{whole.wall / max(ideal, alone.wall):9.2f}"
        f"{whole.cpu:8.1f}{whole.peak:10.0f}{alone.peak:10.0f}"
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chains", type=int, nargs="+", default=[4, 40])
    parser.add_argument("--rows", type=int, default=10_000, help="of each of the six indexes")
    parser.add_argument("--seconds", type=int, default=2, help="that an export runs")
    parser.add_argument("--at-once", type=int, default=6, help="exports that the vendor runs")
    parser.add_argument("--python", default=sys.executable, help="of an environment with a build")
    chosen = parser.parse_args()
    say(
        f"{chosen.rows:,} rows of each of six indexes; an export runs for {chosen.seconds} s,"
        f" {chosen.at_once} at once"
    )
    say(
        f"{'chains':>6}{'vendor':>9}{'load':>9}{'wall':>9}{'ratio':>8}{'of max':>9}{'CPU s':>8}"
        f"{'peak MiB':>10}{'ready':>10}"
    )
    for chains in chosen.chains:
        compare(chosen, chains)


if __name__ == "__main__":
    main()
