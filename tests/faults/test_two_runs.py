"""Two runs of one pipeline at once end in the same tables as one, and a killed one is no hindrance.

FAULTS 11, and what 13 says of the files that a killed run leaves.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.faults.cut_short import load
from tests.processes import started
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

pytestmark = [pytest.mark.slow, pytest.mark.wing("dlt_hooks")]

ROWS = 200


def begun(folder: Path, **settings: object) -> subprocess.Popen[str]:
    return started(
        [sys.executable, "-m", "tests.faults.cut_short", str(folder), json.dumps(settings)]
    )


@pytest.mark.thorough
def test_two_runs_at_once_load_one_after_the_other(tmp_path: Path) -> None:
    # Here dlt wipes a folder that another script is just making: before any source has a word.
    pipeline_into(tmp_path)
    with Sandbox(SandboxSettings(rows=ROWS, run_seconds=0.5)) as sandbox:
        given: dict[str, Any] = {"base_url": sandbox.base_url, "table": "users"}
        given["credentials"] = sandbox.credentials
        runs = [begun(tmp_path, **given) for _ in range(2)]
        told = [run.communicate(timeout=60)[1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], told
    assert sum("another run" in each.lower() for each in told) == 1
    assert query(tmp_path, "SELECT count(*) FROM users") == [(ROWS,)]
    assert query(tmp_path, "SELECT count(*) FROM export_jobs WHERE loaded = rows") == [(2,)]


@pytest.mark.thorough
def test_a_killed_run_lets_the_next_begin_and_leaves_no_files(tmp_path: Path) -> None:
    downloads = tmp_path / "pipelines" / "spaaza" / "exports"
    with FileVendor(users=b"user_id\n1\n") as vendor:
        given: dict[str, Any] = {"base_url": vendor.base_url, "table": "users"}
        killed = begun(tmp_path, **given, killed_after="users")
        killed.communicate(timeout=60)
        assert killed.returncode == -signal.SIGKILL
        downloads.mkdir(exist_ok=True)
        (downloads / "users-left").write_bytes(b"user_id\n1\n")
        load(tmp_path, **given)
    assert not downloads.exists()
    assert query(tmp_path, "SELECT count(*) FROM users") == [(1,)]


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.thorough)]
)
def test_a_run_that_waits_for_its_turn_can_be_ended(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "pipelines").mkdir()
    with FileVendor(users=b"user_id\n1\n") as vendor, FileLock(tmp_path / "pipelines/spaaza.lock"):
        waiting = begun(tmp_path, base_url=vendor.base_url, table="users")
        assert waiting.stderr is not None
        while "nother run" not in waiting.stderr.readline():
            assert waiting.poll() is None
        waiting.send_signal(number)
        # The other run goes on, and this one does not wait for its end.
        waiting.communicate(timeout=60)
        assert waiting.returncode != 0
    assert vendor.tasks == []
