"""A folder for temporary files that only this user can read, removed at the end.

Exports hold personal data: whoever makes such a folder next on this machine removes those that a
killed process has left.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

PREFIX = "spaaza_private_"


@contextmanager
def private_folder() -> Iterator[Path]:
    """A folder in the system's folder for temporary files, there inside the `with` block.

    The system frees the lock beside it when its process is gone.
    """
    parent = Path(tempfile.gettempdir())
    _remove_abandoned(parent)
    folder = parent / f"{PREFIX}{uuid4().hex}"
    lock = FileLock(f"{folder}.lock", thread_local=False)
    with lock:
        try:
            folder.mkdir(mode=0o700)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            Path(lock.lock_file).unlink(missing_ok=True)


def process_folder() -> Path:
    """The private folder of this process, there until it exits."""
    return _folder_of(os.getpid())


@cache
def _folder_of(_process: int) -> Path:
    held = ExitStack()
    # Also where Ctrl-C or SIGTERM ends the process, which the command turns into exceptions.
    atexit.register(held.close)
    return held.enter_context(private_folder())


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
