"""Fault 12: a signal while the vendor is waited for; the process leaves, the next carries on."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.command import COMMAND, settings_for, spaaza
from tests.processes import started

pytestmark = [pytest.mark.slow, pytest.mark.wing("cli")]

TABLES = ("users", "vouchers", "products")
#: Seconds between two looks at a job: whoever leaves does not wait for the second.
LONG = "600"


def interrupted(settings: dict[str, str], number: signal.Signals, state: str, *tables: str) -> str:
    """The errors of a load that gets a signal between its first looks at its jobs and the next."""
    vendor = "spaaza" if tables == TABLES else "voucherify"
    command = [*COMMAND, "load", "--vendor", vendor, *tables]
    with started(command, settings) as load:
        assert load.stdout is not None
        waiting = set(tables)
        for line in load.stdout:
            waiting -= {table for table in tables if line.startswith(f"{table}: {state} ")}
            if not waiting:
                break
        assert load.poll() is None
        load.send_signal(number)
        _, said = load.communicate(timeout=60)
    assert load.returncode == 128 + number
    return said


class Calendar:
    """A clock that a test can set forward."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def jobs_of(sandbox: Sandbox) -> list[str]:
    """Every job of either vendor."""
    tasks = [str(task["id"]) for task in sandbox.tasks]
    return tasks + [export["id"] for export in sandbox.voucherify_exports]


def settings_at(sandbox: Sandbox, vendor: str, poll_interval: str) -> dict[str, str]:
    """What leads the command to it, by environment variable."""
    if vendor == "spaaza":
        return {**settings_for(sandbox), "SOURCES__SPAAZA__POLL_INTERVAL": poll_interval}
    keys = {
        f"CREDENTIALS__{key.upper()}": each for key, each in sandbox.voucherify_credentials.items()
    }
    given = {"BASE_URL": sandbox.base_url, "POLL_INTERVAL": poll_interval, **keys}
    return {f"SOURCES__VOUCHERIFY__{name}": value for name, value in given.items()}


@pytest.mark.parametrize(
    ("vendor", "state", "tables", "numbers"),
    [
        ("spaaza", "INPROGRESS", TABLES, (signal.SIGINT, signal.SIGTERM)),
        pytest.param(
            "voucherify",
            "SCHEDULED",
            ("orders", "publications"),
            (signal.SIGTERM,),
            marks=pytest.mark.thorough,
        ),
    ],
    ids=["spaaza", "voucherify"],
)
def test_interrupted_runs_name_their_jobs_and_leave_them_to_the_next(
    vendor: str, state: str, tables: Sequence[str], numbers: Sequence[signal.Signals]
) -> None:
    clock = Calendar()
    with Sandbox(SandboxSettings(rows=20, run_seconds=600, clock=clock)) as sandbox:
        for number in numbers:
            said = interrupted(settings_at(sandbox, vendor, LONG), number, state, *tables)
            for job in jobs_of(sandbox):
                assert f"job {job} is still {state}; the next run adopts it" in said
            assert "spaaza: interrupted" in said
            assert "Traceback" not in said
        clock.ahead += timedelta(seconds=600)
        settings = settings_at(sandbox, vendor, "0.02")
        ran = spaaza("load", "--vendor", vendor, *tables, **settings)
        assert ran.returncode == 0, ran.stderr
        assert len(jobs_of(sandbox)) == len(tables)
