"""A private working folder, removed on exit.

Exports hold personal data: the next worker on this machine removes a folder that a killed process
has left.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

PREFIX = "spaaza_worker_"


@contextmanager
def worker_folder() -> Iterator[Path]:
    """A folder in the system's folder for temporary files.

    The system frees the lock beside it when its process is gone.
    """
    parent = Path(tempfile.gettempdir())
    _remove_abandoned(parent)
    folder = parent / f"{PREFIX}{uuid4().hex}"
    lock = FileLock(f"{folder}.lock")
    with lock:
        try:
            folder.mkdir(mode=0o700)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            Path(lock.lock_file).unlink(missing_ok=True)


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{PREFIX}*"):
        if folder.suffix:
            continue
        try:
            with FileLock(f"{folder}.lock", timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
        except (Timeout, OSError):
            # In use, or another user's.
            continue
        Path(f"{folder}.lock").unlink(missing_ok=True)
