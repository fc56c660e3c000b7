"""What a process and those that it starts take."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: Runs a command, its output to where errors go, and tells what it takes.
MEASURE = """
import os, sys, time
began = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ,
                       file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)])
_, status, used = os.wait4(child, 0)
print(time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
sys.exit(bool(status))
"""


@dataclass(frozen=True)
class Figures:
    """What a process took: seconds, seconds of its processors, MiB at its peak."""

    wall: float
    cpu: float
    peak: float


def measure(command: list[str], environment: Mapping[str, str], folder: Path) -> Figures:
    """What a process and those that it starts take."""
    with (folder / "output").open("w+") as output:
        # Of the peak, a process has inherited that of the one that has started it: a small one.
        told = subprocess.run(
            [sys.executable, "-S", "-c", MEASURE, *command],
            # As of an installed package, the compiled modules are kept.
            env=os.environ | environment | {"PYTHONDONTWRITEBYTECODE": ""},
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            check=False,
        )
        if told.returncode:
            output.seek(0)
            sys.exit(f"a process has failed:\n{output.read()}")
    return Figures(*map(float, told.stdout.split()))
