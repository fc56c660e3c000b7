"""A working folder that nobody else has, and that is gone afterwards, however its process went.

Exports hold personal data: what a killed process has left is removed by the next one here.
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
    """The folder, in the system's place for temporary files.

    The system frees the lock beside it when its process is gone.
    """
    place = Path(tempfile.gettempdir())
    _remove_abandoned(place)
    folder = place / f"{PREFIX}{uuid4().hex}"
    lock = _lock(folder)
    with lock:
        try:
            folder.mkdir(mode=0o700)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            Path(lock.lock_file).unlink(missing_ok=True)


def _remove_abandoned(place: Path) -> None:
    for folder in place.glob(f"{PREFIX}*"):
        if folder.suffix:
            continue
        try:
            with _lock(folder).acquire(timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
        except (Timeout, OSError):
            # In use, or another user's.
            continue
        Path(f"{folder}.lock").unlink(missing_ok=True)


def _lock(folder: Path) -> FileLock:
    return FileLock(f"{folder}.lock")
