"""A private folder: it is gone afterwards, as is what killed processes have left."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from spaaza_source.exports import private_folder

pytestmark = pytest.mark.slow

WORKER = """
import sys
from spaaza_source.exports import private_folder
with private_folder() as folder:
    (folder / "export.csv").write_text("personal")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def worker() -> tuple[subprocess.Popen[str], Path]:
    """A process that has a folder, and the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_a_private_folder_is_one_users_and_gone_afterwards(place: Path) -> None:
    with private_folder() as folder:
        assert folder.parent == place
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "export.csv").write_text("personal", encoding="utf-8")
    assert list(place.iterdir()) == []


@pytest.mark.thorough
def test_a_killed_processes_folder_is_removed_and_a_living_ones_is_not(place: Path) -> None:
    killed, abandoned = worker()
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    living, used = worker()
    try:
        assert not abandoned.exists()
        with private_folder():
            assert (used / "export.csv").exists()
    finally:
        living.communicate("")
    assert list(place.iterdir()) == []
