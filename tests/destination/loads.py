"""One load to a destination: in this process, or in one of its own, which may be killed.

It dies by SIGKILL where dlt would note that a file of a table is committed, or that the whole
package is: the destination has it, and dlt does not know.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import dlt
from dlt.common.storages import PackageStorage
from dlt.extract import DltSource

from spaaza_source import spaaza_source
from tests.destination.destinations import DATASET
from tests.faults.cut_short import QUICK, kill_after_commit_of
from tests.processes import FORKS, exit_codes, settle

#: Instead of a table: dies when the destination has all of the package, and its note of it.
WHOLE_PACKAGE = "the whole package"


@dataclass(frozen=True)
class Load:
    """What to load, and where to.

    Attributes:
        folder: The pipeline's working folder is below it.
        base_url: The vendor's.
        tables: What to load.
        destination: dlt's name of it.
        settings: More arguments of the source.
        hints: By table, what `apply_hints` is given.
        environment: dlt's configuration.
    """

    folder: Path
    base_url: str
    tables: tuple[str, ...]
    destination: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    hints: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def pipeline(self) -> dlt.Pipeline:
        return dlt.pipeline(
            "spaaza",
            pipelines_dir=str(self.folder / "pipelines"),
            destination=self.destination,
            dataset_name=DATASET,
        )

    def source(self) -> DltSource:
        token = {"access_token_id": "a", "access_token_secret": "b"}
        given = {"max_age": 0, "max_concurrent_exports": 20, **QUICK, **self.settings}
        source = spaaza_source(self.base_url, 1743, token, **given).with_resources(*self.tables)
        for table in self.tables:
            if self.destination == "filesystem":
                source.resources[table].apply_hints(table_format="delta")
            source.resources[table].apply_hints(**self.hints.get(table, {}))
        return source

    def run(self, barrier: Barrier | None = None, refresh: Any = None) -> dlt.Pipeline:
        """In this process; with a barrier, loading begins when all have come to it."""
        source, pipeline = self.source(), self.pipeline()
        if barrier is None:
            pipeline.run(source, refresh=refresh)
            return pipeline
        pipeline.extract(source)
        pipeline.normalize()
        barrier.wait()
        pipeline.load()
        return pipeline

    def killed(self, after: str) -> int:
        """In a process of its own, which is killed; its exit code."""
        (code,) = exit_codes(partial(_die, self, after))
        return code


def at_once(*loads: Load) -> list[int]:
    """Load in processes of their own, all at the same time; their exit codes."""
    barrier = FORKS.Barrier(len(loads))
    return exit_codes(*(partial(_run, load, barrier) for load in loads))


def _run(load: Load, barrier: Barrier) -> None:
    settle(load.folder, load.environment)
    load.run(barrier)


def _die(load: Load, after: str) -> None:
    settle(load.folder, load.environment)
    if after == WHOLE_PACKAGE:
        PackageStorage.complete_loading_package = _killed  # type: ignore[assignment, method-assign]
    else:
        # What has come to an object store is put into its Delta table by a job of its own.
        kill_after_commit_of(after, by="reference" if load.destination == "filesystem" else None)
    load.run()


def _killed(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
