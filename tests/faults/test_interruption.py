"""Fault 12: a signal while the vendor is waited for; the process leaves, the next carries on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone

import pytest

from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.cli.test_cli import settings_for
from tests.processes import spaaza

TABLES = ("users", "vouchers", "products")
#: Seconds that leaving may take, and tries in which a machine that others keep busy may do so.
AT_ONCE, TRIES = 1.0, 5


def interrupted(
    settings: dict[str, str], number: signal.Signals, waits: Callable[[], bool], *arguments: str
) -> tuple[str, float]:
    """What a load says that gets the signal once it waits, and the seconds it takes to leave."""
    with subprocess.Popen(
        [sys.executable, "-m", "spaaza_source.cli", "load", *arguments],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not waits():
            assert process.poll() is None
            time.sleep(0.01)
        # A vendor has a job a moment before the run knows of it.
        time.sleep(0.2)
        process.send_signal(number)
        sent = time.monotonic()
        _, said = process.communicate(timeout=10)
        took = time.monotonic() - sent
        assert process.returncode == 128 + number
    return said, took


class Calendar:
    """A clock that a test can set forward."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(timezone.utc) + self.ahead


def jobs_of(sandbox: Sandbox) -> dict[str, str]:
    """The state of every job of either vendor."""
    jobs = {str(task["id"]): str(task["state"]["code"]) for task in sandbox.tasks}
    return jobs | {each["id"]: each["status"] for each in sandbox.voucherify_exports}


def settings_at(sandbox: Sandbox, vendor: str) -> dict[str, str]:
    """What leads the command to it, by environment variable."""
    if vendor == "spaaza":
        return settings_for(sandbox)
    keys = {
        f"CREDENTIALS__{key.upper()}": each for key, each in sandbox.voucherify_credentials.items()
    }
    given = {"BASE_URL": sandbox.base_url, "POLL_INTERVAL": "0.02", **keys}
    return {f"SOURCES__VOUCHERIFY__{name}": value for name, value in given.items()}


@pytest.mark.parametrize(
    ("vendor", "running", "tables", "numbers"),
    [
        ("spaaza", "INPROGRESS", TABLES, (signal.SIGINT, signal.SIGTERM)),
        ("voucherify", "IN_PROGRESS", ("orders", "publications"), (signal.SIGTERM,)),
    ],
    ids=["spaaza", "voucherify"],
)
def test_interrupted_runs_name_their_jobs_and_leave_them_to_the_next(
    vendor: str, running: str, tables: Sequence[str], numbers: Sequence[signal.Signals]
) -> None:
    clock = Calendar()
    with Sandbox(SandboxSettings(rows=20, run_seconds=600, clock=clock)) as sandbox:
        settings = settings_at(sandbox, vendor)
        asked = ("--vendor", vendor, *tables)

        def all_run() -> bool:
            looked = sum(call.method == "GET" for call in sandbox.calls[calls:])
            running_all = list(jobs_of(sandbox).values()) == [running] * len(tables)
            return running_all and looked > 2 * len(tables)

        for number in numbers:
            fastest = 2 * AT_ONCE
            for _ in range(TRIES):
                calls = len(sandbox.calls)
                said, took = interrupted(settings, number, all_run, *asked)
                for job in jobs_of(sandbox):
                    assert f"job {job} is still {running}; the next run adopts it" in said
                fastest = min(fastest, took)
                if fastest < AT_ONCE:
                    break
            assert fastest < AT_ONCE
        clock.ahead += timedelta(seconds=600)
        ran = spaaza("load", *asked, **settings)
        assert ran.returncode == 0, ran.stderr
        assert len(jobs_of(sandbox)) == len(tables)
