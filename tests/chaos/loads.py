"""Loads over a line that breaks: complete and exact at once, or stopped and completed by a rerun.

The line is `proxy`'s; here is what is loaded, and how it is judged.
"""

from __future__ import annotations

import gc
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from dlt.pipeline.exceptions import PipelineStepFailed

from spaaza_source import spaaza_source
from spaaza_source.errors import SpaazaSourceError
from spaaza_source.exports import run
from spaaza_source.sandbox import Sandbox, SandboxSettings
from spaaza_source.transport import clock, http_client, links
from tests.chaos.proxy import ChaoticProxy
from tests.warehouses import pipeline_into, query

TABLES = ("transactions", "wallet_ledger", "users")
#: More than fifty exports, side by side.
SPAN: dict[str, Any] = {"start_date": "2025-11-01", "end_date": "2026-05-01", "window": "week"}
SETTINGS = SandboxSettings(rows=2_000, run_seconds=0.1, queue_seconds=0.05, side_by_side=50)
#: Seconds to connect, and without a byte: a stall outlasts them.
PATIENCE = (5.0, 0.7)
STALL = 1.5
#: How much faster than the machine's the clock runs by which the product waits between tries.
HURRY = 10.0
#: Of the connections of a run, so many meet with something.
SHARES = (0.2, 0.4, 0.6, 0.8)
#: Seconds of one load at most, by the machine's clock.
DEADLINE = 120.0


class HurriedClock(clock.SystemClock):
    """Pauses are shorter than they should be; deadlines come sooner by as much."""

    def monotonic(self) -> float:
        return time.monotonic() * HURRY

    def pause(self, seconds: float, wake: Any) -> bool:
        return super().pause(seconds / HURRY, wake)


@dataclass
class Run:
    """How one load went.

    Attributes:
        seed: Of the line.
        stops: What the loads stopped with, until one was complete.
        wrong: What is not as it should be; empty if all is.
        struck: What happened on the line.
        seconds: All in all.
        held: Open files and megabytes of memory afterwards.
    """

    seed: int
    stops: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    held: tuple[int, int] = (0, 0)


@contextmanager
def hurried() -> Iterator[None]:
    """The product waits less, and gives a silent connection up sooner."""
    with ExitStack() as patches:
        for module in (http_client, links):
            patches.enter_context(patch.object(module, "TIMEOUT", PATIENCE))
        for module in (http_client, run):
            patches.enter_context(patch.object(module, "SystemClock", HurriedClock))
        yield


def undisturbed(folder: Path) -> dict[str, list[Any]]:
    """The rows that every load must end with."""
    with Sandbox(SETTINGS) as sandbox:
        _load(sandbox.base_url, sandbox, folder)
    return rows_of(folder)


def chaotic(seed: int, folder: Path, expected: dict[str, list[Any]]) -> Run:
    """One load over a line that breaks, and its rerun where it stopped."""
    run = Run(seed)
    began = time.monotonic()
    share = SHARES[seed % len(SHARES)]
    with (
        Sandbox(SETTINGS) as sandbox,
        ChaoticProxy(sandbox.base_url, seed, share=share, stall=STALL) as line,
    ):
        stop = _outcome(run, line.base_url, sandbox, folder)
        if stop:
            run.stops.append(stop)
            line.calm()
            again = _outcome(run, line.base_url, sandbox, folder)
            if again:
                run.wrong.append(f"a rerun over a sound line stopped: {again}")
        run.struck = line.struck
        asked = Counter(task["desc"] for task in sandbox.tasks)
    run.wrong += [f"{desc}: asked for {times} times" for desc, times in asked.items() if times > 1]
    if not run.wrong:
        run.wrong += differences(rows_of(folder), expected)
    left = [str(path) for path in (folder / "pipelines").glob("*/exports/*")]
    run.wrong += [f"left behind: {left}"] if left else []
    run.seconds = time.monotonic() - began
    run.held = held()
    return run


def _outcome(run: Run, address: str, sandbox: Sandbox, folder: Path) -> str:
    """What the load stopped with; empty where it did not."""
    began = time.monotonic()
    try:
        with hurried():
            _load(address, sandbox, folder)
    except PipelineStepFailed as failure:
        cause: BaseException | None = failure
        while cause is not None and not isinstance(cause, SpaazaSourceError):
            cause = cause.__cause__ or cause.__context__
        if cause is None:
            run.wrong.append(f"no error of ours: {failure!r}")
        return f"{type(cause).__name__}: {cause}"
    finally:
        seconds = time.monotonic() - began
        if seconds > DEADLINE:
            run.wrong.append(f"a load took {seconds:.0f} s")
    return ""


def _load(address: str, sandbox: Sandbox, folder: Path) -> None:
    quick: dict[str, Any] = {"poll_interval": 0.5, "start_margin": 0, "stagger": 0}
    source = spaaza_source(
        address,
        sandbox.chain_id,
        sandbox.credentials,
        max_concurrent_exports=50,
        export_timeout=600,
        **quick,
        **SPAN,
    )
    pipeline_into(folder).run(source.with_resources(*TABLES))


def rows_of(folder: Path) -> dict[str, list[Any]]:
    """The rows of each table, in an order of their own."""
    return {table: query(folder, f"SELECT * FROM {table} ORDER BY ALL") for table in TABLES}


def differences(found: dict[str, list[Any]], expected: dict[str, list[Any]]) -> list[str]:
    """The tables that are not as they should be."""
    return [
        f"{table}: {len(found[table])} rows, not {len(rows)}, or others"
        for table, rows in expected.items()
        if found[table] != rows
    ]


def held() -> tuple[int, int]:
    """Open files, and megabytes of memory, of this process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    files = sum(1 for _ in Path("/proc/self/fd").iterdir())
    return files, pages * os.sysconf("SC_PAGE_SIZE") // 2**20
