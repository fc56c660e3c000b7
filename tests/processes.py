"""Processes of their own, begun in a moment: forked from one that has imported what takes seconds.

That one is asked for by a test, and has no threads and no open files of the tests.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

FORKS = multiprocessing.get_context("forkserver")

FORKS.set_forkserver_preload(
    [
        "spaaza_source.cli.commands",
        "spaaza_source.cli.sandbox_commands",
        "pandas",
        "psycopg2",
        "duckdb",
        "dlt.destinations.impl.duckdb.duck",
        "tests.quick_dlt",
    ]
)


def ran(
    target: Callable[..., Any], *given: Any, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Call a function in a process of its own, in this folder and with this environment.

    Args:
        target: The function, of a module.
        given: Its arguments.
        timeout: Seconds after which it hangs.

    Raises:
        subprocess.TimeoutExpired: It was killed after that time.
    """
    with tempfile.TemporaryDirectory() as folder:
        told = [Path(folder, name) for name in ("out", "err")]
        for file in told:
            file.touch()
        process = FORKS.Process(
            target=_alone, args=(target, given, Path.cwd(), dict(os.environ), told)
        )
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(
                str(target), timeout, *(file.read_bytes() for file in told)
            )
        texts = [file.read_text(encoding="utf-8") for file in told]
        return subprocess.CompletedProcess(str(target), process.exitcode, *texts)


def exit_codes(*targets: Callable[[], Any]) -> list[int]:
    """Call functions in processes of their own, all at the same time; how each ended."""
    processes = [FORKS.Process(target=target) for target in targets]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [int(process.exitcode or 0) for process in processes]


def settle(folder: Path, environment: Mapping[str, str]) -> None:
    """In a process of `exit_codes`: work in a folder, and keep there in `log` what is said."""
    folder.mkdir(exist_ok=True, parents=True)
    os.chdir(folder)
    os.environ.update(environment)
    log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(log, stream.fileno())


def started(
    command: Sequence[str], settings: Mapping[str, str] | None = None, stderr: int = subprocess.PIPE
) -> subprocess.Popen[str]:
    """A program that runs beside the test; what it says is read from its pipes.

    Args:
        command: It and its arguments.
        settings: More of its environment.
        stderr: Where its errors go, as `subprocess` has it.
    """
    return subprocess.Popen(
        command,
        env={**os.environ, **(settings or {})},
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )


def _alone(
    target: Callable[..., Any],
    given: tuple[Any, ...],
    folder: Path,
    settings: Mapping[str, str],
    told: list[Path],
) -> None:
    os.environ.clear()
    os.environ.update(settings)
    os.chdir(folder)
    for stream, file in zip((sys.stdout, sys.stderr), told, strict=True):
        os.dup2(os.open(file, os.O_WRONLY | os.O_APPEND), stream.fileno())
    try:
        target(*given)
    finally:
        # Which multiprocessing leaves out.
        atexit._run_exitfuncs()
