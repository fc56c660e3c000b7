"""What is kept of loads in a pipeline's folder on this machine: packages, notes, the last trace."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dlt.common.storages import LoadStorage, NormalizeStorage

from spaaza_source.audit import hide_asked_for
from spaaza_source.errors import SettingsError
from spaaza_source.exports import private_folder
from spaaza_source.loading import DOWNLOADS

#: dlt's trace of the last run: steps, files and errors.
TRACE = "trace.pickle"


def require_no_pending(pipeline: Any) -> None:
    """Check that no load of the pipeline is to be finished: it could bring rows that are erased.

    Raises:
        SettingsError: One is.
    """
    if pipeline.has_pending_data:
        raise SettingsError(
            "a load is not finished, and may have rows of these people",
            where=f"pipeline {pipeline.pipeline_name!r}",
            hint="Finish it (spaaza load), or give it up: spaaza load --abandon.",
        )


def remove_packages(pipeline: Any, is_named: Callable[[str], bool]) -> int:
    """Remove packages, downloads and the trace; returns how many packages there were.

    Args:
        pipeline: One without a load that is to be finished.
        is_named: Whether a filter, as JSON, names one of the people: it goes from the notes of
            exports that were asked for.
    """
    folder = Path(pipeline.working_dir)
    packages = list(_packages(folder))
    for package in packages:
        shutil.rmtree(package)
    hide_asked_for(pipeline, is_named)
    shutil.rmtree(folder / DOWNLOADS, ignore_errors=True)
    with private_folder():
        # Whoever makes one removes those that killed processes have left, a backfill's workers too.
        pass
    (folder / TRACE).unlink(missing_ok=True)
    return len(packages)


def _packages(folder: Path) -> Iterator[Path]:
    """Those of loads that have ended, and those that a killed run was making."""
    yield from (folder / "load" / LoadStorage.LOADED_FOLDER).glob("*")
    yield from (folder / "load" / LoadStorage.NEW_PACKAGES_FOLDER).glob("*")
    # Each run extracts into a folder of its own.
    for extracted in (folder / "normalize").glob("*"):
        if extracted.is_dir() and extracted.name != NormalizeStorage.EXTRACTED_FOLDER:
            yield extracted
